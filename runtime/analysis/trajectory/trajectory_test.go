package trajectory

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/analysis/internal/lcg"
	"github.com/weightspace/weightspace/runtime/analysis/points"
)

const dims = 1000

func normals(seed uint64, n int) []float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	x := make([]float64, n)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	return x
}

// directions are two orthonormal vectors.
func directions(seed uint64) (u, v []float64) {
	u, v = normals(seed, dims), normals(seed+100, dims)
	scale := func(x []float64) {
		n := norm(x)
		for i := range x {
			x[i] /= n
		}
	}
	scale(u)
	inner := 0.0
	for i := range u {
		inner += u[i] * v[i]
	}
	for i := range v {
		v[i] -= inner * u[i]
	}
	scale(v)
	return u, v
}

func circle(radius float64, n int) []float64 {
	u, v := directions(7)
	path := make([]float64, n*dims)
	for t := range n {
		s, c := math.Sincos(2 * math.Pi * float64(t) / float64(n))
		for i := range dims {
			path[t*dims+i] = radius * (c*u[i] + s*v[i])
		}
	}
	return path
}

// Card, proxy item 1: points of a circle have curvature 1/R, constant angle and step. Without the
// chord the quantity would not scale with R: it is the same for all circles.
func TestCircle(t *testing.T) {
	const n = 50
	for _, radius := range []float64{0.01, 1, 250} {
		q, err := Measure(circle(radius, n), dims)
		if err != nil {
			t.Fatal(err)
		}
		for k := range q.Curvature {
			if math.Abs(q.Curvature[k]*radius-1) > 1e-6 {
				t.Fatalf("curvature at radius %g is %g", radius, q.Curvature[k])
			}
			lcg.Near(t, "angle", q.Angle[k], 2*math.Pi/n, 1e-9)
			if control := 2 * math.Sin(q.Angle[k]); radius != 1 && math.Abs(control*radius-1) < 0.5 {
				t.Error("the control scales with the radius")
			}
		}
		lcg.Near(t, "straightness of a circle but for one step", q.Straightness, q.Step[0]/(float64(n-1)*q.Step[0]), 1e-9)
		lcg.Near(t, "relative step", q.Relative[3], 2*math.Sin(math.Pi/n), 1e-9)
	}
	// The same in float32.
	path := circle(2, n)
	single := make([]float32, len(path))
	for i, v := range path {
		single[i] = float32(v)
	}
	q, err := Measure(single, dims)
	if err != nil {
		t.Fatal(err)
	}
	lcg.Near(t, "curvature of float32", q.Curvature[10], 0.5, 1e-4)
}

// Card, proxy item 1: a line has no angle, no energy, straightness 1.
func TestLine(t *testing.T) {
	u, _ := directions(3)
	path := make([]float64, 30*dims)
	for s := range 30 {
		for i, x := range u {
			path[s*dims+i] = 5*u[(i+1)%dims] + 0.5*float64(s)*x
		}
	}
	q, err := Measure(path, dims)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range q.Angle {
		if !(a < 1e-6) {
			t.Errorf("angle %g", a)
		}
	}
	lcg.Near(t, "energy", q.Energy, 0, 1e-12)
	lcg.Near(t, "straightness", q.Straightness, 1, 1e-12)
	lcg.Near(t, "cosine", q.MeanCosine, 1, 1e-12)
	lcg.Near(t, "displacement", q.Displacement[29], 14.5, 1e-12)
	lcg.Near(t, "length", q.Length, 14.5, 1e-12)
}

// Card, proxy item 1: independent increments in R^1000 have mean cosine 0 +- .02 and energy 2 +- .1. Of 200 steps the mean
// cosine has a standard error of 1/sqrt(1000 x 199), .0022.
func TestRandomWalk(t *testing.T) {
	path := normals(11, 201*dims)
	for k := dims; k < len(path); k++ {
		path[k] += path[k-dims]
	}
	q, err := Measure(path, dims)
	if err != nil {
		t.Fatal(err)
	}
	lcg.Near(t, "mean cosine", q.MeanCosine, 0, 0.02)
	lcg.Near(t, "energy", q.Energy/2, 1, 0.05)
}

// What is undefined is NaN, and a path that ends or stands still is none.
func TestUndefined(t *testing.T) {
	q, err := Measure([]float64{0, 0, 0, 0, 1, 0, 0, 0}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(q.Relative[0]) || !math.IsNaN(q.Relative[1]) || q.Relative[2] != 1 {
		t.Errorf("relative steps are %v", q.Relative)
	}
	if !math.IsNaN(q.Angle[0]) || q.Angle[1] != math.Pi || !math.IsNaN(q.Curvature[1]) {
		t.Errorf("angles are %v, curvatures %v", q.Angle, q.Curvature)
	}
	one, err := Measure([]float64{1, 2}, 2)
	if err != nil || len(one.Step) != 0 || !math.IsNaN(one.Straightness) || !math.IsNaN(one.Energy) {
		t.Errorf("one state: %+v, %v", one, err)
	}
	for _, bad := range [][]float64{nil, {1, 2, 3}, {1, math.NaN()}, {math.Inf(1), 0}} {
		if _, err := Measure(bad, 2); err == nil {
			t.Errorf("%v is measured", bad)
		}
	}
}

// Squares of layers' steps add up to those of the whole.
func TestLayers(t *testing.T) {
	path := normals(5, 6*20)
	whole, err := Measure(path, 20)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := MeasureLayers(path, 20, []points.Layer{{Name: "a", Size: 8}, {Name: "b", Offset: 8, Size: 12}})
	if err != nil {
		t.Fatal(err)
	}
	for k, s := range whole.Step {
		lcg.Near(t, "step", math.Hypot(parts[0].Step[k], parts[1].Step[k]), s, 1e-12)
	}
	if _, err := MeasureLayers(path, 20, []points.Layer{{Name: "c", Offset: 15, Size: 6}}); err == nil {
		t.Error("a layer beyond the row is measured")
	}
}

func distances(t testing.TB, data []float32, d int) *points.Distances {
	t.Helper()
	p, err := points.New(data, d)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Distances(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSeparation(t *testing.T) {
	// Two models on a line: 0, 1, 3 and 10, 11; states in any order.
	d := distances(t, []float32{10, 1, 0, 11, 3}, 1)
	s, err := Separate(d, []int{1, 0, 0, 1, 0}, []int{0, 5, 2, 4, 9})
	if err != nil {
		t.Fatal(err)
	}
	if s.Between != 7 || s.Step != 2 || s.Ratio != 3.5 {
		t.Errorf("separation is %+v", s)
	}
	if _, err := Separate(d, []int{1, 0, 0, 1, 0}, []int{0, 5, 5, 4, 9}); err == nil {
		t.Error("two states of one epoch are separated")
	}
	if s, err = Separate(d, []int{0, 0, 0, 0, 0}, []int{0, 1, 2, 3, 4}); err != nil || !math.IsNaN(s.Ratio) {
		t.Errorf("one model: %+v, %v", s, err)
	}
}

func TestSilhouette(t *testing.T) {
	var golden struct{ Silhouette []float64 }
	lcg.Golden(t, &golden)
	group := make([]int, 24)
	for i := range group {
		group[i] = i % 3
	}
	got, err := Silhouette(distances(t, lcg.Numbers(4, 24*5), 5), group)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range golden.Silhouette {
		lcg.Near(t, "silhouette", got[i], want, 1e-9)
	}
	for _, bad := range [][]int{make([]int, 24), group[:3], append([]int{3}, group[:23]...), append([]int{5}, group[:23]...)} {
		if _, err := Silhouette(distances(t, lcg.Numbers(4, 24*5), 5), bad); err == nil && bad[0] != 3 {
			t.Errorf("groups %v are taken", bad)
		}
	}
}

func TestTrigger(t *testing.T) {
	steps := []float64{5, 4, 3, math.NaN(), 3.5, 6, 4.5, 3.9}
	fired, threshold, err := Trigger{Window: 3, Quantile: 1}.Watch(steps)
	if err != nil {
		t.Fatal(err)
	}
	// Baselines: 5 4 3; then 4 3 3.5, in which 6 and 4.5 are too long and not taken; 3.9 is not.
	want := []bool{false, false, false, false, false, true, true, false}
	for i := range want {
		if fired[i] != want[i] {
			t.Errorf("step %d: fired %v over %g", i, fired[i], threshold[i])
		}
	}
	if threshold[4] != 5 || threshold[7] != 4 || !math.IsNaN(threshold[2]) {
		t.Errorf("thresholds are %v", threshold)
	}
	fired, _, err = Trigger{Window: 3, Quantile: 1, Margin: 1.5}.Watch(steps)
	if err != nil || fired[5] {
		t.Errorf("6 fires over 1.5 x 4: %v, %v", fired, err)
	}
	since, bar, err := Trigger{Window: 3, Quantile: 0.5}.Since(steps, 5)
	if err != nil || bar != 3.25 || len(since) != 3 || !since[0] || !since[2] {
		t.Errorf("since step 5: %v over %g, %v", since, bar, err)
	}
	for _, from := range []int{-1, 0, 9} {
		if _, _, err := (Trigger{Window: 3}).Since(steps, from); err == nil {
			t.Errorf("a baseline before step %d", from)
		}
	}
	for _, bad := range []Trigger{{Quantile: 1}, {Window: 1, Quantile: 2}, {Window: 1, Quantile: math.NaN()}, {Window: 1, Margin: -1}} {
		if _, _, err := bad.Watch(steps); err == nil {
			t.Errorf("%+v watches", bad)
		}
	}
}
