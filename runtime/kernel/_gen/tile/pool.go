package main

import (
	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// blend is b where the mask is set and a elsewhere.
func (s isa) blend(m x86.Mask, a, b VecVirtual) VecVirtual {
	d := s.Vec()
	if s.Wide {
		VBLENDMPS(b, a, m.K, d)
		return d
	}
	VBLENDVPS(m.V, b, a, d)
	return d
}

// equalWords compares 32-bit integers.
func (s isa) equalWords(a, b VecVirtual) x86.Mask {
	if s.Wide {
		k := K()
		VPCMPEQD(b, a, k)
		return x86.KMask(s.ISA, k)
	}
	v := s.Vec()
	VPCMPEQD(b, a, v)
	return x86.VMask(s.ISA, v)
}

// poolRows emits rows of a 2x2 max pooling with the place of the first largest element.
// Twin: poolRowsRef.
func (s isa) poolRows() {
	TEXT("poolRows"+s.Name, NOSPLIT, "func(dst *float32, code *uint32, x *float32, xRow, xStep, dstStep, outer, n int)")
	Doc("poolRows" + s.Name + " is poolRowsRef; strides are in bytes, those of the steps less a row.")
	Pragma("noescape")
	dst, code, x := Load(Param("dst"), GP64()), Load(Param("code"), GP64()), Load(Param("x"), GP64())
	xRow := Load(Param("xRow"), GP64())
	outer := Load(Param("outer"), GP64()).(GPVirtual)
	place := []VecVirtual{s.Word(0), s.Word(1), s.Word(2), s.Word(3)}
	x86.Loop("rows", outer, func() {
		n := GP64()
		Load(Param("n"), n)
		x86.Loop("next", n, func() {
			v := s.Vecs(4)
			VMOVUPS(Mem{Base: x}, v[0])
			VMOVUPS(Mem{Base: x, Disp: lane}, v[1])
			VMOVUPS(Mem{Base: x, Index: xRow, Scale: 1}, v[2])
			VMOVUPS(Mem{Base: x, Index: xRow, Scale: 1, Disp: lane}, v[3])
			upper, lower := s.Cmp(x86.PredGT, v[1], v[0]), s.Cmp(x86.PredGT, v[3], v[2])
			a, b := s.blend(upper, v[0], v[1]), s.blend(lower, v[2], v[3])
			ia, ib := s.blend(upper, place[0], place[1]), s.blend(lower, place[2], place[3])
			down := s.Cmp(x86.PredGT, b, a)
			VMOVUPS(s.blend(down, a, b), Mem{Base: dst})
			VMOVUPS(s.blend(down, ia, ib), Mem{Base: code})
			ADDQ(U8(lane), dst)
			ADDQ(U8(lane), code)
			ADDQ(U32(2*lane), x)
		})
		ADDQ(x86.Arg("dstStep"), dst)
		ADDQ(x86.Arg("dstStep"), code)
		ADDQ(x86.Arg("xStep"), x)
	})
	x86.Finish()
}

// unpoolRows emits the gradient of poolRows: dy at the place of code, 0 elsewhere. Twin:
// unpoolRowsRef.
func (s isa) unpoolRows() {
	TEXT("unpoolRows"+s.Name, NOSPLIT, "func(dx, dy *float32, code *uint32, xRow, xStep, dyStep, outer, n int)")
	Doc("unpoolRows" + s.Name + " is unpoolRowsRef; strides are in bytes, those of the steps less a row.")
	Pragma("noescape")
	dx, dy, code := Load(Param("dx"), GP64()), Load(Param("dy"), GP64()), Load(Param("code"), GP64())
	xRow := Load(Param("xRow"), GP64())
	outer := Load(Param("outer"), GP64()).(GPVirtual)
	place := []VecVirtual{s.Word(0), s.Word(1), s.Word(2), s.Word(3)}
	x86.Loop("rows", outer, func() {
		n := GP64()
		Load(Param("n"), n)
		x86.Loop("next", n, func() {
			g, c := s.Vec(), s.Vec()
			VMOVUPS(Mem{Base: dy}, g)
			VMOVUPS(Mem{Base: code}, c)
			out := []Mem{{Base: dx}, {Base: dx, Disp: lane}, {Base: dx, Index: xRow, Scale: 1}, {Base: dx, Index: xRow, Scale: 1, Disp: lane}}
			for i, m := range out {
				VMOVUPS(s.equalWords(c, place[i]).Keep(g), m)
			}
			ADDQ(U8(lane), dy)
			ADDQ(U8(lane), code)
			ADDQ(U32(2*lane), dx)
		})
		ADDQ(x86.Arg("dyStep"), dy)
		ADDQ(x86.Arg("dyStep"), code)
		ADDQ(x86.Arg("xStep"), dx)
	})
	x86.Finish()
}
