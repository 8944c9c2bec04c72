package vmath

import "fmt"

// Func names a function of one argument; the package comment has the error bounds.
type Func int

// The functions.
const (
	// Exp is e^x.
	Exp Func = iota
	// Expm1 is e^x-1, accurate near 0.
	Expm1
	// Log is the natural logarithm: -Inf at 0, NaN below.
	Log
	// Tanh is the hyperbolic tangent.
	Tanh
	// Sigmoid is 1/(1+e^-x).
	Sigmoid
	// Erf is the error function.
	Erf
	// GELU is x Phi(x), Phi being the normal law. Both tails are accurate: the negative one does
	// not cancel.
	GELU
	// GELUTanh is x (1+tanh(sqrt(2/pi)(x+0.044715 x^3)))/2, the usual stand-in for GELU.
	GELUTanh
	// SiLU is x/(1+e^-x).
	SiLU
	// Softplus is log(1+e^x), without the switch to x at large x that PyTorch has.
	Softplus
	// Sin and Cos take |x| up to 2^17 = 131,072 in float32 and 2^30 in float64 and give NaN
	// beyond: the argument is reduced with three parts of pi/2.
	Sin
	// Cos is the cosine; see Sin.
	Cos
	// Sqrt is the square root, correctly rounded; NaN below 0.
	Sqrt
	// Rsqrt is 1/sqrt(x), rounded twice.
	Rsqrt
	// Reciprocal is 1/x, correctly rounded.
	Reciprocal
	// Square is x*x, correctly rounded.
	Square
	// Neg is -x, exact.
	Neg
	// Abs is |x|, exact.
	Abs
	// ReLU is 0 for x < 0 and x otherwise, so that NaN passes.
	ReLU
	// LeakyReLU is slope*x for x < 0 and x otherwise. It needs Activate.
	LeakyReLU

	funcs
)

var funcNames = [funcs]string{
	"exp", "expm1", "log", "tanh", "sigmoid", "erf", "gelu", "gelu-tanh", "silu", "softplus", "sin", "cos",
	"sqrt", "rsqrt", "reciprocal", "square", "neg", "abs", "relu", "leaky-relu",
}

// String returns the name, such as "gelu-tanh".
func (f Func) String() string {
	if f < 0 || f >= funcs {
		return fmt.Sprintf("Func(%d)", int(f))
	}
	return funcNames[f]
}

// ParseFunc is the inverse of String.
func ParseFunc(s string) (Func, error) {
	for f, name := range funcNames {
		if name == s {
			return Func(f), nil
		}
	}
	return 0, fmt.Errorf("unknown function %q", s)
}

// Differentiable reports whether ActivateGrad knows the derivative.
func (f Func) Differentiable() bool {
	switch f {
	case Tanh, Sigmoid, GELU, GELUTanh, SiLU, Softplus, ReLU, LeakyReLU:
		return true
	default:
		return false
	}
}

// Op names a function of two arguments, all correctly rounded.
type Op int

// The operations.
const (
	// Add is a+b.
	Add Op = iota
	// Sub is a-b.
	Sub
	// RSub is b-a: what a scalar minus a slice needs.
	RSub
	// Mul is a*b.
	Mul
	// Div is a/b.
	Div
	// RDiv is b/a.
	RDiv
	// Max is the larger one, NaN if either is, and b of two zeros.
	Max
	// Min is the smaller one, NaN if either is, and b of two zeros.
	Min
	// Greater is 1 where a > b and 0 elsewhere: a mask that gradients are multiplied with, or
	// that Select takes. Comparisons with NaN are false.
	Greater
	// GreaterEqual is 1 where a >= b.
	GreaterEqual
	// Less is 1 where a < b.
	Less
	// LessEqual is 1 where a <= b.
	LessEqual
	// Equal is 1 where a == b.
	Equal

	ops
)

var opNames = [ops]string{
	"add", "sub", "rsub", "mul", "div", "rdiv", "max", "min", "greater", "greater-equal", "less", "less-equal", "equal",
}

// String returns the name, such as "greater-equal".
func (o Op) String() string {
	if o < 0 || o >= ops {
		return fmt.Sprintf("Op(%d)", int(o))
	}
	return opNames[o]
}
