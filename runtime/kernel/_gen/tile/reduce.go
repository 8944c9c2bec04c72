package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// reduce emits the sums over 16 lanes of n groups of 4 vectors with the tree of adjacent pairs.
// It needs AVX2 only and serves both levels. Twin: reduceRef.
func reduce() {
	TEXT("reduceAVX2", NOSPLIT, "func(dst, src *float32, n int)")
	Doc("reduceAVX2 is reduceRef for groups of 4 vectors.")
	Pragma("noescape")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	n := Load(Param("n"), GP64()).(GPVirtual)
	// quads gives, from the 8 lanes at disp of each vector, the sums of 4 lanes: those of lanes
	// 0-3 of the four vectors, then those of lanes 4-7.
	quads := func(disp int) VecVirtual {
		a, b := YMM(), YMM()
		VMOVUPS(Mem{Base: src, Disp: disp}, a)
		VHADDPS(Mem{Base: src, Disp: disp + lane}, a, a)
		VMOVUPS(Mem{Base: src, Disp: disp + 2*lane}, b)
		VHADDPS(Mem{Base: src, Disp: disp + 3*lane}, b, b)
		VHADDPS(b, a, a)
		return a
	}
	x86.Loop("next", n, func() {
		half := func(q VecVirtual) VecVirtual {
			upper, sum := XMM(), XMM()
			VEXTRACTF128(U8(1), q, upper)
			VADDPS(upper, q.AsX(), sum)
			return sum
		}
		lo, hi := half(quads(0)), half(quads(32))
		VADDPS(hi, lo, lo)
		VMOVUPS(lo, Mem{Base: dst})
		ADDQ(U32(4*lane), src)
		ADDQ(U8(16), dst)
	})
	x86.Finish()
}
