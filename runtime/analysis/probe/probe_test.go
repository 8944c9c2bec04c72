package probe

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weightspace/weightspace/runtime/analysis/internal/lcg"
)

func span(from, to int) []int {
	s := make([]int, 0, to-from)
	for i := from; i < to; i++ {
		s = append(s, i)
	}
	return s
}

type golden struct {
	Ridge []struct {
		N, D         int
		Trials, Test []float64
		Coefficients [][]float64
	}
	Logistic [][]float64
}

// Ridge is NumPy's solution of the same equations, with more rows than features and with fewer.
func TestRidge(t *testing.T) {
	var g golden
	lcg.Golden(t, &g)
	penalties := []float64{1e3, 3, 1e-1, 1e-5}
	for _, c := range g.Ridge {
		x, noise := lcg.Numbers(8, c.N*c.D), lcg.Numbers(9, c.N)
		y := make([]float64, c.N)
		for i := range y {
			row := x[i*c.D:]
			y[i] = float64(row[0]) + float64(row[1]) + float64(row[2]) + float64(row[3]) + float64(row[0])*float64(row[1]) + 0.1*float64(noise[i])
		}
		split := Split{span(0, c.N/2), span(c.N/2, 3*c.N/4), span(3*c.N/4, c.N)}
		fits, err := Ridge(t.Context(), 2, Table[float32]{x, c.D}, [][]float64{y, y}, split, penalties)
		if err != nil {
			t.Fatal(err)
		}
		best := 0
		for k, want := range c.Trials {
			lcg.Near(t, "validation R2", fits[1].Trials[k], want, 1e-8)
			if want > c.Trials[best] {
				best = k
			}
		}
		if fits[0].Penalty != penalties[best] {
			t.Errorf("penalty %g, want %g", fits[0].Penalty, penalties[best])
		}
		lcg.Near(t, "test R2", fits[0].TestR2, c.Test[best], 1e-8)
		for k, want := range c.Coefficients[best] {
			lcg.Near(t, "coefficient", fits[0].Coefficients[k], want, 1e-8)
		}
		double := make([]float64, len(x))
		for i, v := range x {
			double[i] = float64(v)
		}
		again, err := Ridge(t.Context(), 1, Table[float64]{double, c.D}, [][]float64{y}, split, penalties)
		if err != nil || !slices.Equal(again[0].Coefficients, fits[0].Coefficients) {
			t.Errorf("float64 features or workers change the fit: %v", err)
		}
	}
}

// The card's control: a real relation is found, shuffled values give an R2 near 0.
func TestControl(t *testing.T) {
	const n, d = 600, 20
	x := lcg.Numbers(40, n*d)
	y, label, model := make([]float64, n), make([]int, n), make([]int, n)
	for i := range n {
		y[i] = float64(x[i*d]) - 2*float64(x[i*d+3])
		if y[i] > 0 {
			label[i] = 1
		}
		model[i] = i / 6
	}
	split, err := ByModel(model, 1)
	if err != nil {
		t.Fatal(err)
	}
	fits, err := Ridge(t.Context(), 2, Table[float32]{x, d}, [][]float64{y, Shuffled(y, 3)}, split, nil)
	if err != nil {
		t.Fatal(err)
	}
	if fits[0].TestR2 < 0.999 || fits[1].TestR2 > 0.1 || len(fits[0].Trials) != 17 {
		t.Errorf("test R2 %g, shuffled %g", fits[0].TestR2, fits[1].TestR2)
	}
	double := make([]float64, len(x))
	for i, v := range x {
		double[i] = float64(v)
	}
	recipe := Logistic{LearningRate: 1e-2, Epochs: 20}
	fit, err := recipe.Fit(t.Context(), Table[float64]{double, d}, label, 2, split)
	if err != nil {
		t.Fatal(err)
	}
	control, err := recipe.Fit(t.Context(), Table[float64]{double, d}, Shuffled(label, 3), 2, split)
	if err != nil {
		t.Fatal(err)
	}
	// 90 test rows: guessing has a standard error of .053.
	if fit.TestAccuracy < 0.95 || math.Abs(control.TestAccuracy-0.5) > 3*0.053 || fit.Majority > 0.7 {
		t.Errorf("accuracy %g, shuffled %g, majority %g", fit.TestAccuracy, control.TestAccuracy, fit.Majority)
	}
}

// The logistic layer trains as PyTorch's, from given weights and rows in order.
func TestLogistic(t *testing.T) {
	var g golden
	lcg.Golden(t, &g)
	const n, d, c = 34, 5, 3
	x, label := lcg.Numbers(10, n*d), lcg.Integers(11, c, n)
	recipe := Logistic{LearningRate: 1e-2, WeightDecay: 1e-3}.complete()
	f := newLayer(recipe, d, c)
	for k, v := range lcg.Numbers(12, c*d) {
		f.w[k/d*(d+1)+k%d] = float64(v)
	}
	table := Table[float64]{make([]float64, n*d), d}
	for i, v := range x {
		table.X[i] = float64(v)
	}
	for range 3 {
		f.epoch(recipe, table, label, span(0, n), span(0, n))
	}
	for k, row := range g.Logistic {
		for j, want := range row {
			lcg.Near(t, "weight", f.w[k*(d+1)+j], want, 1e-11)
		}
	}
}

// The card's recipe is what the zero value means.
func TestRecipe(t *testing.T) {
	if l := (Logistic{}).complete(); l.Epochs != 50 || l.BatchSize != 10 || l.LearningRate != 1e-4 || l.WeightDecay != 1e-6 {
		t.Errorf("recipe %+v", l)
	}
	if l := (Logistic{WeightDecay: -1}).complete(); l.WeightDecay != 0 {
		t.Errorf("decay %g", l.WeightDecay)
	}
	// Kaiming-normal: variance 2/D.
	f, s := newLayer(Logistic{Seed: 5}, 500, 40), 0.0
	for k, w := range f.w {
		if (k+1)%501 != 0 {
			s += w * w
		} else if w != 0 {
			t.Errorf("bias %g", w)
		}
	}
	lcg.Near(t, "variance", s/(500*40)*500/2, 1, 0.05)
}

// No model lies on both sides; sizes are 70, 15 and 15 %.
func TestByModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	model := make([]int, 1000)
	for i := range model {
		model[i] = 3 * r.IntN(40)
	}
	s, err := ByModel(model, 9)
	if err != nil {
		t.Fatal(err)
	}
	part := map[int]int{}
	for p, rows := range [][]int{s.Train, s.Validation, s.Test} {
		for _, i := range rows {
			if q, ok := part[model[i]]; ok && q != p {
				t.Fatalf("model %d is in two parts", model[i])
			}
			part[model[i]] = p
		}
	}
	counts := [3]int{}
	for _, p := range part {
		counts[p]++
	}
	if counts != [3]int{28, 6, 6} || len(s.Train)+len(s.Validation)+len(s.Test) != 1000 {
		t.Errorf("models are split %v", counts)
	}
	if _, err := ByModel([]int{1, 1, 2}, 1); err == nil {
		t.Error("two models are split into three")
	}
}

func TestErrors(t *testing.T) {
	x, y := []float64{1, 2, 3, 4}, []float64{1, 2, 3, 4}
	split := Split{[]int{0, 1}, []int{2}, []int{3}}
	nan := slices.Clone(y)
	nan[2] = math.NaN()
	for name, f := range map[string]func() error{
		"width": func() error {
			_, e := Ridge(t.Context(), 1, Table[float64]{x, 3}, [][]float64{y}, split, nil)
			return e
		},
		"target": func() error {
			_, e := Ridge(t.Context(), 1, Table[float64]{x, 1}, [][]float64{y[1:]}, split, nil)
			return e
		},
		"nan": func() error {
			_, e := Ridge(t.Context(), 1, Table[float64]{x, 1}, [][]float64{nan}, split, nil)
			return e
		},
		"feature": func() error {
			_, e := Ridge(t.Context(), 1, Table[float64]{nan, 1}, [][]float64{y}, split, nil)
			return e
		},
		"split": func() error {
			_, e := Ridge(t.Context(), 1, Table[float64]{x, 1}, [][]float64{y}, Split{}, nil)
			return e
		},
		"penalty": func() error {
			_, e := Ridge(t.Context(), 1, Table[float64]{x, 1}, [][]float64{y}, split, []float64{0})
			return e
		},
		"row": func() error {
			_, e := Ridge(t.Context(), 1, Table[float64]{x, 1}, [][]float64{y}, Split{[]int{9}, []int{0}, []int{1}}, nil)
			return e
		},
		"label": func() error {
			_, e := Logistic{}.Fit(t.Context(), Table[float64]{x, 1}, []int{0, 1, 2, 0}, 2, split)
			return e
		},
	} {
		if f() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if r := R2([]float64{1, 1}, []float64{1, 1}); !math.IsNaN(r) {
		t.Errorf("R2 of a constant is %g", r)
	}
}

// The factor times itself is the matrix, over several panels.
func TestFactor(t *testing.T) {
	const n = 250
	x := lcg.Numbers(50, n*(n+20))
	a := make([]float64, n*n)
	for i := range n {
		for j := range n {
			for k := range n + 20 {
				a[i*n+j] += float64(x[i*(n+20)+k]) * float64(x[j*(n+20)+k])
			}
		}
	}
	l := slices.Clone(a)
	if ok, err := factor(t.Context(), 2, l, n); !ok || err != nil {
		t.Fatal(ok, err)
	}
	b := make([]float64, n)
	for i := range b {
		b[i] = 1 / float64(i+1)
	}
	z := slices.Clone(b)
	solve(l, n, z)
	for i := range n {
		s := 0.0
		for j := range n {
			s += a[i*n+j] * z[j]
		}
		lcg.Near(t, "right side", s, b[i], 1e-8)
	}
	a[3*n+3] = -1
	if ok, _ := factor(t.Context(), 1, a, n); ok {
		t.Error("a negative diagonal is factored")
	}
}

func BenchmarkRidge(b *testing.B) {
	const n, d = 10000, 2464
	x, y := lcg.Numbers(1, n*d), make([]float64, n)
	for i := range y {
		y[i] = float64(x[i*d])
	}
	split := Split{span(0, 7000), span(7000, 8500), span(8500, n)}
	for b.Loop() {
		if _, err := Ridge(b.Context(), 0, Table[float32]{x, d}, [][]float64{y}, split, nil); err != nil {
			b.Fatal(err)
		}
	}
}
