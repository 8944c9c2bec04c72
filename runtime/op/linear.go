package op

import (
	"slices"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// Matmul is the product of the last two axes, a [.., M, K] and b [.., K, N], over equal leading axes; either may have two axes only and
// is then shared. transA reads a as [.., K, M], transB b as [.., N, K].
func (g *Graph) Matmul(a, b Value, transA, transB bool) Value {
	sa, sb := g.Shape(a), g.Shape(b)
	if len(sa) < 2 || len(sb) < 2 {
		fail("matmul", "shapes %s and %s: matrices have two axes or more", sa, sb)
	}
	if len(sb) == 2 && len(sa) > 2 && !transA {
		// One product of more rows.
		rows := sa[:len(sa)-1].Size()
		y := g.matmul(g.Reshape(a, rows, sa[len(sa)-1]), b, Value{}, device.NoBias, false, transB)
		return g.Reshape(y, append(sa[:len(sa)-1].Clone(), g.Shape(y)[1])...)
	}
	return g.matmul(a, b, Value{}, device.NoBias, transA, transB)
}

// Linear is x W^T + b on the last axis: x [.., in], w [out, in], bias [out] or absent.
func (g *Graph) Linear(x, w, bias Value) Value {
	s := g.Shape(x)
	if len(s) == 0 || len(g.Shape(w)) != 2 {
		fail("linear", "input %s, weight %s", s, g.Shape(w))
	}
	rows := s[:len(s)-1].Size()
	y := g.matmul(g.Reshape(x, rows, s[len(s)-1]), w, bias, device.ColBias, false, true)
	return g.Reshape(y, append(s[:len(s)-1].Clone(), g.Shape(y)[1])...)
}

// LinearFirst is W x + b with the features in the first axis: x [in, N], w [out, in], bias [out] or absent. It is the
// linear layer of networks whose batch is innermost.
func (g *Graph) LinearFirst(x, w, bias Value) Value {
	if len(g.Shape(x)) != 2 || len(g.Shape(w)) != 2 {
		fail("linear", "input %s, weight %s", g.Shape(x), g.Shape(w))
	}
	return g.matmul(w, x, bias, device.RowBias, false, false)
}

func (g *Graph) matmul(a, b, bias Value, where device.Bias, transA, transB bool) Value {
	k, lead := g.product(a, b, transA, transB)
	in := []Value{a, b, bias}
	if bias.Present() {
		k.Bias = where
		n := k.M
		if where == device.ColBias {
			n = k.N
		}
		if !g.Shape(bias).Equal(tensor.Shape{n}) {
			fail("matmul", "bias %s for a product of %dx%d", g.Shape(bias), k.M, k.N)
		}
	}
	out := append(lead.Clone(), k.M, k.N)
	return g.record(k, out, in, func(dy Value, need []bool) []Value {
		d := []Value{{}, {}, {}}
		if need[0] {
			d[0] = g.matmulGradA(k, b, dy, g.Shape(a))
		}
		if need[1] {
			d[1] = g.matmulGradB(k, a, dy, g.Shape(b))
		}
		if need[2] {
			// Sum over everything but the bias's axis.
			d[2] = g.Reshape(dy, k.Batch, k.M, k.N)
			if where == device.ColBias {
				d[2] = g.SumAxis(g.Reshape(dy, k.Batch*k.M, k.N), 0, false)
			} else {
				d[2] = g.SumAxis(g.SumAxis(d[2], 2, false), 0, false)
			}
		}
		return d
	})
}

// product checks shapes and returns the kernel and the leading axes of the result.
func (g *Graph) product(a, b Value, transA, transB bool) (device.Matmul, tensor.Shape) {
	sa, sb := g.Shape(a), g.Shape(b)
	k := device.Matmul{TransA: transA, TransB: transB}
	la, lb := sa[:len(sa)-2], sb[:len(sb)-2]
	lead := la
	switch {
	case slices.Equal(la, lb):
	case len(lb) == 0:
		k.SharedB = true
	case len(la) == 0:
		k.SharedA, lead = true, lb
	default:
		fail("matmul", "leading axes of %s and %s differ", sa, sb)
	}
	k.Batch = lead.Size()
	k.M, k.K = sa[len(sa)-2], sa[len(sa)-1]
	if transA {
		k.M, k.K = k.K, k.M
	}
	kb, n := sb[len(sb)-2], sb[len(sb)-1]
	if transB {
		kb, n = n, kb
	}
	k.N = n
	if kb != k.K {
		fail("matmul", "%s and %s (transposed: %v, %v): inner extents %d and %d", sa, sb, transA, transB, k.K, kb)
	}
	return k, lead
}

// matmulGradA is dA = dC B^T, or B dC^T when A is transposed.
func (g *Graph) matmulGradA(k device.Matmul, b, dy Value, shape tensor.Shape) Value {
	var d Value
	if k.TransA {
		d = g.matmul(b, dy, Value{}, device.NoBias, k.TransB, true)
	} else {
		d = g.matmul(dy, b, Value{}, device.NoBias, false, !k.TransB)
	}
	return g.sumShared(d, k.SharedA, shape)
}

// matmulGradB is dB = A^T dC, or dC^T A when B is transposed.
func (g *Graph) matmulGradB(k device.Matmul, a, dy Value, shape tensor.Shape) Value {
	var d Value
	if k.TransB {
		d = g.matmul(dy, a, Value{}, device.NoBias, true, k.TransA)
	} else {
		d = g.matmul(a, dy, Value{}, device.NoBias, !k.TransA, false)
	}
	return g.sumShared(d, k.SharedB, shape)
}

// sumShared adds up the gradients of a matrix that every product of the batch used.
func (g *Graph) sumShared(d Value, shared bool, shape tensor.Shape) Value {
	if !shared {
		return d
	}
	s := g.Shape(d)
	return g.Reshape(g.SumAxis(g.Reshape(d, s[:len(s)-2].Size(), shape.Size()), 0, false), shape...)
}
