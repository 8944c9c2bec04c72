//go:build !amd64 || purego

package peak

import "github.com/weightspace/weightspace/runtime/kernel/isa"

func kernelOf(isa.Level) kernel { return refKernel }
