package optim

import (
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/kernel/update"
)

// population is an optimiser over P members with different hyper-parameters, and its slabs.
type population[T update.Float] struct {
	*Optimizer[T]
	w, g []T
}

// members of a population: seeds make member q of one equal member p of another.
func populate[T update.Float](t *testing.T, kind Kind, stride int, seeds ...int) *population[T] {
	t.Helper()
	c := Default(kind, len(seeds), size)
	c.Stride, c.NoDecay, c.ClipNorm, c.Nesterov = stride, []Range{{weights, size}}, 2, kind == SGD
	o := mustNew[T](t, kind, c)
	x := &population[T]{o, make([]T, len(seeds)*stride), make([]T, len(seeds)*stride)}
	for p, s := range seeds {
		o.Rate[p], o.Decay[p], o.Momentum[p] = 0.01*float64(s+1), 0.02*float64(s), 0.8+0.01*float64(s)
		start(x.row(x.w, p))
	}
	return x
}

func (x *population[T]) row(slab []T, p int) []T {
	return slab[p*x.c.Stride : p*x.c.Stride+size]
}

// run does n steps of members [from, to).
func (x *population[T]) run(n, from, to int) {
	for range n {
		for p := from; p < to; p++ {
			problem(x.row(x.w, p), x.row(x.g, p))
		}
		x.Step(x.w, x.g, from, to)
	}
}

var kinds = []Kind{SGD, Adam, AdamW}

// A member has the same bits alone, in a population, at another place, with another stride, and
// stepped by several workers at once. Control: members differ from each other.
func TestMembersAreIndependent(t *testing.T) {
	for _, kind := range kinds {
		alone := populate[float32](t, kind, size, 3)
		alone.run(20, 0, 1)
		want := alone.row(alone.w, 0)

		many := populate[float32](t, kind, size+5, 0, 1, 2, 3, 4)
		many.run(20, 0, 5)
		if got := many.row(many.w, 3); !slices.Equal(got, want) {
			t.Errorf("%s: in a population: %v, want %v", kind, got, want)
		}
		if slices.Equal(many.row(many.w, 2), want) {
			t.Errorf("%s: members 2 and 3 are equal: the test shows nothing", kind)
		}

		split := populate[float32](t, kind, size, 4, 3, 2, 1, 0)
		var wait sync.WaitGroup
		for p := range 5 {
			wait.Go(func() { split.run(20, p, p+1) })
		}
		wait.Wait()
		for p := range 5 {
			if got, want := split.row(split.w, p), many.row(many.w, 4-p); !slices.Equal(got, want) {
				t.Errorf("%s: member %d: %v, want %v", kind, p, got, want)
			}
		}
	}
}

// Levels of instruction set give the same bits.
func TestLevelsAgree(t *testing.T) {
	for _, c := range readGolden(t).Traces {
		var want []float32
		for _, l := range []isa.Level{isa.Ref, isa.AVX2, isa.AVX512} {
			if !isa.Supported(l) {
				continue
			}
			cfg := config(c, 1)
			cfg.ISA = l
			if c.Kind == SGD {
				cfg.Beta2, cfg.Eps = 0, 0
			}
			x := population[float32]{mustNew[float32](t, c.Kind, cfg), make([]float32, size), make([]float32, size)}
			start(x.w)
			x.run(30, 0, 1)
			if want == nil {
				want = x.w
			} else if !slices.Equal(x.w, want) {
				t.Errorf("%s on %s: %v, want %v", c.Name, l, x.w, want)
			}
		}
	}
}

// A run that is stopped and restored has the bits of one that is not; gaps between rows stay.
func TestResume(t *testing.T) {
	resume[float32](t)
	resume[float64](t)
}

func resume[T update.Float](t *testing.T) {
	t.Helper()
	for _, kind := range kinds {
		straight := populate[T](t, kind, size+1, 0, 1, 2)
		straight.run(7, 0, 3)
		straight.Freeze(1, true)
		kept := straight.State()
		second := populate[T](t, kind, size+1, 0, 1, 2)
		if err := second.Restore(kept); err != nil {
			t.Fatal(err)
		}
		copy(second.w, straight.w)
		straight.run(9, 0, 3)
		second.run(9, 0, 3)
		if !slices.Equal(second.w, straight.w) {
			t.Errorf("%s: resumed %v, straight %v", kind, second.w, straight.w)
		}
		for p, want := range []int{16, 7, 16} {
			if second.Steps(p) != want || second.Frozen(p) != (p == 1) {
				t.Errorf("%s: member %d has %d steps, frozen %v", kind, p, second.Steps(p), second.Frozen(p))
			}
		}
		fresh := populate[T](t, kind, size+1, 0, 1, 2)
		copy(fresh.w, straight.w)
		fresh.run(1, 0, 3)
		straight.run(1, 0, 3)
		if slices.Equal(fresh.w, straight.w) {
			t.Errorf("%s: the state makes no difference: the test shows nothing", kind)
		}
	}
}

// A frozen member does not move, nor does a member outside the range.
func TestFrozen(t *testing.T) {
	for _, kind := range kinds {
		x := populate[float32](t, kind, size, 0, 1, 2)
		before := slices.Clone(x.w)
		x.Freeze(1, true)
		x.run(3, 1, 3)
		for p := range 3 {
			if moved := !slices.Equal(x.row(x.w, p), x.row(before, p)); moved != (p == 2) {
				t.Errorf("%s: member %d moved: %v", kind, p, moved)
			}
		}
		x.Freeze(1, false)
		x.run(1, 1, 2)
		if x.Steps(0) != 0 || x.Steps(1) != 1 || x.Steps(2) != 3 {
			t.Errorf("%s: steps %d, %d, %d", kind, x.Steps(0), x.Steps(1), x.Steps(2))
		}
	}
}

// One bad gradient ruins its member, visibly, and no other.
func TestBadGradient(t *testing.T) {
	for _, kind := range kinds {
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
			x, clean := populate[float32](t, kind, size, 0, 1, 2), populate[float32](t, kind, size, 0, 1, 2)
			clean.run(1, 0, 3)
			for p := range 3 {
				problem(x.row(x.w, p), x.row(x.g, p))
			}
			x.row(x.g, 1)[4] = bad
			if x.Finite(x.g, 0) == false || x.Finite(x.g, 1) || !x.Finite(x.w, 1) {
				t.Errorf("%s: %v: bad gradients are not told from good ones", kind, bad)
			}
			x.Step(x.w, x.g, 0, 3)
			for p := range 3 {
				if p != 1 && !slices.Equal(x.row(x.w, p), clean.row(clean.w, p)) {
					t.Errorf("%s: %v: member %d suffers", kind, bad, p)
				}
			}
			if x.Finite(x.w, 1) {
				t.Errorf("%s: %v: member 1 is %v", kind, bad, x.row(x.w, 1))
			}
			if n := x.Norm(1); n <= math.MaxFloat64 {
				t.Errorf("%s: %v: norm %v", kind, bad, n)
			}
		}
	}
}

// Ranges without decay may come in any order, touch, and be empty.
func TestSpans(t *testing.T) {
	got, err := spansOf([]Range{{6, 8}, {0, 2}, {4, 4}, {2, 3}}, nil, 10)
	want := []span{{Range{0, 3}, false, false}, {Range{3, 6}, true, false}, {Range{6, 8}, false, false}, {Range{8, 10}, true, false}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
	got, err = spansOf([]Range{{2, 6}}, []Range{{5, 10}, {0, 1}}, 10)
	want = []span{{Range{0, 1}, true, true}, {Range{1, 2}, true, false}, {Range{2, 5}, false, false}, {Range{5, 6}, false, true}, {Range{6, 10}, true, true}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
	for _, bad := range [][]Range{{{-1, 2}}, {{9, 11}}, {{3, 2}}, {{0, 4}, {3, 5}}} {
		if _, err := spansOf(bad, nil, 10); err == nil {
			t.Errorf("%v passes", bad)
		}
		if _, err := spansOf(nil, bad, 10); err == nil {
			t.Errorf("%v passes as a second rate", bad)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	for _, kind := range kinds {
		x := populate[float32](t, kind, size, 0, 1, 2)
		var s Schedule = NewOneCycle(1000)
		step := 0
		if n := testing.AllocsPerRun(20, func() {
			x.Follow(s, 1, 0.1, step)
			x.run(1, 0, 3)
			step++
		}); n != 0 {
			t.Errorf("%s: %v allocations", kind, n)
		}
	}
}

// An empty population and a member without parameters are nothing special.
func TestEmpty(t *testing.T) {
	none := mustNew[float32](t, Adam, Default(Adam, 0, 5))
	none.Step(nil, nil, 0, 0)
	bare := mustNew[float32](t, SGD, Config{Members: 2, ClipNorm: 1})
	bare.Step(nil, nil, 0, 2)
	if bare.Steps(1) != 1 || !bare.Finite(nil, 1) {
		t.Errorf("%d steps", bare.Steps(1))
	}
}

func TestConfigErrors(t *testing.T) {
	nan := math.NaN()
	for want, c := range map[string]struct {
		kind Kind
		edit func(*Config)
	}{
		"optimizer rprop: unknown kind: use sgd, adam or adamw": {"rprop", func(*Config) {}},
		"slab of -1 x 4":                         {SGD, func(c *Config) { c.Members = -1 }},
		"stride 3 of rows":                       {SGD, func(c *Config) { c.Stride = 3 }},
		"learning rate NaN":                      {SGD, func(c *Config) { c.Rate = nan }},
		"weight decay -1":                        {Adam, func(c *Config) { c.Decay = -1 }},
		"momentum 1:":                            {AdamW, func(c *Config) { c.Momentum = 1 }},
		"momentum -0.5":                          {SGD, func(c *Config) { c.Momentum = -0.5 }},
		"beta2 1:":                               {Adam, func(c *Config) { c.Beta2 = 1 }},
		"eps -1":                                 {Adam, func(c *Config) { c.Eps = -1 }},
		"nesterov is for sgd":                    {Adam, func(c *Config) { c.Nesterov = true }},
		"clip norm 1, clip value 1: one of them": {SGD, func(c *Config) { c.ClipNorm, c.ClipValue = 1, 1 }},
		"clip norm NaN":                          {SGD, func(c *Config) { c.ClipNorm = nan }},
		"range [3, 5) without decay":             {SGD, func(c *Config) { c.NoDecay = []Range{{3, 5}} }},
		"kernel level Level(9)":                  {SGD, func(c *Config) { c.ISA = 9 }},
	} {
		cfg := Default(c.kind, 2, 4)
		c.edit(&cfg)
		if _, err := New[float32](c.kind, cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %q", err, want)
		}
	}
}

func TestRestoreErrors(t *testing.T) {
	x := populate[float32](t, Adam, size, 0, 1)
	x.run(2, 0, 2)
	before := slices.Clone(x.first)
	for want, edit := range map[string]func(*State[float32]){
		"a state of 1 slabs, want 2":                                  func(s *State[float32]) { s.Moments = s.Moments[:1] },
		`slab "momentum_buffer" of 16 elements, want "exp_avg" of 16`: func(s *State[float32]) { s.Moments[0].Name = "momentum_buffer" },
		`slab "exp_avg_sq" of 3 elements`:                             func(s *State[float32]) { s.Moments[1].Data = make([]float32, 3) },
		`slab "frozen" of 1 elements`:                                 func(s *State[float32]) { s.Members[1].Data = []float64{0} },
		"member 1: step 1.5, frozen 0":                                func(s *State[float32]) { s.Members[0].Data[1] = 1.5 },
		"member 0: step 0, frozen 2":                                  func(s *State[float32]) { s.Members[1].Data[0] = 2 },
		"step NaN":                                                    func(s *State[float32]) { s.Members[0].Data[1] = math.NaN() },
		"step -1":                                                     func(s *State[float32]) { s.Members[0].Data[0] = -1 },
	} {
		s := populate[float32](t, Adam, size, 0, 1).State()
		edit(&s)
		if err := x.Restore(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %q", err, want)
		}
		if !slices.Equal(x.first, before) || x.Steps(0) != 2 {
			t.Errorf("%s: a failed restore changed the state", want)
		}
	}
}

func TestWrongSlabs(t *testing.T) {
	x := populate[float32](t, SGD, size, 0, 1)
	for _, f := range []func(){
		func() { x.Step(x.w[:15], x.g, 0, 1) },
		func() { x.Step(x.w, x.g[:15], 0, 1) },
		func() { x.Step(x.w, x.g, -1, 1) },
		func() { x.Step(x.w, x.g, 1, 3) },
		func() { x.Step(x.w, x.g, 2, 1) },
	} {
		func() {
			defer func() {
				if s, _ := recover().(string); !strings.HasPrefix(s, "optim: Step: ") {
					t.Errorf("panic %q", s)
				}
			}()
			f()
		}()
	}
}

// Elements of the second range move by the second rate, others by the first.
func TestSecondRate(t *testing.T) {
	for _, kind := range []Kind{SGD, Adam, AdamW} {
		c := Default(kind, 2, 4)
		c.Decay, c.Second = 0, []Range{{2, 4}}
		o, err := New[float64](kind, c)
		if err != nil {
			t.Fatal(err)
		}
		o.Rate[1], o.SecondRate[1] = 0.5, 0.25
		w := make([]float64, 8)
		o.Step(w, []float64{1, 1, 1, 1, 1, 1, 1, 1}, 0, 2)
		for i, want := range []float64{-1e-3, -1e-3, -1e-3, -1e-3, -0.5, -0.5, -0.25, -0.25} {
			if math.Abs(w[i]-want) > 1e-7 {
				t.Errorf("%s: element %d moved by %v, want %v", kind, i, w[i], want)
			}
		}
	}
}
