package op

import (
	"context"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/device/cpu"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// Nothing that is still needed is overwritten, in place or otherwise, and the arena is large enough and not much larger.
func TestPlannerNeverClobbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, g := &choices{n: draw(t)}, NewGraph(true)
		finish(c, g, randomGraph(c, g), false)
		r := newReplay(g)
		if err := r.run(); err != nil {
			t.Fatal(err)
		}
		if r.most > r.m.size {
			t.Fatalf("%d elements in use in an arena of %d", r.most, r.m.size)
		}
		if r.m.size > 2*r.most {
			t.Fatalf("an arena of %d for %d elements in use", r.m.size, r.most)
		}
	})
}

// A control: a planner that gives up memory too early is found out.
func TestReplaySeesClobbering(t *testing.T) {
	g := NewGraph(true)
	x := g.Input("x", 32)
	a := g.Exp(x)
	b := g.Affine(x, 2, 0)
	g.Output("y", g.Add(g.Add(b, g.Affine(x, 3, 0)), a))
	r := newReplay(g)
	r.m.last[a.id] = g.values[b.id].node
	if err := r.run(); err == nil {
		t.Error("nothing seen")
	}
}

// recordRandom records and compiles a graph of the choices.
func recordRandom(t *rapid.T, n []int, all bool) *device.Program {
	c, g := &choices{n: n}, NewGraph(true)
	finish(c, g, randomGraph(c, g), all)
	p, err := g.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// single runs one member.
type single struct {
	weights, grads, states []float32
	outputs                map[string][]float32
	p                      *device.Program
}

func (s *single) Members() int { return 1 }

func (s *single) Bind(_ int, b *device.Binding[float32], in device.Feed[float32]) bool {
	b.Weights, b.Grads, b.States, b.Dropout = s.weights, s.grads, s.states, 0.3
	for i := range in.Floats {
		in.Floats[i] = float32(i%11)/8 - 0.6
	}
	return true
}

func (s *single) Done(_ int, _ *device.Binding[float32], outputs [][]float32) {
	for i, o := range s.p.Outputs {
		s.outputs[o.Name] = append([]float32(nil), outputs[i]...)
	}
}

func execute(t *rapid.T, d device.Device[float32], p *device.Program) *single {
	e, err := d.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	s := &single{weights: make([]float32, p.NumParams()), grads: make([]float32, p.NumParams()), states: make([]float32, p.NumStates()), outputs: map[string][]float32{}, p: p}
	for i := range s.weights {
		s.weights[i] = float32(i%13)/10 - 0.5
	}
	if err := e.Run(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	return s
}

func sameBits(a, b []float32) bool {
	for i, v := range a {
		if w := b[i]; math.Float32bits(v) != math.Float32bits(w) && !(v != v && w != w) {
			return false
		}
	}
	return len(a) == len(b)
}

// A program computes the same bits where every value is an output, so that no memory is given up.
func TestMemoryReuseChangesNothing(t *testing.T) {
	d, err := cpu.New[float32](isa.Auto, 1)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := draw(t)
		lean, full := execute(t, d, recordRandom(t, n, false)), execute(t, d, recordRandom(t, n, true))
		for name, y := range lean.outputs {
			if !sameBits(y, full.outputs[name]) {
				t.Fatalf("output %s is %v, want %v", name, y, full.outputs[name])
			}
		}
		if lean.p.HasGrads && !sameBits(lean.grads, full.grads) {
			t.Fatalf("gradient %v, want %v", lean.grads, full.grads)
		}
		if !sameBits(lean.states, full.states) {
			t.Fatalf("states %v, want %v", lean.states, full.states)
		}
	})
}

// FuzzPlanner is TestPlannerNeverClobbers's search for graphs, guided by coverage.
func FuzzPlanner(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		c, g := &choices{n: draw(t)}, NewGraph(true)
		finish(c, g, randomGraph(c, g), false)
		if err := newReplay(g).run(); err != nil {
			t.Fatal(err)
		}
	}))
}
