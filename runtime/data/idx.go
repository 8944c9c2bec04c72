package data

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/weightspace/weightspace/runtime/spec"
)

// IDX is the content of an IDX file of unsigned bytes.
type IDX struct {
	// Shape has 1 to 4 dimensions, the first counts items.
	Shape []int
	// Data is row-major.
	Data []uint8
}

const idxTypeUint8 = 0x08

// ReadIDX reads an IDX file of unsigned bytes with 1 to 4 dimensions, plain or gzip-compressed
// (told by its first bytes). It allocates as data arrive, never by what the header claims, and
// reads one byte more than declared, so that a bomb ends there. Errors of the format are
// *FormatError; errors of r are returned wrapped.
func ReadIDX(r io.Reader, limits Limits) (*IDX, error) {
	limits = limits.withDefaults()
	in, err := unpack(r)
	if err != nil {
		return nil, err
	}
	return readIDX(in, limits)
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

// readIDXSet reads the four files of an IDX data set.
func readIDXSet(b *builder) error {
	for _, s := range []struct {
		to             *collector
		images, labels string
	}{{b.train, spec.RoleTrainImages, spec.RoleTrainLabels}, {b.test, spec.RoleTestImages, spec.RoleTestLabels}} {
		if err := b.readIDXPair(s.to, s.images, s.labels); err != nil {
			return err
		}
	}
	return nil
}

// readIDXPair reads images and their labels.
func (b *builder) readIDXPair(to *collector, imageRole, labelRole string) error {
	images, err := b.readIDXRole(imageRole)
	if err != nil {
		return err
	}
	labels, err := b.readIDXRole(labelRole)
	if err != nil {
		return err
	}
	s, n := shape{c: 1}, images.Shape[0]
	switch dims := images.Shape; len(dims) {
	case 3: // [N, H, W]
		s.h, s.w = dims[1], dims[2]
	case 4: // [N, C, H, W]
		s.c, s.h, s.w = dims[1], dims[2], dims[3]
	default:
		return &SourceError{"files[" + imageRole + "]", fmt.Sprintf("it has %d dimensions, images need 3 (N, H, W) or 4 (N, C, H, W); are images and labels swapped?", len(dims)), nil}
	}
	switch {
	case len(labels.Shape) != 1:
		return &SourceError{"files[" + labelRole + "]", fmt.Sprintf("it has %d dimensions, labels need 1; are images and labels swapped?", len(labels.Shape)), nil}
	case labels.Shape[0] != n:
		return &SourceError{"files[" + labelRole + "]", fmt.Sprintf("%d labels for the %d images of %s", labels.Shape[0], n, imageRole), nil}
	}
	to.keeps = true
	to.expect(n)
	for i, label := range labels.Data {
		if err := to.add(images.Data[i*s.size():(i+1)*s.size()], s, uint16(label)); err != nil {
			return sourceError("files["+imageRole+"]", "IDX file", record(err, int64(i*s.size()), i))
		}
	}
	return nil
}

func (b *builder) readIDXRole(role string) (*IDX, error) {
	var idx *IDX
	err := b.each(role, "IDX file", func(f File) (err error) {
		idx, err = ReadIDX(f, b.limits)
		return err
	})
	return idx, err
}
