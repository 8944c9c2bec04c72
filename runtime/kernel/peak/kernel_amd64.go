//go:build amd64 && !purego

package peak

import "github.com/weightspace/weightspace/runtime/kernel/isa"

// kernelOf is the assembly of a level.
func kernelOf(l isa.Level) kernel {
	switch l {
	case isa.AVX2:
		return kernel{14 * 8, steps, fmaAVX2}
	case isa.AVX512:
		return kernel{28 * 16, steps, fmaAVX512}
	case isa.Auto, isa.Ref:
	}
	return refKernel
}
