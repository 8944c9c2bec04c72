package data

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Limits bound what a source file may ask for. The zero value gives the defaults.
type Limits struct {
	// Bytes is the largest array accepted, 0 for 16 GiB.
	Bytes int64
	// Items is the largest first dimension, 0 for 100 million.
	Items int64
}

func (l Limits) withDefaults() Limits {
	if l.Bytes == 0 {
		l.Bytes = 16 << 30
	}
	if l.Items == 0 {
		l.Items = 100_000_000
	}
	return l
}

// IDX is the content of an IDX file of unsigned bytes.
type IDX struct {
	// Shape has 1 to 4 dimensions, the first counts items.
	Shape []int
	// Data is row-major.
	Data []uint8
}

// FormatError says where a source file is malformed.
type FormatError struct {
	// Offset is in bytes of the file's decompressed content.
	Offset int64
	// Problem says what is wrong.
	Problem string
	// Err is the cause, possibly nil.
	Err error
}

// Error implements error.
func (e *FormatError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("at byte %d: %s: %v", e.Offset, e.Problem, e.Err)
	}
	return fmt.Sprintf("at byte %d: %s", e.Offset, e.Problem)
}

// Unwrap returns the cause.
func (e *FormatError) Unwrap() error { return e.Err }

const idxTypeUint8 = 0x08

// ReadIDX reads an IDX file of unsigned bytes with 1 to 4 dimensions, plain or gzip-compressed
// (told by its first bytes). It allocates as data arrive, never by what the header claims, and
// reads one byte more than declared, so that a bomb ends there. Errors of the format are
// *FormatError; errors of r are returned wrapped.
func ReadIDX(r io.Reader, limits Limits) (*IDX, error) {
	limits = limits.withDefaults()
	br := bufio.NewReaderSize(r, 64<<10)
	if magic, err := br.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(br)
		if err != nil {
			return nil, &FormatError{0, "the gzip header is damaged", err}
		}
		defer z.Close()
		return readIDX(z, limits)
	}
	return readIDX(br, limits)
}

func readIDX(r io.Reader, limits Limits) (*IDX, error) {
	var head [4]byte
	if err := readFull(r, head[:], 0, "the magic number is cut short"); err != nil {
		return nil, err
	}
	switch {
	case head[0] != 0 || head[1] != 0:
		return nil, &FormatError{0, fmt.Sprintf("the magic number is % x; an IDX file starts with 00 00", head), nil}
	case head[2] != idxTypeUint8:
		return nil, &FormatError{2, fmt.Sprintf("the element type is 0x%02x; only unsigned bytes (0x08) are read", head[2]), nil}
	case head[3] < 1 || head[3] > 4:
		return nil, &FormatError{3, fmt.Sprintf("%d dimensions; 1 to 4 are read", head[3]), nil}
	}
	f := &IDX{Shape: make([]int, head[3])}
	total, at := int64(1), int64(4)
	for i := range f.Shape {
		var word [4]byte
		if err := readFull(r, word[:], at, fmt.Sprintf("dimension %d is cut short", i)); err != nil {
			return nil, err
		}
		n := int64(binary.BigEndian.Uint32(word[:]))
		switch {
		case n == 0:
			return nil, &FormatError{at, fmt.Sprintf("dimension %d is 0", i), nil}
		case i == 0 && n > limits.Items:
			return nil, &FormatError{at, fmt.Sprintf("%d items, at most %d are read", n, limits.Items), nil}
		case total > limits.Bytes/n:
			return nil, &FormatError{at, fmt.Sprintf("dimension %d is %d: the array has more than %d bytes", i, n, limits.Bytes), nil}
		}
		f.Shape[i] = int(n)
		total *= n
		at += 4
	}
	return f, f.readData(r, at, total)
}

// readData reads exactly total bytes and wants the end after them.
func (f *IDX) readData(r io.Reader, at, total int64) error {
	var err error
	f.Data, err = readGrowing(r, total)
	if err != nil {
		return broken(at+int64(len(f.Data)), "the data cannot be read", err)
	}
	if int64(len(f.Data)) < total {
		return &FormatError{at + int64(len(f.Data)), fmt.Sprintf("the file ends after %d of %d data bytes that its dimensions %v declare; fetch it again", len(f.Data), total, f.Shape), nil}
	}
	var more [1]byte
	switch n, err := io.ReadFull(r, more[:]); {
	case n > 0:
		return &FormatError{at + total, fmt.Sprintf("data go on after the %d bytes that the dimensions %v declare", total, f.Shape), nil}
	case !errors.Is(err, io.EOF):
		return broken(at+total, "the end cannot be read", err)
	}
	return nil
}

// readGrowing reads up to total bytes, doubling its buffer, so that a header that lies costs nothing.
func readGrowing(r io.Reader, total int64) ([]byte, error) {
	buf := make([]byte, 0, min(total, 1<<20))
	for int64(len(buf)) < total {
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(total, 2*int64(cap(buf))))
			copy(grown, buf)
			buf = grown
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
	return buf, nil
}

func readFull(r io.Reader, b []byte, at int64, problem string) error {
	n, err := io.ReadFull(r, b)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &FormatError{at + int64(n), problem, nil}
	}
	return broken(at+int64(n), problem, err)
}

// broken tells damaged gzip content (the user's file) from a failing source.
func broken(at int64, problem string, err error) error {
	if errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) || isFlate(err) {
		return &FormatError{at, problem, err}
	}
	return fmt.Errorf("at byte %d: %s: %w", at, problem, err)
}
