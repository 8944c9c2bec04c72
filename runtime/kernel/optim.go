package kernel

import "math"

// Constants of Adam, as in PyTorch.
const (
	adamBeta1 = 0.9
	adamBeta2 = 0.999
	adamEps   = 1e-8
)

// Rates are what an optimiser step needs of each lane: the weight decay and minus the step
// size.
type Rates struct{ decay, step [Lanes]float32 }

// AdamRates sets a lane for step t (from 1).
func (r *Rates) AdamRates(lane, t int, rate, decay float64) {
	r.decay[lane], r.step[lane] = float32(decay), float32(-rate/(1-power(adamBeta1, t)))
}

// SGDRates sets a lane.
func (r *Rates) SGDRates(lane int, rate, decay float64) {
	r.decay[lane], r.step[lane] = float32(decay), float32(-rate)
}

// adamArgs are the scalars of one Adam step: rate1 = 1-beta1, beta2, rate2 = 1-beta2,
// root = sqrt(1-beta2^t), eps.
type adamArgs struct{ rate1, beta2, rate2, root, eps float32 }

// Adam does step t (from 1) in place on rows of parameters, or on [nParams][16] with a member in
// every lane: g += decay*w; m += (1-b1)(g-m); v = b2 v + (1-b2) g^2;
// w -= lr/(1-b1^t) m / (sqrt(v)/sqrt(1-b2^t) + eps). g is not changed. Moments below 1e-30
// become 0. Element i takes the rates of lane i mod 16: a row needs all of them equal.
func (k *Kernels) Adam(w, m, v, g []float32, t int, r *Rates) {
	n := len(w)
	need(len(m) == n && len(v) == n && len(g) == n, "kernel: Adam: wrong length")
	a := adamArgs{
		rate1: float32(1 - adamBeta1), beta2: adamBeta2, rate2: float32(1 - adamBeta2),
		root: float32(math.Sqrt(1 - power(adamBeta2, t))), eps: adamEps,
	}
	whole := 0
	if k.t != nil {
		whole = n / Lanes * Lanes
	}
	if whole > 0 {
		k.t.adam(&w[0], &m[0], &v[0], &g[0], &r.decay[0], whole/Lanes, a.rate1, a.beta2, a.rate2, a.root, a.eps)
	}
	adamRef(w[whole:], m[whole:], v[whole:], g[whole:], r, a)
}

// SGD does one step in place, with lanes as in Adam: g += decay*w; m = momentum*m + g;
// w -= lr*m. With m = 0 before the first step this is PyTorch's rule. g is not changed.
func (k *Kernels) SGD(w, m, g []float32, momentum float64, r *Rates) {
	n := len(w)
	need(len(m) == n && len(g) == n, "kernel: SGD: wrong length")
	whole := 0
	if k.t != nil {
		whole = n / Lanes * Lanes
	}
	if whole > 0 {
		k.t.sgd(&w[0], &m[0], &g[0], &r.decay[0], whole/Lanes, float32(momentum))
	}
	sgdRef(w[whole:], m[whole:], g[whole:], r, float32(momentum))
}

// power is b^t by squaring: products only, so its bits do not depend on the platform.
func power(b float64, t int) float64 {
	p := 1.0
	for ; t > 0; t >>= 1 {
		if t&1 == 1 {
			p = float64(p * b)
		}
		b = float64(b * b)
	}
	return p
}
