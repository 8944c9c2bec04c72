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

// Answerer gives the logits of images: Forward for the zoos' small networks, RecordedForward for any.
type Answerer interface {
	// Outputs is the number of logits of an image.
	Outputs() int
	// Logits answers the first n images of a split with a network whose row is weights: [n, Outputs].
	Logits(weights []float32, s *data.Split, n int) ([]float32, error)
}

// RecordedForward answers images with given networks of layers, in eval mode. It is for one goroutine.
type RecordedForward struct {
	layers  nn.Sequential
	f       device.Func
	device  *cpu.Device[float32]
	images  *imageLoader
	views   *views
	input   augment.Shape
	data    *data.Set
	outputs int
	// runs are the compiled programs by batch size.
	runs map[int]device.Executable[float32]
}

// NewRecordedForward prepares a network of layers; of c only Activation, Augmentation (as it evaluates), Data, ISA and Workers are used.
func NewRecordedForward(c Config, layers nn.Sequential) (*RecordedForward, error) {
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
	w := &RecordedForward{layers: layers, f: f, device: d, images: newImageLoader(c.Data), data: c.Data, input: c.input(), runs: map[int]device.Executable[float32]{}}
	if w.views, err = newViews(&c, &Recipe{}, w.images); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	_, err = w.run(1)
	return w, err
}

// Outputs implements Answerer.
func (w *RecordedForward) Outputs() int { return w.outputs }

// run compiles the network for a batch size once. Its output is [batch, outputs].
func (w *RecordedForward) run(batch int) (device.Executable[float32], error) {
	if e := w.runs[batch]; e != nil {
		return e, nil
	}
	g := op.NewGraph(false)
	t := w.input
	err := op.Build(func() {
		y := w.layers.Apply(nn.NewContext(g, w.f), nn.Tensor{Value: g.Input("images", t.C, t.H, t.W, batch), Layout: nn.Images})
		if y.Layout == nn.FeaturesFirst {
			y = nn.Tensor{Value: g.Transpose(y.Value, 1, 0), Layout: nn.FeaturesLast}
		}
		s := g.Shape(y.Value)
		if y.Layout != nn.FeaturesLast || len(s) != 2 {
			panic(&op.BuildError{Op: "network", Problem: "ends in " + y.Layout.String() + ", not in a score per class"})
		}
		w.outputs = s[1]
		g.Output("logits", y.Value)
	})
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	p, err := g.Compile()
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	e, err := w.device.Compile(p)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	w.runs[batch] = e
	return e, nil
}

// Logits implements Answerer; weights are parameters, then running statistics.
func (w *RecordedForward) Logits(weights []float32, s *data.Split, n int) ([]float32, error) {
	if n < 0 || n > s.N {
		return nil, fmt.Errorf("train: %d images asked for, the split has %d", n, s.N)
	}
	out := make([]float32, 0, n*w.outputs)
	for from := 0; from < n; from += evaluationBatch {
		count := min(evaluationBatch, n-from)
		e, err := w.run(count)
		if err != nil {
			return nil, err
		}
		p := e.Program()
		if len(weights) != p.NumParams()+p.NumStates() {
			return nil, fmt.Errorf("train: a row of %d numbers for a network of %d parameters and %d statistics", len(weights), p.NumParams(), p.NumStates())
		}
		job := &answer{w: w, s: s, from: from, count: count, row: weights, out: &out}
		if err := e.Run(context.Background(), job); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// answer is the job of one batch.
type answer struct {
	w           *RecordedForward
	s           *data.Split
	from, count int
	row         []float32
	out         *[]float32
}

// Members implements device.Job.
func (a *answer) Members() int { return 1 }

// Bind implements device.Job.
func (a *answer) Bind(_ int, b *device.Binding[float32], in device.Feed[float32]) bool {
	n := a.w.runs[a.count].Program().NumParams()
	b.Weights, b.States = a.row[:n], a.row[n:]
	if a.w.views != nil {
		a.w.views.plain(in, a.s, a.from, a.count)
		return true
	}
	for j := range a.count {
		a.w.images.column(in.Floats, a.s, a.from+j, j, a.count)
	}
	return true
}

// Done implements device.Job.
func (a *answer) Done(_ int, _ *device.Binding[float32], outputs [][]float32) {
	*a.out = append(*a.out, outputs[0]...)
}
