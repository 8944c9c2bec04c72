package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// window loads the 2x2 window at x0 (upper row) and x1 (lower row).
func (s isa) window(x0, x1 Register) []VecVirtual {
	v := s.Vecs(4)
	VMOVUPS(Mem{Base: x0}, v[0])
	VMOVUPS(Mem{Base: x0, Disp: lane}, v[1])
	VMOVUPS(Mem{Base: x1}, v[2])
	VMOVUPS(Mem{Base: x1, Disp: lane}, v[3])
	return v
}

// largest is max(max(v0, v1), max(v2, v3)), each as a > b ? a : b.
func (s isa) largest(v []VecVirtual) VecVirtual {
	a, b := s.Vec(), s.Vec()
	VMAXPS(v[1], v[0], a)
	VMAXPS(v[3], v[2], b)
	VMAXPS(b, a, a)
	return a
}

// poolRow emits one output row of a 2x2 max pooling. Twin: poolRowRef.
func (s isa) poolRow() {
	TEXT("poolRow"+s.Name, NOSPLIT, "func(dst, x0, x1 *float32, n int)")
	Doc("poolRow" + s.Name + " is poolRowRef.")
	Pragma("noescape")
	dst, x0, x1 := Load(Param("dst"), GP64()), Load(Param("x0"), GP64()), Load(Param("x1"), GP64())
	n := Load(Param("n"), GP64()).(GPVirtual)
	x86.Loop("next", n, func() {
		VMOVUPS(s.largest(s.window(x0, x1)), Mem{Base: dst})
		ADDQ(U8(lane), dst)
		ADDQ(U32(2*lane), x0)
		ADDQ(U32(2*lane), x1)
	})
	x86.Finish()
}

// poolGradRow emits the gradient of one output row: the first largest element of each window
// gets dy, the others 0. Twin: poolGradRowRef.
func (s isa) poolGradRow() {
	TEXT("poolGradRow"+s.Name, NOSPLIT, "func(dx0, dx1, x0, x1, dy *float32, n int)")
	Doc("poolGradRow" + s.Name + " is poolGradRowRef.")
	Pragma("noescape")
	d0, d1 := Load(Param("dx0"), GP64()), Load(Param("dx1"), GP64())
	x0, x1 := Load(Param("x0"), GP64()), Load(Param("x1"), GP64())
	dy := Load(Param("dy"), GP64())
	n := Load(Param("n"), GP64()).(GPVirtual)
	x86.Loop("next", n, func() {
		v := s.window(x0, x1)
		m := s.largest(v)
		g := s.Vec()
		VMOVUPS(Mem{Base: dy}, g)
		out := []Mem{{Base: d0}, {Base: d0, Disp: lane}, {Base: d1}, {Base: d1, Disp: lane}}
		taken := s.Cmp(x86.PredEQ, v[0], m)
		VMOVUPS(taken.Keep(g), out[0])
		for i := 1; i < 4; i++ {
			here := s.Cmp(x86.PredEQ, v[i], m)
			VMOVUPS(here.AndNot(taken).Keep(g), out[i])
			taken = taken.Or(here)
		}
		ADDQ(U8(lane), dy)
		for _, r := range []Register{d0, d1, x0, x1} {
			ADDQ(U32(2*lane), r)
		}
	})
	x86.Finish()
}

// reduce emits the sum over 16 lanes of n vectors with the fixed tree: lanes 8 apart, then
// 4, 2 and 1. It needs AVX2 only and serves both levels. Twin: reduceRef.
func reduce() {
	TEXT("reduceAVX2", NOSPLIT, "func(dst, src *float32, n int)")
	Doc("reduceAVX2 is reduceRef.")
	Pragma("noescape")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	n := Load(Param("n"), GP64()).(GPVirtual)
	x86.Loop("next", n, func() {
		y, lo, hi := YMM(), XMM(), XMM()
		VMOVUPS(Mem{Base: src}, y)
		VADDPS(Mem{Base: src, Disp: 32}, y, y)
		VEXTRACTF128(U8(1), y, hi)
		VADDPS(hi, y.AsX(), lo)
		VMOVHLPS(lo, lo, hi)
		VADDPS(hi, lo, lo)
		VMOVSHDUP(lo, hi)
		VADDSS(hi, lo, lo)
		VMOVSS(lo, Mem{Base: dst})
		ADDQ(U8(lane), src)
		ADDQ(U8(4), dst)
	})
	x86.Finish()
}
