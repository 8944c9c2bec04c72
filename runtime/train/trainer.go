package train

import (
	"context"

	"github.com/weightspace/weightspace/runtime/tensor"
)

// Trainer trains one population.
type Trainer struct{}

// New checks the configuration and initialises the population: it is at epoch 0.
func New(c Config) (*Trainer, error) { return nil, nil }

// Epoch is the number of finished epochs.
func (t *Trainer) Epoch() int { return 0 }

// TrainEpoch finishes the current epoch.
func (t *Trainer) TrainEpoch(ctx context.Context) error { return nil }

// Evaluate returns one row per member for the epoch just finished (or epoch 0).
func (t *Trainer) Evaluate(ctx context.Context) ([]Metrics, error) { return nil, nil }

// Weights is the slab [P, nParams].
func (t *Trainer) Weights() []float32 { return nil }

// Layout names the parameters of a row.
func (t *Trainer) Layout() []tensor.Param { return nil }

// DivergedEpoch gives for each member the epoch in which it diverged, or -1.
func (t *Trainer) DivergedEpoch() []int { return nil }

// State copies everything needed to resume.
func (t *Trainer) State() *State { return nil }

// Restore continues from a State.
func (t *Trainer) Restore(s *State) error { return nil }

// Progress may be called from any goroutine.
func (t *Trainer) Progress() (step, stepsPerEpoch int) { return 0, 0 }

// Select returns the rows of some members, to regroup a population on resume.
func (s *State) Select(members []int) *State { return nil }
