//go:build amd64 && !purego

package vmath

import "github.com/weightspace/weightspace/runtime/kernel/isa"

func fromBytes(l isa.Level) func(dst *float32, src *byte, n int, scale, shift float32) {
	switch l {
	case isa.AVX2:
		return fromBytesAVX2
	case isa.AVX512:
		return fromBytesAVX512
	default:
		return nil
	}
}
