package growth

import (
	"math"
	"math/bits"

	"github.com/weightspace/weightspace/runtime/kernel/detmath"
	"github.com/weightspace/weightspace/runtime/rng"
)

// purpose tells the draws of one node apart. They are frozen, as the label is.
type purpose uint32

const (
	drawSplit    purpose = iota // split or not; which line
	drawPoint                   // on the line, or the position
	drawP                       // second line
	drawQ                       // redundant line; at which node
	drawInitial                 // position of an initial node
	drawSpanning                // node of an initial redundant line
)

// half is one direction of a line.
type half struct {
	to     int32
	length float64
}

// grower is a growing grid.
type grower struct {
	Params
	s     rng.Stream
	index uint64
	n     int
	x, y  []float64
	adj   [][]half
	lines [][2]int32
	// Of the searches from one node: distance and queue.
	dist []float64
	heap []entry
}

func newGrower(p Params, index uint64, draw int) *grower {
	return &grower{
		Params: p, index: index, s: rng.New(p.Seed^(uint64(draw)*0x9E3779B97F4A7C15), "grid/growth"),
		x: make([]float64, p.N), y: make([]float64, p.N), adj: make([][]half, p.N), dist: make([]float64, p.N),
	}
}

// two are two words of 64 random bits.
func (g *grower) two(node int, why purpose) (a, b uint64) {
	w := g.s.Block(uint32(node), uint32(why), g.index)
	return uint64(w[0])<<32 | uint64(w[1]), uint64(w[2])<<32 | uint64(w[3])
}

// unit is w as a number in [0, 1), 53 bits.
func unit(w uint64) float64 { return float64(w>>11) * (1.0 / (1 << 53)) }

// below is w as an integer in [0, n).
func below(w uint64, n int) int {
	hi, _ := bits.Mul64(w, uint64(n))
	return int(hi)
}

// place puts the next node at a random point.
func (g *grower) place(why purpose) int {
	i := g.n
	a, b := g.two(i, why)
	g.x[i], g.y[i] = float64(2*unit(a))-1, float64(2*unit(b))-1
	g.n++
	return i
}

func (g *grower) distance(i, j int) float64 {
	dx, dy := g.x[i]-g.x[j], g.y[i]-g.y[j]
	return math.Sqrt(float64(dx*dx) + float64(dy*dy))
}

func (g *grower) join(i, j int) {
	d := g.distance(i, j)
	g.adj[i] = append(g.adj[i], half{int32(j), d})
	g.adj[j] = append(g.adj[j], half{int32(i), d})
	g.lines = append(g.lines, [2]int32{int32(i), int32(j)})
}

// initial is the first node, or the minimum spanning tree of N0 nodes (Prim) and
// floor(N0 (1-s)(p+q)) redundant lines.
func (g *grower) initial() {
	for range g.N0 {
		g.place(drawInitial)
	}
	if g.N0 == 1 {
		return
	}
	near, best := make([]int, g.N0), make([]float64, g.N0)
	for j := 1; j < g.N0; j++ {
		best[j] = g.distance(0, j)
	}
	for range g.N0 - 1 {
		next := -1
		for j := 1; j < g.N0; j++ {
			if near[j] >= 0 && (next < 0 || best[j] < best[next]) {
				next = j
			}
		}
		g.join(near[next], next)
		near[next] = -1
		for j := 1; j < g.N0; j++ {
			if d := g.distance(next, j); near[j] >= 0 && d < best[j] {
				near[j], best[j] = next, d
			}
		}
	}
	m := int(math.Floor(float64(g.N0) * (1 - g.S) * (g.P + g.Q)))
	for k := range m {
		a, _ := g.two(k, drawSpanning)
		g.redundant(below(a, g.N0))
	}
}

// step adds a node: in the middle of a line, or at a new place.
func (g *grower) step() {
	a, b := g.two(g.n, drawSplit)
	if len(g.lines) > 0 && unit(a) < g.S {
		g.split(below(b, len(g.lines)))
		return
	}
	i := g.place(drawPoint)
	g.join(i, g.nearest(i))
	if a, _ := g.two(i, drawP); unit(a) < g.P {
		g.redundant(i)
	}
	if a, b := g.two(i, drawQ); unit(a) < g.Q {
		g.redundant(below(b, g.n))
	}
}

// split replaces line l by two that meet in a new node.
func (g *grower) split(l int) {
	i, t := g.n, 0.5
	if g.Split == Uniform {
		w, _ := g.two(i, drawPoint)
		t = unit(w)
	}
	a, b := int(g.lines[l][0]), int(g.lines[l][1])
	g.x[i] = float64(t*g.x[a]) + float64((1-t)*g.x[b])
	g.y[i] = float64(t*g.y[a]) + float64((1-t)*g.y[b])
	g.n++
	g.cut(a, b)
	g.cut(b, a)
	g.lines[l] = g.lines[len(g.lines)-1]
	g.lines = g.lines[:len(g.lines)-1]
	g.join(a, i)
	g.join(i, b)
}

func (g *grower) cut(from, to int) {
	s := g.adj[from]
	for k := range s {
		if int(s[k].to) == to {
			s[k] = s[len(s)-1]
			g.adj[from] = s[:len(s)-1]
			return
		}
	}
}

// nearest is the node closest to i, the first of equally close ones.
func (g *grower) nearest(i int) int {
	best, at := math.Inf(1), 0
	for j := range g.n {
		if j == i {
			continue
		}
		dx, dy := g.x[i]-g.x[j], g.y[i]-g.y[j]
		if d := float64(dx*dx) + float64(dy*dy); d < best {
			best, at = d, j
		}
	}
	return at
}

// redundant joins i with the node outside its neighbourhood for which f(i, .) is largest, if there
// is one: f is compared as its logarithm.
func (g *grower) redundant(i int) {
	if g.Metric == Hops {
		g.hops(i)
	} else {
		g.lengths(i)
	}
	g.dist[i] = -1
	for _, h := range g.adj[i] {
		g.dist[h.to] = -1
	}
	at, best := -1, math.Inf(-1)
	for j := range g.n {
		if g.dist[j] < 0 {
			continue
		}
		d := g.distance(i, j)
		f := math.Inf(1) // two nodes at one point
		if d > 0 {
			far := d
			if g.Metric == Hops {
				far = 1
			}
			f = float64(g.R*detmath.Log(g.dist[j]+far)) - detmath.Log(d)
		}
		if at < 0 || f > best {
			at, best = j, f
		}
	}
	if at >= 0 {
		g.join(i, at)
	}
}
