package conv

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/kernel/peak"
)

// layers are the convolutions of ResNet-18 on CIFAR.
var layers = []Conv2D{
	plain(3, 32, 64, 64, 3, 1, 1),
	plain(64, 32, 64, 64, 3, 1, 1),
	plain(64, 32, 64, 128, 3, 2, 1),
	plain(64, 32, 64, 128, 1, 2, 0),
	plain(128, 16, 64, 128, 3, 1, 1),
	plain(128, 16, 64, 256, 3, 2, 1),
	plain(128, 16, 64, 256, 1, 2, 0),
	plain(256, 8, 64, 256, 3, 1, 1),
	plain(256, 8, 64, 512, 3, 2, 1),
	plain(256, 8, 64, 512, 1, 2, 0),
	plain(512, 4, 64, 512, 3, 1, 1),
}

// others are a patch embedding, a small network, and other numbers of samples.
var others = []Conv2D{
	plain(3, 32, 64, 192, 4, 4, 0),
	plain(16, 28, 64, 16, 5, 1, 2),
	plain(64, 32, 16, 64, 3, 1, 1),
	plain(64, 32, 32, 64, 3, 1, 1),
	plain(64, 32, 256, 64, 3, 1, 1),
	plain(512, 4, 256, 512, 3, 1, 1),
	plain(64, 16, 100, 64, 3, 1, 1),
}

// BenchmarkConv reports the speed of the three passes on one core, over the multiply-adds
// inside the image, and as a share of the core's measured peak.
func BenchmarkConv(b *testing.B) {
	top := peak.FMA(isa.Best(), 300*time.Millisecond)
	k, err := New(isa.Best())
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for _, c := range append(layers, others...) {
		x, y := fill(r, make([]float32, c.XSize())), fill(r, make([]float32, c.YSize()))
		w, bias := fill(r, make([]float32, c.WSize())), fill(r, make([]float32, c.O))
		dx, dw := make([]float32, c.XSize()), make([]float32, c.WSize())
		f, gi, gw := k.Forward(c), k.GradInput(c), k.GradWeights(c)
		scratch := make([]float32, max(f.Scratch(), gi.Scratch(), gw.Scratch()))
		measure := func(name string, pass func()) {
			shape := fmt.Sprintf("%dx%dx%d-%d-k%ds%d-n%d", c.C, c.H, c.W, c.O, c.KH, c.StrideH, c.N)
			b.Run(shape+"/"+name, func(b *testing.B) {
				for b.Loop() {
					pass()
				}
				speed := c.FLOPs() * float64(b.N) / b.Elapsed().Seconds() / 1e9
				b.ReportMetric(speed, "GFLOP/s")
				b.ReportMetric(100*speed/top, "%peak")
			})
		}
		measure("forward", func() {
			for i := range f.Chunks() {
				f.Run(i, y, x, w, bias, scratch)
			}
		})
		measure("gradInput", func() {
			for i := range gi.Chunks() {
				gi.Run(i, dx, y, w, false, scratch)
			}
		})
		measure("gradWeights", func() {
			for i := range gw.Chunks() {
				gw.Run(i, dw, bias, x, y, false, scratch)
			}
		})
	}
}
