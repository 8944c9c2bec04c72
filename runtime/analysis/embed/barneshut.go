package embed

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"gonum.org/v1/gonum/spatial/barneshut"
	"gonum.org/v1/gonum/spatial/r2"

	"github.com/weightspace/weightspace/runtime/analysis/points"
	"github.com/weightspace/weightspace/runtime/par"
)

// tree approximates repulsion by Barnes and Hut, and keeps the probabilities of near neighbours
// only: three times the perplexity, and those that have it among theirs.
type tree struct {
	n     int
	theta float64
	links [][]link
	// Of every row, as in exact.
	attract, repel, z []float64
}

// link is the joint probability with a neighbour.
type link struct {
	to int
	p  float64
}

func newTree(ctx context.Context, workers int, x points.Points, perplexity, theta float64) (*tree, error) {
	near, err := neighbours(ctx, workers, x, min(int(3*perplexity), x.N-1))
	if err != nil {
		return nil, err
	}
	n := x.N
	t := &tree{n: n, theta: theta, links: make([][]link, n), attract: make([]float64, 2*n), repel: make([]float64, 2*n), z: make([]float64, n)}
	for i, list := range near {
		squares := make([]float64, len(list))
		for k, l := range list {
			squares[k] = l.p * l.p
		}
		affinities(squares, squares, perplexity)
		for k, l := range list {
			half := squares[k] / float64(2*n)
			t.links[i] = append(t.links[i], link{l.to, half})
			t.links[l.to] = append(t.links[l.to], link{i, half})
		}
	}
	for i, list := range t.links {
		slices.SortFunc(list, func(a, b link) int { return cmp.Or(cmp.Compare(a.to, b.to), cmp.Compare(a.p, b.p)) })
		merged := list[:0]
		for _, l := range list {
			if k := len(merged); k > 0 && merged[k-1].to == l.to {
				merged[k-1].p += l.p
				continue
			}
			merged = append(merged, l)
		}
		t.links[i] = merged
	}
	return t, nil
}

// neighbours finds the k nearest points of each by all distances; p holds the distance. Which they
// are does not depend on the order of visits, since ties go to the lower index.
func neighbours(ctx context.Context, workers int, x points.Points, k int) ([][]link, error) {
	near, locks := make([][]link, x.N), make([]sync.Mutex, x.N)
	offer := func(i, j int, d float64) {
		locks[i].Lock()
		defer locks[i].Unlock()
		list := near[i]
		if len(list) == k && less(list[k-1], link{j, d}) {
			return
		}
		at, _ := slices.BinarySearchFunc(list, link{j, d}, func(a, b link) int {
			return cmp.Or(cmp.Compare(a.p, b.p), cmp.Compare(a.to, b.to))
		})
		list = slices.Insert(list, at, link{j, d})
		near[i] = list[:min(len(list), k)]
	}
	err := x.Visit(ctx, workers, func(_, i, j int, part []float64) {
		for q, d := range part {
			offer(i, j+q, d)
			offer(j+q, i, d)
		}
	})
	return near, err
}

func less(a, b link) bool { return a.p < b.p || a.p == b.p && a.to < b.to }

// body is a point in the plane.
type body struct{ at r2.Vec }

// Coord2 implements barneshut.Particle2.
func (b *body) Coord2() r2.Vec { return b.at }

// Mass implements barneshut.Particle2.
func (*body) Mass() float64 { return 1 }

func (t *tree) gradient(ctx context.Context, workers int, y, g []float64, exaggeration float64) error {
	bodies, particles := make([]body, t.n), make([]barneshut.Particle2, t.n)
	for i := range bodies {
		bodies[i] = body{r2.Vec{X: y[2*i], Y: y[2*i+1]}}
		particles[i] = &bodies[i]
	}
	plane, err := barneshut.NewPlane(particles)
	if err != nil {
		return err
	}
	err = par.For(ctx, par.Workers(workers), t.n, func(_, i int) { t.row(plane, &bodies[i], y, i) })
	z := 0.0
	for _, s := range t.z {
		z += s
	}
	for i := range g {
		g[i] = 4 * (exaggeration*t.attract[i] - t.repel[i]/z)
	}
	return err
}

func (t *tree) row(plane *barneshut.Plane, self *body, y []float64, i int) {
	z := 0.0
	// v points from the point to the other mass.
	force := plane.ForceOn(self, t.theta, func(p1, p2 barneshut.Particle2, _, mass float64, v r2.Vec) r2.Vec {
		if p1 == p2 {
			return r2.Vec{}
		}
		k := 1 / (1 + r2.Norm2(v))
		z += mass * k
		return r2.Scale(-mass*k*k, v)
	})
	var ax, ay float64
	for _, l := range t.links[i] {
		dx, dy := y[2*i]-y[2*l.to], y[2*i+1]-y[2*l.to+1]
		k := l.p / (1 + dx*dx + dy*dy)
		ax += k * dx
		ay += k * dy
	}
	t.attract[2*i], t.attract[2*i+1] = ax, ay
	t.repel[2*i], t.repel[2*i+1], t.z[i] = force.X, force.Y, z
}

func (t *tree) divergence(ctx context.Context, workers int, y []float64) (float64, error) {
	if err := t.gradient(ctx, workers, y, make([]float64, len(y)), 1); err != nil {
		return 0, err
	}
	z := 0.0
	for _, s := range t.z {
		z += s
	}
	kl := 0.0
	for i, links := range t.links {
		for _, l := range links {
			if l.p > 0 {
				kl += divergence(l.p, y, i, l.to, z)
			}
		}
	}
	return kl, nil
}
