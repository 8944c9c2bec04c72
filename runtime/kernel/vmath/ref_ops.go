package vmath

import (
	"math"

	fused32 "github.com/weightspace/weightspace/runtime/kernel/fma"
)

// The operations that the twins are written in. A product that could be added to something is
// converted to its own type, so that no compiler fuses the two.

// isSingle reports whether T is float32, which cannot tell 2^24+1 from 2^24. The compiler
// folds it.
func isSingle[T Float]() bool {
	x := T(1 << 24)
	return x+1 == x
}

// constantsOf are the numbers of a type.
func constantsOf[T Float]() *constants[T] {
	var c any = &constants64
	if isSingle[T]() {
		c = &constants32
	}
	return c.(*constants[T])
}

// format gives the number of stored mantissa bits and of all bits.
func format[T Float]() (mantissa, width int) {
	if isSingle[T]() {
		return 23, 32
	}
	return 52, 64
}

func bits[T Float](x T) uint64 {
	if isSingle[T]() {
		return uint64(math.Float32bits(float32(x)))
	}
	return math.Float64bits(float64(x))
}

// fromBits drops bits beyond the type's width.
func fromBits[T Float](b uint64) T {
	if isSingle[T]() {
		return T(math.Float32frombits(uint32(b)))
	}
	return T(math.Float64frombits(b))
}

// fma is x*y+z rounded once, fnma z-x*y and fms x*y-z.
func fma[T Float](x, y, z T) T {
	if isSingle[T]() {
		return T(fused32.F32(float32(x), float32(y), float32(z)))
	}
	return T(math.FMA(float64(x), float64(y), float64(z)))
}

func fnma[T Float](x, y, z T) T { return fma(-x, y, z) }
func fms[T Float](x, y, z T) T  { return fma(x, y, -z) }

//nolint:unconvert // the conversion is what keeps compilers from fusing
func mul[T Float](x, y T) T { return T(x * y) }

func sqrt[T Float](x T) T { return T(math.Sqrt(float64(x))) }

// larger is a > b ? a : b and lesser a < b ? a : b as the instructions have it: b wherever one
// is NaN, so that the order of arguments says what happens to it.
func larger[T Float](a, b T) T { return sel(a > b, a, b) }
func lesser[T Float](a, b T) T { return sel(a < b, a, b) }

func sel[T Float](c bool, a, b T) T {
	if c {
		return a
	}
	return b
}

func abs[T Float](x T) T { return T(math.Abs(float64(x))) }

// withSign is a, at least 0, with the sign of x.
func withSign[T Float](a, x T) T { return T(math.Copysign(float64(a), float64(x))) }

func isNaN[T Float](x T) bool { return math.IsNaN(float64(x)) }
func nan[T Float]() T         { return T(math.NaN()) }
func inf[T Float]() T         { return T(math.Inf(1)) }

// horner evaluates a polynomial, highest power first.
func horner[T Float](p []T, x T) T {
	q := p[0]
	for _, k := range p[1:] {
		q = fma(q, x, k)
	}
	return q
}

// pow2 is 2^n for an integer n of normal powers: adding shiftBias leaves n+bias in the low
// bits, and a shift makes it the exponent.
func pow2[T Float](c *constants[T], n T) T {
	m, _ := format[T]()
	return fromBits[T](bits(n+c.shiftBias) << m)
}

// ldexp is y 2^n for an integer n, in two steps of which only the second can round: 2^n alone
// may be too large or too small.
func ldexp[T Float](c *constants[T], y, n T) T {
	m, _ := format[T]()
	t := fma(n, 0.5, c.shiftBias)
	rest := n - (t - c.shiftBias)
	return mul(mul(y, fromBits[T](bits(t)<<m)), pow2(c, rest))
}
