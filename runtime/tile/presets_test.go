package tile

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel"
)

func TestPresetLayouts(t *testing.T) {
	medium, err := CNNMedium(Shape{3, 32, 32}, kernel.ReLU)
	if err != nil {
		t.Fatal(err)
	}
	mlp, err := MLP(Shape{1, 4, 5}, kernel.ReLU, 7, 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []struct {
		n     *Net
		size  int
		out   Shape
		names string
	}{
		{medium, 10853, Shape{10, 1, 1}, "module_list.0 module_list.4 module_list.8 module_list.13 module_list.16"},
		{mlp, 7*21 + 3*8, Shape{3, 1, 1}, "layers.0 layers.1"},
	} {
		var names []string
		for _, p := range e.n.Layout() {
			if name, ok := strings.CutSuffix(p.Name, ".weight"); ok {
				names = append(names, name)
			}
		}
		if got := strings.Join(names, " "); e.n.NumParams() != e.size || e.n.Out() != e.out || got != e.names {
			t.Errorf("%d parameters, output %s, layers %s", e.n.NumParams(), e.n.Out(), got)
		}
	}
	if _, err := CNNMedium(Shape{3, 28, 28}, kernel.ReLU); err == nil {
		t.Error("cnn-medium on 28x28 was accepted")
	}
	if _, err := MLP(Shape{1, 4, 5}, kernel.ReLU); err == nil {
		t.Error("an MLP without layers was accepted")
	}
}

// lossAndGradient is the mean loss of 16 fixed images and its gradient.
func lossAndGradient(tape *Tape, k *kernel.Kernels, row, grad []float32) float64 {
	r := rand.New(rand.NewPCG(3, 1))
	tape.Load(row, Member{Seed: 5, Dropout: 0.2}, true)
	tape.ZeroGrad()
	for i := range tape.Input() {
		tape.Input()[i] = float32(r.NormFloat64())
	}
	labels := make([]uint16, kernel.Lanes)
	for i := range labels {
		labels[i] = uint16(r.IntN(10))
	}
	var l Loss
	l.CrossEntropy(k, tape.Forward(1, 0), labels, 1./kernel.Lanes, tape.OutputGrad())
	tape.Backward()
	tape.Gradients(grad)
	return Sum(l.Losses[:]) / kernel.Lanes
}

// The gradient of every tensor has the slope of the loss along itself: central differences over
// a step that moves the loss by 1e-3 of a nat or so. The loss is good to about 1e-6, and the
// third derivative adds the square of the step: 2 % is far above both and far below what a
// wrong index or a missing factor does.
func TestPresetGradients(t *testing.T) {
	k, err := kernel.New(kernel.Auto)
	if err != nil {
		t.Fatal(err)
	}
	medium, err := CNNMedium(Shape{3, 32, 32}, kernel.SiLU)
	if err != nil {
		t.Fatal(err)
	}
	mlp, err := MLP(Shape{3, 6, 7}, kernel.Tanh, 33, 20, 10)
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range map[string]*Net{"cnn-medium": medium, "mlp": mlp} {
		row, grad, other := make([]float32, n.NumParams()), make([]float32, n.NumParams()), make([]float32, n.NumParams())
		if err := n.Init(row, 9, "kaiming_normal"); err != nil {
			t.Fatal(err)
		}
		tape := NewTape(n, k)
		lossAndGradient(tape, k, row, grad)
		for _, p := range n.Layout() {
			g := grad[p.Offset : p.Offset+p.Size()]
			square := 0.0
			for _, v := range g {
				square += float64(v) * float64(v)
			}
			h := 1e-3 / square
			var loss [2]float64
			for side := range loss {
				moved := append([]float32(nil), row...)
				for i, v := range g {
					moved[p.Offset+i] += float32((h - 2*h*float64(side)) * float64(v))
				}
				loss[side] = lossAndGradient(tape, k, moved, other)
			}
			if slope := (loss[0] - loss[1]) / (2 * h); math.Abs(slope/square-1) > 0.02 {
				t.Errorf("%s %s: slope %v along the gradient, want %v", name, p.Name, slope, square)
			}
		}
	}
}
