package cpu

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/check"
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/op"
)

// hessianCase is a small network with its loss.
type hessianCase struct {
	name   string
	ints   []int32
	record func(g *op.Graph) op.Value
}

func classifier(layers nn.Layer, activation device.Func, classesFirst bool, in func(g *op.Graph) nn.Tensor) func(g *op.Graph) op.Value {
	return func(g *op.Graph) op.Value {
		y := layers.Apply(nn.NewContext(g, activation), in(g))
		return g.CrossEntropy(y.Value, g.IntInput("labels", 3), classesFirst, 0).Loss
	}
}

func compileCase(t *testing.T, d device.Device[float64], c hessianCase, composite, second bool) device.Executable[float64] {
	t.Helper()
	g := op.NewGraph(true)
	g.Composite = composite
	if err := op.Build(func() {
		loss := c.record(g)
		g.Output("loss", loss)
		if second {
			g.HessianVector(loss)
		} else {
			g.Backward(loss)
		}
	}); err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile()
	if err != nil {
		t.Fatal(err)
	}
	e, err := d.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func hessianCases() []hessianCase {
	labels := []int32{1, 0, 2}
	image := func(c, h int) func(g *op.Graph) nn.Tensor {
		return func(g *op.Graph) nn.Tensor { return nn.Tensor{Value: g.Input("x", c, h, h, 3), Layout: nn.Images} }
	}
	return []hessianCase{
		{"mlp", labels, classifier(nn.MLP([]int{5}, 3), device.Tanh, true, image(1, 2))},
		{"mlp, gelu", labels, classifier(nn.MLP([]int{4, 4}, 3), device.GELU, true, image(1, 2))},
		{"cnn", labels, classifier(nn.Sequential{
			{Name: "0", Layer: nn.Conv2D{Out: 2, Kernel: 3, Padding: 1}},
			{Name: "", Layer: nn.MaxPool{Kernel: 2}},
			{Name: "", Layer: nn.Activation{Member: true}},
			{Name: "1", Layer: nn.BatchNorm{ReLU: false}},
			{Name: "", Layer: nn.Flatten{}},
			{Name: "2", Layer: nn.Linear{Out: 3}},
		}, device.Tanh, true, image(1, 4))},
		{"attention", labels, func(g *op.Graph) op.Value {
			x := nn.Tensor{Value: g.Input("x", 3, 4, 6), Layout: nn.Sequences}
			c := nn.NewContext(g, device.GELU)
			y := nn.Block{Heads: 2, MLP: 5, Activation: device.GELU, Eps: 1e-5}.Apply(c, x)
			y = nn.Linear{Out: 3}.Apply(c.In("head"), nn.FirstToken{}.Apply(c, y))
			return g.CrossEntropy(y.Value, g.IntInput("labels", 3), false, 0.1).Loss
		}},
	}
}

// Hessian-vector products against the explicit Hessian: central differences of the (fused) gradient, column by column. The quotient's own
// error is about h^2 + 1e-16/h = 1e-10; the products are exact to rounding, so 1e-6 of the norm is far above both and far below the 1e-3
// that trace and eigenvalue estimates need.
func TestHessianVectorProducts(t *testing.T) {
	d, err := New[float64](isa.Ref, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range hessianCases() {
		t.Run(c.name, func(t *testing.T) {
			first, second := compileCase(t, d, c, false, false), compileCase(t, d, c, true, true)
			p, hp := first.Program(), second.Program()
			n := p.NumParams()
			r := rand.New(rand.NewPCG(3, 4))
			w, v, x := random(r, n), random(r, n), random(r, p.FloatSize)
			run := func(e device.Executable[float64], row, floats []float64) []float64 {
				job := &check.One[float64]{Binding: device.Binding[float64]{Weights: row, Grads: make([]float64, n), States: ones(p.NumStates())}, Floats: floats, Ints: c.ints}
				if err := e.Run(t.Context(), job); err != nil {
					t.Fatal(err)
				}
				return job.Binding.Grads
			}
			floats := make([]float64, hp.FloatSize)
			for i, in := range hp.Floats {
				copy(floats[in.Offset:in.Offset+in.Shape.Size()], x)
				if i > 0 {
					q := hp.Params[i-1]
					copy(floats[in.Offset:], v[q.Offset:q.Offset+q.Size()])
				}
			}
			got := run(second, w, floats)
			// The Hessian, column by column, times v.
			want := make([]float64, n)
			const h = 1e-5
			for i := range n {
				up, down := append([]float64(nil), w...), append([]float64(nil), w...)
				up[i] += h
				down[i] -= h
				gu, gd := run(first, up, x), run(first, down, x)
				for j := range n {
					want[j] += (gu[j] - gd[j]) / (2 * h) * v[i]
				}
			}
			diff, norm := 0.0, 0.0
			for i := range n {
				diff, norm = diff+(got[i]-want[i])*(got[i]-want[i]), norm+want[i]*want[i]
			}
			if e := math.Sqrt(diff / norm); !(e < 1e-6) || norm == 0 {
				t.Errorf("relative error %.2g of a product of norm %.3g", e, math.Sqrt(norm))
			}
		})
	}
}

func random(r *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = 2*r.Float64() - 1
	}
	return x
}

func ones(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = 1
	}
	return x
}
