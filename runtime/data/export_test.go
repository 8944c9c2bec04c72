package data

import "github.com/weightspace/weightspace/runtime/spec"

// ResultDigest is for the tests.
var ResultDigest = resultDigest

// BuildWithin is Build with limits.
var BuildWithin = build

// ReadAll reads all source images in the order of the sources, before they are cut into splits.
func ReadAll(d *spec.Dataset, open Opener, limits Limits) (splits map[string]Split, classes int, err error) {
	b := newBuilder(d, open, limits.withDefaults())
	splits = map[string]Split{}
	for _, c := range []*collector{b.train, b.validation, b.test} {
		c.choose = nil
	}
	if err := readers[d.Format](b); err != nil {
		return nil, 0, err
	}
	inOrder := func(i int) int { return i }
	for role, c := range map[string]*collector{spec.RoleTrain: b.train, spec.RoleValidation: b.validation, spec.RoleTest: b.test} {
		if c.n() > 0 {
			splits[role] = c.pick(c.n(), inOrder)
		}
	}
	if b.classes == 0 {
		b.classes = countClasses(b.train, b.validation, b.test)
	}
	return splits, b.classes, nil
}

// DecodePicture decodes a PNG or JPEG file to planes and their size.
func DecodePicture(b []byte, limits Limits) ([]uint8, int, error) {
	p := pictures{limits: limits.withDefaults()}
	pixels, s, err := p.decode(b)
	return pixels, s.size(), err
}
