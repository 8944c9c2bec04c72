package cluster

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/weightspace/weightspace/runtime/analysis/internal/lcg"
	"github.com/weightspace/weightspace/runtime/analysis/points"
)

func distances(t testing.TB, data []float32, d int) (points.Points, *points.Distances) {
	t.Helper()
	p, err := points.New(data, d)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Distances(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return p, out
}

// Dendrograms are SciPy's: the same clusters at the same heights.
func TestLinkages(t *testing.T) {
	var golden map[string]any
	lcg.Golden(t, &golden)
	_, d := distances(t, lcg.Numbers(5, 60*6), 6)
	for k, want := range golden["distances"].([]any) {
		lcg.Near(t, "distance", d.D[k], want.(float64), 1e-7)
	}
	for _, l := range []Linkage{Single, Average, Ward} {
		tree, err := Agglomerate(d, l)
		if err != nil {
			t.Fatal(err)
		}
		want := golden[string(l)].([]any)
		if len(tree.Merges) != len(want) {
			t.Fatalf("%s: %d merges", l, len(tree.Merges))
		}
		for i, m := range tree.Merges {
			w := want[i].([]any)
			a, b, size := int(w[0].(float64)), int(w[1].(float64)), int(w[3].(float64))
			if m.A != min(a, b) || m.B != max(a, b) || m.Size != size {
				t.Errorf("%s: merge %d is %+v, want %v", l, i, m, w)
			}
			lcg.Near(t, string(l), m.Height, w[2].(float64), 1e-7)
		}
	}
	bad, nan := points.Points{N: 3, D: 1, Data: []float32{1, float32(math.NaN()), 2}}, &points.Distances{N: 3, D: []float64{1, math.NaN(), 2}}
	if _, err := SingleLinkage(t.Context(), 1, bad); err == nil {
		t.Error("points that are NaN are clustered")
	}
	for _, l := range []Linkage{Single, Average, Ward} {
		if _, err := Agglomerate(nan, l); err == nil {
			t.Errorf("%s: distances that are NaN are clustered", l)
		}
	}
	if _, err := Agglomerate(d, "centroid"); err == nil {
		t.Error("centroid linkage is known")
	}
}

// Without a matrix single linkage is the same, bit for bit, whatever the workers, also with ties.
func TestSingleLinkageFromPoints(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{1, 2, 3, 50, 400} {
		data := make([]float32, n*3)
		for i := range data {
			data[i] = float32(r.IntN(9)) // many equal distances
		}
		p, d := distances(t, data, 3)
		want, err := Agglomerate(d, Single)
		if err != nil {
			t.Fatal(err)
		}
		for _, workers := range []int{1, 2, 5} {
			got, err := SingleLinkage(t.Context(), workers, p)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.Merges, want.Merges) {
				t.Fatalf("%d points, %d workers: the trees differ", n, workers)
			}
		}
	}
	if _, err := SingleLinkage(t.Context(), 1, points.Points{D: 1}); err == nil {
		t.Error("no points are clustered")
	}
}

// Groups that are far apart are found by every linkage; a cut has as many clusters as asked for.
func TestCut(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		k := rapid.IntRange(1, 6).Draw(rt, "k")
		n := rapid.IntRange(k, 40).Draw(rt, "n")
		noise := lcg.Numbers(rapid.Uint32().Draw(rt, "seed"), 2*n)
		truth, data := make([]int, n), make([]float32, 2*n)
		for i := range n {
			truth[i] = i % k
			data[2*i], data[2*i+1] = noise[2*i]+float32(100*(i%k)), noise[2*i+1]
		}
		p, err := points.New(data, 2)
		if err != nil {
			rt.Fatal(err)
		}
		d, err := p.Distances(t.Context(), 1)
		if err != nil {
			rt.Fatal(err)
		}
		for _, l := range []Linkage{Single, Average, Ward} {
			tree, err := Agglomerate(d, l)
			if err != nil {
				rt.Fatal(err)
			}
			for i := 1; i < len(tree.Merges); i++ {
				if tree.Merges[i].Height < tree.Merges[i-1].Height {
					rt.Fatalf("%s: heights fall", l)
				}
			}
			for c := 1; c <= n; c++ {
				g, err := tree.Cut(c)
				if err != nil {
					rt.Fatal(err)
				}
				if slices.Max(g) != c-1 || g[0] != 0 {
					rt.Fatalf("%s: cut at %d: %v", l, c, g)
				}
			}
			g, _ := tree.Cut(k)
			if !slices.Equal(g, truth) {
				rt.Fatalf("%s: clusters %v", l, g)
			}
		}
	})
	tree := &Tree{N: 3, Merges: []Merge{{0, 1, 1, 2}, {2, 3, 2, 3}}}
	for _, k := range []int{0, 4} {
		if _, err := tree.Cut(k); err == nil {
			t.Errorf("3 points are cut into %d", k)
		}
	}
}

func TestAgreement(t *testing.T) {
	var golden struct{ ARI float64 }
	lcg.Golden(t, &golden)
	x, y := lcg.Integers(6, 4, 60), lcg.Integers(7, 5, 60)
	ari, err := AdjustedRand(x, y)
	if err != nil {
		t.Fatal(err)
	}
	lcg.Near(t, "adjusted Rand index", ari, golden.ARI, 1e-14)
	renamed := make([]int, 60)
	for i, v := range x {
		renamed[i] = 10 - 3*v
	}
	for _, c := range []struct {
		x, y        []int
		ari, purity float64
	}{
		{x, renamed, 1, 1},
		{[]int{0, 0, 0}, []int{5, 5, 5}, 1, 1},
		{[]int{0, 1, 2}, []int{5, 4, 3}, 1, 1},
		{[]int{7}, []int{1}, 1, 1},
		{[]int{0, 0, 0, 0}, []int{0, 0, 1, 1}, 0, 0.5},
		{[]int{0, 0, 0, 1, 1, 1}, []int{0, 0, 1, 1, 1, 1}, (4 - 6*7/15.) / (6.5 - 6*7/15.), 5. / 6},
	} {
		ari, err1 := AdjustedRand(c.x, c.y)
		purity, err2 := Purity(c.x, c.y)
		if err1 != nil || err2 != nil || math.Abs(ari-c.ari) > 1e-14 || math.Abs(purity-c.purity) > 1e-14 {
			t.Errorf("%v and %v: index %g, purity %g, want %g and %g", c.x, c.y, ari, purity, c.ari, c.purity)
		}
	}
	if _, err := AdjustedRand(x, y[1:]); err == nil {
		t.Error("groupings of different points are compared")
	}
	if _, err := Purity(nil, nil); err == nil {
		t.Error("nothing is pure")
	}
}

func BenchmarkSingleLinkage(b *testing.B) {
	const n, d = 5100, 2464
	data := lcg.Numbers(1, n*d)
	p, err := points.New(data, d)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("points", func(b *testing.B) {
		for b.Loop() {
			if _, err := SingleLinkage(b.Context(), 0, p); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("matrix", func(b *testing.B) {
		for b.Loop() {
			m, err := p.Distances(b.Context(), 0)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := Agglomerate(m, Single); err != nil {
				b.Fatal(err)
			}
		}
	})
}
