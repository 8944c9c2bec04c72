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

// Vectors does rows of one layout in float32, the same bits on every level. It holds scratch memory: one goroutine may use it.
type Vectors struct {
	k        *vmath.Kernels
	segments []Segment
	// Of the row that Variances saw: bounded log alpha, alpha, 1/(|theta|+tiny), 1 where the bound is not active.
	logAlpha, alpha, inverse, active []float32
	t, u                             []float32
}

// NewVectors prepares rows of the segments, which follow each other from 0 on.
func NewVectors(l isa.Level, segments []Segment) (*Vectors, error) {
	k, err := vmath.New(l)
	if err != nil {
		return nil, fmt.Errorf("variational: %w", err)
	}
	n, longest := 0, 0
	for _, s := range segments {
		if s.From != n || s.To < s.From {
			return nil, fmt.Errorf("variational: segment [%d, %d) does not follow the one before, which ends at %d", s.From, s.To, n)
		}
		n, longest = s.To, max(longest, s.To-s.From)
	}
	row := func(n int) []float32 { return make([]float32, n) }
	return &Vectors{
		k: k, segments: segments, logAlpha: row(n), alpha: row(n), inverse: row(n), active: row(n), t: row(longest), u: row(longest),
	}, nil
}

// Variances computes sigma2 = alpha theta^2 [n] of theta and logSigma2 [n], 0 where there is no noise.
func (v *Vectors) Variances(sigma2, theta, logSigma2 []float32) {
	for _, s := range v.segments {
		out := sigma2[s.From:s.To]
		if s.Clamp == 0 {
			clear(out)
			continue
		}
		th := theta[s.From:s.To]
		l := v.logAlphas(s, th, logSigma2)
		alpha := v.alpha[s.From:s.To]
		v.k.Unary(vmath.Exp, alpha, l)
		v.k.Unary(vmath.Square, out, th)
		v.k.Binary(vmath.Mul, out, out, alpha)
	}
}

// logAlphas fills the segment's part of logAlpha, inverse and active.
func (v *Vectors) logAlphas(s Segment, theta, logSigma2 []float32) []float32 {
	l, inverse, active, t := v.logAlpha[s.From:s.To], v.inverse[s.From:s.To], v.active[s.From:s.To], v.t[:s.To-s.From]
	v.k.Unary(vmath.Abs, t, theta)
	v.k.BinaryScalar(vmath.Add, t, t, Tiny)
	v.k.Unary(vmath.Reciprocal, inverse, t)
	v.k.Unary(vmath.Log, l, t)
	copy(t, logSigma2[s.From:s.To])
	v.k.Axpy(-2, l, t)
	v.k.Clip(l, t, float32(-s.Clamp), float32(s.Clamp))
	v.k.Binary(vmath.Equal, active, l, t)
	return l
}

// Gradient works on the row that Variances saw last. On the way in, byTheta [n] is the derivative of the loss by the mean weights and
// byVariance [n] that by sigma2; on the way out they are the derivatives of loss + w R by theta and by log sigma^2.
func (v *Vectors) Gradient(byTheta, byVariance, theta []float32, w float64) {
	for _, s := range v.segments {
		dt, dv := byTheta[s.From:s.To], byVariance[s.From:s.To]
		if s.Clamp == 0 {
			clear(dv)
			continue
		}
		n := s.To - s.From
		th, l, alpha, inverse, active := theta[s.From:s.To], v.logAlpha[s.From:s.To], v.alpha[s.From:s.To], v.inverse[s.From:s.To], v.active[s.From:s.To]
		t, u := v.t[:n], v.u[:n]
		// u = alpha theta byVariance, through which theta moves alpha theta^2 at fixed alpha: twice.
		v.k.Binary(vmath.Mul, u, alpha, th)
		v.k.Binary(vmath.Mul, u, u, dv)
		v.k.Axpy(2, u, dt)
		v.k.Binary(vmath.Mul, dv, u, th)
		if w != 0 {
			v.klGrads(t, l)
			v.k.Axpy(float32(w), t, dv)
		}
		v.k.Binary(vmath.Mul, dv, dv, active)
		// theta inverse^2 is sign(theta)/(|theta|+tiny) up to a factor of |theta|/(|theta|+tiny).
		v.k.Binary(vmath.Mul, t, th, inverse)
		v.k.Binary(vmath.Mul, t, t, inverse)
		v.k.Binary(vmath.Mul, t, t, dv)
		v.k.Axpy(-2, t, dt)
	}
}

// klGrads is KLGrad of bounded log alphas; t and l have the length of a segment.
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
	copy(twin, theta)
	for _, s := range v.segments {
		if s.Clamp == 0 {
			continue
		}
		keep, out := v.active[s.From:s.To], twin[s.From:s.To]
		l := v.logAlphas(s, theta[s.From:s.To], logSigma2)
		v.k.BinaryScalar(vmath.Less, keep, l, float32(threshold))
		for i, k := range keep {
			if k == 0 {
				out[i] = 0
			}
		}
	}
}

// Penalty is R, the sum of KL over the row, in float64.
func (v *Vectors) Penalty(theta, logSigma2 []float32) float64 {
	sum := 0.0
	for _, s := range v.segments {
		if s.Clamp == 0 {
			continue
		}
		for i := s.From; i < s.To; i++ {
			l, _ := Clamp(LogAlpha(float64(theta[i]), float64(logSigma2[i])), s.Clamp)
			sum += KL(l)
		}
	}
	return sum
}
