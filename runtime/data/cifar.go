package data

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/weightspace/weightspace/runtime/spec"
)

// cifar is the layout of the binary version of CIFAR-10 or CIFAR-100: records of one or two label bytes
// (coarse, fine) and the planes red, green, blue of 32x32 bytes.
// Source: https://www.cs.toronto.edu/~kriz/cifar.html.
type cifar struct {
	what string
	// labels is the number of label bytes, of which byte at counts.
	labels, at, classes int
	// train and test match the names in the archive.
	train, test string
}

var cifarShape = shape{3, 32, 32}

func (l *cifar) size() int { return l.labels + cifarShape.size() }

func readCIFAR10(b *builder) error {
	l := &cifar{what: "binary file of CIFAR-10", labels: 1, classes: 10, train: "data_batch_*.bin", test: "test_batch.bin"}
	return l.read(b)
}

func readCIFAR100(b *builder) error {
	l := &cifar{what: "binary file of CIFAR-100", labels: 2, at: 1, classes: 100, train: "train.bin", test: "test.bin"}
	if b.d.Options != nil && b.d.Options.Labels == spec.LabelsCoarse {
		l.at, l.classes = 0, 20
	}
	return l.read(b)
}

func (l *cifar) read(b *builder) error {
	b.classes = l.classes
	if files := b.files(spec.RoleArchive); len(files) > 0 {
		return b.readFile(files[0], "archive of a "+l.what, func(f File) error { return l.archive(b, f) })
	}
	for _, s := range []struct {
		role string
		to   *collector
	}{{spec.RoleTrain, b.train}, {spec.RoleTest, b.test}} {
		if err := b.each(s.role, l.what, func(f File) error {
			r, err := unpack(f)
			if err != nil {
				return err
			}
			return l.records(r, func(b []byte, label uint16) error { return s.to.add(b, cifarShape, label) })
		}); err != nil {
			return err
		}
	}
	return nil
}

// records reads one file.
func (l *cifar) records(r io.Reader, each func(pixels []byte, label uint16) error) error {
	n, err := records(r, l.size(), func(_ int, b []byte) error {
		if int(b[l.at]) >= l.classes {
			return &FormatError{int64(l.at), fmt.Sprintf("the label is %d, it has to be from 0 to %d; is this the other CIFAR?", b[l.at], l.classes-1), nil}
		}
		return each(b[l.labels:], uint16(b[l.at]))
	})
	if err == nil && n == 0 {
		return &FormatError{0, "the file is empty", nil}
	}
	return err
}

// archive reads the official tar.gz: its entries come in any order, their images are taken in the order of
// the names.
func (l *cifar) archive(b *builder, f File) error {
	type part struct {
		to   *collector
		from int
	}
	sizes := map[string]int{}
	if err := walk(f, b.limits, func(e *entry) error {
		if name := path.Base(e.name); matches(l.train, name) || matches(l.test, name) {
			if e.size%int64(l.size()) != 0 || e.size/int64(l.size()) > b.limits.Items {
				return &FormatError{e.offset, fmt.Sprintf("entry %q has %d bytes, which is no whole number of records of %d", e.name, e.size, l.size()), nil}
			}
			sizes[e.name] = int(e.size) / l.size()
		}
		return nil
	}); err != nil {
		return err
	}
	names := make([]string, 0, len(sizes))
	for name := range sizes {
		names = append(names, name)
	}
	slices.Sort(names)
	parts := map[string]part{}
	counts := map[*collector]int{}
	for _, name := range names {
		to := b.train
		if matches(l.test, path.Base(name)) {
			to = b.test
		}
		parts[name] = part{to, counts[to]}
		counts[to] += sizes[name]
	}
	if counts[b.train] == 0 || counts[b.test] == 0 {
		return &FormatError{0, fmt.Sprintf("the archive has no %s or no %s", l.train, l.test), nil}
	}
	b.train.slots(counts[b.train])
	b.test.slots(counts[b.test])
	return walk(f, b.limits, func(e *entry) error {
		p, ok := parts[e.name]
		if !ok {
			return nil
		}
		r, err := e.open()
		if err != nil {
			return err
		}
		defer r.Close()
		at, end := p.from, p.from+sizes[e.name]
		err = l.records(r, func(b []byte, label uint16) error {
			if at == end {
				return &FormatError{0, "the entry is longer than it says", nil}
			}
			at++
			return p.to.set(at-1, b, cifarShape, label)
		})
		if err == nil && at < end {
			err = &FormatError{0, fmt.Sprintf("it has %d records, %d are missing", at-p.from, end-at), nil}
		}
		return within(err, e.offset, fmt.Sprintf("entry %q", e.name))
	})
}

// matches compares a name with a pattern of at most one star.
func matches(pattern, name string) bool {
	before, after, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	return len(name) >= len(before)+len(after) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after)
}
