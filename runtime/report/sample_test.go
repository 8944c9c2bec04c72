package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// zooShape says how large a synthetic zoo is.
type zooShape struct {
	seeds, epochs int
	activations   []string
	initializers  []string
	learningRates []string
	weightDecays  []string
	dropouts      []string
}

// demoShape resembles the zoos of the published grids: 4 x 2 x 3 x 2 cells.
var demoShape = zooShape{
	seeds: 10, epochs: 25,
	activations:   []string{"tanh", "relu", "sigmoid", "gelu"},
	initializers:  []string{"kaiming-uniform", "normal"},
	learningRates: []string{"1e-2", "1e-3", "3e-4"},
	weightDecays:  []string{"0", "1e-4"},
	dropouts:      []string{"0"},
}

// syntheticZoo makes a plausible zoo: accuracy saturates with epochs, depends on the
// hyper-parameters, and a high learning rate makes some members diverge. The same seed gives the same zoo.
func syntheticZoo(shape zooShape, seed uint64) Input {
	r := rand.New(rand.NewPCG(seed, 1))
	in := Input{
		Header: Header{
			Namespace: "research", Name: "mnist-small", Dataset: "mnist", Architecture: "cnn-small", Parameters: 2464,
			Epochs: shape.epochs, BatchSize: 64, ArtifactPath: "research/modelzoo/mnist-small",
			ResultDigest: "sha256:" + fmt.Sprintf("%064x", seed), Finished: time.Date(2026, 11, 24, 1, 2, 3, 0, time.UTC), ShardSeconds: 5025.5,
			Facts: []Fact{{"Runtime version", "v0.1.0"}, {"Numerics version", "n1"}},
		},
		Hyper: []string{"activation", "initializer", "optimizer", "learningRate", "weightDecay", "dropout"},
	}
	for s := range shape.seeds {
		for _, act := range shape.activations {
			for _, init := range shape.initializers {
				for _, lr := range shape.learningRates {
					for _, wd := range shape.weightDecays {
						for _, drop := range shape.dropouts {
							in.addModel(r, uint64(s+1), []string{act, init, "adam", lr, wd, drop})
						}
					}
				}
			}
		}
	}
	return in
}

// addModel appends one model with its learning curve.
func (in *Input) addModel(r *rand.Rand, seed uint64, hyper []string) {
	lr, _ := strconv.ParseFloat(hyper[3], 64)
	top := 0.975 - 0.01*math.Abs(math.Log10(lr)+2.7) + map[string]float64{"tanh": 0, "relu": -0.008, "sigmoid": -0.045, "gelu": 0.006}[hyper[0]]
	if hyper[1] == "normal" {
		top -= 0.04
	}
	top -= 0.008 * math.Abs(r.NormFloat64())
	speed := 0.35 + 0.5*(math.Log10(lr)+4)/2
	id := fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64())
	diverged := -1
	if lr >= 1e-2 && r.Float64() < 0.12 {
		diverged = 1 + r.IntN(max(1, in.Header.Epochs))
	}
	var m Metrics
	for e := 0; e <= in.Header.Epochs; e++ {
		if diverged < 0 || e <= diverged {
			grown := 1 - math.Exp(-speed*float64(e))
			test := 0.1 + 0.02*r.Float64() + (top-0.11)*grown + 0.004*r.NormFloat64()*grown
			train := test + 0.02*grown*grown - 0.012*math.Exp(-float64(e)/3) + 0.002*r.NormFloat64()
			loss := func(acc float64) float64 { return 2.36 * math.Exp(-3.2*acc) * (1 + 0.02*r.NormFloat64()) }
			m = Metrics{
				TrainLoss: loss(train), TrainAccuracy: math.Min(1, train), ValidationLoss: loss(test), ValidationAccuracy: test,
				TestLoss: loss(test), TestAccuracy: math.Min(1, test),
			}
		}
		if e == diverged {
			m.TrainLoss, m.TestLoss = math.NaN(), math.Inf(1)
		}
		in.Rows = append(in.Rows, Row{ModelID: id, Epoch: e, Metrics: m})
	}
	in.Models = append(in.Models, Model{
		ID: id, Seed: seed, Hyper: hyper, Final: m, DivergedEpoch: diverged, Shard: "9f2c04d17be35a68", Index: len(in.Models),
	})
}
