package train

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/kernel"
)

var (
	_ host = (*Trainer)(nil)
	_ host = (*Recorded)(nil)
)

// clearLane is clear for a slab [nParams, 16] with member p in a lane.
func (m *masking) clearLane(p, lane int, slab []float32) {
	if m == nil {
		return
	}
	for _, i := range m.dropped[p] {
		slab[int(i)*kernel.Lanes+lane] = 0
	}
}

// due says how far training may go from a step of the current epoch on before the mask grows; from and to are steps of the epoch.
func (m *masking) due(first, from, to int) int {
	if m == nil {
		return to
	}
	return min(to, m.before(first+from)-first)
}

func (t *Trainer) load(rows []float32) error {
	if err := checkRows(rows, len(t.weights)); err != nil {
		return err
	}
	copy(t.weights, rows)
	return nil
}

// checkRows makes sure that rows of parents are those of the population.
func checkRows(rows []float32, want int) error {
	if len(rows) != want {
		return fmt.Errorf("train: parents have %d weights in all, the population %d", len(rows), want)
	}
	if !finite(rows) {
		return fmt.Errorf("train: a parent has a weight that is not finite")
	}
	return nil
}

func (t *Trainer) mutable(p int) []float32 { return t.row(t.weights, p) }

func (t *Trainer) forget(p int, dropped []int32) {
	for _, s := range t.slabs()[1:] {
		row := t.row(s.data, p)
		for _, i := range dropped {
			row[i] = 0
		}
	}
}

func (t *Trainer) mask(m *masking) { t.masking = m }

func (t *Trainer) seed(p int) uint64 { return t.cfg.Members[p].Seed }

func (t *Recorded) load(rows []float32) error {
	members, n := len(t.cfg.Members), t.pop.NumParams()
	states := len(t.pop.States) / members
	if err := checkRows(rows, members*(n+states)); err != nil {
		return err
	}
	for p := range members {
		row := rows[p*(n+states):]
		copy(t.pop.Row(p), row[:n])
		copy(t.pop.StateRow(p), row[n:n+states])
	}
	return nil
}

func (t *Recorded) mutable(p int) []float32 { return t.pop.Row(p) }

func (t *Recorded) forget(p int, dropped []int32) {
	n := t.pop.NumParams()
	for _, m := range t.pop.Optimizer.State().Moments {
		for _, i := range dropped {
			m.Data[p*n+int(i)] = 0
		}
	}
}

func (t *Recorded) mask(m *masking) {
	t.masking = m
	t.pop.Constrain = m.clear
}

func (t *Recorded) seed(p int) uint64 { return t.cfg.Members[p].Seed }
