// Package check holds helpers for tests: guarded slices, bit comparison, gradient checks, the table of tolerances, and the suites
// that every device must pass.
package check

import (
	"fmt"
	"math"
)

// guardWords surround every guarded slice; guardBits is a NaN with a payload no kernel makes.
const (
	guardWords = 32
	guardBits  = 0x7fc5a5a5
)

// Guards hands out slices surrounded by canary words.
type Guards struct{ buffers []guarded }

type guarded struct {
	all      []float32
	from, to int
}

// New returns a zeroed slice of n floats, offset floats away from the allocation's alignment.
func (g *Guards) New(n, offset int) []float32 {
	from := guardWords + offset
	all := make([]float32, from+n+guardWords)
	for i := range all {
		if i < from || i >= from+n {
			all[i] = math.Float32frombits(guardBits)
		}
	}
	g.buffers = append(g.buffers, guarded{all, from, from + n})
	return all[from : from+n : from+n]
}

// Check fails if any word outside a slice was written.
func (g *Guards) Check() error {
	for b, s := range g.buffers {
		for i, v := range s.all {
			if (i < s.from || i >= s.to) && math.Float32bits(v) != guardBits {
				return fmt.Errorf("slice %d: word %d relative to its start was overwritten (length %d)", b, i-s.from, s.to-s.from)
			}
		}
	}
	return nil
}

// FirstDifference is the first index at which the bits differ, or -1; slices of different
// lengths differ at the shorter length.
func FirstDifference(a, b []float32) int {
	for i, v := range a {
		if i == len(b) || math.Float32bits(v) != math.Float32bits(b[i]) {
			return i
		}
	}
	if len(a) < len(b) {
		return len(a)
	}
	return -1
}
