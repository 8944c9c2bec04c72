// Command gram writes the assembly of package gram: one register tile of a float64 product.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// shapes are the rows and vectors of the tile: as many accumulators as the registers allow beside
// the vectors of B and one element of A.
var shapes = map[string][2]int{"AVX2": {4, 3}, "AVX512": {8, 3}}

func main() {
	ConstraintExpr("amd64,!purego")
	for _, s := range x86.ISAs {
		tile(s, shapes[s.Name][0], shapes[s.Name][1])
	}
	Generate()
}

// tile emits the twin of tileRef: a is [k][mr], b is [k][nv vectors], both packed; rows of c are
// ldc bytes apart.
func tile(s x86.ISA, mr, nv int) {
	TEXT("tile"+s.Name, NOSPLIT, "func(c *float64, ldc int, a, b *float64, k int)")
	Doc("tile" + s.Name + " is tileRef; ldc is in bytes, k is positive.")
	Pragma("noescape")
	c, a, b := Load(Param("c"), GP64()), Load(Param("a"), GP64()), Load(Param("b"), GP64())
	ldc, k := Load(Param("ldc"), GP64()), Load(Param("k"), GP64()).(GPVirtual)
	acc, x, e := s.Vecs(mr*nv), s.Vecs(nv), s.Vec()
	rows := func(move func(v VecVirtual, m Mem)) {
		p := GP64()
		MOVQ(c, p)
		for i := range mr {
			for j := range nv {
				move(acc[i*nv+j], Mem{Base: p, Disp: j * s.Bytes})
			}
			if i+1 < mr {
				ADDQ(ldc, p)
			}
		}
	}
	rows(func(v VecVirtual, m Mem) { VMOVUPD(m, v) })
	x86.Loop("next", k, func() {
		for j := range x {
			VMOVUPD(Mem{Base: b, Disp: j * s.Bytes}, x[j])
		}
		for i := range mr {
			VBROADCASTSD(Mem{Base: a, Disp: 8 * i}, e)
			for j := range x {
				VFMADD231PD(e, x[j], acc[i*nv+j])
			}
		}
		ADDQ(U32(8*mr), a)
		ADDQ(U32(nv*s.Bytes), b)
	})
	rows(func(v VecVirtual, m Mem) { VMOVUPD(v, m) })
	x86.Finish()
}
