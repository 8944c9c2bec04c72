package train

import (
	"context"

	"github.com/weightspace/weightspace/runtime/tensor"
)

// Engine trains one population: Trainer for the zoos' small networks, Recorded for any network of layers. The methods are for one
// goroutine, but for Progress.
type Engine interface {
	// Epoch is the number of finished epochs.
	Epoch() int
	// Progress gives the finished steps of the current epoch, from any goroutine.
	Progress() (step, stepsPerEpoch int)
	// TrainEpoch finishes the current epoch; when ctx ends it returns its error with nothing lost.
	TrainEpoch(ctx context.Context) error
	// Evaluate returns a row per member for the epoch just finished, or epoch 0.
	Evaluate(ctx context.Context) ([]Metrics, error)
	// Parameters is the number of trained parameters of a member.
	Parameters() int
	// Weights is the slab [P, row] to read between calls of TrainEpoch, Layout names its parts: parameters, then running
	// statistics if there are any.
	Weights() []float32
	Layout() []tensor.Param
	// DivergedEpoch is -1 for members whose numbers stayed finite.
	DivergedEpoch() []int
	// State and Restore carry everything between two processes.
	State() *State
	Restore(s *State) error
}

// Parameters is the number of parameters of a member.
func (t *Trainer) Parameters() int { return t.net.NumParams() }
