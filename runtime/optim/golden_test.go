package optim

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/kernel/update"
)

// golden is testdata/optim.json, made by hack/bench/peers/golden_optim.py.
type golden struct {
	Traces    []traceCase
	Schedules map[string]struct{ Rate, Momentum []float64 }
	Plateaus  struct {
		Metrics []float64
		Rates   map[string][]float64
	}
	Clips []struct {
		Gradient    []float64
		Limit, Norm float64
		Clipped     []float64
	}
}

// traceCase is an optimiser on the fixed problem, and the parameters after some steps.
type traceCase struct {
	Name                  string
	Kind                  Kind
	Rate, Decay, Momentum float64
	Nesterov              bool
	Beta2, Eps            float64
	ClipNorm, ClipValue   float64
	OneCycle              int
	Steps                 []int
	Trace                 [][]float64
}

func readGolden(t *testing.T) golden {
	t.Helper()
	b, err := os.ReadFile("testdata/optim.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// size of the fixed problem; the parameters from weights on have no weight decay.
const size, weights = 8, 5

// problem sets g to the gradient at w. Twin: gradient in the script.
func problem[T update.Float](w, g []T) {
	for i := range w {
		x := float64(w[i])
		g[i] = T((1+5*float64(i%3))*(x-(float64(i%5)-1.5)) + 0.1*float64(w[(i+1)%size]) + 0.05*x*x*x)
	}
}

// start is the first point.
func start[T update.Float](w []T) {
	for i := range w {
		w[i] = T(0.3*float64(i) - 1)
	}
}

func config(c traceCase, members int) Config {
	return Config{
		Members: members, Params: size, Rate: c.Rate, Decay: c.Decay, Momentum: c.Momentum, Nesterov: c.Nesterov,
		Beta2: c.Beta2, Eps: c.Eps, NoDecay: []Range{{weights, size}}, ClipNorm: c.ClipNorm, ClipValue: c.ClipValue,
	}
}

// mustNew is New for configurations that are right.
func mustNew[T update.Float](t *testing.T, kind Kind, c Config) *Optimizer[T] {
	t.Helper()
	o, err := New[T](kind, c)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// follow runs a case and returns the largest distance from the file in units of max(1, |w|).
func follow[T update.Float](t *testing.T, c traceCase, kind Kind, l isa.Level) float64 {
	t.Helper()
	cfg := config(c, 1)
	cfg.ISA = l
	if kind == SGD {
		cfg.Beta2, cfg.Eps = 0, 0
	}
	o := mustNew[T](t, kind, cfg)
	w, g := make([]T, size), make([]T, size)
	start(w)
	worst, at := 0.0, 0
	for step := 1; at < len(c.Steps); step++ {
		if c.OneCycle > 0 {
			o.Follow(NewOneCycle(c.OneCycle), 0, c.Rate, step-1)
		}
		problem(w, g)
		o.Step(w, g, 0, 1)
		if step == c.Steps[at] {
			for i, want := range c.Trace[at] {
				worst = math.Max(worst, math.Abs(float64(w[i])-want)/math.Max(1, math.Abs(want)))
			}
			at++
		}
	}
	if o.Steps(0) != c.Steps[len(c.Steps)-1] {
		t.Errorf("%s: %d steps counted", c.Name, o.Steps(0))
	}
	return worst
}

// bound is how far a trace may be off. Each of 50 steps rounds the parameter once, and a dozen
// times its update, whose steps sum to a path shorter than 10: 50 + 120 eps. The gradient is
// rounded as well, which moves its zero by few eps. The problem contracts, so that errors of
// earlier steps do not grow.
func bound(eps float64) float64 { return 256 * eps }

// Every optimiser follows PyTorch's trace, in float64 and on each instruction set in float32.
func TestTracesOfPyTorch(t *testing.T) {
	for _, c := range readGolden(t).Traces {
		if d := follow[float64](t, c, c.Kind, isa.Auto); d > bound(0x1p-53) {
			t.Errorf("%s: float64 is off by %.2g", c.Name, d)
		}
		for _, l := range []isa.Level{isa.Ref, isa.AVX2, isa.AVX512} {
			if !isa.Supported(l) {
				continue
			}
			if d := follow[float32](t, c, c.Kind, l); d > bound(0x1p-24) {
				t.Errorf("%s: float32 on %s is off by %.2g", c.Name, l, d)
			}
		}
	}
}

// Controls: what the traces are there to tell apart must not pass for each other.
func TestTracesTellRulesApart(t *testing.T) {
	far := func(c traceCase, kind Kind, what string) {
		t.Helper()
		if d := follow[float64](t, c, kind, isa.Auto); d < 1e-3 {
			t.Errorf("%s passes with %s: off by %.2g only", c.Name, what, d)
		}
	}
	for _, c := range readGolden(t).Traces {
		other := c
		switch {
		case c.Kind == Adam && c.Decay > 0:
			far(c, AdamW, "decoupled decay")
		case c.Kind == AdamW && c.Decay > 0.01:
			far(c, Adam, "L2 decay")
		case c.Kind == SGD && c.Nesterov && c.OneCycle == 0:
			other.Nesterov = false
			far(other, SGD, "plain momentum")
		case c.ClipNorm > 0 && c.Kind == SGD:
			other.ClipNorm = 0
			far(other, SGD, "no clipping")
		case c.ClipValue > 0:
			other.ClipValue = 0
			far(other, c.Kind, "no clipping")
		case c.OneCycle > 0:
			other.OneCycle = 0
			far(other, c.Kind, "a constant rate")
		}
	}
}

// near allows the roundings that PyTorch's recursive schedules gather over 60 steps, two a step.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12*math.Abs(b) }

// Rates and momenta of 60 epochs are PyTorch's. A rate that a cosine brings near 0 has the
// absolute error of the cosine.
func TestSchedulesOfPyTorch(t *testing.T) {
	adam := OneCycle{Total: 60, Rise: 0.21, Div: 10, FinalDiv: 100, Low: 0.85, High: 0.95}
	schedules := map[string]struct {
		s     Schedule
		total bool
	}{
		"constant":       {Constant{}, false},
		"step":           {StepDecay{7, 0.3}, false},
		"multi-step":     {MultiStepDecay{[]int{5, 20, 20, 41}, 0.5}, false},
		"exponential":    {ExponentialDecay{0.93}, false},
		"cosine":         {CosineDecay{Total: 60}, true},
		"cosine floor":   {CosineDecay{Total: 25, Min: 0.003}, true},
		"one-cycle":      {NewOneCycle(60), true},
		"one-cycle adam": {adam, true},
		"warm-up":        {WarmUp{6, 0.1, Constant{}}, false},
		"warm-up step":   {WarmUp{5, 0.25, StepDecay{9, 0.4}}, false},
	}
	g := readGolden(t).Schedules
	if len(g) != len(schedules) {
		t.Errorf("%d schedules in the file, %d here", len(g), len(schedules))
	}
	for name, want := range g {
		c, ok := schedules[name]
		if !ok {
			t.Fatalf("no schedule %q", name)
		}
		if err := c.s.Validate(); err != nil || c.s.DependsOnTotal() != c.total {
			t.Errorf("%s: %v; depends on the total: %v", name, err, c.s.DependsOnTotal())
		}
		for e, rate := range want.Rate {
			if got := c.s.Rate(0.1, e); !near(got, rate) {
				t.Errorf("%s: rate of epoch %d is %v, want %v", name, e, got, rate)
			}
			m, ok := c.s.(MomentumSchedule)
			if ok != strings.HasPrefix(name, "one-cycle") {
				t.Errorf("%s: moves the momentum: %v", name, ok)
			}
			if ok && !near(m.Momentum(e), want.Momentum[e]) {
				t.Errorf("%s: momentum of epoch %d is %v, want %v", name, e, m.Momentum(e), want.Momentum[e])
			}
		}
	}
}

// Rates of a plateau are PyTorch's: the same products, so the same bits.
func TestPlateauOfPyTorch(t *testing.T) {
	configs := map[string]func(c *PlateauConfig){
		"default":  func(*PlateauConfig) {},
		"patient":  func(c *PlateauConfig) { c.Factor, c.Patience, c.Threshold = 0.5, 2, 0.01 },
		"cooldown": func(c *PlateauConfig) { c.Factor, c.Patience, c.Cooldown, c.Min = 0.5, 1, 4, 2e-3 },
		"absolute": func(c *PlateauConfig) { c.Factor, c.Patience, c.Threshold, c.Absolute = 0.3, 3, 5e-3, true },
		"max":      func(c *PlateauConfig) { c.Max, c.Factor, c.Patience = true, 0.8, 2 },
		"max absolute": func(c *PlateauConfig) {
			c.Max, c.Factor, c.Patience, c.Threshold, c.Absolute = true, 0.8, 0, 0.1, true
		},
	}
	g := readGolden(t).Plateaus
	if len(g.Rates) != len(configs) {
		t.Errorf("%d plateaus in the file, %d here", len(g.Rates), len(configs))
	}
	for name, want := range g.Rates {
		c := DefaultPlateau()
		configs[name](&c)
		s, err := NewPlateau(c, []float64{7, 0.1})
		if err != nil {
			t.Fatal(err)
		}
		for e, m := range g.Metrics {
			if got := s.Observe(1, m); got != want[e] || s.Rate(1) != got {
				t.Errorf("%s: rate after epoch %d is %v, want %v", name, e, got, want[e])
			}
		}
		if s.Rate(0) != 7 {
			t.Errorf("%s: member 0 was not observed but has rate %v", name, s.Rate(0))
		}
		if want[len(want)-1] == 0.1 {
			t.Errorf("%s: the rate never falls: the case shows nothing", name)
		}
	}
}

// Norms and clipped gradients are PyTorch's: with rate 1 from 0, SGD leaves minus the gradient.
func TestClipNormOfPyTorch(t *testing.T) {
	for _, c := range readGolden(t).Clips {
		o := mustNew[float64](t, SGD, Config{Members: 1, Params: len(c.Gradient), Rate: 1, ClipNorm: c.Limit})
		w := make([]float64, len(c.Gradient))
		o.Step(w, c.Gradient, 0, 1)
		if !near(o.Norm(0), c.Norm) {
			t.Errorf("norm %v, want %v", o.Norm(0), c.Norm)
		}
		for i, want := range c.Clipped {
			if !near(-w[i], want) {
				t.Errorf("limit %v: element %d is %v, want %v", c.Limit, i, -w[i], want)
			}
		}
	}
}
