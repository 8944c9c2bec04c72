package cluster

import (
	"math"
	"slices"

	"github.com/weightspace/weightspace/runtime/analysis/points"
)

// chain agglomerates by chains of nearest neighbours, which is right for linkages in which a merge
// brings no cluster nearer to another than both parts were. A cluster is named by one of its points.
func chain(d *points.Distances, l Linkage) *Tree {
	w := &work{points.Distances{N: d.N, D: slices.Clone(d.D)}, make([]int, d.N), l}
	for i := range w.size {
		w.size[i] = 1
	}
	edges := make([]edge, 0, d.N-1)
	var stack []int
	for len(edges) < d.N-1 {
		if len(stack) == 0 {
			stack = append(stack, slices.IndexFunc(w.size, func(s int) bool { return s > 0 }))
		}
		for {
			top := stack[len(stack)-1]
			before := -1
			if len(stack) > 1 {
				before = stack[len(stack)-2]
			}
			nearest := w.nearest(top, before)
			if nearest != before {
				stack = append(stack, nearest)
				continue
			}
			stack = stack[:len(stack)-2]
			edges = append(edges, w.merge(min(top, before), max(top, before)))
			break
		}
	}
	return spanning(d.N, edges)
}

// work is the distances of the clusters left; size is 0 for those that are gone.
type work struct {
	d    points.Distances
	size []int
	l    Linkage
}

// nearest is the cluster nearest to c: before if none is nearer than it, else the lowest.
func (w *work) nearest(c, before int) int {
	best, h := before, math.Inf(1)
	if before >= 0 {
		h = w.d.At(c, before)
	}
	for j, s := range w.size {
		if s == 0 || j == c {
			continue
		}
		if x := w.d.At(c, j); x < h || best < 0 {
			best, h = j, x
		}
	}
	return best
}

// merge joins a < b into b.
func (w *work) merge(a, b int) edge {
	h := w.d.At(a, b)
	na, nb := float64(w.size[a]), float64(w.size[b])
	w.size[b] += w.size[a]
	w.size[a] = 0
	for k, s := range w.size {
		if s == 0 || k == b {
			continue
		}
		x, y := w.d.At(a, k), w.d.At(b, k)
		if w.l == Average {
			w.d.Set(b, k, (na*x+nb*y)/(na+nb))
			continue
		}
		nk := float64(s)
		sum := (na+nk)*x*x + (nb+nk)*y*y - nk*h*h
		w.d.Set(b, k, math.Sqrt(max(sum, 0)/(na+nb+nk)))
	}
	return edge{a, b, h}
}
