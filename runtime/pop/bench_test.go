package pop

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/device/cpu"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/kernel/peak"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/optim"
)

// encoder is a transformer encoder, normalisation first, with a regression loss to its input.
func encoder(dim, depth, heads, steps int) Network {
	return func(c *nn.Context, batch int) (loss, correct op.Value) {
		x := nn.Tensor{Value: c.Graph.Input("x", batch, steps, dim), Layout: nn.Sequences}
		y := x
		for i := range depth {
			y = nn.Block{Heads: heads, MLP: 4 * dim, Activation: device.GELU}.Apply(c.In(fmt.Sprint(i)), y)
		}
		return c.Graph.MSE(y.Value, x.Value), op.Value{}
	}
}

func resnet(c *nn.Context, batch int) (loss, correct op.Value) {
	x := nn.Tensor{Value: c.Graph.Input("x", 3, 32, 32, batch), Layout: nn.Images}
	y := nn.ResNet18(64, 10).Apply(c, x)
	r := c.Graph.CrossEntropy(y.Value, c.Graph.IntInput("labels", batch), true, 0)
	return r.Loss, r.Correct
}

// BenchmarkStep is forward, backward and update of one member on all cores.
func BenchmarkStep(b *testing.B) {
	for _, e := range []struct {
		name  string
		net   Network
		batch int
	}{
		{"encoder/d=256,depth=4,T=128,B=16", encoder(256, 4, 4, 128), 16},
		{"encoder/d=512,depth=4,T=128,B=8", encoder(512, 4, 8, 128), 8},
		{"encoder/d=1024,depth=4,T=128,B=4", encoder(1024, 4, 16, 128), 4},
		{"resnet18/B=64", resnet, 64},
	} {
		b.Run(e.name, func(b *testing.B) {
			for _, workers := range []int{1, 2} {
				b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) { benchmarkStep(b, e.net, e.batch, workers) })
			}
		})
	}
}

func benchmarkStep(b *testing.B, net Network, batch, workers int) {
	d, err := cpu.New[float32](isa.Auto, workers)
	if err != nil {
		b.Fatal(err)
	}
	o := optim.Default(optim.AdamW, 1, 0)
	p, err := New(Config[float32]{Device: d, Network: net, Members: []Member{{LearningRate: 1e-4}}, Optimizer: optim.AdamW, Options: o}, batch)
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range p.Weights {
		p.Weights[i] = float32(r.NormFloat64() * 0.02)
	}
	feed := func(_ int, in device.Feed[float32]) {
		for i := range in.Floats {
			in.Floats[i] = float32(i%17)/8 - 1
		}
	}
	results := make([]Result, 1)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if err := p.Step(b.Context(), batch, uint64(n), feed, results); err != nil {
			b.Fatal(err)
		}
		n++
	}
	flops, _ := p.train[batch].Program().Cost()
	rate := float64(flops) * float64(n) / b.Elapsed().Seconds() / 1e9
	b.ReportMetric(rate, "GFLOP/s")
	b.ReportMetric(100*rate/(peak.FMA(isa.Auto, 1e8)*float64(workers)), "%peak")
}
