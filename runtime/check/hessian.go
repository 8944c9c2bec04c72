package check

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/op"
)

// tangents is the prefix of the inputs that hold op.Graph.HessianVector's vector.
const tangents = "tangent/"

// HessianVector compares the product of a case's Hessian with a random unit vector with central differences of its gradient along
// the vector, in float64. The error allowed in every element is 1e-6 of the largest, plus 1e-9 of the gradient's size for the
// rounding of the quotient (see Gradient).
func HessianVector(ctx context.Context, d device.Device[float64], c Case) error {
	c.Composite = true
	p, err := c.program(false)
	if err != nil {
		return err
	}
	gradient, err := d.Compile(p)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	second, err := c.second()
	if err != nil {
		return err
	}
	product, err := d.Compile(second)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	r := rand.New(rand.NewPCG(17, uint64(len(c.Name))))
	n := p.NumParams()
	w, v := c.draw(r, n), c.unit(r, n)
	run := func(e device.Executable[float64], t float64) ([]float64, error) {
		row, grads := make([]float64, n), make([]float64, n)
		for i := range row {
			row[i] = w[i] + t*v[i]
		}
		job := &One[float64]{
			Binding: device.Binding[float64]{Weights: row, Grads: grads, States: states(p), Seed: 11, Step: 3, Dropout: c.Dropout},
			Floats:  c.floats(e.Program(), v), Ints: c.place(e.Program()),
		}
		return grads, e.Run(ctx, job)
	}
	got, err := run(product, 0)
	if err != nil {
		return err
	}
	const h = 6e-6
	up, err := run(gradient, h)
	if err != nil {
		return err
	}
	down, err := run(gradient, -h)
	if err != nil {
		return err
	}
	want, largest, size := make([]float64, n), 0.0, 1.0
	for i := range want {
		want[i] = (up[i] - down[i]) / (2 * h)
		largest, size = max(largest, math.Abs(want[i])), max(size, math.Abs(up[i]))
	}
	for i := range want {
		if bound := 1e-6*largest + 1e-9*size; !(math.Abs(got[i]-want[i]) <= bound) {
			return fmt.Errorf("%s: element %d of the Hessian-vector product is %.10g, central difference %.10g (off by %.2g, bound %.2g)",
				c.Name, i, got[i], want[i], got[i]-want[i], bound)
		}
	}
	return nil
}

// second compiles the case's Hessian-vector product.
func (c *Case) second() (*device.Program, error) {
	g := op.NewGraph(true)
	g.Composite = c.Composite
	if err := op.Build(func() { g.HessianVector(c.Record(g)) }); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	p, err := g.Compile()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	return p, nil
}

// floats are the inputs that Gradient uses too, and the tangents.
func (c *Case) floats(p *device.Program, v []float64) []float64 {
	out := c.draw(rand.New(rand.NewPCG(8, 8)), p.FloatSize)
	at := 0
	for _, in := range p.Floats {
		if strings.HasPrefix(in.Name, tangents) {
			at += copy(out[in.Offset:in.Offset+in.Shape.Size()], v[at:])
		}
	}
	return out
}
