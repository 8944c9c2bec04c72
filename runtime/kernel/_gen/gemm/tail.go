package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// tail moves the first lanes of a vector only: under an opmask, or under a mask that is fetched
// from memory every time, because AVX2 has no register to spare for it.
type tail struct {
	isa
	k OpmaskVirtual
	p GPVirtual
}

// laneMasks is a row of ones and a row of zeros: eight words from 8-n on select n lanes.
var laneMasks Mem

// newTail selects n lanes, 1 to the width of a vector. It spends n.
func (s isa) newTail(n GPVirtual) tail {
	t := tail{isa: s}
	if s.Wide {
		bits := GP32()
		MOVL(I32(-1), bits)
		BZHIL(n.As32(), bits, bits)
		t.k = K()
		KMOVW(bits, t.k)
		return t
	}
	if laneMasks.Base == nil {
		laneMasks = GLOBL("lanes", RODATA|NOPTR)
		for i := range 16 {
			DATA(4*i, U32(uint32(i/8)-1))
		}
	}
	t.p = GP64()
	LEAQ(laneMasks.Offset(32), t.p)
	SHLQ(U8(2), n)
	SUBQ(n, t.p)
	return t
}

func (t tail) load(m Mem, v VecVirtual) {
	if t.Wide {
		VMOVUPS_Z(m, t.k, v)
		return
	}
	VMOVDQU(Mem{Base: t.p}, v)
	VMASKMOVPS(m, v, v)
}

func (t tail) store(v VecVirtual, m Mem) {
	if t.Wide {
		VMOVUPS(v, t.k, m)
		return
	}
	mask := YMM()
	VMOVDQU(Mem{Base: t.p}, mask)
	VMASKMOVPS(v, mask, m)
}
