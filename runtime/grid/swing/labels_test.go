package swing

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/weightspace/weightspace/runtime/grid"
	"github.com/weightspace/weightspace/runtime/grid/static"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/kernel/vmath"
)

// Troublemakers by small kicks are the nodes of degree >= 7 (card, proxy 6: 600 of 600 nodes of 30
// grids with 300 kicks). The degrees are sampled at both sides of the limit.
func TestTroublemakers(t *testing.T) {
	g := DefaultTargets()
	k := DefaultKicks(9)
	k.Frequency = [2]float64{-g.KickLimit, g.KickLimit}
	o := Default()
	o.Horizon = 5
	nodes, wrong, found := 0, 0, 0
	for index := range uint64(12) {
		topology := grown(t, 20, index)
		w := Work{Index: index, Count: 60}
		for i := range topology.N() {
			if topology.Degree(i) >= 5 {
				w.Nodes = append(w.Nodes, i)
			}
		}
		s := system(t, topology, DefaultDamping)
		out, err := Simulate(context.Background(), 2, s, k, w, solverOf(s, o))
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range Tallies(g, k, w, out) {
			is, ok := v.Troublemaker(g)
			nodes++
			if !ok || is != (topology.Degree(w.Nodes[i]) >= 7) {
				wrong++
			}
			if is {
				found++
			}
		}
	}
	t.Logf("%d nodes of degree >= 5, %d troublemakers, %d unlike their degree", nodes, found, wrong)
	if found == 0 || wrong*50 > nodes {
		t.Errorf("%d nodes of degree >= 5, %d troublemakers, %d unlike their degree", nodes, found, wrong)
	}
}

// The horizon and the box are what the labels depend on (card, proxy 5).
func TestDiscrimination(t *testing.T) {
	s := system(t, grids(t)["case14"], DefaultDamping)
	for name, c := range map[string]struct{ box, damping float64 }{"box": {5, 0.1}, "damping": {15, 0.2}} {
		v := *s
		v.Damping = c.damping
		k := DefaultKicks(2)
		k.Frequency = [2]float64{-c.box, c.box}
		w := all(s, 6)
		out, err := Simulate(context.Background(), 2, &v, k, w, solverOf(&v, Default()))
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range out {
			if o.Code != Settled {
				t.Errorf("%s: kick %d of node %d: %+v, want settled", name, i%w.Count, w.Nodes[i/w.Count], o)
			}
		}
	}
}

// An isolated pair drifts with P/alpha when its line carries nothing like the power.
func TestDrift(t *testing.T) {
	g := network(t, []float64{1, -1}, [2]int32{0, 1})
	s := system(t, g, DefaultDamping)
	s.Coupling = []float64{1e-9, 1e-9}
	o := Default()
	o.Horizon = 200
	reference(t, s, o).Trace(Kick{0, 0, 3}, func(at float64, _, omega []float64) {
		if at == 200 && (math.Abs(omega[0]-10) > 1e-4 || math.Abs(omega[1]+10) > 1e-4) {
			t.Errorf("frequencies %v, want +-10", omega)
		}
	})
}

func TestTally(t *testing.T) {
	g, v := Targets{15, 2.5, 15}, Tally{}
	v.Add(g, Kick{0, 0, 2}, Outcome{Code: Settled, End: 30, MaxDeviation: 15, Steps: 10})
	v.Add(g, Kick{0, 0, 9}, Outcome{Code: Settled, End: 40, MaxDeviation: 14})
	v.Add(g, Kick{0, 0, -9}, Outcome{Code: Drifting, End: 500, MaxDeviation: 16})
	v.Add(g, Kick{0, 0, -9}, Outcome{Code: Failed, MaxDeviation: 3})
	s, se := v.SNBS()
	survive, _ := v.Survivability()
	is, ok := v.Troublemaker(g)
	if s != 0.5 || se != 0.25 || survive != 0.25 || !is || !ok || v.MeanReturnTime() != 35 || v.MaxDeviation != 16 || v.SmallMaxDeviation != 15 {
		t.Errorf("%+v: %v +- %v, %v, %v %v, %v", v, s, se, survive, is, ok, v.MeanReturnTime())
	}
}

// Kicks fill their box evenly and differ by every part of their key.
func TestKicks(t *testing.T) {
	k, n := DefaultKicks(4), 20_000
	var mean, square [2]float64
	for i := range n {
		v := k.At(3, 2, i)
		for j, u := range []float64{v.Phase / math.Pi, v.Frequency / 15} {
			if u < -1 || u >= 1 || v.Node != 2 {
				t.Fatalf("kick %d: %+v", i, v)
			}
			mean[j] += u / float64(n)
			square[j] += u * u / float64(n)
		}
	}
	for j := range mean {
		// Standard deviations 0.577 and 0.298; five standard errors.
		if math.Abs(mean[j]) > 0.0204 || math.Abs(square[j]-1.0/3) > 0.0106 {
			t.Errorf("moments %v, %v", mean[j], square[j])
		}
	}
	a := k.At(0, 0, 0)
	for _, b := range []Kick{k.At(1, 0, 0), k.At(0, 1, 0), k.At(0, 0, 1), DefaultKicks(5).At(0, 0, 0)} {
		if a.Phase == b.Phase || a.Frequency == b.Frequency {
			t.Errorf("%+v repeats %+v", b, a)
		}
	}
}

// Wrong options and work name their field; a trajectory out of steps has failed; a done context
// stops the work.
func TestMistakes(t *testing.T) {
	s := system(t, grids(t)["ring"], DefaultDamping)
	bad, box := Default(), DefaultKicks(1)
	bad.RelTol = math.NaN()
	box.Phase = [2]float64{1, -1}
	ctx := context.Background()
	_, solver := NewReference(s, bad)
	_, passedOn := Simulate(ctx, 1, s, DefaultKicks(1), all(s, 1), solverOf(s, bad))
	_, kicks := Simulate(ctx, 1, s, box, all(s, 1), solverOf(s, Default()))
	_, node := Simulate(ctx, 1, s, DefaultKicks(1), Work{Nodes: []int{4}, Count: 1}, solverOf(s, Default()))
	_, count := Simulate(ctx, 1, s, DefaultKicks(1), Work{Nodes: []int{0}, First: -1, Count: 1}, solverOf(s, Default()))
	g := grids(t)["two"]
	_, damping := NewSystem(g, &static.State{Theta: []float64{0, 0}}, -1)
	_, theta := NewSystem(g, &static.State{Theta: []float64{0}}, 0.1)
	for _, c := range []struct {
		err  error
		want string
	}{
		{solver, "relTol"},
		{passedOn, "relTol"},
		{kicks, "perturbation.phase"},
		{node, "nodes[0]"},
		{count, "perNode"},
		{damping, "damping"},
		{theta, "theta"},
	} {
		var f *grid.FieldError
		if !errors.As(c.err, &f) || f.Field != c.want {
			t.Errorf("%v, want field %q", c.err, c.want)
		}
	}
	few := Default()
	few.MaxSteps = 10
	if out := reference(t, s, few).Trace(Kick{0, 1, 5}, nil); out.Code != Failed || out.Steps+out.Rejected != 10 {
		t.Errorf("%+v, want a failure after 10 steps", out)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Simulate(done, 1, s, DefaultKicks(1), all(s, 1), solverOf(s, Default())); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want cancelled", err)
	}
}

// Outcomes have frozen bits, whatever the kernels' level.
func TestBits(t *testing.T) {
	s := system(t, grids(t)["case14"], DefaultDamping)
	want := Outcome{}
	for _, l := range []isa.Level{isa.Ref, isa.AVX2, isa.AVX512} {
		if !isa.Supported(l) {
			continue
		}
		r := reference(t, s, Default())
		var err error
		if r.k, err = vmath.New(l); err != nil {
			t.Fatal(err)
		}
		got := r.Trace(Kick{0, 1, 5}, nil)
		if end, f := math.Float64bits(got.End), math.Float64bits(got.FinalFrequency); end != 0x404a68ef1c8e4ab8 || f != 0x3fb972a5e0dc8a77 {
			t.Errorf("level %s: %#x, %#x", l, end, f)
		}
		if want == (Outcome{}) {
			want = got
		}
		if got != want {
			t.Errorf("level %s: %+v, want %+v", l, got, want)
		}
	}
}
