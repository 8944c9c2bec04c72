package initializer

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/rng"
	"github.com/weightspace/weightspace/runtime/tensor"
)

func fill[T Float](t *testing.T, law Law, shape ...int) []T {
	t.Helper()
	x := make([]T, tensor.Shape(shape).Size())
	if err := Fill(x, shape, 42, "layer.weight", law); err != nil {
		t.Fatal(err)
	}
	return x
}

// The four laws of model zoos are frozen, to the bit: these are their definitions.
func TestZooLaws(t *testing.T) {
	shape := []int{5, 3, 4, 2}
	const fanIn = 24
	b, std := math.Sqrt(6./fanIn), math.Sqrt(2./fanIn)
	for name, draw := range map[string]func(s rng.Stream, i int) float32{
		"uniform":         func(s rng.Stream, i int) float32 { return s.Uniform(i) },
		"normal":          func(s rng.Stream, i int) float32 { return float32(s.Normal(i)) },
		"kaiming_uniform": func(s rng.Stream, i int) float32 { return float32(float64(2*s.Open(i)-1) * b) },
		"kaiming_normal":  func(s rng.Stream, i int) float32 { return float32(s.Normal(i) * std) },
	} {
		law, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		s := rng.New(42, "init/layer.weight")
		for i, got := range fill[float32](t, law, shape...) {
			if want := draw(s, i); got != want {
				t.Errorf("%s: element %d is %v, want %v", name, i, got, want)
			}
		}
	}
}

// moments are the expected mean, deviation, fourth central moment and bounds of a law.
type moments struct {
	mean, std, fourth, low, high float64
}

func uniformMoments(b float64) moments { return moments{0, b / math.Sqrt(3), b * b * b * b / 5, -b, b} }

func normalMoments(mean, std float64) moments {
	return moments{mean, std, 3 * std * std * std * std, math.Inf(-1), math.Inf(1)}
}

// Mean and variance lie within 5 standard errors (probability 6e-7 each), bounds are kept.
func TestMoments(t *testing.T) {
	golden := readGolden(t)
	cases := map[string]struct {
		law  Law
		want moments
	}{
		"uniform":         {Uniform{0, 1}, moments{0.5, math.Sqrt(1. / 12), 1. / 80, 0, 1}},
		"uniform a b":     {Uniform{-3, 5}, moments{1, 8 * math.Sqrt(1./12), 4096. / 80, -3, 5}},
		"symmetric":       {Symmetric{0.3}, uniformMoments(0.3)},
		"normal":          {Normal{2, 3}, normalMoments(2, 3)},
		"xavier uniform":  {XavierUniform{Times(2)}, uniformMoments(2 * math.Sqrt(6./(150+5000)))},
		"xavier normal":   {XavierNormal{Times(2)}, normalMoments(0, 2*math.Sqrt(2./(150+5000)))},
		"kaiming uniform": {KaimingUniform{FanIn, Times(1)}, uniformMoments(math.Sqrt(3. / 150))},
		"kaiming normal":  {KaimingNormal{FanOut, Times(1)}, normalMoments(0, math.Sqrt(1./5000))},
	}
	for i, c := range golden.Truncated {
		// A log-concave law has no heavier tails than the exponential law, whose kurtosis is 9.
		cases["truncated "+string(rune('0'+i))] = struct {
			law  Law
			want moments
		}{TruncatedNormal{c.Mean, c.Std, c.A, c.B}, moments{c.LawMean, c.LawStd, 9 * math.Pow(c.LawStd, 4), c.A, c.B}}
	}
	for name, c := range cases {
		x := fill[float32](t, c.law, 200, 6, 5, 5)
		n, w := float64(len(x)), c.want
		var sum, square float64
		for _, v := range x {
			f := float64(v)
			if f < float64(float32(w.low)) || f > float64(float32(w.high)) {
				t.Errorf("%s: %v is outside [%v, %v]", name, f, w.low, w.high)
				break
			}
			sum += f
			square += (f - w.mean) * (f - w.mean)
		}
		if e := math.Abs(sum/n-w.mean) / (w.std / math.Sqrt(n)); e > 5 {
			t.Errorf("%s: mean %v, want %v: %.1f standard errors", name, sum/n, w.mean, e)
		}
		if e := math.Abs(square/n-w.std*w.std) / math.Sqrt((w.fourth-math.Pow(w.std, 4))/n); e > 5 {
			t.Errorf("%s: variance %v, want %v: %.1f standard errors", name, square/n, w.std*w.std, e)
		}
	}
}

// Extremes of the counter's range stay inside narrow intervals far from the mean.
func TestTruncatedBounds(t *testing.T) {
	for _, l := range []TruncatedNormal{
		{0, 1, 29, 29.5},
		{0, 1, -29.5, -29},
		{0, 1, 8, math.Inf(1)},
		{0, 1, math.Inf(-1), math.Inf(1)},
		{0, 1, -1e-9, 1e-9},
		{0, 1, 5, 40},
		{0, 1, -40, 9},
	} {
		if err := l.Validate(); err != nil {
			t.Fatal(err)
		}
		q := l.quantile()
		last := math.Inf(-1)
		for _, u := range []float64{0x1p-53, 1e-9, 0.3, 0.5, 0.7, 1 - 1e-9, 1 - 0x1p-53} {
			x := q(u)
			if !(x >= l.Low && x <= l.High) || math.IsInf(x, 0) || x < last {
				t.Errorf("%+v: quantile %v is %v after %v", l, u, x, last)
			}
			last = x
		}
	}
}

// Rows or columns, whichever are shorter, are orthogonal and have length Gain: to 1e-6 in
// float32, where each entry has a rounding of 2^-25 relative, and to 1e-14 in float64.
func TestOrthogonality(t *testing.T) {
	for _, shape := range [][]int{{1, 1}, {7, 7}, {40, 64}, {64, 40}, {16, 3, 5, 5}, {100, 3, 3}, {1, 9}, {9, 1}} {
		const gain = 1.5
		checkOrthogonal(t, fill[float64](t, Orthogonal{gain}, shape...), shape, gain, 1e-14)
		checkOrthogonal(t, fill[float32](t, Orthogonal{gain}, shape...), shape, gain, 1e-6)
	}
}

func checkOrthogonal[T Float](t *testing.T, x []T, shape []int, gain, tolerance float64) {
	t.Helper()
	rows, columns := shape[0], len(x)/shape[0]
	at := func(vector, i int) float64 { return float64(x[vector*columns+i]) }
	count, length := rows, columns
	if rows >= columns {
		at = func(vector, i int) float64 { return float64(x[i*columns+vector]) }
		count, length = columns, rows
	}
	for a := range count {
		for b := range a + 1 {
			d, want := 0., 0.
			if a == b {
				want = 1
			}
			for i := range length {
				d += at(a, i) * at(b, i)
			}
			if math.Abs(d/(gain*gain)-want) > tolerance {
				t.Errorf("%v: product of vectors %d and %d is %v, want %v", shape, a, b, d/(gain*gain), want)
				return
			}
		}
	}
}

func TestDependentVectors(t *testing.T) {
	if err := orthonormalise(make([]float64, 6), 2, 3); err == nil || !strings.Contains(err.Error(), "vector 0 of 2 depends") {
		t.Errorf("got %v", err)
	}
}

func TestIdentity(t *testing.T) {
	for _, c := range []struct {
		shape []int
		ones  []int
	}{
		{[]int{2, 3}, []int{0, 4}},
		{[]int{3, 2}, []int{0, 3}},
		{[]int{2, 2, 3}, []int{1, 10}},
		{[]int{3, 2, 3, 3}, []int{4, 31}},
		{[]int{1, 1, 2, 2}, []int{3}},
	} {
		var at []int
		for i, v := range fill[float32](t, Identity{}, c.shape...) {
			if v == 1 {
				at = append(at, i)
			} else if v != 0 {
				t.Errorf("%v: %v at %d", c.shape, v, i)
			}
		}
		if !slices.Equal(at, c.ones) {
			t.Errorf("%v: ones at %v, want %v", c.shape, at, c.ones)
		}
	}
}

// float32 is the rounded float64; names and seeds have streams of their own.
func TestStreams(t *testing.T) {
	for _, name := range Names() {
		law, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		wide, narrow := fill[float64](t, law, 6, 5), fill[float32](t, law, 6, 5)
		for i, v := range wide {
			if float32(v) != narrow[i] {
				t.Errorf("%s: element %d: %v in float32, %v in float64", name, i, narrow[i], v)
			}
		}
		for _, other := range []struct {
			seed uint64
			name string
		}{{43, "layer.weight"}, {42, "layer.other"}} {
			x := make([]float32, 30)
			if err := Fill(x, []int{6, 5}, other.seed, other.name, law); err != nil {
				t.Fatal(err)
			}
			fixed := name == "zeros" || name == "ones" || name == "identity"
			if slices.Equal(x, narrow) != fixed {
				t.Errorf("%s: seed %d, parameter %s: equal %v", name, other.seed, other.name, !fixed)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for want, c := range map[string]struct {
		law   Law
		shape []int
	}{
		"uniform law from 2 to 1":             {Uniform{2, 1}, []int{4}},
		"uniform law: +Inf is not finite":     {Uniform{0, inf}, []int{4}},
		"normal law of deviation -1":          {Normal{0, -1}, []int{4}},
		"normal law: NaN is not finite":       {Normal{nan, 1}, []int{4}},
		"constant: NaN":                       {Constant{nan}, []int{4}},
		"orthogonal law: NaN":                 {Orthogonal{nan}, []int{2, 2}},
		"gain 0: must be positive":            {XavierUniform{}, []int{2, 2}},
		"gain +Inf":                           {XavierNormal{Times(inf)}, []int{2, 2}},
		"fan mode 3":                          {KaimingUniform{3, Times(1)}, []int{2, 2}},
		"gain 0":                              {KaimingNormal{}, []int{2, 2}},
		"shape [4] has no fan":                {KaimingNormal{Gain: Times(1)}, []int{4}},
		`parameter "p": shape [4] has no fan`: {XavierNormal{Times(1)}, []int{4}},
		"has no fan: it needs two axes":       {LayerWeight(), []int{4}},
		"symmetric uniform law of bound -1":   {Symmetric{-1}, []int{4}},
		"deviation 0 in [0, 1]":               {TruncatedNormal{0, 0, 0, 1}, []int{4}},
		"deviation 1 in [1, 1]":               {TruncatedNormal{0, 1, 1, 1}, []int{4}},
		"more than 30 deviations":             {TruncatedNormal{0, 1, 31, 33}, []int{4}},
		"4 elements for shape [5]":            {Zeros, []int{5}},
		"shape [-2 -2] has a negative extent": {Zeros, []int{-2, -2}},
	} {
		if err := Fill(make([]float32, 4), c.shape, 1, "p", c.law); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %q", err, want)
		}
	}
	for _, law := range []Law{Orthogonal{1}, Identity{}, XavierUniform{Times(1)}, KaimingUniform{Gain: Times(1)}} {
		if err := Fill(make([]float32, 4), []int{4}, 1, "p", law); err == nil {
			t.Errorf("%T takes a vector", law)
		}
		if err := Fill([]float32{}, []int{4, 0}, 1, "p", law); err != nil {
			t.Errorf("%T of an empty matrix: %v", law, err)
		}
	}
	if _, err := Named("magic"); err == nil || !strings.Contains(err.Error(), `unknown initializer "magic": use one of [identity`) {
		t.Errorf("got %v", err)
	}
	if _, err := LayerBias([]int{4}); err == nil {
		t.Error("a bias without a weight")
	}
	if l, err := LayerBias([]int{4, 0}); err != nil || l != Zeros {
		t.Errorf("bias of a layer without inputs: %v, %v", l, err)
	}
}
