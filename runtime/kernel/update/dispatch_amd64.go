//go:build amd64 && !purego

package update

import "github.com/weightspace/weightspace/runtime/kernel/isa"

// The calls are direct, not through a table of functions, so that scratch on the caller's stack
// stays there. Slices are not empty.

func (k *Kernels) sgd(w, m, g []float32, s sgdScalars[float32]) {
	wide, n, c := k.level == isa.AVX512, len(w), s.clip
	switch {
	case k.level == isa.Ref:
		sgdRow(w, m, g, s)
	case m == nil && wide:
		sgdAVX512(&w[0], &g[0], n, c.low, c.high, c.scale, s.decay, s.negRate)
	case m == nil:
		sgdAVX2(&w[0], &g[0], n, c.low, c.high, c.scale, s.decay, s.negRate)
	case s.nesterov && wide:
		sgdNesterovAVX512(&w[0], &m[0], &g[0], n, c.low, c.high, c.scale, s.decay, s.momentum, s.negRate)
	case s.nesterov:
		sgdNesterovAVX2(&w[0], &m[0], &g[0], n, c.low, c.high, c.scale, s.decay, s.momentum, s.negRate)
	case wide:
		sgdMomentumAVX512(&w[0], &m[0], &g[0], n, c.low, c.high, c.scale, s.decay, s.momentum, s.negRate)
	default:
		sgdMomentumAVX2(&w[0], &m[0], &g[0], n, c.low, c.high, c.scale, s.decay, s.momentum, s.negRate)
	}
}

func (k *Kernels) adam(w, m, v, g []float32, s adamScalars[float32]) {
	n, c := len(w), s.clip
	switch k.level {
	case isa.AVX512:
		adamAVX512(&w[0], &m[0], &v[0], &g[0], n, c.low, c.high, c.scale, s.decay, s.keep, s.rate1, s.beta2, s.rate2, s.eps, s.negStep)
	case isa.AVX2:
		adamAVX2(&w[0], &m[0], &v[0], &g[0], n, c.low, c.high, c.scale, s.decay, s.keep, s.rate1, s.beta2, s.rate2, s.eps, s.negStep)
	default:
		adamRow(w, m, v, g, s)
	}
}

// squares and magnitudes take whole groups of 16.
func (k *Kernels) squares(s *[lanes]float64, x []float32) {
	switch k.level {
	case isa.AVX512:
		sumSquaresAVX512(&s[0], &x[0], len(x)/lanes)
	case isa.AVX2:
		sumSquaresAVX2(&s[0], &x[0], len(x)/lanes)
	default:
		squareLanes(s, x)
	}
}

func (k *Kernels) magnitudes(s *[lanes]uint32, x []float32) {
	switch k.level {
	case isa.AVX512:
		maxAbsAVX512(&s[0], &x[0], len(x)/lanes)
	case isa.AVX2:
		maxAbsAVX2(&s[0], &x[0], len(x)/lanes)
	default:
		magnitudeLanes(s, x)
	}
}
