package initializer

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/weightspace/weightspace/runtime/rng"
)

// golden is testdata/initializer.json, made by hack/bench/peers/golden_optim.py.
type golden struct {
	Laws []struct {
		Shape         []int
		FanIn, FanOut int
		Laws          map[string]drawn
	}
	Layers []struct {
		Shape []int
		Drawn []drawn
	}
	Gains []struct {
		Nonlinearity string
		Slope, Gain  float64
	}
	Orthogonal []struct {
		Shape         []int
		Gain          float64
		Draws, Result []float64
	}
	Truncated []struct {
		Mean, Std, A, B float64
		At, Quantiles   []float64
		LawMean, LawStd float64
	}
}

// drawn is a law PyTorch drew from: "uniform" with bounds or "normal" with mean and deviation.
type drawn struct {
	law  string
	a, b float64
}

func (d *drawn) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&d.law, &d.a, &d.b})
}

func readGolden(t *testing.T) golden {
	t.Helper()
	b, err := os.ReadFile("testdata/initializer.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// near allows a dozen roundings of float64 in a row.
func near(a, b float64) bool { return math.Abs(a-b) <= 12*0x1p-53*math.Abs(b) }

// gainOf is GainOf for names that exist.
func gainOf(t *testing.T, name string, slope float64) Gain {
	t.Helper()
	g, err := GainOf(name, slope)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGains(t *testing.T) {
	for _, c := range readGolden(t).Gains {
		if g := gainOf(t, c.Nonlinearity, c.Slope).Value(); !near(g, c.Gain) {
			t.Errorf("%s(%v): gain %v, want %v", c.Nonlinearity, c.Slope, g, c.Gain)
		}
	}
	if _, err := GainOf("softsign", 0); err == nil {
		t.Error("an unknown nonlinearity has a gain")
	}
}

// checkScale compares elements with the draws of the stream scaled as PyTorch's law says.
func checkScale(t *testing.T, name string, shape []int, law Law, want drawn) {
	t.Helper()
	n := 1
	for _, d := range shape {
		n *= d
	}
	got := make([]float64, n)
	if err := Fill(got, shape, 5, "p", law); err != nil {
		t.Fatal(err)
	}
	s := rng.New(5, "init/p")
	for i, v := range got {
		w := want.a + want.b*s.Normal(i)
		if want.law == "uniform" {
			w = want.b * (2*s.Open(i) - 1)
			if want.a != -want.b {
				t.Fatalf("%s: not symmetric: %v", name, want)
			}
		}
		if !near(v, w) {
			t.Errorf("%s %v: element %d is %v, want %v", name, shape, i, v, w)
			return
		}
	}
}

// Fans, bounds and deviations are PyTorch's.
func TestScalesOfPyTorch(t *testing.T) {
	laws := map[string]Law{
		"xavier_uniform":           XavierUniform{Times(1.7)},
		"xavier_normal":            XavierNormal{Times(1.7)},
		"kaiming_uniform relu":     KaimingUniform{FanIn, gainOf(t, "relu", 0)},
		"kaiming_uniform out tanh": KaimingUniform{FanOut, gainOf(t, "tanh", 0)},
		"kaiming_normal relu":      KaimingNormal{FanIn, gainOf(t, "relu", 0)},
		"kaiming_normal out leaky": KaimingNormal{FanOut, gainOf(t, "leaky_relu", 0.2)},
	}
	g := readGolden(t)
	for _, c := range g.Laws {
		in, out, err := Fans(c.Shape)
		if err != nil || in != c.FanIn || out != c.FanOut {
			t.Errorf("%v: fans %d, %d (%v), want %d, %d", c.Shape, in, out, err, c.FanIn, c.FanOut)
		}
		if len(c.Laws) != len(laws) {
			t.Errorf("%v: %d laws in the file, %d here", c.Shape, len(c.Laws), len(laws))
		}
		for name, want := range c.Laws {
			checkScale(t, name, c.Shape, laws[name], want)
		}
	}
	for _, c := range g.Layers {
		bias, err := LayerBias(c.Shape)
		if err != nil {
			t.Fatal(err)
		}
		checkScale(t, "layer weight", c.Shape, LayerWeight(), c.Drawn[0])
		checkScale(t, "layer bias", c.Shape[:1], bias, c.Drawn[1])
	}
}

// Given PyTorch's draws the orthogonal matrix is PyTorch's. The error of a QR factorisation is
// that of float64 times the condition number, which is below 100 for these matrices.
func TestOrthogonalOfPyTorch(t *testing.T) {
	for _, c := range readGolden(t).Orthogonal {
		a := append([]float64(nil), c.Draws...)
		if err := orthonormalise(a, c.Shape[0], len(a)/c.Shape[0]); err != nil {
			t.Fatal(err)
		}
		for i, v := range a {
			if math.Abs(v*c.Gain-c.Result[i]) > 1e-13 {
				t.Errorf("%v: element %d is %v, want %v", c.Shape, i, v*c.Gain, c.Result[i])
			}
		}
	}
}

// The quantiles are SciPy's. SciPy works with logarithms of probabilities, some 1e-16 of which
// are off; a quantile inherits that divided by its slope, at most 1e3 of the interval here.
func TestTruncatedQuantilesOfSciPy(t *testing.T) {
	for _, c := range readGolden(t).Truncated {
		q := TruncatedNormal{c.Mean, c.Std, c.A, c.B}.quantile()
		for i, u := range c.At {
			if got := q(u); math.Abs(got-c.Quantiles[i]) > 1e-12*math.Max(c.Std, math.Abs(got)) {
				t.Errorf("[%v, %v]: quantile %v is %v, want %v", c.A, c.B, u, got, c.Quantiles[i])
			}
		}
	}
}
