package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// virtualLanes is the width that reductions have on every instruction set.
const virtualLanes = 16

// accumulators loads the 16 lanes of dst, bytes wide each, and gives a function that stores
// them back.
func (s isa) accumulators(bytes int) (acc []VecVirtual, save func()) {
	dst := Load(Param("dst"), GP64())
	acc = s.Vecs(virtualLanes * bytes / s.Bytes)
	for i := range acc {
		VMOVUPS(Mem{Base: dst, Disp: i * s.Bytes}, acc[i])
	}
	return acc, func() {
		for i := range acc {
			VMOVUPS(acc[i], Mem{Base: dst, Disp: i * s.Bytes})
		}
	}
}

// groups emits a loop over n whole groups of 16 floats of x.
func (s isa) groups(body func(x GPVirtual)) {
	x, n := Load(Param("x"), GP64()).(GPVirtual), Load(Param("n"), GP64()).(GPVirtual)
	x86.Loop("next", n, func() {
		body(x)
		ADDQ(U8(4*virtualLanes), x)
	})
}

// sumSquares emits dst[l] += x[l]^2 in float64, over n groups of 16 floats.
func (s isa) sumSquares() {
	begin(s, "sumSquares", "func(dst *float64, x *float32, n int)", "is squareLanes.")
	acc, save := s.accumulators(8)
	s.groups(func(x GPVirtual) {
		for i := range acc {
			d := s.Vec()
			VCVTPS2PD(Mem{Base: x, Disp: i * s.Bytes / 2}, d)
			VFMADD231PD(d, d, acc[i])
		}
	})
	save()
	x86.Finish()
}

// maxAbs emits dst[l] = max(dst[l], bits of |x[l]|), over n groups of 16 floats.
func (s isa) maxAbs() {
	begin(s, "maxAbs", "func(dst *uint32, x *float32, n int)", "is magnitudeLanes.")
	acc, save := s.accumulators(4)
	magnitude := s.Word(0x7fffffff)
	s.groups(func(x GPVirtual) {
		for i := range acc {
			d := s.Vec()
			if s.Wide {
				VPANDD(Mem{Base: x, Disp: i * s.Bytes}, magnitude, d)
			} else {
				VPAND(Mem{Base: x, Disp: i * s.Bytes}, magnitude, d)
			}
			VPMAXUD(d, acc[i], acc[i])
		}
	})
	save()
	x86.Finish()
}
