//go:build integration && linux

package artifact_test

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/weightspace/weightspace/runtime/artifact"
)

// mountTmpfs mounts a small file system; that takes root.
func mountTmpfs(t *testing.T, options string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting takes root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("this machine does not let us mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

func TestFullDisk(t *testing.T) {
	dir := mountTmpfs(t, "size=1m")
	s := openStore(t, dir, artifact.Options{})
	must(t, s.Put(t.Context(), "ns/a", []byte("kept")))
	wantKind(t, s.Put(t.Context(), "ns/a", make([]byte, 2<<20)), artifact.ErrFull, "ns/a")
	wantKind(t, s.PutIfNotExist(t.Context(), "ns/b", make([]byte, 2<<20)), artifact.ErrFull, "ns/b")
	if got, err := s.Get(t.Context(), "ns/a"); err != nil || !bytes.Equal(got, []byte("kept")) {
		t.Errorf("the old object: %q, %v", got, err)
	}
	// The failed writes left nothing behind that keeps the disk full.
	if left, err := filepath.Glob(filepath.Join(dir, "ns", ".tmp-*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	must(t, s.Put(t.Context(), "ns/b", make([]byte, 1<<19)))
}

func TestReadOnlyDisk(t *testing.T) {
	dir := mountTmpfs(t, "size=1m")
	s := openStore(t, dir, artifact.Options{})
	must(t, s.Put(t.Context(), "ns/a", []byte("kept")))
	must(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	wantKind(t, s.Put(t.Context(), "ns/a", []byte("2")), artifact.ErrReadOnly, "ns/a")
	wantKind(t, s.PutIfNotExist(t.Context(), "ns/b", []byte("2")), artifact.ErrReadOnly, "ns/b")
	wantKind(t, s.Delete(t.Context(), "ns/a"), artifact.ErrReadOnly, "ns/a")
	if got, err := s.Get(t.Context(), "ns/a"); err != nil || string(got) != "kept" {
		t.Errorf("reading: %q, %v", got, err)
	}
}
