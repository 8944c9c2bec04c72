package gemm

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/kernel/peak"
)

// peakOf measures the multiply-add limit of a level once.
var peaks sync.Map

func peakOf(l isa.Level) float64 {
	if p, ok := peaks.Load(l); ok {
		return p.(float64)
	}
	p := peak.FMA(l, 100*time.Millisecond)
	peaks.Store(l, p)
	return p
}

// report gives the metrics of n repetitions.
func report(b *testing.B, l isa.Level, flops float64) {
	b.Helper()
	rate := flops / b.Elapsed().Seconds() / 1e9
	b.ReportMetric(rate, "GFLOP/s")
	b.ReportMetric(100*rate/peakOf(l), "%peak")
}

// form names the transposes of a shape: NN, NT, TN or TT.
func form(s Shape) string {
	n := [2]string{"N", "T"}
	x, y := 0, 0
	if s.TransA {
		x = 1
	}
	if s.TransB {
		y = 1
	}
	return n[x] + n[y]
}

var benchShapes = []Shape{
	{M: 512, N: 512, K: 512},
	{M: 1024, N: 1024, K: 1024},
	{M: 2048, N: 2048, K: 2048},
	{TransB: true, M: 512, N: 512, K: 512},
	{TransA: true, M: 512, N: 512, K: 512},
	{TransA: true, TransB: true, M: 512, N: 512, K: 512},
	{TransB: true, M: 1024, N: 1024, K: 1024},
	{TransA: true, M: 1024, N: 1024, K: 1024},
	{M: 1, N: 1024, K: 1024},
	{M: 4, N: 1024, K: 1024},
	{M: 16, N: 1024, K: 1024},
	{TransB: true, M: 16, N: 1024, K: 1024},
	{M: 64, N: 1024, K: 1024},
	{M: 1024, N: 10, K: 1024},
	{M: 1024, N: 64, K: 64},
	{TransB: true, M: 64, N: 10, K: 20},
	{M: 1024, N: 1024, K: 8},
	{TransA: true, M: 64, N: 64, K: 8192},
	{M: 64, N: 64, K: 64},
}

// aligned draws operands at the start of pages.
func aligned(s Shape) *problem {
	p := newProblem(rand.New(rand.NewPCG(1, 1)), s, 0, "zero")
	p.a, p.b, p.c = slices.Clone(p.a), slices.Clone(p.b), slices.Clone(p.c)
	return p
}

func BenchmarkGemm(b *testing.B) {
	for _, s := range benchShapes {
		for _, k := range levels(b) {
			if k.Level() == isa.Ref && s.M*s.N*s.K > 1<<20 {
				continue
			}
			b.Run(fmt.Sprintf("%s/%dx%dx%d/%s", form(s), s.M, s.N, s.K, k.Level()), func(b *testing.B) {
				p := aligned(s)
				plan := k.Plan(s)
				scratch := make([]float32, plan.Scratch())
				n := 0
				for b.Loop() {
					k.Gemm(s, p.c, p.ldc, p.a, p.lda, p.b, p.ldb, p.opt, scratch)
					n++
				}
				report(b, k.Level(), 2*float64(s.M*s.N*s.K)*float64(n))
			})
		}
	}
}

// batches are populations of small products: those of the bars, and layers of small networks.
var batches = []struct {
	Shape
	count int
}{
	{Shape{M: 8, N: 16, K: 32}, 1024},
	{Shape{M: 8, N: 16, K: 32}, 8},
	{Shape{M: 32, N: 32, K: 32}, 256},
	{Shape{M: 32, N: 32, K: 32}, 16},
	{Shape{TransB: true, M: 8, N: 16, K: 32}, 1024},
	{Shape{TransB: true, M: 32, N: 32, K: 32}, 256},
	{Shape{TransA: true, M: 8, N: 16, K: 32}, 1024},
	{Shape{TransA: true, M: 32, N: 32, K: 32}, 256},
	{Shape{TransB: true, M: 64, N: 10, K: 20}, 256},
	{Shape{TransB: true, M: 64, N: 128, K: 784}, 16},
}

func BenchmarkBatch(b *testing.B) {
	for _, s := range batches {
		for _, k := range levels(b)[1:] {
			b.Run(fmt.Sprintf("%s/%dx%dx%dx%d/%s", form(s.Shape), s.count, s.M, s.N, s.K, k.Level()), func(b *testing.B) {
				p := aligned(s.Shape)
				many := func(x []float32) []float32 { return slices.Repeat(x, s.count) }
				plan := k.Batch(s.Shape, s.count, Strides{A: len(p.a), B: len(p.b), C: len(p.c)})
				p.a, p.b, p.c = many(p.a), many(p.b), many(p.c)
				scratch := make([]float32, plan.Scratch())
				n := 0
				for b.Loop() {
					for i := range plan.Chunks() {
						plan.Run(i, p.c, p.ldc, p.a, p.lda, p.b, p.ldb, p.opt, scratch)
					}
					n++
				}
				report(b, k.Level(), 2*float64(s.M*s.N*s.K*s.count)*float64(n))
			})
		}
	}
}

// BenchmarkRef64 is the float64 product, in pure Go.
func BenchmarkRef64(b *testing.B) {
	for _, s := range []Shape{{M: 64, N: 64, K: 64}, {TransB: true, M: 64, N: 64, K: 64}, {TransA: true, M: 64, N: 64, K: 64}} {
		b.Run(form(s), func(b *testing.B) {
			x, y, c := make([]float64, 64*64), make([]float64, 64*64), make([]float64, 64*64)
			n := 0
			for b.Loop() {
				GemmRef(s, c, 64, x, 64, y, 64, Options[float64]{})
				n++
			}
			b.ReportMetric(2*64*64*64*float64(n)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
