package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// Constants of the table of the normal quantile. Twin constants: kernel.normalTerms, kernel.normalOctaves.
const (
	normalTerms   = 7
	normalOctaves = 32
)

// half is Philox4x32 of every second lane: a word sits in the low half of 64 bits, and what is in the high half does not matter.
type half struct{ a, b, c, d VecVirtual }

// philoxRound is one round; the keys are in memory.
func (s isa) philoxRound(h half, m0, m1 VecVirtual, k0, k1 Mem) half {
	p0, p1, u0, u1 := s.Vec(), s.Vec(), s.Vec(), s.Vec()
	VPMULUDQ(m0, h.a, p0)
	VPMULUDQ(m1, h.c, p1)
	VPSRLQ(U8(32), p1, u1)
	VPSRLQ(U8(32), p0, u0)
	s.xorKey(u1, h.b, k0)
	s.xorKey(u0, h.d, k1)
	return half{u1, p1, u0, p0}
}

// xorKey is d ^= a ^ key.
func (s isa) xorKey(d, a VecVirtual, key Mem) {
	if s.Wide {
		VPTERNLOGD(U8(0x96), key, a, d)
		return
	}
	VPXOR(a, d, d)
	VPXOR(key, d, d)
}

// normals emits standard normal draws. Twin: normalsRef.
func (s isa) normals() {
	TEXT("normals"+s.Name, NOSPLIT, "func(dst *float32, lanes *uint32, table *float32, block, skip, rows, cols int)")
	Doc("normals" + s.Name + " is normalsRef.")
	Pragma("noescape")
	dst, lanes, table := Load(Param("dst"), GP64()), Load(Param("lanes"), GP64()), Load(Param("table"), GP64())
	block := Load(Param("block"), GP64()).(GPVirtual)
	rows := Load(Param("rows"), GP64()).(GPVirtual)
	m0, m1 := s.Word(0xD2511F53), s.Word(0xCD9E8D57)
	var odd OpmaskVirtual
	if s.Wide {
		odd = K()
		r := GP32()
		MOVL(U32(0xaaaa), r)
		KMOVW(r, odd)
	}
	field := func(i int) Mem { return Mem{Base: lanes, Disp: lane * i} }
	x86.Loop("row", rows, func() {
		n := GP64()
		Load(Param("cols"), n)
		Label("block")
		var words [2]half
		for o := range 2 {
			h := half{s.Vec(), s.Vec(), s.Vec(), s.Vec()}
			if s.Wide {
				VPBROADCASTD(block.As32(), h.a)
			} else {
				VMOVD(block.As32(), h.a.AsX())
				VPBROADCASTD(h.a.AsX(), h.a)
			}
			for i, v := range []VecVirtual{h.b, h.c, h.d} {
				VMOVUPS(field(2*i+o), v)
			}
			for r := range 10 {
				h = s.philoxRound(h, m0, m1, field(6+4*r+o), field(6+4*r+2+o))
			}
			words[o] = h
		}
		even, upper := words[0], words[1]
		var merged []VecVirtual
		for _, w := range [][2]VecVirtual{{even.a, upper.a}, {even.b, upper.b}, {even.c, upper.c}, {even.d, upper.d}} {
			VPSLLQ(U8(32), w[1], w[1])
			if s.Wide {
				VMOVDQA32(w[1], odd, w[0])
			} else {
				VPBLENDD(U8(0xaa), w[1], w[0], w[0])
			}
			merged = append(merged, w[0])
		}
		for i, w := range merged {
			VMOVUPS(s.quantile(w, table), Mem{Base: dst, Disp: lane * i})
			if i < 3 {
				DECQ(n)
				JZ(LabelRef("end" + string(rune('1'+i))))
			}
		}
		ADDQ(U32(4*lane), dst)
		INCQ(block)
		DECQ(n)
		JNZ(LabelRef("block"))
		JMP(LabelRef("next"))
		for i := range 3 {
			Label("end" + string(rune('1'+i)))
			ADDQ(U32(lane*(i+1)), dst)
			if i < 2 {
				JMP(LabelRef("partial"))
			}
		}
		Label("partial")
		INCQ(block)
		Label("next")
		ADDQ(x86.Arg("skip"), block)
	})
	x86.Finish()
}

// quantile turns words into normal draws.
func (s isa) quantile(w VecVirtual, table Register) VecVirtual {
	x, octave, z := s.Vec(), s.Vec(), s.Vec()
	if s.Wide {
		VPORD(s.Word(1), w, x)
	} else {
		VPOR(s.Word(1), w, x)
	}
	VCVTDQ2PS(x, x)
	VPSRLD(U8(23), x, octave) // with the sign above
	if s.Wide {
		VMOVDQA32(x, z)
		VPTERNLOGD(U8(0xea), s.Word(0x3f800000), s.Word(0x007fffff), z) // z&mantissa | one
	} else {
		VPAND(s.Word(normalOctaves-1), octave, octave)
		VANDPS(s.Word(0x007fffff), x, z)
		VORPS(s.Word(0x3f800000), z, z)
	}
	VSUBPS(s.Constant(1.5), z, z)
	q := s.octave(table, 0, octave)
	for i := 1; i < normalTerms; i++ {
		VFMADD213PS(s.octave(table, i, octave), z, q)
	}
	if s.Wide {
		VPTERNLOGD(U8(0x78), s.Word(0x80000000), x, q) // q ^ x&sign
		return q
	}
	VANDPS(s.Word(0x80000000), x, x)
	VXORPS(x, q, q)
	return q
}

// octave looks coefficient i up for every lane.
func (s isa) octave(table Register, i int, octave VecVirtual) VecVirtual {
	at := i * normalOctaves * 4
	d := s.Vec()
	if s.Wide {
		VMOVDQA32(octave, d)
		low := s.Vec()
		VMOVUPS(Mem{Base: table, Disp: at}, low)
		VPERMI2PS(Mem{Base: table, Disp: at + lane}, low, d)
		return d
	}
	all := s.Word(0xffffffff)
	s.Zero(d)
	VGATHERDPS(all, Mem{Base: table, Index: octave, Scale: 4, Disp: at}, d)
	return d
}

// perturb emits y += sqrt(v+tiny) e and v = e/(2 sqrt(v+tiny)). Twin: perturbRef.
func (s isa) perturb() {
	s.elementwise("perturb", "func(y, v, e *float32, n int)", "is perturbRef.", []string{"y", "v", "e"}, func(m map[string]Mem) {
		v, e, y := s.Vec(), s.Vec(), s.Vec()
		VMOVUPS(m["v"], v)
		VMOVUPS(m["e"], e)
		VMOVUPS(m["y"], y)
		VADDPS(s.Constant(1e-15), v, v)
		h, r := s.Vec(), s.Vec()
		VMULPS(s.Constant(0.5), v, h)
		VPSRLD(U8(1), v, r)
		magic := s.Word(0x5f3759df)
		VPSUBD(r, magic, r)
		for range 3 {
			t, u := s.Vec(), s.Constant(1.5)
			VMULPS(r, r, t)
			VFNMADD231PS(t, h, u)
			VMULPS(u, r, r)
		}
		VMULPS(r, v, v)
		VFMADD231PS(e, v, y)
		VMOVUPS(y, m["y"])
		VMULPS(s.Constant(0.5), e, e)
		VMULPS(r, e, e)
		VMOVUPS(e, m["v"])
	})
}

// pickRows emits the elements at the places that a 2x2 max pooling found. Twin: pickRowsRef.
func (s isa) pickRows() {
	TEXT("pickRows"+s.Name, NOSPLIT, "func(dst *float32, code *uint32, x *float32, xRow, xStep, dstStep, outer, n int)")
	Doc("pickRows" + s.Name + " is pickRowsRef; strides are in bytes, those of the steps less a row.")
	Pragma("noescape")
	dst, code, x := Load(Param("dst"), GP64()), Load(Param("code"), GP64()), Load(Param("x"), GP64())
	xRow := Load(Param("xRow"), GP64())
	outer := Load(Param("outer"), GP64()).(GPVirtual)
	place := []VecVirtual{nil, s.Word(1), s.Word(2), s.Word(3)}
	x86.Loop("rows", outer, func() {
		n := GP64()
		Load(Param("n"), n)
		x86.Loop("next", n, func() {
			v, c := s.Vecs(4), s.Vec()
			VMOVUPS(Mem{Base: code}, c)
			VMOVUPS(Mem{Base: x}, v[0])
			VMOVUPS(Mem{Base: x, Disp: lane}, v[1])
			VMOVUPS(Mem{Base: x, Index: xRow, Scale: 1}, v[2])
			VMOVUPS(Mem{Base: x, Index: xRow, Scale: 1, Disp: lane}, v[3])
			d := v[0]
			for i := 1; i < 4; i++ {
				d = s.blend(s.equalWords(c, place[i]), d, v[i])
			}
			VMOVUPS(d, Mem{Base: dst})
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
