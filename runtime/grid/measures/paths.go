package measures

import "slices"

// search is a breadth-first search from one node.
type search struct {
	order []int32 // of visit
	hops  []int32 // -1: not reached
	paths []float64
}

func (w *work) search(s *search, from int) {
	n := w.g.N()
	if s.hops == nil {
		s.hops, s.paths = make([]int32, n), make([]float64, n)
	}
	for i := range s.hops {
		s.hops[i], s.paths[i] = -1, 0
	}
	s.order = append(s.order[:0], int32(from))
	s.hops[from], s.paths[from] = 0, 1
	for k := 0; k < len(s.order); k++ {
		v := s.order[k]
		for _, u := range w.g.Neighbours(int(v)) {
			if s.hops[u] < 0 {
				s.hops[u] = s.hops[v] + 1
				s.order = append(s.order, u)
			}
			if s.hops[u] == s.hops[v]+1 {
				s.paths[u] += s.paths[v]
			}
		}
	}
}

// paths fills the measures of shortest paths.
func (w *work) paths() error {
	n := w.g.N()
	closeness, harmonic, eccentricity, betweenness := w.column(Closeness), w.column(Harmonic), w.column(Eccentricity), w.column(Betweenness)
	var s search
	share := make([]float64, n)
	for i := range n {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		w.search(&s, i)
		sum := 0
		clear(share)
		for k := len(s.order) - 1; k > 0; k-- {
			v := s.order[k]
			sum += int(s.hops[v])
			harmonic[i] += 1 / float64(s.hops[v])
			for _, u := range w.g.Neighbours(int(v)) {
				if s.hops[u] == s.hops[v]-1 {
					share[u] += s.paths[u] / s.paths[v] * (1 + share[v])
				}
			}
			betweenness[v] += share[v]
		}
		eccentricity[i] = float64(s.hops[s.order[len(s.order)-1]])
		if r := float64(len(s.order) - 1); sum > 0 {
			closeness[i] = r / float64(sum) * r / float64(n-1)
		}
	}
	for i := range betweenness {
		if n > 2 {
			betweenness[i] /= float64(n-1) * float64(n-2)
		} else {
			betweenness[i] = 0
		}
	}
	return nil
}

// cores peels off nodes of least degree.
func (w *work) cores() error {
	g, core := w.g, w.column(CoreNumber)
	n := g.N()
	degree := make([]int, n)
	buckets := [][]int32{}
	put := func(i int32) {
		for len(buckets) <= degree[i] {
			buckets = append(buckets, nil)
		}
		buckets[degree[i]] = append(buckets[degree[i]], i)
	}
	for i := range n {
		degree[i] = g.Degree(i)
		put(int32(i))
	}
	done := make([]bool, n)
	for k := 0; k < len(buckets); k++ {
		for len(buckets[k]) > 0 {
			i := buckets[k][len(buckets[k])-1]
			buckets[k] = buckets[k][:len(buckets[k])-1]
			if done[i] || degree[i] != k {
				continue
			}
			done[i] = true
			core[i] = float64(k)
			for _, j := range g.Neighbours(int(i)) {
				if !done[j] && degree[j] > k {
					degree[j]--
					put(j)
				}
			}
		}
	}
	return nil
}

// articulations finds cut nodes (Hopcroft and Tarjan 1973), without recursion.
func (w *work) articulations() error {
	g, out := w.g, w.column(Articulation)
	n := g.N()
	seen, low := make([]int, n), make([]int, n) // seen: order of visit from 1
	next, parent := make([]int, n), make([]int, n)
	clock := 0
	for root := range n {
		if seen[root] != 0 {
			continue
		}
		children := 0
		stack := []int{root}
		parent[root] = -1
		clock++
		seen[root], low[root] = clock, clock
		for len(stack) > 0 {
			v := stack[len(stack)-1]
			if next[v] < g.Degree(v) {
				u := int(g.Neighbours(v)[next[v]])
				next[v]++
				switch {
				case seen[u] == 0:
					clock++
					seen[u], low[u], parent[u] = clock, clock, v
					stack = append(stack, u)
				case u != parent[v]:
					low[v] = min(low[v], seen[u])
				}
				continue
			}
			stack = stack[:len(stack)-1]
			p := parent[v]
			switch {
			case p < 0:
			case p == root:
				children++
			case low[v] >= seen[p]:
				out[p] = 1
			}
			if p >= 0 {
				low[p] = min(low[p], low[v])
			}
		}
		if children > 1 {
			out[root] = 1
		}
	}
	return nil
}

// Global are measures of a whole grid.
type Global struct {
	Nodes, Lines int
	MeanDegree   float64
	Leaves       float64 // share of nodes of degree 1
	Clustering   float64 // mean of the nodes'
	Transitivity float64 // 3 x triangles / connected triples
	PathLength   float64 // mean of h(i,j) over pairs that reach each other
	Diameter     int     // largest h(i,j)
	// AlgebraicConnectivity is the second-smallest eigenvalue of L, 0 for a disconnected grid.
	AlgebraicConnectivity float64
}

// whole computes what nodes' measures do not give.
func (w *work) whole() Global {
	g := w.g
	n := g.N()
	out := Global{Nodes: n, Lines: len(g.Lines), MeanDegree: 2 * float64(len(g.Lines)) / float64(n)}
	var s search
	var hops, pairs, triples, closed float64
	for i := range n {
		w.search(&s, i)
		for _, v := range s.order {
			hops += float64(s.hops[v])
		}
		pairs += float64(len(s.order) - 1)
		out.Diameter = max(out.Diameter, int(slices.Max(s.hops)))
		d := float64(g.Degree(i))
		c := clustering(g, i)
		out.Clustering += c / float64(n)
		triples += d * (d - 1) / 2
		closed += c * d * (d - 1) / 2
		if d == 1 {
			out.Leaves += 1 / float64(n)
		}
	}
	if pairs > 0 {
		out.PathLength = hops / pairs
	}
	if triples > 0 {
		out.Transitivity = closed / triples
	}
	return out
}
