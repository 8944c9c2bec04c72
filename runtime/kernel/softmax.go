package kernel

import "github.com/weightspace/weightspace/runtime/kernel/detmath"

// Softmax is what Softmax finds in a tile: per lane the sum of the exponentials and the largest
// logit.
type Softmax struct{ Sum, Top [Lanes]float64 }

// Softmax computes e = exp(logits - top) of [classes][16] and their sums, in float64 and in the
// order of classes: the bits of detmath.Exp.
func (k *Kernels) Softmax(s *Softmax, e []float64, logits []float32) {
	n := len(logits)
	need(len(e) == n && n%Lanes == 0 && n > 0, "kernel: Softmax: wrong length")
	if k.t == nil {
		softmaxRef(s, e, logits)
		return
	}
	for l := 0; l < Lanes; l += k.t.lanes / 2 {
		k.t.softmax(&e[l], &s.Sum[l], &s.Top[l], &logits[l], n/Lanes)
	}
}

func softmaxRef(s *Softmax, e []float64, logits []float32) {
	for l := range Lanes {
		top, sum := float64(logits[l]), 0.0
		for i := l; i < len(logits); i += Lanes {
			if v := float64(logits[i]); v > top {
				top = v
			}
		}
		for i := l; i < len(logits); i += Lanes {
			e[i] = detmath.Exp(float64(logits[i]) - top)
			sum += e[i]
		}
		s.Sum[l], s.Top[l] = sum, top
	}
}
