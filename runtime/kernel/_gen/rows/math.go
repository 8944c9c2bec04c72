package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Constants of exp; the twin has the same.
const (
	log2e = 1.44269504088896341
	ln2Hi = 0.693359375
	ln2Lo = -2.12194440e-4
	// shift puts round(x)+127 into the low bits of a float32.
	shift = 12582912 + 127
	// lowest is just above ln(2^-126): below it exp is +0.
	lowest = -87.33654
)

// expTaylor: e^r = 1 + r + r^2 (1/2 + r/6 + ...), |r| <= ln(2)/2.
var expTaylor = []float32{1. / 5040, 1. / 720, 1. / 120, 1. / 24, 1. / 6, 1. / 2}

func (g *gen) keepExp() {
	g.keep(log2e, ln2Hi, ln2Lo, shift, lowest, 1)
	g.keep(expTaylor...)
}

// exp is e^x for x <= 88: +0 below lowest, NaN for NaN. Twin: expRef.
func (g *gen) exp(x VecVirtual) VecVirtual {
	c := g.Vec()
	VMAXPS(x, g.constant(lowest), c)
	t := g.fma(g.constant(log2e), c, g.constant(shift))
	n := g.sub(t, g.constant(shift))
	VFNMADD231PS(g.constant(ln2Hi), n, c)
	VFNMADD231PS(g.constant(ln2Lo), n, c)
	VPSLLD(U8(23), t, t)
	q := g.polynomial(c, expTaylor)
	rr := g.mul(c, c)
	VFMADD213PS(c, rr, q)
	VFMADD213PS(t, t, q)
	// Not less than, NaN included.
	return g.Cmp(0x15, x, g.constant(lowest)).Keep(q)
}

// logTerms is (log(1+f) - f + f^2/2) / f^3 for 1+f in [sqrt(1/2), sqrt(2)), highest power
// first: Cephes Mathematical Library, logf.
var logTerms = []float32{
	7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
	-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
}

// rootHalf are the bits of sqrt(1/2).
const rootHalf = 0x3f3504f3

// log is the natural logarithm of positive normal numbers; NaN and infinity give NaN, other
// numbers something finite. Twin: logRef.
func (g *gen) log(x VecVirtual) VecVirtual {
	e := g.Vec()
	VPSUBD(g.Word(rootHalf), x, e)
	VPSRAD(U8(23), e, e)
	m := g.Vec()
	VPSLLD(U8(23), e, m)
	VPSUBD(m, x, m)
	f := g.sub(m, g.constant(1))
	VCVTDQ2PS(e, e)
	z := g.mul(f, f)
	p := g.polynomial(f, logTerms)
	y := g.mul(g.mul(p, f), z)
	VFMADD231PS(g.constant(ln2Lo), e, y)
	VFMADD231PS(g.constant(-0.5), z, y)
	y = g.add(f, y)
	VFMADD231PS(g.constant(ln2Hi), e, y)
	return g.add(y, g.sub(x, x))
}
