package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// The layers of cnn-small that carry the work.
var benchShapes = map[string]Conv{
	"conv1": {1, 28, 28, 8, 5, 5},
	"conv2": {8, 12, 12, 6, 5, 5},
	"fc1":   {36, 1, 1, 20, 1, 1},
	// The middle layer of cnn-medium.
	"medium": {16, 15, 15, 32, 3, 3},
}

// benchConv times f on one tile of every shape and level; GFLOP/s counts the multiply-adds of
// a valid convolution twice, so that padding counts against the kernel.
func benchConv(b *testing.B, f func(k *Kernels, c Conv) func()) {
	for _, name := range []string{"conv1", "conv2", "fc1", "medium"} {
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

func randomParams(c Conv, perLane bool) Params {
	p := Params{PerLane: perLane}
	p.W, p.B = random32(c.Weights()*p.step()), random32(c.OutC*p.step())
	return p
}

func BenchmarkConvForward(b *testing.B) {
	for _, perLane := range []bool{false, true} {
		b.Run(fmt.Sprintf("perLane=%v", perLane), func(b *testing.B) {
			benchConv(b, func(k *Kernels, c Conv) func() {
				y, x, p := random32(c.OutSize()), random32(c.InSize()), randomParams(c, perLane)
				return func() { k.ConvForward(c, y, x, p) }
			})
		})
	}
}

func BenchmarkConvPoolForward(b *testing.B) {
	for _, perLane := range []bool{false, true} {
		b.Run(fmt.Sprintf("perLane=%v", perLane), func(b *testing.B) {
			benchConv(b, func(k *Kernels, c Conv) func() {
				y, x, p, code := random32(c.PooledSize()), random32(c.InSize()), randomParams(c, perLane), make([]uint32, c.PooledSize())
				scratch := make([]float32, k.PoolScratch(c))
				return func() { k.ConvPoolForward(c, y, code, x, p, scratch) }
			})
		})
	}
}

func BenchmarkConvGradInput(b *testing.B) {
	for _, perLane := range []bool{false, true} {
		b.Run(fmt.Sprintf("perLane=%v", perLane), func(b *testing.B) {
			benchConv(b, func(k *Kernels, c Conv) func() {
				dx, padded, p := random32(c.InSize()), random32(c.PaddedSize()), randomParams(c, perLane)
				return func() { k.ConvGradInput(c, dx, padded, p) }
			})
		})
	}
}

func BenchmarkConvGradWeights(b *testing.B) {
	benchConv(b, func(k *Kernels, c Conv) func() {
		dw, x, dy := make([]float32, c.Weights()*Lanes), random32(c.InSize()), random32(c.OutSize())
		return func() { k.ConvGradWeights(c, dw, x, dy, c.OW(), true) }
	})
}

func BenchmarkConvPoolGradWeights(b *testing.B) {
	benchConv(b, func(k *Kernels, c Conv) func() {
		dw, x, dy, code := make([]float32, c.Weights()*Lanes), random32(c.InSize()), random32(c.PooledSize()), make([]uint32, c.PooledSize())
		scratch := make([]float32, k.PoolScratch(c))
		return func() { k.ConvPoolGradWeights(c, dw, x, dy, code, scratch, true) }
	})
}

// BenchmarkActivate is on the first activation of cnn-small: 8x12x12 of 16 samples.
func BenchmarkActivate(b *testing.B) {
	const n = 8 * 12 * 12 * Lanes
	for f, name := range []string{"tanh", "relu", "sigmoid", "gelu", "silu", "leakyrelu"} {
		for _, k := range levels(b) {
			b.Run(name+"/"+k.Level().String(), func(b *testing.B) {
				x, y, d := random32(n), make([]float32, n), make([]float32, n)
				b.SetBytes(n * 4)
				for b.Loop() {
					k.Activate(Tanh+Activation(f), y, d, x)
				}
			})
		}
	}
}
