package check

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/op"
)

// Case is a function of parameters to check: Record declares its parameters and inputs in a graph and returns the
// loss, a scalar.
type Case struct {
	Name   string
	Record func(g *op.Graph) op.Value
	// Ints are the integer inputs, in the order of declaration.
	Ints []int32
	// Positive draws the parameters from (0.5, 1.5) instead of (-1, 1): for logarithms and roots.
	Positive bool
	// Dropout is the member's dropout probability.
	Dropout float64
	// Composite records compositions that can be differentiated twice.
	Composite bool
}

// program compiles the case with its loss as output, and its gradients unless value is set.
func (c *Case) program(value bool) (*device.Program, error) {
	g := op.NewGraph(true)
	g.Composite = c.Composite
	err := op.Build(func() {
		loss := c.Record(g)
		g.Output("loss", loss)
		if !value {
			g.Backward(loss)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	p, err := g.Compile()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	return p, nil
}

// One is a job of one member: fill its fields, run it, read Outputs.
type One[T device.Float] struct {
	Binding device.Binding[T]
	Floats  []T
	Ints    []int32
	Outputs [][]T
}

// Members implements device.Job.
func (o *One[T]) Members() int { return 1 }

// Bind implements device.Job.
func (o *One[T]) Bind(_ int, b *device.Binding[T], in device.Feed[T]) bool {
	*b = o.Binding
	copy(in.Floats, o.Floats)
	copy(in.Ints, o.Ints)
	return true
}

// Done implements device.Job.
func (o *One[T]) Done(_ int, _ *device.Binding[T], outputs [][]T) {
	o.Outputs = o.Outputs[:0]
	for _, out := range outputs {
		o.Outputs = append(o.Outputs, append([]T(nil), out...))
	}
}

// draw fills a row for the case.
func (c *Case) draw(r *rand.Rand, n int) []float64 {
	row := make([]float64, n)
	for i := range row {
		row[i] = 2*r.Float64() - 1
		if c.Positive {
			row[i] = 0.5 + r.Float64()
		}
	}
	return row
}

// coordinates is how many partial derivatives Gradient checks: all of most cases.
const coordinates = 100

// Gradient compares the gradient of a case with central differences in float64, along one random direction and at up to 100
// coordinates. The error allowed is 1e-6 of the gradient's size, plus what rounding does to a difference quotient: with the
// step h = 6e-6 (the cube root of the rounding unit) truncation is about h^2 and rounding 1e-16/h times the loss's size.
func Gradient(ctx context.Context, d device.Device[float64], c Case) error {
	p, err := c.program(false)
	if err != nil {
		return err
	}
	vp, err := c.program(true)
	if err != nil {
		return err
	}
	run, err := d.Compile(p)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	value, err := d.Compile(vp)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	r := rand.New(rand.NewPCG(7, uint64(len(c.Name))))
	n := p.NumParams()
	w := c.draw(r, n)
	one := func(row, grads []float64) *One[float64] {
		return &One[float64]{
			Binding: device.Binding[float64]{Weights: row, Grads: grads, States: states(p), Seed: 11, Step: 3, Dropout: c.Dropout},
			Floats:  c.draw(rand.New(rand.NewPCG(8, 8)), p.FloatSize), Ints: c.place(p),
		}
	}
	grads := make([]float64, n)
	for i := range grads {
		grads[i] = math.NaN() // every element must be written
	}
	job := one(w, grads)
	if err := run.Run(ctx, job); err != nil {
		return err
	}
	loss := job.Outputs[0][0]
	at := func(direction []float64, t float64) (float64, error) {
		moved := make([]float64, n)
		for i := range moved {
			moved[i] = w[i] + t*direction[i]
		}
		j := one(moved, make([]float64, n))
		err := value.Run(ctx, j)
		return j.Outputs[0][0], err
	}
	const h = 6e-6
	try := func(what string, direction []float64) error {
		up, err := at(direction, h)
		if err != nil {
			return err
		}
		down, err := at(direction, -h)
		if err != nil {
			return err
		}
		got, want, size := 0.0, (up-down)/(2*h), 0.0
		for i, g := range grads {
			got += g * direction[i]
			size += math.Abs(g * direction[i])
		}
		if bound := 1e-6*max(size, 1e-3) + 1e-9*max(1, math.Abs(loss)); !(math.Abs(got-want) <= bound) {
			return fmt.Errorf("%s: %s: gradient %.10g, central difference %.10g (off by %.2g, bound %.2g)", c.Name, what, got, want, got-want, bound)
		}
		return nil
	}
	if err := try("random direction", c.unit(r, n)); err != nil {
		return err
	}
	for _, i := range r.Perm(n)[:min(coordinates, n)] {
		e := make([]float64, n)
		e[i] = 1
		if err := try(fmt.Sprintf("parameter %d", i), e); err != nil {
			return err
		}
	}
	return nil
}

func (c *Case) unit(r *rand.Rand, n int) []float64 {
	u := make([]float64, n)
	norm := 0.0
	for i := range u {
		u[i] = r.NormFloat64()
		norm += u[i] * u[i]
	}
	for i := range u {
		u[i] /= math.Sqrt(max(norm, 1e-300))
	}
	return u
}

// place lays the integer inputs out as the program wants them.
func (c *Case) place(p *device.Program) []int32 {
	out, at := make([]int32, p.IntSize), 0
	for _, in := range p.Ints {
		n := in.Shape.Size()
		copy(out[in.Offset:in.Offset+n], c.Ints[at:at+n])
		at += n
	}
	return out
}

// states are running statistics of mean 0.1 and variance 1.1.
func states(p *device.Program) []float64 {
	s := make([]float64, p.NumStates())
	for i := range s {
		s[i] = 0.1 + float64(i%2)
	}
	return s
}
