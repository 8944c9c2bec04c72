package train

import (
	"fmt"
	"math"
	"testing"

	"github.com/weightspace/weightspace/runtime/check"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/optim"
)

// small is a network with everything that recorded training adds: batch norm, residual blocks, dropout.
func small(classes int) nn.Sequential {
	return nn.Sequential{
		{Name: "conv1", Layer: nn.Conv2D{Out: 6, Kernel: 5, Stride: 2}},
		{Name: "bn1", Layer: nn.BatchNorm{ReLU: true}},
		{Name: "block", Layer: nn.BasicBlock{Out: 8, Stride: 2}},
		{Name: "", Layer: nn.Dropout{}},
		{Name: "", Layer: nn.GlobalAvgPool{}},
		{Name: "fc", Layer: nn.Linear{Out: classes}},
	}
}

func recordedConfig(d *data.Set, members, workers int, l kernel.Level) Config {
	c := config(d, l, members)
	c.Architecture, c.Activation, c.BatchSize, c.Workers = "", "relu", 32, workers
	for i := range c.Members {
		c.Members[i].Dropout, c.Members[i].LearningRate = 0.1*float64(i%3), 3e-3
	}
	return c
}

func trained(t *testing.T, c Config, r Recipe, epochs int) *Recorded {
	t.Helper()
	e, err := NewRecorded(c, r)
	if err != nil {
		t.Fatal(err)
	}
	for range epochs {
		if err := e.TrainEpoch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// A member's weights and running statistics do not depend on workers, instruction set, or who else is trained.
func TestRecordedInvariance(t *testing.T) {
	d := synthetic(75, 0, 20, 1)
	r := Recipe{Layers: small(10), Schedule: optim.NewOneCycle(6), ClipNorm: 1, LabelSmoothing: 0.1}
	all := trained(t, recordedConfig(d, 3, 1, kernel.Auto), r, 2)
	want := all.Weights()
	n := len(want) / 3
	for _, e := range []struct {
		name    string
		workers int
		level   kernel.Level
	}{{"2 workers", 2, kernel.Auto}, {"5 workers", 5, kernel.Auto}, {"avx2", 1, kernel.AVX2}, {"ref", 2, kernel.Ref}} {
		if !kernel.Supported(e.level) {
			t.Logf("%s is not available here", e.level)
			continue
		}
		got := trained(t, recordedConfig(d, 3, e.workers, e.level), r, 2).Weights()
		if i := check.FirstDifference(got, want); i >= 0 {
			t.Errorf("%s: element %d is %v, want %v", e.name, i, got[i], want[i])
		}
	}
	c := recordedConfig(d, 3, 2, kernel.Auto)
	c.Members = c.Members[1:2]
	if i := check.FirstDifference(trained(t, c, r, 2).Weights(), want[n:2*n]); i >= 0 {
		t.Errorf("member 1 alone differs at element %d", i)
	}
	rows, err := all.Evaluate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(rows[0].ValidationLoss) || !(rows[0].TestLoss > 0) || rows[0].TestAccuracy < 0 || rows[0].TestAccuracy > 1 {
		t.Errorf("metrics %+v", rows[0])
	}
}

// A run that is stopped within an epoch and restored in another process ends with the same bits, for every optimiser and with
// a plateau.
func TestRecordedResume(t *testing.T) {
	d := synthetic(75, 10, 20, 1)
	plateau := optim.DefaultPlateau()
	plateau.Patience = 0
	for _, r := range []Recipe{{Layers: small(10)}, {Layers: small(10), Plateau: &plateau}, {Layers: small(10), Schedule: optim.CosineDecay{Total: 9}}} {
		for _, kind := range []string{"adam", "adamw", "sgd"} {
			c := recordedConfig(d, 2, 2, kernel.Auto)
			c.Optimizer = kind
			straight := trained(t, c, r, 3)
			first := trained(t, c, r, 1)
			if err := first.TrainEpoch(&stopAfter{1}); err == nil {
				t.Fatal("the epoch was not stopped")
			}
			if step, _ := first.Progress(); step != 1 {
				t.Fatalf("stopped at step %d, want 1", step)
			}
			second, err := NewRecorded(c, r)
			if err != nil {
				t.Fatal(err)
			}
			if err := second.Restore(first.State()); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := second.TrainEpoch(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if i := check.FirstDifference(second.Weights(), straight.Weights()); i >= 0 {
				t.Errorf("%s, %+v: element %d differs after the resume", kind, r, i)
			}
			if a, b := fmt.Sprint(second.State().Float64), fmt.Sprint(straight.State().Float64); a != b {
				t.Errorf("%s: states differ:\n%s\n%s", kind, a, b)
			}
		}
	}
}

// The recorded engine and the tile engine train the same network to the same weights: the same initialisation, data order and
// dropout, other orders of summation. Adam divides by the root of small second moments, which lets rounding grow to about 1e-4 of a step of 1e-3 in
// 20 steps; 1e-4 of the weights' size is allowed.
func TestRecordedEqualsTiles(t *testing.T) {
	d := synthetic(20*32, 40, 40, 1)
	for _, activation := range []string{"tanh", "gelu"} {
		c := config(d, kernel.Auto, 2)
		c.Activation, c.BatchSize = activation, 32
		c.Members[1].Dropout, c.Members[1].WeightDecay = 0.3, 1e-3
		tiles, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		graph, err := NewRecorded(c, Recipe{Layers: nn.CNNSmall(10)})
		if err != nil {
			t.Fatal(err)
		}
		var rows [2][]Metrics
		for i, e := range []Engine{tiles, graph} {
			if err := e.TrainEpoch(t.Context()); err != nil {
				t.Fatal(err)
			}
			if rows[i], err = e.Evaluate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if a, b := fmt.Sprint(tiles.Layout()), fmt.Sprint(graph.Layout()); a != b {
			t.Fatalf("layouts differ: %s, %s", a, b)
		}
		diff, size := 0.0, 0.0
		for i, w := range tiles.Weights() {
			diff, size = max(diff, math.Abs(float64(w-graph.Weights()[i]))), max(size, math.Abs(float64(w)))
		}
		t.Logf("%s: weights differ by %.2g of %.2g; losses %v and %v", activation, diff, size, rows[0][0].TrainLoss, rows[1][0].TrainLoss)
		if diff > 1e-4*size {
			t.Errorf("%s: weights differ by %.2g of %.2g", activation, diff, size)
		}
		for p := range rows[0] {
			if e := math.Abs(rows[0][p].TestLoss - rows[1][p].TestLoss); !(e < 1e-3) {
				t.Errorf("%s: member %d: test losses differ by %.2g", activation, p, e)
			}
		}
	}
}

// A member whose learning rate is absurd is frozen and reported; the other goes on.
func TestRecordedDivergence(t *testing.T) {
	d := synthetic(64, 0, 0, 1)
	c := recordedConfig(d, 2, 2, kernel.Auto)
	c.Optimizer = "sgd"
	c.Members[0].LearningRate = 1e38
	e := trained(t, c, Recipe{Layers: small(10)}, 2)
	if got := e.DivergedEpoch(); got[0] != 1 || got[1] != -1 {
		t.Errorf("diverged %v, want member 0 in epoch 1", got)
	}
	for i, w := range e.Weights() {
		if w-w != 0 {
			t.Fatalf("element %d is %v", i, w)
		}
	}
}

// A network that does not fit the data is refused with the layer at fault.
func TestRecordedRefusal(t *testing.T) {
	c := recordedConfig(synthetic(8, 0, 0, 1), 1, 1, kernel.Auto)
	for _, l := range []nn.Sequential{
		small(3),
		{{Name: "c", Layer: nn.Conv2D{Out: 2, Kernel: 40}}},
		{{Name: "c", Layer: nn.Conv2D{Out: 2, Kernel: 3}}},
		{{Name: "l", Layer: nn.Linear{Out: 10}}},
	} {
		if _, err := NewRecorded(c, Recipe{Layers: l}); err == nil {
			t.Errorf("%v was accepted", l)
		} else {
			t.Log(err)
		}
	}
}
