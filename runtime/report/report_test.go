package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	outDir = flag.String("out", "", "folder to write the demonstration report to, for looking at")
	update = flag.Bool("update", false, "write the golden files")
)

// smallShape is a zoo whose figures fit into golden files.
var smallShape = zooShape{
	seeds: 2, epochs: 3, activations: []string{"tanh", "relu"}, initializers: []string{"kaiming-uniform"},
	learningRates: []string{"3e-4", "1e-3", "1e-2"}, weightDecays: []string{"0"}, dropouts: []string{"0"},
}

func mustBuild(t *testing.T, in Input) Files {
	t.Helper()
	files, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, files)
	return files
}

// wellFormed checks what every report must be, whatever its input.
func wellFormed(t *testing.T, files Files) {
	t.Helper()
	page := PageName
	if _, ok := files[ZoosPage]; ok {
		page = ZoosPage
	}
	html := string(files[page])
	if !strings.HasPrefix(html, "<!doctype html>") || !strings.HasSuffix(html, "</html>\n") {
		t.Errorf("%s is not a whole page", page)
	}
	if strings.Contains(html, "ZgotmplZ") {
		t.Errorf("%s: the template refused a value", page)
	}
	if m := regexp.MustCompile(`NaN|Inf\b|%!`).FindString(visible(html)); m != "" {
		t.Errorf("%s shows %q", page, m)
	}
	if m := regexp.MustCompile(`(?i)\b(src|href)\s*=\s*"[^"]*"|@import|url\(`).FindAllString(html, -1); len(m) < 1 || m[0] != `href="data:,"` || slices.ContainsFunc(m[1:], func(s string) bool { return !strings.HasPrefix(s, `href="data:image/png;base64,`) }) {
		t.Errorf("%s refers to something outside: %q", page, m)
	}
	for _, svg := range regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(html, -1) {
		parseXML(t, "inline figure", []byte(svg))
		if m := regexp.MustCompile(`style="[^"]*#[0-9A-F]{6}`).FindString(svg); m != "" {
			t.Errorf("a figure in the page has a fixed colour: %s", m)
		}
	}
	for name, b := range files {
		switch filepath.Ext(name) {
		case ".svg":
			parseXML(t, name, b)
		case ".png":
			if _, err := png.Decode(bytes.NewReader(b)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// visible is the page without its script and style.
func visible(html string) string {
	return regexp.MustCompile(`(?s)<(script|style)>.*?</(script|style)>`).ReplaceAllString(html, "")
}

func parseXML(t *testing.T, name string, b []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%s is not XML: %v", name, err)
		}
	}
}

func TestGolden(t *testing.T) {
	files := mustBuild(t, syntheticZoo(smallShape, 7))
	for _, name := range []string{PageName, "accuracy-by-epoch.svg", "accuracy-distribution.svg", "learning-curves.svg", "hyperparameters.svg"} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, files[name], 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(files[name], want) {
			t.Errorf("%s differs from %s at byte %d; look at it, then run the test with -update", name, path, firstDiff(files[name], want))
		}
	}
}

func firstDiff(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func TestBuildTwiceAndInAnyRowOrder(t *testing.T) {
	in := syntheticZoo(demoShape, 7)
	first := mustBuild(t, in)
	for i, j := 0, len(in.Rows)-1; i < j; i, j = i+1, j-1 {
		in.Rows[i], in.Rows[j] = in.Rows[j], in.Rows[i]
	}
	second := mustBuild(t, in)
	for _, name := range first.Names() {
		if !bytes.Equal(first[name], second[name]) {
			t.Errorf("%s differs between two builds of the same zoo", name)
		}
		if *outDir != "" {
			if err := os.WriteFile(filepath.Join(*outDir, name), first[name], 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	cfg, err := png.DecodeConfig(bytes.NewReader(first["learning-curves.png"]))
	if err != nil || cfg.Width < 2400 {
		t.Errorf("learning-curves.png is %d pixels wide (%v), want at least 2400 for three panels", cfg.Width, err)
	}
}

func TestEverythingFromTheTablesIsEscaped(t *testing.T) {
	const evil = `<script>alert("1")</script>`
	in := syntheticZoo(smallShape, 7)
	h := &in.Header
	h.Name, h.Namespace, h.Dataset, h.Architecture, h.ResultDigest, h.ArtifactPath = evil, evil, evil, evil, evil, evil
	h.Facts = []Fact{{evil, evil}}
	in.Hyper[0], in.Hyper[1] = evil, `"><svg onload=alert(1)>`
	for i := range in.Models {
		in.Models[i].Hyper = append([]string{}, in.Models[i].Hyper...)
		in.Models[i].Hyper[0] = "\x00\n\xff" + evil + in.Models[i].Hyper[0] + `fill:#0072B2"`
		in.Models[i].Shard = evil
	}
	old := in.Models[0].ID
	in.Models[0].ID = evil
	for i := range in.Rows {
		if in.Rows[i].ModelID == old {
			in.Rows[i].ModelID = evil
		}
	}
	files := mustBuild(t, in)
	for name, b := range files {
		if bytes.Contains(b, []byte("<script>alert")) || bytes.Contains(b, []byte("<svg onload")) {
			t.Errorf("%s holds text of the tables unescaped", name)
		}
	}
	if n := strings.Count(string(files[PageName]), "<script"); n != 3 {
		t.Errorf("the page has %d script elements, want its own 3", n)
	}
}

func TestOddZoos(t *testing.T) {
	zoo := func(shape zooShape, edit func(*Input)) Input {
		in := syntheticZoo(shape, 3)
		if edit != nil {
			edit(&in)
		}
		return in
	}
	one := zooShape{seeds: 1, epochs: 3, activations: []string{"tanh"}, initializers: []string{"normal"}, learningRates: []string{"1e-3"}, weightDecays: []string{"0"}, dropouts: []string{"0"}}
	flat := one
	flat.epochs = 0
	seeds := one
	seeds.seeds = 40
	many := one
	many.learningRates = nil
	for i := range 40 {
		many.learningRates = append(many.learningRates, fmt.Sprintf("%.1e", 1e-4*math.Pow(1.1, float64(i))))
	}
	nan := math.NaN()
	cases := []struct {
		name  string
		in    Input
		files int
		want  []string
	}{
		{"no models", Input{Header: Header{Name: "empty"}}, 1, []string{"the zoo has no models", "no metrics by epoch"}},
		{"one model", zoo(one, nil), 7, []string{"The only model with a result", "nothing to compare", "1 model of"}},
		{"one epoch", zoo(flat, nil), 5, []string{"1 model of"}},
		{"seeds only", zoo(seeds, nil), 7, []string{"its models differ by their seed", "40 different seeds"}},
		{"all diverged", zoo(smallShape, func(in *Input) {
			for i := range in.Models {
				in.Models[i].DivergedEpoch = 1
				in.Models[i].Final = Metrics{nan, nan, nan, nan, nan, nan}
			}
		}), 1, []string{"every model diverged", "12 diverged", "All 12 of them"}},
		{"a value where all diverged", zoo(smallShape, func(in *Input) {
			for i := range in.Models {
				if in.Models[i].Hyper[3] == "1e-2" {
					in.Models[i].DivergedEpoch = 2
				}
			}
		}), 9, []string{"no result (4 diverged)", "4 models that diverged are left out"}},
		{"no test metrics", zoo(smallShape, func(in *Input) {
			for i := range in.Models {
				in.Models[i].Final.TestAccuracy = nan
			}
			for i := range in.Rows {
				in.Rows[i].TestAccuracy, in.Rows[i].TestLoss = nan, nan
			}
		}), 3, []string{"no model has a recorded test accuracy", "Train loss"}},
		{"no train accuracy", zoo(smallShape, func(in *Input) {
			for i := range in.Models {
				in.Models[i].Final.TrainAccuracy = nan
			}
		}), 9, nil},
		{"equal accuracies", zoo(smallShape, func(in *Input) {
			for i := range in.Models {
				in.Models[i].Final.TestAccuracy, in.Models[i].DivergedEpoch = 1, -1
			}
		}), 9, []string{"1.000 ± 0.000"}},
		{"huge losses", zoo(smallShape, func(in *Input) {
			for i := range in.Rows {
				in.Rows[i].TestLoss = math.Pow(10, float64(40*in.Rows[i].Epoch))
				in.Rows[i].TrainLoss = math.MaxFloat64
			}
		}), 9, nil},
		{"many values", zoo(many, nil), 9, []string{"shown as 12 ranges"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			files := mustBuild(t, c.in)
			if len(files) != c.files {
				t.Errorf("%d files %v, want %d", len(files), files.Names(), c.files)
			}
			for _, w := range c.want {
				if !strings.Contains(string(files[PageName]), w) {
					t.Errorf("the page does not say %q", w)
				}
			}
		})
	}
}

func TestTenThousandModelsStaySmall(t *testing.T) {
	shape := demoShape
	shape.seeds, shape.epochs = 209, 2 // 209 x 48 cells = 10,032 models
	files := mustBuild(t, syntheticZoo(shape, 5))
	for _, name := range files.Names() {
		if len(files[name]) > 1_500_000 {
			t.Errorf("%s has %d bytes, want at most 1.5 MB", name, len(files[name]))
		}
	}
	if !strings.Contains(string(files[PageName]), "the dots are samples") {
		t.Error("the page does not say that dots are sampled")
	}
}

func TestBadTables(t *testing.T) {
	cases := map[string]struct {
		edit func(*Input)
		want string
	}{
		"two rows for a model": {func(in *Input) { in.Models[1].ID = in.Models[0].ID }, "has two rows"},
		"unknown model":        {func(in *Input) { in.Rows[3].ModelID = "nobody" }, `metrics row 3 is about model "nobody"`},
		"no ID":                {func(in *Input) { in.Models[2].ID = "" }, "models row 2"},
		"too few columns":      {func(in *Input) { in.Models[0].Hyper = nil }, "has 0 hyper-parameters"},
		"negative epoch":       {func(in *Input) { in.Rows[0].Epoch = -1 }, "epoch -1"},
		"endless text":         {func(in *Input) { in.Models[0].Hyper[0] = strings.Repeat("x", maxText+1) }, "activation of model"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			in := syntheticZoo(smallShape, 7)
			c.edit(&in)
			_, err := Build(in)
			if !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want ErrInput with %q", err, c.want)
			}
		})
	}
}
