package check

import (
	"fmt"
	"math/rand/v2"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// extents are the sizes that random cases draw from: none, one, primes, around the widths of vectors, more than a block.
var extents = []int{0, 1, 2, 3, 5, 7, 8, 13, 16, 17, 31, 33, 61}

// RandomCases are n cases of every operation in turn, with shapes drawn from the extents. They are the same in every run.
func RandomCases(n int) []Case {
	out := make([]Case, 0, n)
	for i := range n {
		d := draws{r: newRand(uint64(i))}
		c := randomCases[i%len(randomCases)](&d)
		c.Name = fmt.Sprintf("random %d: %s", i, c.Name)
		out = append(out, c)
	}
	return out
}

type draws struct{ r *rand.Rand }

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 99)) }

// some is an extent, none of one or more.
func (d *draws) some() int { return extents[d.r.IntN(len(extents))] }
func (d *draws) one() int  { return extents[1+d.r.IntN(len(extents)-1)] }

// small keeps products of many extents small.
func (d *draws) small() int { return 1 + d.r.IntN(5) }
func (d *draws) flip() bool { return d.r.IntN(2) == 0 }

func (d *draws) indices(n, below int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(d.r.IntN(below+1)) - 1
	}
	return out
}

var randomCases = []func(d *draws) Case{
	func(d *draws) Case {
		a, b := []int{d.some(), d.one(), d.some()}, []int{1, 1, 1}
		for i := range b {
			if d.flip() {
				b[i] = a[i]
			}
		}
		b = b[d.r.IntN(3):]
		f := []func(*op.Graph, op.Value, op.Value) op.Value{(*op.Graph).Add, (*op.Graph).Sub, (*op.Graph).Mul, (*op.Graph).Div, (*op.Graph).Maximum}[d.r.IntN(5)]
		return Case{Name: fmt.Sprint("binary ", a, b), Positive: true, Record: func(g *op.Graph) op.Value {
			return weigh(g, f(g, g.Param("a", a...), g.Param("b", b...)))
		}}
	},
	func(d *draws) Case {
		n, f := d.some()*d.some(), []device.Func{device.Tanh, device.GELU, device.SiLU, device.Sigmoid, device.ReLU, device.Softplus, device.LeakyReLU}[d.r.IntN(7)]
		return Case{Name: fmt.Sprint(f, n), Record: func(g *op.Graph) op.Value { return weigh(g, g.Activation(f, g.Param("x", n))) }}
	},
	func(d *draws) Case {
		b, m, n, k, ta, tb := d.small(), d.some(), d.some(), d.some(), d.flip(), d.flip()
		sa, sb := []int{b, m, k}, []int{b, k, n}
		if ta {
			sa = []int{b, k, m}
		}
		if tb {
			sb = []int{b, n, k}
		}
		return Case{Name: fmt.Sprint("matmul ", sa, sb, ta, tb), Record: func(g *op.Graph) op.Value {
			return weigh(g, g.Matmul(g.Param("a", sa...), g.Param("b", sb...), ta, tb))
		}}
	},
	func(d *draws) Case {
		n, in, out := d.some(), d.some(), d.one()
		return Case{Name: fmt.Sprint("linear ", n, in, out), Record: func(g *op.Graph) op.Value {
			return weigh(g, g.Linear(g.Param("x", n, in), g.Param("w", out, in), g.Param("b", out)))
		}}
	},
	func(d *draws) Case {
		s, axis, keep := []int{d.some(), d.some(), d.small()}, d.r.IntN(3), d.flip()
		return Case{Name: fmt.Sprint("sums ", s, axis), Record: func(g *op.Graph) op.Value {
			return weigh(g, g.SumAxis(g.Param("x", s...), axis, keep))
		}}
	},
	func(d *draws) Case {
		s, axis, log := []int{d.one(), d.one(), d.small()}, d.r.IntN(3), d.flip()
		return Case{Name: fmt.Sprint("softmax ", s, axis, log), Record: func(g *op.Graph) op.Value {
			if log {
				return weigh(g, g.LogSoftmax(g.Param("x", s...), axis))
			}
			return weigh(g, g.Softmax(g.Param("x", s...), axis))
		}}
	},
	func(d *draws) Case {
		n, classes, first := d.one(), d.one(), d.flip()
		s := []int{n, classes}
		if first {
			s = []int{classes, n}
		}
		labels := d.indices(n, classes)
		labels[0] = 0
		return Case{Name: fmt.Sprint("cross-entropy ", s, first), Ints: labels, Record: func(g *op.Graph) op.Value {
			return g.CrossEntropy(g.Param("x", s...), g.IntInput("labels", n), first, 0.1).Loss
		}}
	},
	func(d *draws) Case {
		m, n := d.one(), d.one()
		return Case{Name: fmt.Sprint("row norms ", m, n), Record: func(g *op.Graph) op.Value {
			y := g.LayerNorm(g.Param("x", m, n), g.Param("gamma", n), g.Param("beta", n), 1e-5)
			return weigh(g, g.RMSNorm(y, g.Param("gain", n), 1e-5))
		}}
	},
	func(d *draws) Case {
		c, n, relu := d.one(), 1+d.one(), d.flip()
		return Case{Name: fmt.Sprint("batch norm ", c, n), Record: func(g *op.Graph) op.Value {
			run := op.NormStats{Mean: g.State("m", c), Var: g.State("v", c)}
			return weigh(g, g.BatchNorm(g.Param("x", c, n), g.Param("gamma", c), g.Param("beta", c), run, 1e-5, 0.1, relu))
		}}
	},
	func(d *draws) Case {
		b, heads, dim, t, causal := d.small(), d.small(), d.one(), d.one(), d.flip()
		return Case{Name: fmt.Sprint("self-attention ", b, heads, dim, t, causal), Record: func(g *op.Graph) op.Value {
			return weigh(g, g.SelfAttention(g.Param("x", b, t, 3*heads*dim), op.AttentionOptions{Heads: heads, Causal: causal}))
		}}
	},
	func(d *draws) Case {
		groups := 1 + d.r.IntN(2)
		c, o, h, w, n := groups*d.small(), groups*d.small(), 2+d.small(), 2+d.small(), d.one()
		k := op.Conv{StrideH: 1 + d.r.IntN(2), StrideW: 1 + d.r.IntN(2), PadH: d.r.IntN(2), PadW: d.r.IntN(2), Groups: groups}
		kh, kw := 1+d.r.IntN(3), 1+d.r.IntN(3)
		return Case{Name: fmt.Sprint("convolution ", c, o, h, w, n, kh, kw, k), Record: func(g *op.Graph) op.Value {
			return weigh(g, g.Conv2D(g.Param("x", c, h, w, n), g.Param("w", o, c/groups, kh, kw), g.Param("b", o), k))
		}}
	},
	func(d *draws) Case {
		c, h, w, n, kernel, stride := d.small(), 3+d.small(), 3+d.small(), d.one(), 1+d.r.IntN(3), 1+d.r.IntN(2)
		return Case{Name: fmt.Sprint("pooling ", c, h, w, n, kernel, stride), Record: func(g *op.Graph) op.Value {
			x := g.Param("x", c, h, w, n)
			return g.Add(weigh(g, g.MaxPool(x, kernel, stride, kernel/2)), weigh(g, g.AvgPool(x, kernel, stride, 0)))
		}}
	},
	func(d *draws) Case {
		rows, n, width := d.one(), d.some(), d.some()
		at := d.indices(n, rows)
		return Case{Name: fmt.Sprint("gather and scatter ", rows, n, width), Record: func(g *op.Graph) op.Value {
			i := g.IntConstant(at)
			return weigh(g, g.ScatterAdd(g.Gather(g.Param("x", rows, width), i), i, rows))
		}}
	},
	func(d *draws) Case {
		s, axis := []int{d.some(), d.one(), d.small()}, d.r.IntN(3)
		return Case{Name: fmt.Sprint("scans ", s, axis), Record: func(g *op.Graph) op.Value {
			return weigh(g, g.Cumsum(g.LinearScan(g.Param("a", s...), g.Param("b", s...), axis), axis))
		}}
	},
	func(d *draws) Case {
		rows, cols, width := d.one(), d.one(), d.some()
		m := d.sparse(rows, cols)
		o := []device.SegmentOp{device.SegmentSum, device.SegmentMean, device.SegmentMax}[d.r.IntN(3)]
		return Case{Name: fmt.Sprint("segments and sparse products ", rows, cols, width, o), Record: func(g *op.Graph) op.Value {
			y := g.Segment(o, g.Param("x", m.NNZ(), width), g.IntConstant(m.Pointer))
			return g.Add(weigh(g, y), weigh(g, g.SpMM(m, g.Param("v", m.NNZ()), g.Param("z", cols, width))))
		}}
	},
	func(d *draws) Case {
		s := []int{d.some(), d.some(), d.small(), d.small()}
		perm := d.r.Perm(4)
		return Case{Name: fmt.Sprint("transpose ", s, perm), Record: func(g *op.Graph) op.Value {
			y := g.Transpose(g.Param("x", s...), perm...)
			return weigh(g, g.Concat(1, g.Pad(y, 1, 1, 2), y, g.Slice(y, 1, 0, g.Shape(y)[1]/2)))
		}}
	},
	func(d *draws) Case {
		s, last := []int{d.some(), d.one()}, d.flip()
		return Case{Name: fmt.Sprint("dropout ", s, last), Dropout: 0.3, Record: func(g *op.Graph) op.Value {
			return weigh(g, g.Dropout("d", g.Param("x", s...), last))
		}}
	},
}

// sparse draws a matrix of which about a third is stored.
func (d *draws) sparse(rows, cols int) *tensor.CSR {
	m := &tensor.CSR{Rows: rows, Cols: cols, Pointer: []int32{0}}
	for range rows {
		for c := range cols {
			if d.r.IntN(3) == 0 {
				m.Column = append(m.Column, int32(c))
			}
		}
		m.Pointer = append(m.Pointer, int32(len(m.Column)))
	}
	return m
}
