package device

import "context"

// Null is the device that computes nothing: its executables know their memory and cost, for
// planning and for tests without hardware.
type Null[T Float] struct {
	// Workers is how many arenas to count; 0 counts one.
	Workers int
}

// Info implements Device.
func (n Null[T]) Info() Info { return Info{Name: "null", Workers: max(1, n.Workers)} }

// Compile implements Device.
func (n Null[T]) Compile(p *Program) (Executable[T], error) {
	return nullExecutable[T]{p, max(1, n.Workers)}, nil
}

type nullExecutable[T Float] struct {
	p       *Program
	workers int
}

func (e nullExecutable[T]) Program() *Program { return e.p }

// Run binds every member and computes nothing: outputs stay zero.
func (e nullExecutable[T]) Run(ctx context.Context, job Job[T]) error {
	outputs := make([][]T, len(e.p.Outputs))
	for i, o := range e.p.Outputs {
		outputs[i] = make([]T, o.At.Size)
	}
	var grads []T
	if e.p.HasGrads {
		grads = make([]T, e.p.NumParams())
	}
	in := Feed[T]{make([]T, e.p.FloatSize), make([]int32, e.p.IntSize)}
	for m := range job.Members() {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := Binding[T]{Grads: grads}
		if !job.Bind(m, &b, in) {
			continue
		}
		if b.Grads == nil {
			b.Grads = grads
		}
		job.Done(m, &b, outputs)
	}
	return ctx.Err()
}

// Bytes is the arenas, inputs, constants and the workers' gradient rows.
func (e nullExecutable[T]) Bytes() int64 {
	var x T
	size := int64(4)
	if _, ok := any(x).(float64); ok {
		size = 8
	}
	perWorker := int64(e.p.ArenaSize+e.p.FloatSize)*size + int64(e.p.IntSize)*4
	if e.p.HasGrads {
		perWorker += int64(e.p.NumParams()) * size
	}
	return int64(e.workers)*perWorker + int64(len(e.p.Constants))*size + int64(len(e.p.IntConstants))*4
}
