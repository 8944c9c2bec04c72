package tensor

import (
	"fmt"
	"slices"
	"strings"
)

// Shape is the extents of a tensor's axes, row-major: the last axis is contiguous. A scalar has
// no axes. A shape never includes the population axis: that one leads every tensor and belongs
// to the executor.
type Shape []int

// Size is the number of elements.
func (s Shape) Size() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// Equal reports equal extents.
func (s Shape) Equal(t Shape) bool { return slices.Equal(s, t) }

// Clone is a copy.
func (s Shape) Clone() Shape { return slices.Clone(s) }

// String is "[2 3 4]" written as "2x3x4"; a scalar is "scalar".
func (s Shape) String() string {
	if len(s) == 0 {
		return "scalar"
	}
	parts := make([]string, len(s))
	for i, d := range s {
		parts[i] = fmt.Sprint(d)
	}
	return strings.Join(parts, "x")
}

// Around splits the shape at an axis: [outer, s[axis], inner].
func (s Shape) Around(axis int) (outer, extent, inner int) {
	return s[:axis].Size(), s[axis], s[axis+1:].Size()
}

// Strides are the distances in elements between neighbours along each axis.
func (s Shape) Strides() []int {
	st := make([]int, len(s))
	n := 1
	for i := len(s) - 1; i >= 0; i-- {
		st[i] = n
		n *= s[i]
	}
	return st
}

// Broadcast is the common shape of two operands under NumPy's rule: shapes are aligned at the
// last axis, and an extent of 1 stretches.
func Broadcast(a, b Shape) (Shape, error) {
	n := max(len(a), len(b))
	out := make(Shape, n)
	for i := range n {
		x, y := 1, 1
		if j := i - (n - len(a)); j >= 0 {
			x = a[j]
		}
		if j := i - (n - len(b)); j >= 0 {
			y = b[j]
		}
		switch {
		case x == y, y == 1:
			out[i] = x
		case x == 1:
			out[i] = y
		default:
			return nil, fmt.Errorf("shapes %s and %s do not broadcast: axis %d has %d and %d", a, b, i, x, y)
		}
	}
	return out, nil
}
