package device

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/tensor"
)

// Space is where an operand lives.
type Space uint8

// The spaces. Weights, Grads and States are rows of population slabs; Arena is scratch of
// whoever runs the member; Floats and Ints are the step's inputs; Constants belong to the program.
const (
	// None marks an operand that is not there, such as the bias of a layer without one.
	None Space = iota
	// Arena is the scratch memory of one run.
	Arena
	// Weights is the member's row [nParams].
	Weights
	// Grads is the member's gradient row [nParams], the same offsets as Weights.
	Grads
	// States is the member's row of running statistics [nState].
	States
	// Floats are floating-point inputs, laid out one after another.
	Floats
	// Ints are integer inputs (labels, indices), laid out one after another, 32 bits each.
	Ints
	// Constants are values fixed when the program was built.
	Constants
	// IntConstants are integers fixed when the program was built (graph structure).
	IntConstants
)

// Operand is a contiguous row-major array. Offset and Size count elements.
type Operand struct {
	Space  Space
	Offset int
	Size   int
}

// Instr is one kernel call: it reads In and writes Out. Which operands a kernel takes, and in
// which order, its descriptor's documentation says.
type Instr struct {
	Kernel Kernel
	In     []Operand
	Out    []Operand
}

// Kernel describes one kernel call completely: kind, extents, options. The descriptors are the
// types of this package with a Cost method.
type Kernel interface {
	// Cost is the number of floating-point operations (a fused multiply-add counts two; exp and
	// the like count one) and of elements read and written.
	Cost() (flops, elements int64)
}

// Input is a named array that the caller fills before a run.
type Input struct {
	Name   string
	Shape  tensor.Shape
	Offset int
}

// Output is a named result in the arena.
type Output struct {
	Name  string
	Shape tensor.Shape
	At    Operand
}

// Program is the work of one member: instructions in order over planned memory. It is
// immutable and holds no device's memory.
type Program struct {
	Instrs []Instr
	// Params and States are the layouts of a member's rows.
	Params, States []tensor.Param
	// Floats and Ints are the inputs, FloatSize and IntSize their elements together.
	Floats, Ints       []Input
	FloatSize, IntSize int
	Outputs            []Output
	// Constants and IntConstants are the program's own data.
	Constants    []float64
	IntConstants []int32
	// ArenaSize is the elements of scratch that a run needs.
	ArenaSize int
	// HasGrads says that a run writes every element of the gradient row.
	HasGrads bool
}

// NumParams is the length of a weight row.
func (p *Program) NumParams() int { return tensor.Total(p.Params) }

// NumStates is the length of a row of running statistics.
func (p *Program) NumStates() int { return tensor.Total(p.States) }

// Output finds a result by name.
func (p *Program) Output(name string) (Output, error) {
	for _, o := range p.Outputs {
		if o.Name == name {
			return o, nil
		}
	}
	return Output{}, fmt.Errorf("the program has no output %q", name)
}

// Cost sums the instructions' costs.
func (p *Program) Cost() (flops, elements int64) {
	for _, i := range p.Instrs {
		f, e := i.Kernel.Cost()
		flops, elements = flops+f, elements+e
	}
	return flops, elements
}
