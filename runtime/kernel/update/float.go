package update

import (
	"math"

	"github.com/weightspace/weightspace/runtime/kernel/fma"
)

// Magnitudes below which moments become 0, so that they never turn subnormal, which is slow. At
// these values they move no weight: the denominator of Adam is at least eps then.
const (
	tiny32 = 1e-30
	tiny64 = 1e-290
)

// Unclipped leaves gradients as they are.
func Unclipped() Clip { return Clip{Bound: math.Inf(1), Scale: 1} }

// mulAdd is x*y+z rounded once.
func mulAdd[T Float](x, y, z T) T {
	if _, ok := any(x).(float32); ok {
		return T(fma.F32(float32(x), float32(y), float32(z)))
	}
	return T(math.FMA(float64(x), float64(y), float64(z)))
}

// threshold is the tiny of a type.
func threshold[T Float]() T {
	tiny := tiny64
	if _, ok := any(T(0)).(float32); ok {
		tiny = tiny32
	}
	return T(tiny)
}

// flush is x, or +0 where |x| < tiny.
func flush[T Float](x, tiny T) T {
	if x < tiny && -x < tiny {
		return 0
	}
	return x
}

// clip bounds and scales gradients in T.
type clip[T Float] struct{ low, high, scale T }

func clipOf[T Float](c Clip) clip[T] { return clip[T]{T(-c.Bound), T(c.Bound), T(c.Scale)} }

func (c clip[T]) of(g T) T {
	if g < c.low {
		g = c.low
	}
	if g > c.high {
		g = c.high
	}
	return T(g * c.scale)
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
