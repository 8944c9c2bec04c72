package train

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/optim"
)

// Names of the slabs that only recorded training has.
const (
	slabStatistics = "statistics"
	plateauPrefix  = "plateau/"
)

// State copies everything needed to resume; see Trainer.State.
func (t *Recorded) State() *State {
	s := &State{Members: len(t.cfg.Members), Epoch: t.epoch, Step: int(t.step.Load())}
	add := func(name string, width int, data []float32) {
		s.Float32 = append(s.Float32, Slab[float32]{name, width, append([]float32(nil), data...)})
	}
	n := t.pop.NumParams()
	add(slabWeights, n, t.pop.Weights)
	if len(t.pop.States) > 0 {
		add(slabStatistics, len(t.pop.States)/s.Members, t.pop.States)
	}
	o := t.pop.Optimizer.State()
	for _, m := range o.Moments {
		add(m.Name, n, m.Data)
	}
	for _, m := range append(o.Members, t.plateauState()...) {
		s.Float64 = append(s.Float64, Slab[float64]{m.Name, 1, append([]float64(nil), m.Data...)})
	}
	var sums, diverged []float64
	for p, r := range t.sums {
		sums = append(sums, r.loss, float64(r.correct), float64(r.samples))
		diverged = append(diverged, float64(t.diverged[p]))
	}
	s.Float64 = append(s.Float64, Slab[float64]{slabSums, sumsWidth, sums}, Slab[float64]{slabDiverged, 1, diverged})
	return s
}

// plateauState is the plateau's slabs under names of their own.
func (t *Recorded) plateauState() []optim.Slab[float64] {
	if t.plateau == nil {
		return nil
	}
	var out []optim.Slab[float64]
	for _, s := range t.plateau.State() {
		out = append(out, optim.Slab[float64]{Name: plateauPrefix + s.Name, Data: s.Data})
	}
	return out
}

// Restore continues from a State of a population with the same members, network, recipe and data. It checks all shapes first
// and changes nothing if one is wrong.
func (t *Recorded) Restore(s *State) error {
	members := len(t.cfg.Members)
	if s == nil || s.Members != members {
		return fmt.Errorf("train: restore: state is not of %d members", members)
	}
	if s.Epoch < 0 || s.Step < 0 || s.Step >= t.stepsPerEpoch {
		return fmt.Errorf("train: restore: epoch %d, step %d is not a position in epochs of %d steps", s.Epoch, s.Step, t.stepsPerEpoch)
	}
	n := t.pop.NumParams()
	weights, err := find(s.Float32, slabWeights, members, n)
	if err != nil {
		return err
	}
	var statistics []float32
	if width := len(t.pop.States) / members; width > 0 {
		if statistics, err = find(s.Float32, slabStatistics, members, width); err != nil {
			return err
		}
	}
	o := t.pop.Optimizer.State()
	for i := range o.Moments {
		if o.Moments[i].Data, err = find(s.Float32, o.Moments[i].Name, members, n); err != nil {
			return err
		}
	}
	for i := range o.Members {
		if o.Members[i].Data, err = find(s.Float64, o.Members[i].Name, members, 1); err != nil {
			return err
		}
	}
	sums, err := find(s.Float64, slabSums, members, sumsWidth)
	if err != nil {
		return err
	}
	diverged, err := find(s.Float64, slabDiverged, members, 1)
	if err != nil {
		return err
	}
	if err := t.restoreRates(s); err != nil {
		return err
	}
	if err := t.pop.Optimizer.Restore(o); err != nil {
		return fmt.Errorf("train: restore: %w", err)
	}
	copy(t.pop.Weights, weights)
	copy(t.pop.States, statistics)
	for p := range t.sums {
		r := sums[p*sumsWidth:]
		t.sums[p] = runningSums{loss: r[0], correct: int(r[1]), samples: int(r[2])}
		t.diverged[p] = int(diverged[p])
	}
	t.epoch = s.Epoch
	t.step.Store(int64(s.Step))
	return nil
}

// restoreRates restores the plateau.
func (t *Recorded) restoreRates(s *State) error {
	if t.plateau == nil {
		return nil
	}
	state := t.plateau.State()
	for i := range state {
		var err error
		if state[i].Data, err = find(s.Float64, plateauPrefix+state[i].Name, len(t.cfg.Members), 1); err != nil {
			return err
		}
	}
	if err := t.plateau.Restore(state); err != nil {
		return fmt.Errorf("train: restore: %w", err)
	}
	return nil
}
