package data

import (
	"fmt"
	"io"
	"path"

	"github.com/weightspace/weightspace/runtime/spec"
)

// STL-10's binary version: *_X.bin holds records of the planes red, green, blue of 96x96 bytes, each stored by
// columns; *_y.bin holds a byte from 1 to 10 per image. Source: https://cs.stanford.edu/~acoates/stl10.
const stlWhat = "binary file of STL-10"

var stlShape = shape{3, 96, 96}

// stlPair is a split's images and labels.
type stlPair struct {
	to             *collector
	images, labels string // names in the archive
	content        []byte // the labels' file
	read           bool
}

func readSTL10(b *builder) error {
	b.classes = 10
	if files := b.files(spec.RoleArchive); len(files) > 0 {
		return b.readFile(files[0], "archive of STL-10", func(f File) error { return readSTLArchive(b, f) })
	}
	for _, s := range []struct {
		to             *collector
		images, labels string
	}{{b.train, spec.RoleTrainImages, spec.RoleTrainLabels}, {b.test, spec.RoleTestImages, spec.RoleTestLabels}} {
		if err := b.each(s.images, stlWhat, func(f File) error {
			r, err := unpack(f)
			if err != nil {
				return err
			}
			return stlImages(r, s.to)
		}); err != nil {
			return err
		}
		if err := b.each(s.labels, stlWhat, func(f File) error {
			r, err := unpack(f)
			if err != nil {
				return err
			}
			labels, err := stlLabels(r, s.to.n())
			if err != nil {
				return err
			}
			return s.to.setLabels(labels, 1, 10)
		}); err != nil {
			return err
		}
	}
	return nil
}

func stlImages(r io.Reader, to *collector) error {
	turned := make([]uint8, stlShape.size())
	n, err := records(r, stlShape.size(), func(i int, b []byte) error {
		if to.wants(i) {
			b = transposed(turned, b, stlShape)
		}
		return to.add(b, stlShape, 0)
	})
	if err == nil && n == 0 {
		return &FormatError{0, "the file is empty", nil}
	}
	return err
}

// stlLabels reads n labels, and one more where there is one, so that a wrong file shows.
func stlLabels(r io.Reader, n int) ([]uint8, error) {
	b, err := readGrowing(r, int64(n)+1)
	if err != nil {
		return nil, zipError(int64(len(b)), "the labels cannot be read", err)
	}
	return b, nil
}

// readSTLArchive reads the official tar.gz; the unlabelled images are passed over.
func readSTLArchive(b *builder, f File) error {
	pairs := []*stlPair{
		{to: b.train, images: "train_X.bin", labels: "train_y.bin"},
		{to: b.test, images: "test_X.bin", labels: "test_y.bin"},
	}
	if err := walk(f, b.limits, func(e *entry) error {
		for _, p := range pairs {
			if err := p.visit(e); err != nil {
				return within(err, e.offset, fmt.Sprintf("entry %q", e.name))
			}
		}
		return nil
	}); err != nil {
		return err
	}
	for _, p := range pairs {
		if !p.read || p.content == nil {
			return &FormatError{0, fmt.Sprintf("the archive lacks %s or %s", p.images, p.labels), nil}
		}
		if err := p.to.setLabels(p.content, 1, 10); err != nil {
			return within(err, 0, p.labels)
		}
	}
	return nil
}

func (p *stlPair) visit(e *entry) (err error) {
	switch path.Base(e.name) {
	case p.labels:
		p.content, err = e.content(16 << 20)
		return err
	case p.images:
		if p.read {
			return &FormatError{0, "the archive has two of them", nil}
		}
		p.read = true
		r, err := e.open()
		if err != nil {
			return err
		}
		defer r.Close()
		if n := e.size / int64(stlShape.size()); n <= p.to.limits.Items {
			p.to.expect(int(n))
		}
		return stlImages(r, p.to)
	}
	return nil
}
