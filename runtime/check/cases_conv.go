package check

import (
	"github.com/weightspace/weightspace/runtime/op"
)

func convolutionCases() []Case {
	var cases []Case
	for _, c := range []op.Conv{
		{}, op.Square(1, 1), op.Square(2, 1), op.Square(2, 0), {StrideH: 2, StrideW: 1, PadH: 0, PadW: 2}, {DilationH: 2, DilationW: 1, PadH: 2, PadW: 1}, {Groups: 2, PadH: 1, PadW: 1},
	} {
		groups := max(1, c.Groups)
		for _, bias := range []bool{false, true} {
			cases = append(cases, Case{Name: "convolution", Record: func(g *op.Graph) op.Value {
				var b op.Value
				w := g.Param("w", 4, 2/groups, 3, 2)
				if bias {
					b = g.Param("b", 4)
				}
				return weigh(g, g.Square(g.Conv2D(g.Param("x", 2, 5, 6, 3), w, b, c)))
			}})
		}
	}
	for _, n := range []int{1, 17} {
		cases = append(cases,
			Case{Name: "1x1 convolution", Record: func(g *op.Graph) op.Value {
				return weigh(g, g.Conv2D(g.Param("x", 1, 1, 1, n), g.Param("w", 1, 1, 1, 1), g.Param("b", 1), op.Conv{}))
			}},
			Case{Name: "convolution twice with one kernel", Record: func(g *op.Graph) op.Value {
				w := g.Param("w", 2, 2, 3, 3)
				return weigh(g, g.Conv2D(g.Conv2D(g.Param("x", 2, 4, 4, n), w, op.Value{}, op.Square(1, 1)), w, op.Value{}, op.Square(1, 1)))
			}},
		)
	}
	return append(cases, Case{Name: "1-D convolution", Record: func(g *op.Graph) op.Value {
		return weigh(g, g.Conv1D(g.Param("x", 2, 7, 3), g.Param("w", 4, 1, 3), g.Param("b", 4), 2, 1, 1, 2))
	}})
}

func poolingCases() []Case {
	return []Case{
		{Name: "max pool", Record: func(g *op.Graph) op.Value { return weigh(g, g.Square(g.MaxPool(g.Param("x", 2, 5, 4, 3), 2, 2, 0))) }},
		{Name: "overlapping max pool", Record: func(g *op.Graph) op.Value {
			return weigh(g, g.Square(g.MaxPool(g.Param("x", 2, 5, 5, 3), 3, 2, 1)))
		}},
		{Name: "average pool", Record: func(g *op.Graph) op.Value { return weigh(g, g.Square(g.AvgPool(g.Param("x", 2, 5, 4, 3), 2, 2, 0))) }},
		{Name: "overlapping average pool", Record: func(g *op.Graph) op.Value {
			return weigh(g, g.Square(g.AvgPool(g.Param("x", 2, 5, 5, 3), 3, 2, 1)))
		}},
		{Name: "global average pool", Record: func(g *op.Graph) op.Value { return weigh(g, g.Square(g.GlobalAvgPool(g.Param("x", 2, 3, 4, 5)))) }},
	}
}
