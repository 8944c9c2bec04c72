package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// sliceHeader is the bytes of a Go slice header.
const sliceHeader = 24

// pixels emits the lookup of n groups of 8 bytes of 8 lanes, transposed. It needs AVX2 only and
// serves both levels. Twin: pixelsRef.
func pixels() {
	TEXT("pixelsAVX2", NOSPLIT, "func(dst *float32, src *[]uint8, table *float32, n int)")
	Doc("pixelsAVX2 is pixelsRef for 8 lanes and groups of 8 pixels.")
	Pragma("noescape")
	dst, src, table := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("table"), GP64())
	n := Load(Param("n"), GP64()).(GPVirtual)
	var rows [8]Register
	for i := range rows {
		rows[i] = GP64()
		MOVQ(Mem{Base: src, Disp: sliceHeader * i}, rows[i])
	}
	at := GP64()
	XORQ(at, at)
	index, all, v := YMM(), YMM(), YMM()
	x86.Loop("next", n, func() {
		for i, pixel := range transposed(rows, at) {
			VPMOVZXBD(pixel, index)
			VPCMPEQD(all, all, all)
			VGATHERDPS(all, Mem{Base: table, Index: index, Scale: 4}, v)
			VMOVUPS(v, Mem{Base: dst, Disp: lane * i})
		}
		ADDQ(U8(8), at)
		ADDQ(U32(8*lane), dst)
	})
	x86.Finish()
}

// transposed loads 8 bytes of each row; pixel i has byte i of all rows in its lower half.
func transposed(rows [8]Register, at Register) (pixel [8]VecVirtual) {
	var bytes [8]VecVirtual
	for i, r := range rows {
		bytes[i] = XMM()
		VMOVQ(Mem{Base: r, Index: at, Scale: 1}, bytes[i])
	}
	var pairs [4]VecVirtual
	for i := range pairs {
		pairs[i] = XMM()
		VPUNPCKLBW(bytes[2*i+1], bytes[2*i], pairs[i])
	}
	var low, high [2]VecVirtual
	for i := range low {
		low[i], high[i] = XMM(), XMM()
		VPUNPCKLWD(pairs[2*i+1], pairs[2*i], low[i])
		VPUNPCKHWD(pairs[2*i+1], pairs[2*i], high[i])
	}
	for i, q := range [2][2]VecVirtual{low, high} {
		a, b, c, d := XMM(), XMM(), XMM(), XMM()
		VPUNPCKLDQ(q[1], q[0], a)
		VPUNPCKHDQ(q[1], q[0], c)
		VPSRLDQ(U8(8), a, b)
		VPSRLDQ(U8(8), c, d)
		copy(pixel[4*i:], []VecVirtual{a, b, c, d})
	}
	return pixel
}
