//go:build e2e

// Package browser checks the HTML report in a real browser: Debian's chromium, driven by
// chromedp. It needs no cluster, so it is apart from package e2e, whose TestMain wants one.
// WEIGHTSPACE_REPORT names another report.html to check; the default is the golden page.
package browser

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// deadline bounds one test, browser start included.
const deadline = 90 * time.Second

// observed is what the browser complained about and asked for.
type observed struct {
	sync.Mutex
	problems []string
	requests []string
}

// open starts a browser, watches it and loads the report.
func open(t *testing.T) (context.Context, *observed) {
	t.Helper()
	file := os.Getenv("WEIGHTSPACE_REPORT")
	if file == "" {
		file = "../../../runtime/report/testdata/report.html"
	}
	return openFile(t, file)
}

// openFile is open, of any page.
func openFile(t *testing.T, file string) (context.Context, *observed) {
	t.Helper()
	var browser string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		t.Fatal("no browser: install it with `apt-get install chromium`")
	}
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	seen := &observed{}
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithListener(seen.note),
		chromedp.WithAllocatorOptions(chromedp.ExecPath(browser), chromedp.NoSandbox))
	t.Cleanup(cancel)
	page := url.URL{Scheme: "file", Path: path}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1200, 1600)); err != nil {
		t.Fatalf("starting %s: %v", browser, err)
	}
	call(ctx, t, network.Enable, network.EnableParams{})
	call(ctx, t, cdplog.Enable, cdp.Empty{})
	if err := chromedp.Do(ctx, chromedp.Navigate(page.String()), chromedp.WaitReady("footer")); err != nil {
		t.Fatalf("loading %s: %v", page.String(), err)
	}
	return ctx, seen
}

// call runs a protocol command.
func call[P, R any](ctx context.Context, t *testing.T, cmd cdp.Command[P, R], params P) {
	t.Helper()
	if _, err := chromedp.Call(ctx, cmd, params); err != nil {
		t.Fatalf("%s: %v", cmd.Method, err)
	}
}

// note records errors, warnings and requests.
func (o *observed) note(event any) {
	o.Lock()
	defer o.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
		o.problems = append(o.problems, text)
	case *runtime.EventConsoleAPICalled:
		o.problems = append(o.problems, "console."+string(e.Type))
	case *cdplog.EventEntryAdded:
		o.problems = append(o.problems, string(e.Entry.Level)+": "+e.Entry.Text)
	case *network.EventRequestWillBeSent:
		o.requests = append(o.requests, e.Request.URL)
	}
}

func (o *observed) check(t *testing.T) {
	t.Helper()
	o.Lock()
	defer o.Unlock()
	for _, p := range o.problems {
		t.Errorf("the browser complains: %s", p)
	}
	files := 0
	for _, r := range o.requests {
		switch {
		case strings.HasPrefix(r, "file:"):
			files++
		case strings.HasPrefix(r, "data:"):
		default:
			t.Errorf("the page requested %s", r)
		}
	}
	if files != 1 {
		t.Errorf("the page loaded %d files, want itself only: %q", files, o.requests)
	}
}

func evaluate[T any](ctx context.Context, t *testing.T, script string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return v
}

func TestReportIsQuietAndSelfContained(t *testing.T) {
	ctx, seen := open(t)
	if n := evaluate[int](ctx, t, `document.querySelectorAll("figure svg[role=img][aria-label]").length`); n < 3 {
		t.Errorf("%d labelled figures, want the distribution, the curves and the hyper-parameters", n)
	}
	seen.check(t)
}

func TestReportSorts(t *testing.T) {
	ctx, seen := open(t)
	const column = `Array.from(document.querySelectorAll("#models tbody tr")).map(r => r.cells[2].textContent)`
	click := func() []float64 {
		if err := chromedp.Do(ctx, chromedp.Click("#models thead th:nth-child(3) button")); err != nil {
			t.Fatal(err)
		}
		var out []float64
		for _, text := range evaluate[[]string](ctx, t, column) {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatalf("a test accuracy reads %q", text)
			}
			out = append(out, v)
		}
		return out
	}
	up := click()
	if len(up) < 2 || !slices.IsSorted(up) {
		t.Errorf("after one click on test accuracy: %v, want rising", up)
	}
	down := click()
	slices.Reverse(up)
	if !slices.Equal(down, up) {
		t.Errorf("after two clicks: %v, want %v", down, up)
	}
	if s := evaluate[string](ctx, t, `document.querySelector("#models thead th:nth-child(3)").getAttribute("aria-sort")`); s != "descending" {
		t.Errorf("aria-sort is %q, want descending", s)
	}
	seen.check(t)
}

func TestReportShowsValuesOnCurves(t *testing.T) {
	ctx, seen := open(t)
	const move = `(() => {
		const panel = document.querySelector("[data-curve]"), box = panel.querySelector("svg").getBoundingClientRect();
		panel.dispatchEvent(new PointerEvent("pointermove", {clientX: box.right - 2, clientY: box.top + box.height / 2}));
		return panel.querySelector(".tip").textContent;
	})()`
	last := evaluate[int](ctx, t, `JSON.parse(document.getElementById("curves").textContent)[0].epochs.at(-1)`)
	if tip, want := evaluate[string](ctx, t, move), "epoch "+strconv.Itoa(last)+"\nmedian"; !strings.HasPrefix(tip, want) {
		t.Errorf("pointer at the right end of the first curve: %q, want %q...", tip, want)
	}
	const key = `(() => {
		const panel = document.querySelector("[data-curve]");
		panel.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
		panel.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight"}));
		return panel.querySelector(".tip").textContent;
	})()`
	if tip := evaluate[string](ctx, t, key); !strings.HasPrefix(tip, "epoch 0\n") {
		t.Errorf("arrow key: %q, want epoch 0", tip)
	}
	seen.check(t)
}

func TestReportFitsAPhoneAndTheDark(t *testing.T) {
	ctx, seen := open(t)
	call(ctx, t, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 390, Height: 844, DeviceScaleFactor: 2, Mobile: true})
	call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	})
	if over := evaluate[int](ctx, t, `document.documentElement.scrollWidth - window.innerWidth`); over > 0 {
		t.Errorf("the page is %d pixels wider than a phone", over)
	}
	if bg := evaluate[string](ctx, t, `getComputedStyle(document.body).backgroundColor`); bg != "rgb(13, 17, 23)" {
		t.Errorf("the background in the dark is %s", bg)
	}
	seen.check(t)
}

// TestStudyIsExplored: the map of a study takes other colours, shows a model's path, and its matrix a pair; without a mouse.
func TestStudyIsExplored(t *testing.T) {
	ctx, seen := openFile(t, "../../../runtime/report/testdata/study.html")
	const classes = `Array.from(document.querySelectorAll("[data-map] .panel:first-child .dots circle")).map(d => d.getAttribute("class")[0]).join("")`
	before := evaluate[string](ctx, t, classes)
	if strings.Trim(before, "s") != "" || before == "" {
		t.Errorf("classes of the dots begin %q, want shades", before)
	}
	if err := chromedp.Do(ctx, chromedp.Click(`[data-map] input[value="activation"]`)); err != nil {
		t.Fatal(err)
	}
	if after := evaluate[string](ctx, t, classes); strings.Trim(after, "c") != "" || len(after) != len(before) {
		t.Errorf("classes of the dots begin %q, want hues", after)
	}
	if legend := evaluate[string](ctx, t, `document.querySelector(".legend:not([hidden])").textContent`); !strings.Contains(legend, "relu") || !strings.Contains(legend, "tanh") {
		t.Errorf("legend %q", legend)
	}
	const press = `(selector, key) => {
		const panel = document.querySelector(selector);
		panel.dispatchEvent(new KeyboardEvent("keydown", {key}));
		return panel.querySelector(".tip").textContent;
	}`
	for _, c := range []struct{ selector, key, want string }{
		{"[data-map] .panel", "ArrowRight", "epoch  0\ntest accuracy"},
		{"[data-map] .panel", "ArrowRight", "epoch  1\ntest accuracy"},
		{"[data-map] .panel", "ArrowUp", "activation  relu"},
		{"[data-matrix]", "ArrowRight", "1.  "},
		{"[data-matrix]", "ArrowRight", "agreement  0.8"},
		{"[data-spots]", "ArrowRight", "epoch"},
	} {
		tip := evaluate[string](ctx, t, "("+press+")("+strconv.Quote(c.selector)+","+strconv.Quote(c.key)+")")
		if !strings.Contains(tip, c.want) {
			t.Errorf("%s at %s: %q, want %q", c.key, c.selector, tip, c.want)
		}
	}
	if n := evaluate[int](ctx, t, `document.querySelector("[data-map] .path").getAttribute("points").split(" ").length`); n != 5 {
		t.Errorf("the path has %d points, want one for each epoch", n)
	}
	call(ctx, t, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 390, Height: 844, DeviceScaleFactor: 2, Mobile: true})
	if over := evaluate[int](ctx, t, `document.documentElement.scrollWidth - window.innerWidth`); over > 0 {
		t.Errorf("the page is %d pixels wider than a phone", over)
	}
	seen.check(t)
}
