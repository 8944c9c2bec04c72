package static

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/weightspace/weightspace/runtime/grid"
	"github.com/weightspace/weightspace/runtime/grid/growth"
)

func make0(t testing.TB, power []float64, lines ...grid.Line) *grid.Grid {
	t.Helper()
	for i := range lines {
		if lines[i].Coupling == 0 {
			lines[i].Coupling = 9
		}
	}
	g, err := grid.New(grid.Data{Power: power, Lines: lines})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// case14 as the card uses it: buses in file order, P alternating, K = 9.
func case14(t testing.TB) *grid.Grid {
	var lines []grid.Line
	for _, e := range [][2]int32{
		{1, 2},
		{1, 5},
		{2, 3},
		{2, 4},
		{2, 5},
		{3, 4},
		{4, 5},
		{4, 7},
		{4, 9},
		{5, 6},
		{6, 11},
		{6, 12},
		{6, 13},
		{7, 8},
		{7, 9},
		{9, 10},
		{9, 14},
		{10, 11},
		{12, 13},
		{13, 14},
	} {
		lines = append(lines, grid.Line{From: e[0] - 1, To: e[1] - 1})
	}
	return make0(t, grid.Alternating(14), lines...)
}

// The card's golden static states (proxy 2), theta_1 = 0.
func TestGolden(t *testing.T) {
	for name, c := range map[string]struct {
		g    *grid.Grid
		want []float64
	}{
		"two":  {make0(t, []float64{1, -1}, grid.Line{From: 0, To: 1}), []float64{0, -0.111341014}},
		"path": {make0(t, []float64{1, 1, -1, -1}, grid.Line{From: 0, To: 1}, grid.Line{From: 1, To: 2}, grid.Line{From: 2, To: 3}), []float64{0, -0.111341014, -0.335434107, -0.446775121}},
		"case14": {case14(t), []float64{
			0, -0.065614239, -0.020054536, -0.085668775, -0.045559703, -0.142213666, -0.090538022,
			-0.201879036, -0.095407268, -0.148065675, -0.089555259, -0.191952664, -0.130521414, -0.168557092,
		}},
		"one": {make0(t, []float64{0}), []float64{0}},
	} {
		s, err := Solve(context.Background(), c.g, Options{})
		if err != nil {
			t.Fatal(name, err)
		}
		for i, w := range c.want {
			if math.Abs(s.Theta[i]-w) > 1e-8 {
				t.Errorf("%s: theta_%d = %.10f, want %.9f", name, i+1, s.Theta[i], w)
			}
		}
		if s.Residual > 1e-13 || s.MaxAngle >= math.Pi/2 {
			t.Errorf("%s: residual %g, angle %g", name, s.Residual, s.MaxAngle)
		}
	}
}

// The critical coupling of a line between +1 and -1 is 1; close above it continuation is needed.
func TestCritical(t *testing.T) {
	for k, want := range map[float64]Reason{0.99: Overloaded, 1.0001: "", 1.5: ""} {
		g := make0(t, []float64{1, -1}, grid.Line{From: 0, To: 1, Coupling: k})
		s, err := Solve(context.Background(), g, Options{})
		var r *Rejection
		if errors.As(err, &r) {
			if r.Reason != want || r.Load < 0.98 || r.Load > 1 {
				t.Errorf("K=%v: %+v, want %q", k, r, want)
			}
			continue
		}
		if err != nil || want != "" || math.Abs(s.Theta[1]+math.Asin(1/k)) > 1e-7 {
			t.Errorf("K=%v: %+v, %v", k, s, err)
		}
	}
}

func TestRejections(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	two := make0(t, []float64{1, -1}, grid.Line{From: 0, To: 1})
	if _, err := Solve(ctx, two, Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for want, f := range map[Reason]func() error{
		Disconnected:  func() error { _, err := Solve(t.Context(), make0(t, []float64{1, -1}), Options{}); return err },
		AngleTooLarge: func() error { _, err := Solve(t.Context(), two, Options{MaxLineAngle: 0.1}); return err },
		NotConverged:  func() error { _, err := Solve(t.Context(), case14(t), Options{MaxIterations: 1}); return err },
	} {
		var r *Rejection
		if err := f(); !errors.As(err, &r) || r.Reason != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	// An unbalanced grid is solved in the frame that turns with it.
	s, err := Solve(t.Context(), make0(t, []float64{2, -1, -0.4}, grid.Line{From: 0, To: 1}, grid.Line{From: 1, To: 2}), Options{})
	if err != nil || math.Abs(s.Mean-0.2) > 1e-15 || math.Abs(s.Flow[0]-1.8) > 1e-12 || math.Abs(s.Flow[1]-0.6) > 1e-12 {
		t.Errorf("%+v, %v", s, err)
	}
}

// Grown grids of 20 nodes have a state (card: 2,000 of 2,000), and equal bits when solved again.
func TestGrown(t *testing.T) {
	for i := range uint64(500) {
		g, err := growth.Grow(growth.Default(20), i, 0)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Solve(t.Context(), g, Options{})
		if err != nil {
			t.Fatal(i, err)
		}
		if s.Residual > 1e-12 || s.MaxAngle >= math.Pi/2 || s.Theta[0] != 0 {
			t.Fatalf("grid %d: %+v", i, s)
		}
		if again, _ := Solve(t.Context(), g, Options{}); i < 20 && !slices.Equal(again.Theta, s.Theta) {
			t.Fatal("other bits the second time")
		}
	}
}

func TestSincos(t *testing.T) {
	for k := range 20001 {
		x := float64(k-10000) * 0.01234567
		s, c := sincos(x)
		if math.Abs(s-math.Sin(x)) > 3e-16 || math.Abs(c-math.Cos(x)) > 3e-16 {
			t.Fatalf("sincos(%v) = %v, %v, want %v, %v", x, s, c, math.Sin(x), math.Cos(x))
		}
	}
}

func BenchmarkSolve(b *testing.B) {
	for _, n := range []int{20, 100, 1910} {
		g, err := growth.Grow(growth.Default(n), 0, 0)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(g.Name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Solve(b.Context(), g, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
