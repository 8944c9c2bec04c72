package cpu

import (
	"context"
	"fmt"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/kernel/align"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/par"
)

// Device is the CPU with the kernels of one instruction set.
type Device[T device.Float] struct {
	level   isa.Level
	workers int
	k       kernels[T]
}

// New returns the CPU device; isa.Auto takes the best instruction set, workers below 1 means
// GOMAXPROCS. float64 runs on pure Go where there is no assembly. It fails for a level that this machine or build cannot run.
func New[T device.Float](level isa.Level, workers int) (*Device[T], error) {
	if level == isa.Auto {
		level = isa.Best()
	}
	k, err := newKernels[T](level)
	if err != nil {
		return nil, fmt.Errorf("cpu device: %w", err)
	}
	return &Device[T]{level: level, workers: par.Workers(workers), k: k}, nil
}

// Info implements device.Device.
func (d *Device[T]) Info() device.Info {
	return device.Info{Name: "cpu", ISA: d.level.String(), Workers: d.workers}
}

// step is one instruction, compiled: chunks are independent and may run in any order.
type step[T device.Float] struct {
	chunks int
	// scratch is the elements of private memory that a chunk needs, work those of memory that the steps of an
	// instruction share.
	scratch, work int
	run           func(f *frame[T], scratch []T, chunk int)
}

// frame is the memory of one run of the program.
type frame[T device.Float] struct {
	mem  [device.IntConstants + 1][]T
	ints [device.IntConstants + 1][]int32
	bind device.Binding[T]
	work []T
	// grads is the row lent to members that bring none.
	grads   []T
	outputs [][]T
}

// at is an operand's memory; nil for an absent one.
func (f *frame[T]) at(o device.Operand) []T {
	return f.mem[o.Space][o.Offset : o.Offset+o.Size : o.Offset+o.Size]
}

func (f *frame[T]) int32s(o device.Operand) []int32 {
	return f.ints[o.Space][o.Offset : o.Offset+o.Size : o.Offset+o.Size]
}

// executable implements device.Executable.
type executable[T device.Float] struct {
	p       *device.Program
	steps   []step[T]
	crew    *par.Crew
	frames  []frame[T]
	scratch [][]T
	bytes   int64

	// What the crew works on: a population, or one instruction of one member.
	job     device.Job[T]
	ctx     context.Context //nolint:containedctx // only for the duration of Run
	current *step[T]
	// Kept so that a run allocates nothing.
	member, chunk, each func(worker, task int)
	parallel            func(n int, f func(task int))
	task                func(task int)
}

// Compile implements device.Device.
func (d *Device[T]) Compile(p *device.Program) (device.Executable[T], error) {
	e := &executable[T]{p: p, crew: par.NewCrew(d.workers)}
	scratch, work := 0, 0
	for i, in := range p.Instrs {
		steps, err := d.compile(in)
		if err != nil {
			return nil, fmt.Errorf("cpu device: instruction %d: %w", i, err)
		}
		for _, s := range steps {
			scratch, work = max(scratch, s.scratch), max(work, s.work)
		}
		e.steps = append(e.steps, steps...)
	}
	constants := make([]T, len(p.Constants))
	for i, c := range p.Constants {
		constants[i] = T(c)
	}
	var x T
	size := int64(4)
	if _, ok := any(x).(float64); ok {
		size = 8
	}
	e.frames, e.scratch = make([]frame[T], d.workers), make([][]T, d.workers)
	for w := range e.frames {
		f := &e.frames[w]
		f.mem[device.Arena], f.mem[device.Floats], f.mem[device.Constants] = align.Make[T](p.ArenaSize), align.Make[T](p.FloatSize), constants
		f.ints[device.Ints], f.ints[device.IntConstants] = make([]int32, p.IntSize), p.IntConstants
		for _, o := range p.Outputs {
			f.outputs = append(f.outputs, f.at(o.At))
		}
		if p.HasGrads {
			f.grads = align.Make[T](p.NumParams())
		}
		e.scratch[w], f.work = align.Make[T](scratch), align.Make[T](work)
	}
	e.bytes = int64(d.workers)*(int64(p.ArenaSize+p.FloatSize+scratch+work+len(e.frames[0].grads))*size+int64(p.IntSize)*4) + int64(len(constants))*size + int64(len(p.IntConstants))*4
	e.member, e.chunk = e.runMember, e.runChunk
	e.each = func(_, i int) { e.task(i) }
	e.parallel = func(n int, f func(task int)) {
		e.task = f
		e.crew.Do(n, e.each)
	}
	return e, nil
}

// Program implements device.Executable.
func (e *executable[T]) Program() *device.Program { return e.p }

// Bytes implements device.Executable.
func (e *executable[T]) Bytes() int64 { return e.bytes }

// Run implements device.Executable.
func (e *executable[T]) Run(ctx context.Context, job device.Job[T]) error {
	e.ctx, e.job = ctx, job
	defer func() { e.ctx, e.job, e.current = nil, nil, nil }()
	n := job.Members()
	e.crew.Start()
	defer e.crew.Stop()
	whole := e.byMember(n)
	e.crew.Do(whole, e.member)
	f := &e.frames[0]
	for m := whole; m < n; m++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !e.bind(f, m) {
			continue
		}
		for i := range e.steps {
			e.current = &e.steps[i]
			e.crew.Do(e.current.chunks, e.chunk)
		}
		f.bind.Parallel = e.parallel
		job.Done(m, &f.bind, f.outputs)
	}
	return ctx.Err()
}

// largeArena is the elements of an arena from which an instruction is worth cutting among workers.
const largeArena = 1 << 20

// byMember is how many of n members are given to workers whole; the others run instruction by instruction on all workers.
// Small networks would wait more for each other at every instruction than a worker idles at the end.
func (e *executable[T]) byMember(n int) int {
	workers := e.crew.Workers()
	switch {
	case n < workers:
		return 0
	case e.p.ArenaSize < largeArena:
		return n
	}
	return n / workers * workers
}

func (e *executable[T]) bind(f *frame[T], m int) bool {
	f.bind = device.Binding[T]{Grads: f.grads}
	if !e.job.Bind(m, &f.bind, device.Feed[T]{Floats: f.mem[device.Floats], Ints: f.ints[device.Ints]}) {
		return false
	}
	b := &f.bind
	if b.Grads == nil {
		b.Grads = f.grads
	}
	if len(b.Weights) != e.p.NumParams() || len(b.States) != e.p.NumStates() || e.p.HasGrads && len(b.Grads) != len(b.Weights) {
		panic("cpu: the rows bound do not have the program's lengths")
	}
	f.mem[device.Weights], f.mem[device.Grads], f.mem[device.States] = b.Weights, b.Grads, b.States
	return true
}

func (e *executable[T]) runMember(w, m int) {
	f := &e.frames[w]
	if e.ctx.Err() != nil || !e.bind(f, m) {
		return
	}
	for i := range e.steps {
		s := &e.steps[i]
		for c := range s.chunks {
			s.run(f, e.scratch[w], c)
		}
	}
	e.job.Done(m, &f.bind, f.outputs)
}

func (e *executable[T]) runChunk(w, c int) { e.current.run(&e.frames[0], e.scratch[w], c) }
