package op

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/weightspace/weightspace/runtime/device"
)

// planner gives values places in the arena: in place of an operand where a kernel allows it and the operand dies, else by size, the
// largest first, each at the smallest gap among those that live at the same time ("greedy by size", Pisarchyk, Lee 2020).
type planner struct {
	g    *Graph
	live []bool
	// first and last are the positions of the first and last node that use a storage (by base value); last is len(nodes) for
	// outputs, first is -1 for values that are not used.
	first, last []int
	// owner is the storage whose place a storage takes: itself, or the operand that it overwrites.
	owner []int
	// at is where an owner lies, -1 if it has no place in the arena.
	at   []int
	size int
}

func newPlanner(g *Graph, live []bool, outputs []Value) *planner {
	n := len(g.values)
	m := &planner{g: g, live: live, first: make([]int, n), last: make([]int, n), owner: make([]int, n), at: make([]int, n)}
	for i := range n {
		m.first[i], m.last[i], m.owner[i], m.at[i] = -1, -1, i, -1
	}
	for i := range g.nodes {
		if !live[i] {
			continue
		}
		for _, v := range g.nodes[i].out {
			m.use(v, i)
		}
		for _, v := range g.nodes[i].in {
			m.use(v, i)
		}
	}
	for _, v := range outputs {
		m.use(v, len(g.nodes))
	}
	return m
}

// use extends the life of v's storage to position i.
func (m *planner) use(v Value, i int) {
	id := m.storage(v)
	if m.first[id] < 0 {
		m.first[id] = i
	}
	m.last[id] = i
}

// storage is the value that owns v's memory.
func (m *planner) storage(v Value) int {
	if b := m.g.values[v.id].base; b != 0 {
		return b
	}
	return v.id
}

// inArena reports whether a storage is the planner's: used, and not a leaf or a gradient.
func (m *planner) inArena(id int) bool {
	return id != 0 && m.first[id] >= 0 && m.g.values[id].operand.Space == device.None
}

// plan gives every storage its place.
func (m *planner) plan() {
	for i := range m.g.nodes {
		if n := &m.g.nodes[i]; m.live[i] && n.kernel != nil && len(n.out) > 0 {
			m.takeOver(n, i)
		}
	}
	var blocks []int
	for id, owner := range m.owner {
		if owner == id && m.inArena(id) {
			blocks = append(blocks, id)
		}
	}
	slices.SortStableFunc(blocks, func(a, b int) int { return cmp.Compare(m.extent(b), m.extent(a)) })
	// The blocks placed so far, by place.
	var placed []int
	for _, id := range blocks {
		m.at[id] = m.gap(placed, id)
		m.size = max(m.size, m.at[id]+m.extent(id))
		i, _ := slices.BinarySearchFunc(placed, m.at[id], func(p, at int) int { return cmp.Compare(m.at[p], at) })
		placed = slices.Insert(placed, i, id)
	}
}

// extent is the elements that a storage takes.
func (m *planner) extent(id int) int { return align(m.g.size(Value{id})) }

// takeOver gives the first output of node i the place of an operand that dies there.
func (m *planner) takeOver(n *node, i int) {
	id := m.storage(n.out[0])
	if !m.inArena(id) {
		return
	}
	for _, j := range n.inPlace {
		v := n.in[j]
		s := m.storage(v)
		if !m.inArena(s) || m.last[m.owner[s]] != i || m.usedTwice(n, j, s) {
			continue
		}
		if size := m.g.size(Value{id}); m.g.size(v) == size && m.g.size(Value{s}) == size {
			m.owner[id] = m.owner[s]
			m.last[m.owner[s]] = m.last[id]
			return
		}
	}
}

// usedTwice reports whether another operand shares the storage.
func (m *planner) usedTwice(n *node, j, s int) bool {
	for k, v := range n.in {
		if k != j && v.Present() && m.storage(v) == s {
			return true
		}
	}
	return false
}

// gap is the smallest gap that fits a storage among the placed ones that live when it does, or the end.
func (m *planner) gap(placed []int, id int) int {
	need, best, bestSize, end := m.extent(id), -1, 0, 0
	for _, p := range placed {
		if m.last[p] < m.first[id] || m.last[id] < m.first[p] {
			continue
		}
		if free := m.at[p] - end; free >= need && (best < 0 || free < bestSize) {
			best, bestSize = end, free
		}
		end = max(end, m.at[p]+m.extent(p))
	}
	if best >= 0 {
		return best
	}
	return end
}

// instr is node i with its operands' places.
func (m *planner) instr(i int) device.Instr {
	n := &m.g.nodes[i]
	in := device.Instr{Kernel: n.kernel}
	for _, v := range n.in {
		in.In = append(in.In, m.operand(v))
	}
	for _, v := range n.out {
		in.Out = append(in.Out, m.operand(v))
	}
	return in
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
		if m.at[m.owner[id]] < 0 {
			panic(fmt.Sprintf("op: value %d of shape %s has no storage", id, x.shape))
		}
		o = device.Operand{Space: device.Arena, Offset: m.at[m.owner[id]]}
	}
	o.Offset += x.offset
	o.Size = x.shape.Size()
	return o
}
