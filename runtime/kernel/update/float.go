package update

import (
	"math"

	"github.com/weightspace/weightspace/runtime/kernel/fma"
)

// limits are magnitudes below which gradients and moments become 0, so that nothing turns
// subnormal, which is ten times slower. A moment below tiny moves no weight: the denominator of
// Adam is at least eps. A gradient below tiny, or below root where it is squared, can only lead
// to such moments.
type limits[T Float] struct{ tiny, root T }

var (
	flush32 = limits[float32]{1e-30, 1e-15}
	flush64 = limits[float64]{1e-290, 1e-145}
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

// limitsOf are the limits of a type.
func limitsOf[T Float]() limits[T] {
	if _, ok := any(T(0)).(float32); ok {
		return limits[T]{T(flush32.tiny), T(flush32.root)}
	}
	return limits[T]{T(flush64.tiny), T(flush64.root)}
}

// flush is x, or +0 where |x| < limit.
func flush[T Float](x, limit T) T {
	if x < limit && -x < limit {
		return 0
	}
	return x
}

// clip bounds and scales gradients in T.
type clip[T Float] struct{ low, high, scale, tiny T }

func clipOf[T Float](c Clip) clip[T] {
	return clip[T]{T(-c.Bound), T(c.Bound), T(c.Scale), limitsOf[T]().tiny}
}

func (c clip[T]) of(g T) T {
	if g < c.low {
		g = c.low
	}
	if g > c.high {
		g = c.high
	}
	return flush(g, c.tiny) * c.scale
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
