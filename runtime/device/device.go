package device

import "context"

// Float is an element type of computation: float32 to train, float64 as the oracle.
type Float interface{ float32 | float64 }

// Info describes a device.
type Info struct {
	// Name is "null", "cpu" or "cuda".
	Name string
	// ISA is the instruction set in use, such as "avx512".
	ISA string
	// Workers is how many members, or parts of one, run at a time.
	Workers int
}

// Device compiles programs for one element type.
type Device[T Float] interface {
	Info() Info
	// Compile prepares a program. It fails if the device lacks a kernel, naming it.
	Compile(p *Program) (Executable[T], error)
}

// Binding is what one member brings to a run: rows of the population's slabs and the keys of
// its random streams.
type Binding[T Float] struct {
	// Weights [nParams] and States [nState] (updated in place by training programs).
	Weights, States []T
	// Grads [nParams] is written if the program has gradients; nil borrows a row that the worker keeps
	// and Done may read.
	Grads []T
	// Seed, Step and Dropout key and scale the dropout masks: probability Dropout in [0, 1).
	Seed    uint64
	Step    uint64
	Dropout float64
	// Parallel, in Done, runs f(0), ..., f(n-1) on workers that would be idle; nil if there are none. The device sets it.
	Parallel func(n int, f func(task int))
}

// Feed holds the inputs of a run, to be filled in place: Floats and Ints as laid out by the program.
type Feed[T Float] struct {
	Floats []T
	Ints   []int32
}

// Job is one step of a population. Its methods are called from the worker that runs the
// member, for several members at a time.
type Job[T Float] interface {
	// Members is the number of members to run.
	Members() int
	// Bind fills in the rows and inputs of member m before its run. It reports false to leave
	// the member out (a frozen member).
	Bind(m int, b *Binding[T], in Feed[T]) bool
	// Done sees the results of member m: outputs are indexed as in Program.Outputs; they and borrowed gradients are
	// valid until it returns.
	Done(m int, b *Binding[T], outputs [][]T)
}

// Executable runs a compiled program.
type Executable[T Float] interface {
	// Run runs every member of the job once. Results do not depend on the number of workers.
	// When ctx is done no further member starts and its error is returned; members are never
	// left half-run.
	Run(ctx context.Context, job Job[T]) error
	// Program is what was compiled.
	Program() *Program
	// Bytes is the memory that the executable holds besides the population's slabs.
	Bytes() int64
}
