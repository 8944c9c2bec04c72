package train

import (
	"context"
	"fmt"
	"sync"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/optim"
	"github.com/weightspace/weightspace/runtime/pop"
	"github.com/weightspace/weightspace/runtime/tensor"
	"github.com/weightspace/weightspace/runtime/variational"
)

// variationalRecorded trains twins of any network of layers: convolutions and linear layers have noise, everything else is plain. Its
// rows are [2 nParams]: log sigma^2, then theta, both in the parents' layout. Programs see variances in the place of log sigma^2.
type variationalRecorded struct {
	*Recorded
	v Variational
	// plain is the parents' network: it evaluates the twins. layout is that of its parameters.
	plain    *Recorded
	layout   []tensor.Param
	segments []variational.Segment
	// inputs are the draws that a program of a batch size wants.
	inputs map[int][]noiseInput
	// vectors and drawers are lent to workers.
	vectors, drawers sync.Pool
}

func newVariationalRecorded(c Config, r Recipe, parents []float32, v Variational) (*variationalRecorded, error) {
	r.Schedule, r.Plateau, r.Initial = nil, nil, nil
	plain, err := NewRecorded(c, r)
	if err != nil {
		return nil, err
	}
	if err := plain.load(parents); err != nil {
		return nil, err
	}
	e := &variationalRecorded{v: v, plain: plain, layout: parametersOf(plain), inputs: map[int][]noiseInput{}}
	n := plain.Parameters()
	if e.segments, err = e.noisySegments(c, r); err != nil {
		return nil, fmt.Errorf("train: variational dropout: %w", err)
	}
	k, err := kernel.New(c.ISA)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	if _, err := variational.NewVectors(k.Level(), e.segments); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	e.vectors.New = func() any {
		w, _ := variational.NewVectors(k.Level(), e.segments) // has worked above
		return w
	}
	e.drawers.New = func() any { return &drawer{k: k} }
	if e.Recorded, err = newRecorded(c, r, e); err != nil {
		return nil, err
	}
	e.pop.Reparameterize = posterior{e}
	for p := range c.Members {
		row := e.pop.Row(p)
		for i := range n {
			row[i] = float32(v.InitLogSigma2)
		}
		copy(row[n:], plain.pop.Row(p))
		copy(e.pop.StateRow(p), plain.pop.StateRow(p))
		if o := e.pop.Optimizer; o.SecondRate != nil {
			o.SecondRate[p] = v.LogSigma2LearningRate
		}
	}
	e.answer()
	return e, nil
}

// noisySegments records the network once to see which parameters get noise.
func (e *variationalRecorded) noisySegments(c Config, r Recipe) ([]variational.Segment, error) {
	f, err := op.ParseActivation(c.Activation)
	if err != nil {
		return nil, err
	}
	var l *noisyLayers
	err = op.Build(func() {
		ctx := nn.NewContext(op.NewGraph(true), f)
		l = newNoisyLayers(ctx, e.layout, e.v.VariationalConvBias)
		ctx.SetAffine(l)
		in := c.input()
		r.Layers.Apply(ctx, nn.Tensor{Value: ctx.Graph.Input("images", in.C, in.H, in.W, 1), Layout: nn.Images})
	})
	if err != nil {
		return nil, err
	}
	// Weights that a layer uses in a way of its own, such as tables of embeddings, stay plain.
	segments := e.v.segments(e.layout, 1)
	for i, p := range e.layout {
		if !l.used[p.Name] {
			segments[i] = variational.Segment{From: segments[i].From, To: segments[i].To}
		}
	}
	return segments, nil
}

// options adds to the optimiser what log sigma^2 needs.
func (e *variationalRecorded) options(o *optim.Config) {
	own := optim.Range{From: 0, To: e.plain.Parameters()}
	if !e.v.DecayLogSigma2 {
		o.NoDecay = append(o.NoDecay, own)
	}
	if e.v.LogSigma2LearningRate > 0 {
		o.Second = append(o.Second, own)
	}
}

// declare declares the variances and makes the layers that follow noisy. What it returns is called after them.
func (e *variationalRecorded) declare(c *nn.Context, batch int) func() {
	l := newNoisyLayers(c, e.layout, e.v.VariationalConvBias)
	c.SetAffine(l)
	return func() { e.inputs[batch] = l.inputs }
}

// feed draws the noise of a step beside the batch.
func (e *variationalRecorded) feed(f pop.Feed[float32], count int, step uint64) pop.Feed[float32] {
	return func(m int, in device.Feed[float32]) {
		d := e.drawers.Get().(*drawer)
		d.draw(in, e.inputs[count], e.cfg.Members[m].Seed, step)
		e.drawers.Put(d)
		f(m, in)
	}
}

// posterior is what programs see of rows: a pop.Reparameterization.
type posterior struct{ *variationalRecorded }

// Weights implements pop.Reparameterization.
func (e posterior) Weights(_ int, dst, row []float32) {
	n := len(row) / 2
	v := e.vectors.Get().(*variational.Vectors)
	v.Variances(dst[:n], row[n:], row[:n])
	e.vectors.Put(v)
	copy(dst[n:], row[n:])
}

// Gradient implements pop.Reparameterization.
func (e posterior) Gradient(_ int, grads, row []float32) {
	n := len(row) / 2
	v := e.vectors.Get().(*variational.Vectors)
	v.Gradient(grads[n:], grads[:n], row[n:], row[:n], e.v.KLWeight.At(e.epoch, e.v.Epochs))
	e.vectors.Put(v)
}

// answer brings the twins up to date.
func (e *variationalRecorded) answer() {
	n := e.plain.Parameters()
	v := e.vectors.Get().(*variational.Vectors)
	defer e.vectors.Put(v)
	for p := range e.cfg.Members {
		row := e.pop.Row(p)
		v.Twin(e.plain.pop.Row(p), row[n:], row[:n], e.v.LogAlphaThreshold)
		copy(e.plain.pop.StateRow(p), e.pop.StateRow(p))
	}
}

// Parameters implements Engine: those of a parent.
func (e *variationalRecorded) Parameters() int { return e.plain.Parameters() }

// Layout implements Engine: the parents'.
func (e *variationalRecorded) Layout() []tensor.Param { return e.plain.Layout() }

// Weights implements Engine: the twins'.
func (e *variationalRecorded) Weights() []float32 { return e.plain.Weights() }

// TrainEpoch implements Engine.
func (e *variationalRecorded) TrainEpoch(ctx context.Context) error {
	defer e.answer()
	return e.Recorded.TrainEpoch(ctx)
}

// Restore implements Engine.
func (e *variationalRecorded) Restore(s *State) error {
	if err := e.Recorded.Restore(s); err != nil {
		return err
	}
	e.answer()
	return nil
}

// Evaluate implements Engine; metrics of the training split are with noise but in epoch 0.
func (e *variationalRecorded) Evaluate(ctx context.Context) ([]Metrics, error) {
	if step := e.step.Load(); step != 0 {
		return nil, fmt.Errorf("train: Evaluate in the middle of epoch %d (step %d of %d): finish it with TrainEpoch", e.epoch+1, step, e.stepsPerEpoch)
	}
	return metricsOf(e.cfg.Data, e.epoch, e.sums, func(s *data.Split, set func(p int, loss, accuracy float64)) error {
		return e.plain.evaluateSplit(ctx, s, set)
	})
}

// Sparsity implements TwinEngine.
func (e *variationalRecorded) Sparsity() []Sparsity {
	return sparsityOf(e.layout, e.plain.pop.Weights, e.plain.Parameters())
}

// Penalty implements VariationalEngine.
func (e *variationalRecorded) Penalty() []float64 {
	n := e.plain.Parameters()
	v := e.vectors.Get().(*variational.Vectors)
	defer e.vectors.Put(v)
	out := make([]float64, len(e.cfg.Members))
	for p := range out {
		row := e.pop.Row(p)
		out[p] = v.Penalty(row[n:], row[:n])
	}
	return out
}

// TrainWithoutNoise implements VariationalEngine.
func (e *variationalRecorded) TrainWithoutNoise(ctx context.Context) (loss, accuracy []float64, err error) {
	return withoutNoise(e.cfg.Data, len(e.cfg.Members), func(s *data.Split, set func(p int, loss, accuracy float64)) error {
		return e.plain.evaluateSplit(ctx, s, set)
	})
}

// LogSigma2 implements VariationalEngine.
func (e *variationalRecorded) LogSigma2() []float32 {
	n := e.plain.Parameters()
	out := make([]float32, 0, n*len(e.cfg.Members))
	for p := range e.cfg.Members {
		out = append(out, e.pop.Row(p)[:n]...)
	}
	return out
}
