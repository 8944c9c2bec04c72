package op

import (
	"fmt"
	"slices"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/tensor"
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
	p := &device.Program{
		Params: g.Layout(), States: slices.Clone(g.states), Floats: slices.Clone(g.floats), Ints: slices.Clone(g.ints),
		FloatSize: g.floatSize, IntSize: g.intSize, Constants: slices.Clone(g.constants), IntConstants: slices.Clone(g.intConstants),
		HasGrads: g.grads != nil,
	}
	for i := range g.nodes {
		if !live[i] || g.nodes[i].kernel == nil {
			continue
		}
		p.Instrs = append(p.Instrs, m.place(i))
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

// planner gives values places in the arena: first come, best fit among the free blocks, and in place where a kernel allows it and the input
// dies.
type planner struct {
	g *Graph
	// last is the position of the last node that uses a storage (by base value); len(nodes) for outputs.
	last []int
	// at is where a storage lies, -1 before it does.
	at   []int
	free []block
	size int
	ends [][]int
}

type block struct{ from, size int }

func newPlanner(g *Graph, live []bool, outputs []Value) *planner {
	m := &planner{g: g, last: make([]int, len(g.values)), at: make([]int, len(g.values)), ends: make([][]int, len(g.nodes)+1)}
	for i := range m.at {
		m.at[i], m.last[i] = -1, -1
	}
	for i := range g.nodes {
		if !live[i] {
			continue
		}
		for _, v := range g.nodes[i].out {
			m.last[m.storage(v)] = i
		}
		for _, v := range g.nodes[i].in {
			m.last[m.storage(v)] = i
		}
	}
	for _, v := range outputs {
		m.last[m.storage(v)] = len(g.nodes)
	}
	for id, i := range m.last {
		if i >= 0 {
			m.ends[i] = append(m.ends[i], id)
		}
	}
	return m
}

// storage is the value that owns v's memory.
func (m *planner) storage(v Value) int {
	if b := m.g.values[v.id].base; b != 0 {
		return b
	}
	return v.id
}

// place allocates a node's outputs, frees what dies with it, and returns the instruction.
func (m *planner) place(i int) device.Instr {
	n := &m.g.nodes[i]
	for j, v := range n.out {
		id := m.storage(v)
		if m.g.values[id].operand.Space != device.None {
			continue
		}
		if j == 0 && m.takeOver(n, i, id) {
			continue
		}
		m.at[id] = m.allocate(align(m.g.size(Value{id})))
	}
	in := device.Instr{Kernel: n.kernel}
	for _, v := range n.in {
		in.In = append(in.In, m.operand(v))
	}
	for _, v := range n.out {
		in.Out = append(in.Out, m.operand(v))
	}
	for _, id := range m.ends[i] {
		if m.at[id] >= 0 && m.g.values[id].operand.Space == device.None {
			m.release(block{m.at[id], align(m.g.size(Value{id}))})
		}
	}
	return in
}

// takeOver gives the first output the storage of an input that dies here.
func (m *planner) takeOver(n *node, i, id int) bool {
	for _, j := range n.inPlace {
		v := n.in[j]
		s := m.storage(v)
		fits := m.at[s] >= 0 && m.last[s] == i && m.g.size(v) == m.g.size(Value{s}) && m.g.size(v) == m.g.size(Value{id})
		if !fits || m.usedTwice(n, j, s) {
			continue
		}
		m.at[id] = m.at[s]
		// Its block now belongs to the output.
		m.ends[i] = slices.DeleteFunc(m.ends[i], func(e int) bool { return e == s })
		return true
	}
	return false
}

// usedTwice reports whether another input shares the storage.
func (m *planner) usedTwice(n *node, j, s int) bool {
	for k, v := range n.in {
		if k != j && v.Present() && m.storage(v) == s {
			return true
		}
	}
	return false
}

// operand is where a value lies.
func (m *planner) operand(v Value) device.Operand {
	if !v.Present() {
		return device.Operand{}
	}
	x := &m.g.values[v.id]
	id := m.storage(v)
	o := m.g.values[id].operand
	if o.Space == device.None {
		if m.at[id] < 0 {
			panic(fmt.Sprintf("op: value %d of shape %s has no storage", id, x.shape))
		}
		o = device.Operand{Space: device.Arena, Offset: m.at[id]}
	}
	o.Offset += x.offset
	o.Size = tensor.Shape(x.shape).Size()
	return o
}

// allocate finds the smallest free block that fits, or extends the arena.
func (m *planner) allocate(n int) int {
	best := -1
	for i, b := range m.free {
		if b.size >= n && (best < 0 || b.size < m.free[best].size) {
			best = i
		}
	}
	if best < 0 {
		// A free block at the end grows.
		if k := len(m.free) - 1; k >= 0 && m.free[k].from+m.free[k].size == m.size {
			from := m.free[k].from
			m.free = m.free[:k]
			m.size = from + n
			return from
		}
		from := m.size
		m.size += n
		return from
	}
	b := m.free[best]
	if b.size == n {
		m.free = slices.Delete(m.free, best, best+1)
	} else {
		m.free[best] = block{b.from + n, b.size - n}
	}
	return b.from
}

// release returns a block and joins neighbours; free blocks stay sorted.
func (m *planner) release(b block) {
	if b.size == 0 {
		return
	}
	i, _ := slices.BinarySearchFunc(m.free, b, func(x, y block) int { return x.from - y.from })
	m.free = slices.Insert(m.free, i, b)
	if i+1 < len(m.free) && b.from+b.size == m.free[i+1].from {
		m.free[i].size += m.free[i+1].size
		m.free = slices.Delete(m.free, i+1, i+2)
	}
	if i > 0 && m.free[i-1].from+m.free[i-1].size == m.free[i].from {
		m.free[i-1].size += m.free[i].size
		m.free = slices.Delete(m.free, i, i+1)
	}
}
