package cluster

import (
	"context"
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/analysis/points"
	"github.com/weightspace/weightspace/runtime/par"
)

// prim finds the minimum spanning tree; edges of equal length are ordered by their points, so
// that it is unique.
func prim(d *points.Distances) []edge {
	n := d.N
	best, in := make([]edge, n), make([]bool, n)
	for i := range best {
		best[i] = edge{height: math.Inf(1), a: n, b: n}
	}
	edges := make([]edge, 0, n-1)
	for last := 0; len(edges) < n-1; {
		in[last] = true
		nearest := -1
		for j := range n {
			if in[j] {
				continue
			}
			if e := (edge{min(last, j), max(last, j), d.At(last, j)}); order(e, best[j]) < 0 {
				best[j] = e
			}
			if nearest < 0 || order(best[j], best[nearest]) < 0 {
				nearest = j
			}
		}
		edges = append(edges, best[nearest])
		last = nearest
	}
	return edges
}

// SingleLinkage builds the dendrogram of single linkage without a distance matrix, for points too
// many for one: Borůvka's algorithm over blocks of distances, O(N) memory and at most log2 N passes
// over all pairs; a population of trajectories takes about five. The result is that of Agglomerate.
func SingleLinkage(ctx context.Context, workers int, p points.Points) (*Tree, error) {
	if p.N == 0 {
		return nil, fmt.Errorf("cluster: no points")
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	workers = par.Workers(workers)
	components := newSets(p.N)
	root := make([]int, p.N)
	none := edge{a: p.N, b: p.N, height: math.Inf(1)}
	best := make([][]edge, workers)
	for w := range best {
		best[w] = make([]edge, p.N)
	}
	edges := make([]edge, 0, p.N-1)
	for len(edges) < p.N-1 {
		for i := range root {
			root[i] = components.find(i)
		}
		for _, b := range best {
			for i := range b {
				b[i] = none
			}
		}
		err := p.Visit(ctx, workers, func(w, i, j int, part []float64) { shortest(best[w], root, i, j, part) })
		if err != nil {
			return nil, err
		}
		for c := range root {
			e := none
			for _, b := range best {
				if order(b[c], e) < 0 {
					e = b[c]
				}
			}
			if e == none {
				continue
			}
			if a, b := components.find(e.a), components.find(e.b); a != b {
				components.join(a, b)
				edges = append(edges, e)
			}
		}
	}
	return spanning(p.N, edges), nil
}

// shortest keeps the shortest edge out of every component.
func shortest(best []edge, root []int, i, j int, part []float64) {
	a := root[i]
	for k, h := range part {
		b := root[j+k]
		if a == b || h > best[a].height && h > best[b].height {
			continue
		}
		e := edge{i, j + k, h}
		if order(e, best[a]) < 0 {
			best[a] = e
		}
		if order(e, best[b]) < 0 {
			best[b] = e
		}
	}
}
