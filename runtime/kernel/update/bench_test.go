package update

import (
	"fmt"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// BenchmarkUpdate has one row in the second-level cache and one in memory.
func BenchmarkUpdate(b *testing.B) {
	for _, l := range []isa.Level{isa.AVX2, isa.AVX512} {
		if !isa.Supported(l) {
			continue
		}
		k, err := New(l)
		if err != nil {
			b.Fatal(err)
		}
		for _, n := range []int{2464, 11_000_000} {
			w, m, v, g := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
			for i := range g {
				g[i] = float32(i%7) - 3
			}
			run := func(name string, arrays int, f func()) {
				b.Run(fmt.Sprintf("%s/n=%d/%s", name, n, l), func(b *testing.B) {
					b.SetBytes(int64(4 * n * arrays))
					b.ReportAllocs()
					for b.Loop() {
						f()
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/element")
				})
			}
			run("SGD", 3, func() { k.SGD(w, nil, g, SGD{Rate: 1e-9, Clip: Unclipped()}) })
			run("Momentum", 5, func() { k.SGD(w, m, g, SGD{Rate: 1e-9, Momentum: 0.9, Clip: Unclipped()}) })
			run("Adam", 7, func() {
				k.Adam(w, m, v, g, Adam{Rate: 1e-9, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Step: 7, Clip: Unclipped()})
			})
			run("SquaredNorm", 1, func() { _ = k.SquaredNorm(g) })
			run("MaxAbs", 1, func() { _ = k.MaxAbs(g) })
		}
	}
}
