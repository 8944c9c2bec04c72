package data

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/spec"
)

var svhnShape = shape{3, 32, 32}

// readSVHN reads the cropped digits of SVHN: X is uint8 [32, 32, 3, N] in column-major order, y holds N labels
// from 1 to 10, where 10 is the digit 0. Source: http://ufldl.stanford.edu/housenumbers.
func readSVHN(b *builder) error {
	b.classes = 10
	for _, s := range []struct {
		role string
		to   *collector
	}{{spec.RoleTrain, b.train}, {spec.RoleTest, b.test}} {
		if err := b.each(s.role, "MATLAB file of SVHN", func(f File) error { return readSVHNFile(f, s.to) }); err != nil {
			return err
		}
	}
	return nil
}

func readSVHNFile(f File, to *collector) error {
	var labels []uint8
	haveX := false
	err := readMAT(f, func(a *matArray) (err error) {
		switch a.name {
		case "X":
			if haveX {
				return &FormatError{0, "it is there twice", nil}
			}
			haveX = true
			return svhnImages(a, to)
		case "y":
			labels, err = svhnLabels(a, to.limits.Items)
		}
		return err
	})
	if err != nil {
		return err
	}
	if !haveX || labels == nil {
		return &FormatError{0, "the file lacks the images X or the labels y", nil}
	}
	return within(to.setLabels(labels, 0, 10), 0, `"y"`)
}

func svhnImages(a *matArray, to *collector) error {
	if a.typ != matUint8 || len(a.dims) < 3 || len(a.dims) > 4 || a.dims[0] != svhnShape.h || a.dims[1] != svhnShape.w || a.dims[2] != svhnShape.c {
		return &FormatError{0, fmt.Sprintf("type %d, dimensions %v; bytes [32 32 3 N] are read", a.typ, a.dims), nil}
	}
	n := int64(1) // MATLAB drops a last dimension of 1
	if len(a.dims) == 4 {
		n = int64(a.dims[3])
	}
	if n < 1 || n > to.limits.Items {
		return &FormatError{0, fmt.Sprintf("%d images, from 1 to %d are read", n, to.limits.Items), nil}
	}
	to.expect(int(n)) // as many as bytes are there: readMAT has compared them
	turned := make([]uint8, svhnShape.size())
	got, err := records(a.r, svhnShape.size(), func(i int, b []byte) error {
		if to.wants(i) {
			b = transposed(turned, b, svhnShape)
		}
		return to.add(b, svhnShape, 0)
	})
	if err == nil && int64(got) < n {
		err = &FormatError{0, fmt.Sprintf("the data end after %d of %d images", got, n), nil}
	}
	return err
}

// svhnLabels reads digits; 10 becomes 0.
func svhnLabels(a *matArray, most int64) ([]uint8, error) {
	numbers, err := a.numbers(most)
	if err != nil {
		return nil, err
	}
	out := make([]uint8, len(numbers))
	for i, v := range numbers {
		switch {
		case v == 10:
			out[i] = 0
		case v >= 0 && v < 10 && v == float64(int(v)):
			out[i] = uint8(v)
		default:
			return nil, &FormatError{0, fmt.Sprintf("label %d is %v, it has to be from 1 to 10", i, v), nil}
		}
	}
	return out, nil
}
