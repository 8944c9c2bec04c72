package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weightspace/weightspace/runtime/spec"
)

const testPiece = 1000

// content is n bytes that differ everywhere.
func content(n, salt int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(uint64(salt), 1))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// host serves one file, and misbehaves as it is told.
type host struct {
	*httptest.Server
	mu   sync.Mutex
	body []byte
	tag  string
	// ranges are those asked for, in order.
	ranges []string
	// misbehave may answer a request itself; n counts requests from 1.
	misbehave func(n int, w http.ResponseWriter, r *http.Request) bool
}

func newHost(t *testing.T, body []byte) *host {
	t.Helper()
	h := &host{body: body, tag: `"v1"`}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.ranges = append(h.ranges, r.Header.Get("Range"))
		n, misbehave := len(h.ranges), h.misbehave
		h.mu.Unlock()
		if misbehave != nil && misbehave(n, w, r) {
			return
		}
		h.mu.Lock()
		b, tag := h.body, h.tag
		h.mu.Unlock()
		if tag != "" {
			w.Header().Set("ETag", tag)
		}
		http.ServeContent(w, r, "x", time.Time{}, bytes.NewReader(b))
	}))
	t.Cleanup(h.Close)
	return h
}

// behave ends the misbehaviour and forgets the requests, once those of a cancelled run have arrived.
func (h *host) behave() {
	time.Sleep(50 * time.Millisecond)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.misbehave, h.ranges = nil, nil
}

// asked are the ranges asked for, in order.
func (h *host) asked() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.ranges)
}

// drop ends the connection without an answer, or in the middle of one.
func drop(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// fetchOf fetches the host's file into a temporary one, as the file with this sum.
func fetchOf(ctx context.Context, t *testing.T, l *lab, h *host, sum string) ([]byte, *transfer, error) {
	t.Helper()
	env := l.env()
	env = env.withDefaults()
	src, err := newHTTPRemote(env.HTTPClient, h.URL+"/file", nil)
	if err != nil {
		t.Fatal(err)
	}
	d := newDownloads(&env, newMeter(&env, 1))
	quickly(d)
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tr := &transfer{downloads: d, field: "spec.files[x].url", sha256: sum, src: src, file: f, keep: &keeper{store: l.store, dir: "ns/dataset/d/fetch/" + sum}}
	got, err := tr.fetch(ctx)
	if err != nil {
		return nil, tr, err
	}
	b, rerr := os.ReadFile(f.Name())
	if rerr != nil {
		t.Fatal(rerr)
	}
	if got != sha(b) {
		t.Errorf("sha256 %s of a file with %s", got, sha(b))
	}
	return b, tr, nil
}

func quickly(d *downloads) {
	d.piece, d.keepAtLeast, d.backoff, d.stall = testPiece, 1, time.Millisecond, 200*time.Millisecond
}

// TestDownload: whatever the server does, the file is whole, or nothing is said to be it.
func TestDownload(t *testing.T) {
	body := content(10_500, 1)
	for name, tc := range map[string]struct {
		misbehave func(h *host) func(n int, w http.ResponseWriter, r *http.Request) bool
		empty     bool
		requests  int // 0: any
		fails     string
	}{
		"ranges": {requests: 11},
		"empty":  {empty: true},
		"drops every other connection": {misbehave: func(*host) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n%2 == 0 {
					drop(w)
				}
				return n%2 == 0
			}
		}},
		"drops bodies in the middle": {misbehave: func(h *host) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, r *http.Request) bool {
				var from, to int
				if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); err != nil || to-from < 100 {
					return false
				}
				to = min(to, len(h.body)-1)
				w.Header().Set("ETag", h.tag)
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(h.body)))
				w.Header().Set("Content-Length", fmt.Sprint(to-from+1))
				w.WriteHeader(http.StatusPartialContent)
				_, _ = w.Write(h.body[from : from+50+n%7])
				return true
			}
		}},
		"gives shorter ranges than asked for": {misbehave: func(h *host) func(int, http.ResponseWriter, *http.Request) bool {
			return func(_ int, w http.ResponseWriter, r *http.Request) bool {
				var from int
				if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err != nil {
					return false
				}
				r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, min(from+299, len(h.body)-1)))
				return false
			}
		}},
		"ignores ranges": {requests: 1, misbehave: func(h *host) func(int, http.ResponseWriter, *http.Request) bool {
			return func(_ int, w http.ResponseWriter, _ *http.Request) bool { _, _ = w.Write(h.body); return true }
		}},
		"ignores ranges after the first": {misbehave: func(h *host) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n > 1 {
					w.Header().Set("ETag", h.tag)
					_, _ = w.Write(h.body)
				}
				return n > 1
			}
		}},
		"is busy at first": {misbehave: func(*host) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n < 5 {
					w.WriteHeader([]int{503, 429, 500, 408}[n-1])
				}
				return n < 5
			}
		}},
		"falls silent": {misbehave: func(h *host) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n > 3 {
					return false
				}
				w.Header().Set("Content-Length", fmt.Sprint(len(h.body)))
				_, _ = w.Write(h.body[:100])
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
				return true
			}
		}},
		"changes once": {misbehave: func(h *host) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, _ http.ResponseWriter, _ *http.Request) bool {
				h.mu.Lock()
				defer h.mu.Unlock()
				if n == 4 {
					h.tag = `"v2"`
				}
				return false
			}
		}},
		"changes all the time": {fails: "changed while it was fetched", misbehave: func(h *host) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, _ http.ResponseWriter, _ *http.Request) bool {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.tag = fmt.Sprintf(`"v%d"`, n)
				return false
			}
		}},
		"gives another range": {fails: "answered a request for byte", misbehave: func(h *host) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, _ http.ResponseWriter, r *http.Request) bool {
				if n > 1 {
					r.Header.Set("Range", "bytes=7-9")
				}
				return false
			}
		}},
		"never works": {fails: "gave up after 8 attempts", misbehave: func(*host) func(int, http.ResponseWriter, *http.Request) bool {
			return func(_ int, w http.ResponseWriter, _ *http.Request) bool { drop(w); return true }
		}},
		"is gone after a while": {fails: "404", misbehave: func(*host) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n > 3 {
					w.WriteHeader(404)
				}
				return n > 3
			}
		}},
		"redirects later ranges away": {fails: "another host", misbehave: func(*host) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n > 2 {
					http.Redirect(w, r, "http://other.example.com/", http.StatusFound)
				}
				return n > 2
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			want := body
			if tc.empty {
				want = nil
			}
			h := newHost(t, want)
			if tc.misbehave != nil {
				h.misbehave = tc.misbehave(h)
			}
			got, _, err := fetchOf(t.Context(), t, newLab(t), h, sha(want))
			switch {
			case tc.fails != "":
				if err == nil || !strings.Contains(err.Error(), tc.fails) || !strings.Contains(err.Error(), "spec.files[x].url") {
					t.Errorf("error %v, want one that says %q", err, tc.fails)
				}
			case err != nil:
				t.Error(err)
			case !bytes.Equal(got, want):
				t.Errorf("got %d bytes, not the file's %d", len(got), len(want))
			}
			if asked := h.asked(); tc.requests > 0 && len(asked) != tc.requests {
				t.Errorf("%d requests, want %d: %q", len(asked), tc.requests, asked)
			}
		})
	}
}

// TestDownloadIsParallel: several ranges of a file are fetched at a time, and no more than allowed.
func TestDownloadIsParallel(t *testing.T) {
	body := content(40*testPiece, 2)
	h := newHost(t, body)
	var open, most atomic.Int32
	full := make(chan struct{})
	var once sync.Once
	h.misbehave = func(n int, _ http.ResponseWriter, r *http.Request) bool {
		now := open.Add(1)
		defer open.Add(-1)
		for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
		}
		if now >= connections {
			once.Do(func() { close(full) })
		}
		if n < connections*2 { // all of them wait for each other
			select {
			case <-full:
			case <-r.Context().Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
		return false
	}
	got, _, err := fetchOf(t.Context(), t, newLab(t), h, sha(body))
	if err != nil || !bytes.Equal(got, body) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if most.Load() < 3 || most.Load() > connections {
		t.Errorf("%d connections at a time, want some, at most %d", most.Load(), connections)
	}
}

// TestDownloadResumes: a second process fetches only what the first did not finish, and nothing when it finished all.
func TestDownloadResumes(t *testing.T) {
	body := content(20*testPiece+1, 3)
	l, h := newLab(t), newHost(t, body)
	ctx, cancel := context.WithCancel(t.Context())
	h.misbehave = func(n int, _ http.ResponseWriter, r *http.Request) bool {
		if n > 9 {
			cancel()
			<-r.Context().Done()
			return true
		}
		return false
	}
	if _, _, err := fetchOf(ctx, t, l, h, sha(body)); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: %v", err)
	}
	kept := 0 // whole pieces
	objects, err := l.store.List(t.Context(), "ns/dataset/d/fetch/")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if o.Size == testPiece || strings.Contains(o.Path, "/000020-") {
			kept++
		}
	}
	if kept < 1 || kept > 9 {
		t.Fatalf("%d pieces are kept", kept)
	}
	h.behave()
	got, tr, err := fetchOf(t.Context(), t, l, h, sha(body))
	if err != nil || !bytes.Equal(got, body) || len(h.asked()) != 21-kept || !tr.resumed {
		t.Errorf("%d bytes, %v, %d requests for %d pieces", len(got), err, len(h.asked()), 21-kept)
	}
	h.behave()
	if got, _, err = fetchOf(t.Context(), t, l, h, sha(body)); err != nil || !bytes.Equal(got, body) || len(h.asked()) != 0 {
		t.Errorf("%d bytes, %v, %d requests", len(got), err, len(h.asked()))
	}
}

// TestDownloadKeepsStarts: what has come of a piece when the process is told to stop need not come again.
func TestDownloadKeepsStarts(t *testing.T) {
	body := content(3*testPiece, 6)
	l, h := newLab(t), newHost(t, body)
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	waiting.Add(3)
	go func() { waiting.Wait(); time.Sleep(50 * time.Millisecond); cancel() }()
	h.misbehave = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		var from int
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err != nil {
			return false
		}
		w.Header().Set("ETag", h.tag)
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, from+testPiece-1, len(body)))
		w.Header().Set("Content-Length", fmt.Sprint(testPiece))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(body[from : from+700])
		_ = http.NewResponseController(w).Flush()
		waiting.Done()
		<-r.Context().Done()
		return true
	}
	if _, _, err := fetchOf(ctx, t, l, h, sha(body)); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: %v", err)
	}
	h.behave()
	got, _, err := fetchOf(t.Context(), t, l, h, sha(body))
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	asked := h.asked()
	slices.Sort(asked)
	if want := []string{"bytes=1700-1999", "bytes=2700-2999", "bytes=700-999"}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}

// TestDownloadDoubtsWhatIsKept: damaged pieces, those of an older file and nonsense are fetched again.
func TestDownloadDoubtsWhatIsKept(t *testing.T) {
	body, older := content(5*testPiece, 4), content(5*testPiece, 5)
	dir := "ns/dataset/d/fetch/" + sha(body)
	name := func(i int, b []byte) string { return fmt.Sprintf("%s/%06d-%s", dir, i, sha(b)) }
	piece := func(b []byte, i int) []byte { return b[i*testPiece : (i+1)*testPiece] }
	for what, tc := range map[string]struct {
		file  string
		piece map[string][]byte
		tag   string
	}{
		"damaged":          {piece: map[string][]byte{name(1, piece(body, 1)): piece(older, 1)}},
		"of an older file": {piece: map[string][]byte{name(1, piece(older, 1)): piece(older, 1)}, tag: `"v0"`},
		"all of an older file without tags": {piece: map[string][]byte{
			name(0, piece(older, 0)): piece(older, 0), name(1, piece(body, 1)): piece(body, 1), name(2, piece(body, 2)): piece(body, 2),
			name(3, piece(body, 3)): piece(body, 3), name(4, piece(body, 4)): piece(body, 4),
		}},
		"of no number": {piece: map[string][]byte{dir + "/-1-x": piece(body, 1), dir + "/99-x": piece(body, 1), dir + "/x": piece(body, 1)}},
		"malformed":    {file: "{"},
		"impossible":   {file: `{"url":"URL","size":-5,"piece":0}`},
		"huge":         {file: `{"url":"URL","size":4000000000,"piece":1}`},
		"of another":   {file: `{"url":"https://elsewhere","size":5,"piece":5}`},
	} {
		t.Run(what, func(t *testing.T) {
			l, h := newLab(t), newHost(t, body)
			if tc.file == "" {
				tc.file = fmt.Sprintf(`{"url":"URL","tag":%q,"size":%d,"piece":%d}`, tc.tag, len(body), testPiece)
			}
			for path, b := range tc.piece {
				if err := l.store.Put(t.Context(), path, b); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.store.Put(t.Context(), dir+keptName, []byte(strings.ReplaceAll(tc.file, "URL", h.URL+"/file"))); err != nil {
				t.Fatal(err)
			}
			if got, _, err := fetchOf(t.Context(), t, l, h, sha(body)); err != nil || !bytes.Equal(got, body) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

// TestFetchGoesOnAfterAKill: a data set that a killed pod left half fetched is completed with what is missing, and the pieces are
// removed; so they are when the file turns out to be the wrong one.
func TestFetchGoesOnAfterAKill(t *testing.T) {
	body := sources()["trainImages"]
	l, h := newLab(t), newHost(t, body)
	d := l.datasetSpec(sources())
	d.Files[0].URL = h.URL + "/train"
	s := l.planDataset(d, "web")
	env := l.env()
	env.tune = quickly
	ctx, cancel := context.WithCancel(t.Context())
	h.misbehave = func(n int, _ http.ResponseWriter, r *http.Request) bool {
		if n > 20 {
			cancel()
			<-r.Context().Done()
		}
		return n > 20
	}
	if _, err := Run(ctx, s, spec.StageFetch, 0, env); ExitCode(err) != spec.ExitCheckpointed {
		t.Fatalf("killed: %v", err)
	}
	if len(l.files("default/dataset/web/fetch/")) < 2 {
		t.Fatal("nothing was kept")
	}
	h.behave()
	var said []string
	env.Progress = func(p Progress) { said = append(said, p.Message) }
	if r := l.runAll(s, env); r.Dataset.Train != 50 {
		t.Errorf("result %+v", r.Dataset)
	}
	if total := (len(body) + testPiece - 1) / testPiece; len(h.asked()) == 0 || len(h.asked()) >= total-5 {
		t.Errorf("%d requests of %d", len(h.asked()), total)
	}
	if !slices.ContainsFunc(said, func(m string) bool { return strings.HasPrefix(m, "Fetching 4 files, ") && strings.Contains(m, " of ") }) {
		t.Errorf("progress said %q", said)
	}
	if left := l.files("default/dataset/web/fetch/"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	d.Files[0].SHA256 = strings.Repeat("b", 64)
	env.Progress = nil
	if _, err := l.run(l.planDataset(d, "wrong"), spec.StageFetch, 0, env); ExitCode(err) != spec.ExitInvalidInput || !strings.Contains(err.Error(), "spec.files[trainImages].sha256") {
		t.Errorf("wrong sha256: %v", err)
	}
	if left := l.files("default/dataset/wrong/"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// TestMeter: bytes that come give the rate and the time left; resumed ones do not.
func TestMeter(t *testing.T) {
	now := time.Unix(0, 0)
	var last Progress
	m := newMeter(&Env{Progress: func(p Progress) { last = p }, Now: func() time.Time { return now }}, 2)
	a, b := &transfer{}, &transfer{}
	m.expect(a, 100<<20)
	if last.BytesTotal != 0 || last.SecondsLeft != -1 {
		t.Errorf("a total although one file is unknown: %+v", last)
	}
	m.expect(b, 60<<20)
	m.resume(b, 40<<20)
	for range 20 {
		now = now.Add(time.Second)
		m.add(a, 2<<20)
	}
	if last.Bytes != 80<<20 || last.BytesTotal != 160<<20 || last.BytesPerSecond != 2<<20 || last.SecondsLeft != 40 {
		t.Errorf("%+v", last)
	}
	if want := "Fetching 2 files, 80.0 MiB of 160.0 MiB, 2.0 MiB/s"; last.Message != want {
		t.Errorf("message %q, want %q", last.Message, want)
	}
	m.finish(a)
	m.finish(b)
	if last.BytesTotal != last.Bytes {
		t.Errorf("finished: %+v", last)
	}
}

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"bytes 0-9/10", "bytes 5-5/*", "bytes */0", "bytes -/", "bytes 9-1/5", "bytes 99999999999999999999-1/5", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		from, size, err := contentRange(s)
		if err == nil && (size < -1 || size >= 0 && size < from) {
			t.Errorf("%q: from %d of %d", s, from, size)
		}
	})
}
