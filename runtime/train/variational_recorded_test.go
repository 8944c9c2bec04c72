package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/nn"
)

func recordedTwins(t testing.TB, c Config, r Recipe, parents []float32, v Variational) *variationalRecorded {
	t.Helper()
	e, err := NewVariational(c, &r, parents, v)
	if err != nil {
		t.Fatal(err)
	}
	return e.(*variationalRecorded)
}

// Both engines train the same twins: the same draws, data order and settings, other orders of summation. Adam divides by the root of
// small second moments, which lets rounding grow to about 1e-4 of a step in 20 steps; TestRecordedEqualsTiles has the argument. SGD has
// no such division: in each of 20 steps each of two engines rounds a weight by at most 2^-25 of the largest, and its step by no more.
func TestVariationalRecordedEqualsTiles(t *testing.T) {
	d := synthetic(20*32, 40, 40, 1)
	for _, e := range []struct {
		optimizer, activation string
		bias                  bool
		bar                   float64
	}{{"sgd", "tanh", true, 80 * 0x1p-25}, {"adam", "tanh", true, 1e-4}, {"adam", "gelu", false, 1e-4}} {
		c := config(d, kernel.Auto, 2)
		c.Optimizer, c.Activation, c.BatchSize = e.optimizer, e.activation, 32
		c.Members[1].Dropout, c.Members[1].WeightDecay = 0.3, 1e-3
		parents := parentsOf(t, c)
		v := quick()
		v.VariationalConvBias = e.bias
		if e.optimizer == "sgd" {
			v.LogSigma2LearningRate = 0
		}
		tiles, graph := twins(t, c, parents, v), recordedTwins(t, c, Recipe{Layers: nn.CNNSmall(10)}, parents, v)
		if a, b := fmt.Sprint(tiles.Layout()), fmt.Sprint(graph.Layout()); a != b {
			t.Fatalf("layouts differ: %s, %s", a, b)
		}
		var rows [2][]Metrics
		for i, e := range []Engine{tiles, graph} {
			if err := e.TrainEpoch(t.Context()); err != nil {
				t.Fatal(err)
			}
			var err error
			if rows[i], err = e.Evaluate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		n := tiles.Parameters()
		var theta, ls2 [2][]float32
		for p := range c.Members {
			a, b := tiles.row(tiles.weights, p), graph.pop.Row(p)
			theta[0], ls2[0] = append(theta[0], a[:n]...), append(ls2[0], a[n:]...)
			theta[1], ls2[1] = append(theta[1], b[n:]...), append(ls2[1], b[:n]...)
		}
		for name, x := range map[string][2][]float32{"theta": theta, "log sigma^2": ls2} {
			diff, size := 0.0, 0.0
			for i, w := range x[0] {
				diff, size = max(diff, math.Abs(float64(w-x[1][i]))), max(size, math.Abs(float64(w)))
			}
			t.Logf("%s %s: %s differs by %.2g of %.2g; losses %v and %v", e.optimizer, e.activation, name, diff, size, rows[0][0].TrainLoss, rows[1][0].TrainLoss)
			if diff > e.bar*size {
				t.Errorf("%s %s: %s differs by %.2g of %.2g", e.optimizer, e.activation, name, diff, size)
			}
		}
		for p := range rows[0] {
			if e := math.Abs(rows[0][p].TrainLoss - rows[1][p].TrainLoss); !(e < 1e-4) {
				t.Errorf("member %d: training losses differ by %.2g", p, e)
			}
		}
		for p, s := range tiles.Sparsity() {
			if g := graph.Sparsity()[p]; g.Total != s.Total || math.Abs(float64(g.Dropped-s.Dropped)) > 2 || math.Abs(tiles.Penalty()[p]-graph.Penalty()[p]) > 1e-4*tiles.Penalty()[p] {
				t.Errorf("member %d: sparsities %+v and %+v, penalties %v and %v", p, s, g, tiles.Penalty()[p], graph.Penalty()[p])
			}
		}
	}
}

// A network with residual blocks and batch norm: workers, instruction set, split and interruption leave no trace; twins have the parents'
// layout and the running statistics move.
func TestVariationalRecordedInvariance(t *testing.T) {
	d := synthetic(75, 0, 20, 1)
	r := Recipe{Layers: small(10), ClipNorm: 1}
	c := recordedConfig(d, 3, 1, kernel.Auto)
	parents := slices.Clone(trained(t, c, r, 1).Weights())
	width := len(parents) / 3
	start := recordedTwins(t, c, r, parents, quick())
	if !slices.Equal(start.Weights()[width-4:width], parents[width-4:width]) {
		t.Error("running statistics of the parent are lost")
	}
	want := digests(t, start, 2)
	for _, s := range start.Sparsity() {
		if s.Dropped == 0 || s.Total == 0 || len(s.Tensors) != 5 {
			t.Errorf("sparsity %+v", s)
		}
	}
	for _, e := range []struct {
		workers int
		level   kernel.Level
	}{{2, kernel.Auto}, {5, kernel.Auto}, {1, kernel.AVX2}, {2, kernel.Ref}} {
		if kernel.Supported(e.level) || e.level == kernel.Auto {
			equal(t, e.level.String(), digests(t, recordedTwins(t, recordedConfig(d, 3, e.workers, e.level), r, parents, quick()), 2), want)
		}
	}
	one := c
	one.Members = c.Members[1:2]
	equal(t, "alone", digests(t, recordedTwins(t, one, r, parents[width:2*width], quick()), 2), want[1:2])

	first := recordedTwins(t, c, r, parents, quick())
	if err := first.TrainEpoch(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := first.TrainEpoch(&stopAfter{1}); !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled epoch returned %v", err)
	}
	second := recordedTwins(t, c, r, parents, quick())
	if err := second.Restore(first.State()); err != nil {
		t.Fatal(err)
	}
	equal(t, "resumed", digests(t, second, 1), want)
}

// Sequences have noise of their own for every step of every sample; projections inside attention and tables do not crash.
func TestVariationalTransformer(t *testing.T) {
	d := synthetic(20, 0, 10, 1)
	c := recordedConfig(d, 1, 1, kernel.Auto)
	c.BatchSize = 10
	r := Recipe{Layers: nn.ViT(nn.ViTConfig{Patch: 14, Dim: 12, Depth: 1, Heads: 2, MLP: 16, Classes: 10})}
	parents := slices.Clone(trained(t, c, r, 1).Weights())
	e := recordedTwins(t, c, r, parents, quick())
	if err := e.TrainEpoch(t.Context()); err != nil {
		t.Fatal(err)
	}
	moved := 0
	for _, x := range e.LogSigma2() {
		if x != float32(e.v.InitLogSigma2) {
			moved++
		}
	}
	t.Logf("%d of %d parameters have noise, %+v", moved, e.Parameters(), e.Sparsity()[0])
	if moved == 0 {
		t.Error("no parameter has noise")
	}
}
