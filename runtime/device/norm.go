package device

// BatchNorm normalises channels of [C, L] by the batch's own mean and biased variance (Ioffe, Szegedy 2015): In x, gamma, beta,
// Out y, mean, variance, rstd [C] each. ReLU clips y at zero.
type BatchNorm struct {
	C, L int
	Eps  float64
	ReLU bool
}

// Cost implements Kernel.
func (k BatchNorm) Cost() (int64, int64) { n := int64(k.C * k.L); return 6 * n, 3 * n }

// BatchNormGrad is the gradient of BatchNorm: In x, gamma, y (None without ReLU), mean, rstd, dy, Out dx, dgamma, dbeta. ReLU masks dy where y was clipped.
type BatchNormGrad struct {
	C, L int
	ReLU bool
}

// Cost implements Kernel.
func (k BatchNormGrad) Cost() (int64, int64) { n := int64(k.C * k.L); return 9 * n, 5 * n }

// RunningStats moves running statistics towards a batch's: In mean, variance [C], Out running mean and running variance (States), which
// become (1-Momentum) old + Momentum new; the variance is unbiased, as PyTorch.
type RunningStats struct {
	C, L     int
	Momentum float64
}

// Cost implements Kernel.
func (k RunningStats) Cost() (int64, int64) { return 6 * int64(k.C), 4 * int64(k.C) }

// ChannelAffine is y = (x - mean) / sqrt(variance + Eps) * gamma + beta by channel of [C, L], with given statistics: In x,
// gamma, beta, mean, variance, Out y. It is batch norm when evaluating.
type ChannelAffine struct {
	C, L int
	Eps  float64
	ReLU bool
}

// Cost implements Kernel.
func (k ChannelAffine) Cost() (int64, int64) { n := int64(k.C * k.L); return 2 * n, 2 * n }

// LayerNorm normalises rows of [M, N] (Ba et al. 2016): In x, gamma, beta [N], Out y, mean [M], rstd [M].
type LayerNorm struct {
	M, N int
	Eps  float64
}

// Cost implements Kernel.
func (k LayerNorm) Cost() (int64, int64) { n := int64(k.M * k.N); return 6 * n, 2 * n }

// LayerNormGrad is the gradient of LayerNorm: In x, gamma, mean, rstd, dy, Out dx, dgamma, dbeta.
type LayerNormGrad struct{ M, N int }

// Cost implements Kernel.
func (k LayerNormGrad) Cost() (int64, int64) { n := int64(k.M * k.N); return 9 * n, 3 * n }

// RMSNorm scales rows of [M, N] by their root mean square (Zhang, Sennrich 2019): In x, gamma, Out y, rstd [M].
type RMSNorm struct {
	M, N int
	Eps  float64
}

// Cost implements Kernel.
func (k RMSNorm) Cost() (int64, int64) { n := int64(k.M * k.N); return 4 * n, 2 * n }

// RMSNormGrad is the gradient of RMSNorm: In x, gamma, rstd, dy, Out dx, dgamma.
type RMSNormGrad struct{ M, N int }

// Cost implements Kernel.
func (k RMSNormGrad) Cost() (int64, int64) { n := int64(k.M * k.N); return 7 * n, 3 * n }

// Softmax over the middle axis of [Outer, Extent, Inner]: In x, Out y. Log gives log-softmax. y may be x.
type Softmax struct {
	Outer, Extent, Inner int
	Log                  bool
}

// Cost implements Kernel.
func (k Softmax) Cost() (int64, int64) {
	n := int64(k.Outer * k.Extent * k.Inner)
	return 5 * n, 2 * n
}

// SoftmaxGrad is the gradient of Softmax: In y, dy, Out dx = y (dy - sum dy y), or with Log dx = dy - e^y sum dy. dx may be dy.
type SoftmaxGrad struct {
	Outer, Extent, Inner int
	Log                  bool
}

// Cost implements Kernel.
func (k SoftmaxGrad) Cost() (int64, int64) {
	n := int64(k.Outer * k.Extent * k.Inner)
	return 4 * n, 3 * n
}

// CrossEntropy is the mean over samples of -sum_c t_c log softmax(x)_c, t the one-hot label smoothed by Smoothing (PyTorch's
// definition): In x, labels (Ints) [Samples], Out loss [1], dx (the loss's gradient), correct [1]: how many largest logits, the first among equals, are
// the label's. Samples with label -1 count for nothing. x is [Classes, Samples] with ClassesFirst, else [Samples, Classes].
type CrossEntropy struct {
	Samples, Classes int
	ClassesFirst     bool
	Smoothing        float64
}

// Cost implements Kernel.
func (k CrossEntropy) Cost() (int64, int64) { n := int64(k.Samples * k.Classes); return 5 * n, 2 * n }

// SoftCrossEntropy is CrossEntropy with target distributions: In x, t of x's shape, Out loss [1], dx.
type SoftCrossEntropy struct {
	Samples, Classes int
	ClassesFirst     bool
}

// Cost implements Kernel.
func (k SoftCrossEntropy) Cost() (int64, int64) {
	n := int64(k.Samples * k.Classes)
	return 6 * n, 3 * n
}

// Attention is multi-head scaled dot-product attention (Vaswani et al. 2017, eq. 1): In q [B, T, Heads*Dim], k, v [B, S, Heads*Dim],
// bias (None, or [B, S] added to the scores of every head and query: 0 or -inf masks keys), Out o [B, T, Heads*Dim], p [B, Heads, T, S],
// the probabilities, kept for the gradient. Packed takes one array qkv [B, T, 3*Heads*Dim] in place of q, k and v (S = T). Causal lets query t see
// keys 0..t+S-T.
type Attention struct {
	B, T, S, Heads, Dim int
	Scale               float64
	Causal, Packed      bool
}

// Cost implements Kernel.
func (k Attention) Cost() (int64, int64) {
	scores := int64(k.B*k.Heads) * int64(k.T*k.S)
	d := int64(k.Heads * k.Dim)
	return 4*scores*int64(k.Dim) + 5*scores, scores + int64(k.B)*(2*int64(k.T)+2*int64(k.S))*d
}

// AttentionGrad is the gradient of Attention: In q, k, v, p, do, Out dq, dk, dv; packed: In qkv, p, do, Out dqkv.
type AttentionGrad struct{ Attention }

// Cost implements Kernel.
func (k AttentionGrad) Cost() (int64, int64) {
	f, e := k.Attention.Cost()
	return 2 * f, 2 * e
}
