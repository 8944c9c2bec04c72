package trajectory

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/weightspace/weightspace/runtime/analysis/internal/lcg"
	"github.com/weightspace/weightspace/runtime/analysis/points"
)

// shuffledPath has steps of given lengths in directions that turn a little; states are shuffled, and
// epoch[i] is the truth about state i.
func shuffledPath(t testing.TB, lengths []float64, turn float64, seed uint64) (d *points.Distances, epoch []int) {
	n := len(lengths) + 1
	u, _ := directions(seed)
	path := make([]float32, n*dims)
	at := make([]float64, dims)
	noise := normals(seed+50, len(lengths)*dims)
	order := Shuffled(n, seed)
	epoch = make([]int, n)
	for e := range n {
		for i := range at {
			path[order[e]*dims+i] = float32(at[i])
		}
		epoch[order[e]] = e
		if e < len(lengths) {
			for i := range at {
				at[i] += lengths[e] * (u[i] + turn*noise[e*dims+i]/math.Sqrt(dims)) / math.Sqrt(1+turn*turn)
			}
		}
	}
	return distances(t, path, dims), epoch
}

func score(t testing.TB, order, epoch []int) Score {
	t.Helper()
	s, err := ScoreOrder(order, epoch)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Card, proxy item 3: on a path whose steps shrink geometrically, by .8, methods A and B and the distance to the end
// are exact, and seriation is on a straight one. With constant steps the chain starts anywhere and must degrade.
func TestGeometricPath(t *testing.T) {
	lengths, constant := make([]float64, 30), make([]float64, 30)
	for i := range lengths {
		lengths[i], constant[i] = math.Pow(0.8, float64(i)), 1
	}
	worst := 1.0
	for seed := range uint64(10) {
		for _, turn := range []float64{0, 0.5} {
			d, epoch := shuffledPath(t, lengths, turn, seed+1)
			c := ShrinkingChain(d)
			if s := score(t, c.Order, epoch); s != (Score{1, 1, 1, 1}) || c.Violations != 0 {
				t.Errorf("turn %g: the chain scores %+v with %d violations", turn, s, c.Violations)
			}
			if two := TwoEndedChain(d); !slices.Equal(two.Order, c.Order) {
				t.Errorf("turn %g: the two-ended chain differs", turn)
			}
			if s := score(t, Dendrogram(d), epoch); s.Kendall != 1 {
				t.Errorf("turn %g: the dendrogram scores %+v", turn, s)
			}
			end, err := ByEndpoint(d, slices.Index(epoch, 30))
			if err != nil {
				t.Fatal(err)
			}
			if s := score(t, end, epoch); s.Kendall != 1 {
				t.Errorf("turn %g: the distance to the end scores %+v", turn, s)
			}
			pca, err := PCA(d)
			if err != nil {
				t.Fatal(err)
			}
			if s := score(t, pca, epoch); turn == 0 && s.Kendall < 1-1e-12 {
				t.Errorf("the first component scores %+v", s)
			}
			fiedler, err := Fiedler(d)
			if err != nil {
				t.Fatal(err)
			}
			if s := score(t, fiedler, epoch); turn == 0 && s.Kendall < 0.95 {
				t.Errorf("the Fiedler vector scores %+v", s)
			}
		}
		d, epoch := shuffledPath(t, constant, 0.5, seed+1)
		s := score(t, ShrinkingChain(d).Order, epoch)
		worst = min(worst, s.Kendall)
	}
	t.Logf("with constant steps the chain's tau falls to %.2f", worst)
	if worst > 0.9 {
		t.Error("the chain does not need shrinking steps")
	}
}

// A path that speeds up a little at its end: the tightest pair lies before it, which spoils the chain
// but not the one with two ends.
func TestTightestPairIsNotTheEnd(t *testing.T) {
	lengths := make([]float64, 30)
	for i := range lengths {
		lengths[i] = math.Pow(0.9, float64(i))
	}
	for i := 24; i < 30; i++ {
		lengths[i] = lengths[23] * (1 + 0.01*float64(i-23))
	}
	for seed := range uint64(10) {
		d, epoch := shuffledPath(t, lengths, 0.3, seed+1)
		one, two := score(t, ShrinkingChain(d).Order, epoch), score(t, TwoEndedChain(d).Order, epoch)
		if one.Kendall > 0.95 || two.Kendall != 1 {
			t.Errorf("tau is %g with one end, %g with two", one.Kendall, two.Kendall)
		}
	}
}

// Random orders have tau 0 up to its standard error, sqrt(2(2n+5)/(9n(n-1))).
func TestShuffled(t *testing.T) {
	const n, draws = 30, 400
	epoch, sum := identity(n), 0.0
	for seed := range uint64(draws) {
		sum += score(t, Shuffled(n, seed), epoch).Kendall
	}
	se := math.Sqrt(2*(2*n+5)/(9*float64(n)*(n-1))) / math.Sqrt(draws)
	if math.Abs(sum/draws) > 4*se {
		t.Errorf("mean tau is %g, standard error %g", sum/draws, se)
	}
}

func TestSmallOrders(t *testing.T) {
	for n := range 4 {
		d := &points.Distances{N: n, D: make([]float64, n*max(n-1, 0)/2)}
		pca, err := PCA(d)
		if err != nil {
			t.Fatal(err)
		}
		fiedler, err := Fiedler(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, order := range [][]int{ShrinkingChain(d).Order, TwoEndedChain(d).Order, Dendrogram(d), pca, fiedler, ByNorm(make([]float64, n)), Shuffled(n, 1)} {
			if _, err := ScoreOrder(order, identity(n)); err != nil {
				t.Errorf("%d equal states: %v: %v", n, order, err)
			}
		}
	}
	if _, err := ByEndpoint(&points.Distances{N: 1}, 1); err == nil {
		t.Error("a state that is not there is last")
	}
	if _, err := ScoreOrder([]int{0, 0}, []int{1, 2}); err == nil {
		t.Error("an order with a state twice is scored")
	}
	nan := &points.Distances{N: 3, D: []float64{1, math.NaN(), 2}}
	for _, f := range []func(*points.Distances) ([]int, error){PCA, Fiedler} {
		if _, err := f(nan); err == nil {
			t.Error("distances that are NaN give an order")
		}
	}
	if c := ShrinkingChain(nan); len(c.Order) != 3 {
		t.Errorf("chain %v", c)
	}
	if got := ByNorm([]float64{3, 1, 2, 1}); !slices.Equal(got, []int{1, 3, 2, 0}) {
		t.Errorf("by norm: %v", got)
	}
}

// Correlations equal SciPy's, with ties.
func TestCorrelations(t *testing.T) {
	var golden struct{ Kendall, Spearman float64 }
	lcg.Golden(t, &golden)
	var x, y []float64
	for i, v := range lcg.Integers(2, 9, 40) {
		x, y = append(x, float64(v)), append(y, float64(lcg.Integers(3, 7, 40)[i]))
	}
	lcg.Near(t, "tau-b", Kendall(x, y), golden.Kendall, 1e-12)
	lcg.Near(t, "rho", Spearman(x, y), golden.Spearman, 1e-12)
	if !math.IsNaN(Kendall([]float64{1, 1}, []float64{1, 2})) || !math.IsNaN(Spearman([]float64{1, 1}, []float64{1, 2})) {
		t.Error("a constant list correlates")
	}
}

// Every method names every state once, depends on the states only up to their numbering if
// distances differ, and a reversed order has the negative score.
func TestOrderProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 12).Draw(t, "n")
		seed := rapid.Uint64().Draw(t, "seed")
		data := normals(seed, n*3)
		relabel := Shuffled(n, seed+1)
		at := func(i, j int) float64 { return distance(data[3*i:3*i+3], data[3*j:3*j+3]) }
		make := func(label []int) *points.Distances {
			d := &points.Distances{N: n}
			for i := range n {
				for j := i + 1; j < n; j++ {
					d.D = append(d.D, at(label[i], label[j]))
				}
			}
			return d
		}
		a, b := ShrinkingChain(make(identity(n))).Order, ShrinkingChain(make(relabel)).Order
		for i := range b {
			b[i] = relabel[b[i]]
		}
		if !slices.Equal(a, b) {
			t.Fatalf("numbering changes the chain: %v and %v", a, b)
		}
		s, err := ScoreOrder(a, identity(n))
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(a)
		r, err := ScoreOrder(a, identity(n))
		if err != nil || math.Abs(r.Kendall+s.Kendall) > 1e-12 || math.Abs(r.Reversible-s.Reversible) > 1e-12 {
			t.Fatalf("reversed: %+v and %+v, %v", s, r, err)
		}
	})
}
