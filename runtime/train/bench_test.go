package train

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/kernel/peak"
)

// synthetic makes a learnable set: each class is a bright blob at its own place, plus noise.
func synthetic(train, validation, test, channels int) *data.Set {
	r := rand.New(rand.NewPCG(1, 9))
	split := func(n int) data.Split {
		s := data.Split{N: n, C: channels, H: 28, W: 28, Images: make([]uint8, n*channels*784), Labels: make([]uint16, n)}
		for i := range n {
			label := r.IntN(10)
			s.Labels[i] = uint16(label)
			for j := range channels * 784 {
				y, x := j%784/28, j%28
				v := r.IntN(60)
				if dy, dx := y-(4+label/5*12), x-(3+label%5*5); dy*dy+dx*dx < 12 {
					v += 180
				}
				s.Images[i*channels*784+j] = uint8(v)
			}
		}
		return s
	}
	set := &data.Set{Train: split(train), Validation: split(validation), Test: split(test), Classes: 10}
	for range channels {
		set.Mean, set.Std = append(set.Mean, 0.1307), append(set.Std, 0.3081)
	}
	return set
}

func config(d *data.Set, l kernel.Level, members int) Config {
	c := Config{Architecture: "cnn-small", Activation: "tanh", Optimizer: "adam", Momentum: 0.9, BatchSize: 64, Data: d, ISA: l, Workers: 1}
	for i := range members {
		c.Members = append(c.Members, Member{Seed: uint64(i + 1), Initializer: "kaiming_uniform", LearningRate: 1e-3})
	}
	return c
}

// synthetic32 has 32x32 colour images of noise.
func synthetic32(train int) *data.Set {
	r := rand.New(rand.NewPCG(2, 9))
	s := data.Split{N: train, C: 3, H: 32, W: 32, Images: make([]uint8, train*3*1024), Labels: make([]uint16, train)}
	for i := range s.Images {
		s.Images[i] = uint8(r.IntN(256))
	}
	for i := range s.Labels {
		s.Labels[i] = uint16(r.IntN(10))
	}
	return &data.Set{Train: s, Classes: 10, Mean: []float32{0.5, 0.5, 0.5}, Std: []float32{0.25, 0.25, 0.25}}
}

// report gives the speed of steps that trained on samples, in the dense count of multiply-adds,
// per core and as a share of the measured peak of one.
func report(b *testing.B, t *Trainer, samples, cores int) {
	gflops := 2 * float64(t.net.MultiplyAdds()) * float64(samples) / b.Elapsed().Seconds() / 1e9
	b.ReportMetric(gflops/float64(cores), "GFLOP/s/core")
	b.ReportMetric(100*gflops/float64(cores)/peakOf(t.workers[0].k.Level()), "%peak")
	b.ReportMetric(float64(samples)/b.Elapsed().Seconds(), "samples/s")
}

var peaks = map[kernel.Level]float64{}

func peakOf(l kernel.Level) float64 {
	if peaks[l] == 0 {
		peaks[l] = peak.FMA(l, 100*time.Millisecond)
	}
	return peaks[l]
}

// BenchmarkTrainStep is one step of one member, data loading and Adam included.
func BenchmarkTrainStep(b *testing.B) {
	d := synthetic(1024, 0, 0, 1)
	for _, l := range []kernel.Level{kernel.AVX512, kernel.AVX2, kernel.Ref} {
		for _, batch := range []int{64, 10} {
			for _, dropout := range []float64{0, 0.5} {
				b.Run(fmt.Sprintf("%s/batch=%d/dropout=%v", l, batch, dropout), func(b *testing.B) {
					if !kernel.Supported(l) {
						b.Skip("not available here")
					}
					c := config(d, l, 1)
					c.BatchSize, c.Members[0].Dropout = batch, dropout
					t := start(b, c)
					b.ReportAllocs()
					i := 0
					for b.Loop() {
						t.memberStep(t.workers[0], 0, i%t.stepsPerEpoch)
						i++
					}
					report(b, t, i*batch, 1)
				})
			}
		}
	}
}

// BenchmarkZoo is an epoch of a population, as the schedule cuts it.
func BenchmarkZoo(b *testing.B) {
	small, medium := synthetic(1000, 0, 0, 1), synthetic32(512)
	for _, e := range []struct {
		architecture   string
		members, batch int
		dropout        float64
		workers        int
	}{
		{"cnn-small", 64, 64, 0, 2},
		{"cnn-small", 64, 64, 0, 1},
		{"cnn-small", 64, 64, 0.5, 2},
		{"cnn-small", 64, 10, 0, 2},
		{"cnn-small", 64, 10, 0, 1},
		{"cnn-small", 64, 10, 0.5, 2},
		{"cnn-medium", 16, 64, 0, 2},
		{"cnn-medium", 16, 64, 0, 1},
		{"cnn-medium", 32, 10, 0, 2},
	} {
		b.Run(fmt.Sprintf("%s/P=%d/batch=%d/dropout=%v/workers=%d", e.architecture, e.members, e.batch, e.dropout, e.workers), func(b *testing.B) {
			d := small
			if e.architecture == "cnn-medium" {
				d = medium
			}
			c := config(d, kernel.Auto, e.members)
			c.Architecture, c.BatchSize, c.Workers = e.architecture, e.batch, e.workers
			for i := range c.Members {
				c.Members[i].Dropout = e.dropout
			}
			t := start(b, c)
			n := 0
			for b.Loop() {
				if err := t.TrainEpoch(context.Background()); err != nil {
					b.Fatal(err)
				}
				n += d.Train.N * e.members
			}
			report(b, t, n, e.workers)
		})
	}
}
