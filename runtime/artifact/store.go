// Package artifact keeps artifacts: an object store behind one small interface (folder, memory,
// S3, GCS, Azure, a mounted claim), the safetensors format, manifests and Parquet tables.
//
// Objects are named by clean relative paths ("ns/modelzoo/name/manifest.json"). A write is
// atomic: readers see the old object or the new one, never a part. Operations retry with
// back-off while the store does not answer; what cannot succeed fails at once, with an error of
// this package that names the path.
package artifact

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Object describes a stored object.
type Object struct {
	// Path is below the store's root.
	Path string
	// Size in bytes.
	Size int64
	// Modified is when it was last written.
	Modified time.Time
	// ETag changes with the content. Only Stat gives it, and only where the store keeps one.
	ETag string
}

// Store is an object store. It is safe for concurrent use.
type Store struct {
	url     string
	backend backend
	retry   retrier
	maxGet  int64
}

// backend is one kind of store. Keys are validated. Errors are *Error where the kind is known,
// with Op and Path empty; all others count as "does not answer" and are retried.
type backend interface {
	get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) // length < 0: to the end
	put(ctx context.Context, key string, body io.Reader, ifNotExist bool) error
	list(ctx context.Context, prefix string) ([]Object, error) // any order
	remove(ctx context.Context, key string) error              // absent: ErrNotFound
	stat(ctx context.Context, key string) (Object, error)
	// tidy removes what is left of a prefix once its objects are gone (empty folders).
	tidy(ctx context.Context, prefix string) error
	close() error
}

// URL is what the store was opened with.
func (s *Store) URL() string { return s.url }

// Close releases connections. The store must not be used afterwards.
func (s *Store) Close() error { return s.backend.close() }

// Notify sets the hooks that are called when the store stops answering (once per failed attempt, with
// the cause) and when it answers again. Call it before the store is shared; hooks must not block.
func (s *Store) Notify(unavailable func(error), available func()) {
	s.retry.onUnavailable, s.retry.onAvailable = unavailable, available
}

// Get reads a whole object.
func (s *Store) Get(ctx context.Context, path string) ([]byte, error) {
	return s.read(ctx, path, 0, -1)
}

// GetRange reads length bytes from offset. An object that ends earlier is an error (ErrRange).
func (s *Store) GetRange(ctx context.Context, path string, offset, length int64) ([]byte, error) {
	if offset < 0 || length < 0 {
		return nil, fmt.Errorf("get %s: negative range %d+%d", path, offset, length)
	}
	b, err := s.read(ctx, path, offset, length)
	if err == nil && int64(len(b)) != length {
		return nil, &Error{Op: "get", Path: path, Kind: ErrRange, Err: fmt.Errorf("bytes %d to %d asked for, %d there", offset, offset+length, len(b))}
	}
	return b, err
}

// getUpTo reads at most length bytes from the start.
func (s *Store) getUpTo(ctx context.Context, path string, length int64) ([]byte, error) {
	return s.read(ctx, path, 0, length)
}

func (s *Store) read(ctx context.Context, path string, offset, length int64) (b []byte, err error) {
	if length > s.maxGet {
		return nil, &Error{Op: "get", Path: path, Kind: ErrTooLarge, Err: fmt.Errorf("%d bytes asked for, the limit is %d", length, s.maxGet)}
	}
	err = s.do(ctx, "get", path, 0, func(ctx context.Context) error {
		r, err := s.backend.get(ctx, path, offset, length)
		if err != nil {
			return err
		}
		defer r.Close()
		if b, err = io.ReadAll(io.LimitReader(r, s.maxGet+1)); err != nil {
			return err
		}
		if int64(len(b)) > s.maxGet {
			return &Error{Kind: ErrTooLarge, Err: fmt.Errorf("the limit is %d bytes; use Reader", s.maxGet)}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Reader streams an object of any size. Opening is retried; a stream that breaks later is the
// caller's to open again.
func (s *Store) Reader(ctx context.Context, path string) (r io.ReadCloser, err error) {
	// The stream outlives the call, so it must not get an attempt's deadline.
	err = s.doUntimed(ctx, "get", path, func(ctx context.Context) error {
		r, err = s.backend.get(ctx, path, 0, -1)
		return err
	})
	return r, err
}

// RangeReader streams length bytes from offset, or all that follow when length is negative. An object that ends earlier gives a
// shorter stream. Opening is retried; a stream that breaks later is the caller's to open again.
func (s *Store) RangeReader(ctx context.Context, path string, offset, length int64) (r io.ReadCloser, err error) {
	if offset < 0 {
		return nil, fmt.Errorf("get %s: negative offset %d", path, offset)
	}
	err = s.doUntimed(ctx, "get", path, func(ctx context.Context) error {
		r, err = s.backend.get(ctx, path, offset, length)
		return err
	})
	return r, err
}

// Digest streams an object and returns its sha256 in hexadecimal and its size.
func (s *Store) Digest(ctx context.Context, path string) (sum string, size int64, err error) {
	err = s.doUntimed(ctx, "get", path, func(ctx context.Context) error {
		r, err := s.backend.get(ctx, path, 0, -1)
		if err != nil {
			return err
		}
		defer r.Close()
		h := sha256.New()
		if size, err = io.Copy(h, r); err != nil {
			return err
		}
		sum = fmt.Sprintf("%x", h.Sum(nil))
		return nil
	})
	return sum, size, err
}

// Put writes an object, replacing what is there.
func (s *Store) Put(ctx context.Context, path string, b []byte) error {
	return s.do(ctx, "put", path, int64(len(b)), func(ctx context.Context) error {
		return s.backend.put(ctx, path, bytes.NewReader(b), false)
	})
}

// PutIfNotExist writes an object that must not be there yet. Of racing writers one wins. When
// the object is there with the same content, that is success: writing is idempotent, also when the
// answer to an earlier attempt was lost. With other content the error is ErrExists.
func (s *Store) PutIfNotExist(ctx context.Context, path string, b []byte) error {
	err := s.do(ctx, "put", path, int64(len(b)), func(ctx context.Context) error {
		return s.backend.put(ctx, path, bytes.NewReader(b), true)
	})
	if !errors.Is(err, ErrExists) {
		return err
	}
	have, getErr := s.getUpTo(ctx, path, int64(len(b))+1)
	switch {
	case getErr != nil:
		return errors.Join(err, getErr)
	case bytes.Equal(have, b):
		return nil
	}
	return err
}

// PutReader writes an object from a stream that can be read again for another attempt, such as
// an *os.File.
func (s *Store) PutReader(ctx context.Context, path string, body io.ReadSeeker) error {
	return s.doUntimed(ctx, "put", path, func(ctx context.Context) error {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return err
		}
		// The wrapper hides Close: a driver must not close the caller's file.
		return s.backend.put(ctx, path, struct{ io.Reader }{body}, false)
	})
}

// List returns the objects whose path starts with prefix, sorted by path. Unfinished writes and
// names that no path of ours can have are left out.
func (s *Store) List(ctx context.Context, prefix string) (out []Object, err error) {
	if p := strings.TrimSuffix(prefix, "/"); p != "" {
		if err := CheckPath(p); err != nil {
			return nil, &Error{Op: "list", Path: prefix, Kind: ErrPath, Err: err}
		}
	}
	err = s.retry.do(ctx, "list", prefix, s.retry.timeout(0), func(ctx context.Context) error {
		out, err = s.backend.list(ctx, prefix)
		return err
	})
	if err != nil {
		return nil, err
	}
	return sortObjects(out), nil
}

// Stat describes an object.
func (s *Store) Stat(ctx context.Context, path string) (o Object, err error) {
	err = s.do(ctx, "stat", path, 0, func(ctx context.Context) error {
		o, err = s.backend.stat(ctx, path)
		return err
	})
	return o, err
}

// Exists says whether an object is there.
func (s *Store) Exists(ctx context.Context, path string) (bool, error) {
	_, err := s.Stat(ctx, path)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Delete removes an object; one that is not there is no error.
func (s *Store) Delete(ctx context.Context, path string) error {
	err := s.do(ctx, "delete", path, 0, func(ctx context.Context) error { return s.backend.remove(ctx, path) })
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// DeletePrefix removes every object below folder prefix and says how many there were. It can be
// repeated after a failure.
func (s *Store) DeletePrefix(ctx context.Context, prefix string) (int, error) {
	prefix = strings.TrimSuffix(prefix, "/")
	if err := CheckPath(prefix); err != nil {
		return 0, &Error{Op: "delete", Path: prefix, Kind: ErrPath, Err: err}
	}
	objects, err := s.List(ctx, prefix+"/")
	if err != nil {
		return 0, err
	}
	for i, o := range objects {
		if err := s.Delete(ctx, o.Path); err != nil {
			return i, err
		}
	}
	return len(objects), s.do(ctx, "delete", prefix, 0, func(ctx context.Context) error { return s.backend.tidy(ctx, prefix) })
}

func (s *Store) do(ctx context.Context, op, path string, size int64, f func(context.Context) error) error {
	if err := CheckPath(path); err != nil {
		return &Error{Op: op, Path: path, Kind: ErrPath, Err: err}
	}
	return s.retry.do(ctx, op, path, s.retry.timeout(size), f)
}

func (s *Store) doUntimed(ctx context.Context, op, path string, f func(context.Context) error) error {
	if err := CheckPath(path); err != nil {
		return &Error{Op: op, Path: path, Kind: ErrPath, Err: err}
	}
	return s.retry.do(ctx, op, path, 0, f)
}

// tempPrefix starts the names of unfinished writes in a folder store.
const tempPrefix = ".tmp-"

// CheckPath says what is wrong with an object's path: it must be relative and clean, of
// printable UTF-8, with parts of at most 255 bytes, 1,024 in all.
func CheckPath(path string) error {
	switch {
	case path == "":
		return errors.New("the path is empty")
	case len(path) > 1024:
		return fmt.Errorf("the path has %d bytes, at most 1024 are allowed", len(path))
	case !utf8.ValidString(path):
		return errors.New("the path is not UTF-8")
	}
	for _, r := range path {
		if r < 0x20 || r == 0x7f || r == '\\' {
			return fmt.Errorf("the path has the character %q", r)
		}
	}
	for part := range strings.SplitSeq(path, "/") {
		switch {
		case part == "", part == ".", part == "..":
			return fmt.Errorf("the path has the part %q", part)
		case len(part) > 255:
			return fmt.Errorf("a part of the path has %d bytes, at most 255 are allowed", len(part))
		case strings.HasPrefix(part, tempPrefix):
			return fmt.Errorf("names that start with %s are kept for unfinished writes", tempPrefix)
		}
	}
	return nil
}
