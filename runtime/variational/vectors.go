package variational

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/kernel/vmath"
)

// Segment is the parameters [From, To) of a row with one bound of log alpha, or with Clamp 0 parameters that have no noise.
type Segment struct {
	From, To int
	Clamp    float64
	// Weight says that the parameters are weights and not biases.
	Weight bool
}

// chunk is the parameters that are worked on at a time: what they need stays in the first-level cache.
const chunk = 1<<10 - 48

// Vectors does rows of one layout in float32, the same bits on every level. It holds scratch memory: one goroutine may use it.
type Vectors struct {
	k        *vmath.Kernels
	segments []Segment
	// Of a chunk: bounded log alpha, alpha, 1/(|theta|+tiny), 1 where the bound is not active.
	logAlpha, alpha, inverse, active [chunk]float32
	t, u                             [chunk]float32
}

// NewVectors prepares rows of the segments, which follow each other from 0 on.
func NewVectors(l isa.Level, segments []Segment) (*Vectors, error) {
	k, err := vmath.New(l)
	if err != nil {
		return nil, fmt.Errorf("variational: %w", err)
	}
	n := 0
	for _, s := range segments {
		if s.From != n || s.To < s.From {
			return nil, fmt.Errorf("variational: segment [%d, %d) does not follow the one before, which ends at %d", s.From, s.To, n)
		}
		n = s.To
	}
	return &Vectors{k: k, segments: segments}, nil
}

// noisy calls f for every chunk [from, to) of parameters with noise.
func (v *Vectors) noisy(f func(s Segment, from, to int)) {
	for _, s := range v.segments {
		for from := s.From; from < s.To && s.Clamp != 0; from += chunk {
			f(s, from, min(from+chunk, s.To))
		}
	}
}

// plain calls f for every segment without noise.
func (v *Vectors) plain(f func(from, to int)) {
	for _, s := range v.segments {
		if s.Clamp == 0 {
			f(s.From, s.To)
		}
	}
}

// logAlphas fills logAlpha, inverse and active for a chunk of theta and log sigma^2, and returns its logAlpha.
func (v *Vectors) logAlphas(s Segment, theta, logSigma2 []float32) []float32 {
	n := len(theta)
	l, inverse, t := v.logAlpha[:n], v.inverse[:n], v.t[:n]
	v.k.Unary(vmath.Abs, t, theta)
	v.k.BinaryScalar(vmath.Add, t, t, Tiny)
	v.k.Unary(vmath.Reciprocal, inverse, t)
	v.k.Unary(vmath.Log, l, t)
	copy(t, logSigma2)
	v.k.Axpy(-2, l, t)
	v.k.Clip(l, t, float32(-s.Clamp), float32(s.Clamp))
	v.k.Binary(vmath.Equal, v.active[:n], l, t)
	return l
}

// Variances computes sigma2 = alpha theta^2 [n] of theta and logSigma2 [n], 0 where there is no noise. sigma2 may be logSigma2.
func (v *Vectors) Variances(sigma2, theta, logSigma2 []float32) {
	v.noisy(func(s Segment, from, to int) {
		out, th, alpha := sigma2[from:to], theta[from:to], v.alpha[:to-from]
		v.k.Unary(vmath.Exp, alpha, v.logAlphas(s, th, logSigma2[from:to]))
		v.k.Unary(vmath.Square, out, th)
		v.k.Binary(vmath.Mul, out, out, alpha)
	})
	v.plain(func(from, to int) { clear(sigma2[from:to]) })
}

// Gradient turns gradients. On the way in, byTheta [n] is the derivative of the loss by the mean weights and byVariance [n] that by
// sigma2; on the way out they are the derivatives of loss + w R by theta and by log sigma^2.
func (v *Vectors) Gradient(byTheta, byVariance, theta, logSigma2 []float32, w float64) {
	v.noisy(func(s Segment, from, to int) {
		n := to - from
		dt, dv, th := byTheta[from:to], byVariance[from:to], theta[from:to]
		l := v.logAlphas(s, th, logSigma2[from:to])
		alpha, t, u := v.alpha[:n], v.t[:n], v.u[:n]
		v.k.Unary(vmath.Exp, alpha, l)
		// u = alpha theta byVariance, through which theta moves alpha theta^2 at fixed alpha: twice.
		v.k.Binary(vmath.Mul, u, alpha, th)
		v.k.Binary(vmath.Mul, u, u, dv)
		v.k.Axpy(2, u, dt)
		v.k.Binary(vmath.Mul, dv, u, th)
		if w != 0 {
			v.klGrads(t, l)
			v.k.Axpy(float32(w), t, dv)
		}
		v.k.Binary(vmath.Mul, dv, dv, v.active[:n])
		// theta inverse^2 is sign(theta)/(|theta|+tiny) up to a factor of |theta|/(|theta|+tiny).
		v.k.Binary(vmath.Mul, t, th, v.inverse[:n])
		v.k.Binary(vmath.Mul, t, t, v.inverse[:n])
		v.k.Binary(vmath.Mul, t, t, dv)
		v.k.Axpy(-2, t, dt)
	})
	v.plain(func(from, to int) { clear(byVariance[from:to]) })
}

// klGrads is KLGrad of the bounded log alphas of a chunk.
func (v *Vectors) klGrads(t, l []float32) {
	u := v.u[:len(l)]
	v.k.BinaryScalar(vmath.Mul, t, l, K3)
	v.k.BinaryScalar(vmath.Add, t, t, K2)
	v.k.Unary(vmath.Sigmoid, t, t)
	v.k.Unary(vmath.Square, u, t)
	v.k.Binary(vmath.Sub, t, u, t)
	v.k.BinaryScalar(vmath.Mul, t, t, float32(K1*K3))
	v.k.Unary(vmath.Neg, u, l)
	v.k.Unary(vmath.Sigmoid, u, u)
	v.k.Axpy(-0.5, u, t)
}

// Twin gives the row that answers: theta with 0 where log alpha reaches the threshold. Weights and variational biases are dropped.
func (v *Vectors) Twin(twin, theta, logSigma2 []float32, threshold float64) {
	v.noisy(func(s Segment, from, to int) {
		keep, out := v.active[:to-from], twin[from:to]
		l := v.logAlphas(s, theta[from:to], logSigma2[from:to])
		v.k.BinaryScalar(vmath.Less, keep, l, float32(threshold))
		copy(out, theta[from:to])
		for i, k := range keep {
			if k == 0 {
				out[i] = 0
			}
		}
	})
	v.plain(func(from, to int) { copy(twin[from:to], theta[from:to]) })
}

// Penalty is R, the sum of KL over the row, in float64.
func (v *Vectors) Penalty(theta, logSigma2 []float32) float64 {
	sum := 0.0
	v.noisy(func(s Segment, from, to int) {
		for i := from; i < to; i++ {
			l, _ := Clamp(LogAlpha(float64(theta[i]), float64(logSigma2[i])), s.Clamp)
			sum += KL(l)
		}
	})
	return sum
}
