// Package variational is the mathematics of sparse variational dropout (Molchanov, Ashukha, Vetrov, ICML 2017, arXiv:1701.05369): every
// weight has a normal posterior N(theta, sigma^2), the prior is log-uniform, and weights whose noise drowns them are dropped.
//
// With alpha = sigma^2/theta^2, log alpha = log sigma^2 - 2 ln(|theta| + 1e-15), bounded to [-clamp, clamp]. The divergence of the
// posterior from the prior is approximated by
//
//	-KL = k1 sigmoid(k2 + k3 log alpha) - 1/2 log(1 + 1/alpha) - k1,
//
// which tends to 0 as alpha grows. A layer's output has mean conv(x, theta) + b and variance conv(x^2, alpha theta^2) + 1e-15, to which
// alpha_b b^2 is added if biases are variational. Training minimises the mean cross-entropy plus w times the sum R of KL over weights.
// The functions of numbers are float64 and the reference for Vectors, which does whole rows in float32.
package variational

import (
	"fmt"
	"math"
)

// Constants of the approximation.
const (
	K1 = 0.63576
	K2 = 1.87320
	K3 = 1.48695
	// Tiny is what is added to |theta| and to a variance.
	Tiny = 1e-15
)

// The published settings.
const (
	// DefaultThreshold is the log alpha from which on a weight is dropped: a dropout rate above about 0.95.
	DefaultThreshold = 3
	// DefaultInit is where every log sigma^2 starts.
	DefaultInit = -10
	// DefaultClampLinear and DefaultClampConv bound |log alpha| in linear layers and in convolutions.
	DefaultClampLinear = 10
	DefaultClampConv   = 8
	// DefaultEpochs is how long twins are trained, DefaultMax what the weight of KL would reach after that.
	DefaultEpochs = 25
	DefaultMax    = 0.01
)

// KL is the approximate divergence of one weight's posterior, at least 0 up to the approximation's error.
func KL(logAlpha float64) float64 {
	return K1 - float64(K1*sigmoid(K2+float64(K3*logAlpha))) + float64(0.5*softplus(-logAlpha))
}

// KLGrad is the derivative of KL by log alpha; it is negative.
func KLGrad(logAlpha float64) float64 {
	s := sigmoid(K2 + float64(K3*logAlpha))
	return -float64(float64(K1*K3)*float64(s*(1-s))) - float64(0.5*sigmoid(-logAlpha))
}

// LogAlpha is log sigma^2 - 2 ln(|theta| + 1e-15), not bounded.
func LogAlpha(theta, logSigma2 float64) float64 {
	return logSigma2 - float64(2*math.Log(math.Abs(theta)+Tiny))
}

// Clamp bounds log alpha to [-clamp, clamp]; active says that it was within, so that gradients pass.
func Clamp(logAlpha, clamp float64) (bounded float64, active bool) {
	bounded = min(max(logAlpha, -clamp), clamp)
	return bounded, bounded == logAlpha
}

// Variance is alpha theta^2 for a bounded log alpha.
func Variance(theta, logSigma2, clamp float64) float64 {
	l, _ := Clamp(LogAlpha(theta, logSigma2), clamp)
	return float64(math.Exp(l) * float64(theta*theta))
}

// Gradient gives what a weight's parameters get from byVariance, the derivative of the loss by its Variance, and from w times its KL.
// The derivative of the loss by the mean weight is not in byTheta.
func Gradient(theta, logSigma2, clamp, byVariance, w float64) (byTheta, byLogSigma2 float64) {
	l, active := Clamp(LogAlpha(theta, logSigma2), clamp)
	alpha := math.Exp(l)
	byTheta = byVariance * 2 * alpha * theta
	if !active {
		return byTheta, 0
	}
	byLogAlpha := byVariance*alpha*theta*theta + w*KLGrad(l)
	slope := 0.0
	if theta != 0 {
		slope = math.Copysign(2/(math.Abs(theta)+Tiny), theta)
	}
	return byTheta - byLogAlpha*slope, byLogAlpha
}

func sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + math.Exp(-x))
	}
	e := math.Exp(x)
	return e / (1 + e)
}

func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// WeightKind names how the weight of KL moves over epochs.
type WeightKind string

// The kinds.
const (
	// Linear is min(1, Max e/E) in epoch e = 0, ..., E-1: it starts at 0, as published.
	Linear WeightKind = "linear"
	// Constant is Max from the first epoch on. 1/N with N training samples is the exact evidence bound.
	Constant WeightKind = "constant"
)

// KLWeight is the schedule of the weight of KL.
type KLWeight struct {
	Kind WeightKind
	Max  float64
}

// Check says what is wrong with a schedule.
func (w KLWeight) Check() error {
	switch {
	case w.Kind != Linear && w.Kind != Constant:
		return fmt.Errorf("klWeight.kind %q is unknown: use %s or %s", w.Kind, Linear, Constant)
	case !(w.Max >= 0 && w.Max <= math.MaxFloat32):
		return fmt.Errorf("klWeight.max %v must be finite and not negative", w.Max)
	}
	return nil
}

// At is the weight in epoch e, from 0, of E.
func (w KLWeight) At(epoch, epochs int) float64 {
	if w.Kind == Constant {
		return w.Max
	}
	return min(1, float64(float64(w.Max*float64(epoch))/float64(epochs)))
}
