// Command _gen writes the assembly of package kernel. Every kernel is one Go function here,
// emitted for AVX2 and for AVX-512.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	ConstraintExpr("amd64,!purego")
	for _, s := range isas {
		for _, b := range convBlocks[s.name] {
			s.convRow(b)
		}
		for _, b := range gradBlocks[s.name] {
			s.convGrad(b)
		}
		s.poolRow()
		s.poolGradRow()
		s.mul()
		s.relu()
		s.tanh()
		s.sigmoid()
		s.gelu()
		s.adam()
		s.sgd()
	}
	reduce()
	Generate()
}
