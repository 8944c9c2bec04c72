package data

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/rng"
	"github.com/weightspace/weightspace/runtime/spec"
)

// splitLabel is the random stream of the train/validation permutation. It is frozen.
const splitLabel = "data/split"

// Build reads the source files of d and cuts them into splits: train is the first images of a permutation
// of the training files, drawn from splits.seed; validation is the next ones, or, where the sources bring
// validation images of their own, the first of those; test is the test files in their order. limit then
// keeps the first images of each. Images are transformed as they are read. Wrong sources and counts are
// *SourceError.
func Build(d *spec.Dataset, open Opener) (*Set, error) { return build(d, open, Limits{}) }

func build(d *spec.Dataset, open Opener, limits Limits) (*Set, error) {
	read, ok := readers[d.Format]
	if !ok {
		return nil, &SourceError{"format", fmt.Sprintf("%q is unknown; use one of %s", d.Format, strings.Join(spec.Formats, ", ")), nil}
	}
	if err := checkSpec(d); err != nil {
		return nil, err
	}
	b := newBuilder(d, open, limits.withDefaults())
	if err := read(b); err != nil {
		return nil, err
	}
	if err := b.check(); err != nil {
		return nil, err
	}
	set := &Set{Classes: b.classes, Normalization: d.Normalization}
	if set.Classes == 0 {
		set.Classes = countClasses(b.train, b.validation, b.test)
	}
	b.cut(set)
	if err := set.parseNormalization(); err != nil {
		return nil, err
	}
	set.ResultDigest = resultDigest(set)
	return set, nil
}

// check compares what was read with the splits that are wanted, and the shapes with one another.
func (b *builder) check() error {
	if err := checkCounts(&b.d.Splits, b.train.n(), b.validation.n(), b.test.n(), b.train.what, b.test.what); err != nil {
		return err
	}
	for _, c := range []*collector{b.validation, b.test} {
		if c.n() > 0 && c.shape != b.train.shape {
			return &SourceError{c.field, fmt.Sprintf("images are %v, but those of %s are %v", c.shape, b.train.what, b.train.shape), nil}
		}
	}
	return nil
}

// cut fills the splits.
func (b *builder) cut(set *Set) {
	s, limit := &b.d.Splits, &b.d.Limit
	order := rng.New(uint64(s.Seed), splitLabel).Permutation(b.train.n(), 0)
	set.Train = b.train.pick(keep(s.Train, limit.Train), order.At)
	inOrder := func(i int) int { return i }
	if b.validation.n() > 0 {
		set.Validation = b.validation.pick(keep(s.Validation, limit.Validation), inOrder)
	} else {
		set.Validation = b.train.pick(keep(s.Validation, limit.Validation), func(i int) int { return order.At(s.Train + i) })
	}
	set.Test = b.test.pick(keep(s.Test, limit.Test), inOrder)
}

func keep(n, limit int) int {
	if limit > 0 && limit < n {
		return limit
	}
	return n
}

// checkCounts wants every split to be there; a validation count of 0 has no images of its own.
func checkCounts(s *spec.Splits, train, validation, test int, trainWhat, testWhat string) error {
	switch {
	case s.Train < 1 || s.Validation < 0 || s.Test < 0:
		return &SourceError{"splits", fmt.Sprintf("train %d, validation %d, test %d are impossible counts", s.Train, s.Validation, s.Test), nil}
	case validation > 0 && s.Train > train:
		return &SourceError{"splits.train", fmt.Sprintf("%d asks for more than the %d images of %s", s.Train, train, trainWhat), nil}
	case validation > 0 && s.Validation > validation:
		return &SourceError{"splits.validation", fmt.Sprintf("%d asks for more than the %d validation images of the sources", s.Validation, validation), nil}
	case validation == 0 && (s.Train > train || s.Validation > train-s.Train):
		return &SourceError{"splits", fmt.Sprintf("train %d and validation %d ask for more than the %d images of %s", s.Train, s.Validation, train, trainWhat), nil}
	case s.Test > test:
		return &SourceError{"splits.test", fmt.Sprintf("%d asks for more than the %d images of %s", s.Test, test, testWhat), nil}
	}
	return nil
}

// countClasses is one more than the largest label of all sources, so that a limit does not change it.
func countClasses(from ...*collector) int {
	largest := uint16(0)
	for _, c := range from {
		for _, l := range c.labels {
			largest = max(largest, l)
		}
	}
	return int(largest) + 1
}

// resultDigest identifies the data: pixels, labels, shapes, classes and normalisation texts.
func resultDigest(s *Set) string {
	var b bytes.Buffer
	b.WriteString("weightspace data set 1\n")
	for _, name := range splitNames {
		sp := s.split(name)
		fmt.Fprintf(&b, "%s %d %d %d %d %x %x\n", name, sp.N, sp.C, sp.H, sp.W, sha256.Sum256(sp.Images), sha256.Sum256(encodeLabels(sp.Labels, s.Classes)))
	}
	fmt.Fprintf(&b, "classes %d\nmean %s\nstd %s\n", s.Classes, strings.Join(s.Normalization.Mean, " "), strings.Join(s.Normalization.Std, " "))
	return artifact.Digest(b.Bytes())
}

// SourceError names the role of the source file, or the field of the spec, that is wrong. It is the user's to
// mend: trying again cannot help.
type SourceError struct {
	// Field is a path such as files[trainImages], files[batch_2.bin] where several files have the role, or
	// splits.train.
	Field string
	// Problem says what is wrong.
	Problem string
	// Err is the cause, possibly nil.
	Err error
}

// Error implements error.
func (e *SourceError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Field, e.Problem, e.Err)
	}
	return e.Field + ": " + e.Problem
}

// Unwrap returns the cause.
func (e *SourceError) Unwrap() error { return e.Err }

// sourceError makes a mistake in the content of a file the user's; other errors keep their kind.
func sourceError(field, what string, err error) error {
	var format *FormatError
	if errors.As(err, &format) {
		return &SourceError{field, "the file is no valid " + what, err}
	}
	return fmt.Errorf("%s: %w", field, err)
}
