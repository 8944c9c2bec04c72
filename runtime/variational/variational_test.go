package variational

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/check"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// reference are the method card's values of KL.
var reference = map[float64]float64{-8: 4.63590, -3: 2.11559, 0: 0.43124, 3: 0.025420, 8: 1.6837e-4}

// matches reports that a function has the reference values to 1e-5, relative.
func matches(f func(float64) float64) bool {
	for l, want := range reference {
		if !(math.Abs(f(l)-want) <= 1e-5*want) {
			return false
		}
	}
	return true
}

func TestKL(t *testing.T) {
	if !matches(KL) {
		for l, want := range reference {
			t.Errorf("KL(%v) = %v, want %v", l, KL(l), want)
		}
	}
	if matches(func(l float64) float64 { return -KL(l) }) || matches(func(l float64) float64 { return KL(l) - K1 }) || matches(func(l float64) float64 { return KL(-l) }) {
		t.Error("a wrong sign or a missing constant has the reference values too")
	}
	last := math.Inf(1)
	for l := -12.0; l <= 12; l += 1. / 64 {
		if k := KL(l); !(k < last) || k < 0 {
			t.Fatalf("KL(%v) = %v after %v: it must fall and stay positive", l, k, last)
		} else {
			last = k
		}
		const h = 1e-5
		if got, want := KLGrad(l), (KL(l+h)-KL(l-h))/(2*h); math.Abs(got-want) > 1e-6*math.Abs(want)+1e-10 {
			t.Fatalf("gradient at %v: %v, central difference %v", l, got, want)
		}
	}
	if k := KL(700); !(k >= 0 && k < 1e-15) {
		t.Errorf("KL(700) = %v", k)
	}
}

func TestSchedule(t *testing.T) {
	w := KLWeight{Linear, DefaultMax}
	for e, want := range map[int]float64{0: 0, 1: 0.0004, 24: 0.0096, 2500: 1, 9999: 1} {
		if got := w.At(e, DefaultEpochs); math.Abs(got-want) > 1e-15 {
			t.Errorf("epoch %d: %v, want %v", e, got, want)
		}
	}
	if got := (KLWeight{Constant, 2e-5}).At(0, 25); got != 2e-5 {
		t.Errorf("constant: %v", got)
	}
	for _, bad := range []KLWeight{{"cosine", 1}, {Linear, -1}, {Linear, math.NaN()}, {Constant, math.Inf(1)}} {
		if bad.Check() == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
	if err := w.Check(); err != nil {
		t.Error(err)
	}
}

// The gradient of a loss that is linear in the variance, plus weighted KL, against central differences.
func TestGradient(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		theta, ls2, clamp := r.NormFloat64()*math.Exp(r.NormFloat64()-2), -10+13*r.Float64(), []float64{8, 10}[r.IntN(2)]
		by, w := r.NormFloat64(), 0.02*r.Float64()
		l := LogAlpha(theta, ls2)
		if math.Abs(math.Abs(l)-clamp) < 1e-3 {
			continue
		}
		f := func(theta, ls2 float64) float64 {
			k, _ := Clamp(LogAlpha(theta, ls2), clamp)
			return by*Variance(theta, ls2, clamp) + w*KL(k)
		}
		dTheta, dLs2 := Gradient(theta, ls2, clamp, by, w)
		h := 1e-5 * math.Abs(theta)
		if want := (f(theta+h, ls2) - f(theta-h, ls2)) / (2 * h); math.Abs(dTheta-want) > 1e-6*(math.Abs(want)+math.Abs(by)*Variance(theta, ls2, clamp)/math.Abs(theta)) {
			t.Fatalf("theta %v, log sigma^2 %v: by theta %v, central difference %v", theta, ls2, dTheta, want)
		}
		if want := (f(theta, ls2+1e-5) - f(theta, ls2-1e-5)) / 2e-5; math.Abs(dLs2-want) > 1e-6*(math.Abs(want)+1e-4) {
			t.Fatalf("theta %v, log sigma^2 %v: by log sigma^2 %v, central difference %v", theta, ls2, dLs2, want)
		}
	}
	if a, b := Gradient(0, -10, 8, 1, 1); a != 0 || b != 0 {
		t.Errorf("a weight of 0 gets the gradient %v, %v", a, b)
	}
}

func vectors(t testing.TB, l isa.Level, segments []Segment) *Vectors {
	t.Helper()
	v, err := NewVectors(l, segments)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Rows in float32 are what the functions of numbers say, with the same bits on every level.
func TestVectors(t *testing.T) {
	segments := []Segment{{0, 200, 8, true}, {200, 213, 8, false}, {213, 2700, 10, true}, {2700, 2720, 0, false}}
	r := rand.New(rand.NewPCG(2, 2))
	const n, w = 2720, 0.004
	theta, ls2, dt, dv := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range n {
		theta[i], ls2[i] = float32(r.NormFloat64()*0.3), float32(-10+14*r.Float64())
		dt[i], dv[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
		switch i % 50 {
		case 0:
			theta[i] = 0
		case 1:
			theta[i] = float32(1e-6 * r.NormFloat64())
		}
	}
	type result struct{ sigma2, theta, ls2, twin []float32 }
	run := func(l isa.Level) result {
		v := vectors(t, l, segments)
		out := result{make([]float32, n), append([]float32(nil), dt...), append([]float32(nil), dv...), make([]float32, n)}
		v.Variances(out.sigma2, theta, ls2)
		v.Gradient(out.theta, out.ls2, theta, ls2, w)
		v.Twin(out.twin, theta, ls2, DefaultThreshold)
		return out
	}
	got := run(isa.Ref)
	for _, s := range segments {
		for i := s.From; i < s.To; i++ {
			if s.Clamp == 0 {
				if got.sigma2[i] != 0 || got.theta[i] != dt[i] || got.ls2[i] != 0 || got.twin[i] != theta[i] {
					t.Fatalf("element %d has no noise and is touched", i)
				}
				continue
			}
			th, ls := float64(theta[i]), float64(ls2[i])
			l := LogAlpha(th, ls)
			if math.Abs(math.Abs(l)-s.Clamp) < 1e-4 || math.Abs(l-DefaultThreshold) < 1e-4 {
				continue
			}
			// log alpha up to 30 in size is right to 4e-6, and so, relatively, is alpha.
			near := func(what string, got float32, want, scale float64) {
				if math.Abs(float64(got)-want) > 1e-5*scale+1e-30 {
					t.Fatalf("element %d (theta %v, log alpha %v): %s %v, want %v", i, th, l, what, got, want)
				}
			}
			v := Variance(th, ls, s.Clamp)
			near("variance", got.sigma2[i], v, v)
			a, b := Gradient(th, ls, s.Clamp, float64(dv[i]), w)
			slope := 2 / (math.Abs(th) + Tiny)
			near("by log sigma^2", got.ls2[i], b, math.Abs(v*float64(dv[i]))+w)
			near("by theta", got.theta[i], float64(dt[i])+a, math.Abs(float64(dt[i]))+slope*(math.Abs(v*float64(dv[i]))+w*math.Abs(KLGrad(min(s.Clamp, max(l, -s.Clamp))))))
			want := theta[i]
			if l >= DefaultThreshold {
				want = 0
			}
			if got.twin[i] != want {
				t.Fatalf("element %d with log alpha %v answers %v", i, l, got.twin[i])
			}
		}
	}
	for _, l := range []isa.Level{isa.AVX2, isa.AVX512} {
		if !isa.Supported(l) {
			continue
		}
		other := run(l)
		for name, p := range map[string][2][]float32{
			"variance": {other.sigma2, got.sigma2}, "theta": {other.theta, got.theta}, "log sigma^2": {other.ls2, got.ls2}, "twin": {other.twin, got.twin},
		} {
			if i := check.FirstDifference(p[0], p[1]); i >= 0 {
				t.Errorf("%v: %s %d is %v, want %v", l, name, i, p[0][i], p[1][i])
			}
		}
	}
	if _, err := NewVectors(isa.Ref, []Segment{{0, 5, 8, true}, {6, 7, 8, true}}); err == nil {
		t.Error("segments with a hole were accepted")
	}
}

func BenchmarkVectors(b *testing.B) {
	const n = 2464
	v := vectors(b, isa.Auto, []Segment{{0, n, 8, true}})
	theta, ls2, dt, dv := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range n {
		theta[i], ls2[i] = 0.1+float32(i)/n, -10
	}
	for b.Loop() {
		v.Variances(dt, theta, ls2)
		v.Gradient(dt, dv, theta, ls2, 0.001)
	}
}
