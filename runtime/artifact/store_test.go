package artifact_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weightspace/weightspace/runtime/artifact"
)

// quick never waits: pauses return at once, and the clock moves by them.
func quick(o artifact.Options) artifact.Options {
	now := time.Unix(0, 0)
	o.Now = func() time.Time { return now }
	o.Pause = func(ctx context.Context, d time.Duration) error { now = now.Add(d); return ctx.Err() }
	o.Random = func() float64 { return 0.5 }
	return o
}

func openStore(t *testing.T, url string, o artifact.Options) *artifact.Store {
	t.Helper()
	s, err := artifact.OpenWith(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func TestStores(t *testing.T) {
	t.Run("mem", func(t *testing.T) { storeSuite(t, openStore(t, "mem://", artifact.Options{})) })
	t.Run("mem with prefix", func(t *testing.T) { storeSuite(t, openStore(t, "mem:///a/b", artifact.Options{})) })
	t.Run("file", func(t *testing.T) { storeSuite(t, openStore(t, "file://"+t.TempDir(), artifact.Options{})) })
	t.Run("plain folder", func(t *testing.T) { storeSuite(t, openStore(t, filepath.Join(t.TempDir(), "new"), artifact.Options{})) })
	t.Run("claim", func(t *testing.T) {
		mount := t.TempDir()
		s := openStore(t, "pvc://claim/zoos/mine", artifact.Options{Mount: mount})
		storeSuite(t, s)
		must(t, s.Put(t.Context(), "ns/x", []byte("1")))
		if _, err := os.Stat(filepath.Join(mount, "zoos", "mine", "ns", "x")); err != nil {
			t.Error(err)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err, kind error, name string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got %v, want %v", err, kind)
	}
	if !strings.Contains(err.Error(), name) {
		t.Errorf("error does not name %s: %v", name, err)
	}
}

// storeSuite is what every kind of store must do.
func storeSuite(t *testing.T, s *artifact.Store) {
	ctx := t.Context()
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	_, err := s.Get(ctx, "ns/absent")
	wantKind(t, err, artifact.ErrNotFound, "ns/absent")
	if list, err := s.List(ctx, "ns/"); err != nil || len(list) != 0 {
		t.Fatalf("empty list: %v, %v", list, err)
	}
	must(t, s.Put(ctx, "ns/zoo/a", []byte("first")))
	must(t, s.Put(ctx, "ns/zoo/a", big))
	must(t, s.Put(ctx, "ns/zoo/empty", nil))
	must(t, s.PutReader(ctx, "ns/zoo/sub/c", strings.NewReader("streamed")))
	must(t, s.Put(ctx, "ns/zoology", []byte("not below zoo/")))
	got, err := s.Get(ctx, "ns/zoo/a")
	if err != nil || !bytes.Equal(got, big) {
		t.Fatalf("get: %d bytes, %v", len(got), err)
	}
	if got, err := s.Get(ctx, "ns/zoo/empty"); err != nil || len(got) != 0 {
		t.Fatalf("get empty: %q, %v", got, err)
	}
	if got, err := s.GetRange(ctx, "ns/zoo/a", 16*1000+10, 8); err != nil || string(got) != "abcdef01" {
		t.Fatalf("range: %q, %v", got, err)
	}
	_, err = s.GetRange(ctx, "ns/zoo/a", int64(len(big))-4, 8)
	wantKind(t, err, artifact.ErrRange, "ns/zoo/a")
	sum, size, err := s.Digest(ctx, "ns/zoo/a")
	if want := artifact.Entry("", big); err != nil || sum != want.SHA256 || size != want.Size {
		t.Fatalf("digest: %s, %d, %v", sum, size, err)
	}
	list, err := s.List(ctx, "ns/zoo/")
	must(t, err)
	if got := fmt.Sprint(paths(list)); got != "[ns/zoo/a ns/zoo/empty ns/zoo/sub/c]" {
		t.Fatalf("list: %s", got)
	}
	if list[0].Size != int64(len(big)) {
		t.Errorf("listed size: %d", list[0].Size)
	}
	conditional(t, s)
	if n, err := s.DeletePrefix(ctx, "ns/zoo"); err != nil || n != 3 {
		t.Fatalf("delete prefix: %d, %v", n, err)
	}
	if ok, err := s.Exists(ctx, "ns/zoo/a"); err != nil || ok {
		t.Fatalf("exists after delete: %v, %v", ok, err)
	}
	if ok, err := s.Exists(ctx, "ns/zoology"); err != nil || !ok {
		t.Fatalf("a neighbour was deleted: %v, %v", ok, err)
	}
	must(t, s.Delete(ctx, "ns/zoology"))
	must(t, s.Delete(ctx, "ns/zoology"))
	for _, bad := range []string{"", "/abs", "a/../b", "..", "a//b", "a/", "./a", "a\x00b", "a\nb", `a\b`, "a/.tmp-1", strings.Repeat("x", 256), "\xff"} {
		if err := s.Put(ctx, bad, nil); !errors.Is(err, artifact.ErrPath) {
			t.Errorf("put %q: got %v, want ErrPath", bad, err)
		}
		if _, err := s.Get(ctx, bad); !errors.Is(err, artifact.ErrPath) {
			t.Errorf("get %q: got %v, want ErrPath", bad, err)
		}
	}
}

func paths(list []artifact.Object) []string {
	var out []string
	for _, o := range list {
		out = append(out, o.Path)
	}
	return out
}

// conditional races writers of different content, again and again: exactly one may win.
func conditional(t *testing.T, s *artifact.Store) {
	ctx := t.Context()
	must(t, s.PutIfNotExist(ctx, "cond/once", []byte("mine")))
	must(t, s.PutIfNotExist(ctx, "cond/once", []byte("mine")))
	wantKind(t, s.PutIfNotExist(ctx, "cond/once", []byte("other")), artifact.ErrExists, "cond/once")
	wantKind(t, s.PutIfNotExist(ctx, "cond/once", []byte("mine, and more")), artifact.ErrExists, "cond/once")
	for round := range 10 {
		path := fmt.Sprintf("cond/race-%d", round)
		const writers = 8
		var wg sync.WaitGroup
		errs := make([]error, writers)
		start := make(chan struct{})
		for i := range writers {
			wg.Go(func() {
				<-start
				errs[i] = s.PutIfNotExist(ctx, path, fmt.Appendf(nil, "writer %d", i))
			})
		}
		close(start)
		wg.Wait()
		winner := -1
		for i, err := range errs {
			switch {
			case err == nil && winner >= 0:
				t.Fatalf("writers %d and %d both won", winner, i)
			case err == nil:
				winner = i
			case !errors.Is(err, artifact.ErrExists):
				t.Fatalf("writer %d: %v", i, err)
			}
		}
		if got, err := s.Get(ctx, path); err != nil || string(got) != fmt.Sprintf("writer %d", winner) {
			t.Fatalf("content %q, winner %d, %v", got, winner, err)
		}
	}
	_, err := s.DeletePrefix(ctx, "cond")
	must(t, err)
}

func TestFolderHidesUnfinishedWrites(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, artifact.Options{})
	must(t, s.Put(t.Context(), "ns/zoo/a", []byte("1")))
	// What a writer killed in the middle leaves behind.
	must(t, os.WriteFile(filepath.Join(dir, "ns/zoo/.tmp-dead"), []byte("half"), 0o666))
	list, err := s.List(t.Context(), "ns/")
	if err != nil || len(list) != 1 {
		t.Fatalf("list: %v, %v", paths(list), err)
	}
	_, err = s.DeletePrefix(t.Context(), "ns/zoo")
	must(t, err)
	if _, err := os.Stat(filepath.Join(dir, "ns/zoo")); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
	var left []string
	must(t, filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			left = append(left, p)
		}
		return err
	}))
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A symbolic link in the store must not lead out of it.
func TestFolderIsAJail(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o666))
	must(t, os.Symlink(outside, filepath.Join(dir, "link")))
	s := openStore(t, dir, quick(artifact.Options{Budget: -1}))
	if b, err := s.Get(t.Context(), "link/secret"); err == nil {
		t.Errorf("read %q through a link", b)
	}
	if err := s.Put(t.Context(), "link/new", []byte("x")); err == nil {
		t.Error("wrote through a link")
	}
	if list, err := os.ReadDir(outside); err != nil || len(list) != 1 {
		t.Errorf("outside: %v, %v", list, err)
	}
}

func TestFolderGoneIsUnavailableThenHeals(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	var seen, healed int
	o := artifact.Options{OnAvailable: func() { healed++ }}
	o.OnUnavailable = func(err error) {
		if seen++; seen == 3 {
			must(t, os.Rename(dir+".away", dir))
		}
		if !strings.Contains(err.Error(), "ns/a") {
			t.Errorf("the hook's error does not name the path: %v", err)
		}
	}
	s := openStore(t, dir, quick(o))
	must(t, os.Rename(dir, dir+".away"))
	must(t, s.Put(t.Context(), "ns/a", []byte("1")))
	if seen != 3 || healed != 1 {
		t.Errorf("unavailable %d times, available %d times", seen, healed)
	}
	must(t, os.Rename(dir, dir+".away"))
	seen = 10
	_, err := s.Get(t.Context(), "ns/a")
	wantKind(t, err, artifact.ErrUnavailable, "ns/a")
}

func TestRetryEndsWithTheContext(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	ctx, cancel := context.WithCancel(t.Context())
	s := openStore(t, dir, artifact.Options{FirstBackoff: time.Hour, LongestBackoff: time.Hour, Budget: 3 * time.Hour, OnUnavailable: func(error) { cancel() }})
	must(t, os.Remove(dir))
	if err := s.Put(ctx, "a", nil); !errors.Is(err, context.Canceled) || errors.Is(err, artifact.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestBackoffDoublesWithinTheBudget(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	now := time.Unix(0, 0)
	var waits []time.Duration
	s := openStore(t, dir, artifact.Options{
		Budget: 10 * time.Second, FirstBackoff: time.Second, LongestBackoff: 3 * time.Second,
		Now: func() time.Time { return now }, Random: func() float64 { return 1 },
		Pause: func(_ context.Context, d time.Duration) error { waits = append(waits, d); now = now.Add(d); return nil },
	})
	must(t, os.Remove(dir))
	_, err := s.Get(t.Context(), "a")
	wantKind(t, err, artifact.ErrUnavailable, "a")
	if got := fmt.Sprint(waits); got != "[1s 2s 3s 3s]" {
		t.Errorf("waits: %s", got)
	}
}

func TestGetRefusesWhatIsTooLarge(t *testing.T) {
	s := openStore(t, "mem://", artifact.Options{MaxGetBytes: 10})
	must(t, s.Put(t.Context(), "a", make([]byte, 11)))
	_, err := s.Get(t.Context(), "a")
	wantKind(t, err, artifact.ErrTooLarge, "a")
	must(t, s.Put(t.Context(), "a", make([]byte, 10)))
	if b, err := s.Get(t.Context(), "a"); err != nil || len(b) != 10 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestOpenErrorsSayWhatToDo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o666))
	for url, want := range map[string]string{
		"":                       "empty",
		"ftp://host/x":           "use file, pvc, s3, gs or azblob",
		"file://data/x":          "three slashes",
		"file://":                "no folder",
		"file://" + file:         "",
		"pvc://claim/x":          "WEIGHTSPACE_STORE_MOUNT",
		"mem:///a/../b":          "prefix",
		"s3://u:secret@bucket/x": "environment variables",
	} {
		_, err := artifact.Open(t.Context(), url, "")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want %q", url, err, want)
		}
	}
}
