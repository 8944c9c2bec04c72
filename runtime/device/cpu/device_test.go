package cpu

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/check"
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/op"
)

func newDevice(t *testing.T, workers int) *Device[float32] {
	t.Helper()
	d, err := New[float32](isa.Auto, workers)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// compileGraph compiles what record makes of a graph.
func compileGraph(t *testing.T, d *Device[float32], training bool, record func(g *op.Graph) op.Value) device.Executable[float32] {
	t.Helper()
	g := op.NewGraph(training)
	if err := op.Build(func() { g.Output("y", record(g)) }); err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile()
	if err != nil {
		t.Fatal(err)
	}
	e, err := d.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestInfo(t *testing.T) {
	if i := newDevice(t, 3).Info(); i != (device.Info{Name: "cpu", ISA: isa.Best().String(), Workers: 3}) {
		t.Errorf("%+v", i)
	}
	if _, err := New[float32](isa.Level(99), 1); err == nil || !strings.HasPrefix(err.Error(), "cpu device: ") {
		t.Errorf("a level that is not there: %v", err)
	}
}

// unknown is a kernel that no device has.
type unknown struct{}

func (unknown) Cost() (int64, int64) { return 0, 0 }

// Programs that the device cannot run are refused with what is missing.
func TestCompileErrors(t *testing.T) {
	none := device.Operand{}
	for want, k := range map[string]device.Kernel{
		"cpu device: instruction 0: no kernel for cpu.unknown":                                                                 unknown{},
		"cpu device: instruction 0: no kernel for function unknown":                                                            device.Unary{F: device.Funcs},
		"cpu device: instruction 0: no gradient kernel for function exp":                                                       device.ActivationGrad{F: device.Exp},
		"cpu device: instruction 0: no kernel for elementwise operation 99":                                                    device.Binary{Op: 99},
		"cpu device: instruction 0: convolution: convolution: sizes, strides, dilations and groups must be between 1 and 2^24": device.Conv2D{},
	} {
		p := &device.Program{Instrs: []device.Instr{{Kernel: k, In: []device.Operand{none, none, none, none}, Out: []device.Operand{none}}}}
		if _, err := newDevice(t, 1).Compile(p); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	p := &device.Program{Instrs: []device.Instr{{Kernel: device.Pool{}, In: []device.Operand{none}, Out: []device.Operand{none}}}}
	if _, err := newDevice(t, 1).Compile(p); err == nil || !strings.HasPrefix(err.Error(), "cpu device: instruction 0: pooling: ") {
		t.Errorf("%v", err)
	}
}

// crowd is a job of many members.
type crowd struct {
	n      int
	bind   func(m int, b *device.Binding[float32], in device.Feed[float32]) bool
	result []float32
}

func (c *crowd) Members() int { return c.n }

func (c *crowd) Bind(m int, b *device.Binding[float32], in device.Feed[float32]) bool {
	return c.bind(m, b, in)
}

func (c *crowd) Done(m int, _ *device.Binding[float32], outputs [][]float32) {
	c.result[m] = outputs[0][0]
}

// A panic in one member reaches the caller of Run, and the executable can be used again.
func TestPanicsReachTheCaller(t *testing.T) {
	for _, workers := range []int{1, 2, 9} {
		e := compileGraph(t, newDevice(t, workers), false, func(g *op.Graph) op.Value {
			return g.CrossEntropy(g.Input("x", 2, 3), g.IntInput("labels", 2), false, 0).Loss
		})
		bad := true
		c := &crowd{n: 6, result: make([]float32, 6), bind: func(m int, _ *device.Binding[float32], in device.Feed[float32]) bool {
			clear(in.Floats)
			clear(in.Ints)
			if bad && m == 4 {
				in.Ints[0] = 3
			}
			return true
		}}
		func() {
			defer func() {
				if r := recover(); r != "rows: label is not below the number of classes" {
					t.Errorf("%d workers: recovered %v", workers, r)
				}
			}()
			_ = e.Run(t.Context(), c)
		}()
		bad = false
		if err := e.Run(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		for m, loss := range c.result {
			if math.Abs(float64(loss)-math.Log(3)) > 1e-6 {
				t.Errorf("%d workers: member %d has the loss %v", workers, m, loss)
			}
		}
	}
}

// Rows of another length than the program's are a programmer's error.
func TestWrongRowsPanic(t *testing.T) {
	e := compileGraph(t, newDevice(t, 1), false, func(g *op.Graph) op.Value { return g.Sum(g.Param("w", 3)) })
	defer func() {
		if r := recover(); r != "cpu: the rows bound do not have the program's lengths" {
			t.Errorf("recovered %v", r)
		}
	}()
	_ = e.Run(t.Context(), &check.One[float32]{Binding: device.Binding[float32]{Weights: make([]float32, 2)}})
}

// Nobody runs when the context is done, and no members are no work.
func TestNoMembers(t *testing.T) {
	for _, workers := range []int{1, 3} {
		e := compileGraph(t, newDevice(t, workers), false, func(g *op.Graph) op.Value { return g.Exp(g.Input("x", 1)) })
		c := &crowd{bind: func(int, *device.Binding[float32], device.Feed[float32]) bool { t.Error("bound"); return false }}
		if err := e.Run(t.Context(), c); err != nil {
			t.Error(err)
		}
		done, cancel := context.WithCancel(t.Context())
		cancel()
		for _, n := range []int{1, 8} {
			c.n = n
			if err := e.Run(done, c); err == nil {
				t.Error("no error")
			}
		}
	}
}

// mask runs dropout on ones.
func mask(t *testing.T, label string, samples, features int, last bool, b device.Binding[float32]) []float32 {
	t.Helper()
	e := compileGraph(t, newDevice(t, 1), true, func(g *op.Graph) op.Value {
		shape := []int{samples, features}
		if last {
			shape = []int{features, samples}
		}
		return g.Dropout(label, g.Input("x", shape...), last)
	})
	job := &check.One[float32]{Binding: b, Floats: narrowOnes(e.Program().FloatSize)}
	if err := e.Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	return job.Outputs[0]
}

func narrowOnes(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = 1
	}
	return x
}

// A mask belongs to the seed, label, step, sample and feature, not to the layout or the batch; it keeps 1-p of the elements, scaled.
func TestDropoutMasks(t *testing.T) {
	const samples, features, p = 120, 83, 0.3
	b := device.Binding[float32]{Seed: 5, Step: 7, Dropout: p}
	want := mask(t, "d", samples, features, false, b)
	kept := 0
	for _, v := range want {
		switch {
		case v == 0:
		case math.Abs(float64(v)-1/(1-p)) < 1e-5:
			kept++
		default:
			t.Fatalf("a factor of %v", v)
		}
	}
	// Five standard deviations of a binomial law.
	n := float64(samples * features)
	if d := math.Abs(float64(kept) - n*(1-p)); d > 5*math.Sqrt(n*p*(1-p)) {
		t.Errorf("%d of %v elements are kept", kept, n)
	}
	turned, fewer := mask(t, "d", samples, features, true, b), mask(t, "d", 10, features, false, b)
	for s := range samples {
		for f := range features {
			if turned[f*samples+s] != want[s*features+f] || s < 10 && fewer[s*features+f] != want[s*features+f] {
				t.Fatalf("sample %d, feature %d depend on the layout or the batch", s, f)
			}
		}
	}
	for what, other := range map[string][]float32{
		"seed":  mask(t, "d", samples, features, false, device.Binding[float32]{Seed: 6, Step: 7, Dropout: p}),
		"step":  mask(t, "d", samples, features, false, device.Binding[float32]{Seed: 5, Step: 8, Dropout: p}),
		"label": mask(t, "e", samples, features, false, b),
	} {
		both := 0
		for i, v := range other {
			if v != 0 && want[i] != 0 {
				both++
			}
		}
		q := (1 - p) * (1 - p)
		if d := math.Abs(float64(both) - n*q); d > 5*math.Sqrt(n*q*(1-q)) {
			t.Errorf("another %s: %d of %v elements are kept in both masks", what, both, n)
		}
	}
	for _, v := range mask(t, "d", samples, features, false, device.Binding[float32]{Seed: 5}) {
		if v != 1 {
			t.Fatal("a probability of 0 changes elements")
		}
	}
}
