package kernel

import (
	"math/rand/v2"
	"testing"
)

// The layers of cnn-small that carry the work.
var benchShapes = map[string]Conv{
	"conv1": {1, 28, 28, 8, 5, 5},
	"conv2": {8, 12, 12, 6, 5, 5},
	"fc1":   {36, 1, 1, 20, 1, 1},
}

// benchConv times f on one tile of every shape and level; GFLOP/s counts the multiply-adds of
// a valid convolution twice, so that padding counts against the kernel.
func benchConv(b *testing.B, f func(k *Kernels, c Conv) func()) {
	for _, name := range []string{"conv1", "conv2", "fc1"} {
		c := benchShapes[name]
		for _, k := range levels(b) {
			b.Run(name+"/"+k.Level().String(), func(b *testing.B) {
				run := f(k, c)
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					run()
					n++
				}
				flops := 2 * float64(c.Weights()*c.OH()*c.OW()*Lanes)
				b.ReportMetric(flops*float64(n)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}

func random32(n int) []float32 { return fill(rand.New(rand.NewPCG(1, 1)), make([]float32, n)) }

func BenchmarkConvForward(b *testing.B) {
	benchConv(b, func(k *Kernels, c Conv) func() {
		y, x, w, bias := random32(c.OutSize()), random32(c.InSize()), random32(c.Weights()), random32(c.OutC)
		return func() { k.ConvForward(c, y, x, w, bias) }
	})
}

func BenchmarkConvGradInput(b *testing.B) {
	benchConv(b, func(k *Kernels, c Conv) func() {
		dx, p, w := random32(c.InSize()), random32(c.PaddedSize()), random32(c.Weights())
		return func() { k.ConvGradInput(c, dx, p, w) }
	})
}

func BenchmarkConvGradWeights(b *testing.B) {
	benchConv(b, func(k *Kernels, c Conv) func() {
		dw, db, x, dy := make([]float32, c.Weights()*Lanes), make([]float32, c.OutC*Lanes), random32(c.InSize()), random32(c.OutSize())
		return func() { clear(dw); clear(db); k.ConvGradWeights(c, dw, db, x, dy) }
	})
}

// BenchmarkActivate is on the first activation of cnn-small: 8x12x12 of 16 samples.
func BenchmarkActivate(b *testing.B) {
	const n = 8 * 12 * 12 * Lanes
	for f, name := range []string{"tanh", "relu", "sigmoid", "gelu"} {
		for _, k := range levels(b) {
			b.Run(name+"/"+k.Level().String(), func(b *testing.B) {
				x, y, d := random32(n), make([]float32, n), make([]float32, n)
				b.SetBytes(n * 4)
				for b.Loop() {
					k.Activate(Activation(f), y, d, x)
				}
			})
		}
	}
}
