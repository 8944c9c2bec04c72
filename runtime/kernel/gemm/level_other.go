//go:build !amd64 || purego

package gemm

import "github.com/weightspace/weightspace/runtime/kernel/isa"

func levelTable(isa.Level) *table { return nil }
