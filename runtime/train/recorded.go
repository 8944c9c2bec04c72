package train

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/device/cpu"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/optim"
	"github.com/weightspace/weightspace/runtime/pop"
	"github.com/weightspace/weightspace/runtime/rng"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// Recipe is what a network of layers needs beside a Config: the layers, and the parts of a recipe that the zoos' small networks do
// not have. The zero values are a constant rate, no clipping and no smoothing.
type Recipe struct {
	// Layers is the network, from images [C, H, W, N] to logits.
	Layers nn.Sequential
	// Schedule moves the learning rate; nil keeps it. Its time is in steps.
	Schedule optim.Schedule
	// Plateau, instead of a schedule, lowers the rate when an epoch's mean training loss stops falling.
	Plateau *optim.PlateauConfig
	// ClipNorm or ClipValue bound each member's gradient; 0 does not.
	ClipNorm, ClipValue float64
	// LabelSmoothing is PyTorch's.
	LabelSmoothing float64
	// Nesterov is for sgd.
	Nesterov bool
	// Temperature, if above 0, makes the objective contrastive: InfoNCE between two augmented views of each image (Chen et al. 2020).
	Temperature float64
	// Initial are the weights that members start from, [P]; nil draws all.
	Initial []Initial
}

// Recorded trains one population of a network of layers. Its methods are for one goroutine, but for Progress.
type Recorded struct {
	cfg           Config
	recipe        Recipe
	pop           *pop.Population[float32]
	images        *imageLoader
	views         *views
	stepsPerEpoch int
	classesFirst  bool
	plateau       *optim.Plateau

	epoch    int
	step     atomic.Int64
	sums     []runningSums
	diverged []int
	results  []pop.Result
	// masking keeps dropped weights of pruned twins at 0; nil for others.
	masking *masking
	// noise is what variational twins add; nil for others.
	noise *variationalRecorded
}

// NewRecorded checks the configuration and initialises the population: it is at epoch 0. Optimizer may also be adamw; Architecture
// is not looked at.
func NewRecorded(c Config, r Recipe) (*Recorded, error) { return newRecorded(c, r, nil) }

func newRecorded(c Config, r Recipe, noise *variationalRecorded) (*Recorded, error) {
	if err := c.checkRecorded(); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	f, err := op.ParseActivation(c.Activation)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	d, err := cpu.New[float32](c.ISA, c.Workers)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	c.Members = append([]Member(nil), c.Members...)
	t := &Recorded{
		cfg: c, recipe: r, images: newImageLoader(c.Data),
		stepsPerEpoch: (c.Data.Train.N + c.BatchSize - 1) / c.BatchSize,
		sums:          make([]runningSums, len(c.Members)),
		diverged:      make([]int, len(c.Members)),
		results:       make([]pop.Result, len(c.Members)),
		noise:         noise,
	}
	if t.views, err = newViews(&c, &r, t.images); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	if t.pop, err = pop.New(t.population(d, f), c.BatchSize); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	if r.Plateau != nil {
		if t.plateau, err = optim.NewPlateau(*r.Plateau, t.pop.Optimizer.Rate); err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
	}
	for p, m := range c.Members {
		t.diverged[p] = -1
		if err := nn.Init(t.pop.Params, t.pop.Row(p), m.Seed, m.Initializer); err != nil {
			return nil, fmt.Errorf("train: member %d: %w", p, err)
		}
	}
	return t, t.start()
}

// checkRecorded is check with the optimisers and networks that recorded training adds.
func (c *Config) checkRecorded() error {
	known := *c
	if known.Optimizer == string(optim.AdamW) {
		known.Optimizer = optimizerAdam
	}
	return known.check()
}

// population translates the configuration.
func (t *Recorded) population(d device.Device[float32], f device.Func) pop.Config[float32] {
	c := &t.cfg
	o := optim.Default(optim.Kind(c.Optimizer), len(c.Members), 0)
	o.Decay = 0
	if c.Optimizer == optimizerSGD {
		o.Momentum, o.Nesterov = c.Momentum, t.recipe.Nesterov
	}
	o.ClipNorm, o.ClipValue, o.ISA = t.recipe.ClipNorm, t.recipe.ClipValue, c.ISA
	if t.noise != nil {
		t.noise.options(&o)
	}
	out := pop.Config[float32]{Device: d, Network: t.record, Activation: f, Optimizer: optim.Kind(c.Optimizer), Options: o}
	for _, m := range c.Members {
		out.Members = append(out.Members, pop.Member{Seed: m.Seed, LearningRate: m.LearningRate, WeightDecay: m.WeightDecay, Dropout: m.Dropout})
	}
	return out
}

// record is the network with its loss on a batch of images.
func (t *Recorded) record(c *nn.Context, batch int) (loss, correct op.Value) {
	in := t.cfg.input()
	x := nn.Tensor{Value: c.Graph.Input("images", in.C, in.H, in.W, t.columns(batch)), Layout: nn.Images}
	if t.noise != nil {
		defer t.noise.declare(c, batch)()
	}
	y := t.recipe.Layers.Apply(c, x)
	s := c.Graph.Shape(y.Value)
	classes := s[len(s)-1]
	switch {
	case len(s) == 2 && y.Layout == nn.FeaturesFirst:
		t.classesFirst, classes = true, s[0]
	case len(s) == 2 && y.Layout == nn.FeaturesLast:
	default:
		panic(&op.BuildError{Op: "network", Problem: "ends in " + y.Layout.String() + ", not in a score per class"})
	}
	labels := c.Graph.IntInput("labels", batch)
	if t.recipe.Temperature > 0 {
		r := t.contrast(c.Graph, y.Value)
		return r.Loss, r.Correct
	}
	if classes < t.cfg.Data.Classes {
		panic(&op.BuildError{Op: "network", Problem: fmt.Sprintf("has %d outputs, the data %d classes", classes, t.cfg.Data.Classes)})
	}
	smoothing := t.recipe.LabelSmoothing
	if !c.Graph.Training {
		smoothing = 0
	}
	r := c.Graph.CrossEntropy(y.Value, labels, t.classesFirst, smoothing)
	if c.Graph.Training && t.views.mixes() {
		return t.softLoss(c.Graph, y.Value, batch, classes), r.Correct
	}
	return r.Loss, r.Correct
}

// Epoch is the number of finished epochs.
func (t *Recorded) Epoch() int { return t.epoch }

// Progress gives the finished steps of the current epoch. It may be called from any goroutine.
func (t *Recorded) Progress() (step, stepsPerEpoch int) {
	return int(t.step.Load()), t.stepsPerEpoch
}

// Parameters is the number of trained parameters of a member.
func (t *Recorded) Parameters() int { return t.pop.NumParams() }

// Layout names the parameters of a row in PyTorch order, then the running statistics.
func (t *Recorded) Layout() []tensor.Param {
	var out []tensor.Param
	for _, p := range t.pop.Params {
		out = append(out, p.Param)
	}
	for _, s := range t.pop.StateLayout {
		s.Offset += t.pop.NumParams()
		out = append(out, s)
	}
	return out
}

// Weights is a slab [P, nParams + nStatistics]: read it between calls of TrainEpoch, do not change it.
func (t *Recorded) Weights() []float32 {
	if len(t.pop.States) == 0 {
		return t.pop.Weights
	}
	out := make([]float32, 0, len(t.pop.Weights)+len(t.pop.States))
	for p := range t.cfg.Members {
		out = append(append(out, t.pop.Row(p)...), t.pop.StateRow(p)...)
	}
	return out
}

// DivergedEpoch gives for each member the epoch (from 1) in which its loss or a weight became NaN or infinite, or -1.
func (t *Recorded) DivergedEpoch() []int { return append([]int(nil), t.diverged...) }

// TrainEpoch finishes the current epoch, step by step. If ctx is done it returns its error at a step's end, with all members
// at the same step and nothing lost: call it again to go on, or save State. Members whose numbers go bad are frozen as in Trainer.
func (t *Recorded) TrainEpoch(ctx context.Context) error {
	step := int(t.step.Load())
	if step == 0 {
		for p := range t.sums {
			if t.diverged[p] < 0 {
				t.sums[p] = runningSums{}
			}
		}
	}
	n := t.cfg.Data.Train.N
	for ; step < t.stepsPerEpoch; step++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.masking.due(t.epoch*t.stepsPerEpoch, step, step+1)
		from := step * t.cfg.BatchSize
		count := min(t.cfg.BatchSize, n-from)
		t.follow(step)
		// A step is never cut short, so that members stay together.
		global, feed := uint64(t.epoch*t.stepsPerEpoch+step), t.batch(from, count)
		if t.noise != nil {
			feed = t.noise.feed(feed, count, global)
		}
		err := t.pop.Step(context.WithoutCancel(ctx), count, global, feed, t.results)
		if err != nil {
			return fmt.Errorf("train: epoch %d, step %d: %w", t.epoch+1, step, err)
		}
		t.addUp(count)
		t.step.Store(int64(step + 1))
	}
	if t.plateau != nil {
		for p, s := range t.sums {
			loss, _ := means(score{s.loss, s.correct}, s.samples)
			t.plateau.Observe(p, loss)
		}
	}
	t.epoch++
	t.step.Store(0)
	return nil
}

// follow sets every member's learning rate for a step of the current epoch.
func (t *Recorded) follow(step int) {
	at := t.epoch*t.stepsPerEpoch + step
	for p, m := range t.cfg.Members {
		switch {
		case t.plateau != nil:
			t.pop.Optimizer.Rate[p] = t.plateau.Rate(p)
		case t.recipe.Schedule != nil:
			t.pop.Optimizer.Follow(t.recipe.Schedule, p, m.LearningRate, at)
		}
	}
}

// batch feeds each member its own order of the training images.
func (t *Recorded) batch(from, count int) pop.Feed[float32] {
	s := &t.cfg.Data.Train
	if t.views != nil {
		return func(m int, in device.Feed[float32]) { t.augmented(m, in, from, count) }
	}
	return func(m int, in device.Feed[float32]) {
		order := rng.New(t.cfg.Members[m].Seed, "data/order").Permutation(s.N, uint64(t.epoch))
		for j := range count {
			i := order.At(from + j)
			t.images.column(in.Floats, s, i, j, count)
			in.Ints[j] = int32(s.Labels[i])
		}
	}
}

// addUp adds a step's results to the running sums.
func (t *Recorded) addUp(count int) {
	for p, r := range t.results {
		switch {
		case t.diverged[p] >= 0:
		case r.Bad:
			t.diverged[p] = t.epoch + 1
			t.pop.Optimizer.Freeze(p, true)
		default:
			s := &t.sums[p]
			s.loss += float64(r.Loss * float64(t.columns(count)))
			s.correct += r.Correct
			s.samples += t.columns(count)
		}
	}
}

// column writes image i as column j of dst [C, H, W, n].
func (l *imageLoader) column(dst []float32, s *dataSplit, i, j, n int) {
	plane := s.H * s.W
	for c := range s.C {
		value := &l.value[c]
		in := s.Images[(i*s.C+c)*plane : (i*s.C+c+1)*plane]
		at := c*plane*n + j
		for _, v := range in {
			dst[at] = value[v]
			at += n
		}
	}
}
