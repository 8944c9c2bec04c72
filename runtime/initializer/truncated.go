package initializer

import (
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/kernel/detmath"
	"github.com/weightspace/weightspace/runtime/rng"
)

// TruncatedNormal is N(Mean, Std^2) given that it lies in [Low, High], by inversion. Low and
// High are values, not multiples of Std, as in torch.nn.init.trunc_normal_; they may be
// infinite.
type TruncatedNormal struct{ Mean, Std, Low, High float64 }

// least and most are the probabilities whose quantiles are taken: normal numbers below 1.
const (
	least = 0x1p-1022
	most  = 1 - 0x1p-53
)

// farthest is how many deviations from the mean an interval may begin.
const farthest = 30

// Validate wants a positive deviation and an interval that the law can reach.
func (l TruncatedNormal) Validate() error {
	if !(l.Std > 0) || !(l.Low < l.High) {
		return fmt.Errorf("truncated normal law of deviation %v in [%v, %v]", l.Std, l.Low, l.High)
	}
	if (l.Low-l.Mean)/l.Std > farthest || (l.Mean-l.High)/l.Std > farthest {
		return fmt.Errorf("truncated normal law: [%v, %v] is more than %d deviations from the mean %v", l.Low, l.High, farthest, l.Mean)
	}
	return finite("truncated normal law", l.Mean, l.Std)
}

func (l TruncatedNormal) elements(s rng.Stream, _ []int) (func(int) float64, error) {
	quantile := l.quantile()
	return func(i int) float64 { return quantile(s.Open(i)) }, nil
}

// quantile is the inverse of the distribution function. An interval above the mean is mirrored:
// probabilities near 0 have the finer grid.
func (l TruncatedNormal) quantile() func(u float64) float64 {
	low, high := (l.Low-l.Mean)/l.Std, (l.High-l.Mean)/l.Std
	sign := 1.0
	if low > 0 {
		low, high, sign = -high, -low, -1
	}
	from, to := probability(low), probability(high)
	return func(u float64) float64 {
		if sign < 0 {
			u = 1 - u
		}
		z := detmath.NormalQuantile(min(max(from+float64((to-from)*u), least), most))
		x := l.Mean + float64(sign*float64(l.Std*z))
		return min(max(x, l.Low), l.High)
	}
}

// probability is the normal distribution function at z, made from its inverse, so that both
// agree: bisection over the float64 in (0, 1), which are ordered as their bits are.
func probability(z float64) float64 {
	if z <= detmath.NormalQuantile(least) {
		return 0
	}
	if z >= detmath.NormalQuantile(most) {
		return 1
	}
	low, high := math.Float64bits(least), math.Float64bits(most)
	for low < high {
		mid := low + (high-low)/2
		if detmath.NormalQuantile(math.Float64frombits(mid)) < z {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return math.Float64frombits(low)
}
