package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// copyRows emits the copy of k rows of one vector, of which the first lanes are read and the
// rest become zero. Twin: copyRowsRef.
func (s isa) copyRows() {
	TEXT("copyRows"+s.Name, NOSPLIT, "func(dst, src *float32, lddst, ldsrc, k, last int)")
	Doc("copyRows" + s.Name + " is copyRowsRef; strides are in bytes.")
	Pragma("noescape")
	dst, src := argument("dst"), argument("src")
	lddst, ldsrc := argument("lddst"), argument("ldsrc")
	k := argument("k")
	t := s.newTail(argument("last"))
	v := s.Vec()
	x86.Loop("rows", k, func() {
		t.load(Mem{Base: src}, v)
		VMOVUPS(v, Mem{Base: dst})
		ADDQ(ldsrc, src)
		ADDQ(lddst, dst)
	})
	x86.Finish()
}

// transpose emits dst[k][lane] = src[lane][k] for as many source rows as a vector has lanes, of
// which the first n exist; the lanes of others repeat the last. Twin: transposeRef.
func (s isa) transpose() {
	TEXT("transpose"+s.Name, NOSPLIT, "func(dst, src *float32, lddst, ldsrc, k, n int)")
	Doc("transpose" + s.Name + " is transposeRef; strides are in bytes.")
	Pragma("noescape")
	lanes := s.Bytes / 4
	dst, src := argument("dst"), argument("src")
	lddst := argument("lddst")
	k := argument("k")
	Label("blocks")
	width := GP64()
	MOVQ(k, width)
	full := GP64()
	MOVQ(U32(lanes), full)
	CMPQ(width, full)
	CMOVQGT(full, width)
	t := s.newTail(width)
	p, step, n, zero := GP64(), GP64(), GP64(), GP64()
	MOVQ(src, p)
	Load(Param("ldsrc"), step)
	Load(Param("n"), n)
	XORQ(zero, zero)
	v := s.Vecs(lanes)
	for i := range v {
		t.load(Mem{Base: p}, v[i])
		if i+1 < lanes {
			DECQ(n)
			CMOVQEQ(zero, step)
			ADDQ(step, p)
		}
	}
	v = s.transposed(v)
	for i := range v {
		VMOVUPS(v[i], Mem{Base: dst})
		if i+1 < lanes {
			DECQ(k)
			JE(LabelRef("done"))
			ADDQ(lddst, dst)
		}
	}
	ADDQ(lddst, dst)
	ADDQ(U8(s.Bytes), src)
	DECQ(k)
	JNE(LabelRef("blocks"))
	Label("done")
	x86.Finish()
}

// transposed exchanges rows and lanes.
func (s isa) transposed(v []VecVirtual) []VecVirtual {
	// 32-bit pairs, then 64-bit pairs: 4x4 blocks are transposed within 128-bit lanes.
	w := s.Vecs(len(v))
	for i := 0; i < len(v); i += 2 {
		VUNPCKLPS(v[i+1], v[i], w[i])
		VUNPCKHPS(v[i+1], v[i], w[i+1])
	}
	u := s.Vecs(len(v))
	for i := 0; i < len(v); i += 4 {
		VUNPCKLPD(w[i+2], w[i], u[i])
		VUNPCKHPD(w[i+2], w[i], u[i+1])
		VUNPCKLPD(w[i+3], w[i+1], u[i+2])
		VUNPCKHPD(w[i+3], w[i+1], u[i+3])
	}
	out := s.Vecs(len(v))
	if !s.Wide {
		for i := range 4 {
			VPERM2F128(U8(0x20), u[i+4], u[i], out[i])
			VPERM2F128(U8(0x31), u[i+4], u[i], out[i+4])
		}
		return out
	}
	// u[4q+r] holds column 4l+r of rows 4q..4q+3 in 128-bit lane l.
	for r := range 4 {
		a, b, c, d := s.Vec(), s.Vec(), s.Vec(), s.Vec()
		VSHUFF32X4(U8(0x88), u[r+4], u[r], a)    // lanes 0, 2
		VSHUFF32X4(U8(0xdd), u[r+4], u[r], b)    // lanes 1, 3
		VSHUFF32X4(U8(0x88), u[r+12], u[r+8], c) // of rows 8..15
		VSHUFF32X4(U8(0xdd), u[r+12], u[r+8], d)
		VSHUFF32X4(U8(0x88), c, a, out[r])
		VSHUFF32X4(U8(0x88), d, b, out[r+4])
		VSHUFF32X4(U8(0xdd), c, a, out[r+8])
		VSHUFF32X4(U8(0xdd), d, b, out[r+12])
	}
	return out
}
