package rows

import "github.com/weightspace/weightspace/runtime/kernel/isa"

// ChannelStats writes mean and biased variance of C channels: mean and variance [C], x [C,L].
// Blocks are added in float64 and the variance is taken about the mean: its relative error is
// a few eps for any mean. Channels may be given to different workers.
func (k *Kernels) ChannelStats(mean, variance, x []float32, c, l int) {
	channelStats(k.level, mean, variance, x, c, l)
}

// ChannelStatsRef is the twin of ChannelStats.
func ChannelStatsRef[T Float](mean, variance, x []T, c, l int) {
	channelStats(isa.Ref, mean, variance, x, c, l)
}

func channelStats[T Float](l isa.Level, mean, variance, x []T, c, n int) {
	need(len(mean) == c && len(variance) == c && len(x) == c*n)
	for i := range c {
		m, v := meanVar(l, x[i*n:][:n])
		mean[i], variance[i] = T(m), T(v)
	}
}

// ChannelAffine is y = (x-mean)*scale + shift for C channels, and its maximum with 0 if relu:
// y and x [C,L], mean (nil: 0), scale and shift [C]. y may be x.
func (k *Kernels) ChannelAffine(y, x, mean, scale, shift []float32, c, l int, relu bool) {
	channelAffine(k.level, y, x, mean, scale, shift, c, l, relu)
}

// ChannelAffineRef is the twin of ChannelAffine.
func ChannelAffineRef[T Float](y, x, mean, scale, shift []T, c, l int, relu bool) {
	channelAffine(isa.Ref, y, x, mean, scale, shift, c, l, relu)
}

func channelAffine[T Float](l isa.Level, y, x, mean, scale, shift []T, c, n int, relu bool) {
	need(len(y) == c*n && len(x) == c*n && len(scale) == c && len(shift) == c && (len(mean) == 0 || len(mean) == c))
	var zeros [group]T
	step := tile(c, n)
	for at := 0; at < c; at += step {
		rows, a := min(step, c-at), zeros[:]
		if len(mean) > 0 {
			a = mean[at:]
		}
		for j := 0; j < n; j += callFloats {
			i, w := at*n+j, min(callFloats, n-j)
			if relu {
				rowAffineReLU(l, y[i:], x[i:], a, scale[at:], shift[at:], rows, w, n)
			} else {
				rowAffine(l, y[i:], x[i:], a, scale[at:], shift[at:], rows, w, n)
			}
		}
	}
}

// ChannelGrad are the arguments of the gradient of a batch normalisation y = (x-Mean)*RStd*Gain
// + bias (then the maximum with 0 if Y is given) of C channels of L elements.
type ChannelGrad[T Float] struct {
	C, L int
	// DY and X are [C,L]; so is Y, the outcome, or nil if there is no ReLU.
	DY, X, Y []T
	// Mean, RStd and Gain are [C].
	Mean, RStd, Gain []T
}

func (o *ChannelGrad[T]) check() {
	need(len(o.DY) == o.C*o.L && len(o.X) == o.C*o.L && (len(o.Y) == 0 || len(o.Y) == o.C*o.L) &&
		len(o.Mean) == o.C && len(o.RStd) == o.C && len(o.Gain) == o.C)
}

// from is Y from element i on.
func (o *ChannelGrad[T]) from(i int) []T {
	if len(o.Y) == 0 {
		return nil
	}
	return o.Y[i:]
}

// ChannelGradSums writes the parameter gradients: dgain and dbias [C] are set.
func (k *Kernels) ChannelGradSums(dgain, dbias []float32, o ChannelGrad[float32]) {
	channelGradSums(k.level, dgain, dbias, o)
}

// ChannelGradSumsRef is the twin of ChannelGradSums.
func ChannelGradSumsRef[T Float](dgain, dbias []T, o ChannelGrad[T]) {
	channelGradSums(isa.Ref, dgain, dbias, o)
}

func channelGradSums[T Float](l isa.Level, dgain, dbias []T, o ChannelGrad[T]) {
	o.check()
	need(len(dgain) == o.C && len(dbias) == o.C)
	if o.L == 0 {
		clear(dgain)
		clear(dbias)
		return
	}
	step := max(1, min(o.C, callFloats/o.L))
	for at := 0; at < o.C; at += step {
		i, rows := at*o.L, min(step, o.C-at)
		backSumRows(l, dbias[at:], dgain[at:], o.DY[i:], o.X[i:], o.from(i), nil, o.Mean[at:], rows, o.L)
	}
	for c := range dgain {
		dgain[c] *= o.RStd[c]
	}
}

// ChannelGradInput writes dx [C,L], given the sums of ChannelGradSums, or nil for both where
// mean and variance were constants (evaluation). dx may be o.DY.
func (k *Kernels) ChannelGradInput(dx, dgain, dbias []float32, o ChannelGrad[float32]) {
	channelGradInput(k.level, dx, dgain, dbias, o)
}

// ChannelGradInputRef is the twin of ChannelGradInput.
func ChannelGradInputRef[T Float](dx, dgain, dbias []T, o ChannelGrad[T]) {
	channelGradInput(isa.Ref, dx, dgain, dbias, o)
}

func channelGradInput[T Float](l isa.Level, dx, dgain, dbias []T, o ChannelGrad[T]) {
	o.check()
	need(len(dx) == o.C*o.L && len(dgain) == len(dbias) && (len(dgain) == 0 || len(dgain) == o.C))
	step := tile(o.C, o.L)
	for at := 0; at < o.C; at += step {
		var k, c1, c2 [group]T
		i, rows := at*o.L, min(step, o.C-at)
		for r := range rows {
			c := at + r
			k[r] = mul(o.Gain[c], o.RStd[c])
			if len(dgain) > 0 {
				c1[r] = dbias[c] / T(o.L)
				c2[r] = mul(o.RStd[c], dgain[c]) / T(o.L)
			}
		}
		backDxRows(l, dx[i:], o.DY[i:], o.X[i:], o.from(i), nil, o.Mean[at:], k[:], c1[:], c2[:], rows, o.L)
	}
}
