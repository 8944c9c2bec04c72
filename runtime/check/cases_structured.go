package check

import (
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/tensor"
)

func normCases() []Case {
	return []Case{
		{Name: "layer norm", Record: func(g *op.Graph) op.Value {
			return weigh(g, g.LayerNorm(g.Param("x", 3, 2, 7), g.Param("gamma", 7), g.Param("beta", 7), 1e-5))
		}},
		{Name: "layer norm of many rows", Record: func(g *op.Graph) op.Value {
			return weigh(g, g.LayerNorm(g.Param("x", 3000, 3), g.Param("gamma", 3), g.Param("beta", 3), 1e-5))
		}},
		{Name: "RMS norm", Record: func(g *op.Graph) op.Value { return weigh(g, g.RMSNorm(g.Param("x", 5, 7), g.Param("gamma", 7), 1e-5)) }},
		{Name: "batch norm", Record: func(g *op.Graph) op.Value {
			return weigh(g, g.BatchNorm(g.Param("x", 3, 2, 4, 5), g.Param("gamma", 3), g.Param("beta", 3), op.NormStats{}, 1e-5, 0.1, false))
		}},
		{Name: "batch norm with running statistics and relu", Record: func(g *op.Graph) op.Value {
			run := op.NormStats{Mean: g.State("m", 3), Var: g.State("v", 3)}
			return weigh(g, g.BatchNorm(g.Param("x", 3, 7), g.Param("gamma", 3), g.Param("beta", 3), run, 1e-5, 0.1, true))
		}},
		{Name: "frozen batch norm", Record: func(g *op.Graph) op.Value {
			g.Training = false
			run := op.NormStats{Mean: g.State("m", 3), Var: g.State("v", 3)}
			return weigh(g, g.BatchNorm(g.Param("x", 3, 7), g.Param("gamma", 3), g.Param("beta", 3), run, 1e-5, 0.1, true))
		}},
	}
}

func scanCases() []Case {
	var cases []Case
	for axis := range 3 {
		cases = append(cases,
			Case{Name: "cumulative sum", Record: func(g *op.Graph) op.Value { return weigh(g, g.Square(g.Cumsum(g.Param("x", 3, 4, 2), axis))) }},
			Case{Name: "linear scan", Record: func(g *op.Graph) op.Value {
				return weigh(g, g.LinearScan(g.Param("a", 3, 4, 2), g.Param("b", 3, 4, 2), axis))
			}},
		)
	}
	// The core of a selective scan: exp(delta A) decays, softplus makes delta positive.
	cases = append(cases, Case{Name: "selective scan", Record: func(g *op.Graph) op.Value {
		const steps, d, n = 5, 3, 2
		x := g.Param("x", steps, d)
		delta := g.Activation(device.Softplus, g.Linear(x, g.Param("wdelta", d, d), g.Param("bdelta", d)))
		decay := g.Exp(g.Mul(g.Reshape(delta, steps, d, 1), g.Neg(g.Exp(g.Param("loga", d, n)))))
		in := g.Mul(g.Reshape(g.Mul(delta, x), steps, d, 1), g.Reshape(g.Linear(x, g.Param("wb", n, d), op.Value{}), steps, 1, n))
		h := g.LinearScan(decay, in, 0)
		out := g.Mul(h, g.Reshape(g.Linear(x, g.Param("wc", n, d), op.Value{}), steps, 1, n))
		return weigh(g, g.SumAxis(out, 2, false))
	}})
	return cases
}

func graphStructureCases() []Case {
	var cases []Case
	for _, o := range []device.SegmentOp{device.SegmentSum, device.SegmentMean, device.SegmentMax} {
		cases = append(cases, Case{Name: "segment", Record: func(g *op.Graph) op.Value {
			return weigh(g, g.Square(g.Segment(o, g.Param("x", 6, 3), g.IntConstant([]int32{0, 2, 2, 5, 6}))))
		}})
	}
	// Elements (0,1), (0,2), (2,0), (2,2), (3,2) of a 4x3 matrix.
	m := &tensor.CSR{Rows: 4, Cols: 3, Pointer: []int32{0, 2, 2, 4, 5}, Column: []int32{1, 2, 0, 2, 2}}
	cases = append(cases,
		Case{Name: "sparse product", Record: func(g *op.Graph) op.Value {
			return weigh(g, g.Square(g.SpMM(m, g.Param("v", 5), g.Param("x", 3, 2))))
		}},
		Case{Name: "sparse product, twice", Record: func(g *op.Graph) op.Value {
			v := g.Param("v", 5)
			y := g.SpMM(m, v, g.Param("x", 3, 2))
			tr, order := m.Transposed()
			back := g.SpMM(tr, g.Reshape(g.Gather(g.Reshape(v, 5, 1), g.IntConstant(order)), 5), y)
			return weigh(g, g.Square(g.SpMM(m, v, back)))
		}},
	)
	return cases
}
