package train

import (
	"context"
	"fmt"

	"github.com/weightspace/weightspace/runtime/augment"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/device/cpu"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/op"
)

// Activations gives the intermediate outputs of given networks of one architecture, in eval mode. It is for one goroutine.
type Activations struct {
	layers nn.Sequential
	names  []string
	f      device.Func
	device *cpu.Device[float32]
	images *imageLoader
	views  *views
	input  augment.Shape
	data   *data.Set
	widths []int
	runs   map[int]device.Executable[float32]
}

// activationBatch is the images that pass through a network at a time.
const activationBatch = 128

// NewActivations prepares a network of layers; of c only Activation, Data, ISA and Workers are used. A stage is a module with
// parameters and what follows it up to the next: pooling, the non-linearity.
func NewActivations(c Config, layers nn.Sequential) (*Activations, error) {
	if c.Data == nil {
		return nil, fmt.Errorf("train: data is missing")
	}
	if err := checkData(c.Data); err != nil {
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
	a := &Activations{layers: layers, f: f, device: d, images: newImageLoader(c.Data), input: c.input(), data: c.Data, runs: map[int]device.Executable[float32]{}}
	if a.views, err = newViews(&c, &Recipe{}, a.images); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	_, err = a.run(1)
	return a, err
}

// Stages names the stages by their modules, in order; Widths are their numbers of features.
func (a *Activations) Stages() []string { return a.names }

// Widths are the numbers of features of the stages.
func (a *Activations) Widths() []int { return a.widths }

// run compiles the network for a batch once; its outputs are the stages, [batch, features] each.
func (a *Activations) run(batch int) (device.Executable[float32], error) {
	if e := a.runs[batch]; e != nil {
		return e, nil
	}
	g := op.NewGraph(false)
	t := a.input
	a.names, a.widths = nil, nil
	err := op.Build(func() {
		c := nn.NewContext(g, a.f)
		x := nn.Tensor{Value: g.Input("images", t.C, t.H, t.W, batch), Layout: nn.Images}
		module, params := "", 0
		stage := func() {
			if module == "" {
				return
			}
			v := samplesFirst(g, x, batch)
			a.names, a.widths = append(a.names, module), append(a.widths, g.Shape(v)[1])
			g.Output(fmt.Sprintf("stage%d", len(a.names)), v)
		}
		for _, l := range a.layers {
			before := x
			x = l.Layer.Apply(c.In(l.Name), x)
			if n := len(c.Params()); n > params {
				after := x
				x = before
				stage()
				x, module, params = after, l.Name, n
			}
		}
		stage()
	})
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	p, err := g.Compile()
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	e, err := a.device.Compile(p)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	a.runs[batch] = e
	return e, nil
}

// samplesFirst is a stage's output as [batch, features].
func samplesFirst(g *op.Graph, x nn.Tensor, batch int) op.Value {
	if x.Layout == nn.FeaturesFirst {
		return g.Transpose(x.Value, 1, 0)
	}
	if x.Layout == nn.Images {
		s := g.Shape(x.Value)
		return g.Transpose(g.Reshape(x.Value, s[0]*s[1]*s[2], s[3]), 1, 0)
	}
	return g.Reshape(x.Value, batch, -1)
}

// Of gives the outputs of every stage for the first n images of a split and a network whose row is weights: [n, Widths] each.
func (a *Activations) Of(weights []float32, s *data.Split, n int) ([][]float32, error) {
	if n < 0 || n > s.N {
		return nil, fmt.Errorf("train: %d images asked for, the split has %d", n, s.N)
	}
	out := make([][]float32, len(a.names))
	for from := 0; from < n; from += activationBatch {
		count := min(activationBatch, n-from)
		e, err := a.run(count)
		if err != nil {
			return nil, err
		}
		p := e.Program()
		if len(weights) != p.NumParams()+p.NumStates() {
			return nil, fmt.Errorf("train: a row of %d numbers for a network of %d parameters and %d statistics", len(weights), p.NumParams(), p.NumStates())
		}
		if err := e.Run(context.Background(), &stages{a, s, from, count, p.NumParams(), weights, out}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// stages is the job of one batch.
type stages struct {
	a                   *Activations
	s                   *data.Split
	from, count, params int
	row                 []float32
	out                 [][]float32
}

// Members implements device.Job.
func (j *stages) Members() int { return 1 }

// Bind implements device.Job.
func (j *stages) Bind(_ int, b *device.Binding[float32], in device.Feed[float32]) bool {
	b.Weights, b.States = j.row[:j.params], j.row[j.params:]
	if j.a.views != nil {
		j.a.views.plain(in, j.s, j.from, j.count)
		return true
	}
	for k := range j.count {
		j.a.images.column(in.Floats, j.s, j.from+k, k, j.count)
	}
	return true
}

// Done implements device.Job.
func (j *stages) Done(_ int, _ *device.Binding[float32], outputs [][]float32) {
	for i := range j.out {
		j.out[i] = append(j.out[i], outputs[i]...)
	}
}
