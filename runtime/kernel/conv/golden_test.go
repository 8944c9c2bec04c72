package conv

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
)

// golden is what hack/bench/peers/golden_conv.py wrote: small integers, exact in float32.
type golden struct {
	Convs []struct {
		Shape                         [14]int
		X, W, Bias, Y, DY, DX, DW, DB []float32
	}
	Pools []struct {
		Shape    [10]int
		Max, Avg struct{ X, Y, DY, DX []float32 }
	}
}

func readGolden(t *testing.T) (g golden) {
	t.Helper()
	data, err := os.ReadFile("testdata/torch.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// equal compares numbers, not bits: a sum that is zero may have either sign.
func equal(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%s: %d elements, want %d", what, len(got), len(want))
	}
	for i, v := range want {
		if got[i] != v {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], v)
		}
	}
}

func TestConvolutionsOfPyTorch(t *testing.T) {
	for _, g := range readGolden(t).Convs {
		s := g.Shape
		c := Conv2D{s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9], s[10], s[11], s[12], s[13]}
		for _, k := range kernels(t) {
			what := fmt.Sprintf("%s %+v ", k.Level(), c)
			f, gi, gw := k.Forward(c), k.GradInput(c), k.GradWeights(c)
			scratch := make([]float32, max(f.Scratch(), gi.Scratch(), gw.Scratch()))
			y, dx := make([]float32, c.YSize()), make([]float32, c.XSize())
			dw, db := make([]float32, c.WSize()), make([]float32, c.O)
			for i := range f.Chunks() {
				f.Run(i, y, g.X, g.W, g.Bias, scratch)
			}
			for i := range gi.Chunks() {
				gi.Run(i, dx, g.DY, g.W, false, scratch)
			}
			for i := range gw.Chunks() {
				gw.Run(i, dw, db, g.X, g.DY, false, scratch)
			}
			equal(t, what+"forward", y, g.Y)
			equal(t, what+"gradient of x", dx, g.DX)
			equal(t, what+"gradient of weights", dw, g.DW)
			equal(t, what+"gradient of bias", db, g.DB)
		}
	}
}

func TestPoolsOfPyTorch(t *testing.T) {
	for _, g := range readGolden(t).Pools {
		s := g.Shape
		p := Pool2D{s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9]}
		for _, k := range kernels(t) {
			what := fmt.Sprintf("%s %+v ", k.Level(), p)
			y, dx := make([]float32, p.YSize()), make([]float32, p.XSize())
			avg, avgGrad := make([]float32, p.YSize()), make([]float32, p.XSize())
			for i := range p.Chunks() {
				k.MaxPool(p, i, y, g.Max.X)
				k.MaxPoolGrad(p, i, dx, g.Max.X, g.Max.DY, false)
				k.AvgPool(p, i, avg, g.Avg.X)
				k.AvgPoolGrad(p, i, avgGrad, g.Avg.DY, false)
			}
			equal(t, what+"maximum", y, g.Max.Y)
			equal(t, what+"gradient of maximum", dx, g.Max.DX)
			equal(t, what+"average", avg, g.Avg.Y)
			equal(t, what+"gradient of average", avgGrad, g.Avg.DX)
		}
	}
}
