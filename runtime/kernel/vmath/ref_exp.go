package vmath

// expParts gives p and n with e^(x+lo) = (1+p) 2^n and |p| < 0.42: x = n ln 2 + r with ln 2 in
// two parts, of which n times the first is exact, and p = r + r^2 (1/2 + r/6 + ...).
func expParts[T Float](c *constants[T], x, lo T) (p, n T) {
	t := fma(x, c.log2e, c.shift)
	n = t - c.shift
	r := fnma(n, c.ln2Hi, x)
	r = fnma(n, c.ln2Lo, r)
	r += lo
	return fma(mul(r, r), horner(c.exp, r), r), n
}

func expRef[T Float](c *constants[T], x T) T {
	p, n := expParts(c, lesser(c.expHigh, larger(c.expLow, x)), 0)
	return ldexp(c, 1+p, n)
}

// expm1Ref is 2 (2^(n-1) p + (2^(n-1) - 1/2)): halved, so that it overflows only at the end.
// The sign is the argument's, also of 0.
func expm1Ref[T Float](c *constants[T], x T) T {
	p, n := expParts(c, lesser(c.expHigh, larger(c.expm1Low, x)), 0)
	scale := pow2(c, n-1)
	y := fma(scale, p, scale-0.5)
	return orSign(y+y, x)
}

// orSign sets the sign bit of y where x has it.
func orSign[T Float](y, x T) T {
	_, w := format[T]()
	return fromBits[T](bits(y) | bits(x)&(1<<(w-1)))
}

// logSum is k ln 2 + log(1+f), sqrt(1/2) <= 1+f < sqrt(2): f - f^2/2 + f^3 (1/3 - f/4 + ...),
// the larger terms last.
func logSum[T Float](c *constants[T], k, f T) T {
	t := mul(mul(f, f), fma(f, horner(c.log, f), -0.5))
	return fma(k, c.ln2Hi, f+fma(k, c.ln2Lo, t))
}

// logRef takes the exponent off by integer arithmetic so that the rest lies in
// [sqrt(1/2), sqrt(2)).
func logRef[T Float](c *constants[T], x T) T {
	m, w := format[T]()
	a, k := x, T(0)
	if x < c.minNormal {
		a, k = mul(x, c.subnormalScale), c.subnormalExponent
	}
	i := bits(a) - bits(c.sqrtHalf) + bits(T(1))
	i &= 1<<(w-1)<<1 - 1
	e := fromBits[T](i>>m|bits(c.intShift)) - c.intShiftBias
	f := fromBits[T](i&(1<<m-1)+bits(c.sqrtHalf)) - 1
	y := logSum(c, e-k, f)
	switch {
	case x == inf[T]():
		return x
	case x > 0:
		return y
	case x == 0:
		return -inf[T]()
	}
	return nan[T]()
}

// tanhRef is t/(t+2) with t = e^(2|x|)-1.
func tanhRef[T Float](c *constants[T], x T) T {
	a := lesser(c.tanhEnd, abs(x))
	p, n := expParts(c, a+a, 0)
	scale := pow2(c, n)
	t := fma(scale, p, scale-1)
	return orSign(t/(t+2), x)
}

// expNegAbs is e^-|x|.
func expNegAbs[T Float](c *constants[T], x T) T {
	p, n := expParts(c, larger(c.expLow, -abs(x)), 0)
	return ldexp(c, 1+p, n)
}

// sigmoidRef is 1/(1+e) or e/(1+e) with e = e^-|x|: nothing cancels or overflows.
func sigmoidRef[T Float](c *constants[T], x T) T {
	e := expNegAbs(c, x)
	return sel(x >= 0, 1, e) / (1 + e)
}

// xSigmoid is x sigmoid(|v+lo|) or x sigmoid(-|v+lo|) by the sign of x. v is negative; bounded
// is x without overflow, used if it is negative. The product with x comes before the power of
// two, so that a subnormal result is rounded once.
func xSigmoid[T Float](c *constants[T], x, bounded, v, lo T) T {
	p, n := expParts(c, v, lo)
	e, t := ldexp(c, 1+p, n), ldexp(c, fma(bounded, p, bounded), n)
	return sel(x >= 0, x, t) / (1 + e)
}

func siluRef[T Float](c *constants[T], x T) T {
	v := larger(c.expLow, -abs(x))
	return xSigmoid(c, x, v, v, 0)
}

// geluTanhRef is x sigmoid(v) with v = x (c1 + c3 x^2). The rounding error of v is the relative
// error of e^v, so v is computed in two parts.
func geluTanhRef[T Float](c *constants[T], x T) T {
	a := -lesser(c.geluTanhEnd, abs(x))
	q := mul(a, a)
	qLo := fms(a, a, q)
	t := mul(c.tanhC3, q)
	tLo := fma(c.tanhC3Lo, q, fma(c.tanhC3, qLo, fms(c.tanhC3, q, t)))
	w := c.tanhC1 + t
	wLo := lesser(c.tanhC1, t) - (w - larger(c.tanhC1, t))
	wLo += tLo + c.tanhC1Lo
	v := mul(a, w)
	return xSigmoid(c, x, a, v, fma(a, wLo, fms(a, w, v)))
}

// softplusRef is max(x, 0) + log(1+e) with e = e^-|x|; above sqrt(2) 1+e is halved.
func softplusRef[T Float](c *constants[T], x T) T {
	e := expNegAbs(c, x)
	k, f := T(0), e
	if e > c.sqrt2Minus1 {
		k, f = 1, mul(e-1, 0.5)
	}
	return larger(0, x) + logSum(c, k, f)
}
