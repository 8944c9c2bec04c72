package device

import "github.com/weightspace/weightspace/runtime/tensor"

// Func is an elementwise function of one argument.
type Func uint8

// The functions.
const (
	Exp Func = iota
	Log
	Tanh
	Sigmoid
	Erf
	ReLU
	LeakyReLU // Alpha is the slope below zero
	GELU      // x Phi(x), Phi by erf
	GELUTanh  // the tanh approximation, as GPT-2
	SiLU
	Softplus
	Sin
	Cos
	Sqrt
	Rsqrt
	Reciprocal
	Square
	Neg
	Abs
	// Positive is 1 where x > 0 and 0 elsewhere: ReLU's derivative.
	Positive
	// Sign is -1, 0 or 1.
	Sign
	// Funcs is the number of functions.
	Funcs
)

var funcNames = [Funcs]string{
	"exp", "log", "tanh", "sigmoid", "erf", "relu", "leakyrelu", "gelu", "gelu-tanh", "silu", "softplus",
	"sin", "cos", "sqrt", "rsqrt", "reciprocal", "square", "neg", "abs", "positive", "sign",
}

// String is the function's name in manifests where it is an activation.
func (f Func) String() string {
	if f < Funcs {
		return funcNames[f]
	}
	return "unknown"
}

// Unary is y = F(x) elementwise: In x, Out y [N]. y may be x.
type Unary struct {
	F     Func
	Alpha float64
	N     int
}

// Cost implements Kernel.
func (k Unary) Cost() (int64, int64) { return int64(k.N), 2 * int64(k.N) }

// ActivationGrad is dx = dy F'(x): In x, y = F(x), dy, Out dx [N]. dx may be dy.
type ActivationGrad struct {
	F     Func
	Alpha float64
	N     int
}

// Cost implements Kernel.
func (k ActivationGrad) Cost() (int64, int64) { return 3 * int64(k.N), 4 * int64(k.N) }

// BinaryOp is an elementwise function of two arguments.
type BinaryOp uint8

// The functions. Equal is 1 where the arguments are equal and 0 elsewhere.
const (
	Add BinaryOp = iota
	Sub
	Mul
	Div
	Max
	Min
	Equal
)

// Binary is y = Op(a, b) under NumPy's broadcasting: In a, b, Out y of shape Out. y may be an
// operand of the same shape.
type Binary struct {
	Op        BinaryOp
	A, B, Out tensor.Shape
}

// Cost implements Kernel.
func (k Binary) Cost() (int64, int64) {
	n := int64(k.Out.Size())
	return n, n + int64(k.A.Size()+k.B.Size())
}

// Affine is y = Mul*x + Add elementwise: In x, Out y [N]. y may be x.
type Affine struct {
	Mul, Add float64
	N        int
}

// Cost implements Kernel.
func (k Affine) Cost() (int64, int64) { return 2 * int64(k.N), 2 * int64(k.N) }

// Fill sets every element: Out y [N].
type Fill struct {
	Value float64
	N     int
}

// Cost implements Kernel.
func (k Fill) Cost() (int64, int64) { return 0, int64(k.N) }

// Dropout is y = x * mask, mask 0 with the binding's probability p and 1/(1-p) elsewhere: In x,
// Out y [Samples*Features]. The mask is keyed by (seed, Label, step, sample, feature), so that applying the same kernel
// to dy is the gradient. SamplesLast says that x is [Features, Samples], else [Samples, Features].
// y may be x.
type Dropout struct {
	Label             string
	Samples, Features int
	SamplesLast       bool
}

// Cost implements Kernel.
func (k Dropout) Cost() (int64, int64) {
	n := int64(k.Samples * k.Features)
	return n, 2 * n
}
