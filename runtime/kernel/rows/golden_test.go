package rows

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// golden are the results of PyTorch by name: the value, then the gradients of
// sum(value * wave(9)) by the inputs. testdata/torch.json is made by
// hack/bench/peers/golden_rows.py.
func golden(t *testing.T) map[string][][]float64 {
	b, err := os.ReadFile("testdata/torch.json")
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		t.Fatal(err)
	}
	g := map[string][][]float64{}
	for name, v := range raw {
		var lists [][]float64
		if json.Unmarshal(v, &lists) == nil {
			g[name] = lists
		}
	}
	return g
}

// wave are the inputs of the goldens.
func wave(phase float64, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = 2 * math.Sin(0.37*float64(i)+phase)
	}
	return x
}

// Values and gradients are PyTorch's, in float64.
func TestTorch(t *testing.T) {
	const m, n, e = 4, 6, 0.01
	want := golden(t)
	// out returns zeroed outputs.
	out := func(sizes ...int) (xs [][]float64) {
		for _, s := range sizes {
			xs = append(xs, make([]float64, s))
		}
		return xs
	}
	x, dy, rows := wave(0, m*n), wave(9, m*n), wave(9, m)
	labels, o, c := []int32{2, -1, 5, 0}, Norm{m, n, e}, Columns{m, n, n}
	// weigh multiplies the gradient of each row's loss.
	weigh := func(dx []float64) {
		for i := range dx {
			dx[i] *= rows[i/n]
		}
	}
	loss := func(smooth float64) [][]float64 {
		r := out(m, m*n)
		CrossEntropyRef(r[0], r[1], x, labels, m, n, 1, smooth)
		weigh(r[1])
		return r
	}
	q := wave(3, m*n)
	for i, v := range q {
		q[i] = math.Abs(v)
	}
	got := map[string]func() [][]float64{
		"cross-entropy": func() [][]float64 { return loss(0) },
		"smoothed":      func() [][]float64 { return loss(0.1) },
		"soft targets": func() [][]float64 {
			r := out(m, m*n)
			SoftCrossEntropyRef(r[0], r[1], x, q, m, n, 1)
			weigh(r[1])
			return r
		},
		"softmax": func() [][]float64 {
			r := out(m*n, m*n)
			SoftmaxRef(r[0], x, Softmax[float64]{M: m, N: n, Scale: 0.5, Mask: wave(3, m*n)})
			SoftmaxGradRef(r[1], r[0], dy, m, n, 0.5)
			return r
		},
		"log-softmax": func() [][]float64 {
			r := out(m*n, m*n)
			LogSoftmaxRef(r[0], x, m, n)
			LogSoftmaxGradRef(r[1], r[0], dy, m, n)
			return r
		},
		"log-sum-exp": func() [][]float64 {
			r := out(m, m*n)
			LogSumExpRef(r[0], x, m, n)
			SoftmaxRef(r[1], x, Softmax[float64]{M: m, N: n, Scale: 1})
			weigh(r[1])
			return r
		},
		"layer norm": func() [][]float64 {
			r, s := out(m*n, m*n, n, n), out(m, m)
			LayerNormRef(r[0], s[0], s[1], x, wave(1, n), wave(2, n), o)
			LayerNormGradRef(r[1], r[2], r[3], dy, x, wave(1, n), s[0], s[1], o)
			return r
		},
		"RMS norm": func() [][]float64 {
			r, s := out(m*n, m*n, n), out(m)
			RMSNormRef(r[0], s[0], x, wave(1, n), o)
			RMSNormGradRef(r[1], r[2], dy, x, wave(1, n), s[0], o)
			return r
		},
		"batch norm and ReLU": func() [][]float64 {
			r, s, gain := out(m*n, m*n, m, m), out(m, m, m), wave(1, m)
			ChannelStatsRef(s[0], s[1], x, m, n)
			for i, v := range s[1] {
				s[1][i] = 1 / math.Sqrt(v+e)
				s[2][i] = gain[i] * s[1][i]
			}
			ChannelAffineRef(r[0], x, s[0], s[2], wave(2, m), m, n, true)
			g := ChannelGrad[float64]{C: m, L: n, DY: dy, X: x, Y: r[0], Mean: s[0], RStd: s[1], Gain: gain}
			ChannelGradSumsRef(r[2], r[3], g)
			ChannelGradInputRef(r[1], r[2], r[3], g)
			return r
		},
		"cumulative sum": func() [][]float64 {
			r := out(m*n, m*n)
			CumSumColsRef(r[0], x, c, false)
			CumSumColsRef(r[1], dy, c, true)
			return r
		},
	}
	if len(got) != len(want) {
		t.Fatalf("%d goldens for %d cases", len(want), len(got))
	}
	for name, f := range got {
		for i, list := range f() {
			for j, v := range list {
				if w := want[name][i][j]; math.Abs(v-w) > 1e-12*max(1, math.Abs(w)) {
					t.Errorf("%s: result %d element %d is %v, PyTorch has %v", name, i, j, v, w)
				}
			}
		}
	}
}
