package kernel

import (
	"math"
	"testing"
)

// scalarGradient is the gradient of a badly scaled quadratic, so that a trace has structure.
func scalarGradient(i int, w float64) float64 { return (1 + 10*float64(i%3)) * (w - float64(i%5)) }

// trace runs 50 steps of an engine optimiser on n weights from float32 gradients.
func trace(step func(t int, w, g []float32)) []float32 {
	const n = 37
	w, g := make([]float32, n), make([]float32, n)
	for i := range w {
		w[i] = float32(i)*0.1 - 1
	}
	for t := 1; t <= 50; t++ {
		for i := range g {
			g[i] = float32(scalarGradient(i, float64(w[i])))
		}
		step(t, w, g)
	}
	return w
}

// Fifty steps of Adam with L2 against PyTorch's rule in scalar float64. Control: decoupled
// weight decay (AdamW) must not pass.
func TestAdamTrace(t *testing.T) {
	const rate, decay = 1e-2, 0.1
	scalar := func(decoupled bool) []float64 {
		out := make([]float64, 37)
		for i := range out {
			w, m, v := float64(float32(i)*0.1-1), 0., 0.
			for s := 1; s <= 50; s++ {
				g := scalarGradient(i, w)
				if decoupled {
					w -= rate * decay * w
				} else {
					g += decay * w
				}
				m = 0.9*m + 0.1*g
				v = 0.999*v + 0.001*g*g
				mHat, vHat := m/(1-math.Pow(0.9, float64(s))), v/(1-math.Pow(0.999, float64(s)))
				w -= rate * mHat / (math.Sqrt(vHat) + 1e-8)
			}
			out[i] = w
		}
		return out
	}
	k, err := New(Auto)
	if err != nil {
		t.Fatal(err)
	}
	m, v := make([]float32, 37), make([]float32, 37)
	got := trace(func(s int, w, g []float32) {
		k.Adam(w, m, v, g, s, everyLane(func(r *Rates, lane int) { r.AdamRates(lane, s, rate, decay) }))
	})
	if d := distance(got, scalar(false)); d > 1e-5 {
		t.Errorf("distance from the scalar rule %v", d)
	}
	if d := distance(got, scalar(true)); d < 1e-3 {
		t.Errorf("decoupled weight decay passes: distance %v", d)
	}
}

// Fifty steps of SGD with momentum and L2 against PyTorch's rule: the first buffer is the
// first gradient. Control: a buffer dampened by 1-momentum must not pass.
func TestSGDTrace(t *testing.T) {
	const rate, decay, momentum = 1e-3, 0.01, 0.9
	scalar := func(damp float64) []float64 {
		out := make([]float64, 37)
		for i := range out {
			w, buffer := float64(float32(i)*0.1-1), 0.
			for s := range 50 {
				g := scalarGradient(i, w) + decay*w
				if s == 0 {
					buffer = g
				} else {
					buffer = momentum*buffer + damp*g
				}
				w -= rate * buffer
			}
			out[i] = w
		}
		return out
	}
	k, err := New(Auto)
	if err != nil {
		t.Fatal(err)
	}
	m := make([]float32, 37)
	got := trace(func(_ int, w, g []float32) {
		k.SGD(w, m, g, momentum, everyLane(func(r *Rates, lane int) { r.SGDRates(lane, rate, decay) }))
	})
	if d := distance(got, scalar(1)); d > 1e-5 {
		t.Errorf("distance from the scalar rule %v", d)
	}
	if d := distance(got, scalar(0.1)); d < 1e-3 {
		t.Errorf("a dampened buffer passes: distance %v", d)
	}
}

// distance is the largest difference. Weights are of order 1 and a step adds a few 2^-24 of
// rounding, which the quadratics do not amplify: 50 steps stay below 1e-5.
func distance(got []float32, want []float64) float64 {
	d := 0.
	for i, w := range want {
		d = max(d, math.Abs(float64(got[i])-w))
	}
	return d
}

func TestMomentsNeverTurnSubnormal(t *testing.T) {
	for _, l := range []Level{Ref, AVX2, AVX512} {
		if !Supported(l) {
			continue
		}
		k, err := New(l)
		if err != nil {
			t.Fatal(err)
		}
		w, m, v, g := make([]float32, 16), make([]float32, 16), make([]float32, 16), make([]float32, 16)
		for i := range m {
			m[i], v[i] = 1, 1e-25
		}
		for s := 1; s < 2000; s++ {
			k.Adam(w, m, v, g, s, everyLane(func(r *Rates, lane int) { r.AdamRates(lane, s, 0, 0) }))
		}
		if m[3] != 0 || v[3] == 0 {
			t.Errorf("%s: first moment %v should be flushed, second %v should not", l, m[3], v[3])
		}
	}
}

// everyLane sets the rates of all lanes.
func everyLane(set func(r *Rates, lane int)) *Rates {
	var r Rates
	for lane := range Lanes {
		set(&r, lane)
	}
	return &r
}
