package data

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/rng"
	"github.com/weightspace/weightspace/runtime/spec"
)

// shape of one image.
type shape struct{ c, h, w int }

func (s shape) size() int { return s.c * s.h * s.w }

// String gives channels x height x width.
func (s shape) String() string { return fmt.Sprintf("%dx%dx%d", s.c, s.h, s.w) }

// collector gathers the transformed images of one source split, in the order of the sources.
type collector struct {
	// what names the source in messages, field is where it stands in the spec.
	what, field string
	transform   *transformer
	limits      Limits
	shape       shape
	// images are planes [C, H, W]; nil where the image is not wanted.
	images [][]uint8
	labels []uint16
	// keeps says that the pixels given to add stay as they are, so that they need no copy.
	keeps bool
	// arena is where the next images go.
	arena []uint8
	bytes int64
	// needs says of each image whether a split wants it; nil wants all.
	needs []bool
	// choose gives needs for a known number of images.
	choose func(n int) []bool
}

const arenaSize = 4 << 20

func (c *collector) n() int { return len(c.images) }

// expect tells how many images will come, where that is known before they are read: images that no
// split wants are then neither decoded nor kept.
func (c *collector) expect(n int) {
	if c.choose != nil {
		c.needs = c.choose(n)
	}
}

// slots makes room for n images that set fills in any order. n counts what is really there.
func (c *collector) slots(n int) {
	c.images, c.labels = make([][]uint8, n), make([]uint16, n)
	c.expect(n)
}

// wants says whether image i is needed.
func (c *collector) wants(i int) bool { return i >= len(c.needs) || c.needs[i] }

// add takes the next image, planes of the given shape, which it copies.
func (c *collector) add(pixels []uint8, from shape, label uint16) error {
	if int64(len(c.images)) >= c.limits.Items {
		return &FormatError{Problem: fmt.Sprintf("there are more than %d images", c.limits.Items)}
	}
	c.images, c.labels = append(c.images, nil), append(c.labels, label)
	return c.set(len(c.images)-1, pixels, from, label)
}

// set takes image i: it is transformed and copied, unless no split wants it.
func (c *collector) set(i int, pixels []uint8, from shape, label uint16) error {
	c.labels[i] = label
	if !c.wants(i) {
		return nil
	}
	out, to, err := c.transform.apply(pixels, from)
	if err != nil {
		return err
	}
	switch {
	case c.shape == shape{}:
		c.shape = to
	case c.shape != to:
		return &FormatError{Problem: fmt.Sprintf("the image is %v, those before it are %v; make them equal with transform.resize and transform.centerCrop", to, c.shape)}
	}
	size := to.size()
	if c.bytes += int64(size); c.bytes > c.limits.Bytes {
		return &FormatError{Problem: fmt.Sprintf("the images have more than %d bytes together", c.limits.Bytes)}
	}
	if c.keeps && size > 0 && &out[0] == &pixels[0] {
		c.images[i] = out[:size:size]
		return nil
	}
	if len(c.arena) < size {
		c.arena = make([]uint8, max(size, arenaSize/size*size))
	}
	c.images[i] = c.arena[:size:size]
	c.arena = c.arena[size:]
	copy(c.images[i], out)
	return nil
}

// pick copies n images, image i from position at(i).
func (c *collector) pick(n int, at func(int) int) Split {
	size := c.shape.size()
	out := Split{Images: make([]uint8, n*size), Labels: make([]uint16, n), N: n, C: c.shape.c, H: c.shape.h, W: c.shape.w}
	for i := range n {
		from := at(i)
		copy(out.Images[i*size:(i+1)*size], c.images[from])
		out.Labels[i] = c.labels[from]
	}
	return out
}

// builder reads the source files of a Dataset.
type builder struct {
	d                       *spec.Dataset
	open                    Opener
	limits                  Limits
	train, validation, test *collector
	// classes is set where the format knows them; 0 counts the labels.
	classes int
}

func newBuilder(d *spec.Dataset, open Opener, limits Limits) *builder {
	b := &builder{d: d, open: open, limits: limits}
	b.train, b.validation, b.test = b.collector(spec.RoleTrain), b.collector(spec.RoleValidation), b.collector(spec.RoleTest)
	b.train.choose = func(n int) []bool { return b.trainNeeds(n) }
	b.validation.choose = func(n int) []bool { return first(n, keep(d.Splits.Validation, d.Limit.Validation)) }
	b.test.choose = func(n int) []bool { return first(n, keep(d.Splits.Test, d.Limit.Test)) }
	return b
}

// trainNeeds marks the training images that train and validation take. Validation images of their own
// cannot be known yet, so that a part for validation is always marked.
func (b *builder) trainNeeds(n int) []bool {
	s, limit := &b.d.Splits, &b.d.Limit
	if s.Train < 1 || s.Validation < 0 || s.Train > n || s.Validation > n-s.Train {
		return nil // checkCounts will tell
	}
	order := rng.New(uint64(s.Seed), splitLabel).Permutation(n, 0)
	needs := make([]bool, n)
	for i := range keep(s.Train, limit.Train) {
		needs[order.At(i)] = true
	}
	for i := range keep(s.Validation, limit.Validation) {
		needs[order.At(s.Train+i)] = true
	}
	return needs
}

// first marks the first k of n.
func first(n, k int) []bool {
	needs := make([]bool, n)
	for i := range min(n, k) {
		needs[i] = true
	}
	return needs
}

// collector makes one that is named by the files of a role, or by the archive.
func (b *builder) collector(role string) *collector {
	c := &collector{what: role, field: "files[" + role + "]", transform: newTransformer(b.d.Transform), limits: b.limits}
	for _, f := range b.d.Files {
		if f.Role == role+"Images" {
			c.what, c.field = f.Role, "files["+f.Role+"]"
		}
		if f.Role == spec.RoleArchive {
			c.what, c.field = role+" in the archive", "files["+f.Role+"]"
		}
	}
	return c
}
