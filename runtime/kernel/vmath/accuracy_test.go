package vmath

import (
	"flag"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

var (
	stride  = flag.Uint64("stride", 4099, "distance of the float32 arguments that are tried: 1 for all (an hour)")
	samples = flag.Int("samples", 1500, "number of random float64 arguments that are tried")
)

// bounds are the error bounds in ULP that the package documents: float32, float64.
var bounds = map[Func][2]float64{
	Exp: {1, 1}, Expm1: {2, 2}, Log: {1, 1}, Tanh: {3, 3}, Sigmoid: {3, 3}, Erf: {1.5, 1.5}, GELU: {4, 4}, GELUTanh: {3, 3},
	SiLU: {3, 3}, Softplus: {2, 2}, Sin: {2, 2}, Cos: {2, 2}, Sqrt: {0.5, 0.5}, Rsqrt: {1.5, 1.5}, Reciprocal: {0.5, 0.5},
}

// references64 are the functions in float64, for the results of float32.
var references64 = map[Func]func(x float64) float64{
	Exp: math.Exp, Expm1: math.Expm1, Log: math.Log, Tanh: math.Tanh, Sigmoid: sigmoid64, Erf: math.Erf,
	GELU: func(x float64) float64 {
		if math.IsInf(x, -1) {
			return 0
		}
		return x * 0.5 * math.Erfc(-x/math.Sqrt2)
	},
	GELUTanh: func(x float64) float64 {
		if x < -100 {
			return 0
		}
		return x * sigmoid64(2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))
	},
	SiLU: func(x float64) float64 {
		if x < -800 {
			return 0
		}
		return x * sigmoid64(x)
	},
	Softplus:   func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) },
	Sin:        math.Sin,
	Cos:        math.Cos,
	Sqrt:       math.Sqrt,
	Rsqrt:      func(x float64) float64 { return 1 / math.Sqrt(x) },
	Reciprocal: func(x float64) float64 { return 1 / x },
}

func sigmoid64(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// ulp32 is the distance of float32 numbers at a magnitude.
func ulp32(x float64) float64 {
	e := int(math.Float64bits(x)>>52&0x7ff) - 1022
	return math.Float64frombits(uint64(max(min(e, 128)-24, -149)+1023) << 52)
}

// error32 is the error of a float32 in ULP; infinity counts as the next number after the
// largest.
func error32(got float32, want float64) float64 {
	if isNaN(got) || isNaN(want) {
		if isNaN(got) && isNaN(want) {
			return 0
		}
		return math.Inf(1)
	}
	clamp := func(x float64) float64 { return max(min(x, 0x1p128), -0x1p128) }
	w := clamp(want)
	return math.Abs(clamp(float64(got))-w) / ulp32(w)
}

// fastest is the best level's kernels: the twin tests say that all have the same bits.
func fastest(t testing.TB) *Kernels {
	t.Helper()
	k, err := New(isa.Auto)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// domain is where sin and cos are promised.
func domain(f Func, x, end float64) bool {
	return f != Sin && f != Cos || math.Abs(x) <= end
}

// Errors in float32 are within the bounds for arguments of all sizes.
func TestAccuracy32(t *testing.T) {
	k := fastest(t)
	for f := range funcs {
		reference, ok := references64[f]
		if !ok {
			continue
		}
		t.Run(f.String(), func(t *testing.T) {
			const batch = 1 << 12
			x, y := make([]float32, 0, batch), make([]float32, batch)
			worst, at := 0.0, float32(0)
			flush := func() {
				y = y[:len(x)]
				k.Unary(f, y, x)
				for i, v := range x {
					if !domain(f, float64(v), 0x1p17) {
						if !isNaN(y[i]) {
							t.Fatalf("%v at %v is outside the domain", y[i], v)
						}
						continue
					}
					if e := error32(y[i], reference(float64(v))); e > worst {
						worst, at = e, v
					}
				}
				x = x[:0]
			}
			for _, s := range specials {
				x = append(x, float32(s))
			}
			for b := uint64(0); b < 1<<32; b += *stride {
				if x = append(x, math.Float32frombits(uint32(b))); len(x) == batch {
					flush()
				}
			}
			flush()
			t.Logf("%.3f ULP at %v", worst, at)
			if worst > bounds[f][0] {
				t.Errorf("%.3f ULP at %v, bound %v", worst, at, bounds[f][0])
			}
		})
	}
}

// error64 is the error of a float64 in ULP, as error32.
func error64(got float64, want real) float64 {
	if isNaN(got) {
		return math.Inf(1)
	}
	end := num(math.MaxFloat64)
	end = plus(end, num(0x1p971))
	w := want
	if num(0).Abs(w).Cmp(end) > 0 {
		w = end
		if want.Sign() < 0 {
			w = negative(end)
		}
	}
	g := end
	if math.IsInf(got, -1) {
		g = negative(end)
	} else if !math.IsInf(got, 1) {
		g = num(got)
	}
	d, _ := scaled(less(g, w), -max(min(w.MantExp(nil), 1024)-53, -1074)).Float64()
	return math.Abs(d)
}

// sample64 is where float64 results are tried: special values, all exponents, and the range in
// which the function changes.
func sample64(f Func, n int) []float64 {
	r := rand.New(rand.NewPCG(11, uint64(f)))
	var x []float64
	for _, s := range specials {
		x = append(x, s, math.Nextafter(s, math.Inf(1)), math.Nextafter(s, math.Inf(-1)))
	}
	for i := range n {
		switch i % 5 {
		case 0:
			x = append(x, math.Float64frombits(r.Uint64()))
		case 1:
			x = append(x, r.NormFloat64())
		case 2:
			x = append(x, r.NormFloat64()*20)
		case 3:
			x = append(x, -800*r.Float64())
		default:
			x = append(x, math.Ldexp(r.Float64()*2-1, r.IntN(70)-40))
		}
		if f == Log {
			x = append(x, 1+math.Ldexp(r.Float64()*2-1, -r.IntN(50)))
		}
	}
	return x
}

// Errors in float64 are within the bounds on samples; the references have 260 bits.
func TestAccuracy64(t *testing.T) {
	k := fastest(t)
	for f := range funcs {
		reference, ok := bigReferences[f]
		if !ok {
			continue
		}
		t.Run(f.String(), func(t *testing.T) {
			worst, at := 0.0, 0.0
			x := sample64(f, *samples)
			y := make([]float64, len(x))
			k.Unary64(f, y, x)
			for i, v := range x {
				// Far outside, the float32 test says enough about limits, and series grow long.
				if isNaN(v) || v == 0 || math.Abs(v) > 1000 && f <= Softplus && f != Log || !domain(f, v, 0x1p30) ||
					v < 0 && (f == Log || f == Sqrt || f == Rsqrt) || math.IsInf(v, 0) {
					continue
				}
				if e := error64(y[i], reference(num(v))); e > worst {
					worst, at = e, v
				}
			}
			t.Logf("%.3f ULP at %v", worst, at)
			if worst > bounds[f][1] {
				t.Errorf("%.3f ULP at %v, bound %v", worst, at, bounds[f][1])
			}
		})
	}
}
