package kernel

import "github.com/weightspace/weightspace/runtime/kernel/isa"

// Level is an instruction set that the kernels can be forced to; see package isa.
type Level = isa.Level

// The levels.
const (
	Auto   = isa.Auto
	Ref    = isa.Ref
	AVX2   = isa.AVX2
	AVX512 = isa.AVX512
)

// ParseLevel reads the value of an --isa flag; see isa.ParseLevel.
func ParseLevel(s string) (Level, error) { return isa.ParseLevel(s) }

// Best is the fastest level that this machine and build can run.
func Best() Level { return isa.Best() }

// Supported reports whether this machine and build can run a level.
func Supported(l Level) bool { return isa.Supported(l) }
