package check

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weightspace/weightspace/runtime/device"
)

// Compliance is what every device must pass. For all Cases and for random shapes, forward and backward, fused and as
// compositions: every instruction of d is within the table of tolerances of ref's result on the same inputs, and the whole program
// gives the bits that its instructions give one by one. ref runs float64 and is trusted: Gradient proves it.
func Compliance(t *testing.T, d device.Device[float32], ref device.Device[float64]) {
	t.Helper()
	for _, c := range everyCase() {
		for _, composite := range []bool{false, true} {
			c.Composite = composite
			name := c.Name
			if composite {
				name += "/composite"
			}
			t.Run(name, func(t *testing.T) {
				if err := Agrees(t.Context(), d, ref, c); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// everyCase are the cases of Compliance and SameBits.
func everyCase() []Case { return slices.Concat(Cases(), LargeCases(), RandomCases(120)) }

// SameBits fails t unless two devices give the same bits for all cases: two instruction sets, or two numbers of workers.
func SameBits(t *testing.T, a, b device.Device[float32]) {
	t.Helper()
	for _, c := range everyCase() {
		if err := Same(t.Context(), a, b, c); err != nil {
			t.Error(err)
		}
	}
}

// Same checks one case as SameBits does.
func Same(ctx context.Context, a, b device.Device[float32], c Case) error {
	x, y, err := c.both(ctx, a, b)
	if err != nil {
		return err
	}
	if i := FirstDifference(x.Binding.Grads, y.Binding.Grads); i >= 0 {
		return fmt.Errorf("%s: gradient %d is %v and %v", c.Name, i, x.Binding.Grads[i], y.Binding.Grads[i])
	}
	if i := FirstDifference(x.Binding.States, y.Binding.States); i >= 0 {
		return fmt.Errorf("%s: state %d is %v and %v", c.Name, i, x.Binding.States[i], y.Binding.States[i])
	}
	for j := range x.Outputs {
		if i := FirstDifference(x.Outputs[j], y.Outputs[j]); i >= 0 {
			return fmt.Errorf("%s: output %d is %v and %v", c.Name, j, x.Outputs[j][i], y.Outputs[j][i])
		}
	}
	return nil
}

// both runs a case on two devices.
func (c *Case) both(ctx context.Context, a, b device.Device[float32]) (x, y *One[float32], err error) {
	p, err := c.program(false)
	if err != nil {
		return nil, nil, err
	}
	run := func(d device.Device[float32]) *One[float32] {
		e, failed := d.Compile(p)
		if failed != nil {
			err = errors.Join(err, failed)
			return nil
		}
		job := newMemory(p, c).job(p, c)
		err = errors.Join(err, e.Run(ctx, job))
		return job
	}
	x, y = run(a), run(b)
	return x, y, err
}

// Agrees checks one case as Compliance does.
func Agrees(ctx context.Context, d device.Device[float32], ref device.Device[float64], c Case) error {
	p, err := c.program(false)
	if err != nil {
		return err
	}
	whole, err := d.Compile(p)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	m := newMemory(p, &c)
	job := m.job(p, &c)
	for i := range job.Binding.Grads {
		job.Binding.Grads[i] = float32(math.NaN()) // every element must be written
	}
	if err := whole.Run(ctx, job); err != nil {
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	for i, in := range p.Instrs {
		s := stage{ctx: ctx, m: m, c: &c, in: in, p: isolate(p, in)}
		if err := s.run(d, ref); err != nil {
			return fmt.Errorf("%s: instruction %d of %d, %T%+v: %w", c.Name, i, len(p.Instrs), in.Kernel, in.Kernel, err)
		}
	}
	return m.same(p, job)
}

// memory is one member's, space by space.
type memory struct {
	floats [device.IntConstants + 1][]float32
	ints   [device.IntConstants + 1][]int32
}

func newMemory(p *device.Program, c *Case) *memory {
	m := &memory{}
	r := rand.New(rand.NewPCG(7, uint64(len(c.Name))))
	m.floats[device.Weights] = narrow(c.draw(r, p.NumParams()))
	m.floats[device.Floats] = narrow(c.draw(r, p.FloatSize))
	m.floats[device.States] = narrow(states(p))
	m.floats[device.Constants] = narrow(p.Constants)
	m.floats[device.Arena], m.floats[device.Grads] = make([]float32, p.ArenaSize), make([]float32, p.NumParams())
	m.ints[device.Ints], m.ints[device.IntConstants] = c.place(p), p.IntConstants
	return m
}

// job runs the whole program on copies.
func (m *memory) job(p *device.Program, c *Case) *One[float32] {
	return &One[float32]{
		Binding: device.Binding[float32]{
			Weights: m.floats[device.Weights], Grads: make([]float32, p.NumParams()), States: append([]float32(nil), m.floats[device.States]...),
			Seed: 11, Step: 3, Dropout: c.Dropout,
		},
		Floats: m.floats[device.Floats], Ints: m.ints[device.Ints],
	}
}

func (m *memory) at(o device.Operand) []float32 { return m.floats[o.Space][o.Offset : o.Offset+o.Size] }

func integers(o device.Operand) bool { return o.Space == device.Ints || o.Space == device.IntConstants }

// same compares a run of the whole program with the memory.
func (m *memory) same(p *device.Program, job *One[float32]) error {
	if i := FirstDifference(job.Binding.Grads, m.floats[device.Grads]); i >= 0 {
		return fmt.Errorf("gradient %d is %v in the program, %v instruction by instruction", i, job.Binding.Grads[i], m.floats[device.Grads][i])
	}
	if i := FirstDifference(job.Binding.States, m.floats[device.States]); i >= 0 {
		return fmt.Errorf("state %d is %v in the program, %v instruction by instruction", i, job.Binding.States[i], m.floats[device.States][i])
	}
	for j, o := range p.Outputs {
		if i := FirstDifference(job.Outputs[j], m.at(o.At)); i >= 0 {
			return fmt.Errorf("output %s[%d] is %v in the program, %v instruction by instruction", o.Name, i, job.Outputs[j][i], m.at(o.At)[i])
		}
	}
	return nil
}

// isolate makes a program of one instruction: its operands are inputs and outputs. States stay where they are.
func isolate(p *device.Program, in device.Instr) *device.Program {
	q := &device.Program{States: p.States}
	i := device.Instr{Kernel: in.Kernel}
	for _, o := range in.In {
		switch {
		case o.Space == device.None:
		case integers(o):
			o, q.IntSize = device.Operand{Space: device.Ints, Offset: q.IntSize, Size: o.Size}, q.IntSize+o.Size
		default:
			o, q.FloatSize = device.Operand{Space: device.Floats, Offset: q.FloatSize, Size: o.Size}, q.FloatSize+o.Size
		}
		i.In = append(i.In, o)
	}
	for j, o := range in.Out {
		if o.Space != device.States {
			o, q.ArenaSize = device.Operand{Space: device.Arena, Offset: q.ArenaSize, Size: o.Size}, q.ArenaSize+o.Size
			q.Outputs = append(q.Outputs, device.Output{Name: fmt.Sprint(j), At: o})
		}
		i.Out = append(i.Out, o)
	}
	q.Instrs = []device.Instr{i}
	return q
}

// stage is one instruction on a member's memory.
type stage struct {
	ctx context.Context //nolint:containedctx // only for the duration of run
	m   *memory
	c   *Case
	in  device.Instr
	p   *device.Program
}

// run executes the instruction on both devices, compares, and keeps d's results.
func (s *stage) run(d device.Device[float32], ref device.Device[float64]) error {
	t := &trial{kernel: s.in.Kernel}
	var floats []float32
	var ints []int32
	for _, o := range s.in.In {
		switch {
		case o.Space == device.None:
			t.in = append(t.in, nil)
		case integers(o):
			x := s.m.ints[o.Space][o.Offset : o.Offset+o.Size]
			ints = append(ints, x...)
			t.in, t.ints = append(t.in, nil), append(t.ints, x)
		default:
			floats = append(floats, s.m.at(o)...)
			t.in = append(t.in, widen(s.m.at(o)))
		}
	}
	for _, o := range s.in.Out {
		if o.Space == device.States {
			t.states = append(t.states, widen(s.m.at(o)))
		}
	}
	got, err := compute(s, d, floats, ints, s.m.floats[device.States])
	if err != nil {
		return err
	}
	run := func(floats []float64) ([][]float64, error) {
		return compute(s, ref, floats, ints, widen(s.m.floats[device.States]))
	}
	if t.out, err = run(widen(floats)); err != nil {
		return err
	}
	t.compute = func(in [][]float64) ([][]float64, error) {
		var all []float64
		for _, x := range in {
			all = append(all, x...)
		}
		return run(all)
	}
	bounds, err := t.bounds()
	if err != nil {
		return err
	}
	for i, o := range s.in.Out {
		if err := within(got[i], t.out[i], bounds[i]); err != nil {
			return fmt.Errorf("result %d%w", i, err)
		}
		copy(s.m.at(o), got[i])
	}
	return nil
}

// within compares element by element.
func within(got []float32, want, bound []float64) error {
	for i, w := range want {
		if g := float64(got[i]); !(math.Abs(g-w) <= bound[i]) {
			return fmt.Errorf("[%d] is %.9g, want %.9g: off by %.3g, bound %.3g", i, g, w, g-w, bound[i])
		}
	}
	return nil
}

// compute runs the instruction alone and returns its results, those in the states included.
func compute[T device.Float](s *stage, d device.Device[T], floats []T, ints []int32, state []T) ([][]T, error) {
	e, err := d.Compile(s.p)
	if err != nil {
		return nil, err
	}
	job := &One[T]{Binding: device.Binding[T]{States: append([]T(nil), state...), Seed: 11, Step: 3, Dropout: s.c.Dropout}, Floats: floats, Ints: ints}
	if err := e.Run(s.ctx, job); err != nil {
		return nil, err
	}
	out, next := make([][]T, len(s.in.Out)), 0
	for i, o := range s.in.Out {
		if o.Space == device.States {
			out[i] = job.Binding.States[o.Offset : o.Offset+o.Size]
			continue
		}
		out[i] = job.Outputs[next]
		next++
	}
	return out, nil
}

func narrow(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

func widen(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}
