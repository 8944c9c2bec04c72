// Package fma computes fused multiply-adds in float32 without the instruction: what pure-Go
// twins of vector kernels are made of.
package fma

import "math"

// F32 is x*y+z in float32, rounded once: what the vector instruction computes.
//
// The product of two float32 is exact in float64. The sum is rounded to 53 bits; rounding it
// again to 24 goes wrong only if the first rounding landed halfway between two float32, or if
// the result is subnormal. Then the sum is rounded to odd first, which keeps the direction of
// the error. The explicit conversions keep compilers from fusing.
func F32(x, y, z float32) float32 {
	p, a := float64(float64(x)*float64(y)), float64(z)
	s := float64(p + a)
	b := math.Float64bits(s)
	if b&(1<<29-1) != 1<<28 && b<<1>>53 >= 1023-126 {
		return float32(s)
	}
	return fmaOdd(p, a, s)
}

// fmaOdd rounds p+a to float32, s being its rounding to float64.
func fmaOdd(p, a, s float64) float32 {
	if s == 0 || s-s != 0 {
		return float32(s)
	}
	t := float64(s - p)
	e := float64(float64(p-float64(s-t)) + float64(a-t))
	b := math.Float64bits(s)
	if e == 0 || b&1 == 1 {
		return float32(s)
	}
	if (e > 0) == (s > 0) {
		b++
	} else {
		b--
	}
	return float32(math.Float64frombits(b))
}
