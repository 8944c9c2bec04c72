package trajectory

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/weightspace/weightspace/runtime/analysis/points"
	"github.com/weightspace/weightspace/runtime/analysis/statistics"
	"github.com/weightspace/weightspace/runtime/rng"
)

// An order lists input indices from the earliest state to the latest. Ties go to the lower index:
// shuffle the states first (Shuffled), so that indices do not give the truth away.

// Chain is an order found by the shrinking-step chain.
type Chain struct {
	Order []int
	// Step is the distance between neighbours of Order.
	Step []float64
	// Violations counts the places where a step is shorter than the one after it, where it should have been longer.
	Violations int
}

// ShrinkingChain is method A of the card, the paper's assumption that steps shrink: the tightest
// pair ends the trajectory, its earlier member being the one nearer to any of the rest; then the
// nearest state left is put before the earliest so far, again and again. If the tightest pair is not
// the end, the states after it are left for last and come out first: see TwoEndedChain.
func ShrinkingChain(d *points.Distances) Chain {
	if d.N < 2 {
		return newChain(d, identity(d.N))
	}
	early, late := orient(d, tightest(d))
	order := []int{late, early}
	used := make([]bool, d.N)
	used[early], used[late] = true, true
	for len(order) < d.N {
		nearest := -1
		for j := range d.N {
			if !used[j] && (nearest < 0 || d.At(early, j) < d.At(early, nearest)) {
				nearest = j
			}
		}
		used[nearest] = true
		order = append(order, nearest)
		early = nearest
	}
	slices.Reverse(order)
	return newChain(d, order)
}

// tightest is the first pair of smallest distance.
func tightest(d *points.Distances) [2]int {
	best := [2]int{0, 1}
	for i := range d.N {
		for j := i + 1; j < d.N; j++ {
			if d.At(i, j) < d.At(best[0], best[1]) {
				best = [2]int{i, j}
			}
		}
	}
	return best
}

// orient says which of a pair is earlier: the one nearer to the nearest of the rest.
func orient(d *points.Distances, pair [2]int) (early, late int) {
	near := [2]float64{math.Inf(1), math.Inf(1)}
	for j := range d.N {
		if j != pair[0] && j != pair[1] {
			near[0], near[1] = min(near[0], d.At(pair[0], j)), min(near[1], d.At(pair[1], j))
		}
	}
	if near[1] < near[0] {
		return pair[1], pair[0]
	}
	return pair[0], pair[1]
}

func steps(d *points.Distances, order []int) []float64 {
	s := make([]float64, 0, max(len(order)-1, 0))
	for t := 1; t < len(order); t++ {
		s = append(s, d.At(order[t-1], order[t]))
	}
	return s
}

// Dendrogram is method B of the card: states by the height at which single linkage first merges
// them, the highest first. That height is the distance to the nearest other state. The pair of the
// first merge is oriented as in ShrinkingChain.
func Dendrogram(d *points.Distances) []int {
	order := identity(d.N)
	if d.N < 2 {
		return order
	}
	height := make([]float64, d.N)
	for i := range height {
		height[i] = math.Inf(1)
		for j := range d.N {
			if i != j {
				height[i] = min(height[i], d.At(i, j))
			}
		}
	}
	_, late := orient(d, tightest(d))
	slices.SortStableFunc(order, func(a, b int) int {
		if c := cmp.Compare(height[b], height[a]); c != 0 || a == b {
			return c
		}
		switch late {
		case a:
			return 1
		case b:
			return -1
		}
		return cmp.Compare(a, b)
	})
	return order
}

// PCA is method C of the card by principal components: states by their score on the first
// component, which is that of classical scaling of the distances, oriented so that steps shrink.
func PCA(d *points.Distances) ([]int, error) {
	n := d.N
	if err := d.Check(); err != nil || n < 2 {
		return identity(n), err
	}
	b := mat.NewSymDense(n, nil)
	means := make([]float64, n)
	total := 0.0
	for i := range n {
		for j := range n {
			means[i] += d.At(i, j) * d.At(i, j) / float64(n)
		}
		total += means[i] / float64(n)
	}
	for i := range n {
		for j := i; j < n; j++ {
			b.SetSym(i, j, (means[i]+means[j]-total-d.At(i, j)*d.At(i, j))/2)
		}
	}
	return bySpectrum(d, b, n-1)
}

// Fiedler is method C of the card by spectral seriation (Atkins et al. 1998): states by their
// entry in the eigenvector of the second smallest eigenvalue of the Laplacian of the similarities
// exp(-(D/s)^2), s the median distance, oriented so that steps shrink.
func Fiedler(d *points.Distances) ([]int, error) {
	n := d.N
	if err := d.Check(); err != nil || n < 2 {
		return identity(n), err
	}
	scale := statistics.Quantile(slices.Sorted(slices.Values(d.D)), 0.5)
	if scale == 0 {
		return identity(n), nil
	}
	l := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i + 1; j < n; j++ {
			r := d.At(i, j) / scale
			s := math.Exp(-r * r)
			l.SetSym(i, j, -s)
			l.SetSym(i, i, l.At(i, i)+s)
			l.SetSym(j, j, l.At(j, j)+s)
		}
	}
	return bySpectrum(d, l, 1)
}

// bySpectrum orders by eigenvector k, eigenvalues ascending.
func bySpectrum(d *points.Distances, m mat.Symmetric, k int) ([]int, error) {
	var e mat.EigenSym
	if !e.Factorize(m, true) {
		return nil, errors.New("trajectory: the eigenvalues of the distances did not converge")
	}
	var vectors mat.Dense
	e.VectorsTo(&vectors)
	score := mat.Col(nil, k, &vectors)
	order := identity(d.N)
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(score[a], score[b]) })
	return Shrinking(d, order), nil
}

// Shrinking turns an order around if its steps grow: if their rank correlation with time is
// positive, or, if that is 0, if the state of lower index comes last.
func Shrinking(d *points.Distances, order []int) []int {
	s := steps(d, order)
	time := make([]float64, len(s))
	for t := range time {
		time[t] = float64(t)
	}
	r := Spearman(time, s)
	if r > 0 || (r == 0 || math.IsNaN(r)) && len(order) > 1 && order[0] > order[len(order)-1] {
		order = slices.Clone(order)
		slices.Reverse(order)
	}
	return order
}

// ByEndpoint is method D of the card: states by their distance from the last one, which must be
// known, the farthest first.
func ByEndpoint(d *points.Distances, last int) ([]int, error) {
	if last < 0 || last >= d.N {
		return nil, fmt.Errorf("trajectory: there is no state %d", last)
	}
	order := identity(d.N)
	slices.SortStableFunc(order, func(a, b int) int {
		if a == last || b == last {
			return cmp.Compare(boolean(a == last), boolean(b == last))
		}
		return cmp.Compare(d.At(b, last), d.At(a, last))
	})
	return order, nil
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// ByNorm is a baseline: states by |w|, the smallest first.
func ByNorm(norms []float64) []int {
	order := identity(len(norms))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(norms[a], norms[b]) })
	return order
}

// Shuffled is a baseline, and the order in which to hand states to the methods: a permutation that
// depends on the seed alone.
func Shuffled(n int, seed uint64) []int {
	order := identity(n)
	s := rng.New(seed, "analysis/trajectory/shuffle")
	for i := n - 1; i > 0; i-- {
		j := int(s.Open(i) * float64(i+1))
		order[i], order[j] = order[j], order[i]
	}
	return order
}

func identity(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}

// TwoEndedChain is ShrinkingChain for trajectories whose tightest pair is not their end, as happens
// when steps stop shrinking: the chain grows at whichever end the nearest state left is nearer to, and
// is turned around at last if steps grow along it. Where steps do shrink the order is the same. It is
// ours, not the card's.
func TwoEndedChain(d *points.Distances) Chain {
	if d.N < 3 {
		return ShrinkingChain(d)
	}
	early, late := orient(d, tightest(d))
	// back goes from early to the past, forth from late to the future.
	back, forth := []int{early}, []int{late}
	used := make([]bool, d.N)
	used[early], used[late] = true, true
	for len(back)+len(forth) < d.N {
		nearest, distance, past := -1, math.Inf(1), true
		for j := range d.N {
			if used[j] {
				continue
			}
			if x := d.At(early, j); nearest < 0 || x < distance {
				nearest, distance, past = j, x, true
			}
			if x := d.At(late, j); x < distance {
				nearest, distance, past = j, x, false
			}
		}
		used[nearest] = true
		if past {
			back, early = append(back, nearest), nearest
		} else {
			forth, late = append(forth, nearest), nearest
		}
	}
	slices.Reverse(back)
	return newChain(d, Shrinking(d, append(back, forth...)))
}

// newChain measures the steps of an order.
func newChain(d *points.Distances, order []int) Chain {
	c := Chain{Order: order, Step: steps(d, order)}
	for t := 1; t < len(c.Step); t++ {
		if c.Step[t-1] < c.Step[t] {
			c.Violations++
		}
	}
	return c
}
