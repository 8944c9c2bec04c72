package op

import (
	"slices"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// SpMM is the product of a sparse matrix with x [Cols, D]: values [NNZ] in the order of a's stored elements.
func (g *Graph) SpMM(a *tensor.CSR, values, x Value) Value {
	entry := make([]int32, a.NNZ())
	for i := range entry {
		entry[i] = int32(i)
	}
	return g.spmm(a, entry, values, x)
}

// spmm reads the value of stored element k of a at values[entry[k]].
func (g *Graph) spmm(a *tensor.CSR, entry []int32, values, x Value) Value {
	s := g.Shape(x)
	if len(s) != 2 || s[0] != a.Cols || !g.Shape(values).Equal(tensor.Shape{a.NNZ()}) {
		fail("sparse product", "a %dx%d matrix with %d elements, values %s, operand %s", a.Rows, a.Cols, a.NNZ(), g.Shape(values), s)
	}
	p, c, e := g.IntConstant(a.Pointer), g.IntConstant(a.Column), g.IntConstant(entry)
	k := device.SpMM{Rows: a.Rows, Cols: a.Cols, NNZ: a.NNZ(), D: s[1]}
	return g.record(k, tensor.Shape{a.Rows, s[1]}, []Value{values, x, p, c, e}, func(dy Value, need []bool) []Value {
		d := make([]Value, 5)
		if need[0] {
			d[0] = g.sddmm(a, dy, x, entry)
		}
		if need[1] {
			t, order := a.Transposed()
			d[1] = g.spmm(t, compose(entry, order), values, dy)
		}
		return d
	})
}

// compose is first[then[i]].
func compose(first, then []int32) []int32 {
	out := make([]int32, len(then))
	for i, j := range then {
		out[i] = first[j]
	}
	return out
}

// sddmm are the gradients of a sparse matrix's values, brought into their order.
func (g *Graph) sddmm(a *tensor.CSR, dy, x Value, entry []int32) Value {
	k := device.SDDMM{Rows: a.Rows, Cols: a.Cols, NNZ: a.NNZ(), D: g.Shape(x)[1]}
	in := []Value{dy, x, g.IntConstant(a.Pointer), g.IntConstant(a.Column)}
	d := g.record(k, tensor.Shape{k.NNZ}, in, func(dd Value, need []bool) []Value {
		out := make([]Value, 4)
		if need[0] {
			out[0] = g.SpMM(a, dd, x)
		}
		if need[1] {
			t, order := a.Transposed()
			out[1] = g.spmm(t, order, dd, dy)
		}
		return out
	})
	if slices.IsSorted(entry) {
		return d
	}
	inverse := make([]int32, len(entry))
	for i, e := range entry {
		inverse[e] = int32(i)
	}
	return g.Reshape(g.Gather(g.Reshape(d, k.NNZ, 1), g.IntConstant(inverse)), k.NNZ)
}
