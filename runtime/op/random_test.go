package op

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/weightspace/weightspace/runtime/device"
)

// choices are the decisions of a random graph, so that it can be recorded again.
type choices struct {
	n  []int
	at int
}

func draw(t *rapid.T) []int {
	return rapid.SliceOfN(rapid.IntRange(0, 1<<20), 1, 120).Draw(t, "choices")
}

func (c *choices) below(n int) int {
	c.at++
	return c.n[c.at%len(c.n)] % n
}

// randomGraph records a random network of small operations on [rows, columns], with views, shared values and dead ends, and
// returns every value that it made. The last one feeds the loss.
func randomGraph(c *choices, g *Graph) []Value {
	const rows, cols = 6, 5
	run := NormStats{g.State("mean", rows), g.State("var", rows)}
	all := []Value{g.Input("x", rows, cols), g.Param("w0", rows, cols), g.Param("w1", rows, cols), g.Constant(ramp(rows*cols), rows, cols)}
	table := g.IntConstant([]int32{3, 0, -1, 5, 3, 1})
	pick := func() Value { return all[c.below(len(all))] }
	ops := []func() Value{
		func() Value { return g.Activation(device.Tanh, pick()) },
		func() Value { return g.Exp(g.Affine(pick(), -0.1, 0)) },
		func() Value { return g.Add(pick(), pick()) },
		func() Value { return g.Mul(pick(), pick()) },
		func() Value { return g.Sub(pick(), g.MeanAxis(pick(), 1, true)) },
		func() Value { return g.Softmax(pick(), 1) },
		func() Value { return g.LayerNorm(pick(), g.Fill(1, cols), g.Fill(0, cols), 1e-5) },
		func() Value { return g.Matmul(g.Matmul(pick(), pick(), false, true), pick(), false, false) },
		func() Value { return g.Transpose(g.Reshape(pick(), cols, rows), 1, 0) },
		func() Value {
			// Views of one value beside each other.
			x := pick()
			return g.Concat(0, g.Slice(x, 0, 2, rows), g.Slice(x, 0, 0, 2))
		},
		func() Value { return g.Reshape(g.Slice(g.Concat(0, pick(), pick()), 0, 3, 3+rows), rows, cols) },
		func() Value { return g.Gather(pick(), table) },
		func() Value { return g.Dropout("d", pick(), false) },
	}
	for range 1 + c.below(25) {
		all = append(all, ops[c.below(len(ops))]())
	}
	if c.below(2) == 0 {
		all = append(all, g.BatchNorm(pick(), g.Fill(1, rows), g.Fill(0, rows), run, 1e-5, 0.1, true))
	}
	return all
}

func ramp(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 0.1*float64(i%7) - 0.3
	}
	return out
}

// finish gives the graph outputs, every value if all is set, and a gradient.
func finish(c *choices, g *Graph, values []Value, all bool) {
	loss := g.Mean(g.Square(values[len(values)-1]))
	g.Output("loss", loss)
	for i, v := range values {
		if keep := c.below(6) == 0; keep || all {
			g.Output(fmt.Sprint(i), v)
		}
	}
	if c.below(3) > 0 {
		g.Backward(loss)
	}
}

// replay places the graph's operations one by one and follows what every element of the arena holds.
type replay struct {
	g       *Graph
	m       *planner
	live    []bool
	outputs []Value
	// first and last are the life of each storage.
	first, last []int
	// holds is the storage whose value each element has; 0 for none.
	holds []int
	// most is the largest number of elements in use at a time.
	most int
}

func newReplay(g *Graph) *replay {
	g.placeGrads()
	r := &replay{g: g, outputs: g.outputValues()}
	r.live = g.liveNodes(r.outputs)
	r.m = newPlanner(g, r.live, r.outputs)
	// What a storage of its own needs is known before places are shared.
	r.first, r.last = slices.Clone(r.m.first), slices.Clone(r.m.last)
	return r
}

// run fails as soon as an operation would read what another has overwritten.
func (r *replay) run() error {
	r.m.plan()
	r.holds = make([]int, r.m.size)
	for i := range r.g.nodes {
		n := &r.g.nodes[i]
		if !r.live[i] || n.kernel == nil {
			continue
		}
		in := r.m.instr(i)
		for j, v := range n.in {
			if err := r.check(v, in.In[j], fmt.Sprintf("operand %d of operation %d (%T)", j, i, n.kernel)); err != nil {
				return err
			}
		}
		if err := overlaps(n, in); err != nil {
			return fmt.Errorf("operation %d (%T): %w", i, n.kernel, err)
		}
		for j, o := range in.Out {
			if o.Space != device.Arena {
				continue
			}
			for k := range o.Size {
				r.holds[o.Offset+k] = r.m.storage(n.out[j])
			}
		}
		r.count(i)
	}
	for i, v := range r.outputs {
		if err := r.check(v, r.m.operand(v), "output "+r.g.outputs[i].name); err != nil {
			return err
		}
	}
	return nil
}

func (r *replay) check(v Value, o device.Operand, what string) error {
	if o.Space != device.Arena {
		return nil
	}
	if o.Offset+o.Size > r.m.size {
		return fmt.Errorf("%s ends at %d of an arena of %d", what, o.Offset+o.Size, r.m.size)
	}
	for k := range o.Size {
		if got := r.holds[o.Offset+k]; got != r.m.storage(v) {
			return fmt.Errorf("%s reads value %d where value %d lies", what, r.m.storage(v), got)
		}
	}
	return nil
}

// count adds up what is in use at operation i; values that take over a place there count once.
func (r *replay) count(i int) {
	seen, n := map[int]bool{}, 0
	for id := range r.first {
		if owner := r.m.owner[id]; r.m.inArena(id) && r.first[id] <= i && i <= r.last[id] && !seen[owner] {
			seen[owner] = true
			n += r.m.extent(id)
		}
	}
	r.most = max(r.most, n)
}

// overlaps reports results that overlap each other, or operands in another way than the kernel allows.
func overlaps(n *node, in device.Instr) error {
	cut := func(a, b device.Operand) bool {
		return a.Space == device.Arena && b.Space == device.Arena && a.Size > 0 && b.Size > 0 && a.Offset < b.Offset+b.Size && b.Offset < a.Offset+a.Size
	}
	for j, o := range in.Out {
		for k, p := range in.Out[:j] {
			if cut(o, p) {
				return fmt.Errorf("results %d and %d overlap", k, j)
			}
		}
		for k, p := range in.In {
			allowed := false
			for _, i := range n.inPlace {
				allowed = allowed || j == 0 && i == k && o == p
			}
			if cut(o, p) && !allowed {
				return fmt.Errorf("result %d overlaps operand %d", j, k)
			}
		}
	}
	return nil
}
