package artifact

import (
	"context"
	"fmt"
	"io"
)

// ObjectReader reads parts of an object with one ranged read each.
type ObjectReader struct {
	store *Store
	ctx   context.Context //nolint:containedctx // io.ReaderAt passes none
	path  string
	size  int64
}

// ReaderAt opens an object for reads at any place. The context holds for these too.
func (s *Store) ReaderAt(ctx context.Context, path string) (*ObjectReader, error) {
	o, err := s.Stat(ctx, path)
	if err != nil {
		return nil, err
	}
	return &ObjectReader{s, ctx, path, o.Size}, nil
}

// Size is the object's, in bytes.
func (r *ObjectReader) Size() int64 { return r.size }

// ReadAt implements io.ReaderAt.
func (r *ObjectReader) ReadAt(b []byte, offset int64) (int, error) {
	if offset < 0 || offset > r.size {
		return 0, fmt.Errorf("read %s: offset %d of %d bytes", r.path, offset, r.size)
	}
	n := min(int64(len(b)), r.size-offset)
	if n == 0 && len(b) > 0 {
		return 0, io.EOF
	}
	got, err := r.store.GetRange(r.ctx, r.path, offset, n)
	copy(b, got)
	if err == nil && n < int64(len(b)) {
		err = io.EOF
	}
	return len(got), err
}
