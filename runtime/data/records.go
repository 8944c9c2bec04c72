package data

import (
	"errors"
	"fmt"
	"io"
)

// records reads records of a fixed size to the end of r and gives their number.
func records(r io.Reader, size int, each func(i int, b []byte) error) (int, error) {
	b := make([]byte, size)
	for i := 0; ; i++ {
		at := int64(i) * int64(size)
		n, err := io.ReadFull(r, b)
		switch {
		case n == 0 && errors.Is(err, io.EOF):
			return i, nil
		case n > 0 && (err == io.ErrUnexpectedEOF || errors.Is(err, io.EOF)):
			return i, &FormatError{at + int64(n), fmt.Sprintf("record %d ends after %d of %d bytes; fetch the file again", i, n, size), nil}
		case err != nil:
			return i, zipError(at+int64(n), fmt.Sprintf("record %d cannot be read", i), err)
		}
		if err := each(i, b); err != nil {
			return i, record(err, at, i)
		}
	}
}

// setLabels gives the images of c their labels, which start at base: label base is class 0, and there are
// classes of them.
func (c *collector) setLabels(labels []uint8, base, classes int) error {
	if len(labels) != len(c.images) {
		return &FormatError{int64(len(labels)), fmt.Sprintf("%d labels for %d images", len(labels), len(c.images)), nil}
	}
	for i, l := range labels {
		class := int(l) - base
		if class < 0 || class >= classes {
			return &FormatError{int64(i), fmt.Sprintf("label %d is %d, it has to be from %d to %d", i, l, base, base+classes-1), nil}
		}
		c.labels[i] = uint16(class)
	}
	return nil
}

// transposed turns planes that are stored by columns into planes by rows.
func transposed(to, from []uint8, s shape) []uint8 {
	for c := range s.c {
		out, in := to[c*s.h*s.w:(c+1)*s.h*s.w], from[c*s.h*s.w:(c+1)*s.h*s.w]
		for x := range s.w {
			for y, v := range in[x*s.h : (x+1)*s.h] {
				out[y*s.w+x] = v
			}
		}
	}
	return to
}
