package check

import (
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/op"
)

// weigh makes a scalar of a value in which every element counts differently.
func weigh(g *op.Graph, y op.Value) op.Value {
	n := g.Shape(y).Size()
	w := make([]float64, n)
	for i := range w {
		w[i] = 0.3 + 0.7*float64((i*7919)%13)/13
	}
	return g.Sum(g.Mul(g.Reshape(y, n), g.Constant(w, n)))
}

func elementwiseCases() []Case {
	var cases []Case
	unary := map[string]func(g *op.Graph, x op.Value) op.Value{
		"exp": (*op.Graph).Exp, "log": (*op.Graph).Log, "erf": (*op.Graph).Erf, "sin": (*op.Graph).Sin, "cos": (*op.Graph).Cos,
		"sqrt": (*op.Graph).Sqrt, "rsqrt": (*op.Graph).Rsqrt, "reciprocal": (*op.Graph).Reciprocal, "square": (*op.Graph).Square,
		"neg": (*op.Graph).Neg, "abs": (*op.Graph).Abs,
	}
	for name, f := range unary {
		cases = append(cases, Case{Name: name, Positive: true, Record: func(g *op.Graph) op.Value { return weigh(g, f(g, g.Param("x", 3, 5))) }})
	}
	for _, name := range []string{"exp", "erf", "sin", "cos", "square", "neg", "abs"} {
		f := unary[name]
		cases = append(cases, Case{Name: name + " of both signs", Record: func(g *op.Graph) op.Value { return weigh(g, f(g, g.Param("x", 4, 5))) }})
	}
	for _, f := range []device.Func{device.Tanh, device.Sigmoid, device.ReLU, device.LeakyReLU, device.GELU, device.GELUTanh, device.SiLU, device.Softplus} {
		cases = append(cases, Case{Name: f.String(), Record: func(g *op.Graph) op.Value { return weigh(g, g.Activation(f, g.Param("x", 4, 5))) }})
	}
	binary := map[string]func(g *op.Graph, a, b op.Value) op.Value{
		"add": (*op.Graph).Add, "sub": (*op.Graph).Sub, "mul": (*op.Graph).Mul, "div": (*op.Graph).Div, "maximum": (*op.Graph).Maximum, "minimum": (*op.Graph).Minimum,
	}
	shapes := [][2][]int{
		{{3, 4}, {3, 4}}, {{3, 4}, {4}}, {{3, 4}, {3, 1}}, {{1}, {3, 4}}, {{}, {2, 3}}, {{2, 1, 3}, {4, 1}}, {{2, 3, 4}, {1, 3, 1}}, {{1, 1}, {1, 1}}, {{5, 1}, {1, 5}},
	}
	for name, f := range binary {
		for _, s := range shapes {
			cases = append(cases, Case{Name: name, Positive: true, Record: func(g *op.Graph) op.Value {
				return weigh(g, f(g, g.Param("a", s[0]...), g.Param("b", s[1]...)))
			}})
		}
		// The same operand twice.
		cases = append(cases, Case{Name: name + " with itself", Positive: true, Record: func(g *op.Graph) op.Value {
			x := g.Param("x", 6)
			return weigh(g, f(g, x, g.Affine(x, 0.5, 0.1)))
		}})
	}
	for _, last := range []bool{false, true} {
		cases = append(cases, Case{Name: "dropout", Dropout: 0.4, Record: func(g *op.Graph) op.Value { return weigh(g, g.Dropout("d", g.Param("x", 11, 7), last)) }})
	}
	return cases
}

func shapeCases() []Case {
	return []Case{
		{Name: "reshape", Record: func(g *op.Graph) op.Value { return weigh(g, g.Square(g.Reshape(g.Param("x", 2, 6), 3, -1))) }},
		{Name: "transpose 2", Record: func(g *op.Graph) op.Value { return weigh(g, g.Square(g.Transpose(g.Param("x", 18, 21), 1, 0))) }},
		{Name: "transpose 3", Record: func(g *op.Graph) op.Value { return weigh(g, g.Square(g.Transpose(g.Param("x", 2, 3, 4), 2, 0, 1))) }},
		{Name: "transpose 4", Record: func(g *op.Graph) op.Value {
			return weigh(g, g.Square(g.Transpose(g.Param("x", 2, 3, 1, 4), 0, 2, 1, 3)))
		}},
		{Name: "transpose 4, all", Record: func(g *op.Graph) op.Value {
			return weigh(g, g.Square(g.Transpose(g.Param("x", 2, 3, 5, 4), 3, 1, 0, 2)))
		}},
		{Name: "slice", Record: func(g *op.Graph) op.Value { return weigh(g, g.Square(g.Slice(g.Param("x", 3, 5), 1, 1, 4))) }},
		{Name: "slice of the leading axis", Record: func(g *op.Graph) op.Value { return weigh(g, g.Square(g.Slice(g.Param("x", 5, 3), 0, 1, 4))) }},
		{Name: "pad", Record: func(g *op.Graph) op.Value { return weigh(g, g.Square(g.Pad(g.Param("x", 2, 3), 1, 2, 1))) }},
		{Name: "concat", Record: func(g *op.Graph) op.Value {
			x := g.Param("x", 2, 3)
			return weigh(g, g.Square(g.Concat(1, x, g.Param("y", 2, 1), x)))
		}},
		{Name: "split", Record: func(g *op.Graph) op.Value {
			p := g.Split(g.Param("x", 2, 5), 1, 2, 3)
			return g.Add(weigh(g, g.Exp(p[0])), weigh(g, g.Square(p[1])))
		}},
		{Name: "expand", Record: func(g *op.Graph) op.Value { return weigh(g, g.Square(g.Expand(g.Param("x", 2, 3), 1, 4))) }},
		{Name: "broadcast", Record: func(g *op.Graph) op.Value { return weigh(g, g.Square(g.BroadcastTo(g.Param("x", 2, 1), 3, 2, 4))) }},
		{Name: "unused", Record: func(g *op.Graph) op.Value {
			g.Param("unused", 3)
			return weigh(g, g.Param("x", 2))
		}},
		{Name: "a parameter's gradient is another's", Record: func(g *op.Graph) op.Value {
			return weigh(g, g.Add(g.Param("x", 3), g.Param("y", 3)))
		}},
	}
}

func productCases() []Case {
	var cases []Case
	for _, ta := range []bool{false, true} {
		for _, tb := range []bool{false, true} {
			a, b := []int{3, 4}, []int{4, 2}
			if ta {
				a = []int{4, 3}
			}
			if tb {
				b = []int{2, 4}
			}
			for _, lead := range [][2][]int{{nil, nil}, {{5}, {5}}, {{2, 2}, {2, 2}}, {{3}, nil}, {nil, {3}}} {
				cases = append(cases, Case{Name: "matmul", Record: func(g *op.Graph) op.Value {
					return weigh(g, g.Square(g.Matmul(g.Param("a", append(lead[0], a...)...), g.Param("b", append(lead[1], b...)...), ta, tb)))
				}})
			}
		}
	}
	cases = append(cases,
		Case{Name: "linear", Record: func(g *op.Graph) op.Value {
			return weigh(g, g.Square(g.Linear(g.Param("x", 2, 3, 4), g.Param("w", 5, 4), g.Param("b", 5))))
		}},
		Case{Name: "linear without bias", Record: func(g *op.Graph) op.Value {
			return weigh(g, g.Square(g.Linear(g.Param("x", 1, 4), g.Param("w", 1, 4), op.Value{})))
		}},
		Case{Name: "linear, features first", Record: func(g *op.Graph) op.Value {
			return weigh(g, g.Square(g.LinearFirst(g.Param("x", 4, 3), g.Param("w", 5, 4), g.Param("b", 5))))
		}},
		Case{Name: "a matrix with itself", Record: func(g *op.Graph) op.Value {
			x := g.Param("x", 3, 3)
			return weigh(g, g.Matmul(x, x, false, true))
		}},
	)
	return cases
}
