package check

import (
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/op"
)

// LargeCases are operations so large that devices cut them into parts.
func LargeCases() []Case {
	x := func(g *op.Graph, shape ...int) op.Value { return g.Param("x", shape...) }
	d := &draws{r: newRand(1)}
	sparse := d.sparse(300, 40)
	var labels, index []int32
	for i := range 300 {
		labels, index = append(labels, int32(i%41)-1), append(index, int32(i*7%53)-1)
	}
	record := map[string]func(g *op.Graph) op.Value{
		"activation":         func(g *op.Graph) op.Value { return g.Activation(device.GELU, x(g, 20011)) },
		"broadcast of a row": func(g *op.Graph) op.Value { return g.Mul(x(g, 171, 101), g.Param("b", 101)) },
		"broadcast of a column": func(g *op.Graph) op.Value {
			return g.Sub(g.Param("b", 171, 1), x(g, 171, 101))
		},
		"sums of columns": func(g *op.Graph) op.Value { return g.SumAxis(x(g, 701, 61), 0, false) },
		"sums of rows":    func(g *op.Graph) op.Value { return g.MeanAxis(x(g, 61, 701), 1, false) },
		"sum":             func(g *op.Graph) op.Value { return g.Sum(x(g, 40009)) },
		"maxima":          func(g *op.Graph) op.Value { return g.MaxAxis(x(g, 30, 17, 41), 1, true) },
		"softmax":         func(g *op.Graph) op.Value { return g.Softmax(x(g, 331, 71), 1) },
		"softmax of columns": func(g *op.Graph) op.Value {
			return g.LogSoftmax(x(g, 2, 11, 1009), 1)
		},
		"layer norm": func(g *op.Graph) op.Value {
			return g.LayerNorm(x(g, 331, 67), g.Param("g", 67), g.Param("b", 67), 1e-5)
		},
		"RMS norm":        func(g *op.Graph) op.Value { return g.RMSNorm(x(g, 331, 67), g.Param("g", 67), 1e-5) },
		"product":         func(g *op.Graph) op.Value { return g.Matmul(x(g, 131, 149), g.Param("b", 149, 141), false, false) },
		"transposed":      func(g *op.Graph) op.Value { return g.Matmul(x(g, 149, 131), g.Param("b", 141, 149), true, true) },
		"small products":  func(g *op.Graph) op.Value { return g.Matmul(x(g, 61, 19, 13), g.Param("b", 61, 13, 23), false, false) },
		"linear":          func(g *op.Graph) op.Value { return g.Linear(x(g, 211, 67), g.Param("w", 131, 67), g.Param("b", 131)) },
		"transpose":       func(g *op.Graph) op.Value { return g.Transpose(x(g, 149, 151), 1, 0) },
		"transpose heads": func(g *op.Graph) op.Value { return g.Transpose(x(g, 7, 31, 5, 17), 0, 2, 1, 3) },
		"parts": func(g *op.Graph) op.Value {
			y := x(g, 97, 211)
			return g.Concat(1, g.Slice(y, 1, 100, 211), g.Pad(y, 1, 3, 4))
		},
		"cumulative sum": func(g *op.Graph) op.Value { return g.Cumsum(x(g, 3, 17, 401), 1) },
		"scan":           func(g *op.Graph) op.Value { return g.LinearScan(x(g, 2, 17, 401), g.Param("b", 2, 17, 401), 1) },
		"gather":         func(g *op.Graph) op.Value { return g.Gather(x(g, 53, 97), g.IntConstant(index)) },
		"scatter":        func(g *op.Graph) op.Value { return g.ScatterAdd(x(g, 300, 97), g.IntConstant(index), 53) },
		"segments": func(g *op.Graph) op.Value {
			return g.Segment(device.SegmentMean, x(g, sparse.NNZ(), 7), g.IntConstant(sparse.Pointer))
		},
		"sparse product": func(g *op.Graph) op.Value { return g.SpMM(sparse, g.Param("v", sparse.NNZ()), x(g, 40, 29)) },
		"convolution": func(g *op.Graph) op.Value {
			return g.Conv2D(x(g, 7, 13, 13, 19), g.Param("w", 17, 7, 3, 3), g.Param("b", 17), op.Square(1, 1))
		},
		"convolution of one image": func(g *op.Graph) op.Value {
			return g.Conv2D(x(g, 16, 20, 20, 1), g.Param("w", 33, 16, 3, 3), op.Value{}, op.Square(2, 1))
		},
		"pooling": func(g *op.Graph) op.Value { return g.MaxPool(g.AvgPool(x(g, 11, 14, 14, 17), 2, 1, 0), 3, 2, 1) },
		"batch norm": func(g *op.Graph) op.Value {
			run := op.NormStats{Mean: g.State("m", 37), Var: g.State("v", 37)}
			return g.BatchNorm(x(g, 37, 9, 91), g.Param("g", 37), g.Param("b", 37), run, 1e-5, 0.1, true)
		},
		"attention": func(g *op.Graph) op.Value {
			return g.SelfAttention(x(g, 3, 41, 3*2*17), op.AttentionOptions{Heads: 2, Causal: true})
		},
	}
	var out []Case
	for name, f := range record {
		out = append(out, Case{Name: "large " + name, Record: func(g *op.Graph) op.Value { return weigh(g, f(g)) }})
	}
	for _, last := range []bool{false, true} {
		out = append(out,
			Case{Name: "large dropout", Dropout: 0.5, Record: func(g *op.Graph) op.Value { return weigh(g, g.Dropout("d", x(g, 101, 103), last)) }},
			Case{Name: "large cross-entropy", Ints: labels, Record: func(g *op.Graph) op.Value {
				shape := []int{300, 40}
				if last {
					shape = []int{40, 300}
				}
				return g.CrossEntropy(x(g, shape...), g.IntInput("labels", 300), last, 0.1).Loss
			}})
	}
	return out
}
