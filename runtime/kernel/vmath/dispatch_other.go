//go:build !amd64 || purego

package vmath

import "github.com/weightspace/weightspace/runtime/kernel/isa"

func table32(isa.Level) *table[float32] { return nil }
func table64(isa.Level) *table[float64] { return nil }

func fromBytes(isa.Level) func(dst *float32, src *byte, n int, scale, shift float32) { return nil }
