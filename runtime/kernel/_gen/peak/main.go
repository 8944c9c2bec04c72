// Command peak writes the assembly of package peak.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// chains is the number of accumulators: all registers but the two operands.
var chains = map[string]int{"AVX2": 14, "AVX512": 28}

func main() {
	ConstraintExpr("amd64,!purego")
	for _, s := range x86.ISAs {
		emit(s, chains[s.Name])
	}
	Generate()
}

// emit writes a loop that touches no memory between its first load and its last store.
func emit(s x86.ISA, chains int) {
	TEXT("fma"+s.Name, NOSPLIT, "func(acc *float32, n int, x, y float32)")
	Doc("fma" + s.Name + " is fmaRef.")
	Pragma("noescape")
	acc, n := Load(Param("acc"), GP64()), Load(Param("n"), GP64()).(GPVirtual)
	x, y := s.Vec(), s.Vec()
	VBROADCASTSS(x86.Arg("x"), x)
	VBROADCASTSS(x86.Arg("y"), y)
	v := s.Vecs(chains)
	for i := range v {
		VMOVUPS(Mem{Base: acc, Disp: i * s.Bytes}, v[i])
	}
	x86.Loop("next", n, func() {
		for i := range v {
			VFMADD213PS(y, x, v[i])
		}
	})
	for i := range v {
		VMOVUPS(v[i], Mem{Base: acc, Disp: i * s.Bytes})
	}
	x86.Finish()
}
