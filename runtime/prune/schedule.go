package prune

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/kernel/detmath"
)

// Event says that from a step on, counted over the whole fine-tuning, a share of the weights is dropped.
type Event struct {
	// Step is the training step before which the mask grows; 0 is before training.
	Step int
	// Sparsity is the share, in [0, 1].
	Sparsity float64
}

// OneShot drops everything before the first step.
func OneShot(sparsity float64) []Event { return []Event{{0, sparsity}} }

// Iterative drops in n rounds, one every so many steps, the first before training. Every round drops the same share of what the
// rounds before left, so that the last reaches the sparsity: s_i = 1 - (1-s)^(i/n), i = 1..n.
func Iterative(sparsity float64, n, every int) ([]Event, error) {
	if n < 1 || every < 1 && n > 1 {
		return nil, fmt.Errorf("iterative pruning in %d rounds, one every %d steps: both must be at least 1", n, every)
	}
	left := detmath.Log(1 - sparsity)
	out := make([]Event, n)
	for i := range out {
		share := 1 - detmath.Exp(float64(left*float64(i+1))/float64(n))
		out[i] = Event{i * every, min(max(share, 0), sparsity)}
	}
	out[n-1].Sparsity = sparsity
	return out, nil
}

// Cubic is the gradual schedule s_t = s_f + (s_0 - s_f)(1 - (t-t0)/(n dt))^3 at t = t0, t0+dt, ..., t0+n dt (Zhu and Gupta 2017).
func Cubic(initial, final float64, start, n, every int) ([]Event, error) {
	if start < 0 || n < 1 || every < 1 || initial > final {
		return nil, fmt.Errorf("cubic pruning from sparsity %v to %v, from step %d on %d times every %d steps: sparsity must not fall, the times be at least 1", initial, final, start, n, every)
	}
	out := make([]Event, n+1)
	for i := range out {
		left := float64(n-i) / float64(n)
		cube := float64(left*left) * left
		out[i] = Event{start + i*every, min(max(final+float64((initial-final)*cube), 0), final)}
	}
	out[n].Sparsity = final
	return out, nil
}
