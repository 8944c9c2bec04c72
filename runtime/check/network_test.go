package check

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The oracle's gradients are checked against central differences: 20 random coordinates and
// one random direction per activation, in float64.
func TestNetworkGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	mask := func(layer, sample, element int) float64 { return float64((layer+sample+element)%3) * 0.75 }
	for _, f := range []string{"tanh", "relu", "sigmoid", "gelu"} {
		n := Network{Channels: 1, Activation: f, Mask: mask}
		params := make([]float64, 2464)
		for i := range params {
			params[i] = r.NormFloat64() * 0.3
		}
		images, labels := make([][]float64, 2), []int{3, 7}
		for i := range images {
			images[i] = make([]float64, 784)
			for j := range images[i] {
				images[i][j] = r.NormFloat64()
			}
		}
		_, grad, abs := n.Loss(params, images, labels)
		slope := func(direction []float64) float64 {
			const h = 1e-6
			at := func(s float64) float64 {
				moved := make([]float64, len(params))
				for i := range moved {
					moved[i] = params[i] + s*direction[i]
				}
				return n.Value(moved, images, labels)
			}
			return (at(h) - at(-h)) / (2 * h)
		}
		for k := range 21 {
			direction, want, scale := make([]float64, len(params)), 0.0, 0.0
			if k < 20 {
				direction[r.IntN(len(params))] = 1
			} else {
				for i := range direction {
					direction[i] = r.NormFloat64() / 50
				}
			}
			for i, d := range direction {
				want += d * grad[i]
				scale += math.Abs(d) * abs[i]
			}
			if got := slope(direction); math.Abs(got-want) > 1e-6*math.Max(math.Abs(want), 1e-2*scale)+1e-8 {
				t.Errorf("%s: direction %d: difference quotient %v, gradient %v", f, k, got, want)
			}
		}
	}
}

func TestGuardsSeeOverruns(t *testing.T) {
	for _, at := range []int{-1, 10} {
		var g Guards
		s := g.New(10, 3)
		if err := g.Check(); err != nil {
			t.Fatal(err)
		}
		all := g.buffers[0].all
		all[g.buffers[0].from+at] = 1
		if g.Check() == nil || len(s) != 10 || cap(s) != 10 {
			t.Errorf("a write at %d was not seen", at)
		}
	}
}

func TestFirstDifference(t *testing.T) {
	negative := float32(math.Copysign(0, -1))
	if FirstDifference([]float32{1, 0}, []float32{1, negative}) != 1 || FirstDifference([]float32{1}, []float32{1}) != -1 || FirstDifference([]float32{1}, nil) != 0 {
		t.Error("wrong index")
	}
}
