package similarity

import (
	"math"
	"slices"
	"testing"

	"github.com/weightspace/weightspace/runtime/analysis/internal/lcg"
	"github.com/weightspace/weightspace/runtime/analysis/points"
)

func TestAgree(t *testing.T) {
	const models, inputs = 7, 301
	small, wide := make([]uint8, models*inputs), make([]uint16, models*inputs)
	for i, v := range lcg.Integers(3, 4, models*inputs) {
		small[i], wide[i] = uint8(v), uint16(v)*256
	}
	copy(small[inputs:2*inputs], small[:inputs])
	copy(wide[inputs:2*inputs], wide[:inputs])
	a, err := Agree(t.Context(), 2, small, models)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Agree(t.Context(), 1, wide, models)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.Count, b.Count) {
		t.Error("uint16 counts differ from uint8's")
	}
	sum := 0.0
	for i := range models {
		for j := range models {
			same := 0
			for k := range inputs {
				if small[i*inputs+k] == small[j*inputs+k] {
					same++
				}
			}
			if got := a.At(i, j); got != float64(same)/inputs {
				t.Errorf("agreement of %d and %d is %g", i, j, got)
			}
			if i < j {
				sum += float64(same) / inputs
			}
		}
	}
	lcg.Near(t, "mean", a.Mean(), sum/21, 1e-14)
	if a.At(0, 1) != 1 {
		t.Error("equal models do not agree")
	}
	within, across, err := a.MeanWithin([]int{0, 0, 1, 1, 1, 2, 1}, 3)
	if err != nil {
		t.Fatal(err)
	}
	six := (a.At(2, 3) + a.At(2, 4) + a.At(2, 6) + a.At(3, 4) + a.At(3, 6) + a.At(4, 6)) / 6
	lcg.Near(t, "within", within[1], six, 1e-14)
	lcg.Near(t, "across", across, (sum-1-6*six)/14, 1e-13)
	if within[0] != 1 || !math.IsNaN(within[2]) {
		t.Errorf("within groups: %v", within)
	}
	if _, err := Agree(t.Context(), 1, small, 5); err == nil {
		t.Error("predictions that do not fit are compared")
	}
	if _, _, err := a.MeanWithin([]int{0, 0, 0, 0, 0, 0, 3}, 3); err == nil {
		t.Error("group 3 of 3 is taken")
	}
	one, err := Agree(t.Context(), 1, small, 1)
	if err != nil || !math.IsNaN(one.Mean()) {
		t.Errorf("one model agrees with itself: %v", err)
	}
}

// activations are the golden script's, rounded to float32 as there.
func activations(n, p, q int) (x, y Activations) {
	x, y = Activations{make([]float32, n*p), p}, Activations{make([]float32, n*q), q}
	a, b := lcg.Numbers(13, n*p), lcg.Numbers(14, n*q)
	for i := range n {
		for k := range p {
			x.X[i*p+k] = float32(float64(a[i*p+k]) + 0.3)
		}
		for k := range q {
			v := float64(b[i*q+k])
			if k < min(p, q) {
				v += float64(a[i*p+k]) + 0.3
			}
			y.X[i*q+k] = float32(v)
		}
	}
	return x, y
}

// CKA equals the definitions by kernel matrices, by features and by inputs.
func TestCKA(t *testing.T) {
	var golden struct {
		CKA []struct {
			N, P, Q          int
			Linear, Unbiased float64
		}
	}
	lcg.Golden(t, &golden)
	for _, g := range golden.CKA {
		x, y := activations(g.N, g.P, g.Q)
		got, err := LinearCKA(t.Context(), 2, x, y)
		if err != nil {
			t.Fatal(err)
		}
		// The script's activations are float64 sums before rounding.
		lcg.Near(t, "linear", got.Linear, g.Linear, 1e-6)
		lcg.Near(t, "unbiased", got.Unbiased, g.Unbiased, 1e-6)
	}
}

// CKA does not change under rotation, scaling and shifts of features; independent features have an
// unbiased CKA near 0 while the biased one is near 1.
func TestInvariance(t *testing.T) {
	const n, d = 50, 4
	x := Activations{lcg.Numbers(60, n*d), d}
	turned := Activations{make([]float32, n*d), d}
	for i := range n {
		r, s := x.X[i*d:], turned.X[i*d:]
		s[0], s[1] = 3*(0.6*r[0]-0.8*r[1])+5, 3*(0.8*r[0]+0.6*r[1])
		s[2], s[3] = 3*r[3], 3*r[2]-1
	}
	got, err := LinearCKA(t.Context(), 1, x, turned)
	if err != nil {
		t.Fatal(err)
	}
	lcg.Near(t, "linear", got.Linear, 1, 1e-6)
	lcg.Near(t, "unbiased", got.Unbiased, 1, 1e-6)
	many := []Activations{{lcg.Numbers(61, n*400), 400}, {lcg.Numbers(62, n*400), 400}, {lcg.Numbers(63, n*300), 300}}
	m, err := Population(t.Context(), 2, many)
	if err != nil {
		t.Fatal(err)
	}
	if mean := m.Mean(); mean.Linear < 0.8 || math.Abs(mean.Unbiased) > 0.05 || m.At(1, 1).Linear != 1 {
		t.Errorf("independent features: %+v", mean)
	}
	constant := Activations{make([]float32, n*d), d}
	if got, err := LinearCKA(t.Context(), 1, x, constant); err != nil || !math.IsNaN(got.Linear) {
		t.Errorf("constant activations: %v, %v", got, err)
	}
	if _, err := LinearCKA(t.Context(), 1, x, Activations{x.X[:n*d-d], d}); err == nil {
		t.Error("different inputs are compared")
	}
}

func TestWeights(t *testing.T) {
	var golden struct{ Cosine, L2 float64 }
	lcg.Golden(t, &golden)
	data := append(lcg.Numbers(15, 100), make([]float32, 50)...)
	data = append(data, data[:50]...)
	data[150] += 1e-4
	p, err := points.New(data, 50)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Weights(t.Context(), 2, p, []Pair{{0, 1}, {0, 2}, {0, 3}})
	if err != nil {
		t.Fatal(err)
	}
	lcg.Near(t, "L2", d.L2[0], golden.L2, 1e-12)
	lcg.Near(t, "cosine", d.Cosine[0], golden.Cosine, 1e-12)
	if !math.IsNaN(d.Cosine[1]) || !(d.Cosine[2] > 0 && d.Cosine[2] < 1e-8) {
		t.Errorf("cosines %v", d.Cosine)
	}
	lcg.Near(t, "mean L2", d.MeanL2, (d.L2[0]+d.L2[1]+d.L2[2])/3, 1e-14)
	if _, err := Weights(t.Context(), 1, p, []Pair{{0, 4}}); err == nil {
		t.Error("a model that is not there is compared")
	}
}

// Samples are different pairs, all of them if there are not more.
func TestSamplePairs(t *testing.T) {
	for n := range 30 {
		all := AllPairs(n)
		for k, p := range all {
			if got := pairAt(n, k); got != p {
				t.Fatalf("pair %d of %d models is %v, want %v", k, n, got, p)
			}
		}
		got, err := SamplePairs(n, 40, 1)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[Pair]bool{}
		for _, p := range got {
			if p.I < 0 || p.J <= p.I || p.J >= n || seen[p] {
				t.Fatalf("%d models: pair %v", n, p)
			}
			seen[p] = true
		}
		if len(got) != min(40, len(all)) {
			t.Errorf("%d pairs of %d models", len(got), n)
		}
	}
	if p := pairAt(65000, 65000*64999/2-1); p != (Pair{64998, 64999}) {
		t.Errorf("the last pair is %v", p)
	}
}

func BenchmarkAgree(b *testing.B) {
	const models, inputs = 1000, 10000
	x := make([]uint8, models*inputs)
	for i, v := range lcg.Integers(1, 10, len(x)) {
		x[i] = uint8(v)
	}
	for b.Loop() {
		if _, err := Agree(b.Context(), 0, x, models); err != nil {
			b.Fatal(err)
		}
	}
}
