package vmath

import (
	"math"
	"testing"
)

// Limits and special values, the sign of zero included, in both types.
func TestLimits(t *testing.T) {
	inf, nan, zero := math.Inf(1), math.NaN(), math.Copysign(0, -1)
	type values [][2]float64
	odd := values{{0, 0}, {zero, zero}, {nan, nan}}
	for f, v := range map[Func]values{
		Exp:        {{inf, inf}, {-inf, 0}, {nan, nan}, {0, 1}, {zero, 1}, {1000, inf}, {-1000, 0}},
		Expm1:      append(values{{inf, inf}, {-inf, -1}, {1000, inf}, {-1000, -1}}, odd...),
		Log:        {{0, -inf}, {zero, -inf}, {1, 0}, {inf, inf}, {-inf, nan}, {-1, nan}, {nan, nan}},
		Tanh:       append(values{{inf, 1}, {-inf, -1}, {50, 1}}, odd...),
		Sigmoid:    {{inf, 1}, {-inf, 0}, {0, 0.5}, {nan, nan}},
		Erf:        append(values{{inf, 1}, {-inf, -1}, {7, 1}}, odd...),
		GELU:       append(values{{inf, inf}, {-inf, 0}, {1e30, 1e30}, {-1e30, 0}}, odd...),
		GELUTanh:   append(values{{inf, inf}, {1e30, 1e30}, {-1e30, zero}, {-inf, zero}}, odd...),
		SiLU:       append(values{{inf, inf}, {1e30, 1e30}, {-1e30, zero}, {-inf, zero}}, odd...),
		Softplus:   {{inf, inf}, {-inf, 0}, {nan, nan}, {1e30, 1e30}, {-1e30, 0}},
		Sin:        append(values{{inf, nan}, {-inf, nan}, {0x1p31, nan}}, odd...),
		Cos:        {{inf, nan}, {0, 1}, {zero, 1}, {nan, nan}, {0x1p31, nan}},
		Sqrt:       append(values{{inf, inf}, {-1, nan}, {4, 2}}, odd...),
		Rsqrt:      {{inf, 0}, {-1, nan}, {4, 0.5}, {0, inf}, {nan, nan}},
		Reciprocal: {{inf, 0}, {-inf, zero}, {0, inf}, {zero, -inf}, {nan, nan}},
		Square:     {{-3, 9}, {inf, inf}, {nan, nan}},
		Neg:        {{0, zero}, {zero, 0}, {inf, -inf}, {nan, nan}},
		Abs:        {{zero, 0}, {-inf, inf}, {nan, nan}},
		ReLU:       append(values{{inf, inf}, {-inf, 0}, {-1e-30, 0}, {2, 2}}, odd...),
	} {
		testLimits[float32](t, f, v)
		testLimits[float64](t, f, v)
	}
}

func testLimits[T Float](t *testing.T, f Func, v [][2]float64) {
	x, want, got := make([]T, len(v)), make([]T, len(v)), make([]T, len(v))
	for i, p := range v {
		x[i], want[i] = T(p[0]), T(p[1])
	}
	UnaryRef(f, got, x)
	sameBits(t, f.String(), got, want, x)
}

// Overflow and underflow happen where the limits of the type are, not before.
func TestRange(t *testing.T) {
	at := func(f Func, x float32) float32 {
		y := []float32{0}
		UnaryRef(f, y, []float32{x})
		return y[0]
	}
	if y := at(Exp, 88.72283); y < 3.4e38 || math.IsInf(float64(y), 1) {
		t.Errorf("e^88.72283 = %v", y)
	}
	if y := at(Exp, 88.72284); !math.IsInf(float64(y), 1) {
		t.Errorf("e^88.72284 = %v", y)
	}
	if y := at(Exp, -103.97); y != 0x1p-149 {
		t.Errorf("e^-103.97 = %v", y)
	}
	for _, f := range []Func{GELU, GELUTanh, SiLU} {
		if y := at(f, -9); y >= 0 {
			t.Errorf("%v(-9) = %v: the tail is lost", f, y)
		}
	}
}

// derivativeOf is a central difference in 260 bits.
func derivativeOf(f func(x real) real, x float64) float64 {
	h := num(0x1p-70)
	d, _ := scaled(less(f(plus(num(x), h)), f(less(num(x), h))), 69).Float64()
	return d
}

// Derivatives agree with differences of the references within 9 half ULP of 1: Tanh's comes
// from y, which may be off by 4 ULP below 1 and is doubled; the others' terms are good to 4 ULP.
func TestGradients(t *testing.T) {
	testGradients[float32](t, 0x1p-24)
	testGradients[float64](t, 0x1p-53)
}

func testGradients[T Float](t *testing.T, half float64) {
	for _, f := range []Func{Tanh, Sigmoid, GELU, GELUTanh, SiLU, Softplus} {
		var x, one []T
		for i := -150; i <= 150; i++ {
			v := float64(i) / 150
			x, one = append(x, T(12*v), T(90*v*v*v)), append(one, 1, 1)
		}
		y, d := make([]T, len(x)), make([]T, len(x))
		UnaryRef(f, y, x)
		ActivateGradRef(Activation{Func: f}, d, x, y, one, false)
		worst := 0.0
		for i, v := range x {
			if v == 0 {
				continue
			}
			worst = max(worst, math.Abs(float64(d[i])-derivativeOf(bigReferences[f], float64(v)))/half)
		}
		t.Logf("%v: %.2f half ULP of 1", f, worst)
		if worst > 9 {
			t.Errorf("derivative of %v is off by %v half ULP of 1", f, worst)
		}
	}
}

// Far out derivatives are 0 or 1, and NaN passes.
func TestGradientLimits(t *testing.T) {
	inf := float32(math.Inf(1))
	x := []float32{inf, -inf, 1e30, -1e30}
	for _, f := range []Func{Tanh, Sigmoid, GELU, GELUTanh, SiLU, Softplus, ReLU, LeakyReLU} {
		a := Activation{Func: f, Slope: 0.25}
		y, d := make([]float32, 4), make([]float32, 4)
		ActivateRef(a, y, x)
		ActivateGradRef(a, d, x, y, []float32{2, 2, 2, 2}, false)
		want := []float32{2, 0, 2, 0}
		switch f {
		case Tanh, Sigmoid:
			want = []float32{0, 0, 0, 0}
		case LeakyReLU:
			want = []float32{2, 0.5, 2, 0.5}
		default:
		}
		for i := range want {
			if d[i] != want[i] {
				t.Errorf("derivative of %v at %v is %v", f, x[i], d[i])
			}
		}
		n := []float32{float32(math.NaN())}
		ActivateRef(a, n, n)
		if !isNaN(n[0]) {
			t.Errorf("%v(NaN) = %v", f, n[0])
		}
	}
}
