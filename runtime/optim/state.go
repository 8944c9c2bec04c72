package optim

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/kernel/update"
)

// Slab is a named array of a checkpoint.
type Slab[T update.Float] struct {
	Name string
	Data []T
}

// State is what an optimiser must keep between two steps to go on with the same bits. Rates,
// weight decays and momenta are not part of it: they follow from the configuration and the
// schedule.
type State[T update.Float] struct {
	// Moments [P, n] with the optimiser's stride: "momentum_buffer" for SGD, "exp_avg" and
	// "exp_avg_sq" for the Adam kinds.
	Moments []Slab[T]
	// Members [P] are "step" (whole numbers) and "frozen" (0 or 1).
	Members []Slab[float64]
}

// State returns the state: moments are the optimiser's own memory, valid until the next step.
func (o *Optimizer[T]) State() State[T] {
	steps, frozen := make([]float64, o.c.Members), make([]float64, o.c.Members)
	for p := range steps {
		steps[p] = float64(o.steps[p])
		if o.frozen[p] {
			frozen[p] = 1
		}
	}
	return State[T]{o.moments(), []Slab[float64]{{"step", steps}, {"frozen", frozen}}}
}

// moments are the slabs [P, n] in their order.
func (o *Optimizer[T]) moments() []Slab[T] {
	if o.kind == SGD {
		return []Slab[T]{{"momentum_buffer", o.first}}
	}
	return []Slab[T]{{"exp_avg", o.first}, {"exp_avg_sq", o.second}}
}

// Restore copies a state of the same kind and shape into the optimiser. When it fails nothing
// has changed.
func (o *Optimizer[T]) Restore(s State[T]) error {
	own := o.State()
	if err := match(own.Moments, s.Moments); err != nil {
		return fmt.Errorf("optimizer %s: %w", o.kind, err)
	}
	if err := match(own.Members, s.Members); err != nil {
		return fmt.Errorf("optimizer %s: %w", o.kind, err)
	}
	steps, frozen := s.Members[0].Data, s.Members[1].Data
	for p := range steps {
		if !whole(steps[p], 1<<53) || !whole(frozen[p], 1) {
			return fmt.Errorf("optimizer %s: member %d: step %v, frozen %v", o.kind, p, steps[p], frozen[p])
		}
	}
	for i, m := range own.Moments {
		copy(m.Data, s.Moments[i].Data)
	}
	for p := range steps {
		o.steps[p], o.frozen[p] = int(steps[p]), frozen[p] == 1
	}
	return nil
}

// match compares names and lengths.
func match[T update.Float](own, other []Slab[T]) error {
	if len(other) != len(own) {
		return fmt.Errorf("a state of %d slabs, want %d", len(other), len(own))
	}
	for i, s := range other {
		if s.Name != own[i].Name || len(s.Data) != len(own[i].Data) {
			return fmt.Errorf("slab %q of %d elements, want %q of %d", s.Name, len(s.Data), own[i].Name, len(own[i].Data))
		}
	}
	return nil
}

// whole reports a whole number in [0, limit].
func whole(x, limit float64) bool { return x >= 0 && x <= limit && x == float64(int64(x)) }
