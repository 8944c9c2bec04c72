package swing

import (
	"context"
	"math"
	"os"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/weightspace/weightspace/runtime/grid"
	"github.com/weightspace/weightspace/runtime/grid/matpower"
	"github.com/weightspace/weightspace/runtime/grid/static"
)

func system(t testing.TB, g *grid.Grid, damping float64) *System {
	t.Helper()
	st, err := static.Solve(context.Background(), g, static.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSystem(g, st, damping)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func network(t testing.TB, power []float64, pairs ...[2]int32) *grid.Grid {
	t.Helper()
	d := grid.Data{Power: power}
	for _, p := range pairs {
		d.Lines = append(d.Lines, grid.Line{From: p[0], To: p[1], Coupling: grid.DefaultCoupling})
	}
	g, err := grid.New(d)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// grids are the card's small grids.
func grids(t testing.TB) map[string]*grid.Grid {
	t.Helper()
	b, err := os.ReadFile("../matpower/testdata/case14.m")
	if err != nil {
		t.Fatal(err)
	}
	c, err := matpower.Read("case14.m", b, matpower.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	case14, err := c.Grid(matpower.Options{Power: matpower.Alternating})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*grid.Grid{
		"two":    network(t, []float64{1, -1}, [2]int32{0, 1}),
		"ring":   network(t, []float64{1, -1, 1, -1}, [2]int32{0, 1}, [2]int32{1, 2}, [2]int32{2, 3}, [2]int32{0, 3}),
		"path":   network(t, []float64{1, 1, -1, -1}, [2]int32{0, 1}, [2]int32{1, 2}, [2]int32{2, 3}),
		"case14": case14,
	}
}

func reference(t testing.TB, s *System, o Options) *Reference {
	t.Helper()
	r, err := NewReference(s, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func precise(horizon float64) Options {
	o := Default()
	o.RelTol, o.AbsTol, o.Horizon, o.NoEarlyStop = 1e-12, 1e-12, horizon, true
	return o
}

// The card's trajectories (section "Small-scale proxy", 3): node 0 kicked by 1 rad and 5 rad/s.
func TestTrajectories(t *testing.T) {
	g := grids(t)
	for name, want := range map[string]struct {
		theta, omega []float64 // NaN where the card has no number
		end          float64
	}{
		"two":    {[]float64{16.40625238, 16.08843455}, []float64{2.88280562, -1.04340841}, 36.16},
		"ring":   {[]float64{8.30270190, 8.15078830, 7.89058110, 8.15078830}, []float64{-0.36565048, -0.60136138, 3.40777045, -0.60136138}, 33.76},
		"path":   {[]float64{8.76519856, 8.21855627, 7.25521219, 7.47351069}, []float64{-0.71013641, -0.26200682, 1.35669163, 1.45484880}, 42.99},
		"case14": {[]float64{0: 2.48991466, 13: math.NaN()}, []float64{0: 0.52783028, 13: 1.22616632}, 52.82},
	} {
		s, kick := system(t, g[name], DefaultDamping), Kick{0, 1, 5}
		out := reference(t, s, precise(10)).Trace(kick, func(at float64, theta, omega []float64) {
			if at != 10 {
				return
			}
			for _, c := range []struct{ got, want []float64 }{{theta, want.theta}, {omega, want.omega}} {
				for i, w := range c.want {
					if name == "case14" && (w == 0 || w != w) {
						continue
					}
					if math.Abs(c.got[i]-w) > 1e-6 {
						t.Errorf("%s: node %d: %.8f, want %.8f", name, i, c.got[i], w)
					}
				}
			}
		})
		if out.End != 10 {
			t.Errorf("%s ended at %v", name, out.End)
		}
		out = reference(t, s, Default()).Trace(kick, nil)
		if w := calm(t, s, kick, 60); out.Code != Settled || !inside(w, out.End) || !inside(w, want.end) {
			t.Errorf("%s: %+v (card: %v), want settled inside one of %v", name, out, want.end, w)
		}
	}
}

// calm are the intervals of time in which all |omega| <= 0.1. A swinging grid passes through short
// ones (0.004 to 0.1 long in the card's cases) at every turn, and which of them an accepted step
// meets first is chance: the card's end times, and ours, lie inside one, not at the same one.
func calm(t *testing.T, s *System, kick Kick, horizon float64) (w [][2]float64) {
	t.Helper()
	in := false
	reference(t, s, precise(horizon)).Trace(kick, func(at float64, _, omega []float64) {
		f := largest(omega)
		switch {
		case at < 1 || f > 0.1:
			in = false
		case in:
			w[len(w)-1][1] = at
		default:
			in, w = true, append(w, [2]float64{at, at})
		}
	})
	return w
}

// inside allows the card's rounding and the length of a precise step.
func inside(w [][2]float64, at float64) bool {
	for _, v := range w {
		if v[0]-0.01 <= at && at <= v[1]+0.01 {
			return true
		}
	}
	return false
}

// Golden basin stabilities of an independent integrator (card, proxy 4), within four joint
// standard errors. Two nodes have 40,000 golden kicks each, ring 20,000, path 12,000.
func TestBasinStability(t *testing.T) {
	g := grids(t)
	for name, c := range map[string]struct {
		want   []float64
		golden float64
		kicks  int
	}{
		"two":  {[]float64{0.431, 0.432}, 40_000, 200},
		"ring": {[]float64{0.7507, 0.7507, 0.7507, 0.7507}, 20_000, 100},
		"path": {[]float64{0.601, 0.308, 0.307, 0.606}, 12_000, 100},
	} {
		s := system(t, g[name], DefaultDamping)
		tallies := simulate(t, s, Default(), 2, c.kicks)
		var mean, variance, goldMean float64
		for i, w := range c.want {
			got, se := tallies[i].SNBS()
			joint := math.Sqrt(w*(1-w)/float64(c.kicks) + w*(1-w)/c.golden)
			if math.Abs(got-w) > 4*joint {
				t.Errorf("%s: node %d: %.3f +- %.3f, want %.3f", name, i, got, se, w)
			}
			n := float64(len(c.want))
			mean, goldMean, variance = mean+got/n, goldMean+w/n, variance+joint*joint/n/n
		}
		if math.Abs(mean-goldMean) > 4*math.Sqrt(variance) {
			t.Errorf("%s: mean %.4f, want %.4f +- %.4f", name, mean, goldMean, math.Sqrt(variance))
		}
	}
}

func simulate(t testing.TB, s *System, o Options, workers, kicks int) []Tally {
	t.Helper()
	w, k := all(s, kicks), DefaultKicks(1)
	out, err := Simulate(context.Background(), workers, s, k, w, solverOf(s, o))
	if err != nil {
		t.Fatal(err)
	}
	return Tallies(DefaultTargets(), k, w, out)
}

func all(s *System, kicks int) Work {
	w := Work{Count: kicks}
	for i := range s.N {
		w.Nodes = append(w.Nodes, i)
	}
	return w
}

func solverOf(s *System, o Options) func() (Solver, error) {
	return func() (Solver, error) { return NewReference(s, o) }
}

// Workers and shards of nodes or kicks leave outcomes and tallies alone.
func TestDivision(t *testing.T) {
	s, o, k := system(t, grids(t)["case14"], DefaultDamping), Default(), DefaultKicks(3)
	o.Horizon = 5
	run := func(workers int, w Work) []Outcome {
		out, err := Simulate(context.Background(), workers, s, k, w, solverOf(s, o))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	w := all(s, 10)
	w.Index = 7
	whole := run(1, w)
	for i, v := range run(3, w) {
		if v != whole[i] {
			t.Fatalf("outcome %d: %+v with three workers, %+v with one", i, v, whole[i])
		}
	}
	want := Tallies(DefaultTargets(), k, w, whole)
	first, second := w, w
	first.Count, second.First, second.Count = 3, 3, 7
	a, b := Tallies(DefaultTargets(), k, first, run(2, first)), Tallies(DefaultTargets(), k, second, run(2, second))
	for i := range want {
		b[i].Merge(a[i])
		if b[i] != want[i] {
			t.Errorf("node %d: %+v in two shards, want %+v", i, b[i], want[i])
		}
	}
}

// Without early stop the verdicts are the same (card, proxy 5), and at other tolerances.
func TestVerdicts(t *testing.T) {
	s, w, k := system(t, grids(t)["ring"], DefaultDamping), Work{Nodes: []int{0, 1}, Count: 20}, DefaultKicks(5)
	want, err := Simulate(context.Background(), 2, s, k, w, solverOf(s, Default()))
	if err != nil {
		t.Fatal(err)
	}
	long, tight := Default(), Default()
	long.NoEarlyStop = true
	tight.RelTol, tight.AbsTol = 1e-8, 1e-8
	for name, o := range map[string]Options{"no early stop": long, "1e-8": tight} {
		got, err := Simulate(context.Background(), 2, s, k, w, solverOf(s, o))
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range got {
			if v.Code != want[i].Code {
				t.Errorf("%s: kick %d: %+v, want %+v", name, i, v, want[i])
			}
			if math.Abs(v.MaxDeviation-want[i].MaxDeviation) > 1e-3 {
				t.Errorf("%s: kick %d: deviation %v, want %v", name, i, v.MaxDeviation, want[i].MaxDeviation)
			}
		}
	}
}

// The energy falls at every step, and stays without damping.
func TestEnergy(t *testing.T) {
	g := grids(t)["case14"]
	for _, damping := range []float64{0.1, 0} {
		s, before, first := system(t, g, damping), math.Inf(1), math.NaN()
		reference(t, s, precise(5)).Trace(Kick{2, 2, -8}, func(at float64, theta, omega []float64) {
			e := s.Energy(theta, omega)
			if at == 0 {
				first = e
			}
			if damping > 0 && !(e < before) || damping == 0 && math.Abs(e-first) > 1e-9*math.Abs(first) {
				t.Fatalf("damping %v: energy %v at %v after %v, at first %v", damping, e, at, before, first)
			}
			before = e
		})
		if damping > 0 && !(before < first-1) {
			t.Errorf("the energy fell from %v to %v", first, before)
		}
	}
}

// A small kick follows the linearised equation: with the modes u_m, lambda_m of the weighted
// Laplacian K cos(theta_i - theta_j), each amplitude obeys a” + alpha a' + lambda a = 0.
func TestLinearised(t *testing.T) {
	const kicked, size, end = 3, 1e-5, 7.0
	s := system(t, grids(t)["case14"], DefaultDamping)
	l := mat.NewSymDense(s.N, nil)
	for i := range s.N {
		for k := s.Pointer[i]; k < s.Pointer[i+1]; k++ {
			j := int(s.Column[k])
			c := s.Coupling[k] * math.Cos(s.Theta[i]-s.Theta[j])
			l.SetSym(i, i, l.At(i, i)+c)
			if j > i {
				l.SetSym(i, j, -c)
			}
		}
	}
	var e mat.EigenSym
	if !e.Factorize(l, true) {
		t.Fatal("no eigenvalues")
	}
	var u mat.Dense
	e.VectorsTo(&u)
	want := make([]float64, s.N)
	for m, lambda := range e.Values(nil) {
		v := size * u.At(kicked, m) // velocity of the mode, from displacement 0
		a := v * (1 - math.Exp(-s.Damping*end)) / s.Damping
		if m > 0 {
			w := math.Sqrt(lambda - s.Damping*s.Damping/4)
			a = v * math.Exp(-s.Damping*end/2) * math.Sin(w*end) / w
		}
		for i := range want {
			want[i] += a * u.At(i, m)
		}
	}
	reference(t, s, precise(end)).Trace(Kick{kicked, 0, size}, func(at float64, theta, _ []float64) {
		for i := range want {
			if got := theta[i] - s.Theta[i]; at == end && math.Abs(got-want[i]) > 2e-10 {
				t.Errorf("node %d: %v, want %v", i, got, want[i])
			}
		}
	})
}

// The order conditions of the tableau: 17 rooted trees up to order 5 for the solution, 8 up to
// order 4 for the embedded one; bushy trees at every x for the interpolant.
func TestTableau(t *testing.T) {
	var a [stages][stages]float64
	var c [stages]float64
	for j, row := range stageWeights {
		for k, w := range row {
			a[j][k] = w
			c[j] += w
		}
	}
	pow := func(p int) (v [stages]float64) {
		for j := range v {
			v[j] = math.Pow(c[j], float64(p))
		}
		return v
	}
	times := func(v [stages]float64) (w [stages]float64) {
		for j := range w {
			for k := range v {
				w[j] += a[j][k] * v[k]
			}
		}
		return w
	}
	mul := func(v, w [stages]float64) [stages]float64 {
		for j := range v {
			v[j] *= w[j]
		}
		return v
	}
	type tree struct {
		order int
		v     [stages]float64
		gamma float64
	}
	ac, ac2 := times(pow(1)), times(pow(2))
	trees := []tree{
		{1, pow(0), 1},
		{2, pow(1), 2},
		{3, pow(2), 3},
		{3, ac, 6},
		{4, pow(3), 4},
		{4, mul(pow(1), ac), 8},
		{4, ac2, 12},
		{4, times(ac), 24},
		{5, pow(4), 5},
		{5, mul(pow(2), ac), 10},
		{5, mul(pow(1), ac2), 15},
		{5, mul(ac, ac), 20},
		{5, times(pow(3)), 20},
		{5, mul(pow(1), times(ac)), 30},
		{5, times(mul(pow(1), ac)), 40},
		{5, times(ac2), 60},
		{5, times(times(ac)), 120},
	}
	check := func(what string, b [stages]float64, v [stages]float64, want float64) {
		t.Helper()
		got := 0.0
		for j := range b {
			got += b[j] * v[j]
		}
		if math.Abs(got-want) > 2e-13 {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	for _, r := range trees {
		check("solution", a[stages-1], r.v, 1/r.gamma)
		if r.order > 4 {
			continue
		}
		check("error", errorWeights, r.v, 0)
		for _, x := range []float64{0.1, 0.5, 0.9, 1} {
			check("interpolant", denseWeights(x), r.v, math.Pow(x, float64(r.order))/r.gamma)
		}
	}
}
