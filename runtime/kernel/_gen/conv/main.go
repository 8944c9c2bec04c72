// Command conv writes the assembly of package conv.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// rows is the greatest number of channels of a tile.
const rows = 6

// widths are the greatest numbers of 16-lane vectors of a tile.
var widths = map[string]int{"AVX2": 1, "AVX512": 4}

func main() {
	ConstraintExpr("amd64,!purego")
	for _, s := range x86.ISAs {
		for r := 1; r <= rows; r++ {
			for v := 1; v <= widths[s.Name]; v++ {
				tile(s, r, v)
				weights(s, r, v)
			}
		}
		maxForward(s)
		maxBackward(s)
		avgForward(s)
		avgBackward(s)
		copyVectors(s)
	}
	transpose()
	gather()
	Generate()
}

// lanes is a virtual vector of 16 floats: one register or two.
type lanes []VecVirtual

// parts is the number of registers of a 16-lane vector.
func parts(s x86.ISA) int { return 64 / s.Bytes }

func newLanes(s x86.ISA) lanes { return s.Vecs(parts(s)) }

// at is part p of the vector at m.
func at(s x86.ISA, m Mem, p int) Mem {
	m.Disp += p * s.Bytes
	return m
}

// field is a word of an argument structure.
func field(base Register, word int) Mem { return Mem{Base: base, Disp: 8 * word} }

// load reads a word of an argument structure.
func load(base Register, word int) GPVirtual {
	g := GP64()
	MOVQ(field(base, word), g)
	return g
}

// function starts a kernel whose only argument is its structure.
func function(name, args, doc string) GPVirtual {
	TEXT(name, NOSPLIT, "func(a *int64)")
	Doc(name+" "+doc, "a points to a structure of type "+args+".")
	Pragma("noescape")
	return Load(Param("a"), GP64()).(GPVirtual)
}
