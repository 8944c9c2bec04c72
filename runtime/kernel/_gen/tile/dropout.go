package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// mulWide is the upper and lower 32 bits of a*m in every lane.
func (s isa) mulWide(a, m VecVirtual, odd OpmaskVirtual, even OpmaskVirtual) (hi, lo VecVirtual) {
	up := s.Vec()
	hi, lo = s.Vec(), s.Vec()
	VPSRLQ(U8(32), a, up)
	VPMULUDQ(m, a, lo)
	VPMULUDQ(m, up, hi)
	if s.Wide {
		t := s.Vec()
		VMOVDQA32(lo, t)
		VMOVSLDUP(hi, odd, lo)
		VMOVSHDUP(t, even, hi)
		return hi, lo
	}
	h, l := s.Vec(), s.Vec()
	VMOVSHDUP(lo, h)
	VMOVSLDUP(hi, l)
	VPBLENDD(U8(0xaa), l, lo, lo)
	VPBLENDD(U8(0x55), h, hi, hi)
	return hi, lo
}

// xor3 is a^b^c.
func (s isa) xor3(a, b, c VecVirtual) VecVirtual {
	d := s.Vec()
	if s.Wide {
		VMOVDQA32(a, d)
		VPTERNLOGD(U8(0x96), c, b, d)
		return d
	}
	VPXOR(a, b, d)
	VPXOR(c, d, d)
	return d
}

// dropout emits Philox4x32-10 of every lane's counter and key and applies the draws to y and d,
// eight positions a block. Twin: dropoutRef.
func (s isa) dropout() {
	TEXT("dropout"+s.Name, NOSPLIT, "func(y, d *float32, lanes *uint32, n int)")
	Doc("dropout" + s.Name + " is dropoutRef.")
	Pragma("noescape")
	y, d, lanes := Load(Param("y"), GP64()), Load(Param("d"), GP64()), Load(Param("lanes"), GP64())
	n := Load(Param("n"), GP64()).(GPVirtual)
	field := func(i int) Mem { return Mem{Base: lanes, Disp: lane * i} }
	block := GP64()
	XORQ(block, block)
	m0, m1 := s.Word(0xD2511F53), s.Word(0xCD9E8D57)
	w0, w1 := s.Word(0x9E3779B9), s.Word(0xBB67AE85)
	low := s.Word(0xffff)
	var odd, even OpmaskVirtual
	if s.Wide {
		odd, even = K(), K()
		r := GP32()
		MOVL(U32(0xaaaa), r)
		KMOVW(r, odd)
		MOVL(U32(0x5555), r)
		KMOVW(r, even)
	}
	Label("block")
	a, b, c, e, k0, k1 := s.Vec(), s.Vec(), s.Vec(), s.Vec(), s.Vec(), s.Vec()
	if s.Wide {
		VPBROADCASTD(block.As32(), a)
	} else {
		VMOVD(block.As32(), a.AsX())
		VPBROADCASTD(a.AsX(), a)
	}
	for i, v := range []VecVirtual{b, c, e, k0, k1} {
		VMOVUPS(field(i), v)
	}
	for range 10 {
		h0, l0 := s.mulWide(a, m0, odd, even)
		h1, l1 := s.mulWide(c, m1, odd, even)
		a, b, c, e = s.xor3(h1, b, k0), l1, s.xor3(h0, e, k1), l0
		s.addWords(w0, k0)
		s.addWords(w1, k1)
	}
	for i, word := range []VecVirtual{a, b, c, e} {
		for half := range 2 {
			u := s.Vec()
			if half == 0 {
				s.andWords(low, word, u)
			} else {
				VPSRLD(U8(16), word, u)
			}
			s.dropStep(u, field(5), field(6), y, d, lane*(2*i+half))
			if i < 3 || half == 0 {
				DECQ(n)
				JZ(LabelRef("done"))
			}
		}
	}
	ADDQ(U32(8*lane), y)
	ADDQ(U32(8*lane), d)
	INCQ(block)
	DECQ(n)
	JNZ(LabelRef("block"))
	Label("done")
	x86.Finish()
}

func (s isa) addWords(a, to VecVirtual) { VPADDD(a, to, to) }

func (s isa) andWords(a, b, d VecVirtual) {
	if s.Wide {
		VPANDD(a, b, d)
		return
	}
	VPAND(a, b, d)
}

// dropStep multiplies y and d by keep where the draw u is at least the threshold and clears
// them elsewhere.
func (s isa) dropStep(u VecVirtual, threshold, keep Mem, y, d Register, disp int) {
	t := s.Vec()
	VMOVUPS(threshold, t)
	factor := s.Vec()
	VMOVUPS(keep, factor)
	if s.Wide {
		k := K()
		VPCMPD(U8(5), t, u, k) // u >= t
		for _, p := range []Register{y, d} {
			v := s.Vec()
			VMOVUPS_Z(Mem{Base: p, Disp: disp}, k, v)
			VMULPS(factor, v, v)
			VMOVUPS(v, Mem{Base: p, Disp: disp})
		}
		return
	}
	drop := s.Vec()
	VPCMPGTD(u, t, drop) // t > u
	for _, p := range []Register{y, d} {
		v := s.Vec()
		VANDNPS(Mem{Base: p, Disp: disp}, drop, v)
		VMULPS(factor, v, v)
		VMOVUPS(v, Mem{Base: p, Disp: disp})
	}
}
