package trajectory

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Score says how well an order recovers the true epochs.
type Score struct {
	// Kendall is tau-b, Spearman the rank correlation, both of positions and epochs: 1 for the true order.
	Kendall, Spearman float64
	// Exact is the fraction of states at their true position.
	Exact float64
	// Reversible is |tau-b|: tau up to reversal, for methods that do not fix the direction.
	Reversible float64
}

// ScoreOrder compares an order with the true epoch of every input.
func ScoreOrder(order, epoch []int) (Score, error) {
	n := len(order)
	if len(epoch) != n {
		return Score{}, fmt.Errorf("trajectory: %d epochs for an order of %d states", len(epoch), n)
	}
	position, seen := make([]float64, n), make([]bool, n)
	for t, i := range order {
		if i < 0 || i >= n || seen[i] {
			return Score{}, fmt.Errorf("trajectory: the order does not name every state once")
		}
		seen[i], position[i] = true, float64(t)
	}
	truth := identity(n)
	slices.SortStableFunc(truth, func(a, b int) int { return cmp.Compare(epoch[a], epoch[b]) })
	times, right := make([]float64, n), 0
	for t, i := range truth {
		times[i] = float64(epoch[i])
		if epoch[order[t]] == epoch[i] {
			right++
		}
	}
	tau := Kendall(position, times)
	return Score{tau, Spearman(position, times), ratio(float64(right), float64(n)), math.Abs(tau)}, nil
}

// Kendall is the rank correlation tau-b of two lists of one length, corrected for ties; NaN if a
// list is constant or shorter than two.
func Kendall(x, y []float64) float64 {
	var concordant, tiesX, tiesY, pairs float64
	for i, v := range x {
		for j, w := range x[:i] {
			a, b := cmp.Compare(v, w), cmp.Compare(y[i], y[j])
			concordant += float64(a * b)
			tiesX += float64(1 - a*a)
			tiesY += float64(1 - b*b)
			pairs++
		}
	}
	return ratio(concordant, math.Sqrt((pairs-tiesX)*(pairs-tiesY)))
}

// Spearman is the rank correlation of two lists of one length, ties having their mean rank; NaN if
// a list is constant or shorter than two.
func Spearman(x, y []float64) float64 { return pearson(ranks(x), ranks(y)) }

// ranks are from 0; ties share their mean.
func ranks(x []float64) []float64 {
	order := identity(len(x))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	r := make([]float64, len(x))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && x[order[to]] == x[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			r[i] = float64(from+to-1) / 2
		}
		from = to
	}
	return r
}

func pearson(x, y []float64) float64 {
	n := float64(len(x))
	var mx, my, xx, yy, xy float64
	for i := range x {
		mx += x[i] / n
		my += y[i] / n
	}
	for i := range x {
		xx += (x[i] - mx) * (x[i] - mx)
		yy += (y[i] - my) * (y[i] - my)
		xy += (x[i] - mx) * (y[i] - my)
	}
	return ratio(xy, math.Sqrt(xx*yy))
}
