package vmath

// tail gives p, n and h such that the upper tail of the normal law is Q(a) = (1+p) h 2^n for
// a >= 0. q + qLo = -a^2/2: the rounding error of q would be a relative error of the result.
// h = u H(t) with u = 1/(a+c) and t = (a-c)/(a+c) = 2 a u - 1, computed so that little of a small
// a is lost, is smooth over the whole half line.
func tail[T Float](c *constants[T], a, q, qLo T) (p, n, h T) {
	p, n = expParts(c, q, qLo)
	u := 1 / (a + c.tailCentre)
	t := fma(2, mul(a, u), -1)
	return p, n, mul(horner(c.tail, t), u)
}

// gauss gives a = |x|, bounded, with e^(-a^2/2) = (1+p) 2^n and Q(a) = (1+p) h 2^n.
func gauss[T Float](c *constants[T], x T) (a, p, n, h T) {
	a = lesser(c.tailEnd, abs(x))
	b := mul(a, -0.5)
	q := mul(a, b)
	p, n, h = tail(c, a, q, fms(a, b, q))
	return a, p, n, h
}

// geluRef is max(x, 0) - |x| Q(|x|): x Phi(x) for either sign.
func geluRef[T Float](c *constants[T], x T) T {
	a, p, n, h := gauss(c, x)
	return sel(x >= 0, x, 0) - ldexp(c, mul(a, fma(p, h, h)), n)
}

// erfRef is x + x E(x^2) below 1 and 1 - 2 Q(sqrt(2) x) above.
func erfRef[T Float](c *constants[T], x T) T {
	a := lesser(c.erfEnd, abs(x))
	z := mul(a, a)
	p, n, h := tail(c, mul(c.sqrt2, a), -z, fnma(a, a, z))
	y := fnma(2, ldexp(c, fma(p, h, h), n), 1)
	if a < 1 {
		y = fma(a, horner(c.erf, z), a)
	}
	return orSign(y, x)
}

// geluGrad is Phi(x) + x phi(x).
func geluGrad[T Float](c *constants[T], x T) T {
	a, p, n, h := gauss(c, x)
	e := ldexp(c, 1+p, n)
	q := mul(e, h)
	return fma(withSign(a, x), mul(e, c.invSqrt2Pi), sel(x >= 0, 1-q, q))
}
