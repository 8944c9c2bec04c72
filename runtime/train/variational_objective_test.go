package train

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/weightspace/weightspace/runtime/check"
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/device/cpu"
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/tensor"
	"github.com/weightspace/weightspace/runtime/tile"
	"github.com/weightspace/weightspace/runtime/variational"
)

// objective is mean cross-entropy + w R of a network with given draws, in float64: variances, R and what follows from them by the
// functions of numbers of package variational.
type objective struct {
	layout   []tensor.Param
	segments []variational.Segment
	inputs   []noiseInput
	n        int
	run      device.Executable[float64]
	job      check.One[float64]
	w        float64
}

func newObjective(t *testing.T, layers nn.Sequential, c, h, w, batch int, convBias bool) *objective {
	t.Helper()
	o := &objective{}
	record := func(noisy bool) *op.Graph {
		g := op.NewGraph(true)
		err := op.Build(func() {
			ctx := nn.NewContext(g, device.Tanh)
			var l *noisyLayers
			if noisy {
				l = newNoisyLayers(ctx, o.layout, convBias)
				ctx.SetAffine(l)
			}
			y := layers.Apply(ctx, nn.Tensor{Value: g.Input("images", c, h, w, batch), Layout: nn.Images})
			r := g.CrossEntropy(y.Value, g.IntInput("labels", batch), true, 0)
			g.Output("loss", r.Loss)
			g.Backward(r.Loss)
			if noisy {
				o.inputs = l.inputs
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	o.layout = record(false).Layout()
	o.n = tensor.Total(o.layout)
	v := DefaultVariational()
	v.VariationalConvBias = convBias
	o.segments = v.segments(o.layout, 1)
	p, err := record(true).Compile()
	if err != nil {
		t.Fatal(err)
	}
	d, err := cpu.New[float64](kernel.Auto, 1)
	if err != nil {
		t.Fatal(err)
	}
	if o.run, err = d.Compile(p); err != nil {
		t.Fatal(err)
	}
	o.job.Binding = device.Binding[float64]{Weights: make([]float64, 2*o.n), Grads: make([]float64, 2*o.n)}
	return o
}

// evaluate gives loss, R and the gradients of the objective.
func (o *objective) evaluate(t *testing.T, theta, ls2 []float64) (loss, penalty float64, byTheta, byLS2 []float64) {
	t.Helper()
	copy(o.job.Binding.Weights[o.n:], theta)
	for _, s := range o.segments {
		for i := s.From; i < s.To && s.Clamp > 0; i++ {
			o.job.Binding.Weights[i] = variational.Variance(theta[i], ls2[i], s.Clamp)
			l, _ := variational.Clamp(variational.LogAlpha(theta[i], ls2[i]), s.Clamp)
			penalty += variational.KL(l)
		}
	}
	if err := o.run.Run(t.Context(), &o.job); err != nil {
		t.Fatal(err)
	}
	byTheta, byLS2 = append([]float64(nil), o.job.Binding.Grads[o.n:]...), make([]float64, o.n)
	for _, s := range o.segments {
		for i := s.From; i < s.To && s.Clamp > 0; i++ {
			var d float64
			d, byLS2[i] = variational.Gradient(theta[i], ls2[i], s.Clamp, o.job.Binding.Grads[i], o.w)
			byTheta[i] += d
		}
	}
	return o.job.Outputs[0][0], penalty, byTheta, byLS2
}

// goldenVariational is a case of hack/bench/peers/golden_variational.py.
type goldenVariational struct {
	VariationalConvBias   bool
	Weight, Loss, Penalty float64
	Parameters, Gradient  map[string][]float64
	Images                []float64
	Labels                []int32
	Draws                 map[string][]float64
}

func goldenCases(t *testing.T) []goldenVariational {
	t.Helper()
	b, err := os.ReadFile("testdata/variational.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []goldenVariational
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

// objective is the case's, with its rows.
func (g *goldenVariational) objective(t *testing.T) (o *objective, theta, ls2 []float64) {
	t.Helper()
	o = newObjective(t, nn.Sequential{
		{Name: "0", Layer: nn.Conv2D{Out: 3, Kernel: 3}},
		{Layer: nn.MaxPool{Kernel: 2}},
		{Layer: nn.Activation{F: device.Tanh}},
		{Name: "3", Layer: nn.Conv2D{Out: 2, Kernel: 2}},
		{Layer: nn.Activation{F: device.Tanh}},
		{Layer: nn.Flatten{}},
		{Name: "6", Layer: nn.Linear{Out: 4}},
	}, 1, 10, 10, len(g.Labels), g.VariationalConvBias)
	o.w, o.job.Ints = g.Weight, g.Labels
	last := o.inputs[len(o.inputs)-1]
	o.job.Floats = make([]float64, last.offset+last.rows*last.width*last.samples)
	copy(o.job.Floats, g.Images)
	for _, in := range o.inputs {
		copy(o.job.Floats[in.offset:], g.Draws[in.layer])
	}
	for _, p := range o.layout {
		theta, ls2 = append(theta, g.Parameters[p.Name]...), append(ls2, g.Parameters[p.Name+".log_sigma2"]...)
	}
	return o, theta, ls2
}

// PyTorch's autograd, given the same weights, batch and draws, has the same loss, R and gradients.
func TestVariationalGolden(t *testing.T) {
	for _, g := range goldenCases(t) {
		o, theta, ls2 := g.objective(t)
		loss, penalty, byTheta, byLS2 := o.evaluate(t, theta, ls2)
		if math.Abs(loss-g.Loss) > 1e-12*g.Loss || math.Abs(penalty-g.Penalty) > 1e-12*g.Penalty {
			t.Errorf("loss %v and R %v, PyTorch has %v and %v", loss, penalty, g.Loss, g.Penalty)
		}
		// In float32, by rows: the order of sums is another, so bounds are relative to the largest gradient of the tensor.
		f32 := vectorGradient(t, o, theta, ls2)
		for _, p := range o.layout {
			for k, want := range [][]float64{g.Gradient[p.Name], g.Gradient[p.Name+".log_sigma2"]} {
				scale := 0.0
				for _, x := range want {
					scale = max(scale, math.Abs(x))
				}
				for i, x := range want {
					got := [][]float64{byTheta, byLS2}[k][p.Offset+i]
					if math.Abs(got-x) > 1e-11*scale {
						t.Fatalf("%s[%d], gradient %d: %v, PyTorch has %v", p.Name, i, k, got, x)
					}
					if got := f32[k][p.Offset+i]; math.Abs(float64(got)-x) > 3e-5*scale {
						t.Fatalf("%s[%d], gradient %d by rows: %v, PyTorch has %v", p.Name, i, k, got, x)
					}
				}
			}
		}
	}
}

// vectorGradient is the end of a step in float32: gradients by theta and variances, turned by Vectors.
func vectorGradient(t *testing.T, o *objective, theta, ls2 []float64) [2][]float32 {
	t.Helper()
	v, err := variational.NewVectors(kernel.Auto, o.segments)
	if err != nil {
		t.Fatal(err)
	}
	narrow := func(x []float64) []float32 {
		out := make([]float32, len(x))
		for i := range x {
			out[i] = float32(x[i])
		}
		return out
	}
	dt, dv := narrow(o.job.Binding.Grads[o.n:]), narrow(o.job.Binding.Grads[:o.n])
	v.Gradient(dt, dv, narrow(theta), narrow(ls2), o.w)
	return [2][]float32{dt, dv}
}

// The whole objective with frozen draws against central differences, along random directions and at single parameters.
func TestVariationalObjectiveGradient(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, g := range goldenCases(t) {
		o, theta, ls2 := g.objective(t)
		// Bounds and maxima have kinks: parameters that are within reach of a bound move away from it.
		for _, s := range o.segments {
			for i := s.From; i < s.To && s.Clamp > 0; i++ {
				if l := math.Abs(variational.LogAlpha(theta[i], ls2[i])); math.Abs(l-s.Clamp) < 0.05 {
					ls2[i] += 0.2
				}
			}
		}
		_, _, byTheta, byLS2 := o.evaluate(t, theta, ls2)
		value := func(h float64, dt, dl []float64) float64 {
			a, b := make([]float64, o.n), make([]float64, o.n)
			for i := range a {
				a[i], b[i] = theta[i]+h*dt[i], ls2[i]+h*dl[i]
			}
			loss, penalty, _, _ := o.evaluate(t, a, b)
			return loss + o.w*penalty
		}
		norm := 0.0
		for i := range byTheta {
			norm += byTheta[i]*byTheta[i] + byLS2[i]*byLS2[i]
		}
		for trial := range 60 {
			dt, dl := make([]float64, o.n), make([]float64, o.n)
			switch {
			case trial < 5:
				for i := range dt {
					// Relative to the weight, so that none comes near 0, where log alpha is steep.
					dt[i], dl[i] = 0.3*theta[i]*r.NormFloat64(), r.NormFloat64()
				}
			case trial%2 == 0:
				dt[r.IntN(o.n)] = 0.1
			default:
				dl[r.IntN(o.n)] = 1
			}
			want := 0.0
			for i := range dt {
				want += dt[i]*byTheta[i] + dl[i]*byLS2[i]
			}
			const h = 1e-6
			if got := (value(h, dt, dl) - value(-h, dt, dl)) / (2 * h); math.Abs(got-want) > 1e-6*math.Abs(want)+1e-8*math.Sqrt(norm) {
				t.Errorf("trial %d: difference quotient %v, gradient %v", trial, got, want)
			}
		}
	}
}

// The tile engine's gradient of a batch is that of the objective in float64 with the same draws.
func TestVariationalTileGradient(t *testing.T) {
	d := synthetic(20, 0, 0, 1)
	c := config(d, kernel.Auto, 1)
	c.BatchSize = 20
	parents := parentsOf(t, c)
	v := DefaultVariational()
	v.KLWeight = variational.KLWeight{Kind: variational.Constant, Max: 1e-3}
	e := twins(t, c, parents, v)
	o := newObjective(t, nn.CNNSmall(10), 1, 28, 28, 20, true)
	o.w = 1e-3
	n := o.n
	row, theta, ls2 := e.row(e.weights, 0), make([]float64, n), make([]float64, n)
	r := rand.New(rand.NewPCG(3, 8))
	for i := range n {
		row[n+i] = float32(-9 + 8*r.Float64())
		theta[i], ls2[i] = float64(row[i]), float64(row[n+i])
	}
	// The batch in the recorded layout, and its draws.
	order := e.order(&e.cfg.Members[0])
	last := o.inputs[len(o.inputs)-1]
	feed := device.Feed[float32]{Floats: make([]float32, last.offset+last.rows*last.width*last.samples), Ints: make([]int32, 20)}
	for j := range 20 {
		e.images.column(feed.Floats, &d.Train, order.At(j), j, 20)
		feed.Ints[j] = int32(d.Train.Labels[order.At(j)])
	}
	(&drawer{k: e.workers[0].k}).draw(feed, o.inputs, e.cfg.Members[0].Seed, 0)
	for _, x := range feed.Floats {
		o.job.Floats = append(o.job.Floats, float64(x))
	}
	o.job.Ints = feed.Ints
	loss, penalty, byTheta, byLS2 := o.evaluate(t, theta, ls2)
	if got := e.Penalty()[0]; math.Abs(got-penalty) > 1e-9*penalty {
		t.Errorf("R is %v, want %v", got, penalty)
	}

	w, total := e.workers[0], 0.0
	who := tile.Member{Seed: e.cfg.Members[0].Seed}
	w.tape.Load(row, who, true)
	w.noise.load(w.tape, row, who)
	w.tape.ZeroGrad()
	for at := 0; at < 20; at += kernel.Lanes {
		lanes := min(kernel.Lanes, 20-at)
		for l := range lanes {
			w.index[l] = order.At(at + l)
			w.labels[l] = d.Train.Labels[w.index[l]]
		}
		e.images.tile(w.k, &w.src, w.tape.Input(), &d.Train, w.index[:lanes])
		w.loss.CrossEntropy(w.k, w.tape.Forward(0, at), w.labels[:lanes], 1./20, w.tape.OutputGrad())
		total += tile.Sum(w.loss.Losses[:lanes])
		w.tape.Backward()
	}
	w.tape.Gradients(w.grad)
	w.noise.gradient(w.grad, row, o.w)
	if math.Abs(total/20-loss) > 1e-5*loss {
		t.Errorf("loss %v, want %v", total/20, loss)
	}
	// Rounding grows through five layers of sums of up to 200 terms each; noise makes a few outputs saturate. 1e-4 of a tensor's largest
	// gradient is some hundred units in the last place of the terms.
	for _, p := range o.layout {
		for k, want := range [][]float64{byTheta[p.Offset : p.Offset+p.Size()], byLS2[p.Offset : p.Offset+p.Size()]} {
			scale, worst := 0.0, 0.0
			for i, x := range want {
				scale, worst = max(scale, math.Abs(x)), max(worst, math.Abs(x-float64(w.grad[k*n+p.Offset+i])))
			}
			if worst > 1e-4*scale {
				t.Errorf("%s, gradient %d: off by %.2g of %.2g", p.Name, k, worst, scale)
			}
		}
	}
}
