package check

import (
	"github.com/weightspace/weightspace/runtime/op"
)

func reductionCases() []Case {
	var cases []Case
	for axis := range 3 {
		for _, keep := range []bool{false, true} {
			cases = append(cases,
				Case{Name: "sum", Record: func(g *op.Graph) op.Value {
					return weigh(g, g.Square(g.SumAxis(g.Param("x", 2, 3, 4), axis, keep)))
				}},
				Case{Name: "mean", Record: func(g *op.Graph) op.Value {
					return weigh(g, g.Square(g.MeanAxis(g.Param("x", 2, 3, 4), axis, keep)))
				}},
				Case{Name: "max", Record: func(g *op.Graph) op.Value {
					return weigh(g, g.Square(g.MaxAxis(g.Param("x", 2, 3, 4), axis, keep)))
				}},
			)
		}
		cases = append(cases,
			Case{Name: "softmax", Record: func(g *op.Graph) op.Value { return weigh(g, g.Softmax(g.Param("x", 2, 3, 4), axis)) }},
			Case{Name: "log-softmax", Record: func(g *op.Graph) op.Value { return weigh(g, g.LogSoftmax(g.Param("x", 2, 3, 4), axis)) }},
		)
	}
	return append(cases, Case{Name: "sum of an axis of extent 1", Record: func(g *op.Graph) op.Value {
		return weigh(g, g.Square(g.SumAxis(g.Param("x", 3, 1, 2), 1, false)))
	}})
}

func lossCases() []Case {
	var cases []Case
	labels := []int32{2, 0, -1, 3, 1}
	for _, first := range []bool{false, true} {
		shape := []int{5, 4}
		if first {
			shape = []int{4, 5}
		}
		for _, smoothing := range []float64{0, 0.1} {
			cases = append(cases, Case{Name: "cross-entropy", Ints: labels, Record: func(g *op.Graph) op.Value {
				return g.CrossEntropy(g.Param("x", shape...), g.IntInput("labels", 5), first, smoothing).Loss
			}})
		}
		cases = append(cases,
			Case{Name: "scaled cross-entropy", Ints: labels, Record: func(g *op.Graph) op.Value {
				return g.Affine(g.CrossEntropy(g.Param("x", shape...), g.IntInput("labels", 5), first, 0).Loss, 3, 1)
			}},
			Case{Name: "soft cross-entropy", Record: func(g *op.Graph) op.Value {
				target := g.Constant([]float64{.1, .2, .3, .4, 0, 1, 0, 0, .5, .5, .2, .2, .2, .3, .1, .1, .1, .1, .1, .6}, shape...)
				return g.SoftCrossEntropy(g.Param("x", shape...), target, first)
			}},
		)
	}
	return append(cases,
		Case{Name: "mean squared error", Record: func(g *op.Graph) op.Value { return g.MSE(g.Param("a", 3, 4), g.Param("b", 3, 4)) }},
		Case{Name: "normalised rows", Record: func(g *op.Graph) op.Value { return weigh(g, g.L2Normalize(g.Param("x", 3, 4), 1e-12)) }},
		Case{Name: "NT-Xent", Record: func(g *op.Graph) op.Value { return g.NTXent(g.Param("z", 6, 4), 0.5) }},
	)
}

func attentionCases() []Case {
	bias := []float64{0, 0, 0, -1e9, -1e9, 0, 0.5, 0, 0, 0}
	var cases []Case
	for _, causal := range []bool{false, true} {
		cases = append(cases,
			Case{Name: "self-attention", Record: func(g *op.Graph) op.Value {
				return weigh(g, g.SelfAttention(g.Param("x", 2, 5, 12), op.AttentionOptions{Heads: 2, Causal: causal}))
			}},
			Case{Name: "cross-attention", Record: func(g *op.Graph) op.Value {
				return weigh(g, g.Attention(g.Param("q", 2, 3, 4), g.Param("k", 2, 5, 4), g.Param("v", 2, 5, 4), op.AttentionOptions{Heads: 2, Causal: causal}))
			}},
			Case{Name: "masked attention", Record: func(g *op.Graph) op.Value {
				o := op.AttentionOptions{Heads: 1, Causal: causal, KeyBias: g.Constant(bias, 2, 5)}
				return weigh(g, g.SelfAttention(g.Param("x", 2, 5, 6), o))
			}},
		)
	}
	return cases
}

func indexCases() []Case {
	return []Case{
		{Name: "gather", Ints: []int32{3, 0, -1, 3, 1, 0}, Record: func(g *op.Graph) op.Value {
			return weigh(g, g.Square(g.Gather(g.Param("x", 4, 3), g.IntInput("i", 2, 3))))
		}},
		{Name: "scatter", Record: func(g *op.Graph) op.Value {
			return weigh(g, g.Square(g.ScatterAdd(g.Param("y", 5, 3), g.IntConstant([]int32{2, 0, 2, -1, 3}), 4)))
		}},
	}
}
