package op

import (
	"slices"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// Gather takes rows of x [Rows, ..] by index (IntInput or IntConstant, any shape): an embedding when x is a table. Index -1 gives
// zeros.
func (g *Graph) Gather(x, index Value) Value {
	rows, d, n := g.indexed("gather", x, index)
	g.checkIndex("gather", index, rows)
	s := g.Shape(x)
	out := append(g.Shape(index).Clone(), s[1:]...)
	return g.record(device.Gather{Rows: rows, D: d, N: n}, out, []Value{x, index}, func(dy Value, need []bool) []Value {
		if !need[0] {
			return []Value{{}, {}}
		}
		return []Value{g.Reshape(g.ScatterAdd(g.Reshape(dy, n, d), index, rows), s...), {}}
	})
}

// ScatterAdd adds rows y [N, D] into a zero array [rows, D] at index [N]; index -1 is left out.
func (g *Graph) ScatterAdd(y, index Value, rows int) Value {
	s := g.Shape(y)
	if len(s) != 2 || !g.values[index.id].ints || g.size(index) != s[0] {
		fail("scatter", "rows %s, index %s", s, g.Shape(index))
	}
	if rows < 0 {
		fail("scatter", "%d rows", rows)
	}
	g.checkIndex("scatter", index, rows)
	k := device.ScatterAdd{Rows: rows, D: s[1], N: s[0]}
	return g.record(k, tensor.Shape{rows, s[1]}, []Value{y, index}, func(dx Value, _ []bool) []Value {
		return []Value{g.Reshape(g.Gather(dx, index), s...), {}}
	})
}

// constantInts are the elements of an integer constant; nil for inputs, which are known when the program runs.
func (g *Graph) constantInts(v Value) []int32 {
	x := g.values[v.id]
	o := x.operand
	if x.base != 0 {
		o = g.values[x.base].operand
	}
	if o.Space != device.IntConstants {
		return nil
	}
	from := o.Offset + x.offset
	return g.intConstants[from : from+g.size(v)]
}

// checkIndex refuses constant indices that name no row.
func (g *Graph) checkIndex(op string, index Value, rows int) {
	for _, i := range g.constantInts(index) {
		if i < -1 || int(i) >= rows {
			fail(op, "constant index %d of %d rows", i, rows)
		}
	}
}

func (g *Graph) indexed(op string, x, index Value) (rows, d, n int) {
	s := g.Shape(x)
	if len(s) == 0 || !g.values[index.id].ints {
		fail(op, "table %s, index %s: the index must be an integer input or constant", s, g.Shape(index))
	}
	return s[0], s[1:].Size(), g.size(index)
}

// Segment reduces consecutive rows of x [N, D]: segment i is rows pointer[i] to pointer[i+1]. Empty segments give 0. pointer is an IntInput or
// IntConstant [segments+1].
func (g *Graph) Segment(op device.SegmentOp, x, pointer Value) Value {
	s := g.Shape(x)
	if len(s) != 2 || !g.values[pointer.id].ints || g.size(pointer) < 1 {
		fail("segment", "rows %s, pointer %s", s, g.Shape(pointer))
	}
	if p := g.constantInts(pointer); len(p) > 0 && (p[0] < 0 || int(p[len(p)-1]) > s[0] || !slices.IsSorted(p)) {
		fail("segment", "constant pointer %v over %d rows", p, s[0])
	}
	k := device.Segment{Op: op, N: s[0], D: s[1], Segments: g.size(pointer) - 1}
	var y Value
	y = g.record(k, tensor.Shape{k.Segments, k.D}, []Value{x, pointer}, func(dy Value, _ []bool) []Value {
		kg := device.SegmentGrad{Op: op, N: k.N, D: k.D, Segments: k.Segments}
		return []Value{g.record(kg, s, []Value{x, y, pointer, dy}, func(d Value, need []bool) []Value {
			if op == device.SegmentMax {
				fail("segment max", "its gradient cannot be differentiated again")
			}
			// Sum and mean are linear: the gradient's gradient is the reduction.
			return []Value{{}, {}, {}, g.Segment(op, d, pointer)}
		}), {}}
	})
	return y
}
