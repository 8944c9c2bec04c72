// Package cluster groups points by agglomerative clustering of Euclidean distances, and says how
// well groups agree with given ones.
package cluster

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/weightspace/weightspace/runtime/analysis/points"
)

// Linkage is how the distance of two clusters is made of the distances of their points.
type Linkage string

const (
	// Single is the smallest distance.
	Single Linkage = "single"
	// Average is the mean distance (UPGMA).
	Average Linkage = "average"
	// Ward is the root of the increase of the sum of squares, scaled as in SciPy: two points merge at their distance.
	Ward Linkage = "ward"
)

// Merge joins clusters A and B, A < B, at a height. Points are clusters 0 to N-1, merge i makes
// cluster N+i. Size is its number of points.
type Merge struct {
	A, B   int
	Height float64
	Size   int
}

// Tree is a dendrogram: N-1 merges in ascending order of height, as SciPy's linkage matrix.
type Tree struct {
	N      int
	Merges []Merge
}

// Agglomerate builds the dendrogram of a linkage in O(N^2) time: single by the minimum spanning
// tree, which needs O(N) memory beside d; average and ward by chains of nearest neighbours (Murtagh
// 1983) with the updates of Lance and Williams, on a copy of d. Ties go to lower indices.
func Agglomerate(d *points.Distances, l Linkage) (*Tree, error) {
	if d.N == 0 {
		return nil, fmt.Errorf("cluster: no points")
	}
	if err := d.Check(); err != nil {
		return nil, err
	}
	switch l {
	case Single:
		return spanning(d.N, prim(d)), nil
	case Average, Ward:
		return chain(d, l), nil
	}
	return nil, fmt.Errorf("cluster: linkage %q: use %s, %s or %s", l, Single, Average, Ward)
}

// edge joins points a < b.
type edge struct {
	a, b   int
	height float64
}

func order(x, y edge) int {
	return cmp.Or(cmp.Compare(x.height, y.height), cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b))
}

// spanning turns N-1 edges that join all points into a tree: those of any agglomeration, each edge
// naming a point of either cluster.
func spanning(n int, edges []edge) *Tree {
	slices.SortFunc(edges, order)
	t := &Tree{N: n, Merges: make([]Merge, 0, len(edges))}
	sets := newSets(n)
	name, size := make([]int, n), make([]int, n)
	for i := range n {
		name[i], size[i] = i, 1
	}
	for i, e := range edges {
		a, b := sets.find(e.a), sets.find(e.b)
		m := Merge{min(name[a], name[b]), max(name[a], name[b]), e.height, size[a] + size[b]}
		t.Merges = append(t.Merges, m)
		r := sets.join(a, b)
		name[r], size[r] = n+i, m.Size
	}
	return t
}

// Cut undoes the last k-1 merges: it returns the cluster of every point, numbered 0 to k-1 by their
// lowest points. k is in [1, N].
func (t *Tree) Cut(k int) ([]int, error) {
	if k < 1 || k > t.N {
		return nil, fmt.Errorf("cluster: %d points cannot be cut into %d clusters", t.N, k)
	}
	sets, member := newSets(t.N), make([]int, t.N, 2*t.N)
	for i := range member {
		member[i] = i
	}
	for _, m := range t.Merges[:t.N-k] {
		member = append(member, sets.join(sets.find(member[m.A]), sets.find(member[m.B])))
	}
	number, group := map[int]int{}, make([]int, t.N)
	for i := range group {
		r := sets.find(i)
		if _, ok := number[r]; !ok {
			number[r] = len(number)
		}
		group[i] = number[r]
	}
	return group, nil
}

// sets is a union-find structure; the root of a set is its lowest element.
type sets []int

func newSets(n int) sets {
	s := make(sets, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func (s sets) find(i int) int {
	for s[i] != i {
		s[i] = s[s[i]]
		i = s[i]
	}
	return i
}

// join joins the sets of two roots.
func (s sets) join(a, b int) int {
	r := min(a, b)
	s[max(a, b)] = r
	return r
}
