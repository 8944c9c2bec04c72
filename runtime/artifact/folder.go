package artifact

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// folder is a backend on a directory tree. It is our own because gocloud.dev's file driver
// neither syncs nor keeps two writers with IfNotExist apart. A write goes to a temporary file beside the
// target, is synced, and is then renamed over it or, with IfNotExist, hard-linked to it, which
// the kernel refuses when the name is taken. os.Root keeps every access, also through symbolic
// links, below the folder; it is opened anew each time, so that a remount heals.
type folder struct{ dir string }

func newFolder(dir string) (backend, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(abs, 0o777); err != nil { //nolint:gosec // the folder is the one the caller named
		return nil, osError(err, true)
	}
	info, err := os.Stat(abs) //nolint:gosec // the folder is the one the caller named
	if err != nil {
		return nil, osError(err, false)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder", abs)
	}
	return &folder{abs}, nil
}

// root opens the folder. Its absence is no ErrNotFound: the mount is gone, objects are not.
func (f *folder) root() (*os.Root, error) { return os.OpenRoot(f.dir) }

func (f *folder) get(_ context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	root, err := f.root()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	file, err := root.Open(key)
	if err != nil {
		return nil, osError(err, false)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &Error{Kind: ErrNotFound, Err: fmt.Errorf("it is a %s, not a file", info.Mode().Type())}
	}
	if err == nil && offset > 0 {
		_, err = file.Seek(offset, io.SeekStart)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	if length < 0 {
		return file, nil
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(file, length), file}, nil
}

func (f *folder) put(ctx context.Context, key string, body io.Reader, ifNotExist bool) (err error) {
	root, err := f.root()
	if err != nil {
		return err
	}
	defer root.Close()
	if ifNotExist {
		if _, err := root.Lstat(key); err == nil {
			return &Error{Kind: ErrExists}
		}
	}
	dir := path.Dir(key)
	if err := root.MkdirAll(dir, 0o777); err != nil {
		return osError(err, true)
	}
	temp, err := tempName(dir)
	if err != nil {
		return err
	}
	// After a rename the name is gone; else this is what cleans up.
	defer func() { _ = root.Remove(temp) }()
	if err := writeFile(ctx, root, temp, body); err != nil {
		return osError(err, true)
	}
	if err := place(root, temp, key, ifNotExist); err != nil {
		return osError(err, true)
	}
	return osError(syncDir(root, dir), true)
}

func tempName(dir string) (string, error) {
	var b [12]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return path.Join(dir, tempPrefix+hex.EncodeToString(b[:])), nil
}

func writeFile(ctx context.Context, root *os.Root, name string, body io.Reader) error {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, body)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close(), ctx.Err())
}

// place gives a finished temporary file its name.
func place(root *os.Root, temp, key string, ifNotExist bool) error {
	if !ifNotExist {
		return root.Rename(temp, key)
	}
	err := root.Link(temp, key)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if !errors.Is(err, syscall.EPERM) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	// A file system without hard links (some network mounts): content stays atomic, but of two
	// writers at the same instant the later one wins.
	if _, err := root.Lstat(key); err == nil {
		return fs.ErrExist
	}
	return root.Rename(temp, key)
}

// syncDir makes a new name durable. Some network file systems cannot sync folders.
func syncDir(root *os.Root, dir string) error {
	d, err := root.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

func (f *folder) list(ctx context.Context, prefix string) ([]Object, error) {
	root, err := f.root()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	start := "."
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
		start = prefix[:i]
	}
	var out []Object
	err = fs.WalkDir(root.FS(), start, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // removed while we walk, or never there
			return nil
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if listed := d.Type().IsRegular() && strings.HasPrefix(name, prefix) && CheckPath(name) == nil; !listed {
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		out = append(out, Object{Path: name, Size: info.Size(), Modified: info.ModTime()})
		return nil
	})
	return out, osError(err, false)
}

func (f *folder) remove(_ context.Context, key string) error {
	root, err := f.root()
	if err != nil {
		return err
	}
	defer root.Close()
	return osError(root.Remove(key), true)
}

func (f *folder) stat(_ context.Context, key string) (Object, error) {
	root, err := f.root()
	if err != nil {
		return Object{}, err
	}
	defer root.Close()
	info, err := root.Stat(key)
	if err != nil {
		return Object{}, osError(err, false)
	}
	if !info.Mode().IsRegular() {
		return Object{}, &Error{Kind: ErrNotFound, Err: fmt.Errorf("it is a %s, not a file", info.Mode().Type())}
	}
	return Object{Path: key, Size: info.Size(), Modified: info.ModTime()}, nil
}

// tidy removes the folder with its empty folders and the temporary files of killed writers.
func (f *folder) tidy(_ context.Context, prefix string) error {
	root, err := f.root()
	if err != nil {
		return err
	}
	defer root.Close()
	return osError(root.RemoveAll(prefix), true)
}

func (f *folder) close() error { return nil }

// osError gives the errors of the operating system their kind; others are retried.
func osError(err error, write bool) error {
	var known *Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR) && !write:
		return &Error{Kind: ErrNotFound, Err: err}
	case errors.Is(err, fs.ErrExist):
		return &Error{Kind: ErrExists, Err: err}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return &Error{Kind: ErrFull, Err: err}
	case errors.Is(err, syscall.EROFS), write && errors.Is(err, fs.ErrPermission):
		return &Error{Kind: ErrReadOnly, Err: err}
	case errors.Is(err, fs.ErrPermission):
		return &Error{Kind: ErrDenied, Err: err}
	case errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP):
		return &Error{Kind: ErrPath, Err: err}
	}
	return err
}
