package train

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/kernel"
)

// A member that diverges keeps finite weights and repeats its row; the others do not notice.
func TestDivergedMembersFreeze(t *testing.T) {
	d := synthetic(32, 4, 4, 1)
	for _, optimizer := range []string{"adam", "sgd"} {
		c := mixed(config(d, kernel.Auto, 0))
		c.Optimizer, c.Activation, c.BatchSize = optimizer, "relu", 16
		healthy := history(t, start(t, Config{
			Architecture: c.Architecture, Activation: c.Activation, Optimizer: optimizer, Momentum: c.Momentum,
			BatchSize: 16, Members: c.Members[:1], Data: d,
		}), 3)
		c.Members[2].LearningRate = 1e38 // the update overflows
		c.Members[2].Dropout = 0
		tr := start(t, c)
		if got := history(t, tr, 3); got[0] != healthy[0] {
			t.Errorf("%s: a diverged neighbour leaves a trace", optimizer)
		}
		div := tr.DivergedEpoch()
		if div[0] != -1 || div[2] < 1 {
			t.Fatalf("%s: diverged epochs %v", optimizer, div)
		}
		if !finite(tr.Weights()) {
			t.Errorf("%s: weights are not finite", optimizer)
		}
		rows := evaluate(t, tr)
		before := append([]float32(nil), tr.row(tr.weights, 2)...)
		again := start(t, c)
		if err := again.Restore(tr.State()); err != nil {
			t.Fatal(err)
		}
		if err := again.TrainEpoch(context.Background()); err != nil {
			t.Fatal(err)
		}
		later := evaluate(t, again)
		if !sameRow(rows[2], later[2]) {
			t.Errorf("%s: row of the frozen member changed from %+v to %+v", optimizer, rows[2], later[2])
		}
		for i, v := range again.row(again.weights, 2) {
			if v != before[i] {
				t.Fatalf("%s: weight %d of the frozen member moved", optimizer, i)
			}
		}
	}
}

func sameRow(a, b Metrics) bool {
	x := [...]float64{a.TrainLoss, a.TrainAccuracy, a.ValidationLoss, a.ValidationAccuracy, a.TestLoss, a.TestAccuracy}
	y := [...]float64{b.TrainLoss, b.TrainAccuracy, b.ValidationLoss, b.ValidationAccuracy, b.TestLoss, b.TestAccuracy}
	for i := range x {
		if math.Float64bits(x[i]) != math.Float64bits(y[i]) {
			return false
		}
	}
	return true
}

func TestStepDoesNotAllocate(t *testing.T) {
	for _, optimizer := range []string{"adam", "sgd"} {
		c := config(synthetic(64, 0, 0, 1), kernel.Auto, 1)
		c.Optimizer, c.BatchSize, c.Members[0].Dropout = optimizer, 16, 0.3
		tr := start(t, c)
		step := 0
		if n := testing.AllocsPerRun(20, func() {
			tr.memberStep(tr.workers[0], 0, step%tr.stepsPerEpoch)
			step++
		}); n != 0 {
			t.Errorf("%s: %v allocations per step", optimizer, n)
		}
	}
}

// Empty splits have NaN metrics; the last batch may be short; colour images work.
func TestEmptySplitsShortBatchesColour(t *testing.T) {
	c := config(synthetic(37, 0, 5, 3), kernel.Auto, 1)
	c.BatchSize = 10
	tr := start(t, c)
	if len(tr.Weights()) != 2864 {
		t.Errorf("%d parameters on three channels, want 2864", len(tr.Weights()))
	}
	if err := tr.TrainEpoch(context.Background()); err != nil {
		t.Fatal(err)
	}
	m := evaluate(t, tr)[0]
	if !math.IsNaN(m.ValidationLoss) || !math.IsNaN(m.ValidationAccuracy) || !(m.TestLoss > 0) || !(m.TrainLoss > 0) {
		t.Errorf("metrics %+v", m)
	}
	if s := tr.sums[0]; s.samples != 37 {
		t.Errorf("an epoch of 37 images counted %d", s.samples)
	}
	if _, steps := tr.Progress(); steps != 4 || tr.Epoch() != 1 {
		t.Errorf("%d steps per epoch, epoch %d", steps, tr.Epoch())
	}
}

// A cancelled context stops before the first step and Evaluate, and loses nothing.
func TestCancelledBeforeStart(t *testing.T) {
	tr := start(t, config(synthetic(64, 16, 16, 1), kernel.Auto, 2))
	want := history(t, tr, 0)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := tr.TrainEpoch(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("TrainEpoch: %v", err)
	}
	if _, err := tr.Evaluate(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Evaluate: %v", err)
	}
	equal(t, "after cancellation", history(t, tr, 0), want)
}

func TestConfigErrors(t *testing.T) {
	d := synthetic(20, 0, 0, 1)
	for want, change := range map[string]func(c *Config){
		"architecture": func(c *Config) { c.Architecture = "cnn-large" },
		"activation":   func(c *Config) { c.Activation = "swish" },
		"optimizer":    func(c *Config) { c.Optimizer = "lion" },
		"batchSize":    func(c *Config) { c.BatchSize = 0 },
		"momentum":     func(c *Config) { c.Momentum = 1 },
		"members":      func(c *Config) { c.Members = nil },
		"learningRate": func(c *Config) { c.Members[0].LearningRate = math.NaN() },
		"weightDecay":  func(c *Config) { c.Members[0].WeightDecay = -1 },
		"dropout":      func(c *Config) { c.Members[0].Dropout = 1 },
		"initializer":  func(c *Config) { c.Members[0].Initializer = "glorot" },
		"data is":      func(c *Config) { c.Data = nil },
		"train split":  func(c *Config) { c.Data = &data.Set{} },
		"label":        func(c *Config) { s := *d; s.Classes = 3; c.Data = &s },
		"outputs":      func(c *Config) { s := *d; s.Classes = 11; c.Data = &s },
		"normalisation": func(c *Config) {
			s := *d
			s.Std = []float32{0}
			c.Data = &s
		},
		"bytes": func(c *Config) { s := *d; s.Train.Images = s.Train.Images[1:]; c.Data = &s },
		"28x28": func(c *Config) {
			s := *d
			s.Train.H, s.Train.W = 14, 56
			c.Data = &s
		},
		"test split": func(c *Config) { s := *d; s.Test = s.Train; s.Test.C = 2; c.Data = &s },
	} {
		c := config(d, kernel.Auto, 1)
		change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error about %q, got %v", want, err)
		}
	}
}

func TestRestoreRefusesOtherShapes(t *testing.T) {
	d := synthetic(64, 0, 0, 1)
	tr := start(t, config(d, kernel.Auto, 2))
	want := history(t, tr, 0)
	for name, change := range map[string]func(s *State){
		"members":         func(s *State) { *s = *s.Select([]int{0}) },
		"step":            func(s *State) { s.Step = 1000 },
		"epoch":           func(s *State) { s.Epoch = -1 },
		"missing slab":    func(s *State) { s.Float32[1].Name = "x" },
		"fewer slabs":     func(s *State) { s.Float32 = s.Float32[:2] },
		"short slab":      func(s *State) { s.Float32[2].Data = s.Float32[2].Data[1:] },
		"other width":     func(s *State) { s.Float32[0].Width = 1 },
		"no sums":         func(s *State) { s.Float64 = s.Float64[1:] },
		"no divergence":   func(s *State) { s.Float64 = s.Float64[:1] },
		"future diverged": func(s *State) { s.Float64[1].Data[0] = 9 },
		"NaN diverged":    func(s *State) { s.Float64[1].Data[0] = math.NaN() },
	} {
		s := tr.State()
		change(s)
		if err := tr.Restore(s); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := tr.Restore(nil); err == nil {
		t.Error("nil: accepted")
	}
	equal(t, "after refusals", history(t, tr, 0), want)
}
