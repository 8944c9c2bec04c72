package check_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/check"
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/device/cpu"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/op"
)

// faulty spoils what a device computes.
type faulty[T device.Float] struct {
	device.Device[T]
	grads   func(p *device.Program, g []T)
	outputs func(p *device.Program, out [][]T)
}

func (d faulty[T]) Compile(p *device.Program) (device.Executable[T], error) {
	e, err := d.Device.Compile(p)
	return faultyExecutable[T]{e, d}, err
}

type faultyExecutable[T device.Float] struct {
	device.Executable[T]
	d faulty[T]
}

func (e faultyExecutable[T]) Run(ctx context.Context, job device.Job[T]) error {
	return e.Executable.Run(ctx, faultyJob[T]{job, e})
}

type faultyJob[T device.Float] struct {
	device.Job[T]
	e faultyExecutable[T]
}

func (j faultyJob[T]) Done(m int, b *device.Binding[T], outputs [][]T) {
	if j.e.d.grads != nil && j.e.Program().HasGrads {
		j.e.d.grads(j.e.Program(), b.Grads)
	}
	if j.e.d.outputs != nil {
		j.e.d.outputs(j.e.Program(), outputs)
	}
	j.Job.Done(m, b, outputs)
}

func newCPU[T device.Float](t *testing.T) device.Device[T] {
	t.Helper()
	d, err := cpu.New[T](isa.Auto, 1)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A single derivative that is off by 1e-4 of itself does not pass, nor does one that was not written.
func TestGradientSeesErrors(t *testing.T) {
	d := newCPU[float64](t)
	spoiled := faulty[float64]{Device: d, grads: func(_ *device.Program, g []float64) { g[largest(g)] *= 1 + 1e-4 }}
	unwritten := faulty[float64]{Device: d, grads: func(_ *device.Program, g []float64) { g[len(g)-1] = math.NaN() }}
	for _, c := range check.Cases() {
		if err := check.Gradient(t.Context(), d, c); err != nil {
			t.Error(err)
		}
		if check.Gradient(t.Context(), unwritten, c) == nil {
			t.Errorf("%s: an element that is not a number passes", c.Name)
		}
		if strings.HasPrefix(c.Name, "transpose 2") || strings.HasSuffix(c.Name, "of many rows") {
			continue // these have more parameters than are checked one by one
		}
		if check.Gradient(t.Context(), spoiled, c) == nil {
			t.Errorf("%s: an error of 1e-4 passes", c.Name)
		}
	}
}

// largest is the index of the largest magnitude.
func largest(x []float64) int {
	best := 0
	for i, v := range x {
		if math.Abs(v) > math.Abs(x[best]) {
			best = i
		}
	}
	return best
}

// Single results that are off by a few units of float32 do not pass either.
func TestComplianceSeesErrors(t *testing.T) {
	d, ref := newCPU[float32](t), newCPU[float64](t)
	record := func(g *op.Graph) op.Value {
		return g.Sum(g.Matmul(g.Param("a", 4, 7), g.Param("b", 7, 5), false, false))
	}
	c := check.Case{Name: "product", Record: record}
	if err := check.Agrees(t.Context(), d, ref, c); err != nil {
		t.Fatal(err)
	}
	single := func(p *device.Program) bool { return !p.HasGrads && len(p.Instrs) == 1 }
	for what, bad := range map[string]faulty[float32]{
		"off by":      {outputs: func(p *device.Program, out [][]float32) { spoil(single(p), out[0], 1+1e-5) }},
		"output loss": {outputs: func(p *device.Program, out [][]float32) { spoil(!single(p), out[0], 1+1e-7) }},
		"gradient 0":  {grads: func(_ *device.Program, g []float32) { g[0] *= 1 + 1e-6 }},
	} {
		bad.Device = d
		if err := check.Agrees(t.Context(), bad, ref, c); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("error %v, want %q", err, what)
		}
		if err := check.Same(t.Context(), bad, d, c); what != "off by" && err == nil {
			t.Errorf("%s: other bits pass", what)
		}
	}
}

func spoil(yes bool, x []float32, by float32) {
	if yes {
		x[0] *= by
	}
}

// Mistakes of a case itself come back as errors.
func TestBrokenCases(t *testing.T) {
	d, ref := newCPU[float32](t), newCPU[float64](t)
	c := check.Case{Name: "broken", Record: func(g *op.Graph) op.Value { return g.Param("x", 2) }}
	if err := check.Gradient(t.Context(), ref, c); err == nil || !strings.HasPrefix(err.Error(), "broken: grad: ") {
		t.Errorf("%v", err)
	}
	if err := check.Agrees(t.Context(), d, ref, c); err == nil {
		t.Error("no error")
	}
	if err := check.Same(t.Context(), d, d, c); err == nil {
		t.Error("no error")
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	fine := check.Case{Name: "fine", Record: func(g *op.Graph) op.Value { return g.Sum(g.Param("x", 2)) }}
	if err := check.Gradient(done, ref, fine); err == nil {
		t.Error("a cancelled check passes")
	}
	if err := check.Agrees(done, d, ref, fine); err == nil {
		t.Error("a cancelled check passes")
	}
}

// The suites themselves, on this machine's best instruction set.
func TestSuites(t *testing.T) {
	d := newCPU[float32](t)
	check.Compliance(t, d, newCPU[float64](t))
	check.SameBits(t, d, d)
}

// A Hessian-vector product that is off by 1e-4 does not pass.
func TestHessianVectorSeesErrors(t *testing.T) {
	d := newCPU[float64](t)
	bad := faulty[float64]{Device: d, grads: func(p *device.Program, g []float64) {
		if p.FloatSize > 0 {
			g[largest(g)] *= 1 + 1e-4
		}
	}}
	c := check.Case{Name: "squares", Record: func(g *op.Graph) op.Value {
		return g.Sum(g.Mul(g.Square(g.Param("x", 5)), g.Exp(g.Param("y", 5))))
	}}
	if err := check.HessianVector(t.Context(), d, c); err != nil {
		t.Error(err)
	}
	if err := check.HessianVector(t.Context(), bad, c); err == nil || !strings.Contains(err.Error(), "Hessian-vector product is") {
		t.Errorf("%v", err)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if check.HessianVector(done, d, c) == nil {
		t.Error("a cancelled check passes")
	}
	broken := check.Case{Name: "broken", Record: func(g *op.Graph) op.Value { return g.Param("x", 2) }}
	if check.HessianVector(t.Context(), d, broken) == nil {
		t.Error("a broken case passes")
	}
}
