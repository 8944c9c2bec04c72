package artifact_test

import (
	"errors"
	"io"
	"testing"

	"github.com/weightspace/weightspace/runtime/artifact"
)

func TestReaderAt(t *testing.T) {
	s, err := artifact.Open(t.Context(), "mem://", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "a", []byte("0123456789")); err != nil {
		t.Fatal(err)
	}
	r, err := s.ReaderAt(t.Context(), "a")
	if err != nil || r.Size() != 10 {
		t.Fatal(err)
	}
	for _, c := range []struct {
		offset int64
		length int
		want   string
		eof    bool
	}{{0, 3, "012", false}, {7, 3, "789", false}, {8, 5, "89", true}, {10, 1, "", true}, {10, 0, "", false}} {
		b := make([]byte, c.length)
		n, err := r.ReadAt(b, c.offset)
		if string(b[:n]) != c.want || errors.Is(err, io.EOF) != c.eof || err != nil && !c.eof {
			t.Errorf("%d+%d: %q, %v", c.offset, c.length, b[:n], err)
		}
	}
	for _, offset := range []int64{-1, 11} {
		if _, err := r.ReadAt(make([]byte, 1), offset); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("offset %d: %v", offset, err)
		}
	}
	if _, err := s.ReaderAt(t.Context(), "b"); !errors.Is(err, artifact.ErrNotFound) {
		t.Error(err)
	}
}
