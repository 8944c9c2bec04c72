// Package isa names the instruction sets that kernels exist for, and says which of them this
// machine and build can run. Every level gives the same bits.
package isa

import "fmt"

// Level is an instruction set that the kernels can be forced to. Every level gives the same
// bits.
type Level int

const (
	// Auto stands for Best. It is the zero value.
	Auto Level = iota
	// Ref is pure Go.
	Ref
	// AVX2 needs AVX2 and FMA.
	AVX2
	// AVX512 needs AVX-512 F and DQ.
	AVX512
)

// String returns the flag value: "auto", "ref", "avx2" or "avx512".
func (l Level) String() string {
	switch l {
	case Auto:
		return "auto"
	case Ref:
		return "ref"
	case AVX2:
		return "avx2"
	case AVX512:
		return "avx512"
	}
	return fmt.Sprintf("Level(%d)", int(l))
}

// ParseLevel reads "auto" (or ""), "ref", "avx2" or "avx512", and fails for a level this
// machine or build cannot run.
func ParseLevel(s string) (Level, error) {
	var l Level
	switch s {
	case "", "auto":
		return Best(), nil
	case "ref":
		l = Ref
	case "avx2":
		l = AVX2
	case "avx512":
		l = AVX512
	default:
		return Auto, fmt.Errorf("unknown ISA level %q: use auto, ref, avx2 or avx512", s)
	}
	if !Supported(l) {
		return Auto, fmt.Errorf("ISA level %q is not available on this machine or in this build: use %s or auto", s, Best())
	}
	return l, nil
}

// Best is the fastest level that this machine and build can run.
func Best() Level {
	for _, l := range []Level{AVX512, AVX2} {
		if Supported(l) {
			return l
		}
	}
	return Ref
}

// Supported reports whether this machine and build can run a level.
func Supported(l Level) bool {
	switch l {
	case Auto, Ref:
		return true
	case AVX2:
		return hasAVX2
	case AVX512:
		return hasAVX512
	}
	return false
}
