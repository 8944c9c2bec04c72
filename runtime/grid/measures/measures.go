// Package measures computes the network measures that baselines take as features of nodes (card
// grid-gnn, "Baselines on network measures"), with the definitions of NetworkX 3.6 where it has them:
// all topological measures are unweighted, and edges have weight 1 in current-flow measures. n is the
// number of nodes, m of lines, d_i a degree, h(i,j) the hops of a shortest path, A the adjacency,
// L = D - A the Laplacian, R(i,j) the effective resistance between i and j with lines of 1 ohm.
package measures

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/weightspace/weightspace/runtime/grid"
)

// The measures of nodes.
const (
	// Power is P_i.
	Power = "power"
	// Degree is d_i.
	Degree = "degree"
	// AverageNeighbourDegree is the mean of d_j over neighbours j, 0 without neighbours.
	AverageNeighbourDegree = "averageNeighbourDegree"
	// AverageNeighbourPower is the mean of P_j over neighbours j, 0 without neighbours.
	AverageNeighbourPower = "averageNeighbourPower"
	// LeafNeighbours is the number of neighbours of degree 1.
	LeafNeighbours = "leafNeighbours"
	// Clustering is the share of pairs of neighbours that are joined; 0 for d_i < 2.
	Clustering = "clustering"
	// CoreNumber is the largest k for which i is in a subgraph of minimum degree k; 1 marks tree-like parts.
	CoreNumber = "coreNumber"
	// Articulation is 1 for a node whose removal disconnects its component, else 0.
	Articulation = "articulation"
	// Closeness is (r-1)/sum_j h(i,j) times (r-1)/(n-1), over the r nodes that i reaches.
	Closeness = "closeness"
	// Harmonic is sum_j 1/h(i,j).
	Harmonic = "harmonic"
	// Eccentricity is max_j h(i,j) over the nodes that i reaches.
	Eccentricity = "eccentricity"
	// Betweenness is the share of shortest paths of other pairs that pass i, summed over pairs and
	// divided by (n-1)(n-2)/2 (Brandes 2001).
	Betweenness = "betweenness"
	// CurrentFlowBetweenness, of random walks: the current through i when 1 A flows between other pairs,
	// summed over pairs and divided by (n-1)(n-2)/2 (Newman 2005; Brandes and Fleischer 2005).
	CurrentFlowBetweenness = "currentFlowBetweenness"
	// CurrentFlowCloseness, also information centrality, is 1/sum_j R(i,j).
	CurrentFlowCloseness = "currentFlowCloseness"
	// ResistanceDistance is the mean of R(i,j) over the other nodes.
	ResistanceDistance = "resistanceDistance"
	// Eigenvector is the element of the positive eigenvector of A of the largest eigenvalue, norm 1.
	Eigenvector = "eigenvector"
	// PageRank with damping 0.85.
	PageRank = "pageRank"
	// Fiedler is the magnitude of the element of the eigenvector of L of the second-smallest
	// eigenvalue, norm 1. If that eigenvalue is repeated, it is one vector of many.
	Fiedler = "fiedler"
	// DCMaxLoad is the largest |theta_i - theta_j| over the lines of i in the linear flow P = L_K theta,
	// which is |flow|/K.
	DCMaxLoad = "dcMaxLoad"
	// DCMeanLoad is the mean of the same.
	DCMeanLoad = "dcMeanLoad"
	// FlowMaxLoad is the largest |sin(theta_i - theta_j)| over the lines of i in the synchronous
	// state, which is |flow|/K.
	FlowMaxLoad = "flowMaxLoad"
	// FlowMeanLoad is the mean of the same.
	FlowMeanLoad = "flowMeanLoad"
)

// Six are the measures of the paper's MLP and linear baselines, in its order.
var Six = []string{Power, Degree, AverageNeighbourDegree, Clustering, CurrentFlowBetweenness, Closeness}

// All are all measures.
var All = []string{
	Power, Degree, AverageNeighbourDegree, AverageNeighbourPower, LeafNeighbours, Clustering, CoreNumber, Articulation,
	Closeness, Harmonic, Eccentricity, Betweenness, CurrentFlowBetweenness, CurrentFlowCloseness, ResistanceDistance,
	Eigenvector, PageRank, Fiedler, DCMaxLoad, DCMeanLoad, FlowMaxLoad, FlowMeanLoad,
}

// Table has a column of N values for each name.
type Table struct {
	Names   []string
	Columns [][]float64 // [F][N]
}

// Column is the column of a name, nil if there is none.
func (t *Table) Column(name string) []float64 {
	if i := slices.Index(t.Names, name); i >= 0 {
		return t.Columns[i]
	}
	return nil
}

// Compute computes the named measures of all nodes. Measures of flows and currents, Eigenvector and Fiedler need a
// connected grid, and those of the synchronous state one that has it. Cost: n searches of m, and m sparse solutions for
// CurrentFlowBetweenness. The error names the measure.
func Compute(ctx context.Context, g *grid.Grid, names ...string) (*Table, error) {
	w := &work{ctx: ctx, g: g, done: map[string][]float64{}}
	t := &Table{Names: slices.Clone(names)}
	for _, name := range names {
		f, ok := families[name]
		if !ok {
			return nil, fmt.Errorf("measure %q is unknown; known are %s", name, strings.Join(All, ", "))
		}
		if w.done[name] == nil {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := f(w); err != nil {
				return nil, fmt.Errorf("measure %s: %w", name, err)
			}
		}
		t.Columns = append(t.Columns, w.done[name])
	}
	return t, nil
}

// work holds what measures share.
type work struct {
	ctx  context.Context //nolint:containedctx // lives as long as one call of Compute
	g    *grid.Grid
	done map[string][]float64
}

// families say which function fills a measure, and others with it.
var families = map[string]func(*work) error{
	Power: each(Power, func(g *grid.Grid, i int) float64 { return g.Power[i] }),
	Degree: each(Degree, func(g *grid.Grid, i int) float64 {
		return float64(g.Degree(i))
	}),
	AverageNeighbourDegree: each(AverageNeighbourDegree, func(g *grid.Grid, i int) float64 {
		return meanOver(g, i, func(j int) float64 { return float64(g.Degree(j)) })
	}),
	AverageNeighbourPower: each(AverageNeighbourPower, func(g *grid.Grid, i int) float64 {
		return meanOver(g, i, func(j int) float64 { return g.Power[j] })
	}),
	LeafNeighbours: each(LeafNeighbours, func(g *grid.Grid, i int) (n float64) {
		for _, j := range g.Neighbours(i) {
			if g.Degree(int(j)) == 1 {
				n++
			}
		}
		return n
	}),
	Clustering: each(Clustering, clustering),
	CoreNumber: (*work).cores, Articulation: (*work).articulations,
	Closeness: (*work).paths, Harmonic: (*work).paths, Eccentricity: (*work).paths, Betweenness: (*work).paths,
	CurrentFlowBetweenness: (*work).currents, CurrentFlowCloseness: (*work).resistances, ResistanceDistance: (*work).resistances,
	Eigenvector: (*work).eigenvector, PageRank: (*work).pageRank, Fiedler: (*work).fiedler,
	DCMaxLoad: (*work).linear, DCMeanLoad: (*work).linear, FlowMaxLoad: (*work).nonlinear, FlowMeanLoad: (*work).nonlinear,
}

func each(name string, f func(g *grid.Grid, i int) float64) func(*work) error {
	return func(w *work) error {
		v := w.column(name)
		for i := range v {
			v[i] = f(w.g, i)
		}
		return nil
	}
}

// column makes the column of a measure.
func (w *work) column(name string) []float64 {
	v := make([]float64, w.g.N())
	w.done[name] = v
	return v
}

func meanOver(g *grid.Grid, i int, f func(j int) float64) float64 {
	nb := g.Neighbours(i)
	if len(nb) == 0 {
		return 0
	}
	var s float64
	for _, j := range nb {
		s += f(int(j))
	}
	return s / float64(len(nb))
}

func clustering(g *grid.Grid, i int) float64 {
	nb := g.Neighbours(i)
	if len(nb) < 2 {
		return 0
	}
	joined := 0
	for k, a := range nb {
		for _, b := range nb[k+1:] {
			if _, ok := slices.BinarySearch(g.Neighbours(int(a)), b); ok {
				joined++
			}
		}
	}
	return 2 * float64(joined) / float64(len(nb)*(len(nb)-1))
}
