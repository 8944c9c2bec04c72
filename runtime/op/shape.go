package op

import (
	"slices"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// Reshape views x under another shape of the same size; one extent may be -1.
func (g *Graph) Reshape(x Value, shape ...int) Value {
	s := tensor.Shape(shape).Clone()
	if i := slices.Index(s, -1); i >= 0 {
		s[i] = 1
		if n := s.Size(); n > 0 && g.size(x)%n == 0 {
			s[i] = g.size(x) / n
		}
	}
	if s.Size() != g.size(x) || slices.ContainsFunc(s, func(d int) bool { return d < 0 }) {
		fail("reshape", "%s has %d elements, %s another number", g.Shape(x), g.size(x), tensor.Shape(shape))
	}
	from := g.Shape(x)
	return g.view(x, s, 0, func(dy Value) Value { return g.Reshape(dy, from...) })
}

// Flatten views the axes from first on as one.
func (g *Graph) Flatten(x Value, first int) Value {
	s := g.Shape(x)
	if first < 0 || first > len(s) {
		fail("flatten", "axis %d of shape %s", first, s)
	}
	return g.Reshape(x, append(s[:first].Clone(), s[first:].Size())...)
}

// Transpose permutes axes: axis i of the result is axis perm[i] of x.
func (g *Graph) Transpose(x Value, perm ...int) Value {
	s := g.Shape(x)
	if len(perm) != len(s) {
		fail("transpose", "%d axes for shape %s", len(perm), s)
	}
	out, inverse := make(tensor.Shape, len(s)), make([]int, len(s))
	for i := range inverse {
		inverse[i] = -1
	}
	for i, p := range perm {
		if p < 0 || p >= len(s) || inverse[p] >= 0 {
			fail("transpose", "%v is no permutation of the axes of %s", perm, s)
		}
		out[i], inverse[p] = s[p], i
	}
	k := device.Transpose{In: s.Clone(), Perm: slices.Clone(perm)}
	return g.record(k, out, []Value{x}, func(dy Value, _ []bool) []Value { return []Value{g.Transpose(dy, inverse...)} })
}

func (g *Graph) axis(op string, x Value, axis int) int {
	n := len(g.Shape(x))
	if axis < -n || axis >= n {
		fail(op, "axis %d of shape %s", axis, g.Shape(x))
	}
	if axis < 0 {
		axis += n
	}
	return axis
}

// Slice takes indices [from, to) of an axis. Slices of the leading axis are views.
func (g *Graph) Slice(x Value, axis, from, to int) Value {
	axis = g.axis("slice", x, axis)
	s := g.Shape(x)
	if from < 0 || to > s[axis] || from > to {
		fail("slice", "[%d, %d) of axis %d of shape %s", from, to, axis, s)
	}
	out := s.Clone()
	out[axis] = to - from
	outer, extent, inner := s.Around(axis)
	vjp := func(dy Value) Value { return g.Pad(dy, axis, from, extent-to) }
	if outer == 1 {
		return g.view(x, out, from*inner, vjp)
	}
	k := device.Copy{Outer: outer, Inner: inner, FromExtent: extent, From: from, ToExtent: to - from, Count: to - from}
	return g.record(k, out, []Value{x}, func(dy Value, _ []bool) []Value { return []Value{vjp(dy)} })
}

// Pad puts zeros before and after an axis.
func (g *Graph) Pad(x Value, axis, before, after int) Value {
	axis = g.axis("pad", x, axis)
	if before < 0 || after < 0 {
		fail("pad", "%d and %d elements", before, after)
	}
	s := g.Shape(x)
	out := s.Clone()
	out[axis] += before + after
	outer, extent, inner := s.Around(axis)
	k := device.Copy{Outer: outer, Inner: inner, FromExtent: extent, ToExtent: out[axis], To: before, Count: extent, Zero: true}
	return g.record(k, out, []Value{x}, func(dy Value, _ []bool) []Value { return []Value{g.Slice(dy, axis, before, before+extent)} })
}

// Concat joins values along an axis.
func (g *Graph) Concat(axis int, xs ...Value) Value {
	if len(xs) == 0 {
		fail("concat", "nothing to join")
	}
	axis = g.axis("concat", xs[0], axis)
	out := g.Shape(xs[0]).Clone()
	for _, x := range xs[1:] {
		s := g.Shape(x)
		if len(s) != len(out) {
			fail("concat", "shapes %s and %s", out, s)
		}
		for i := range s {
			if i != axis && s[i] != out[i] {
				fail("concat", "shapes %s and %s differ beside axis %d", out, s, axis)
			}
		}
		out[axis] += s[axis]
	}
	k := device.Concat{Extents: make([]int, len(xs))}
	k.Outer, _, k.Inner = out.Around(axis)
	for i, x := range xs {
		k.Extents[i] = g.Shape(x)[axis]
	}
	return g.record(k, out, slices.Clone(xs), func(dy Value, need []bool) []Value {
		d, at := make([]Value, len(xs)), 0
		for i, n := range k.Extents {
			if need[i] {
				d[i] = g.Slice(dy, axis, at, at+n)
			}
			at += n
		}
		return d
	})
}

// Split cuts an axis into parts of the given extents.
func (g *Graph) Split(x Value, axis int, extents ...int) []Value {
	axis = g.axis("split", x, axis)
	out, at := make([]Value, len(extents)), 0
	for i, n := range extents {
		out[i] = g.Slice(x, axis, at, at+n)
		at += n
	}
	if at != g.Shape(x)[axis] {
		fail("split", "parts %v of axis %d of shape %s", extents, axis, g.Shape(x))
	}
	return out
}

// Expand repeats x along a new axis of extent n.
func (g *Graph) Expand(x Value, axis, n int) Value { return g.expand(x, axis, n, 1) }

func (g *Graph) expand(x Value, axis, n int, scale float64) Value {
	s := g.Shape(x)
	if axis < 0 || axis > len(s) || n < 0 {
		fail("expand", "axis %d of extent %d for shape %s", axis, n, s)
	}
	k := device.Expand{Outer: s[:axis].Size(), Extent: n, Inner: s[axis:].Size(), Scale: scale}
	return g.record(k, slices.Insert(s.Clone(), axis, n), []Value{x}, func(dy Value, _ []bool) []Value {
		return []Value{g.reduceSum(dy, axis, scale)}
	})
}

// BroadcastTo stretches x to a shape under NumPy's rule.
func (g *Graph) BroadcastTo(x Value, shape ...int) Value {
	if g.Shape(x).Equal(shape) {
		return x
	}
	y := g.Add(x, g.Fill(0, shape...))
	if !g.Shape(y).Equal(shape) {
		fail("broadcast", "%s does not fit into %s", g.Shape(x), tensor.Shape(shape))
	}
	return y
}
