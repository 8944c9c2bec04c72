package update

// SGD is one step of stochastic gradient descent as torch.optim.SGD does it (dampening 0):
//
//	d = clip(g) + Decay w
//	m = Momentum m + d
//	w = w - Rate (d + Momentum m if Nesterov, else m)
//
// With m = 0 before the first step this is PyTorch's rule, which starts m at the first gradient.
type SGD struct {
	Rate, Decay, Momentum float64
	Nesterov              bool
	Clip                  Clip
}

// sgdScalars are the scalars of a step in T.
type sgdScalars[T Float] struct {
	clip                     clip[T]
	decay, momentum, negRate T
	nesterov                 bool
}

func sgdOf[T Float](s SGD) sgdScalars[T] {
	return sgdScalars[T]{clipOf[T](s.Clip), T(s.Decay), T(s.Momentum), T(-s.Rate), s.Nesterov}
}

// sgdCheck checks the lengths. Without momentum m is not used and may be nil.
func sgdCheck[T Float](w, m, g []T, s SGD) {
	need(len(g) == len(w) && (s.Momentum == 0 || len(m) == len(w)), "update: SGD: wrong length")
}

// SGD does a step in place on parameters w with momentum buffer m, all of one length. g is not
// changed. With Momentum 0, m is neither read nor written and may be nil. The slices must not
// overlap. Elements of m below 1e-30 become 0.
func (k *Kernels) SGD(w, m, g []float32, s SGD) {
	sgdCheck(w, m, g, s)
	a := sgdOf[float32](s)
	if s.Momentum == 0 {
		m = nil
	}
	for len(w) > 0 {
		n := min(len(w), block)
		if m != nil {
			k.sgd(w[:n], m[:n], g[:n], a)
			m = m[n:]
		} else {
			k.sgd(w[:n], nil, g[:n], a)
		}
		w, g = w[n:], g[n:]
	}
}

// SGDRef is SGD in pure Go.
func SGDRef[T Float](w, m, g []T, s SGD) {
	sgdCheck(w, m, g, s)
	if s.Momentum == 0 {
		m = nil
	}
	sgdRow(w, m, g, sgdOf[T](s))
}

// sgdRow is the twin of the assembly; m is nil without momentum.
func sgdRow[T Float](w, m, g []T, s sgdScalars[T]) {
	tiny := limitsOf[T]().tiny
	for i := range w {
		d := mulAdd(s.decay, w[i], s.clip.of(g[i]))
		if m != nil {
			m[i] = flush(mulAdd(s.momentum, m[i], d), tiny)
			if s.nesterov {
				d = mulAdd(s.momentum, m[i], d)
			} else {
				d = m[i]
			}
		}
		w[i] = mulAdd(s.negRate, d, w[i])
	}
}
