package conv

import (
	"fmt"
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

// BenchmarkConv reports the speed of the three passes on one core: of the fastest run of every
// chunk, so that moments in which the core was taken away do not count, over the multiply-adds
// inside the image, and as a share of the core's peak measured around it.
func BenchmarkConv(b *testing.B) {
	k, err := New(isa.Best())
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range append(layers, others...) {
		x, y := ramp(c.XSize()), ramp(c.YSize())
		w, bias := ramp(c.WSize()), ramp(c.O)
		dx, dw := make([]float32, c.XSize()), make([]float32, c.WSize())
		f, gi, gw := k.Forward(c), k.GradInput(c), k.GradWeights(c)
		scratch := make([]float32, max(f.Scratch(), gi.Scratch(), gw.Scratch()))
		measure := func(name string, chunks int, run func(chunk int)) {
			shape := fmt.Sprintf("%dx%dx%d-%d-k%ds%d-n%d", c.C, c.H, c.W, c.O, c.KH, c.StrideH, c.N)
			b.Run(shape+"/"+name, func(b *testing.B) {
				best := make([]time.Duration, chunks)
				top := peak.FMA(isa.Best(), 30*time.Millisecond)
				for b.Loop() {
					for i := range best {
						start := time.Now()
						run(i)
						if d := time.Since(start); best[i] == 0 || d < best[i] {
							best[i] = d
						}
					}
				}
				top = max(top, peak.FMA(isa.Best(), 30*time.Millisecond))
				sum := 0.0
				for _, d := range best {
					sum += d.Seconds()
				}
				b.ReportMetric(c.FLOPs()/sum/1e9, "GFLOP/s")
				b.ReportMetric(100*c.FLOPs()/sum/1e9/top, "%peak")
			})
		}
		measure("forward", f.Chunks(), func(i int) { f.Run(i, y, x, w, bias, scratch) })
		measure("gradInput", gi.Chunks(), func(i int) { gi.Run(i, dx, y, w, false, scratch) })
		measure("gradWeights", gw.Chunks(), func(i int) { gw.Run(i, dw, bias, x, y, false, scratch) })
	}
}

// ramp is quick to make and has no two equal neighbours.
func ramp(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i%251)/125 - 1
	}
	return x
}
