package pop

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/kernel/update"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/optim"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// Network records a network and its loss for a batch size: it declares the inputs, applies layers, and returns the loss, a
// scalar, and the number of right predictions, or an absent value.
type Network func(c *nn.Context, batch int) (loss, correct op.Value)

// Member is what a member has for itself.
type Member struct {
	// Seed keys every random stream of the member.
	Seed uint64
	// LearningRate is the base that a schedule starts from; WeightDecay is the optimiser's.
	LearningRate, WeightDecay float64
	// Dropout is the probability that an element is zeroed, in [0, 1).
	Dropout float64
}

// Config describes a population.
type Config[T device.Float] struct {
	Device  device.Device[T]
	Network Network
	// Activation is the non-linearity of layers that name none.
	Activation device.Func
	Members    []Member
	// Optimizer and Options are the update rule; Members, Params, Rate and Decay of the options are filled in.
	Optimizer optim.Kind
	Options   optim.Config
	// NoDecay leaves biases, scales and shifts of normalisations, embeddings and tokens without weight decay.
	NoDecay bool
}

// Population is networks in training. Its methods are for one goroutine.
type Population[T device.Float] struct {
	cfg Config[T]
	// Params and StateLayout describe a member's rows.
	Params      []nn.Param
	StateLayout []tensor.Param
	// Weights is the slab [P, nParams], States the slab [P, nState] of running statistics.
	Weights, States []T
	// Optimizer holds moments, rates and which members are frozen.
	Optimizer *optim.Optimizer[T]
	// Constrain, if set, is given member m's gradient before every step of the optimiser and its weights after it, to zero
	// what is pruned. Several workers call it at a time, for different members.
	Constrain func(m int, row []T)
	// Reparameterize, if set, says what training programs see instead of a member's row.
	Reparameterize Reparameterization[T]

	train, eval map[int]*stage[T]
	// rows lend copies of weights, stats of running statistics, to workers.
	rows, stats spare[T]
	// job is the step under way, kept so that a step allocates nothing.
	job job[T]
}

// Reparameterization trains rows whose programs have other parameters, functions of the row. Several workers call it at a time, for
// different members.
type Reparameterization[T device.Float] interface {
	// Weights computes the program's parameters dst of row m; both have its length.
	Weights(m int, dst, row []T)
	// Gradient turns the gradient by the program's parameters into that by row m, in place.
	Gradient(m int, grads, row []T)
}

// stage is a compiled program with the places of its results.
type stage[T device.Float] struct {
	device.Executable[T]
	loss, correct int
}

// New records the network for a batch size and makes the slabs, all zero: initialise or restore them.
func New[T device.Float](cfg Config[T], batch int) (*Population[T], error) {
	if len(cfg.Members) == 0 {
		return nil, fmt.Errorf("population: no members")
	}
	p := &Population[T]{cfg: cfg, train: map[int]*stage[T]{}, eval: map[int]*stage[T]{}}
	if _, err := p.stage(batch, true); err != nil {
		return nil, err
	}
	n := len(cfg.Members)
	params := p.NumParams()
	p.Weights, p.States = make([]T, n*params), make([]T, n*p.numStates())
	for m := range n {
		initStates(p.StateLayout, p.StateRow(m))
	}
	o := cfg.Options
	o.Members, o.Params, o.Stride = n, params, params
	if cfg.NoDecay {
		for _, q := range p.Params {
			if q.Role != nn.Weight {
				o.NoDecay = append(o.NoDecay, optim.Range{From: q.Offset, To: q.Offset + q.Size()})
			}
		}
	}
	var err error
	if p.Optimizer, err = optim.New[T](cfg.Optimizer, o); err != nil {
		return nil, fmt.Errorf("population: %w", err)
	}
	for m, c := range cfg.Members {
		p.Optimizer.Rate[m], p.Optimizer.Decay[m] = c.LearningRate, c.WeightDecay
	}
	p.rows.size, p.stats.size = params, p.numStates()
	return p, nil
}

// initStates sets running means to 0 and variances to 1.
func initStates[T device.Float](layout []tensor.Param, row []T) {
	const suffix = "running_var"
	for _, s := range layout {
		if n := len(s.Name) - len(suffix); n >= 0 && s.Name[n:] == suffix {
			for i := range s.Size() {
				row[s.Offset+i] = 1
			}
		}
	}
}

// NumParams is the length of a row of weights.
func (p *Population[T]) NumParams() int {
	n := 0
	for _, q := range p.Params {
		n += q.Size()
	}
	return n
}

func (p *Population[T]) numStates() int { return tensor.Total(p.StateLayout) }

// Row is member m's weights.
func (p *Population[T]) Row(m int) []T { return row(p.Weights, m, p.NumParams()) }

// StateRow is member m's running statistics.
func (p *Population[T]) StateRow(m int) []T { return row(p.States, m, p.numStates()) }

func row[T any](slab []T, m, n int) []T { return slab[m*n : (m+1)*n : (m+1)*n] }

// Bytes is the memory of the compiled programs and the slabs.
func (p *Population[T]) Bytes() int64 {
	var x T
	size := int64(4)
	if _, ok := any(x).(float64); ok {
		size = 8
	}
	slabs := len(p.Weights) + len(p.States)
	for _, m := range p.Optimizer.State().Moments {
		slabs += len(m.Data)
	}
	n := int64(slabs) * size
	for _, s := range p.train {
		n += s.Bytes()
	}
	for _, s := range p.eval {
		n += s.Bytes()
	}
	return n
}

// stage compiles the program of a batch size once.
func (p *Population[T]) stage(batch int, training bool) (*stage[T], error) {
	cache := p.eval
	if training {
		cache = p.train
	}
	if s := cache[batch]; s != nil {
		return s, nil
	}
	g := op.NewGraph(training)
	c := nn.NewContext(g, p.cfg.Activation)
	hasCorrect := false
	if err := op.Build(func() {
		loss, correct := p.cfg.Network(c, batch)
		g.Output("loss", loss)
		if hasCorrect = correct.Present(); hasCorrect {
			g.Output("correct", correct)
		}
		if training {
			g.Backward(loss)
		}
	}); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	prog, err := g.Compile()
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	e, err := p.cfg.Device.Compile(prog)
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	if p.Params == nil {
		p.Params, p.StateLayout = c.Params(), prog.States
	}
	s := &stage[T]{Executable: e, correct: -1}
	if hasCorrect {
		s.correct = 1
	}
	cache[batch] = s
	return s, nil
}

// Result is what one batch gave a member.
type Result struct {
	// Loss is the batch's mean loss.
	Loss float64
	// Correct is the number of right predictions; 0 where the network has none.
	Correct int
	// Bad says that the member's loss, running statistics or new weights are not finite: weights and statistics stay as they
	// were.
	Bad bool
}

// Feed fills the inputs of member m. It is called by several workers at a time.
type Feed[T device.Float] func(m int, in device.Feed[T])

// Step trains every member that is not frozen on one batch; step counts over the whole run and keys the dropout masks. results
// [P] is filled in; those of frozen members are not changed. A member whose numbers go bad is frozen. It stops early, with
// ctx's error, only between members: use it with a context that outlives the step to keep members together.
func (p *Population[T]) Step(ctx context.Context, batch int, step uint64, feed Feed[T], results []Result) error {
	s, err := p.stage(batch, true)
	if err != nil {
		return err
	}
	return p.run(ctx, job[T]{p: p, s: s, step: step, feed: feed, results: results, training: true})
}

// Evaluate computes loss and predictions of every member on one batch, without training.
func (p *Population[T]) Evaluate(ctx context.Context, batch int, feed Feed[T], results []Result) error {
	s, err := p.stage(batch, false)
	if err != nil {
		return err
	}
	return p.run(ctx, job[T]{p: p, s: s, feed: feed, results: results})
}

func (p *Population[T]) run(ctx context.Context, j job[T]) error {
	p.job = j
	defer func() { p.job = job[T]{} }()
	return j.s.Run(ctx, &p.job)
}

// job is one step of the population.
type job[T device.Float] struct {
	p        *Population[T]
	s        *stage[T]
	step     uint64
	feed     Feed[T]
	results  []Result
	training bool
}

// Members implements device.Job.
func (j *job[T]) Members() int { return len(j.p.cfg.Members) }

// Bind implements device.Job.
func (j *job[T]) Bind(m int, b *device.Binding[T], in device.Feed[T]) bool {
	p := j.p
	if j.training && p.Optimizer.Frozen(m) {
		return false
	}
	b.Weights, b.States = p.Row(m), p.StateRow(m)
	if j.training {
		// Statistics move only if the step is good.
		b.States = p.stats.get()
		copy(b.States, p.StateRow(m))
		if p.Reparameterize != nil {
			b.Weights = p.rows.get()
			p.Reparameterize.Weights(m, b.Weights, p.Row(m))
		}
	}
	c := &p.cfg.Members[m]
	b.Seed, b.Step, b.Dropout = c.Seed, j.step, c.Dropout
	j.feed(m, in)
	return true
}

// Done implements device.Job.
func (j *job[T]) Done(m int, b *device.Binding[T], outputs [][]T) {
	r := Result{Loss: float64(outputs[j.s.loss][0])}
	if j.s.correct >= 0 {
		r.Correct = int(outputs[j.s.correct][0])
	}
	if j.training {
		r.Bad = math.IsNaN(r.Loss) || math.IsInf(r.Loss, 0) || !update.FiniteRef(b.States) || !j.p.update(m, b)
		if r.Bad {
			j.p.Optimizer.Freeze(m, true)
		} else {
			copy(j.p.StateRow(m), b.States)
		}
		j.p.stats.put(b.States)
		if j.p.Reparameterize != nil {
			j.p.rows.put(b.Weights)
		}
	}
	j.results[m] = r
}

// update does the optimiser's step; it reports false, and leaves the weights as they were, if they would not be finite.
func (p *Population[T]) update(m int, b *device.Binding[T]) bool {
	before := p.rows.get()
	defer p.rows.put(before)
	if p.Reparameterize != nil {
		p.Reparameterize.Gradient(m, b.Grads, p.Row(m))
	}
	if p.Constrain == nil {
		return p.Optimizer.Try(p.Row(m), b.Grads, before, m, b.Parallel)
	}
	p.Constrain(m, b.Grads)
	good := p.Optimizer.Try(p.Row(m), b.Grads, before, m, b.Parallel)
	p.Constrain(m, p.Row(m))
	return good
}

// spare lends rows to workers.
type spare[T device.Float] struct {
	mu   sync.Mutex
	size int
	free [][]T
}

func (s *spare[T]) get() []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		x := s.free[n-1]
		s.free = s.free[:n-1]
		return x
	}
	return make([]T, s.size)
}

func (s *spare[T]) put(x []T) {
	s.mu.Lock()
	s.free = append(s.free, x)
	s.mu.Unlock()
}
