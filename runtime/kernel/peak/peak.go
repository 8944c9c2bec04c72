// Package peak measures the float32 arithmetic limit of one core: the multiply-adds per second
// of independent chains in registers, without memory traffic. It is what benchmarks of kernels
// are compared with.
package peak

import (
	"time"

	"github.com/weightspace/weightspace/runtime/kernel/fma"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

//go:generate sh -c "cd ../_gen && go run ./peak -out ../peak/fma_amd64.s -stubs ../peak/fma_amd64.go -pkg peak"

// steps of every chain in one call: some ten microseconds of assembly.
const steps = 2000

// kernel runs steps of independent chains acc[i] = acc[i]*x + y.
type kernel struct {
	chains, steps int
	run           func(acc *float32, n int, x, y float32)
}

// fmaRef is the twin of the assembly.
func fmaRef(acc []float32, n int, x, y float32) {
	for range n {
		for i, a := range acc {
			acc[i] = fma.F32(a, x, y)
		}
	}
}

// refKernel is what Ref can do: the software multiply-add, on eight chains.
var refKernel = kernel{8, 500, func(acc *float32, n int, x, y float32) {
	v := [8]float32{*acc}
	fmaRef(v[:], n, x, y)
	*acc = v[0]
}}

// FMA is the peak of the calling core at a level, in GFLOP/s with a multiply-add counted as
// two, measured for about the duration d. It is the best of ten windows, so that moments in
// which the core was taken away do not lower it. It panics for a level that this machine or
// build cannot run.
func FMA(level isa.Level, d time.Duration) (gflops float64) {
	if level == isa.Auto {
		level = isa.Best()
	}
	if !isa.Supported(level) {
		panic("peak: level not available on this machine or in this build")
	}
	k := kernelOf(level)
	acc := make([]float32, k.chains)
	const windows = 10
	for range windows {
		calls, start := 0, time.Now()
		var elapsed time.Duration
		for elapsed <= d/windows {
			k.run(&acc[0], k.steps, 0.5, 0.25)
			calls++
			elapsed = time.Since(start)
		}
		flops := 2 * float64(k.chains) * float64(k.steps) * float64(calls)
		gflops = max(gflops, flops/max(elapsed.Seconds(), 1e-9)/1e9)
	}
	return gflops
}
