package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

func (s isa) activation(name string, body func(x VecVirtual) (y, d VecVirtual)) {
	s.elementwise(name, "func(y, d, x *float32, n int)", "is "+name+"Ref.", []string{"y", "d", "x"}, func(m map[string]Mem) {
		x := s.Vec()
		VMOVUPS(m["x"], x)
		y, d := body(x)
		VMOVUPS(y, m["y"])
		VMOVUPS(d, m["d"])
	})
}

// tanh: t = e^(2|x|)-1, y = sign(x) t/(t+2), d = 1-y^2.
func (s isa) tanh() {
	s.activation("tanh", func(x VecVirtual) (VecVirtual, VecVirtual) {
		a, sign := s.Vec(), s.Vec()
		VANDPS(s.Word(0x7fffffff), x, a)
		VANDPS(s.Word(0x80000000), x, sign)
		VADDPS(a, a, a)
		scale, part := s.ExpParts(a)
		t := s.Vec()
		VSUBPS(s.Constant(1), scale, t)
		VFMADD231PS(scale, part, t)
		u, y := s.Vec(), s.Vec()
		VADDPS(s.Constant(2), t, u)
		VDIVPS(u, t, y)
		VORPS(sign, y, y)
		d := s.Constant(1)
		VFNMADD231PS(y, y, d)
		return y, d
	})
}

// sigmoid: y = 1/(1+e^-x), d = y(1-y).
func (s isa) sigmoid() {
	s.activation("sigmoid", func(x VecVirtual) (VecVirtual, VecVirtual) {
		y := s.logistic(x)
		d := s.Vec()
		VMOVAPS(y, d)
		VFNMADD231PS(y, y, d)
		return y, d
	})
}

// logistic is 1/(1+e^-x).
func (s isa) logistic(x VecVirtual) VecVirtual {
	a := s.Vec()
	VXORPS(s.Word(0x80000000), x, a)
	scale, part := s.ExpParts(a)
	VFMADD231PS(scale, part, scale)
	VADDPS(s.Constant(1), scale, scale)
	y := s.Constant(1)
	VDIVPS(scale, y, y)
	return y
}

// silu: s = 1/(1+e^-x), y = x s, d = s + y (1-s).
func (s isa) silu() {
	s.activation("silu", func(x VecVirtual) (VecVirtual, VecVirtual) {
		u := s.logistic(x)
		y, c := s.Vec(), s.Vec()
		VMULPS(u, x, y)
		VSUBPS(u, s.Constant(1), c)
		VFMADD231PS(y, c, u)
		return y, u
	})
}

// leaky: y = x and d = 1 for x > 0, y = x/100 and d = 1/100 elsewhere.
func (s isa) leaky() {
	s.activation("leaky", func(x VecVirtual) (VecVirtual, VecVirtual) {
		zero, y := s.Vec(), s.Vec()
		s.Zero(zero)
		d := s.blend(s.Cmp(x86.PredGT, x, zero), s.Constant(leakySlope), s.Constant(1))
		VMULPS(d, x, y)
		return y, d
	})
}

// leakySlope is the slope of leaky ReLU below zero. Twin constant: kernel.leakySlope.
const leakySlope = 0.01

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
		a, sign, e := s.Vec(), s.Vec(), s.Vec()
		VANDPS(s.Word(0x7fffffff), x, a)
		VANDPS(s.Word(0x80000000), x, sign)
		VMULPS(s.Constant(-0.5), a, e)
		VMULPS(a, e, e)
		phi, part := s.ExpParts(e)
		VFMADD231PS(phi, part, phi)
		VMULPS(s.Constant(invSqrt2P), phi, phi)
		u, t := s.Constant(1), s.Constant(1)
		VFMADD231PS(s.Constant(tailP), a, u)
		VDIVPS(u, t, t)
		q := s.Constant(tailPoly[0])
		for _, k := range tailPoly[1:] {
			VFMADD213PS(s.Constant(k), t, q)
		}
		VMULPS(t, q, q)
		VMULPS(phi, q, q)
		h := s.Constant(0.5)
		VSUBPS(q, h, h)
		VORPS(sign, h, h)
		VADDPS(s.Constant(0.5), h, h)
		y := s.Vec()
		VMULPS(h, x, y)
		VFMADD231PS(phi, x, h)
		return y, h
	})
}
