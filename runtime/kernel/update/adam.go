package update

import "math"

// Adam is one step of torch.optim.Adam, or with Decoupled of torch.optim.AdamW. Step is t,
// counted from 1:
//
//	d = clip(g) + Decay w                     (Decoupled: d = clip(g), w = (1 - Rate Decay) w)
//	m = m + (1-Beta1)(d - m),  v = Beta2 v + (1-Beta2) d^2
//	w = w - Rate m/(1-Beta1^t) / (sqrt(v/(1-Beta2^t)) + Eps)
//
// The last line is computed as w - (Rate c/(1-Beta1^t)) m/(sqrt(v) + c Eps), c =
// sqrt(1-Beta2^t): the same number with one division less.
type Adam struct {
	Rate, Beta1, Beta2, Eps, Decay float64
	Decoupled                      bool
	Step                           int
	Clip                           Clip
}

// adamScalars are the scalars of a step in T.
type adamScalars[T Float] struct {
	clip                                           clip[T]
	decay, keep, rate1, beta2, rate2, eps, negStep T
}

func adamOf[T Float](a Adam) adamScalars[T] {
	decay, keep := a.Decay, 1.0
	if a.Decoupled {
		decay, keep = 0, 1-float64(a.Rate*a.Decay)
	}
	c := math.Sqrt(1 - power(a.Beta2, a.Step))
	return adamScalars[T]{
		clip: clipOf[T](a.Clip), decay: T(decay), keep: T(keep),
		rate1: T(1 - a.Beta1), beta2: T(a.Beta2), rate2: T(1 - a.Beta2),
		eps: T(float64(a.Eps * c)), negStep: T(-float64(a.Rate*c) / (1 - power(a.Beta1, a.Step))),
	}
}

func adamCheck[T Float](w, m, v, g []T, a Adam) {
	n := len(w)
	need(len(m) == n && len(v) == n && len(g) == n, "update: Adam: wrong length")
	need(a.Step >= 1, "update: Adam: steps count from 1")
}

// Adam does a step in place on parameters w with moments m and v, all of one length. g is not
// changed. The slices must not overlap. Moments below 1e-30 become 0; so do gradients below 1e-15
// where they are squared.
func (k *Kernels) Adam(w, m, v, g []float32, a Adam) {
	adamCheck(w, m, v, g, a)
	s := adamOf[float32](a)
	for len(w) > 0 {
		n := min(len(w), block)
		k.adam(w[:n], m[:n], v[:n], g[:n], s)
		w, m, v, g = w[n:], m[n:], v[n:], g[n:]
	}
}

// AdamRef is Adam in pure Go.
func AdamRef[T Float](w, m, v, g []T, a Adam) {
	adamCheck(w, m, v, g, a)
	adamRow(w, m, v, g, adamOf[T](a))
}

// adamRow is the twin of the assembly. Products enter no sum but mulAdd's, so that no compiler
// can fuse one.
func adamRow[T Float](w, m, v, g []T, s adamScalars[T]) {
	below := limitsOf[T]()
	for i := range w {
		d := mulAdd(s.decay, w[i], s.clip.of(g[i]))
		m[i] = flush(mulAdd(s.rate1, d-m[i], m[i]), below.tiny)
		d = flush(d, below.root)
		v[i] = flush(mulAdd(s.rate2*d, d, s.beta2*v[i]), below.tiny)
		// The square root of a float32 taken in float64 and rounded is correctly rounded.
		q := m[i] / (T(math.Sqrt(float64(v[i]))) + s.eps)
		w[i] = mulAdd(s.negStep, q, w[i]*s.keep)
	}
}
