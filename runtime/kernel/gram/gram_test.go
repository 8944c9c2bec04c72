package gram

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = r.Float32() - 0.5
	}
	return x
}

// All levels and numbers of workers give the bits of the chain that the package promises.
func TestProductIsTheChain(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range []struct{ m, n, k int }{{1, 1, 1}, {3, 5, 7}, {8, 24, 256}, {193, 25, 257}, {200, 400, 3}, {50, 70, 600}, {0, 3, 2}, {2, 2, 0}} {
		a, b := random(r, s.m*s.k), random(r, s.n*s.k)
		want := make([]float64, s.m*s.n)
		for i := range s.m {
			for j := range s.n {
				for k := range s.k {
					want[i*s.n+j] = math.FMA(float64(a[i*s.k+k]), float64(b[j*s.k+k]), want[i*s.n+j])
				}
			}
		}
		for _, l := range []isa.Level{isa.Ref, isa.AVX2, isa.AVX512} {
			if !isa.Supported(l) {
				continue
			}
			k, err := New(l)
			if err != nil {
				t.Fatal(err)
			}
			for _, workers := range []int{1, 3} {
				got := make([]float64, s.m*s.n)
				if err := k.Product(t.Context(), workers, got, s.m, s.n, s.k, Rows[float32]{X: a, Stride: s.k}, Rows[float32]{X: b, Stride: s.k}); err != nil {
					t.Fatal(err)
				}
				for i := range got {
					if got[i] != want[i] {
						t.Fatalf("%v %s, %d workers: element %d is %v, want %v", s, l, workers, i, got[i], want[i])
					}
				}
			}
		}
	}
}

// Symmetric products of rows and of columns, with means, agree with the plain product.
func TestSymmetric(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const n, d = 211, 390
	x, mean := random(r, n*d), make([]float64, d)
	for j := range mean {
		for i := range n {
			mean[j] += float64(x[i*d+j]) / n
		}
	}
	k, err := New(isa.Auto)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name         string
		rows, length int
		source       Source
	}{
		{"rows", n, d, Rows[float32]{X: x, Stride: d, Mean: mean}},
		{"columns", d, n, Columns[float32]{X: x, Stride: d, Mean: mean}},
	} {
		got, want := make([]float64, c.rows*c.rows), make([]float64, c.rows*c.rows)
		if err := k.Symmetric(t.Context(), 2, got, c.rows, c.length, c.source); err != nil {
			t.Fatal(err)
		}
		if err := k.Product(t.Context(), 1, want, c.rows, c.rows, c.length, c.source, c.source); err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%s: element %d is %v, want %v", c.name, i, got[i], want[i])
			}
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k, err := New(isa.Ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Symmetric(ctx, 2, make([]float64, 4), 2, 1, Rows[float32]{X: []float32{1, 2}, Stride: 1}); err == nil {
		t.Error("no error from an ended context")
	}
}

func BenchmarkSymmetric(b *testing.B) {
	const n, d = 2000, 2464
	x, c := random(rand.New(rand.NewPCG(1, 1)), n*d), make([]float64, n*n)
	for _, l := range []isa.Level{isa.AVX2, isa.AVX512} {
		if !isa.Supported(l) {
			continue
		}
		k, err := New(l)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(l.String(), func(b *testing.B) {
			for b.Loop() {
				if err := k.Symmetric(b.Context(), 0, c, n, d, Rows[float32]{X: x, Stride: d}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n*n)/2*d*float64(b.N)/b.Elapsed().Seconds()/1e9, "GMAC/s")
		})
	}
}
