package train

import (
	"fmt"
	"math"
)

// Names of the slabs of a State.
const (
	slabWeights  = "weights"
	slabMoment1  = "moment1"
	slabMoment2  = "moment2"
	slabSums     = "sums"     // loss, correct, samples of the epoch
	slabDiverged = "diverged" // epoch or -1
	sumsWidth    = 3
)

// State copies everything needed to resume: weights, optimiser moments, running sums of the
// epoch, divergence. Call it between calls of TrainEpoch; it holds at any step boundary.
func (t *Trainer) State() *State {
	n := t.width
	s := &State{Members: len(t.cfg.Members), Epoch: t.epoch, Step: int(t.step.Load())}
	for _, f := range t.slabs() {
		s.Float32 = append(s.Float32, Slab[float32]{f.name, n, append([]float32(nil), f.data...)})
	}
	sums, diverged := make([]float64, 0, sumsWidth*len(t.sums)), make([]float64, 0, len(t.diverged))
	for p, r := range t.sums {
		sums = append(sums, r.loss, float64(r.correct), float64(r.samples))
		diverged = append(diverged, float64(t.diverged[p]))
	}
	s.Float64 = []Slab[float64]{{slabSums, sumsWidth, sums}, {slabDiverged, 1, diverged}}
	return s
}

type namedSlab struct {
	name string
	data []float32
}

// slabs are the float32 parts of the state; SGD has one moment.
func (t *Trainer) slabs() []namedSlab {
	s := []namedSlab{{slabWeights, t.weights}, {slabMoment1, t.m}}
	if t.v != nil {
		s = append(s, namedSlab{slabMoment2, t.v})
	}
	return s
}

// Restore continues from a State of a population with the same members, architecture,
// optimiser, batch size and data. It checks all shapes first and changes nothing if one is
// wrong.
func (t *Trainer) Restore(s *State) error {
	if s == nil || s.Members != len(t.cfg.Members) {
		return fmt.Errorf("train: restore: state is not of %d members", len(t.cfg.Members))
	}
	if s.Epoch < 0 || s.Step < 0 || s.Step >= t.stepsPerEpoch {
		return fmt.Errorf("train: restore: epoch %d, step %d is not a position in epochs of %d steps", s.Epoch, s.Step, t.stepsPerEpoch)
	}
	slabs := t.slabs()
	if len(s.Float32) != len(slabs) {
		return fmt.Errorf("train: restore: state has %d float32 slabs, optimiser %s needs %d", len(s.Float32), t.cfg.Optimizer, len(slabs))
	}
	sources := make([][]float32, len(slabs))
	for i, f := range slabs {
		var err error
		if sources[i], err = find(s.Float32, f.name, s.Members, t.width); err != nil {
			return err
		}
	}
	sums, err := find(s.Float64, slabSums, s.Members, sumsWidth)
	if err != nil {
		return err
	}
	diverged, err := find(s.Float64, slabDiverged, s.Members, 1)
	if err != nil {
		return err
	}
	for p, d := range diverged {
		if d != math.Trunc(d) || d < -1 || d > float64(s.Epoch+1) {
			return fmt.Errorf("train: restore: slab %s: member %d diverged in epoch %v of %d", slabDiverged, p, d, s.Epoch+1)
		}
	}
	for i, f := range slabs {
		copy(f.data, sources[i])
	}
	for p := range t.sums {
		r := sums[p*sumsWidth:]
		t.sums[p] = runningSums{loss: r[0], correct: int(r[1]), samples: int(r[2])}
		t.diverged[p] = int(diverged[p])
	}
	t.epoch = s.Epoch
	t.step.Store(int64(s.Step))
	return nil
}

// find returns the data of a slab after checking its size.
func find[T float32 | float64](slabs []Slab[T], name string, members, width int) ([]T, error) {
	for _, s := range slabs {
		if s.Name != name {
			continue
		}
		if s.Width != width || len(s.Data) != members*width {
			return nil, fmt.Errorf("train: restore: slab %s has width %d and %d elements, want width %d and %d members", name, s.Width, len(s.Data), width, members)
		}
		return s.Data, nil
	}
	return nil, fmt.Errorf("train: restore: slab %s is missing", name)
}

// Select returns the rows of some members, in the given order, to regroup a population on
// resume. The result shares nothing with s. A member number outside [0, s.Members) panics.
func (s *State) Select(members []int) *State {
	out := &State{Members: len(members), Epoch: s.Epoch, Step: s.Step}
	for _, f := range s.Float32 {
		out.Float32 = append(out.Float32, selectRows(f, members))
	}
	for _, f := range s.Float64 {
		out.Float64 = append(out.Float64, selectRows(f, members))
	}
	return out
}

func selectRows[T float32 | float64](s Slab[T], members []int) Slab[T] {
	out := Slab[T]{Name: s.Name, Width: s.Width, Data: make([]T, 0, len(members)*s.Width)}
	for _, p := range members {
		out.Data = append(out.Data, s.Data[p*s.Width:(p+1)*s.Width]...)
	}
	return out
}
