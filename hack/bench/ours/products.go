package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/weightspace/weightspace/runtime/kernel/gemm"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/kernel/peak"
)

// newPeak measures the multiply-add peak of a core: the seconds that so many GFLOP take there.
func newPeak(options) (*job, error) {
	return &job{work: 1, setting: isa.Best().String(), run: func(n int) (float64, error) {
		return float64(n) / peak.FMA(isa.Auto, peakWindow), nil
	}}, nil
}

const peakWindow = 200 * time.Millisecond

// random is n numbers in [-0.5, 0.5).
func random(n int) []float32 {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // reproducible on purpose
	x := make([]float32, n)
	for i := range x {
		x[i] = r.Float32() - 0.5
	}
	return x
}

// newSGEMM is one square product a step.
func newSGEMM(o options) (*job, error) {
	k, err := gemm.New(isa.Auto)
	if err != nil {
		return nil, err
	}
	n := o.size
	s := gemm.Shape{M: n, N: n, K: n}
	a, b, c := random(n*n), random(n*n), make([]float32, n*n)
	plan := k.Plan(s)
	scratch := make([]float32, plan.Scratch())
	return &job{
		work: 2 * float64(n) * float64(n) * float64(n) / 1e9, setting: k.Level().String(),
		run: func(steps int) (float64, error) {
			for range steps {
				k.Gemm(s, c, n, a, n, b, n, gemm.Options[float32]{}, scratch)
			}
			return 0, nil
		},
	}, nil
}

// newBMM is P products a step.
func newBMM(o options) (*job, error) {
	kernels, err := gemm.New(isa.Auto)
	if err != nil {
		return nil, err
	}
	var p, m, k, n int
	if _, err := fmt.Sscanf(o.shape, "%d,%d,%d,%d", &p, &m, &k, &n); err != nil {
		return nil, fmt.Errorf("shape %q: %w", o.shape, err)
	}
	batch := kernels.Batch(gemm.Shape{M: m, N: n, K: k}, p, gemm.Strides{A: m * k, B: k * n, C: m * n})
	a, b, c := random(p*m*k), random(p*k*n), make([]float32, p*m*n)
	scratch := make([]float32, batch.Scratch())
	return &job{
		work: 2 * float64(p) * float64(m) * float64(k) * float64(n) / 1e9, setting: kernels.Level().String(),
		run: func(steps int) (float64, error) {
			for range steps {
				for chunk := range batch.Chunks() {
					batch.Run(chunk, c, n, a, k, b, n, gemm.Options[float32]{}, scratch)
				}
			}
			return 0, nil
		},
	}, nil
}
