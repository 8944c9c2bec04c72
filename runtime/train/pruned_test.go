package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/optim"
	"github.com/weightspace/weightspace/runtime/prune"
)

// targets of a population: different sparsities side by side.
func targets(n int) []PruneTarget {
	out := make([]PruneTarget, n)
	for i := range out {
		out[i].Sparsity = []float64{0.5, 0.7, 0.9, 0}[i%4]
	}
	return out
}

// pruning makes settings of each schedule that end in two epochs of a few steps.
func pruning(s PruneSchedule, members int) Pruning {
	p := Pruning{Targets: targets(members), Schedule: s}
	switch s {
	case PruneIterative:
		p.Rounds, p.Every = 3, 2
	case PruneCubic:
		p.Start, p.Rounds, p.Every, p.Initial = 1, 4, 1, 0.2
	case PruneOneShot:
	}
	return p
}

// parent trains parents for an epoch; the recipe is nil for tiles.
func parent(t testing.TB, c Config, r *Recipe) []float32 {
	t.Helper()
	h, err := newHost(c, r)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.TrainEpoch(context.Background()); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(h.Weights())
}

func newPruned(t testing.TB, c Config, r *Recipe, parents []float32, p Pruning) *Pruned {
	t.Helper()
	e, err := NewPruned(c, r, parents, p)
	if err != nil {
		t.Fatal(err)
	}
	return e.(*Pruned)
}

func trainEpochs(t testing.TB, e Engine, n int) {
	t.Helper()
	for range n {
		if err := e.TrainEpoch(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

// moments are the optimiser's slabs.
func moments(t *Pruned) [][]float32 {
	switch h := t.host.(type) {
	case *Trainer:
		if h.v == nil {
			return [][]float32{h.m}
		}
		return [][]float32{h.m, h.v}
	case *Recorded:
		var out [][]float32
		for _, m := range h.pop.Optimizer.State().Moments {
			out = append(out, m.Data)
		}
		return out
	}
	return nil
}

// subject is an engine with its configuration.
type subject struct {
	name   string
	config func(workers int, l kernel.Level) Config
	recipe *Recipe
}

func subjects(t testing.TB) []subject {
	t.Helper()
	d := synthetic(75, 10, 20, 1)
	tiles := func(members int, optimizer string) func(int, kernel.Level) Config {
		return func(workers int, l kernel.Level) Config {
			c := config(d, l, members)
			c.Activation, c.Optimizer, c.BatchSize, c.Workers, c.Momentum = "tanh", optimizer, 16, workers, 0.9
			for i := range c.Members {
				c.Members[i].WeightDecay, c.Members[i].LearningRate = 0.01, 3e-3
			}
			return c
		}
	}
	recorded := func(optimizer string) func(int, kernel.Level) Config {
		return func(workers int, l kernel.Level) Config {
			c := recordedConfig(d, 4, workers, l)
			c.Optimizer, c.Momentum = optimizer, 0.9
			for i := range c.Members {
				c.Members[i].WeightDecay = 0.01
			}
			return c
		}
	}
	r := &Recipe{Layers: small(10), Schedule: optim.NewOneCycle(6), ClipNorm: 1}
	return []subject{
		{"tiles, adam", tiles(4, "adam"), nil},
		{"tiles, sgd", tiles(4, "sgd"), nil},
		{"tiles, a lane each", tiles(40, "adam"), nil},
		{"recorded, adamw", recorded("adamw"), r},
		{"recorded, sgd", recorded("sgd"), r},
	}
}

// Dropped weights are exactly 0 and their number is exact after training with momentum or Adam and weight decay; their moments are
// 0; nothing else is 0. Control: without the mask they move.
func TestDroppedWeightsStayZero(t *testing.T) {
	for _, e := range subjects(t) {
		for _, s := range []PruneSchedule{PruneOneShot, PruneIterative, PruneCubic} {
			for _, layer := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/layer=%v", e.name, s, layer), func(t *testing.T) {
					c := e.config(0, kernel.Auto)
					parents := parent(t, c, e.recipe)
					p := pruning(s, len(c.Members))
					p.Layer = layer
					tw := newPruned(t, c, e.recipe, parents, p)
					trainEpochs(t, tw, 2)
					checkZeros(t, tw, layer)
					if s != PruneOneShot || layer {
						return
					}
					control := newPruned(t, c, e.recipe, parents, p)
					dropped := control.masking.dropped
					control.masking = masking{dropped: make([][]int32, len(c.Members)), before: func(int) int { return math.MaxInt }}
					trainEpochs(t, control, 1)
					moved := 0
					for _, i := range dropped[0] {
						if control.mutable(0)[i] != 0 {
							moved++
						}
					}
					if moved < len(dropped[0])/2 {
						t.Errorf("without the mask only %d of %d dropped weights move", moved, len(dropped[0]))
					}
				})
			}
		}
	}
}

func checkZeros(t *testing.T, tw *Pruned, layer bool) {
	t.Helper()
	n := tw.Parameters()
	for m, sp := range tw.Sparsity() {
		want := prune.Count(tw.p.Targets[m].Sparsity, sp.Total)
		if layer {
			want = 0
			for _, w := range sp.Tensors {
				want += prune.Count(tw.p.Targets[m].Sparsity, w.Total)
			}
		}
		if sp.Dropped != want || len(tw.masking.dropped[m]) != want {
			t.Errorf("member %d dropped %d of %d, want %d", m, sp.Dropped, sp.Total, want)
		}
		row := tw.mutable(m)
		zeros := 0
		for _, w := range row {
			if math.Float32bits(w) == 0 {
				zeros++
			}
		}
		// A bias or a weight that is exactly 0 by chance does not happen here.
		if zeros != want {
			t.Errorf("member %d has %d zeros, want %d", m, zeros, want)
		}
		for _, slab := range moments(tw) {
			for _, i := range tw.masking.dropped[m] {
				if slab[m*n+int(i)] != 0 {
					t.Fatalf("member %d: the moment of dropped weight %d is %v", m, i, slab[m*n+int(i)])
				}
			}
		}
	}
}

// A twin's bits do not depend on workers, instruction set or who else is trained.
func TestPrunedInvariance(t *testing.T) {
	all, schedules := subjects(t), []PruneSchedule{PruneOneShot, PruneIterative, PruneCubic}
	if kernel.Best() == kernel.Ref { // pure Go is slow, and its loop over schedules is the same
		all, schedules = all[:1], schedules[2:]
	}
	for _, e := range all {
		for _, s := range schedules {
			t.Run(e.name+"/"+string(s), func(t *testing.T) {
				c := e.config(1, kernel.Auto)
				parents := parent(t, c, e.recipe)
				p := pruning(s, len(c.Members))
				all := newPruned(t, c, e.recipe, parents, p)
				trainEpochs(t, all, 2)
				want := all.Weights()
				n := len(want) / len(c.Members)

				other := e.config(2, kernel.Auto)
				if kernel.Supported(kernel.AVX2) {
					other.ISA = kernel.AVX2
				}
				other.RoundSamples = 1
				again := newPruned(t, other, e.recipe, parents, p)
				trainEpochs(t, again, 2)
				if !slices.Equal(again.Weights(), want) {
					t.Error("two workers and another instruction set give other bits")
				}
				alone := e.config(1, kernel.Auto)
				alone.Members = alone.Members[1:2]
				p.Targets = p.Targets[1:2]
				one := newPruned(t, alone, e.recipe, parents[n:2*n], p)
				trainEpochs(t, one, 2)
				if !slices.Equal(one.Weights(), want[n:2*n]) {
					t.Error("a member alone has other bits")
				}
			})
		}
	}
}

// A run that stops anywhere and continues in a fresh process ends with the same bits.
func TestPrunedResume(t *testing.T) {
	all, schedules := subjects(t), []PruneSchedule{PruneIterative, PruneCubic}
	if kernel.Best() == kernel.Ref { // pure Go is slow, and its loop over schedules is the same
		all, schedules = all[:1], schedules[1:]
	}
	for _, e := range all {
		for _, s := range schedules {
			t.Run(e.name+"/"+string(s), func(t *testing.T) {
				c := e.config(1, kernel.Auto)
				c.RoundSamples = 1
				parents := parent(t, c, e.recipe)
				p := pruning(s, len(c.Members))
				straight := newPruned(t, c, e.recipe, parents, p)
				trainEpochs(t, straight, 2)
				for stop := range 9 {
					tw := newPruned(t, c, e.recipe, parents, p)
					for tw.Epoch() < 2 {
						err := tw.TrainEpoch(&stopAfter{stop})
						if err != nil && !errors.Is(err, context.Canceled) {
							t.Fatal(err)
						}
						if err != nil {
							break
						}
					}
					next := newPruned(t, c, e.recipe, parents, p)
					if err := next.Restore(tw.State()); err != nil {
						t.Fatal(err)
					}
					trainEpochs(t, next, 2-next.Epoch())
					if !slices.Equal(next.Weights(), straight.Weights()) {
						t.Fatalf("stopped after %d looks at the context: other bits", stop)
					}
				}
				bad := straight.State()
				bad.Float32[len(bad.Float32)-1].Data[3] = 0.5
				if err := straight.Restore(bad); err == nil {
					t.Error("a mask of 0.5 is accepted")
				}
			})
		}
	}
}

// Exact counts of another twin are reached in all and, layer by layer, in each.
func TestPrunedToTheCountsOfAnother(t *testing.T) {
	for _, e := range subjects(t) {
		c := e.config(1, kernel.Auto)
		parents := parent(t, c, e.recipe)
		h, err := newHost(c, e.recipe)
		if err != nil {
			t.Fatal(err)
		}
		parts := prune.Parts(parametersOf(h), Prunable)
		counts := make([]int, len(parts))
		for i := range counts {
			counts[i] = parts[i].Size() * (i + 1) / (len(counts) + 2)
		}
		p := Pruning{Schedule: PruneCubic, Rounds: 3, Every: 1, Targets: make([]PruneTarget, len(c.Members))}
		for m := range p.Targets {
			p.Targets[m].Dropped = counts
		}
		for _, p.Layer = range []bool{false, true} {
			tw := newPruned(t, c, e.recipe, parents, p)
			trainEpochs(t, tw, 2) // recorded subjects have three steps in an epoch
			for m, s := range tw.Sparsity() {
				all := 0
				for i, n := range counts {
					all += n
					if p.Layer && s.Tensors[i].Dropped != n {
						t.Errorf("%s, member %d, %s: %d dropped, want %d", e.name, m, s.Tensors[i].Name, s.Tensors[i].Dropped, n)
					}
				}
				if s.Dropped != all {
					t.Errorf("%s, member %d: %d dropped, want %d", e.name, m, s.Dropped, all)
				}
			}
		}
	}
}

func TestPruningRefusals(t *testing.T) {
	e := subjects(t)[0]
	c := e.config(1, kernel.Auto)
	parents := parent(t, c, nil)
	bad := slices.Clone(parents)
	bad[7] = float32(math.NaN())
	good := Pruning{Targets: targets(4), Schedule: PruneOneShot}
	for name, f := range map[string]func() ([]float32, Pruning){
		"targets": func() ([]float32, Pruning) { p := good; p.Targets = p.Targets[1:]; return parents, p },
		"sparsity 1": func() ([]float32, Pruning) {
			p := good
			p.Targets = slices.Repeat([]PruneTarget{{Sparsity: 1}}, 4)
			return parents, p
		},
		"counts": func() ([]float32, Pruning) {
			p := good
			p.Targets = slices.Repeat([]PruneTarget{{Dropped: []int{1}}}, 4)
			return parents, p
		},
		"schedule":      func() ([]float32, Pruning) { p := good; p.Schedule = "never"; return parents, p },
		"rounds":        func() ([]float32, Pruning) { p := good; p.Schedule = PruneIterative; return parents, p },
		"short parents": func() ([]float32, Pruning) { return parents[1:], good },
		"NaN":           func() ([]float32, Pruning) { return bad, good },
	} {
		rows, p := f()
		if _, err := NewPruned(c, nil, rows, p); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
