package train

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"

	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/par"
	"github.com/weightspace/weightspace/runtime/tensor"
	"github.com/weightspace/weightspace/runtime/tile"
)

// Trainer trains one population. Its methods are for one goroutine, but for Progress.
type Trainer struct {
	cfg           Config
	net           *tile.Net
	workers       []*worker
	images        *imageLoader
	stepsPerEpoch int
	// roundSamples is about how many samples a worker trains on between looks at the context.
	roundSamples int

	// epoch counts finished epochs; step the finished steps of the current one.
	epoch int
	step  atomic.Int64

	// Slabs [P, width]: weights, first moment (or momentum buffer), second moment (Adam).
	weights, m, v []float32
	// width is nParams, twice as much for variational twins.
	width int
	// sums [P]: what training has added up in the current, or just finished, epoch.
	sums []runningSums
	// cohorts decides how many cohorts of 16 of n members there are in a round: bestCohorts, or
	// what a test wants.
	cohorts func(n, batch, workers int) int
	// units are the tasks of a round, alive the members that they train.
	units []unit
	alive []int
	// diverged [P]: the epoch (from 1) in which the member was frozen, or -1.
	diverged []int
	// masking keeps dropped weights of pruned twins at 0; nil for others.
	masking *masking
	// noise is what variational twins add; nil for others.
	noise *noise
	// answers [P][N], if set, take the predictions of an evaluation.
	answers [][]uint16
}

// runningSums are over accepted steps, in step order.
type runningSums struct {
	loss             float64
	correct, samples int
}

// New checks the configuration and initialises the population: it is at epoch 0.
func New(c Config) (*Trainer, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	net, err := c.network()
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	if c.Data.Classes > net.Out().Size() {
		return nil, fmt.Errorf("train: data has %d classes, %s has %d outputs", c.Data.Classes, c.Architecture, net.Out().Size())
	}
	k, err := kernel.New(c.ISA)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	c.Members = append([]Member(nil), c.Members...)
	t := &Trainer{
		cfg: c, net: net, images: newImageLoader(c.Data),
		stepsPerEpoch: (c.Data.Train.N + c.BatchSize - 1) / c.BatchSize,
		roundSamples:  cmp.Or(c.RoundSamples, defaultRoundSamples),
		cohorts:       bestCohorts,
		sums:          make([]runningSums, len(c.Members)),
		diverged:      make([]int, len(c.Members)),
		width:         net.NumParams(),
	}
	slab := len(c.Members) * net.NumParams()
	t.weights, t.m = make([]float32, slab), make([]float32, slab)
	if c.Optimizer == optimizerAdam {
		t.v = make([]float32, slab)
	}
	for range par.Workers(c.Workers) {
		t.workers = append(t.workers, newWorker(net, k))
	}
	for p, m := range c.Members {
		t.diverged[p] = -1
		if err := net.Init(t.row(t.weights, p), m.Seed, m.Initializer); err != nil {
			return nil, fmt.Errorf("train: member %d: %w", p, err)
		}
	}
	return t, nil
}

// row is member p's part of a slab.
func (t *Trainer) row(slab []float32, p int) []float32 {
	n := t.width
	return slab[p*n : (p+1)*n : (p+1)*n]
}

// Epoch is the number of finished epochs.
func (t *Trainer) Epoch() int { return t.epoch }

// Progress gives the finished steps of the current epoch. It may be called from any
// goroutine.
func (t *Trainer) Progress() (step, stepsPerEpoch int) {
	return int(t.step.Load()), t.stepsPerEpoch
}

// Weights is the slab [P, nParams] itself: read it between calls of TrainEpoch, do not change
// it.
func (t *Trainer) Weights() []float32 {
	if t.noise != nil {
		return t.noise.twins
	}
	return t.weights
}

// Layout names the parameters of a row, in PyTorch order.
func (t *Trainer) Layout() []tensor.Param { return t.net.Layout() }

// DivergedEpoch gives for each member the epoch (from 1) in which its loss or a weight became
// NaN or infinite, or -1.
func (t *Trainer) DivergedEpoch() []int { return append([]int(nil), t.diverged...) }

// defaultRoundSamples makes rounds of a fraction of a second.
const defaultRoundSamples = 1 << 14

// TrainEpoch finishes the current epoch: all members advance by rounds of a few steps and
// stop together. If ctx is done it returns its error at the end of a round, with all members
// at the same step and nothing lost: call it again to go on, or save State.
//
// A member whose loss is not finite, or whose weights are not after the update, is frozen: it
// keeps the weights from before that step for good, and the step is not counted in its train
// metrics. Its later metric rows repeat that epoch's.
func (t *Trainer) TrainEpoch(ctx context.Context) error {
	step := int(t.step.Load())
	if step == 0 {
		for p := range t.sums {
			if t.diverged[p] < 0 {
				t.sums[p] = runningSums{}
			}
		}
	}
	perRound := max(1, t.roundSamples*len(t.workers)/(len(t.cfg.Members)*t.cfg.BatchSize))
	for step < t.stepsPerEpoch {
		if err := ctx.Err(); err != nil {
			return err
		}
		to := t.masking.due(t.epoch*t.stepsPerEpoch, step, min(step+perRound, t.stepsPerEpoch))
		t.schedule()
		// A round is never cut short, so that members stay at a common step.
		err := par.For(context.WithoutCancel(ctx), len(t.workers), len(t.units), func(w, u int) {
			t.run(t.workers[w], t.units[u], step, to)
		})
		if err != nil {
			return err
		}
		step = to
		t.step.Store(int64(step))
	}
	t.epoch++
	t.step.Store(0)
	return nil
}
