package pop

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/check"
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/optim"
)

func same(t *testing.T, what string, a, b []float32) {
	t.Helper()
	if i := check.FirstDifference(a, b); i >= 0 {
		t.Errorf("%s differ at %d", what, i)
	}
}

// Members whose numbers go bad stop, are reported, and keep weights and running statistics; the others go on as if alone.
func TestBadMembersStop(t *testing.T) {
	ms := members(5)
	d := newDevice(t, isa.Auto, 2)
	good := populate(t, d, cnn, ms, optim.Adam)
	goodResults := train(t, good, 0, 4)
	const poisoned, frozen, exploding = 1, 2, 3
	for _, poison := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
		p := populate(t, d, cnn, ms, optim.Adam)
		p.Optimizer.Rate[exploding] = math.Inf(1)
		p.Optimizer.Freeze(frozen, true)
		weights, states := slices.Clone(p.Weights), slices.Clone(p.States)
		n, k := p.NumParams(), p.numStates()
		before := Result{Loss: 42}
		results := slices.Repeat([]Result{before}, len(ms))
		for s := range 4 {
			ordinary := feeder(ms, s)
			feed := func(m int, in device.Feed[float32]) {
				ordinary(m, in)
				if m == poisoned && s == 0 {
					in.Floats[3] = poison
				}
			}
			if err := p.Step(t.Context(), batch, uint64(s), feed, results); err != nil {
				t.Fatal(err)
			}
			for _, m := range []int{poisoned, exploding} {
				if !results[m].Bad || !p.Optimizer.Frozen(m) {
					t.Fatalf("step %d: member %d: %+v, frozen %v", s, m, results[m], p.Optimizer.Frozen(m))
				}
			}
		}
		if results[frozen] != before {
			t.Errorf("the frozen member has the result %+v", results[frozen])
		}
		for _, m := range []int{poisoned, frozen, exploding} {
			same(t, "weights of a stopped member", p.Row(m), weights[m*n:(m+1)*n])
			same(t, "statistics of a stopped member", p.StateRow(m), states[m*k:(m+1)*k])
		}
		for _, m := range []int{0, 4} {
			compare(t, "a good member beside bad ones", stateOf(p, m, results[m]), stateOf(good, m, goodResults[m]))
		}
		// Evaluation does not leave anyone out.
		if err := p.Evaluate(t.Context(), batch, feeder(ms, 9), results); err != nil {
			t.Fatal(err)
		}
		for m, r := range results {
			if r.Bad || !(r.Loss > 0) || math.IsInf(r.Loss, 0) {
				t.Errorf("evaluation of member %d: %+v", m, r)
			}
		}
	}
}

// Every hyper-parameter is the member's own: changing it changes that member and no other.
func TestHyperParametersAreMembersOwn(t *testing.T) {
	d := newDevice(t, isa.Auto, 2)
	base := Member{Seed: 5, LearningRate: 0.01, WeightDecay: 0.1, Dropout: 0.25}
	for what, change := range map[string]func(m *Member){
		"nothing":       func(*Member) {},
		"learning rate": func(m *Member) { m.LearningRate = 0.02 },
		"weight decay":  func(m *Member) { m.WeightDecay = 0 },
		"dropout":       func(m *Member) { m.Dropout = 0.5 },
		"seed":          func(m *Member) { m.Seed = 6 },
	} {
		other := base
		change(&other)
		p := populate(t, d, cnn, []Member{base, other, base}, optim.AdamW)
		copy(p.Row(1), p.Row(0))
		results := make([]Result, 3)
		for s := range 2 {
			feed := feeder([]Member{base, base, base}, s)
			if err := p.Step(t.Context(), batch, uint64(s), feed, results); err != nil {
				t.Fatal(err)
			}
		}
		same(t, "equal members", p.Row(0), p.Row(2))
		if got, want := check.FirstDifference(p.Row(0), p.Row(1)) < 0, what == "nothing"; got != want {
			t.Errorf("%s: members equal: %v", what, got)
		}
	}
}

// Weight decay leaves out what is not a weight, if asked to.
func TestNoDecay(t *testing.T) {
	d := newDevice(t, isa.Auto, 1)
	for _, leave := range []bool{false, true} {
		o := optim.Default(optim.SGD, 1, 0)
		p, err := New(Config[float32]{Device: d, Network: cnn, Activation: device.Tanh, Members: []Member{{LearningRate: 0.1, WeightDecay: 0.5}}, Optimizer: optim.SGD, Options: o, NoDecay: leave}, batch)
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.Weights {
			p.Weights[i] = 1
		}
		p.Optimizer.Try(p.Row(0), make([]float32, p.NumParams()), make([]float32, p.NumParams()), 0, nil)
		for _, q := range p.Params {
			moved := p.Row(0)[q.Offset] != 1
			if want := q.Role == nn.Weight || !leave; moved != want {
				t.Errorf("NoDecay %v: %s (role %d) moved: %v", leave, q.Name, q.Role, moved)
			}
		}
	}
}

// A cancelled step leaves every member either before it or after it, never between.
func TestCancelledStepsLeaveMembersWhole(t *testing.T) {
	ms := members(12)
	for _, workers := range []int{1, 2, 13} {
		d := newDevice(t, isa.Auto, workers)
		after := populate(t, d, cnn, ms, optim.Adam)
		first := train(t, after, 0, 1)
		p := populate(t, d, cnn, ms, optim.Adam)
		untouched := populate(t, d, cnn, ms, optim.Adam)
		ctx, cancel := context.WithCancel(t.Context())
		feed := feeder(ms, 0)
		results := make([]Result, len(ms))
		err := p.Step(ctx, batch, 0, func(m int, in device.Feed[float32]) {
			if m == 4 {
				cancel()
			}
			feed(m, in)
		}, results)
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("%d workers: %v", workers, err)
		}
		done := 0
		for m := range ms {
			if p.Optimizer.Steps(m) == 1 {
				compare(t, "a member that was reached", stateOf(p, m, results[m]), stateOf(after, m, first[m]))
				done++
				continue
			}
			compare(t, "a member that was not", stateOf(p, m, Result{}), stateOf(untouched, m, Result{}))
		}
		if done < 1 || done > 5+workers {
			t.Errorf("%d workers: %d members ran", workers, done)
		}
		// The rest can follow.
		if err := p.Step(t.Context(), batch, 0, feed, results); err != nil {
			t.Fatal(err)
		}
	}
}

// Weights, statistics and the optimiser's state are all that a population is.
func TestResumedRunsHaveTheSameBits(t *testing.T) {
	ms := members(3)
	d := newDevice(t, isa.Auto, 2)
	for _, kind := range []optim.Kind{optim.SGD, optim.Adam, optim.AdamW} {
		straight := populate(t, d, cnn, ms, kind)
		want := train(t, straight, 0, 5)
		first := populate(t, d, cnn, ms, kind)
		train(t, first, 0, 2)
		second := populate(t, d, cnn, ms, kind)
		copy(second.Weights, first.Weights)
		copy(second.States, first.States)
		if err := second.Optimizer.Restore(first.Optimizer.State()); err != nil {
			t.Fatal(err)
		}
		got := train(t, second, 2, 5)
		for m := range ms {
			compare(t, string(kind), stateOf(second, m, got[m]), stateOf(straight, m, want[m]))
		}
	}
}

// The last batch of an epoch may be smaller: it trains the same weights, and is as if the population had been made for it.
func TestRemainders(t *testing.T) {
	ms := members(2)
	d := newDevice(t, isa.Auto, 2)
	for _, rest := range []int{1, 2, batch - 1} {
		p := populate(t, d, cnn, ms, optim.Adam)
		results := train(t, p, 0, 1)
		if err := p.Step(t.Context(), rest, 1, feeder(ms, 1), results); err != nil {
			t.Fatal(err)
		}
		q, err := New(Config[float32]{Device: d, Network: cnn, Activation: device.Tanh, Members: ms, Optimizer: optim.Adam, Options: optim.Default(optim.Adam, 2, 0), NoDecay: true}, rest)
		if err != nil {
			t.Fatal(err)
		}
		r := populate(t, d, cnn, ms, optim.Adam)
		train(t, r, 0, 1)
		copy(q.Weights, r.Weights)
		copy(q.States, r.States)
		if err := q.Optimizer.Restore(r.Optimizer.State()); err != nil {
			t.Fatal(err)
		}
		again := make([]Result, len(ms))
		if err := q.Step(t.Context(), rest, 1, feeder(ms, 1), again); err != nil {
			t.Fatal(err)
		}
		for m := range ms {
			compare(t, "a remainder", stateOf(p, m, results[m]), stateOf(q, m, again[m]))
		}
	}
}

// Training works: the loss of every member falls on one batch.
func TestLossesFall(t *testing.T) {
	ms := []Member{{Seed: 1, LearningRate: 0.02}, {Seed: 2, LearningRate: 0.01}}
	for label, net := range networks {
		p := populate(t, newDevice(t, isa.Auto, 2), net, ms, optim.Adam)
		results := make([]Result, len(ms))
		var first []Result
		for s := range 60 {
			if err := p.Step(t.Context(), batch, uint64(s), feeder(ms, 0), results); err != nil {
				t.Fatal(err)
			}
			if s == 0 {
				first = slices.Clone(results)
			}
		}
		for m, r := range results {
			if !(r.Loss < 0.6*first[m].Loss) || r.Correct < batch-1 {
				t.Errorf("%s: member %d: loss %.3f after %.3f, %d of %d right", label, m, r.Loss, first[m].Loss, r.Correct, batch)
			}
		}
	}
}

func TestStates(t *testing.T) {
	p := populate(t, newDevice(t, isa.Auto, 1), cnn, members(2), optim.Adam)
	for m := range 2 {
		for _, s := range p.StateLayout {
			want := float32(0)
			if strings.HasSuffix(s.Name, "running_var") {
				want = 1
			}
			if got := p.StateRow(m)[s.Offset]; got != want {
				t.Errorf("member %d: %s starts at %v, want %v", m, s.Name, got, want)
			}
		}
	}
	if p.numStates() != 10 || len(p.States) != 20 {
		t.Errorf("%d states, slab of %d", p.numStates(), len(p.States))
	}
}

func TestConfigurationErrors(t *testing.T) {
	d := newDevice(t, isa.Auto, 1)
	broken := func(c *nn.Context, batch int) (loss, correct op.Value) {
		return c.Graph.Input("x", batch, 2), op.Value{}
	}
	one := []Member{{}}
	for want, c := range map[string]Config[float32]{
		"no members":                 {Network: mlp, Optimizer: optim.Adam, Options: optim.Default(optim.Adam, 1, 0)},
		"must be a single number":    {Network: broken, Members: one, Optimizer: optim.Adam, Options: optim.Default(optim.Adam, 1, 0)},
		"population: optimizer none": {Network: mlp, Members: one, Optimizer: "none"},
	} {
		c.Device, c.Activation = d, device.ReLU
		if _, err := New(c, batch); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	p := populate(t, d, cnn, one, optim.Adam)
	if err := p.Step(t.Context(), -1, 0, nil, nil); err == nil || !strings.HasPrefix(err.Error(), "network: ") {
		t.Errorf("a batch of -1: %v", err)
	}
	if err := p.Evaluate(t.Context(), -1, nil, nil); err == nil {
		t.Error("evaluation of a batch of -1")
	}
}

// Memory is the programs' and the slabs'.
func TestBytes(t *testing.T) {
	p := populate(t, newDevice(t, isa.Auto, 2), cnn, members(3), optim.Adam)
	trained := p.train[batch].Bytes()
	slabs := int64(4 * 3 * (3*p.NumParams() + p.numStates()))
	if got := p.Bytes(); got != trained+slabs {
		t.Errorf("%d bytes, want %d", got, trained+slabs)
	}
	if err := p.Evaluate(t.Context(), batch, feeder(p.cfg.Members, 0), make([]Result, 3)); err != nil {
		t.Fatal(err)
	}
	if got, want := p.Bytes(), trained+slabs+p.eval[batch].Bytes(); got != want {
		t.Errorf("%d bytes with evaluation, want %d", got, want)
	}
}

// The population runs in float64 as well.
func TestFloat64(t *testing.T) {
	p, err := New(Config[float64]{Device: device.Null[float64]{}, Network: mlp, Activation: device.ReLU, Members: members(2), Optimizer: optim.Adam, Options: optim.Default(optim.Adam, 2, 0)}, batch)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.Bytes(), p.train[batch].Bytes()+int64(8*2*3*p.NumParams()); got != want {
		t.Errorf("%d bytes, want %d", got, want)
	}
	results := make([]Result, 2)
	if err := p.Step(t.Context(), batch, 0, func(int, device.Feed[float64]) {}, results); err != nil || results[0].Bad {
		t.Errorf("%v, %+v", err, results)
	}
}
