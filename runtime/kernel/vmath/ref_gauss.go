package vmath

// The upper tail of the normal law is Q(a) = e^(-a^2/2) H(v)/(a+c) with v = a/(a+c), which maps
// the half line a >= 0 to [0, 1) and makes H smooth.

// tailPoly is H, a polynomial in 2v-1.
func tailPoly[T Float](c *constants[T], v T) T { return horner(c.tail, fma(2, v, -1)) }

// tail is H(v)/(a+c).
func tail[T Float](c *constants[T], a T) T {
	u := 1 / (a + c.tailCentre)
	return mul(tailPoly(c, mul(a, u)), u)
}

// gauss gives a = |x|, bounded, and e^(-a^2/2) = (1+p) 2^n. The square is in two parts: its
// rounding error would be a relative error of the result.
func gauss[T Float](c *constants[T], x T) (a, p, n T) {
	a = lesser(c.tailEnd, abs(x))
	b := mul(a, -0.5)
	q := mul(a, b)
	p, n = expParts(c, q, fms(a, b, q))
	return a, p, n
}

// geluRef is max(x, 0) - |x| Q(|x|): x Phi(x) for either sign.
func geluRef[T Float](c *constants[T], x T) T {
	a, p, n := gauss(c, x)
	v := a / (a + c.tailCentre)
	w := mul(v, tailPoly(c, v))
	return sel(x >= 0, x, 0) - ldexp(c, fma(p, w, w), n)
}

// erfRef is x + x E(x^2) below 1 and 1 - 2 Q(sqrt(2) x) above.
func erfRef[T Float](c *constants[T], x T) T {
	a := lesser(c.erfEnd, abs(x))
	z := mul(a, a)
	p, n := expParts(c, -z, fnma(a, a, z))
	h := tail(c, mul(c.sqrt2, a))
	y := fnma(2, ldexp(c, fma(p, h, h), n), 1)
	if a < 1 {
		y = fma(a, horner(c.erf, z), a)
	}
	return orSign(y, x)
}

// geluGrad is Phi(x) + x phi(x).
func geluGrad[T Float](c *constants[T], x T) T {
	a, p, n := gauss(c, x)
	e := ldexp(c, 1+p, n)
	q := mul(e, tail(c, a))
	return fma(withSign(a, x), mul(e, c.invSqrt2Pi), sel(x >= 0, 1-q, q))
}
