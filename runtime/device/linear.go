package device

// Bias says where a matrix product's bias goes.
type Bias uint8

// The places.
const (
	NoBias  Bias = iota
	RowBias      // [M], added to every column
	ColBias      // [N], added to every row
)

// Matmul is C_i = op(A_i) op(B_i) + bias for i < Batch: In A, B, bias (None without), Out C
// [Batch, M, N]. A_i is [M, K], or [K, M] with TransA; B_i is [K, N], or [N, K] with TransB. SharedA and SharedB use
// the one matrix there is for every i. Every element is one chain of fused multiply-adds over K, from the bias.
type Matmul struct {
	Batch, M, N, K   int
	TransA, TransB   bool
	SharedA, SharedB bool
	Bias             Bias
}

// Cost implements Kernel.
func (k Matmul) Cost() (int64, int64) {
	b, m, n, kk := int64(k.Batch), int64(k.M), int64(k.N), int64(k.K)
	ba, bb := b, b
	if k.SharedA {
		ba = 1
	}
	if k.SharedB {
		bb = 1
	}
	return 2 * b * m * n * kk, ba*m*kk + bb*kk*n + b*m*n
}

// Window is the geometry of a convolution or pooling over images [C, H, W, N], the batch innermost.
type Window struct {
	C, H, W, N           int
	KH, KW               int
	StrideH, StrideW     int
	PadH, PadW           int
	DilationH, DilationW int
}

// OH is the output height.
func (w Window) OH() int { return (w.H+2*w.PadH-w.DilationH*(w.KH-1)-1)/w.StrideH + 1 }

// OW is the output width.
func (w Window) OW() int { return (w.W+2*w.PadW-w.DilationW*(w.KW-1)-1)/w.StrideW + 1 }

// In is the elements of the input.
func (w Window) In() int { return w.C * w.H * w.W * w.N }

// ConvKind is one of the three products of a convolution.
type ConvKind uint8

// The products.
const (
	// ConvForward: In x [C,H,W,N], w [O,C/Groups,KH,KW], bias [O] (or None), Out y [O,OH,OW,N].
	ConvForward ConvKind = iota
	// ConvGradInput: In dy [O,OH,OW,N], w, Out dx [C,H,W,N].
	ConvGradInput
	// ConvGradWeight: In x, dy, Out dw [O,C/Groups,KH,KW], db [O] (or None).
	ConvGradWeight
)

// Conv2D is one of the products of a 2-D convolution (cross-correlation, as PyTorch).
type Conv2D struct {
	Kind ConvKind
	Window
	O, Groups int
	HasBias   bool
}

// Cost implements Kernel.
func (k Conv2D) Cost() (int64, int64) {
	taps := int64(k.C / k.Groups * k.KH * k.KW)
	out := int64(k.O*k.OH()*k.OW()) * int64(k.N)
	return 2 * out * taps, out + int64(k.In()) + int64(k.O)*taps
}

// PoolKind is a kernel of pooling.
type PoolKind uint8

// The kernels.
const (
	// MaxPool: In x, Out y. Padding counts as minus infinity.
	MaxPool PoolKind = iota
	// MaxPoolGrad: In x, dy, Out dx. The first maximum of a window, row by row, gets its gradient.
	MaxPoolGrad
	// MaxPoolTake: In x, v [C,H,W,N], Out the elements of v where MaxPool finds its maxima: the transpose of MaxPoolGrad.
	MaxPoolTake
	// AvgPool: In x, Out y. Padding counts as zeros (count_include_pad).
	AvgPool
	// AvgPoolGrad: In dy, Out dx.
	AvgPoolGrad
)

// Pool is max or average pooling of [C, H, W, N], or its gradient.
type Pool struct {
	Kind PoolKind
	Window
}

// Cost implements Kernel.
func (k Pool) Cost() (int64, int64) {
	out := int64(k.C * k.OH() * k.OW() * k.N)
	return out * int64(k.KH*k.KW), out + int64(k.In())
}
