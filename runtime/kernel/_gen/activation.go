package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Polynomial of e^r = 1 + r + r^2 (1/2 + r/6 + ...): Taylor, |r| <= ln(2)/2.
var expTaylor = []float32{1. / 5040, 1. / 720, 1. / 120, 1. / 24, 1. / 6, 1. / 2}

const (
	log2e = 1.44269504088896341
	ln2Hi = 0.693359375
	ln2Lo = -2.12194440e-4
	// shift puts round(x)+127 into the low bits of a float32.
	shift = 12582912 + 127
	bound = 87
)

// expParts gives scale = 2^n and part = e^r - 1 with x = n ln 2 + r, after x is bounded to
// [-87, 87]. NaN stays NaN. Twin: expParts.
func (s isa) expParts(x VecVirtual) (scale, part VecVirtual) {
	c := s.vec()
	VMAXPS(x, s.constant(-bound), c)
	VMINPS(c, s.constant(bound), c)
	t, n, r := s.vec(), s.vec(), s.vec()
	VMOVAPS(s.constant(shift), t)
	VFMADD231PS(s.constant(log2e), c, t)
	VSUBPS(s.constant(shift), t, n)
	VMOVAPS(c, r)
	VFNMADD231PS(s.constant(ln2Hi), n, r)
	VFNMADD231PS(s.constant(ln2Lo), n, r)
	scale = s.vec()
	VPSLLD(U8(23), t, scale)
	q := s.constant(expTaylor[0])
	for _, k := range expTaylor[1:] {
		VFMADD213PS(s.constant(k), r, q)
	}
	rr := s.vec()
	VMULPS(r, r, rr)
	part = s.vec()
	VMOVAPS(r, part)
	VFMADD231PS(q, rr, part)
	return scale, part
}

func (s isa) activation(name string, body func(x VecVirtual) (y, d VecVirtual)) {
	s.elementwise(name, "func(y, d, x *float32, n int)", "is "+name+"Ref.", []string{"y", "d", "x"}, func(m map[string]Mem) {
		x := s.vec()
		VMOVUPS(m["x"], x)
		y, d := body(x)
		VMOVUPS(y, m["y"])
		VMOVUPS(d, m["d"])
	})
}

// tanh: t = e^(2|x|)-1, y = sign(x) t/(t+2), d = 1-y^2.
func (s isa) tanh() {
	s.activation("tanh", func(x VecVirtual) (VecVirtual, VecVirtual) {
		a, sign := s.vec(), s.vec()
		VANDPS(s.word(0x7fffffff), x, a)
		VANDPS(s.word(0x80000000), x, sign)
		VADDPS(a, a, a)
		scale, part := s.expParts(a)
		t := s.vec()
		VSUBPS(s.constant(1), scale, t)
		VFMADD231PS(scale, part, t)
		u, y := s.vec(), s.vec()
		VADDPS(s.constant(2), t, u)
		VDIVPS(u, t, y)
		VORPS(sign, y, y)
		d := s.constant(1)
		VFNMADD231PS(y, y, d)
		return y, d
	})
}

// sigmoid: y = 1/(1+e^-x), d = y(1-y).
func (s isa) sigmoid() {
	s.activation("sigmoid", func(x VecVirtual) (VecVirtual, VecVirtual) {
		a := s.vec()
		VXORPS(s.word(0x80000000), x, a)
		scale, part := s.expParts(a)
		VFMADD231PS(scale, part, scale)
		VADDPS(s.constant(1), scale, scale)
		y := s.constant(1)
		VDIVPS(scale, y, y)
		d := s.vec()
		VMOVAPS(y, d)
		VFNMADD231PS(y, y, d)
		return y, d
	})
}

// Tail of the normal law, Q(x) = phi(x) t (b1 + b2 t + ...), t = 1/(1+p x): NBS handbook
// 26.2.17, |error| < 7.5e-8. Highest power first.
var tailPoly = []float32{1.330274429, -1.821255978, 1.781477937, -0.356563782, 0.319381530}

const (
	tailP     = 0.2316419
	invSqrt2P = 0.398942280401432678
)

// gelu: y = x Phi(x), d = Phi(x) + x phi(x).
func (s isa) gelu() {
	s.activation("gelu", func(x VecVirtual) (VecVirtual, VecVirtual) {
		a, sign, e := s.vec(), s.vec(), s.vec()
		VANDPS(s.word(0x7fffffff), x, a)
		VANDPS(s.word(0x80000000), x, sign)
		VMULPS(s.constant(-0.5), a, e)
		VMULPS(a, e, e)
		phi, part := s.expParts(e)
		VFMADD231PS(phi, part, phi)
		VMULPS(s.constant(invSqrt2P), phi, phi)
		u, t := s.constant(1), s.constant(1)
		VFMADD231PS(s.constant(tailP), a, u)
		VDIVPS(u, t, t)
		q := s.constant(tailPoly[0])
		for _, k := range tailPoly[1:] {
			VFMADD213PS(s.constant(k), t, q)
		}
		VMULPS(t, q, q)
		VMULPS(phi, q, q)
		h := s.constant(0.5)
		VSUBPS(q, h, h)
		VORPS(sign, h, h)
		VADDPS(s.constant(0.5), h, h)
		y := s.vec()
		VMULPS(h, x, y)
		VFMADD231PS(phi, x, h)
		return y, h
	})
}
