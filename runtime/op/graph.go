package op

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// BuildError is a mistake in the construction of a graph: shapes that do not fit, a name used
// twice.
type BuildError struct {
	// Op is the operation, such as "matmul".
	Op string
	// Problem says what is wrong, with the shapes.
	Problem string
}

// Error implements error.
func (e *BuildError) Error() string { return e.Op + ": " + e.Problem }

func fail(op, format string, args ...any) {
	panic(&BuildError{op, fmt.Sprintf(format, args...)})
}

// Build calls f and returns the BuildError it panics with, if any.
func Build(f func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			b, ok := r.(*BuildError)
			if !ok {
				panic(r)
			}
			err = b
		}
	}()
	f()
	return nil
}

// Value is an array in a graph. The zero Value is absent: a bias that is not there.
type Value struct{ id int }

// Present reports whether there is a value.
func (v Value) Present() bool { return v.id != 0 }

// value is what a graph knows of a Value.
type value struct {
	shape tensor.Shape
	// operand is fixed for leaves; others get theirs when the graph is compiled.
	operand device.Operand
	// node made the value; -1 for leaves.
	node int
	// base and offset locate a view in another value; base is 0 for values of their own.
	base, offset int
	ints, one    bool
}

// node is a recorded operation: a kernel, or a view without one.
type node struct {
	kernel  device.Kernel
	in, out []Value
	// vjp gives the cotangents of in from those of out: absent where nothing flows. need says which inputs are wanted.
	vjp func(dy []Value, need []bool) []Value
	// effect marks a node that runs for what it changes outside the graph.
	effect bool
	// inPlace is the index of the inputs whose storage the first output may take.
	inPlace []int
}

// Graph records operations. It is for one goroutine.
type Graph struct {
	// Composite records normalisations, losses, attention and activations as compositions of primitive
	// operations, whose gradients can be differentiated again (Hessian-vector products). It is slower.
	Composite bool
	// Training makes dropout and batch statistics active.
	Training bool

	values []value
	nodes  []node

	params, states     []tensor.Param
	paramValues        []Value
	floats, ints       []device.Input
	floatSize, intSize int
	constants          []float64
	intConstants       []int32
	outputs            []namedValue
	grads              []Value
	names              map[string]bool
}

type namedValue struct {
	name string
	v    Value
}

// NewGraph returns an empty graph.
func NewGraph(training bool) *Graph {
	// Value 0 is the absent one.
	return &Graph{Training: training, values: make([]value, 1), names: map[string]bool{}}
}

// Shape is a value's shape.
func (g *Graph) Shape(v Value) tensor.Shape {
	if !v.Present() {
		fail("graph", "an operand is absent")
	}
	return g.values[v.id].shape
}

func (g *Graph) size(v Value) int { return g.Shape(v).Size() }

func (g *Graph) name(kind, name string) {
	key := kind + " " + name
	if g.names[key] {
		fail("graph", "%s %q is declared twice", kind, name)
	}
	g.names[key] = true
}

func checkExtents(shape tensor.Shape) {
	for _, d := range shape {
		if d < 0 {
			fail("graph", "shape %s has a negative extent", shape)
		}
	}
}

func (g *Graph) leaf(shape tensor.Shape, s device.Space, offset int) Value {
	checkExtents(shape)
	g.values = append(g.values, value{shape: shape.Clone(), node: -1, operand: device.Operand{Space: s, Offset: offset, Size: shape.Size()}})
	return Value{len(g.values) - 1}
}

// Param declares a parameter; the order of declaration is the order in a row.
func (g *Graph) Param(name string, shape ...int) Value {
	g.name("parameter", name)
	offset := tensor.Total(g.params)
	g.params = append(g.params, tensor.Param{Name: name, Shape: shape, Offset: offset})
	v := g.leaf(shape, device.Weights, offset)
	g.paramValues = append(g.paramValues, v)
	return v
}

// State declares running statistics that training updates outside of gradients.
func (g *Graph) State(name string, shape ...int) Value {
	g.name("state", name)
	offset := tensor.Total(g.states)
	g.states = append(g.states, tensor.Param{Name: name, Shape: shape, Offset: offset})
	return g.leaf(shape, device.States, offset)
}

// Input declares a floating-point input.
func (g *Graph) Input(name string, shape ...int) Value {
	g.name("input", name)
	g.floats = append(g.floats, device.Input{Name: name, Shape: shape, Offset: g.floatSize})
	v := g.leaf(shape, device.Floats, g.floatSize)
	g.floatSize += align(g.size(v))
	return v
}

// InputOffset is where a floating-point input lies among the inputs, in elements.
func (g *Graph) InputOffset(v Value) int { return g.values[v.id].operand.Offset }

// IntInput declares an integer input.
func (g *Graph) IntInput(name string, shape ...int) Value {
	g.name("input", name)
	g.ints = append(g.ints, device.Input{Name: name, Shape: shape, Offset: g.intSize})
	v := g.leaf(shape, device.Ints, g.intSize)
	g.values[v.id].ints = true
	g.intSize += align(g.size(v))
	return v
}

// Constant is data fixed with the graph, row-major.
func (g *Graph) Constant(data []float64, shape ...int) Value {
	if n := tensor.Shape(shape).Size(); n != len(data) {
		fail("constant", "shape %s needs %d elements, not %d", tensor.Shape(shape), n, len(data))
	}
	v := g.leaf(shape, device.Constants, len(g.constants))
	g.constants = append(g.constants, data...)
	for len(g.constants) != align(len(g.constants)) {
		g.constants = append(g.constants, 0)
	}
	return v
}

// IntConstant is integers fixed with the graph.
func (g *Graph) IntConstant(data []int32) Value {
	v := g.leaf(tensor.Shape{len(data)}, device.IntConstants, len(g.intConstants))
	g.values[v.id].ints = true
	g.intConstants = append(g.intConstants, data...)
	for len(g.intConstants) != align(len(g.intConstants)) {
		g.intConstants = append(g.intConstants, 0)
	}
	return v
}

// Params are the declared parameters, in order.
func (g *Graph) Params() []Value { return append([]Value(nil), g.paramValues...) }

// Layout is the layout of a row of parameters.
func (g *Graph) Layout() []tensor.Param { return append([]tensor.Param(nil), g.params...) }

// States is the layout of the running statistics.
func (g *Graph) States() []tensor.Param { return append([]tensor.Param(nil), g.states...) }

// Output names a result of the program.
func (g *Graph) Output(name string, v Value) {
	g.name("output", name)
	g.outputs = append(g.outputs, namedValue{name, v})
}

// record adds a kernel with one output.
func (g *Graph) record(k device.Kernel, shape tensor.Shape, in []Value, vjp func(dy Value, need []bool) []Value) Value {
	return g.recordMulti(k, []tensor.Shape{shape}, in, func(dy []Value, need []bool) []Value { return vjp(dy[0], need) })[0]
}

// recordMulti adds a kernel with several outputs; vjp sees absent cotangents where nothing flows.
func (g *Graph) recordMulti(k device.Kernel, shapes []tensor.Shape, in []Value, vjp func(dy []Value, need []bool) []Value) []Value {
	n := node{kernel: k, in: in, vjp: vjp}
	for i, v := range in {
		if g.values[v.id].ints != takesIntegers(k, i) && v.Present() {
			fail("graph", "%T takes %s", k, operandKind(k, i))
		}
	}
	for _, s := range shapes {
		checkExtents(s)
		g.values = append(g.values, value{shape: s.Clone(), node: len(g.nodes)})
		n.out = append(n.out, Value{len(g.values) - 1})
	}
	g.nodes = append(g.nodes, n)
	return n.out
}

// takesIntegers reports whether operand i of a kernel is an integer array.
func takesIntegers(k device.Kernel, i int) bool {
	switch k.(type) {
	case device.Gather, device.ScatterAdd, device.Segment, device.CrossEntropy:
		return i == 1
	case device.SegmentGrad:
		return i == 2
	case device.SpMM, device.SDDMM:
		return i >= 2
	case device.OneHot:
		return true
	}
	return false
}

func operandKind(k device.Kernel, i int) string {
	if takesIntegers(k, i) {
		return fmt.Sprintf("integers as operand %d, not numbers", i)
	}
	return fmt.Sprintf("numbers as operand %d, not integers", i)
}

// mayReuse lets the last node's first output take the storage of the inputs named.
func (g *Graph) mayReuse(in ...int) { g.nodes[len(g.nodes)-1].inPlace = in }

// view adds a node without a kernel: a window of another value's storage.
func (g *Graph) view(x Value, shape tensor.Shape, offset int, vjp func(dy Value) Value) Value {
	base, at := x.id, offset
	if b := g.values[x.id].base; b != 0 {
		base, at = b, offset+g.values[x.id].offset
	}
	n := node{in: []Value{x}, vjp: func(dy []Value, _ []bool) []Value { return []Value{vjp(dy[0])} }}
	g.values = append(g.values, value{shape: shape.Clone(), node: len(g.nodes), base: base, offset: at, ints: g.values[x.id].ints, one: g.values[x.id].one && offset == 0 && shape.Size() == g.size(x)})
	n.out = []Value{{len(g.values) - 1}}
	g.nodes = append(g.nodes, n)
	return n.out[0]
}

// alignment keeps arrays on cache lines.
const alignment = 16

func align(n int) int { return (n + alignment - 1) / alignment * alignment }
