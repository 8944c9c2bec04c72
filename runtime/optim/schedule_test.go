package optim

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// The cosine is that of package math to its absolute error, and exact where cosines are.
func TestCosine(t *testing.T) {
	for a := range 4001 {
		x := float64(a) / 4000
		if got, want := cosPiOf(x), math.Cos(math.Pi*x); math.Abs(got-want) > 4e-16 {
			t.Errorf("cos(%v pi) = %v, want %v", x, got, want)
		}
	}
	for a, want := range []float64{1, 0, -1, 0, 1} {
		if got := cosPi(a, 2); got != want {
			t.Errorf("cos(%d pi/2) = %v, want %v", a, got, want)
		}
	}
}

// Schedules that the golden file does not reach: no warm-up, past the end, short cycles.
func TestScheduleEnds(t *testing.T) {
	for name, c := range map[string]struct {
		s    Schedule
		t    int
		want float64
	}{
		"no warm-up":                  {WarmUp{0, 0.1, Constant{}}, 0, 1},
		"warm-up before a cosine":     {WarmUp{10, 0, CosineDecay{Total: 20}}, 20, 0.5},
		"last of the cosine":          {CosineDecay{Total: 20, Min: 0.25}, 20, 0.25},
		"cosine after a whole period": {CosineDecay{Total: 20, Min: 0.25}, 40, 1},
		"one-cycle past its end":      {OneCycle{20, 0.3, 25, 4, 0.85, 0.95}, 99, 0.01},
		"one-cycle of one step":       {OneCycle{1, 0.3, 25, 4, 0.85, 0.95}, 0, 0.01},
		"one-cycle with peak at 0":    {OneCycle{4, 0.25, 25, 4, 0.85, 0.95}, 0, 1},
		"milestone at 0":              {MultiStepDecay{[]int{0}, 0.5}, 0, 0.5},
	} {
		if err := c.s.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := c.s.Rate(1, c.t); math.Abs(got-c.want) > 1e-15 {
			t.Errorf("%s: rate %v, want %v", name, got, c.want)
		}
	}
	if (WarmUp{1, 0, Constant{}}).DependsOnTotal() || !(WarmUp{1, 0, CosineDecay{Total: 3}}).DependsOnTotal() {
		t.Error("a warm-up depends on the total as what follows does")
	}
}

func TestScheduleErrors(t *testing.T) {
	nan := math.NaN()
	cycle := func(edit func(*OneCycle)) Schedule {
		s := NewOneCycle(10)
		edit(&s)
		return s
	}
	for want, s := range map[string]Schedule{
		"step decay: size 0":                    StepDecay{0, 0.5},
		"decay factor NaN":                      StepDecay{3, nan},
		"decay factor -1":                       ExponentialDecay{-1},
		"milestones [3 2]":                      MultiStepDecay{[]int{3, 2}, 0.5},
		"milestones [-1]":                       MultiStepDecay{[]int{-1}, 0.5},
		"decay factor +Inf":                     MultiStepDecay{[]int{1}, math.Inf(1)},
		"cosine decay: total 0":                 CosineDecay{},
		"lowest rate -1":                        CosineDecay{5, -1},
		"warm-up: -1 steps":                     WarmUp{-1, 0, Constant{}},
		"start 2 is not in [0, 1]":              WarmUp{1, 2, Constant{}},
		"no schedule follows":                   WarmUp{1, 0, nil},
		"warm-up of its own":                    WarmUp{1, 0, NewOneCycle(9)},
		"total -2":                              WarmUp{1, 0, CosineDecay{Total: -2}},
		"one-cycle: total 0":                    cycle(func(s *OneCycle) { s.Total = 0 }),
		"fraction 1 is not in [0, 1)":           cycle(func(s *OneCycle) { s.Rise = 1 }),
		"divisors 0 and 10000":                  cycle(func(s *OneCycle) { s.Div = 0 }),
		"divisors 25 and -1":                    cycle(func(s *OneCycle) { s.FinalDiv = -1 }),
		"one-cycle: momentum from 0.95 to 0.99": cycle(func(s *OneCycle) { s.Low = 0.99 }),
		"one-cycle: momentum from 1":            cycle(func(s *OneCycle) { s.High = 1 }),
	} {
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %q", err, want)
		}
	}
}

// A plateau that is restored goes on as if it had not stopped; NaN counts as bad.
func TestPlateauState(t *testing.T) {
	c := DefaultPlateau()
	c.Patience = 1
	base := []float64{1, 2}
	a, err := NewPlateau(c, base)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []float64{5, math.NaN()} {
		if a.Observe(1, m) != 2 {
			t.Errorf("rate %v after one bad epoch", a.Rate(1))
		}
	}
	kept := a.State()
	for i := range kept {
		kept[i].Data = slices.Clone(kept[i].Data)
	}
	b, err := NewPlateau(c, base)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Restore(kept); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Plateau{a, b} {
		if got := s.Observe(1, math.NaN()); got != 0.2 {
			t.Errorf("rate %v after two bad epochs, want 0.2", got)
		}
		if s.Rate(0) != 1 || s.DependsOnTotal() {
			t.Errorf("member 0 has rate %v", s.Rate(0))
		}
	}
	if err := b.Restore(kept[:3]); err == nil || !strings.HasPrefix(err.Error(), "plateau: a state of 3 slabs") {
		t.Errorf("got %v", err)
	}
}

func TestPlateauErrors(t *testing.T) {
	for want, edit := range map[string]func(*PlateauConfig){
		"factor 1 is not in [0, 1)": func(c *PlateauConfig) { c.Factor = 1 },
		"patience -1":               func(c *PlateauConfig) { c.Patience = -1 },
		"cooldown -1":               func(c *PlateauConfig) { c.Cooldown = -1 },
		"threshold NaN":             func(c *PlateauConfig) { c.Threshold = math.NaN() },
		"lowest rate -1":            func(c *PlateauConfig) { c.Min = -1 },
		"eps -1":                    func(c *PlateauConfig) { c.Eps = -1 },
	} {
		c := DefaultPlateau()
		edit(&c)
		if _, err := NewPlateau(c, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %q", err, want)
		}
	}
}
