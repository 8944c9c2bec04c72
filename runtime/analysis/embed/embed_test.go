package embed

import (
	"math"
	"slices"
	"testing"

	"github.com/weightspace/weightspace/runtime/analysis/internal/lcg"
	"github.com/weightspace/weightspace/runtime/analysis/points"
)

type component struct {
	Variance   []float64
	Components [][]float64
	Total      float64
}

type golden struct {
	Tall, Wide                  component
	Divergence, Trustworthiness float64
}

func shrinking(n, d int) points.Points {
	p := points.Points{N: n, D: d, Data: lcg.Numbers(30, n*d)}
	for i := range p.Data {
		p.Data[i] *= 1 / (1 + float32(i%d))
	}
	return p
}

// clusters are the script's six clusters.
func clusters(n, d int) points.Points {
	p := points.Points{N: n, D: d, Data: lcg.Numbers(31, n*d)}
	centre := lcg.Numbers(32, 6*d)
	for i := range p.Data {
		p.Data[i] += 2 * centre[i/d%6*d+i%d]
	}
	return p
}

// Components are scikit-learn's up to sign, by coordinates and by points.
func TestPCA(t *testing.T) {
	var g golden
	lcg.Golden(t, &g)
	for _, c := range []struct {
		p    points.Points
		want component
	}{{shrinking(80, 12), g.Tall}, {shrinking(30, 90), g.Wide}} {
		r, err := PCA(t.Context(), 2, c.p, 4)
		if err != nil {
			t.Fatal(err)
		}
		lcg.Near(t, "total", r.Total, c.want.Total, 1e-10)
		for k, want := range c.want.Variance {
			lcg.Near(t, "variance", r.Variance[k]/want, 1, 1e-9)
			row := r.Components[k*c.p.D : (k+1)*c.p.D]
			if at := largest(row); row[at] <= 0 {
				t.Errorf("component %d points down", k)
			}
			if inner := math.Abs(dot(row, c.want.Components[k])); math.Abs(inner-1) > 1e-9 {
				t.Errorf("component %d has cosine %.12g", k, inner)
			}
			s := 0.0
			for i := range c.p.N {
				s += r.Scores[i*4+k] * r.Scores[i*4+k]
			}
			lcg.Near(t, "variance of scores", s/float64(c.p.N-1)/want, 1, 1e-9)
		}
		one, err := PCA(t.Context(), 1, c.p, 4)
		if err != nil || !slices.Equal(one.Scores, r.Scores) {
			t.Errorf("workers change bits: %v", err)
		}
	}
}

// Equal variances, planes in large spaces, and points that do not spread.
func TestPCADegenerate(t *testing.T) {
	p := points.Points{N: 4, D: 2, Data: []float32{1, 0, -1, 0, 0, 1, 0, -1}}
	r, err := PCA(t.Context(), 1, p, 2)
	if err != nil || math.Abs(r.Variance[0]-2./3) > 1e-12 || math.Abs(r.Variance[1]-2./3) > 1e-12 {
		t.Errorf("a cross has variances %+v, %v", r, err)
	}
	line := points.Points{N: 5, D: 300, Data: make([]float32, 1500)}
	for i := range 5 {
		line.Data[i*300+7] = float32(i)
	}
	if r, err = PCA(t.Context(), 1, line, 3); err != nil || r.K != 1 || math.Abs(r.Variance[0]-2.5) > 1e-12 || r.Components[7] != 1 {
		t.Errorf("a line has %+v, %v", r, err)
	}
	if _, err := PCA(t.Context(), 1, points.Points{N: 5, D: 3, Data: make([]float32, 15)}, 1); err == nil {
		t.Error("equal points have components")
	}
	if _, err := PCA(t.Context(), 1, p, 3); err == nil {
		t.Error("two coordinates have three components")
	}
	if _, err := r.Project(t.Context(), 1, p); err == nil {
		t.Error("points of another space are projected")
	}
}

// A flat spectrum converges as well.
func TestPCAFlat(t *testing.T) {
	p := points.Points{N: 700, D: 400, Data: lcg.Numbers(77, 700*400)}
	r, err := PCA(t.Context(), 2, p, 2)
	if err != nil {
		t.Fatal(err)
	}
	// Marchenko and Pastur: the edge is s^2 (1+sqrt(D/N))^2, s^2 = 1/12; finite samples lie a little below.
	edge := math.Pow(1+math.Sqrt(400./700), 2) / 12
	if r.Variance[0] < 0.9*edge || r.Variance[0] > 1.02*edge {
		t.Errorf("variance %g, edge %g", r.Variance[0], edge)
	}
}

// The divergence is no more than 5 % above scikit-learn's, the neighbourhoods are kept as well, and
// workers do not change bits.
func TestTSNE(t *testing.T) {
	var g golden
	lcg.Golden(t, &g)
	p := clusters(300, 20)
	e, err := TSNE{}.Embed(t.Context(), 2, p)
	if err != nil {
		t.Fatal(err)
	}
	trust := trustworthiness(t, p, e.Y, 12)
	t.Logf("divergence %.4f (scikit-learn %.4f), trustworthiness %.4f (%.4f)", e.Divergence, g.Divergence, trust, g.Trustworthiness)
	if e.Divergence > 1.05*g.Divergence {
		t.Errorf("divergence %g, scikit-learn has %g", e.Divergence, g.Divergence)
	}
	if trust < g.Trustworthiness-0.01 {
		t.Errorf("trustworthiness %g, scikit-learn has %g", trust, g.Trustworthiness)
	}
	short := TSNE{Iterations: 60}
	a, err := short.Embed(t.Context(), 1, p)
	if err != nil {
		t.Fatal(err)
	}
	b, err := short.Embed(t.Context(), 3, p)
	if err != nil || !slices.Equal(a.Y, b.Y) || a.Divergence != b.Divergence {
		t.Errorf("workers change bits: %v", err)
	}
}

// By Barnes and Hut the neighbourhoods are as good.
func TestBarnesHut(t *testing.T) {
	var g golden
	lcg.Golden(t, &g)
	p := clusters(300, 20)
	e, err := TSNE{Exact: 1, Iterations: 500}.Embed(t.Context(), 2, p)
	if err != nil {
		t.Fatal(err)
	}
	trust := trustworthiness(t, p, e.Y, 12)
	t.Logf("divergence %.4f, trustworthiness %.4f", e.Divergence, trust)
	if trust < g.Trustworthiness-0.02 {
		t.Errorf("trustworthiness %g, scikit-learn has %g", trust, g.Trustworthiness)
	}
	a, err := TSNE{Exact: 1, Iterations: 20}.Embed(t.Context(), 1, p)
	if err != nil {
		t.Fatal(err)
	}
	b, err := TSNE{Exact: 1, Iterations: 20}.Embed(t.Context(), 4, p)
	if err != nil || !slices.Equal(a.Y, b.Y) {
		t.Errorf("workers change bits: %v", err)
	}
}

// The tree's gradient is near the exact one, and equal to it as theta goes to 0.
func TestTreeGradient(t *testing.T) {
	p := clusters(200, 5)
	ex, err := newExact(t.Context(), 1, p, 20)
	if err != nil {
		t.Fatal(err)
	}
	y := make([]float64, 400)
	for i, v := range lcg.Numbers(5, 400) {
		y[i] = 20 * float64(v)
	}
	want, got := make([]float64, 400), make([]float64, 400)
	if err := ex.gradient(t.Context(), 1, y, want, 1); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ theta, tolerance float64 }{{1e-9, 1e-12}, {0.5, 0.05}} {
		tr, err := newTree(t.Context(), 1, p, 20, c.theta)
		if err != nil {
			t.Fatal(err)
		}
		// All probabilities are kept for the comparison.
		for i := range tr.links {
			tr.links[i] = nil
			for j := range 200 {
				if i != j {
					tr.links[i] = append(tr.links[i], link{j, ex.p[i*200+j]})
				}
			}
		}
		if err := tr.gradient(t.Context(), 2, y, got, 1); err != nil {
			t.Fatal(err)
		}
		off, size := 0.0, math.Sqrt(dot(want, want))
		for i := range want {
			off += (got[i] - want[i]) * (got[i] - want[i])
		}
		if math.Sqrt(off) > c.tolerance*size {
			t.Errorf("theta %g: the gradient is off by %g of %g", c.theta, math.Sqrt(off), size)
		}
	}
}

// Perplexities are as asked for, whatever the scale, and also with equal points.
func TestAffinities(t *testing.T) {
	for _, scale := range []float64{1e-8, 1, 1e8} {
		squares := make([]float64, 100)
		for i := range squares {
			squares[i] = scale * (3 + math.Pow(float64(i), 1.5))
		}
		squares[1] = squares[0]
		p := make([]float64, 100)
		affinities(p, squares, 17)
		h := 0.0
		for _, v := range p {
			if v > 0 {
				h -= v * math.Log(v)
			}
		}
		lcg.Near(t, "perplexity", math.Exp(h), 17, 1e-8)
	}
}

func TestTSNEErrors(t *testing.T) {
	if _, err := (TSNE{Perplexity: 30}).Embed(t.Context(), 1, clusters(60, 3)); err == nil {
		t.Error("perplexity 30 of 60 points")
	}
	if _, err := (TSNE{}).Embed(t.Context(), 1, clusters(3, 3)); err == nil {
		t.Error("three points are embedded")
	}
	nan := clusters(60, 3)
	nan.Data[77] = float32(math.NaN())
	if _, err := (TSNE{}).Embed(t.Context(), 1, nan); err == nil {
		t.Error("NaN is embedded")
	}
	line := points.Points{N: 30, D: 1, Data: lcg.Numbers(1, 30)}
	if e, err := (TSNE{}).Embed(t.Context(), 1, line); err != nil || math.IsNaN(e.Divergence) {
		t.Errorf("points on a line: %v", err)
	}
}

// trustworthiness is Venna and Kaski's (2001).
func trustworthiness(t *testing.T, p points.Points, y []float64, k int) float64 {
	t.Helper()
	d, err := p.Distances(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	n, bad := p.N, 0
	nearest := func(i int, at func(j int) float64) []int {
		var order []int
		for j := range n {
			if j != i {
				order = append(order, j)
			}
		}
		slices.SortStableFunc(order, func(a, b int) int {
			switch x, y := at(a), at(b); {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
		return order
	}
	for i := range n {
		rank := make([]int, n)
		for r, j := range nearest(i, func(j int) float64 { return d.At(i, j) }) {
			rank[j] = r + 1
		}
		for _, j := range nearest(i, func(j int) float64 { return math.Hypot(y[2*i]-y[2*j], y[2*i+1]-y[2*j+1]) })[:k] {
			bad += max(rank[j]-k, 0)
		}
	}
	return 1 - 2*float64(bad)/float64(n*k*(2*n-3*k-1))
}

func BenchmarkTSNE(b *testing.B) {
	p := clusters(2000, 50)
	for b.Loop() {
		if _, err := (TSNE{}).Embed(b.Context(), 0, p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPCA(b *testing.B) {
	p := points.Points{N: 2000, D: 2464, Data: lcg.Numbers(3, 2000*2464)}
	for b.Loop() {
		if _, err := PCA(b.Context(), 0, p, 2); err != nil {
			b.Fatal(err)
		}
	}
}
