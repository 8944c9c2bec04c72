package swing

import (
	"context"
	"fmt"

	"github.com/weightspace/weightspace/runtime/grid"
	"github.com/weightspace/weightspace/runtime/par"
)

// chunk is how many trajectories a task holds: enough to refill the lanes of a vector kernel, few
// enough to keep workers busy to the end.
const chunk = 64

// Work says which trajectories of a grid to integrate: kicks First to First+Count of every node of
// Nodes. Shards divide nodes or kicks.
type Work struct {
	Index        uint64 // of the grid in its ensemble
	Nodes        []int
	First, Count int
}

// Simulate integrates w: the outcome of kick First+k of node Nodes[i] is out[i*Count+k]. Each
// worker makes its own solver. workers below 1 means all processors. The result does not depend
// on workers.
func Simulate(ctx context.Context, workers int, s *System, k Kicks, w Work, solver func() (Solver, error)) ([]Outcome, error) {
	if err := k.Validate(); err != nil {
		return nil, err
	}
	for i, n := range w.Nodes {
		if n < 0 || n >= s.N {
			return nil, &grid.FieldError{Field: fmt.Sprintf("nodes[%d]", i), Problem: fmt.Sprintf("%d is not a node: the grid has %d", n, s.N)}
		}
	}
	if w.First < 0 || w.Count < 0 || w.First+w.Count > 1<<31 {
		return nil, &grid.FieldError{Field: "perNode", Problem: fmt.Sprintf("kicks %d to %d are outside [0, 2^31]", w.First, w.First+w.Count)}
	}
	total := len(w.Nodes) * w.Count
	workers = par.Workers(workers)
	solvers, problems := make([]Solver, workers), make([]error, workers)
	kicks, out := make([][chunk]Kick, workers), make([]Outcome, total)
	err := par.For(ctx, workers, (total+chunk-1)/chunk, func(worker, task int) {
		if problems[worker] != nil {
			return
		}
		if solvers[worker] == nil {
			if solvers[worker], problems[worker] = solver(); problems[worker] != nil {
				return
			}
		}
		from, to := task*chunk, min((task+1)*chunk, total)
		list := kicks[worker][:to-from]
		for i := range list {
			list[i] = k.At(w.Index, w.Nodes[(from+i)/w.Count], w.First+(from+i)%w.Count)
		}
		problems[worker] = solvers[worker].Run(ctx, list, out[from:to])
	})
	if err != nil {
		return nil, err
	}
	for _, p := range problems {
		if p != nil {
			return nil, p
		}
	}
	return out, nil
}
