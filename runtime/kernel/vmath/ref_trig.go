package vmath

// angle takes x to r = x - n pi/2, |r| <= pi/4, and gives the quadrant n in the low bits of t
// with the sine and cosine of r. x minus n times the first part of pi/2 is exact; see angleEnd.
func angle[T Float](c *constants[T], x T) (t uint64, sine, cosine T) {
	s := fma(x, c.twoOverPi, c.shift)
	n := s - c.shift
	r := fnma(n, c.halfPi1, x)
	r = fnma(n, c.halfPi2, r)
	r = fnma(n, c.halfPi3, r)
	z := mul(r, r)
	sine = orSign(fma(mul(z, r), horner(c.sin, z), r), r)
	cosine = fma(mul(z, z), horner(c.cos, z), fma(z, -0.5, 1))
	return bits(s), sine, cosine
}

// rotate is the sine in quadrant t; NaN where |x| is too large for the reduction.
func rotate[T Float](c *constants[T], x T, t uint64, sine, cosine T) T {
	if abs(x) > c.angleEnd || isNaN(x) {
		return nan[T]()
	}
	y := sel(t&1 != 0, cosine, sine)
	if t&2 != 0 {
		return -y
	}
	return y
}

func sinRef[T Float](c *constants[T], x T) T {
	t, s, co := angle(c, x)
	return rotate(c, x, t, s, co)
}

func cosRef[T Float](c *constants[T], x T) T {
	t, s, co := angle(c, x)
	return rotate(c, x, t+1, s, co)
}
