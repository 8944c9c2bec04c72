package tile

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel"
)

// outputs draws a layer's outputs many times: [draws][outputs][16] of one tile of random samples, with the parameters and the variances
// that give them.
func outputs(t *testing.T, n *Net, draws int) (out [][]float32, x, w, s []float32) {
	t.Helper()
	k, err := kernel.New(kernel.Auto)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 5))
	tape := NewVariationalTape(n, k)
	x = tape.Input()
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	w, s = make([]float32, n.NumParams()), make([]float32, n.NumParams())
	for i := range w {
		w[i], s[i] = float32(r.NormFloat64()), float32(r.Float64())
	}
	who := Member{Seed: 17}
	tape.Load(w, who, true)
	tape.LoadVariances(s, []Member{who})
	for step := range draws {
		out = append(out, append([]float32(nil), tape.Forward(uint64(step), 0)...))
	}
	return out, x, w, s
}

// moments are the mean and variance of element i over draws, and its covariance with element j.
func moments(out [][]float32, i, j int) (mean, variance, covariance float64) {
	n, mj := float64(len(out)), 0.0
	for _, y := range out {
		mean, mj = mean+float64(y[i])/n, mj+float64(y[j])/n
	}
	for _, y := range out {
		a, b := float64(y[i])-mean, float64(y[j])-mj
		variance, covariance = variance+a*a/n, covariance+a*b/n
	}
	return mean, variance, covariance
}

// Outputs have the mean and the variance that local reparameterisation says, within three standard errors, and outputs of two samples of
// a batch are independent. Weights that are drawn once per batch, the control, have the same means and variances, and covariances that
// this sees.
func TestNoiseMoments(t *testing.T) {
	const draws = 20000
	linear, err := New(Shape{6, 1, 1}, Layer{Name: "a", Out: 2})
	if err != nil {
		t.Fatal(err)
	}
	convolution, err := New(Shape{1, 4, 4}, Layer{Name: "b", Out: 2, Kernel: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []*Net{linear, convolution} {
		out, x, w, s := outputs(t, n, draws)
		st := &n.stages[0]
		area, spread := st.g.KH*st.g.KW*st.g.InC, st.g.Weights()
		// value is the sum over an output's inputs; at is its first input, on a tile.
		value := func(i int, f func(weight int, x float64) float64) float64 {
			lane, at := i%kernel.Lanes, i/kernel.Lanes
			o, pos := at/(st.g.OH()*st.g.OW()), at%(st.g.OH()*st.g.OW())
			sum := 0.0
			for k := range area {
				c, ky, kx := k/(st.g.KH*st.g.KW), k/st.g.KW%st.g.KH, k%st.g.KW
				in := (c*st.g.H+pos/st.g.OW()+ky)*st.g.W + pos%st.g.OW() + kx
				sum += f(o*area+k, float64(x[in*kernel.Lanes+lane]))
			}
			return sum + f(spread+o, 1)
		}
		r := rand.New(rand.NewPCG(6, 6))
		// The control: the same draws of weights for all samples of a batch.
		control := make([][]float32, draws)
		for d := range control {
			e := make([]float64, len(w))
			for i := range e {
				e[i] = float64(w[i]) + math.Sqrt(float64(s[i]))*r.NormFloat64()
			}
			control[d] = make([]float32, len(out[0]))
			for _, i := range []int{3, 4, 16 + 3, 16 + 4} {
				control[d][i] = float32(value(i, func(k int, x float64) float64 { return e[k] * x }))
			}
		}
		caught := false
		for _, i := range []int{3, 16 + 3} {
			gamma := value(i, func(k int, x float64) float64 { return float64(w[k]) * x })
			delta := value(i, func(k int, x float64) float64 { return float64(s[k]) * x * x })
			_, other, _ := moments(out, i+1, i)
			for name, y := range map[string][][]float32{"noise": out, "control": control} {
				mean, variance, covariance := moments(y, i, i+1)
				if se := math.Sqrt(delta / draws); math.Abs(mean-gamma) > 3*se {
					t.Errorf("%s %d: mean %v, want %v (standard error %v)", name, i, mean, gamma, se)
				}
				if se := delta * math.Sqrt(2./draws); math.Abs(variance-delta) > 3*se {
					t.Errorf("%s %d: variance %v, want %v (standard error %v)", name, i, variance, delta, se)
				}
				correlated := math.Abs(covariance) > 3*math.Sqrt(delta*other/draws)
				caught = caught || name == "control" && correlated
				if name == "noise" && correlated {
					t.Errorf("%d: two samples of a batch have covariance %v", i, covariance)
				}
			}
		}
		if !caught {
			t.Error("weights drawn once per batch pass")
		}
	}
}

// A tape without variances is the plain tape.
func TestVariationalTapeIsPlain(t *testing.T) {
	k, err := kernel.New(kernel.Auto)
	if err != nil {
		t.Fatal(err)
	}
	n, err := CNNSmall(Shape{1, 28, 28}, kernel.Tanh)
	if err != nil {
		t.Fatal(err)
	}
	row := make([]float32, n.NumParams())
	if err := n.Init(row, 3, "kaiming_uniform"); err != nil {
		t.Fatal(err)
	}
	var logits [2][]float32
	for i, tape := range []*Tape{NewTape(n, k), NewVariationalTape(n, k)} {
		r := rand.New(rand.NewPCG(1, 1))
		for j := range tape.Input() {
			tape.Input()[j] = float32(r.NormFloat64())
		}
		tape.Load(row, Member{}, false)
		logits[i] = append([]float32(nil), tape.Forward(0, 0)...)
		if i == 1 {
			// Variances of 0 leave the noise of 1e-15 that every variance has.
			tape.Load(row, Member{Seed: 1}, true)
			tape.LoadVariances(make([]float32, len(row)), []Member{{Seed: 1}})
			for j, y := range tape.Forward(0, 0) {
				if math.Abs(float64(y-logits[0][j])) > 1e-5 {
					t.Fatalf("logit %d without variance is %v, want %v", j, y, logits[0][j])
				}
			}
		}
	}
	for i, y := range logits[1] {
		if y != logits[0][i] {
			t.Fatalf("logit %d is %v, want %v", i, y, logits[0][i])
		}
	}
}
