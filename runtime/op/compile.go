package op

import (
	"slices"

	"github.com/weightspace/weightspace/runtime/device"
)

// Compile turns the graph into a program: operations that no output, gradient or running statistic needs are dropped, and
// every value gets its place in memory. It fails with the BuildError of a graph that cannot be compiled.
func (g *Graph) Compile() (p *device.Program, err error) {
	err = Build(func() { p = g.compile() })
	return p, err
}

func (g *Graph) compile() *device.Program {
	g.placeGrads()
	outputs := g.outputValues()
	live := g.liveNodes(outputs)
	m := newPlanner(g, live, outputs)
	m.plan()
	p := &device.Program{
		Params: g.Layout(), States: slices.Clone(g.states), Floats: slices.Clone(g.floats), Ints: slices.Clone(g.ints),
		FloatSize: g.floatSize, IntSize: g.intSize, Constants: slices.Clone(g.constants), IntConstants: slices.Clone(g.intConstants),
		HasGrads: g.grads != nil,
	}
	for i := range g.nodes {
		if !live[i] || g.nodes[i].kernel == nil {
			continue
		}
		p.Instrs = append(p.Instrs, m.instr(i))
	}
	for i, o := range g.outputs {
		p.Outputs = append(p.Outputs, device.Output{Name: o.name, Shape: g.Shape(o.v).Clone(), At: m.operand(outputs[i])})
	}
	p.ArenaSize = m.size
	return p
}

// copyOf records a copy, for values that must have storage of their own.
func (g *Graph) copyOf(v Value) Value {
	n := g.size(v)
	k := device.Copy{Outer: 1, Inner: 1, FromExtent: n, ToExtent: n, Count: n}
	return g.record(k, g.Shape(v), []Value{v}, func(dy Value, _ []bool) []Value { return []Value{dy} })
}

// placeGrads pins the storage of each gradient to its place in the gradient row.
func (g *Graph) placeGrads() {
	for i, v := range g.grads {
		base := v
		if b := g.values[v.id].base; b != 0 {
			base = Value{b}
		}
		q := g.params[i]
		place := device.Operand{Space: device.Grads, Offset: q.Offset, Size: q.Size()}
		if g.values[base.id].operand == place {
			continue // compiled before
		}
		whole := g.size(base) == g.size(v) && g.values[v.id].offset == 0
		if free := g.values[base.id].node >= 0 && g.values[base.id].operand.Space == device.None; !whole || !free {
			base = g.copyOf(v)
		}
		g.values[base.id].operand = place
	}
}

// outputValues are the outputs in the arena; others are copied there.
func (g *Graph) outputValues() []Value {
	out := make([]Value, len(g.outputs))
	for i, o := range g.outputs {
		out[i] = o.v
		base := o.v
		if b := g.values[o.v.id].base; b != 0 {
			base = Value{b}
		}
		if g.values[o.v.id].ints {
			fail("output", "%q is an integer array", o.name)
		}
		if g.values[base.id].operand.Space != device.None {
			out[i] = g.copyOf(o.v)
		}
	}
	return out
}

// liveNodes marks what has to run.
func (g *Graph) liveNodes(outputs []Value) []bool {
	wanted := make([]bool, len(g.values))
	for _, v := range outputs {
		wanted[v.id] = true
	}
	if g.grads != nil {
		for id := range g.values {
			if g.values[id].operand.Space == device.Grads {
				wanted[id] = true
			}
		}
	}
	live := make([]bool, len(g.nodes))
	for i := len(g.nodes) - 1; i >= 0; i-- {
		n := &g.nodes[i]
		if !n.effect && !slices.ContainsFunc(n.out, func(v Value) bool { return wanted[v.id] }) {
			continue
		}
		live[i] = true
		for _, in := range n.in {
			wanted[in.id] = true
		}
	}
	return live
}
