package rows

import (
	"math"
	"unsafe"

	"github.com/weightspace/weightspace/runtime/kernel/detmath"
	"github.com/weightspace/weightspace/runtime/kernel/fma"
)

// single reports whether T is float32.
func single[T Float]() bool {
	var z T
	return unsafe.Sizeof(z) == 4
}

// fmadd is x*y+z, rounded once.
func fmadd[T Float](x, y, z T) T {
	if single[T]() {
		return T(fma.F32(float32(x), float32(y), float32(z)))
	}
	return T(math.FMA(float64(x), float64(y), float64(z)))
}

// mul is x*y, rounded: the conversions keep compilers from fusing it with an addition.
func mul[T Float](x, y T) T {
	if single[T]() {
		return T(float32(float32(x) * float32(y)))
	}
	return T(float64(float64(x) * float64(y)))
}

// greater is x where x > y and y elsewhere: the order of arguments decides about NaN.
func greater[T Float](x, y T) T {
	if x > y {
		return x
	}
	return y
}

func negInf[T Float]() T { return T(math.Inf(-1)) }

// Constants of exp and log; the generator has the same.
const (
	log2e    = 1.44269504088896341
	ln2Hi    = 0.693359375
	ln2Lo    = -2.12194440e-4
	shift    = 12582912 + 127
	lowest   = -87.33654
	rootHalf = 0x3f3504f3
)

var (
	expTaylor = [...]float32{1. / 5040, 1. / 720, 1. / 120, 1. / 24, 1. / 6, 1. / 2}
	logTerms  = [...]float32{
		7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
		-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
	}
)

// expRef is e^x for x <= 88 (float64: 700): +0 if that is below the normal numbers (float64:
// below e^-700).
func expRef[T Float](x T) T {
	switch {
	case single[T]():
		return T(exp32(float32(x)))
	case x < -700:
		return 0
	}
	return T(detmath.Exp(float64(x)))
}

func exp32(x float32) float32 {
	if x != x {
		return x
	}
	if x < lowest {
		return 0
	}
	t := fma.F32(log2e, x, shift)
	n := t - shift
	r := fma.F32(-ln2Hi, n, x)
	r = fma.F32(-ln2Lo, n, r)
	q := expTaylor[0]
	for _, c := range expTaylor[1:] {
		q = fma.F32(q, r, c)
	}
	q = fma.F32(q, float32(r*r), r)
	scale := math.Float32frombits(math.Float32bits(t) << 23)
	return fma.F32(scale, q, scale)
}

// logRef is the natural logarithm of positive normal numbers; NaN and infinity give NaN.
func logRef[T Float](x T) T {
	if single[T]() {
		return T(log32(float32(x)))
	}
	return T(detmath.Log(float64(x)))
}

func log32(x float32) float32 {
	b := math.Float32bits(x)
	e := int32(b-rootHalf) >> 23
	f := math.Float32frombits(b-uint32(e)<<23) - 1
	z := float32(f * f)
	p := logTerms[0]
	for _, c := range logTerms[1:] {
		p = fma.F32(p, f, c)
	}
	y := float32(float32(p*f) * z)
	y = fma.F32(ln2Lo, float32(e), y)
	y = fma.F32(-0.5, z, y)
	y = f + y
	y = fma.F32(ln2Hi, float32(e), y)
	return y + (x - x)
}
