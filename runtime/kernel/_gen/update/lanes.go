package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// tailMask holds eight words of ones, then eight of zeros: eight words read r before the middle
// select the first r lanes.
var tailMask Mem

// tails emits the mask table.
func tails() {
	tailMask = GLOBL("tailMask", RODATA|NOPTR)
	for i := range 16 {
		v := uint32(0xffffffff)
		if i >= 8 {
			v = 0
		}
		DATA(4*i, U32(v))
	}
}

// lanes moves one vector of each array, whole or the first lanes only.
type lanes struct {
	s isa
	// k or v select the lanes of a tail; both are nil for whole vectors.
	k Register
	v VecVirtual
}

// load reads lanes; those past the end become 0.
func (l lanes) load(m Mem) VecVirtual {
	d := l.s.Vec()
	switch {
	case l.k != nil:
		VMOVUPS_Z(m, l.k, d)
	case l.v != nil:
		VMASKMOVPS(m, l.v, d)
	default:
		VMOVUPS(m, d)
	}
	return d
}

// store writes lanes; nothing past the end is touched.
func (l lanes) store(v VecVirtual, m Mem) {
	switch {
	case l.k != nil:
		VMOVUPS(v, l.k, m)
	case l.v != nil:
		VMASKMOVPS(v, l.v, m)
	default:
		VMOVUPS(v, m)
	}
}

// each emits a loop over n >= 1 floats of the named arrays: whole vectors, then the rest under a
// mask. body is emitted twice.
func (s isa) each(pointers []string, body func(l lanes, m map[string]Mem)) {
	m := map[string]Mem{}
	var regs []Register
	for _, p := range pointers {
		r := Load(Param(p), GP64())
		regs = append(regs, r)
		m[p] = Mem{Base: r}
	}
	n := Load(Param("n"), GP64()).(GPVirtual)
	width := s.Bytes / 4
	Label("next")
	CMPQ(n, U8(width))
	JLT(LabelRef("tail"))
	body(lanes{s: s}, m)
	for _, r := range regs {
		ADDQ(U8(s.Bytes), r)
	}
	SUBQ(U8(width), n)
	JMP(LabelRef("next"))
	Label("tail")
	TESTQ(n, n)
	JE(LabelRef("done"))
	body(s.first(n), m)
	Label("done")
}

// first selects the first n lanes, fewer than a vector has.
func (s isa) first(n GPVirtual) lanes {
	if s.Wide {
		bits, k := GP64(), K()
		MOVQ(I32(-1), bits)
		SHLXQ(n, bits, bits)
		NOTQ(bits)
		KMOVW(bits.As32(), k)
		return lanes{s: s, k: k}
	}
	at, v := GP64(), YMM()
	LEAQ(tailMask.Offset(32), at)
	SHLQ(U8(2), n)
	SUBQ(n, at)
	VMOVUPS(Mem{Base: at}, v)
	return lanes{s: s, v: v}
}

// scalar broadcasts an argument.
func (s isa) scalar(name string) VecVirtual {
	r := s.Vec()
	VBROADCASTSS(x86.Arg(name), r)
	return r
}
