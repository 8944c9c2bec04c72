package growth

import "math"

// Searches start at the one node that a redundant line is drawn for. Distances of all pairs, kept
// up to date with every line, would cost N^2 for each line; a search costs N log N for each
// redundant line only, which there are fewer of.

// entry is a node of the queue with its distance when it was queued.
type entry struct {
	dist float64
	node int32
}

// lengths fills dist with the Euclidean lengths of the shortest paths from i (Dijkstra).
func (g *grower) lengths(i int) {
	dist := g.dist[:g.n]
	for j := range dist {
		dist[j] = math.Inf(1)
	}
	dist[i] = 0
	g.heap = append(g.heap[:0], entry{0, int32(i)})
	h := g.heap
	for len(h) > 0 {
		top := h[0]
		h = pop(h)
		if top.dist > dist[top.node] {
			continue
		}
		for _, e := range g.adj[top.node] {
			if d := top.dist + e.length; d < dist[e.to] {
				dist[e.to] = d
				h = push(h, entry{d, e.to})
			}
		}
	}
	g.heap = h
}

func push(h []entry, e entry) []entry {
	h = append(h, e)
	k := len(h) - 1
	for k > 0 {
		up := (k - 1) / 2
		if h[up].dist <= e.dist {
			break
		}
		h[k], k = h[up], up
	}
	h[k] = e
	return h
}

// pop removes the first entry of a heap.
func pop(h []entry) []entry {
	last := len(h) - 1
	e := h[last]
	h = h[:last]
	if last == 0 {
		return h
	}
	k := 0
	for {
		c := 2*k + 1
		if c >= last {
			break
		}
		if c+1 < last && h[c+1].dist < h[c].dist {
			c++
		}
		if h[c].dist >= e.dist {
			break
		}
		h[k], k = h[c], c
	}
	h[k] = e
	return h
}

// hops fills dist with the numbers of lines of the shortest paths from i.
func (g *grower) hops(i int) {
	dist := g.dist[:g.n]
	for j := range dist {
		dist[j] = math.Inf(1)
	}
	dist[i] = 0
	g.heap = append(g.heap[:0], entry{0, int32(i)})
	queue := g.heap
	for k := 0; k < len(queue); k++ {
		v := queue[k]
		for _, e := range g.adj[v.node] {
			if math.IsInf(dist[e.to], 1) {
				dist[e.to] = v.dist + 1
				queue = append(queue, entry{v.dist + 1, e.to})
			}
		}
	}
	g.heap = queue
}
