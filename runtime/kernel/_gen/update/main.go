// Command update writes the assembly of package update. Every kernel is one Go function here,
// emitted for AVX2 and for AVX-512.
package main

import (
	. "github.com/mmcloughlin/avo/build"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// isa gives the instruction set this command's kernels as methods.
type isa struct{ x86.ISA }

func main() {
	ConstraintExpr("amd64,!purego")
	tails()
	for _, i := range x86.ISAs {
		s := isa{i}
		s.sgd("sgd", false, false)
		s.sgd("sgdMomentum", true, false)
		s.sgd("sgdNesterov", true, true)
		s.adam()
		s.sumSquares()
		s.maxAbs()
	}
	Generate()
}
