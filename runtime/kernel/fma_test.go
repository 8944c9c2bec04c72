package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// exactFMA is x*y+z by big arithmetic, rounded once to float32.
func exactFMA(x, y, z float32) float32 {
	const precision = 1000
	b := func(f float32) *big.Float { return new(big.Float).SetPrec(precision).SetFloat64(float64(f)) }
	s := b(x)
	s.Mul(s, b(y)).Add(s, b(z))
	f, _ := s.Float32()
	return f
}

// The pure-Go FMA is exact for all kinds of operands, halfway cases and subnormal results
// included. Control: rounding twice must not pass.
func TestFMA(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	wrong, twice := 0, 0
	for i := range 400000 {
		x, y, z := random(r), random(r), random(r)
		switch i % 4 {
		case 1: // z near the product's negative or a tiny fraction of it
			z = float32(float64(x) * float64(y) * math.Ldexp(1, r.IntN(60)-30))
		case 2: // halfway: short mantissas
			x, y = float32(1+r.IntN(1<<13)), float32(1+r.IntN(1<<13))
			z = float32(math.Ldexp(float64(1+r.IntN(1<<24)), r.IntN(50)-48))
		case 3: // subnormal results
			x, y, z = x*1e-20, y*1e-20, float32(math.Ldexp(float64(r.IntN(1<<12)), -149))
		}
		p := float64(x) * float64(y)
		if math.IsInf(float64(x), 0) || math.IsInf(float64(y), 0) || math.IsInf(float64(z), 0) {
			continue
		}
		want := exactFMA(x, y, z)
		if got := fma(x, y, z); got != want {
			if wrong++; wrong < 10 {
				t.Errorf("fma(%b, %b, %b) = %b, want %b", x, y, z, got, want)
			}
		}
		if float32(p+float64(z)) != want {
			twice++
		}
	}
	if twice == 0 {
		t.Error("no case where rounding twice goes wrong: the test is too weak")
	}
	t.Logf("rounding twice is wrong in %d cases", twice)
	if !math.IsInf(float64(fma(1e30, 1e30, 0)), 1) || !math.IsNaN(float64(fma(float32(math.Inf(1)), 0, 1))) {
		t.Error("overflow or NaN is wrong")
	}
}

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

func TestLevelNames(t *testing.T) {
	for _, l := range []Level{Ref, AVX2, AVX512} {
		got, err := ParseLevel(l.String())
		if Supported(l) && (err != nil || got != l) || !Supported(l) && err == nil {
			t.Errorf("%s: %v, %v", l, got, err)
		}
	}
	if l, err := ParseLevel(""); err != nil || l != Best() {
		t.Errorf("empty: %v, %v", l, err)
	}
	if _, err := ParseLevel("sse9"); err == nil || !strings.Contains(err.Error(), "use auto, ref, avx2 or avx512") {
		t.Errorf("unknown level: %v", err)
	}
}
