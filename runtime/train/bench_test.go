package train

import (
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/kernel"
)

// synthetic makes a learnable set: each class is a bright blob at its own place, plus noise.
func synthetic(train, validation, test, channels int) *data.Set {
	r := rand.New(rand.NewPCG(1, 9))
	split := func(n int) data.Split {
		s := data.Split{N: n, C: channels, H: 28, W: 28, Images: make([]uint8, n*channels*784), Labels: make([]uint8, n)}
		for i := range n {
			label := r.IntN(10)
			s.Labels[i] = uint8(label)
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

// flopsPerSample counts the multiply-adds of cnn-small on one channel, twice: forward, weight
// gradients, input gradients but for the first layer.
const flopsPerSample = 2 * (2*24*24*8*25 + 3*(8*8*6*200+3*3*4*24+20*36+10*20))

// BenchmarkTrainStep is one step of one member, data loading and Adam included.
func BenchmarkTrainStep(b *testing.B) {
	d := synthetic(1024, 0, 0, 1)
	for _, l := range []kernel.Level{kernel.AVX512, kernel.AVX2, kernel.Ref} {
		for _, batch := range []int{64, 10} {
			for _, dropout := range []float64{0, 0.5} {
				name := l.String() + "/batch=" + map[int]string{64: "64", 10: "10"}[batch]
				if dropout > 0 {
					name += "/dropout"
				}
				b.Run(name, func(b *testing.B) {
					if !kernel.Supported(l) {
						b.Skip("not available here")
					}
					c := config(d, l, 1)
					c.BatchSize, c.Members[0].Dropout = batch, dropout
					t, err := New(c)
					if err != nil {
						b.Fatal(err)
					}
					b.ReportAllocs()
					i := 0
					for b.Loop() {
						t.memberStep(t.workers[0], 0, i%t.stepsPerEpoch)
						i++
					}
					b.ReportMetric(float64(flopsPerSample*batch)*float64(i)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
		}
	}
}
