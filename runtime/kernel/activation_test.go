package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

func random(r *rand.Rand) float32 {
	return float32(math.Ldexp(r.Float64()*2-1, r.IntN(40)-20))
}

// Activations against float64, with the errors their documentation states.
func TestActivationErrors(t *testing.T) {
	k, err := New(Auto)
	if err != nil {
		t.Fatal(err)
	}
	const n = 1 << 16
	x, y, d := make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range x {
		x[i] = float32(i-n/2) * (10. / (n / 2))
	}
	ulp := func(v float64) float64 { return math.Max(math.Abs(v), 1e-30) * 0x1p-23 }
	for _, e := range []struct {
		name  string
		f     Activation
		value func(x float64) (y, d float64)
		tol   func(y float64) float64
		slope float64
	}{
		{"tanh", Tanh, func(x float64) (float64, float64) { y := math.Tanh(x); return y, 1 - y*y }, func(y float64) float64 { return 4 * ulp(y) }, 3e-7},
		{"sigmoid", Sigmoid, func(x float64) (float64, float64) { y := 1 / (1 + math.Exp(-x)); return y, y * (1 - y) }, func(y float64) float64 { return 4 * ulp(y) }, 3e-7},
		{"gelu", GELU, func(x float64) (float64, float64) {
			c := 0.5 * math.Erfc(-x/math.Sqrt2)
			return x * c, c + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
		}, func(y float64) float64 { return 3e-7 + ulp(y) }, 3e-7},
		{"silu", SiLU, func(x float64) (float64, float64) {
			s := 1 / (1 + math.Exp(-x))
			return x * s, s + x*s*(1-s)
		}, func(y float64) float64 { return 6 * ulp(y) }, 3e-7 + 10*0x1p-24}, // 1-s is rounded, then times x
		{"leaky", LeakyReLU, func(x float64) (float64, float64) {
			if x > 0 {
				return x, 1
			}
			return 0.01 * x, 0.01
		}, ulp, 1e-9},
		{"relu", ReLU, func(x float64) (float64, float64) {
			if x > 0 {
				return x, 1
			}
			return 0, 0
		}, func(float64) float64 { return 0 }, 0},
	} {
		k.Activate(e.f, y, d, x)
		worst, worstSlope, bad := 0., 0., 0
		for i := range x {
			wy, wd := e.value(float64(x[i]))
			dy := math.Abs(float64(y[i]) - wy)
			worst, worstSlope = max(worst, dy), max(worstSlope, math.Abs(float64(d[i])-wd))
			if dy > e.tol(wy) {
				if bad++; bad < 4 {
					t.Errorf("%s(%v) = %v, want %v", e.name, x[i], y[i], wy)
				}
			}
		}
		if worstSlope > e.slope {
			t.Errorf("%s: derivative off by %v", e.name, worstSlope)
		}
		t.Logf("%s: worst error %.2g, derivative %.2g", e.name, worst, worstSlope)
	}
}
