package data

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/weightspace/weightspace/runtime/spec"
)

var uspsShape = shape{1, 16, 16}

// readUSPS reads USPS in LIBSVM's text format, one image a line: a label from 1 (digit 0) to 10 and features
// index:value, index from 1 to 256 in rising order (those left out are 0), value in [-1, 1]. A pixel is the
// integer part of (value+1)/2*255 in float32, as torchvision makes it.
// Source: https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass.html.
func readUSPS(b *builder) error {
	b.classes = 10
	for _, s := range []struct {
		role string
		to   *collector
	}{{spec.RoleTrain, b.train}, {spec.RoleTest, b.test}} {
		if err := b.each(s.role, "LIBSVM file of USPS", func(f File) error { return readLIBSVM(f, s.to) }); err != nil {
			return err
		}
	}
	return nil
}

func readLIBSVM(f File, to *collector) error {
	r, err := unpack(f)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 16<<10), 64<<10)
	pixels := make([]uint8, uspsShape.size())
	at := int64(0)
	for i := 0; lines.Scan(); i++ {
		text := lines.Text()
		if strings.TrimSpace(text) != "" {
			label, err := uspsLine(text, pixels)
			if err == nil {
				err = to.add(pixels, uspsShape, label)
			}
			if err != nil {
				return within(err, at, fmt.Sprintf("line %d", i+1))
			}
		}
		at += int64(len(text)) + 1
	}
	err = lines.Err()
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		return &FormatError{at, "the line is longer than 64 KiB; this is no LIBSVM file of USPS", nil}
	case err != nil:
		return zipError(at, "the file cannot be read", err)
	case to.n() == 0:
		return &FormatError{at, "the file has no images", nil}
	}
	return nil
}

// uspsLine parses one image.
func uspsLine(text string, pixels []uint8) (label uint16, err error) {
	first, rest, _ := strings.Cut(strings.TrimLeft(text, " \t"), " ")
	l, err := strconv.ParseFloat(strings.TrimSpace(first), 64)
	if err != nil || l < 1 || l > 10 || l != math.Trunc(l) {
		return 0, &FormatError{0, fmt.Sprintf("the label is %.20q, it has to be from 1 to 10", first), nil}
	}
	for i := range pixels {
		pixels[i] = uspsPixel(0)
	}
	last := 0
	for word := range strings.FieldsSeq(rest) {
		index, value, ok := strings.Cut(word, ":")
		i, err1 := strconv.Atoi(index)
		v, err2 := strconv.ParseFloat(value, 64)
		switch {
		case !ok || err1 != nil || err2 != nil:
			return 0, &FormatError{0, fmt.Sprintf("%.40q is no feature index:value", word), nil}
		case i <= last || i > len(pixels):
			return 0, &FormatError{0, fmt.Sprintf("feature %d after %d: they rise from 1 to %d", i, last, len(pixels)), nil}
		case !(v >= -1 && v <= 1):
			return 0, &FormatError{0, fmt.Sprintf("feature %d is %v, it has to be from -1 to 1", i, v), nil}
		}
		pixels[i-1] = uspsPixel(float32(v))
		last = i
	}
	return uint16(l) - 1, nil
}

func uspsPixel(v float32) uint8 { return uint8(float32(float32(v+1)/2) * 255) }
