package device_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/device/cpu"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/op"
)

// program is a layer with a norm and a loss on labels.
func program(t *testing.T, training bool, norm bool) *device.Program {
	t.Helper()
	g := op.NewGraph(training)
	x, w, b := g.Input("x", 7, 5), g.Param("w", 3, 5), g.Param("b", 3)
	y := g.Linear(g.Add(x, g.Constant([]float64{1, 2, 3, 4, 5}, 5)), w, b)
	if norm {
		y = g.LayerNorm(y, g.Param("gamma", 3), g.Param("beta", 3), 1e-5)
	}
	r := g.CrossEntropy(g.Gather(y, g.IntConstant([]int32{0, 2, 4})), g.IntInput("labels", 3), false, 0)
	g.Output("loss", r.Loss)
	g.Output("correct", r.Correct)
	if training {
		g.Backward(r.Loss)
	}
	p, err := g.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// log is a job that writes down what happens to it.
type log[T device.Float] struct {
	p       *device.Program
	events  []string
	without int
	nilRow  bool
	stop    func()
}

func (l *log[T]) Members() int { return 4 }

func (l *log[T]) Bind(m int, b *device.Binding[T], in device.Feed[T]) bool {
	l.events = append(l.events, fmt.Sprintf("bind %d: %d floats, %d ints, %v", m, len(in.Floats), len(in.Ints), b.Grads != nil))
	if m == 2 && l.stop != nil {
		l.stop()
	}
	b.Weights, b.States = make([]T, l.p.NumParams()), make([]T, l.p.NumStates())
	if l.nilRow {
		b.Grads = nil
	}
	return m != l.without
}

func (l *log[T]) Done(m int, b *device.Binding[T], outputs [][]T) {
	s := fmt.Sprintf("done %d: gradient of %d, outputs", m, len(b.Grads))
	for _, o := range outputs {
		s += fmt.Sprint(" ", len(o))
	}
	l.events = append(l.events, s)
}

// A job sees the same from the Null device as from the CPU.
func TestNullRunsJobsAsTheCPUDoes(t *testing.T) {
	c, err := cpu.New[float32](isa.Auto, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, training := range []bool{true, false} {
		p := program(t, training, true)
		run := func(d device.Device[float32], l *log[float32]) ([]string, error) {
			e, err := d.Compile(p)
			if err != nil {
				t.Fatal(err)
			}
			if e.Program() != p {
				t.Error("another program")
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if l.stop != nil {
				l.stop = cancel
			}
			return l.events, errors.Join(e.Run(ctx, l), nil)
		}
		for what, l := range map[string]log[float32]{
			"all members":      {p: p, without: -1},
			"one frozen":       {p: p, without: 1},
			"own rows missing": {p: p, without: -1, nilRow: true},
			"cancelled":        {p: p, without: -1, stop: func() {}},
		} {
			a, b := l, l
			_, errNull := run(device.Null[float32]{}, &a)
			_, errCPU := run(c, &b)
			if !slices.Equal(a.events, b.events) || errors.Is(errNull, context.Canceled) != errors.Is(errCPU, context.Canceled) {
				t.Errorf("training %v, %s: the Null device gave\n%q, %v\nthe CPU\n%q, %v", training, what, a.events, errNull, b.events, errCPU)
			}
			if (what == "cancelled") != errors.Is(errNull, context.Canceled) {
				t.Errorf("%s: %v", what, errNull)
			}
		}
	}
}

// The Null device's memory is the CPU's without kernels' scratch: a program without products, norms or losses has none.
func TestNullKnowsTheMemory(t *testing.T) {
	for _, workers := range []int{1, 3} {
		c32, err := cpu.New[float32](isa.Auto, workers)
		if err != nil {
			t.Fatal(err)
		}
		c64, err := cpu.New[float64](isa.Ref, workers)
		if err != nil {
			t.Fatal(err)
		}
		for _, training := range []bool{true, false} {
			g := op.NewGraph(training)
			loss := g.Mean(g.Exp(g.Mul(g.Input("x", 100), g.Param("w", 100))))
			g.Output("loss", g.Add(loss, g.Mean(g.Gather(g.Constant([]float64{1, 2, 3, 4}, 2, 2), g.IntInput("i", 5)))))
			if training {
				g.Backward(loss)
			}
			simple, err := g.Compile()
			if err != nil {
				t.Fatal(err)
			}
			full := program(t, training, true)
			for p, equal := range map[*device.Program]bool{simple: true, full: false} {
				compare(t, p, c32, device.Null[float32]{Workers: workers}, equal)
				compare(t, p, c64, device.Null[float64]{Workers: workers}, equal)
			}
		}
	}
}

func compare[T device.Float](t *testing.T, p *device.Program, c, null device.Device[T], equal bool) {
	t.Helper()
	a, err := null.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	if a.Bytes() > b.Bytes() || equal && a.Bytes() != b.Bytes() {
		t.Errorf("the Null device counts %d bytes, the CPU has %d", a.Bytes(), b.Bytes())
	}
}

func TestNullInfo(t *testing.T) {
	if i := (device.Null[float32]{}).Info(); i != (device.Info{Name: "null", Workers: 1}) {
		t.Errorf("%+v", i)
	}
	if i := (device.Null[float32]{Workers: 3}).Info(); i.Workers != 3 {
		t.Errorf("%+v", i)
	}
}
