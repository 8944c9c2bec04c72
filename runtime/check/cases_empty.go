package check

import (
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// emptyCases have axes of extent 0; a parameter beside them keeps the loss alive.
func emptyCases() []Case {
	none := &tensor.CSR{Rows: 3, Cols: 2, Pointer: []int32{0, 0, 0, 0}}
	record := map[string]func(g *op.Graph, x op.Value) op.Value{
		"elements":             func(g *op.Graph, x op.Value) op.Value { return g.Exp(g.Mul(g.Param("e", 0, 4), x)) },
		"broadcast":            func(g *op.Graph, x op.Value) op.Value { return g.Add(g.Param("e", 3, 0, 1), x) },
		"sum over nothing":     func(g *op.Graph, x op.Value) op.Value { return g.Add(g.SumAxis(g.Param("e", 3, 0, 4), 1, false), x) },
		"sum of nothing":       func(g *op.Graph, x op.Value) op.Value { return g.Add(g.Sum(g.Param("e", 0)), x) },
		"product over nothing": func(g *op.Graph, x op.Value) op.Value { return g.Linear(g.Param("e", 3, 0), g.Param("w", 4, 0), x) },
		"product of no rows":   func(g *op.Graph, x op.Value) op.Value { return g.Linear(g.Param("e", 0, 2), g.Param("w", 4, 2), x) },
		"no products": func(g *op.Graph, _ op.Value) op.Value {
			return g.Matmul(g.Param("e", 0, 3, 2), g.Param("f", 0, 2, 4), false, false)
		},
		"concat":                func(g *op.Graph, x op.Value) op.Value { return g.Concat(0, g.Param("e", 0), x, g.Param("f", 0)) },
		"pad":                   func(g *op.Graph, x op.Value) op.Value { return g.Add(g.Pad(g.Param("e", 2, 0), 1, 1, 3), x) },
		"slice":                 func(g *op.Graph, x op.Value) op.Value { return g.Slice(x, 0, 2, 2) },
		"transpose":             func(g *op.Graph, _ op.Value) op.Value { return g.Transpose(g.Param("e", 2, 0, 3), 2, 0, 1) },
		"expand":                func(g *op.Graph, x op.Value) op.Value { return g.Expand(x, 0, 0) },
		"softmax of no rows":    func(g *op.Graph, _ op.Value) op.Value { return g.Softmax(g.Param("e", 0, 4), 1) },
		"softmax of no columns": func(g *op.Graph, _ op.Value) op.Value { return g.LogSoftmax(g.Param("e", 4, 0), 0) },
		"layer norm":            func(g *op.Graph, x op.Value) op.Value { return g.LayerNorm(g.Param("e", 0, 4), x, x, 1e-5) },
		"RMS norm":              func(g *op.Graph, x op.Value) op.Value { return g.RMSNorm(g.Param("e", 0, 4), x, 1e-5) },
		"attention": func(g *op.Graph, _ op.Value) op.Value {
			return g.SelfAttention(g.Param("e", 0, 5, 12), op.AttentionOptions{Heads: 2, Causal: true})
		},
		"gather": func(g *op.Graph, x op.Value) op.Value { return g.Gather(g.Reshape(x, 2, 2), g.IntConstant(nil)) },
		"scatter": func(g *op.Graph, x op.Value) op.Value {
			return g.Add(g.ScatterAdd(g.Param("e", 0, 4), g.IntConstant(nil), 3), x)
		},
		"segments": func(g *op.Graph, x op.Value) op.Value {
			return g.Add(g.Segment(device.SegmentMean, g.Param("e", 0, 4), g.IntConstant([]int32{0, 0, 0})), x)
		},
		"no segments": func(g *op.Graph, x op.Value) op.Value {
			return g.Segment(device.SegmentSum, g.Reshape(x, 2, 2), g.IntConstant([]int32{1}))
		},
		"sparse product": func(g *op.Graph, x op.Value) op.Value { return g.SpMM(none, g.Param("e", 0), g.Reshape(x, 2, 2)) },
		"cumulative sum": func(g *op.Graph, _ op.Value) op.Value { return g.Cumsum(g.Param("e", 2, 0, 3), 1) },
		"scan": func(g *op.Graph, _ op.Value) op.Value {
			return g.LinearScan(g.Param("e", 2, 0, 3), g.Param("f", 2, 0, 3), 1)
		},
		"scan of no columns": func(g *op.Graph, _ op.Value) op.Value {
			return g.LinearScan(g.Param("e", 2, 3, 0), g.Param("f", 2, 3, 0), 1)
		},
	}
	var out []Case
	for name, f := range record {
		out = append(out, Case{Name: "empty " + name, Record: func(g *op.Graph) op.Value {
			x := g.Param("x", 4)
			return g.Add(weigh(g, f(g, x)), weigh(g, g.Square(x)))
		}})
	}
	for _, last := range []bool{false, true} {
		out = append(out, Case{Name: "empty dropout", Dropout: 0.5, Record: func(g *op.Graph) op.Value {
			x := g.Param("x", 4)
			return g.Add(weigh(g, g.Dropout("d", g.Param("e", 0, 5), last)), weigh(g, g.Square(x)))
		}})
	}
	return out
}
