package data

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/rng"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Roles of source files, as in the API.
const (
	RoleTrainImages = "trainImages"
	RoleTrainLabels = "trainLabels"
	RoleTestImages  = "testImages"
	RoleTestLabels  = "testLabels"
)

// splitLabel is the random stream of the train/validation permutation. It is frozen.
const splitLabel = "data/split"

// SourceError names the role of the source file, or the field of the spec, that is wrong. It is the user's to
// mend: trying again cannot help.
type SourceError struct {
	// Field is a path such as files[trainImages] or splits.train.
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

func isFlate(err error) bool {
	var c flate.CorruptInputError
	return errors.As(err, &c)
}

// Build reads the source files of d and cuts them into splits: train and validation are the
// first images of a permutation of the training files, drawn from splits.seed; test is the test
// files in their order. limit then keeps the first images of each. open gives a file by its role.
// Wrong sources and counts are *SourceError.
func Build(d *spec.Dataset, open func(role string) (io.ReadCloser, error)) (*Set, error) {
	if d.Format != "idx" {
		return nil, &SourceError{"format", fmt.Sprintf("%q is unknown; use idx", d.Format), nil}
	}
	train, err := readPair(open, RoleTrainImages, RoleTrainLabels)
	if err != nil {
		return nil, err
	}
	test, err := readPair(open, RoleTestImages, RoleTestLabels)
	if err != nil {
		return nil, err
	}
	if train.C != test.C || train.H != test.H || train.W != test.W {
		return nil, &SourceError{"files[" + RoleTestImages + "]", fmt.Sprintf("images are %dx%dx%d, but those of %s are %dx%dx%d", test.C, test.H, test.W, RoleTrainImages, train.C, train.H, train.W), nil}
	}
	s := &d.Splits
	if err := checkCounts(s, train.N, test.N); err != nil {
		return nil, err
	}
	order := rng.New(uint64(s.Seed), splitLabel).Permutation(train.N, 0)
	set := &Set{Classes: classes(train, test), Normalization: d.Normalization}
	set.Train = train.pick(keep(s.Train, d.Limit.Train), order.At)
	set.Validation = train.pick(keep(s.Validation, d.Limit.Validation), func(i int) int { return order.At(s.Train + i) })
	set.Test = test.pick(keep(s.Test, d.Limit.Test), func(i int) int { return i })
	if err := set.parseNormalization(); err != nil {
		return nil, err
	}
	set.ResultDigest = resultDigest(set)
	return set, nil
}

func keep(n, limit int) int {
	if limit > 0 && limit < n {
		return limit
	}
	return n
}

func checkCounts(s *spec.Splits, train, test int) error {
	switch {
	case s.Train < 1 || s.Validation < 0 || s.Test < 0:
		return &SourceError{"splits", fmt.Sprintf("train %d, validation %d, test %d are impossible counts", s.Train, s.Validation, s.Test), nil}
	case s.Train > train || s.Validation > train-s.Train:
		return &SourceError{"splits", fmt.Sprintf("train %d and validation %d ask for more than the %d images of %s", s.Train, s.Validation, train, RoleTrainImages), nil}
	case s.Test > test:
		return &SourceError{"splits.test", fmt.Sprintf("%d asks for more than the %d images of %s", s.Test, test, RoleTestImages), nil}
	}
	return nil
}

// readPair reads images and their labels as one split.
func readPair(open func(string) (io.ReadCloser, error), imageRole, labelRole string) (*Split, error) {
	images, err := readRole(open, imageRole)
	if err != nil {
		return nil, err
	}
	labels, err := readRole(open, labelRole)
	if err != nil {
		return nil, err
	}
	sp := &Split{Images: images.Data, Labels: WidenLabels(labels.Data), N: images.Shape[0], C: 1}
	switch shape := images.Shape; len(shape) {
	case 3: // [N, H, W]
		sp.H, sp.W = shape[1], shape[2]
	case 4: // [N, C, H, W]
		sp.C, sp.H, sp.W = shape[1], shape[2], shape[3]
	default:
		return nil, &SourceError{"files[" + imageRole + "]", fmt.Sprintf("it has %d dimensions, images need 3 (N, H, W) or 4 (N, C, H, W); are images and labels swapped?", len(shape)), nil}
	}
	switch {
	case len(labels.Shape) != 1:
		return nil, &SourceError{"files[" + labelRole + "]", fmt.Sprintf("it has %d dimensions, labels need 1; are images and labels swapped?", len(labels.Shape)), nil}
	case labels.Shape[0] != sp.N:
		return nil, &SourceError{"files[" + labelRole + "]", fmt.Sprintf("%d labels for the %d images of %s", labels.Shape[0], sp.N, imageRole), nil}
	}
	return sp, nil
}

func readRole(open func(string) (io.ReadCloser, error), role string) (*IDX, error) {
	field := "files[" + role + "]"
	r, err := open(role)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	defer r.Close()
	f, err := ReadIDX(r, Limits{})
	var format *FormatError
	if errors.As(err, &format) {
		return nil, &SourceError{field, "the file is no valid IDX file", err}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	return f, nil
}

// classes is one more than the largest label of all sources, so that a limit does not change it.
func classes(splits ...*Split) int {
	largest := uint16(0)
	for _, s := range splits {
		for _, l := range s.Labels {
			largest = max(largest, l)
		}
	}
	return int(largest) + 1
}

// pick copies n images, image i from position at(i).
func (s *Split) pick(n int, at func(int) int) Split {
	size := s.C * s.H * s.W
	out := Split{Images: make([]uint8, n*size), Labels: make([]uint16, n), N: n, C: s.C, H: s.H, W: s.W}
	for i := range n {
		from := at(i)
		copy(out.Images[i*size:(i+1)*size], s.Images[from*size:(from+1)*size])
		out.Labels[i] = s.Labels[from]
	}
	return out
}

// parseNormalization fills Mean and Std from the texts.
func (s *Set) parseNormalization() error {
	var err error
	if s.Mean, err = parseChannels("normalization.mean", s.Normalization.Mean, s.Train.C); err != nil {
		return err
	}
	if s.Std, err = parseChannels("normalization.std", s.Normalization.Std, s.Train.C); err != nil {
		return err
	}
	for i, v := range s.Std {
		if v <= 0 {
			return &SourceError{fmt.Sprintf("normalization.std[%d]", i), fmt.Sprintf("%v is not above 0", v), nil}
		}
	}
	return nil
}

// parseChannels parses one number per channel; a single number serves all.
func parseChannels(field string, texts []string, channels int) ([]float32, error) {
	if len(texts) != channels && len(texts) != 1 {
		return nil, &SourceError{field, fmt.Sprintf("%d values for images of %d channels", len(texts), channels), nil}
	}
	out := make([]float32, channels)
	for i := range out {
		text := texts[min(i, len(texts)-1)]
		v, err := strconv.ParseFloat(text, 32)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, &SourceError{field, fmt.Sprintf("%q is no finite number", text), nil}
		}
		out[i] = float32(v)
	}
	return out, nil
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
