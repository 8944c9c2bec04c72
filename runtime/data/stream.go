package data

import (
	"bufio"
	"compress/bzip2"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
)

// Limits bound what a source file may ask for. The zero value gives the defaults.
type Limits struct {
	// Bytes is the largest array accepted, and of all images of a split together, 0 for 16 GiB.
	Bytes int64
	// Items is the largest first dimension, 0 for 100 million.
	Items int64
	// Unpacked is the most an archive may hold, 0 for 256 GiB.
	Unpacked int64
	// Pixels is the most one image file may have, 0 for 64 Mi.
	Pixels int64
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		of        *int64
		byDefault int64
	}{{&l.Bytes, 16 << 30}, {&l.Items, 100_000_000}, {&l.Unpacked, 256 << 30}, {&l.Pixels, 64 << 20}} {
		if *d.of == 0 {
			*d.of = d.byDefault
		}
	}
	return l
}

// FormatError says where a source file is malformed.
type FormatError struct {
	// Offset is in bytes of the file's decompressed content; in an archive, where the entry's data start.
	Offset int64
	// Problem says what is wrong, and with which record or entry.
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

// record adds to a FormatError which record it is about, and where that starts.
func record(err error, offset int64, i int) error {
	return within(err, offset, fmt.Sprintf("record %d", i))
}

// within adds to a FormatError which part of the file it is about, and where that starts.
func within(err error, offset int64, part string) error {
	if e, ok := err.(*FormatError); ok { //nolint:errorlint // one that is wrapped has its place already
		return &FormatError{offset + e.Offset, part + ": " + e.Problem, e.Err}
	}
	return err
}

// unpack decompresses gzip and bzip2, told by the first bytes; other content passes.
func unpack(r io.Reader) (io.Reader, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	magic, err := br.Peek(3)
	if len(magic) < 2 {
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("at byte 0: the file cannot be read: %w", err)
		}
		return br, nil
	}
	switch {
	case magic[0] == 0x1f && magic[1] == 0x8b:
		z, err := gzip.NewReader(br)
		if err != nil {
			return nil, &FormatError{0, "the gzip header is damaged", err}
		}
		return z, nil
	case string(magic) == "BZh":
		return bzip2.NewReader(br), nil
	}
	return br, nil
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

// broken tells damaged compressed content (the user's file) from a failing source.
func broken(at int64, problem string, err error) error {
	if damaged(err) {
		return &FormatError{at, problem, err}
	}
	return fmt.Errorf("at byte %d: %s: %w", at, problem, err)
}

func damaged(err error) bool {
	var c flate.CorruptInputError
	var b bzip2.StructuralError
	for _, known := range []error{gzip.ErrChecksum, gzip.ErrHeader, zlib.ErrChecksum, zlib.ErrHeader, zlib.ErrDictionary, io.ErrUnexpectedEOF} {
		if errors.Is(err, known) {
			return true
		}
	}
	return errors.As(err, &c) || errors.As(err, &b)
}
