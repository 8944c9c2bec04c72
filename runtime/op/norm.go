package op

import (
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// NormStats are the running statistics of a batch norm, [C] each; both absent for none.
type NormStats struct{ Mean, Var Value }

// BatchNorm normalises the channels (first axis) of x [C, ..] (Ioffe, Szegedy 2015): when training by the batch's mean and
// biased variance, moving the running statistics by momentum; else by the running statistics. relu clips the result at
// zero in the same pass.
func (g *Graph) BatchNorm(x, gamma, beta Value, run NormStats, eps, momentum float64, relu bool) Value {
	s := g.Shape(x)
	if len(s) < 2 {
		fail("batch norm", "shape %s has no channel axis and batch", s)
	}
	c := s[0]
	for _, v := range []Value{gamma, beta} {
		if !g.Shape(v).Equal(tensor.Shape{c}) {
			fail("batch norm", "scale or shift %s for %d channels", g.Shape(v), c)
		}
	}
	l := s[1:].Size()
	if run != (NormStats{}) && (!g.isState(run.Mean, c) || !g.isState(run.Var, c)) {
		fail("batch norm", "running statistics must be two states of %d channels", c)
	}
	if !g.Training {
		return g.frozenNorm(x, gamma, beta, run, device.ChannelAffine{C: c, L: l, Eps: eps, ReLU: relu})
	}
	if l < 2 {
		fail("batch norm", "shape %s has one value per channel; training needs more", s)
	}
	var y, mean, variance Value
	if g.Composite {
		y, mean, variance = g.compositeBatchNorm(x, gamma, beta, eps, relu)
	} else {
		k := device.BatchNorm{C: c, L: l, Eps: eps, ReLU: relu}
		var out []Value
		out = g.recordMulti(k, []tensor.Shape{s, {c}, {c}, {c}}, []Value{x, gamma, beta}, func(dy []Value, _ []bool) []Value {
			if dy[1].Present() || dy[2].Present() || dy[3].Present() {
				fail("batch norm", "the statistics' gradients are not there; record the graph with Composite")
			}
			kg := device.BatchNormGrad{C: c, L: l, ReLU: relu}
			clipped := Value{}
			if relu {
				clipped = out[0]
			}
			in := []Value{x, gamma, clipped, out[1], out[3], dy[0]}
			return g.recordMulti(kg, []tensor.Shape{s, {c}, {c}}, in, noSecondMulti("batch norm"))
		})
		y, mean, variance = out[0], out[1], out[2]
	}
	if run.Mean.Present() {
		n := node{kernel: device.RunningStats{C: c, L: l, Momentum: momentum}, in: []Value{mean, variance}, out: []Value{run.Mean, run.Var}, effect: true}
		g.nodes = append(g.nodes, n)
	}
	return y
}

// isState reports whether v is a state [n].
func (g *Graph) isState(v Value, n int) bool {
	return v.Present() && g.values[v.id].operand.Space == device.States && g.Shape(v).Equal(tensor.Shape{n})
}

// frozenNorm uses given statistics. With running statistics of a frozen layer, the gradient treats them as constants.
func (g *Graph) frozenNorm(x, gamma, beta Value, run NormStats, k device.ChannelAffine) Value {
	if !run.Mean.Present() || !run.Var.Present() {
		fail("batch norm", "evaluation needs running statistics")
	}
	if g.Composite {
		c := k.C
		col := func(v Value) Value { return g.Reshape(v, c, 1) }
		rstd := g.Rsqrt(g.Affine(run.Var, 1, k.Eps))
		y := g.Mul(g.Sub(g.Reshape(x, c, k.L), col(run.Mean)), col(g.Mul(rstd, gamma)))
		y = g.Add(y, col(beta))
		if k.ReLU {
			y = g.Activation(device.ReLU, y)
		}
		return g.Reshape(y, g.Shape(x)...)
	}
	var y Value
	y = g.record(k, g.Shape(x), []Value{x, gamma, beta, run.Mean, run.Var}, func(dy Value, _ []bool) []Value {
		col := func(v Value) Value { return g.Reshape(v, k.C, 1) }
		d := g.Reshape(dy, k.C, k.L)
		if k.ReLU {
			d = g.Mul(d, g.unary(device.Positive, g.Reshape(y, k.C, k.L), none))
		}
		rstd := g.Rsqrt(g.Affine(run.Var, 1, k.Eps))
		xhat := g.Mul(g.Sub(g.Reshape(x, k.C, k.L), col(run.Mean)), col(rstd))
		dx := g.Reshape(g.Mul(d, col(g.Mul(rstd, gamma))), g.Shape(x)...)
		return []Value{dx, g.SumAxis(g.Mul(d, xhat), 1, false), g.SumAxis(d, 1, false), {}, {}}
	})
	return y
}

func (g *Graph) compositeBatchNorm(x, gamma, beta Value, eps float64, relu bool) (y, mean, variance Value) {
	s := g.Shape(x)
	c := s[0]
	xs := g.Reshape(x, c, -1)
	mean = g.MeanAxis(xs, 1, true)
	d := g.Sub(xs, mean)
	variance = g.MeanAxis(g.Square(d), 1, true)
	rstd := g.Rsqrt(g.Affine(variance, 1, eps))
	y = g.Add(g.Mul(d, g.Mul(rstd, g.Reshape(gamma, c, 1))), g.Reshape(beta, c, 1))
	if relu {
		y = g.Activation(device.ReLU, y)
	}
	return g.Reshape(y, s...), g.Reshape(mean, c), g.Reshape(variance, c)
}

// rows checks a normalisation of the last axis and returns it as [M, N].
func (g *Graph) rows(op string, x Value, weights ...Value) (m, n int) {
	s := g.Shape(x)
	if len(s) == 0 || s[len(s)-1] == 0 {
		fail(op, "shape %s has no last axis", s)
	}
	n = s[len(s)-1]
	for _, w := range weights {
		if !g.Shape(w).Equal(tensor.Shape{n}) {
			fail(op, "weights %s for rows of %d", g.Shape(w), n)
		}
	}
	return s.Size() / n, n
}

// LayerNorm normalises the last axis (Ba, Kiros, Hinton 2016) and applies gamma and beta [N].
func (g *Graph) LayerNorm(x, gamma, beta Value, eps float64) Value {
	m, n := g.rows("layer norm", x, gamma, beta)
	s := g.Shape(x)
	if g.Composite {
		last := len(s) - 1
		d := g.Sub(x, g.MeanAxis(x, last, true))
		rstd := g.Rsqrt(g.Affine(g.MeanAxis(g.Square(d), last, true), 1, eps))
		return g.Add(g.Mul(g.Mul(d, rstd), gamma), beta)
	}
	var out []Value
	out = g.recordMulti(device.LayerNorm{M: m, N: n, Eps: eps}, []tensor.Shape{s, {m}, {m}}, []Value{x, gamma, beta}, func(dy []Value, _ []bool) []Value {
		in := []Value{x, gamma, out[1], out[2], dy[0]}
		return g.recordMulti(device.LayerNormGrad{M: m, N: n}, []tensor.Shape{s, {n}, {n}}, in, noSecondMulti("layer norm"))
	})
	return out[0]
}

// RMSNorm divides the last axis by its root mean square (Zhang, Sennrich 2019) and applies gamma [N].
func (g *Graph) RMSNorm(x, gamma Value, eps float64) Value {
	m, n := g.rows("RMS norm", x, gamma)
	s := g.Shape(x)
	if g.Composite {
		rstd := g.Rsqrt(g.Affine(g.MeanAxis(g.Square(x), len(s)-1, true), 1, eps))
		return g.Mul(g.Mul(x, rstd), gamma)
	}
	var out []Value
	out = g.recordMulti(device.RMSNorm{M: m, N: n, Eps: eps}, []tensor.Shape{s, {m}}, []Value{x, gamma}, func(dy []Value, _ []bool) []Value {
		in := []Value{x, gamma, out[1], dy[0]}
		return g.recordMulti(device.RMSNormGrad{M: m, N: n}, []tensor.Shape{s, {n}}, in, noSecondMulti("RMS norm"))
	})
	return out[0]
}

// Softmax normalises e^x over an axis.
func (g *Graph) Softmax(x Value, axis int) Value { return g.softmax(x, axis, false) }

// LogSoftmax is the logarithm of Softmax.
func (g *Graph) LogSoftmax(x Value, axis int) Value { return g.softmax(x, axis, true) }

func (g *Graph) softmax(x Value, axis int, log bool) Value {
	axis = g.axis("softmax", x, axis)
	s := g.Shape(x)
	outer, extent, inner := s.Around(axis)
	if extent == 0 {
		fail("softmax", "axis %d of shape %s is empty", axis, s)
	}
	var y Value
	y = g.record(device.Softmax{Outer: outer, Extent: extent, Inner: inner, Log: log}, s, []Value{x}, func(dy Value, _ []bool) []Value {
		switch {
		case !g.Composite:
			dx := g.record(device.SoftmaxGrad{Outer: outer, Extent: extent, Inner: inner, Log: log}, s, []Value{y, dy}, noSecond("softmax"))
			g.mayReuse(1)
			return []Value{dx}
		case log:
			return []Value{g.Sub(dy, g.Mul(g.Exp(y), g.SumAxis(dy, axis, true)))}
		}
		return []Value{g.Mul(y, g.Sub(dy, g.SumAxis(g.Mul(dy, y), axis, true)))}
	})
	return y
}
