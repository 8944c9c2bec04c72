package op

import (
	"slices"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// reduceSum sums over an axis, which disappears, and scales.
func (g *Graph) reduceSum(x Value, axis int, scale float64) Value {
	s := g.Shape(x)
	outer, extent, inner := s.Around(axis)
	k := device.Reduce{Op: device.ReduceSum, Outer: outer, Extent: extent, Inner: inner, Scale: scale}
	return g.record(k, slices.Delete(s.Clone(), axis, axis+1), []Value{x}, func(dy Value, _ []bool) []Value {
		return []Value{g.expand(dy, axis, extent, scale)}
	})
}

func (g *Graph) keep(y Value, s tensor.Shape, axis int, keep bool) Value {
	if !keep {
		return y
	}
	s = s.Clone()
	s[axis] = 1
	return g.Reshape(y, s...)
}

// SumAxis sums over an axis; keep leaves it with extent 1.
func (g *Graph) SumAxis(x Value, axis int, keep bool) Value {
	axis = g.axis("sum", x, axis)
	return g.keep(g.reduceSum(x, axis, 1), g.Shape(x), axis, keep)
}

// MeanAxis averages over an axis.
func (g *Graph) MeanAxis(x Value, axis int, keep bool) Value {
	axis = g.axis("mean", x, axis)
	n := g.Shape(x)[axis]
	if n == 0 {
		fail("mean", "axis %d of shape %s is empty", axis, g.Shape(x))
	}
	return g.keep(g.reduceSum(x, axis, 1/float64(n)), g.Shape(x), axis, keep)
}

// MaxAxis is the maximum over an axis; equal maxima share the gradient, as PyTorch's amax.
func (g *Graph) MaxAxis(x Value, axis int, keep bool) Value {
	axis = g.axis("max", x, axis)
	s := g.Shape(x)
	outer, extent, inner := s.Around(axis)
	if extent == 0 {
		fail("max", "axis %d of shape %s is empty", axis, s)
	}
	k := device.Reduce{Op: device.ReduceMax, Outer: outer, Extent: extent, Inner: inner, Scale: 1}
	var y Value
	y = g.record(k, slices.Delete(s.Clone(), axis, axis+1), []Value{x}, func(dy Value, _ []bool) []Value {
		mask := g.binary(device.Equal, x, g.Expand(y, axis, extent), func(Value, Value) (Value, Value) { return Value{}, Value{} })
		share := g.Div(dy, g.SumAxis(mask, axis, false))
		return []Value{g.Mul(mask, g.Expand(share, axis, extent))}
	})
	return g.keep(y, s, axis, keep)
}

// Sum adds all elements up.
func (g *Graph) Sum(x Value) Value { return g.reduceSum(g.Reshape(x, -1), 0, 1) }

// Mean averages all elements.
func (g *Graph) Mean(x Value) Value { return g.MeanAxis(g.Reshape(x, -1), 0, false) }

// Cumsum is the running sum along an axis.
func (g *Graph) Cumsum(x Value, axis int) Value {
	return g.cumsum(x, g.axis("cumsum", x, axis), false)
}

func (g *Graph) cumsum(x Value, axis int, reverse bool) Value {
	outer, extent, inner := g.Shape(x).Around(axis)
	k := device.Cumsum{Outer: outer, Extent: extent, Inner: inner, Reverse: reverse}
	return g.record(k, g.Shape(x), []Value{x}, func(dy Value, _ []bool) []Value { return []Value{g.cumsum(dy, axis, !reverse)} })
}

// LinearScan is the recurrence h_t = a_t h_(t-1) + b_t along an axis, h before the first being 0: the core of a selective scan
// (Gu, Dao 2023, eq. 2).
func (g *Graph) LinearScan(a, b Value, axis int) Value {
	axis = g.axis("linear scan", a, axis)
	s := g.Shape(a)
	if !s.Equal(g.Shape(b)) {
		fail("linear scan", "a is %s, b %s", s, g.Shape(b))
	}
	outer, steps, inner := s.Around(axis)
	var h Value
	h = g.record(device.LinearScan{Outer: outer, T: steps, Inner: inner}, s, []Value{a, b}, func(dh Value, _ []bool) []Value {
		if g.Composite {
			return g.linearScanGrad(a, h, dh, axis)
		}
		k := device.LinearScanGrad{Outer: outer, T: steps, Inner: inner}
		return g.recordMulti(k, []tensor.Shape{s, s}, []Value{a, h, dh}, noSecondMulti("linear scan"))
	})
	return h
}

// linearScanGrad is the gradient from operations that can be differentiated again: the same recurrence run backwards, by
// reversing the axis twice.
func (g *Graph) linearScanGrad(a, h, dh Value, axis int) []Value {
	n := g.Shape(a)[axis]
	if n == 0 {
		return []Value{a, a}
	}
	next := g.Pad(g.Slice(a, axis, 1, n), axis, 0, 1)
	db := g.reverse(g.LinearScan(g.reverse(next, axis), g.reverse(dh, axis), axis), axis)
	before := g.Pad(g.Slice(h, axis, 0, n-1), axis, 1, 0)
	return []Value{g.Mul(db, before), db}
}

// reverse turns an axis round.
func (g *Graph) reverse(x Value, axis int) Value {
	s := g.Shape(x)
	outer, extent, inner := s.Around(axis)
	index := make([]int32, 0, outer*extent)
	for o := range outer {
		for i := extent - 1; i >= 0; i-- {
			index = append(index, int32(o*extent+i))
		}
	}
	return g.Reshape(g.Gather(g.Reshape(x, outer*extent, inner), g.IntConstant(index)), s...)
}
