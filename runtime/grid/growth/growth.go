// Package growth grows synthetic power grids: the random growth model of Schultz, Heitzig and
// Kurths (Eur. Phys. J. Special Topics 223, 2014) in the variant that made the published ensembles
// (card power-grid-simulation, section 2). A grid is a function of (parameters, seed, index) alone.
package growth

import (
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/grid"
)

// Metric is the distance D in the current graph that the target function f uses.
type Metric string

const (
	// Length is f(i,j) = (D + d)^r / d with D the length of the shortest path: the published ensembles.
	Length Metric = "length"
	// Hops is f(i,j) = (D + 1)^r / d with D the number of lines of the shortest path: the 2014 article.
	Hops Metric = "hops"
)

// Split says where a new node splits a line.
type Split string

const (
	// Uniform is a uniform point of the line: the published ensembles.
	Uniform Split = "uniform"
	// Midpoint is the middle of the line: the 2014 article.
	Midpoint Split = "midpoint"
)

// Params are the parameters of the model. Positions are uniform on [-1, 1]^2, d is the Euclidean
// distance.
type Params struct {
	N         int     // nodes of a grid
	N0        int     // nodes of the initial minimum spanning tree
	P         float64 // probability that a new node gets a second, redundant line
	Q         float64 // probability that a redundant line is added at a random node
	R         float64 // exponent that trades redundancy against length
	S         float64 // probability that a new node splits a line
	Metric    Metric
	Split     Split
	Coupling  float64 // of every line
	Magnitude float64 // of every node's power
	Seed      uint64
}

// Default are the published ensembles' parameters for grids of n nodes.
func Default(n int) Params {
	return Params{
		N: n, N0: 1, P: 1. / 5, Q: 3. / 10, R: 1. / 3, S: 1. / 10, Metric: Length, Split: Uniform,
		Coupling: grid.DefaultCoupling, Magnitude: 1,
	}
}

// MaxNodes bounds N: growth takes time proportional to N^2 log N.
const MaxNodes = 100_000

// Validate says which parameter is wrong, as a *grid.FieldError.
func (p Params) Validate() error {
	wrong := func(field, format string, a ...any) error {
		return &grid.FieldError{Field: "growth." + field, Problem: fmt.Sprintf(format, a...)}
	}
	if p.N < 1 || p.N > MaxNodes {
		return wrong("n", "%d is not in [1, %d]", p.N, MaxNodes)
	}
	if p.N0 < 1 || p.N0 > p.N {
		return wrong("n0", "%d is not in [1, n = %d]", p.N0, p.N)
	}
	for name, v := range map[string]float64{"p": p.P, "q": p.Q, "s": p.S} {
		if !(v >= 0 && v <= 1) {
			return wrong(name, "%v is not a probability", v)
		}
	}
	if !(p.R >= 0 && p.R <= 10) {
		return wrong("r", "%v is not in [0, 10]", p.R)
	}
	if p.Metric != Length && p.Metric != Hops {
		return wrong("metric", "%q is neither %s nor %s", p.Metric, Length, Hops)
	}
	if p.Split != Uniform && p.Split != Midpoint {
		return wrong("split", "%q is neither %s nor %s", p.Split, Uniform, Midpoint)
	}
	if !(p.Coupling > 0) || math.IsInf(p.Coupling, 0) {
		return wrong("coupling", "%v is not positive and finite", p.Coupling)
	}
	if !(p.Magnitude >= 0) || math.IsInf(p.Magnitude, 0) {
		return wrong("magnitude", "%v is not finite and at least 0", p.Magnitude)
	}
	return nil
}

// Grow grows grid number index of the ensemble and draws its powers (grid.BalancedSigns). draw is 0,
// and counts up when a grid is redrawn because it has no synchronous state. Cost: about N (p + q)
// shortest-path searches of N log N each, and N^2 distances. The error is a *grid.FieldError for wrong parameters.
func Grow(p Params, index uint64, draw int) (*grid.Grid, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	g := newGrower(p, index, draw)
	g.initial()
	for g.n < p.N {
		g.step()
	}
	lines := make([]grid.Line, len(g.lines))
	for i, l := range g.lines {
		lines[i] = grid.Line{From: l[0], To: l[1], Coupling: p.Coupling}
	}
	power := grid.Scaled(grid.BalancedSigns(p.N, p.Seed, index, draw), p.Magnitude)
	return grid.New(grid.Data{Name: fmt.Sprintf("grown-%d-%d", p.N, index), Power: power, X: g.x, Y: g.y, Lines: lines})
}
