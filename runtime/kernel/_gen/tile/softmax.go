package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// Constants of detmath.Exp, whose bits this must give.
const (
	ln2Hi64 = 6.93147180369123816490e-01
	ln2Lo64 = 1.90821492927058770002e-10
	bound64 = 700
	terms64 = 13
	// shift64 puts an integer into the low bits of a float64.
	shift64 = 1.5 * (1 << 52)
)

var doubles = map[uint64]Mem{}

// double broadcasts a float64 into a fresh register, word 64 bits.
func (s isa) double(f float64) VecVirtual { return s.word64(math.Float64bits(f)) }

func (s isa) word64(b uint64) VecVirtual {
	if _, ok := doubles[b]; !ok {
		doubles[b] = ConstData(fmt.Sprintf("d%016x", b), U64(b))
	}
	v := s.Vec()
	VBROADCASTSD(doubles[b], v)
	return v
}

// round is the nearest integer, halves to even.
func (s isa) round(x, to VecVirtual) {
	if s.Wide {
		VRNDSCALEPD(U8(0), x, to)
		return
	}
	VROUNDPD(U8(0), x, to)
}

// exp64 is detmath.Exp: products and sums are rounded one by one.
func (s isa) exp64(x VecVirtual) VecVirtual {
	VMAXPD(x, s.double(-bound64), x)
	VMINPD(x, s.double(bound64), x)
	n, t, r := s.Vec(), s.Vec(), s.Vec()
	VMULPD(s.double(math.Log2E), x, n)
	s.round(n, n)
	VMULPD(s.double(ln2Hi64), n, t)
	VSUBPD(t, x, r)
	VMULPD(s.double(ln2Lo64), n, t)
	VSUBPD(t, r, r)
	p, one := s.double(1), s.double(1)
	for i := terms64; i > 0; i-- {
		VMULPD(r, p, p)
		VMULPD(s.double(1/float64(i)), p, p)
		VADDPD(one, p, p)
	}
	VADDPD(s.double(shift64), n, n)
	VPADDQ(s.word64(1023), n, n)
	VPSLLQ(U8(52), n, n)
	VMULPD(n, p, p)
	return p
}

// softmax emits the exponentials of a tile of logits less the largest of their lane, their sums
// and the largest, for one vector of lanes. Twin: softmaxRef.
func (s isa) softmax() {
	TEXT("softmax"+s.Name, NOSPLIT, "func(e, sum, top *float64, logits *float32, classes int)")
	Doc("softmax" + s.Name + fmt.Sprintf(" is softmaxRef for %d lanes.", s.Bytes/8))
	Pragma("noescape")
	e, logits := Load(Param("e"), GP64()), Load(Param("logits"), GP64())
	load := func(p Register, v VecVirtual) { VCVTPS2PD(Mem{Base: p}, v) }
	at, n := GP64(), GP64()
	largest, v := s.Vec(), s.Vec()
	MOVQ(logits, at)
	Load(Param("classes"), n)
	load(at, largest)
	x86.Loop("top", n, func() {
		load(at, v)
		VMAXPD(largest, v, largest)
		ADDQ(U8(lane), at)
	})
	total := s.Vec()
	s.Zero(total)
	Load(Param("classes"), n)
	x86.Loop("exponentials", n, func() {
		load(logits, v)
		VSUBPD(largest, v, v)
		p := s.exp64(v)
		VADDPD(p, total, total)
		VMOVUPD(p, Mem{Base: e})
		ADDQ(U8(lane), logits)
		ADDQ(U32(2*lane), e)
	})
	out := GP64()
	Load(Param("sum"), out)
	VMOVUPD(total, Mem{Base: out})
	Load(Param("top"), out)
	VMOVUPD(largest, Mem{Base: out})
	x86.Finish()
}
