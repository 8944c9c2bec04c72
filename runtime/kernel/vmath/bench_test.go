package vmath

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// benchmark reports elements and bytes moved per second.
func benchmark(b *testing.B, name string, n, bytes int, f func()) {
	b.Run(name, func(b *testing.B) {
		b.SetBytes(int64(n * bytes))
		for b.Loop() {
			f()
		}
		b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gelem/s")
	})
}

func normals[T Float](n int) []T {
	r := rand.New(rand.NewPCG(1, 1))
	x := make([]T, n)
	for i := range x {
		x[i] = T(r.NormFloat64())
	}
	return x
}

func eachLevel(b *testing.B, f func(b *testing.B, k *Kernels)) {
	for _, l := range []isa.Level{isa.AVX512, isa.AVX2, isa.Ref} {
		if k, err := New(l); err == nil {
			b.Run(l.String(), func(b *testing.B) { f(b, k) })
		}
	}
}

// inCache is a length whose slices fit the first-level cache.
const inCache = 4096

func BenchmarkUnary(b *testing.B) {
	eachLevel(b, func(b *testing.B, k *Kernels) {
		x, y := normals[float32](inCache), make([]float32, inCache)
		x64, y64 := normals[float64](inCache/2), make([]float64, inCache/2)
		for f := range funcs {
			a := Activation{Func: f, Slope: 0.01}
			benchmark(b, f.String()+"/float32", len(x), 8, func() { k.Activate(a, y, x) })
			benchmark(b, f.String()+"/float64", len(x64), 16, func() { k.Activate64(a, y64, x64) })
		}
	})
}

func BenchmarkActivateGrad(b *testing.B) {
	eachLevel(b, func(b *testing.B, k *Kernels) {
		x, y, dy, dx := normals[float32](inCache/2), normals[float32](inCache/2), normals[float32](inCache/2), make([]float32, inCache/2)
		for f := range funcs {
			if f.Differentiable() {
				benchmark(b, f.String()+"/float32", len(x), 16, func() { k.ActivateGrad(Activation{Func: f}, dx, x, y, dy, false) })
			}
		}
	})
}

func BenchmarkArithmetic(b *testing.B) {
	eachLevel(b, func(b *testing.B, k *Kernels) {
		for _, n := range []int{64, inCache / 2, 1 << 22} {
			x, y, z := normals[float32](n), normals[float32](n), make([]float32, n)
			at := fmt.Sprintf("/n=%d", n)
			benchmark(b, "add"+at, n, 12, func() { k.Binary(Add, z, x, y) })
			benchmark(b, "scale"+at, n, 8, func() { k.BinaryScalar(Mul, z, x, 1.5) })
			benchmark(b, "fma"+at, n, 16, func() { k.FMA(z, x, y, x) })
			benchmark(b, "axpy"+at, n, 12, func() { k.Axpy(1e-9, x, z) })
			if n > 64 {
				benchmark(b, "add-row-32"+at, n, 8, func() { k.AddRow(z, x, y[:32]) })
				benchmark(b, "add-row-10"+at, n/10*10, 8, func() { k.AddRow(z[:n/10*10], x[:n/10*10], y[:10]) })
				benchmark(b, "add-col-512"+at, n, 8, func() { k.AddCol(z, x, y[:n/512]) })
			}
		}
	})
}

func BenchmarkFromBytes(b *testing.B) {
	eachLevel(b, func(b *testing.B, k *Kernels) {
		src, dst := make([]uint8, 8192), make([]float32, 8192)
		benchmark(b, "normalise", len(src), 5, func() { k.FromBytes(dst, src, 0.01, -0.4) })
	})
}
