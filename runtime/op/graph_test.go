package op

import (
	"fmt"
	"testing"

	"github.com/weightspace/weightspace/runtime/device"
)

func compiled(t *testing.T, g *Graph) *device.Program {
	t.Helper()
	p, err := g.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// kernels are the types of a program's instructions.
func kernels(p *device.Program) string {
	s := ""
	for _, i := range p.Instrs {
		s += fmt.Sprintf("%T ", i.Kernel)
	}
	return s
}

// What no output, gradient or running statistic needs is not run.
func TestDeadOperationsAreDropped(t *testing.T) {
	g := NewGraph(true)
	x := g.Input("x", 4, 3)
	g.Matmul(x, x, false, true)
	g.Exp(g.Log(x))
	g.Output("y", g.Sqrt(x))
	if got := kernels(compiled(t, g)); got != "device.Unary " {
		t.Errorf("runs %s", got)
	}
	// Without a gradient that needs it, the backward pass is not there either.
	g = NewGraph(true)
	w := g.Param("w", 3)
	g.Grad(g.Sum(g.Exp(w)), w)
	g.Output("y", g.Sqrt(w))
	if got := kernels(compiled(t, g)); got != "device.Unary " {
		t.Errorf("runs %s", got)
	}
	// Running statistics are wanted though nothing reads them.
	g = NewGraph(true)
	g.BatchNorm(g.Input("x", 2, 4), g.Fill(1, 2), g.Fill(0, 2), NormStats{g.State("m", 2), g.State("v", 2)}, 1e-5, 0.1, false)
	if got := kernels(compiled(t, g)); got != "device.Fill device.Fill device.BatchNorm device.RunningStats " {
		t.Errorf("runs %s", got)
	}
	// Evaluation changes none.
	g = NewGraph(false)
	g.Output("y", g.BatchNorm(g.Input("x", 2, 4), g.Fill(1, 2), g.Fill(0, 2), NormStats{g.State("m", 2), g.State("v", 2)}, 1e-5, 0.1, false))
	if got := kernels(compiled(t, g)); got != "device.Fill device.Fill device.ChannelAffine " {
		t.Errorf("runs %s", got)
	}
}

// Views take no instruction and no memory.
func TestViews(t *testing.T) {
	g := NewGraph(true)
	x := g.Input("x", 4, 6)
	y := g.Slice(g.Reshape(x, 8, 3), 0, 2, 5) // elements 6 to 15
	z := g.Flatten(g.Slice(y, 0, 1, 3), 0)    // elements 9 to 15
	g.Output("z", g.Exp(z))
	p := compiled(t, g)
	in := p.Instrs[0].In[0]
	if len(p.Instrs) != 1 || in != (device.Operand{Space: device.Floats, Offset: 9, Size: 6}) || p.ArenaSize != 16 {
		t.Errorf("%d instructions, operand %+v, arena of %d", len(p.Instrs), in, p.ArenaSize)
	}
	// Outputs that are no values of their own are copied.
	for name, v := range map[string]func(g *Graph) Value{
		"an input":     func(g *Graph) Value { return g.Input("x", 3) },
		"a parameter":  func(g *Graph) Value { return g.Reshape(g.Param("w", 3, 1), 3) },
		"a constant":   func(g *Graph) Value { return g.Constant([]float64{1, 2, 3}, 3) },
		"a slice":      func(g *Graph) Value { return g.Slice(g.Exp(g.Input("x", 5)), 0, 1, 4) },
		"a gradient":   func(g *Graph) Value { w := g.Param("w", 3); g.Backward(g.Sum(g.Exp(w))); return g.grads[0] },
		"a state":      func(g *Graph) Value { return g.State("s", 3) },
		"a fill":       func(g *Graph) Value { return g.Fill(7, 3) },
		"itself twice": func(g *Graph) Value { y := g.Fill(7, 3); g.Output("first", y); return y },
	} {
		g := NewGraph(true)
		g.Output("y", v(g))
		o, err := compiled(t, g).Output("y")
		if err != nil || o.At.Space != device.Arena || o.At.Size != 3 || !o.Shape.Equal([]int{3}) {
			t.Errorf("%s: output %+v, %v", name, o, err)
		}
	}
}

// Every element of the gradient row is written by exactly one instruction, whatever the gradients are.
func TestGradientRowsAreWrittenOnce(t *testing.T) {
	for name, record := range map[string]func(g *Graph) Value{
		"one gradient of two parameters": func(g *Graph) Value { return g.Sum(g.Square(g.Add(g.Param("a", 3), g.Param("b", 3)))) },
		"a parameter twice": func(g *Graph) Value {
			w := g.Param("w", 3)
			return g.Sum(g.Mul(w, g.Exp(g.Add(w, w))))
		},
		"an unused parameter":          func(g *Graph) Value { g.Param("u", 5); return g.Sum(g.Param("w", 2)) },
		"a view of a gradient":         func(g *Graph) Value { return g.Sum(g.Exp(g.Reshape(g.Param("w", 2, 3), 6))) },
		"a slice":                      func(g *Graph) Value { return g.Sum(g.Exp(g.Slice(g.Param("w", 4), 0, 1, 3))) },
		"parts of one gradient":        func(g *Graph) Value { return g.Sum(g.Exp(g.Concat(0, g.Param("a", 2), g.Param("b", 3)))) },
		"the loss itself a parameter":  func(g *Graph) Value { return g.Param("w") },
		"a matrix's and bias's":        func(g *Graph) Value { return g.Sum(g.Linear(g.Input("x", 4, 3), g.Param("w", 2, 3), g.Param("b", 2))) },
		"an empty parameter":           func(g *Graph) Value { g.Param("e", 0, 3); return g.Sum(g.Exp(g.Param("w", 2))) },
		"a gradient that is an output": func(g *Graph) Value { w := g.Param("w", 3); g.Output("y", g.Exp(w)); return g.Sum(g.Exp(w)) },
	} {
		g := NewGraph(true)
		g.Backward(record(g))
		p := compiled(t, g)
		written := make([]int, p.NumParams())
		for _, in := range p.Instrs {
			for _, o := range in.Out {
				for k := range o.Size {
					if o.Space == device.Grads {
						written[o.Offset+k]++
					}
				}
			}
		}
		for i, n := range written {
			if n != 1 {
				t.Errorf("%s: element %d is written %d times by %s", name, i, n, kernels(p))
				break
			}
		}
	}
}

// A value used many times gets the sum of its cotangents; without any it gets zeros.
func TestGradients(t *testing.T) {
	g := NewGraph(true)
	w, unused := g.Param("w", 3), g.Param("unused", 2)
	sum := g.Exp(w)
	for range 9 {
		sum = g.Add(sum, g.Mul(w, sum))
	}
	d := g.Grad(g.Sum(sum), w, unused, sum)
	if !g.Shape(d[0]).Equal([]int{3}) || !g.Shape(d[1]).Equal([]int{2}) || !g.Shape(d[2]).Equal([]int{3}) {
		t.Errorf("gradients of shapes %s, %s, %s", g.Shape(d[0]), g.Shape(d[1]), g.Shape(d[2]))
	}
	if k, ok := g.nodes[g.values[d[1].id].node].kernel.(device.Fill); !ok || k.Value != 0 || k.N != 2 {
		t.Errorf("the gradient of an unused parameter is %+v", k)
	}
	// Nothing is recorded for inputs that no gradient needs.
	g = NewGraph(true)
	x, m := g.Input("x", 2, 3), g.Param("m", 3, 4)
	loss := g.Sum(g.Matmul(x, m, false, false))
	before := len(g.nodes)
	g.Backward(loss)
	products := 0
	for _, n := range g.nodes[before:] {
		if _, ok := n.kernel.(device.Matmul); ok {
			products++
		}
	}
	if products != 1 {
		t.Errorf("%d products for one gradient", products)
	}
}

// Programs can be compiled again, with the same result.
func TestCompilingTwice(t *testing.T) {
	g := NewGraph(true)
	w := g.Param("w", 3)
	loss := g.Sum(g.Exp(w))
	g.Output("loss", loss)
	g.Backward(loss)
	a := compiled(t, g)
	b := compiled(t, g)
	if a.ArenaSize != b.ArenaSize || len(a.Outputs) != len(b.Outputs) || kernels(a) != kernels(b) {
		t.Errorf("%s and %s", kernels(a), kernels(b))
	}
}

// Layouts are those of the declarations, inputs and constants on cache lines.
func TestLayout(t *testing.T) {
	g := NewGraph(true)
	g.Param("a", 2, 3)
	g.Param("b", 5)
	g.State("s", 4)
	g.Input("x", 3)
	g.Input("y", 17)
	g.IntInput("i", 2)
	g.IntInput("j", 1)
	g.Constant([]float64{1, 2}, 2)
	g.Constant([]float64{3}, 1)
	g.IntConstant([]int32{1})
	p := compiled(t, g)
	if p.NumParams() != 11 || p.Params[1].Offset != 6 || p.NumStates() != 4 {
		t.Errorf("parameters %+v, states %+v", p.Params, p.States)
	}
	if p.FloatSize != 48 || p.Floats[1].Offset != 16 || p.IntSize != 32 || p.Ints[1].Offset != 16 || len(p.Constants) != 32 || len(p.IntConstants) != 16 {
		t.Errorf("inputs %+v of %d, integers %+v of %d, %d and %d constants", p.Floats, p.FloatSize, p.Ints, p.IntSize, len(p.Constants), len(p.IntConstants))
	}
	if _, err := p.Output("none"); err == nil || err.Error() != `the program has no output "none"` {
		t.Errorf("%v", err)
	}
}

func TestParseActivation(t *testing.T) {
	for _, name := range []string{"tanh", "sigmoid", "relu", "leakyrelu", "gelu", "gelu-tanh", "silu", "softplus"} {
		if f, err := ParseActivation(name); err != nil || f.String() != name {
			t.Errorf("%s: %s, %v", name, f, err)
		}
	}
	for _, name := range []string{"exp", "", "unknown", "ReLU"} {
		if _, err := ParseActivation(name); err == nil {
			t.Errorf("%q is an activation", name)
		}
	}
}
