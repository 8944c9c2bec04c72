package optim

import (
	"sync/atomic"

	"github.com/weightspace/weightspace/runtime/kernel/update"
)

// trial is a step that may be taken back.
type trial[T update.Float] struct {
	w, g, before []T
	p            int
	clip         update.Clip
	bad          atomic.Bool
}

// tryGrain is the elements of one part of a trial: what it reads and writes stays in the second-level cache.
const tryGrain = 1 << 14

// Try does one step of member p on rows of its own, parameters w and gradients g [n]. If a parameter would not be finite it
// puts w back and reports false: moments and counters have moved, so freeze the member. before [n] is scratch. parallel runs f(0..n-1) on
// idle workers; nil runs them here. With parallel, only one member may be tried at a time. A frozen member is passed over.
func (o *Optimizer[T]) Try(w, g, before []T, p int, parallel func(n int, f func(task int))) bool {
	n := o.c.Params
	need(len(w) >= n && len(g) >= n && len(before) >= n, "optim: Try: rows too short")
	if o.frozen[p] {
		return true
	}
	o.steps[p]++
	clip := o.clip(g[:n], p)
	tasks := (n + tryGrain - 1) / tryGrain
	if parallel == nil {
		good := true
		for i := range tasks {
			good = o.tryRange(w, g, before, p, clip, i) && good
		}
		return good || restore(w[:n], before)
	}
	t := &o.try
	t.w, t.g, t.before, t.p, t.clip = w, g, before, p, clip
	t.bad.Store(false)
	parallel(tasks, o.tryPart)
	t.w, t.g, t.before = nil, nil, nil
	return !t.bad.Load() || restore(w[:n], before)
}

// restore undoes a step; it is always false.
func restore[T update.Float](w, before []T) bool {
	copy(w, before)
	return false
}

// attempt does one part of a trial.
func (o *Optimizer[T]) attempt(t *trial[T], task int) {
	if !o.tryRange(t.w, t.g, t.before, t.p, t.clip, task) {
		t.bad.Store(true)
	}
}

// tryRange keeps a part of the row, does its step, and reports whether it is finite.
func (o *Optimizer[T]) tryRange(w, g, before []T, p int, clip update.Clip, task int) bool {
	from, to := task*tryGrain, min((task+1)*tryGrain, o.c.Params)
	copy(before[from:to], w[from:to])
	o.part(w, g, p, clip, from, to)
	return o.kernels.finite(w[from:to])
}
