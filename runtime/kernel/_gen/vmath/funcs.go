package main

// The functions, operation by operation as in the twins of the same name in package vmath,
// where the reasons are.

// expParts gives p and n with e^(x+lo) = (1+p) 2^n.
func (s isa) expParts(x vec, lo *vec) (p, n vec) {
	t := s.fma(x, s.c("log2e"), s.c("shift"))
	n = s.sub(t, s.c("shift"))
	r := s.fnma(n, s.c("ln2Hi"), x)
	r = s.fnma(n, s.c("ln2Lo"), r)
	if lo != nil {
		r = s.add(r, *lo)
	}
	return s.fma(s.mul(r, r), s.horner("exp", r), r), n
}

func (s isa) exp(x vec) vec {
	x = s.min(s.c("expHigh"), s.max(s.c("expLow"), x))
	p, n := s.expParts(x, nil)
	return s.ldexp(s.add(s.value(1), p), n)
}

func (s isa) expm1(x vec) vec {
	sign := s.sign(x)
	x = s.min(s.c("expHigh"), s.max(s.c("expm1Low"), x))
	p, n := s.expParts(x, nil)
	half := s.value(0.5)
	scale := s.pow2(s.sub(n, s.value(1)))
	y := s.fma(scale, p, s.sub(scale, half))
	return s.or(s.add(y, y), sign)
}

// logSum is k ln 2 + log(1+f).
func (s isa) logSum(k, f vec) vec {
	t := s.mul(s.mul(f, f), s.fma(f, s.horner("log", f), s.value(-0.5)))
	return s.fma(k, s.c("ln2Hi"), s.add(f, s.fma(k, s.c("ln2Lo"), t)))
}

func (s isa) log(x vec) vec {
	zero := s.value(0)
	small := s.cmp(lt, x, s.c("minNormal"))
	a := s.sel(small, s.mul(x, s.c("subnormalScale")), x)
	k := s.sel(small, s.c("subnormalExponent"), zero)
	root := s.word(s.bits(s.scalar["sqrtHalf"]))
	i := s.addInt(s.subInt(a, root), s.word(s.bits(1)))
	e := s.sub(s.or(s.shr(i, s.mantissa()), s.word(s.bits(s.scalar["intShift"]))), s.c("intShiftBias"))
	m := s.addInt(s.and(i, s.word(1<<s.mantissa()-1)), root)
	y := s.logSum(s.sub(e, k), s.sub(m, s.value(1)))
	y = s.sel(s.cmp(eq, x, s.c("inf")), x, y)
	return s.sel(s.cmp(gt, x, zero), y, s.sel(s.cmp(eq, x, zero), s.c("negInf"), s.c("nan")))
}

func (s isa) tanh(x vec) vec {
	a := s.min(s.c("tanhEnd"), s.abs(x))
	p, n := s.expParts(s.add(a, a), nil)
	scale := s.pow2(n)
	t := s.fma(scale, p, s.sub(scale, s.value(1)))
	return s.or(s.div(t, s.add(t, s.value(2))), s.sign(x))
}

// expNegAbs is e^-|x|.
func (s isa) expNegAbs(x vec) vec {
	p, n := s.expParts(s.max(s.c("expLow"), s.or(x, s.word(s.signBit()))), nil)
	return s.ldexp(s.add(s.value(1), p), n)
}

func (s isa) sigmoid(x vec) vec {
	e, one := s.expNegAbs(x), s.value(1)
	return s.div(s.sel(s.cmp(ge, x, s.value(0)), one, e), s.add(one, e))
}

// xSigmoid is x sigmoid(v+lo) with x and v of the same sign and v bounded.
func (s isa) xSigmoid(x, bounded, v vec, lo *vec) vec {
	one := s.value(1)
	p, n := s.expParts(v, lo)
	e, t := s.ldexp(s.add(one, p), n), s.ldexp(s.fma(bounded, p, bounded), n)
	return s.div(s.sel(s.cmp(ge, x, s.value(0)), x, t), s.add(one, e))
}

func (s isa) silu(x vec) vec {
	v := s.max(s.c("expLow"), s.or(x, s.word(s.signBit())))
	return s.xSigmoid(x, v, v, nil)
}

func (s isa) geluTanh(x vec) vec {
	a := s.or(s.min(s.c("geluTanhEnd"), s.abs(x)), s.word(s.signBit()))
	q := s.mul(a, a)
	qLo := s.fms(a, a, q)
	c1, c3 := s.c("tanhC1"), s.c("tanhC3")
	t := s.mul(c3, q)
	tLo := s.fma(s.c("tanhC3Lo"), q, s.fma(c3, qLo, s.fms(c3, q, t)))
	w := s.add(c1, t)
	wLo := s.sub(s.min(c1, t), s.sub(w, s.max(c1, t)))
	wLo = s.add(wLo, s.add(tLo, s.c("tanhC1Lo")))
	v := s.mul(a, w)
	vLo := s.fma(a, wLo, s.fms(a, w, v))
	return s.xSigmoid(x, a, v, &vLo)
}

func (s isa) softplus(x vec) vec {
	e, one, zero := s.expNegAbs(x), s.value(1), s.value(0)
	large := s.cmp(gt, e, s.c("sqrt2Minus1"))
	f := s.sel(large, s.mul(s.sub(e, one), s.value(0.5)), e)
	return s.add(s.max(zero, x), s.logSum(s.sel(large, one, zero), f))
}

// tailPoly is H(v) with Q(a) = e^(-a^2/2) H(v)/(a+c), v = a/(a+c).
func (s isa) tailPoly(v vec) vec {
	return s.horner("tail", s.fma(s.value(2), v, s.value(-1)))
}

// tail is H(v)/(a+c).
func (s isa) tail(a vec) vec {
	u := s.div(s.value(1), s.add(a, s.value(tailCentre)))
	return s.mul(s.tailPoly(s.mul(a, u)), u)
}

// gauss gives a = |x|, bounded, and e^(-a^2/2) = (1+p) 2^n.
func (s isa) gauss(x vec) (a, p, n vec) {
	a = s.min(s.c("tailEnd"), s.abs(x))
	b := s.mul(a, s.value(-0.5))
	q := s.mul(a, b)
	lo := s.fms(a, b, q)
	p, n = s.expParts(q, &lo)
	return a, p, n
}

func (s isa) gelu(x vec) vec {
	a, p, n := s.gauss(x)
	v := s.div(a, s.add(a, s.value(tailCentre)))
	w := s.mul(v, s.tailPoly(v))
	zero := s.value(0)
	return s.sub(s.sel(s.cmp(ge, x, zero), x, zero), s.ldexp(s.fma(p, w, w), n))
}

func (s isa) erf(x vec) vec {
	a := s.min(s.c("erfEnd"), s.abs(x))
	z := s.mul(a, a)
	lo := s.fnma(a, a, z)
	p, n := s.expParts(s.neg(z), &lo)
	h := s.tail(s.mul(s.c("sqrt2"), a))
	one := s.value(1)
	far := s.fnma(s.value(2), s.ldexp(s.fma(p, h, h), n), one)
	near := s.fma(a, s.horner("erf", z), a)
	return s.or(s.sel(s.cmp(lt, a, one), near, far), s.sign(x))
}

// angle gives the quadrant in the lowest bits of t, and sine and cosine of the rest.
func (s isa) angle(x vec) (t, sine, cosine vec) {
	t = s.fma(x, s.c("twoOverPi"), s.c("shift"))
	n := s.sub(t, s.c("shift"))
	r := s.fnma(n, s.c("halfPi1"), x)
	r = s.fnma(n, s.c("halfPi2"), r)
	r = s.fnma(n, s.c("halfPi3"), r)
	z := s.mul(r, r)
	sine = s.or(s.fma(s.mul(z, r), s.horner("sin", z), r), s.sign(r))
	cosine = s.fma(s.mul(z, z), s.horner("cos", z), s.fma(z, s.value(-0.5), s.value(1)))
	return t, sine, cosine
}

// rotate is the sine of quadrant t; NaN where |x| is too large.
func (s isa) rotate(x, t, sine, cosine vec) vec {
	y := s.sel(s.odd(t), cosine, sine)
	y = s.xor(y, s.shl(s.and(t, s.word(2)), 8*s.size()-2))
	return s.sel(s.cmp(le, s.abs(x), s.c("angleEnd")), y, s.c("nan"))
}

func (s isa) sin(x vec) vec {
	t, sine, cosine := s.angle(x)
	return s.rotate(x, t, sine, cosine)
}

func (s isa) cos(x vec) vec {
	t, sine, cosine := s.angle(x)
	return s.rotate(x, s.addInt(t, s.word(1)), sine, cosine)
}

func (s isa) rsqrt(x vec) vec      { return s.div(s.value(1), s.sqrt(x)) }
func (s isa) reciprocal(x vec) vec { return s.div(s.value(1), x) }
func (s isa) square(x vec) vec     { return s.mul(x, x) }
func (s isa) relu(x vec) vec       { return s.max(s.value(0), x) }

// leakyReLU needs the slope.
func (s isa) leakyReLU(x, slope vec) vec {
	return s.sel(s.cmp(lt, x, s.value(0)), s.mul(slope, x), x)
}
