package op

import "github.com/weightspace/weightspace/runtime/tensor"

// Grad returns the gradients of a scalar with respect to values: the reverse walk over the recorded
// operations, each of which records its vector-Jacobian product. Where the scalar does not depend on a value, its
// gradient is zeros. The gradients are values like others and can be differentiated again, if every
// operation on the way can (Graph.Composite).
func (g *Graph) Grad(loss Value, wrt ...Value) []Value {
	if g.size(loss) != 1 {
		fail("grad", "the loss has shape %s; it must be a single number", g.Shape(loss))
	}
	need := g.dependents(wrt)
	cot := map[Value]Value{loss: g.ones(g.Shape(loss))}
	for i := g.values[loss.id].node; i >= 0; i-- {
		g.backward(i, need, cot)
	}
	out := make([]Value, len(wrt))
	for i, w := range wrt {
		if out[i] = cot[w]; !out[i].Present() {
			out[i] = g.Fill(0, g.Shape(w)...)
		}
	}
	return out
}

// dependents marks the values that depend on any of the given ones.
func (g *Graph) dependents(wrt []Value) []bool {
	need := make([]bool, len(g.values))
	for _, w := range wrt {
		g.Shape(w)
		need[w.id] = true
	}
	for _, n := range g.nodes {
		for _, in := range n.in {
			if !need[in.id] {
				continue
			}
			for _, out := range n.out {
				need[out.id] = true
			}
			break
		}
	}
	return need
}

// backward sends the cotangents of node i's outputs to its inputs.
func (g *Graph) backward(i int, need []bool, cot map[Value]Value) {
	n := g.nodes[i] // a copy: recording moves the slice
	dy, flows := make([]Value, len(n.out)), false
	for j, out := range n.out {
		if need[out.id] {
			dy[j] = cot[out]
			flows = flows || dy[j].Present()
		}
	}
	if !flows {
		return
	}
	wanted := make([]bool, len(n.in))
	for j, in := range n.in {
		wanted[j] = in.Present() && need[in.id]
	}
	if n.vjp == nil {
		fail("grad", "%T has no gradient", n.kernel)
	}
	for j, d := range n.vjp(dy, wanted) {
		if !wanted[j] || !d.Present() {
			continue
		}
		in := n.in[j]
		if !g.Shape(d).Equal(g.Shape(in)) {
			fail("grad", "the gradient of input %d of %T has shape %s, not %s", j, n.kernel, g.Shape(d), g.Shape(in))
		}
		if sum, ok := cot[in]; ok {
			d = g.Add(sum, d)
		}
		cot[in] = d
	}
}

// Backward records the gradients of a loss with respect to all parameters and makes them the
// program's gradient row.
func (g *Graph) Backward(loss Value) { g.SetGrads(g.Grad(loss, g.paramValues...)) }

// SetGrads makes values, one per parameter and of its shape, the program's gradient row.
func (g *Graph) SetGrads(grads []Value) {
	if len(grads) != len(g.paramValues) {
		fail("grad", "%d gradients for %d parameters", len(grads), len(g.paramValues))
	}
	for i, d := range grads {
		if !g.Shape(d).Equal(g.Shape(g.paramValues[i])) {
			fail("grad", "the gradient of %s has shape %s", g.params[i].Name, g.Shape(d))
		}
	}
	g.grads = append([]Value(nil), grads...)
}

// HessianVector makes the product of the loss's Hessian with a vector the program's gradient row: the gradient of
// <gradient, v> (Pearlmutter 1994). v is the program's input "tangent/<parameter>" for every parameter. The graph must
// be Composite.
func (g *Graph) HessianVector(loss Value) {
	if !g.Composite {
		fail("hessian-vector", "the graph must be recorded with Composite: fused operations cannot be differentiated twice")
	}
	first := g.Grad(loss, g.paramValues...)
	var dot Value
	for i, d := range first {
		v := g.Input("tangent/"+g.params[i].Name, g.params[i].Shape...)
		s := g.Sum(g.Mul(d, v))
		if dot.Present() {
			s = g.Add(dot, s)
		}
		dot = s
	}
	g.SetGrads(g.Grad(dot, g.paramValues...))
}

// ones is a constant 1 that products recognise.
func (g *Graph) ones(shape tensor.Shape) Value {
	v := g.Fill(1, shape...)
	g.values[v.id].one = true
	return v
}
