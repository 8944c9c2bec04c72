package op

import (
	"math"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/tensor"
)

func (g *Graph) unary(f device.Func, x Value, vjp func(y, dy Value) Value) Value {
	var y Value
	y = g.record(device.Unary{F: f, N: g.size(x)}, g.Shape(x), []Value{x}, func(dy Value, _ []bool) []Value { return []Value{vjp(y, dy)} })
	g.mayReuse(0)
	return y
}

// Exp is e^x.
func (g *Graph) Exp(x Value) Value {
	return g.unary(device.Exp, x, func(y, dy Value) Value { return g.Mul(dy, y) })
}

// Log is the natural logarithm.
func (g *Graph) Log(x Value) Value {
	return g.unary(device.Log, x, func(_, dy Value) Value { return g.Div(dy, x) })
}

// Erf is the error function.
func (g *Graph) Erf(x Value) Value {
	return g.unary(device.Erf, x, func(_, dy Value) Value {
		return g.Mul(dy, g.Affine(g.Exp(g.Neg(g.Square(x))), 2/math.Sqrt(math.Pi), 0))
	})
}

// Sin is the sine.
func (g *Graph) Sin(x Value) Value {
	return g.unary(device.Sin, x, func(_, dy Value) Value { return g.Mul(dy, g.Cos(x)) })
}

// Cos is the cosine.
func (g *Graph) Cos(x Value) Value {
	return g.unary(device.Cos, x, func(_, dy Value) Value { return g.Neg(g.Mul(dy, g.Sin(x))) })
}

// Sqrt is the square root.
func (g *Graph) Sqrt(x Value) Value {
	return g.unary(device.Sqrt, x, func(y, dy Value) Value { return g.Affine(g.Div(dy, y), 0.5, 0) })
}

// Rsqrt is 1/sqrt(x).
func (g *Graph) Rsqrt(x Value) Value {
	return g.unary(device.Rsqrt, x, func(y, dy Value) Value {
		return g.Affine(g.Mul(dy, g.Mul(y, g.Square(y))), -0.5, 0)
	})
}

// Reciprocal is 1/x.
func (g *Graph) Reciprocal(x Value) Value {
	return g.unary(device.Reciprocal, x, func(y, dy Value) Value { return g.Neg(g.Mul(dy, g.Square(y))) })
}

// Square is x*x.
func (g *Graph) Square(x Value) Value {
	return g.unary(device.Square, x, func(_, dy Value) Value { return g.Mul(dy, g.Affine(x, 2, 0)) })
}

// Neg is -x.
func (g *Graph) Neg(x Value) Value {
	return g.unary(device.Neg, x, func(_, dy Value) Value { return g.Neg(dy) })
}

// Abs is |x|; its derivative at 0 is 0.
func (g *Graph) Abs(x Value) Value {
	return g.unary(device.Abs, x, func(_, dy Value) Value { return g.Mul(dy, g.unary(device.Sign, x, none)) })
}

// none is the VJP of a function whose derivative is 0 almost everywhere.
func none(_, _ Value) Value { return Value{} }

// Activations by name, as manifests have them.
var activations = map[string]device.Func{}

func init() {
	for f := device.Func(0); f < device.Funcs; f++ {
		switch f {
		case device.Tanh, device.Sigmoid, device.ReLU, device.LeakyReLU, device.GELU, device.GELUTanh, device.SiLU, device.Softplus:
			activations[f.String()] = f
		default:
		}
	}
}

// ParseActivation finds an activation by its name in manifests: tanh, sigmoid, relu, leakyrelu, gelu, gelu-tanh, silu or softplus.
func ParseActivation(name string) (device.Func, error) {
	if f, ok := activations[name]; ok {
		return f, nil
	}
	return 0, &BuildError{"activation", "unknown activation \"" + name + "\": use tanh, sigmoid, relu, leakyrelu, gelu, gelu-tanh, silu or softplus"}
}

// leakySlope is PyTorch's default slope of leaky ReLU.
const leakySlope = 0.01

// Activation applies a non-linearity. Leaky ReLU has slope 0.01 below zero.
func (g *Graph) Activation(f device.Func, x Value) Value {
	if _, ok := activations[f.String()]; !ok {
		fail("activation", "%s is no activation", f)
	}
	alpha := 0.0
	if f == device.LeakyReLU {
		alpha = leakySlope
	}
	if g.Composite {
		return g.compositeActivation(f, alpha, x)
	}
	n := g.size(x)
	var y Value
	y = g.record(device.Unary{F: f, Alpha: alpha, N: n}, g.Shape(x), []Value{x}, func(dy Value, _ []bool) []Value {
		dx := g.record(device.ActivationGrad{F: f, Alpha: alpha, N: n}, g.Shape(x), []Value{x, y, dy}, noSecond("activation"))
		g.mayReuse(2)
		return []Value{dx}
	})
	return y
}

// noSecond is the VJP of fused gradients.
func noSecond(op string) func(Value, []bool) []Value {
	return func(Value, []bool) []Value {
		fail(op, "the fused gradient cannot be differentiated again; record the graph with Composite")
		return nil
	}
}

func noSecondMulti(op string) func([]Value, []bool) []Value {
	return func([]Value, []bool) []Value { return noSecond(op)(Value{}, nil) }
}

// compositeActivation is made of operations that can be differentiated any number of times.
func (g *Graph) compositeActivation(f device.Func, alpha float64, x Value) Value {
	sigmoid := func(x Value) Value {
		return g.unary(device.Sigmoid, x, func(y, dy Value) Value { return g.Mul(dy, g.Mul(y, g.Affine(y, -1, 1))) })
	}
	tanh := func(x Value) Value {
		return g.unary(device.Tanh, x, func(y, dy Value) Value { return g.Mul(dy, g.Affine(g.Square(y), -1, 1)) })
	}
	switch f {
	case device.Tanh:
		return tanh(x)
	case device.Sigmoid:
		return sigmoid(x)
	case device.ReLU:
		return g.Mul(x, g.unary(device.Positive, x, none))
	case device.LeakyReLU:
		return g.Mul(x, g.Affine(g.unary(device.Positive, x, none), 1-alpha, alpha))
	case device.GELU:
		return g.Mul(x, g.Affine(g.Erf(g.Affine(x, math.Sqrt2/2, 0)), 0.5, 0.5))
	case device.GELUTanh:
		u := g.Affine(g.Add(x, g.Affine(g.Mul(x, g.Square(x)), 0.044715, 0)), math.Sqrt(2/math.Pi), 0)
		return g.Mul(x, g.Affine(tanh(u), 0.5, 0.5))
	case device.SiLU:
		return g.Mul(x, sigmoid(x))
	case device.Softplus:
		return g.unary(device.Softplus, x, func(_, dy Value) Value { return g.Mul(dy, sigmoid(x)) })
	default:
		fail("activation", "%s is no activation", f)
		return Value{}
	}
}

func (g *Graph) binary(op device.BinaryOp, a, b Value, vjp func(y, dy Value) (da, db Value)) Value {
	out, err := tensor.Broadcast(g.Shape(a), g.Shape(b))
	if err != nil {
		fail("elementwise", "%v", err)
	}
	var y Value
	y = g.record(device.Binary{Op: op, A: g.Shape(a), B: g.Shape(b), Out: out}, out, []Value{a, b}, func(dy Value, need []bool) []Value {
		da, db := vjp(y, dy)
		d := []Value{{}, {}}
		if need[0] && da.Present() {
			d[0] = g.sumTo(da, g.Shape(a))
		}
		if need[1] && db.Present() {
			d[1] = g.sumTo(db, g.Shape(b))
		}
		return d
	})
	g.mayReuse(0, 1)
	return y
}

// sumTo undoes broadcasting: it sums over the axes that were stretched.
func (g *Graph) sumTo(d Value, shape tensor.Shape) Value {
	for len(g.Shape(d)) > len(shape) {
		d = g.SumAxis(d, 0, false)
	}
	for i, n := range shape {
		if n == 1 && g.Shape(d)[i] != 1 {
			d = g.SumAxis(d, i, true)
		}
	}
	return d
}

// Add is a+b with broadcasting, as are Sub, Mul, Div, Maximum and Minimum.
func (g *Graph) Add(a, b Value) Value {
	return g.binary(device.Add, a, b, func(_, dy Value) (Value, Value) { return dy, dy })
}

// Sub is a-b.
func (g *Graph) Sub(a, b Value) Value {
	return g.binary(device.Sub, a, b, func(_, dy Value) (Value, Value) { return dy, g.Neg(dy) })
}

// Mul is a*b.
func (g *Graph) Mul(a, b Value) Value {
	switch {
	case g.values[b.id].one && g.Shape(a).Equal(g.Shape(b)):
		return a
	case g.values[a.id].one && g.Shape(a).Equal(g.Shape(b)):
		return b
	}
	return g.binary(device.Mul, a, b, func(_, dy Value) (Value, Value) { return g.Mul(dy, b), g.Mul(dy, a) })
}

// Div is a/b.
func (g *Graph) Div(a, b Value) Value {
	return g.binary(device.Div, a, b, func(y, dy Value) (Value, Value) {
		da := g.Div(dy, b)
		return da, g.Neg(g.Mul(da, y))
	})
}

// Maximum is max(a, b); among equals a gets the gradient.
func (g *Graph) Maximum(a, b Value) Value { return g.extreme(device.Max, a, b) }

// Minimum is min(a, b); among equals a gets the gradient.
func (g *Graph) Minimum(a, b Value) Value { return g.extreme(device.Min, a, b) }

func (g *Graph) extreme(op device.BinaryOp, a, b Value) Value {
	return g.binary(op, a, b, func(y, dy Value) (Value, Value) {
		mask := g.binary(device.Equal, a, y, func(Value, Value) (Value, Value) { return Value{}, Value{} })
		da := g.Mul(dy, mask)
		return da, g.Sub(dy, da)
	})
}

// Affine is mul*x + add with constants.
func (g *Graph) Affine(x Value, mul, add float64) Value {
	if mul == 1 && add == 0 {
		return x
	}
	y := g.record(device.Affine{Mul: mul, Add: add, N: g.size(x)}, g.Shape(x), []Value{x}, func(dy Value, _ []bool) []Value {
		return []Value{g.Affine(dy, mul, 0)}
	})
	g.mayReuse(0)
	return y
}

// Fill is a constant array of one value.
func (g *Graph) Fill(v float64, shape ...int) Value {
	return g.record(device.Fill{Value: v, N: tensor.Shape(shape).Size()}, shape, nil, func(Value, []bool) []Value { return nil })
}

// Dropout zeroes elements with the member's dropout probability while training, and scales the others by 1/(1-p). label
// names its random stream and is frozen: changing it changes every model. samplesLast says that the batch is the last axis
// of x, else it is the first.
func (g *Graph) Dropout(label string, x Value, samplesLast bool) Value {
	s := g.Shape(x)
	if !g.Training {
		return x
	}
	if len(s) == 0 {
		fail("dropout", "a scalar has no batch axis")
	}
	k := device.Dropout{Label: label, SamplesLast: samplesLast, Samples: s[0]}
	if samplesLast {
		k.Samples = s[len(s)-1]
	}
	if k.Samples > 0 {
		k.Features = s.Size() / k.Samples
	}
	return g.dropout(k, x)
}

func (g *Graph) dropout(k device.Dropout, x Value) Value {
	y := g.record(k, g.Shape(x), []Value{x}, func(dy Value, _ []bool) []Value { return []Value{g.dropout(k, dy)} })
	g.mayReuse(0)
	return y
}
