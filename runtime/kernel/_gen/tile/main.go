// Command tile writes the assembly of package kernel. Every kernel is one Go function here,
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
	for _, i := range x86.ISAs {
		s := isa{i}
		for _, b := range convBlocks[s.Name] {
			for _, columns := range append([]int{0}, unrolled[b]...) {
				s.convRow(b, false, columns)
				s.convRow(b, true, columns)
			}
		}
		for _, b := range gradBlocks[s.Name] {
			s.convGrad(b)
		}
		s.poolRows()
		s.unpoolRows()
		s.mul()
		s.add()
		s.relu()
		s.tanh()
		s.sigmoid()
		s.gelu()
		s.silu()
		s.leaky()
		s.dropout()
		s.normals()
		s.perturb()
		s.pickRows()
		s.adam()
		s.sgd()
		s.check()
		s.softmax()
	}
	reduce()
	pixels()
	Generate()
}
