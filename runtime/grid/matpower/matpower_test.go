package matpower

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/grid/static"
)

func load(t testing.TB, name string) *Case {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if b, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Read(name, b, ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Counts of the cases (card power-grid-simulation and the files' own comments).
func TestCases(t *testing.T) {
	for name, want := range map[string]struct{ buses, branches, pairs, leaves, most, gens int }{
		"case9.m": {9, 9, 9, 3, 3, 3}, "case14.m": {14, 20, 20, 1, 5, 5}, "case30.m": {30, 41, 41, 3, 7, 6},
		"case39.m": {39, 46, 46, 9, 5, 10}, "case57.m": {57, 80, 78, 1, 6, 7}, "case118.m": {118, 186, 179, 7, 9, 54},
		"case_ACTIVSg2000.m.gz": {2000, 3206, 2667, 456, 16, 544},
	} {
		c := load(t, name)
		g, err := c.Grid(Options{Power: Alternating})
		if err != nil {
			t.Fatal(err)
		}
		leaves, most := 0, 0
		for i := range g.Power {
			most = max(most, g.Degree(i))
			if g.Degree(i) == 1 {
				leaves++
			}
		}
		if len(c.Bus) != want.buses || len(c.Branch) != want.branches || len(g.Lines) != want.pairs || leaves != want.leaves || most != want.most || len(c.Gen) != want.gens || len(c.Warnings) != 0 {
			t.Errorf("%s: %d buses, %d branches, %d pairs, %d leaves, degree %d, %d generators, %v, want %+v", name, len(c.Bus), len(c.Branch), len(g.Lines), leaves, most, len(c.Gen), c.Warnings, want)
		}
	}
}

// The reduction gives exactly the published Texas grid, and its static state exists in most draws.
func TestTexas(t *testing.T) {
	c := load(t, "case_ACTIVSg2000.m.gz")
	transformers := 0
	for _, b := range c.Branch {
		if b.Ratio != 0 {
			transformers++
		}
	}
	g, err := c.Grid(Options{Reduction: NoLoadNoGenLeaves})
	if err != nil {
		t.Fatal(err)
	}
	leaves, busy := 0, 0
	for i := range g.Power {
		if g.Degree(i) == 1 {
			leaves++
		} else if g.Degree(i) >= 7 {
			busy++
		}
	}
	if g.N() != 1910 || len(g.Lines) != 2577 || leaves != 366 || busy != 52 || transformers != 861 || g.RequireConnected() != nil || g.RequireBalanced(1e-12) != nil {
		t.Errorf("%d nodes, %d lines, %d leaves, %d of degree >= 7, %d transformers", g.N(), len(g.Lines), leaves, busy, transformers)
	}
	if g.Names[0] == "1001" || g.Names[0] == "" {
		t.Errorf("name %q", g.Names[0])
	}
	solved := 0
	for draw := range 8 {
		g, err := c.Grid(Options{Reduction: NoLoadNoGenLeaves, Draw: draw})
		if err != nil {
			t.Fatal(err)
		}
		s, err := static.Solve(t.Context(), g, static.Options{})
		if err == nil {
			solved++
			// 54 of 60 draws had a state, with angles of 0.38 to 1.33; the card saw 0.67 to 0.99 in four draws of five.
			if s.Residual > 1e-10 || s.MaxAngle > math.Pi/2 {
				t.Errorf("draw %d: residual %g, angle %g", draw, s.Residual, s.MaxAngle)
			}
			t.Logf("draw %d: angle %.3f after %d steps", draw, s.MaxAngle, s.Iterations)
		} else {
			t.Log(err)
		}
	}
	if solved < 4 { // P(fewer than 4 of 8) = 1 % at the card's 4 of 5
		t.Errorf("%d of 8 draws have a static state", solved)
	}
}

const small = `function mpc = small % a comment
%{
mpc.bus = nonsense
%}
mpc.version = '2'; mpc.baseMVA = 1e2;
mpc.bus = [ 10 3 0 0 0 0 1 1 0 1.5d1 1 1.1 .9; 7, 1, 5 ...  continued
 0 0 0 1 1 0 15 1 1.1 0.9
 3 1 2 0 0 0 1 1 0 15 1 Inf -Inf; 4 4 0 0 0 0 1 1 0 15 1 1.1 0.9
 5 1 0 0 0 0 1 1 0 15 1 1.1 0.9; 6 1 0 0 0 0 1 1 0 15 1 1.1 0.9];
mpc.gen = [10 9 0 0 0 1 100 1 10 0
 7 9 0 0 0 1 100 0 10 0]; # out of service
mpc.branch = [
	10 7 0.1 0.2 0 0 0 0 0 0 1 -360 360;
	7 10 0.1 0.2 0 0 0 0 0.98 0 1 -360 360;
	10 3 0.1 0.2 0 0 0 0 0 0 1 -360 360;
	7 3 0.1 0.2 0 0 0 0 0 0 0 -360 360;
	3 4 0.1 0.2 0 0 0 0 0 0 1 -360 360;
	3 3 0.1 0.2 0 0 0 0 0 0 1 -360 360;
	5 6 0.1 0.2 0 0 0 0 0 0 1 -360 360;
];
mpc.bus_name = {'It''s one'; "two"; 'three % no comment'; 'four'; 'five'; 'six'};
`

func TestSmall(t *testing.T) {
	c, err := Read("small.m", []byte(small), ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "small" || c.BaseMVA != 100 || len(c.Bus) != 6 || c.Bus[1].Number != 7 || c.Bus[1].Pd != 5 || c.Bus[1].Line != 6 || c.Bus[0].Name != "It's one" || c.Bus[2].Name != "three % no comment" {
		t.Errorf("%+v", c)
	}
	if !c.Branch[1].Transformer() || c.Branch[0].Transformer() || c.Gen[1].InService {
		t.Errorf("%+v", c)
	}
	// In pieces: three buses around the reference, and 5-6; 4 is isolated.
	if _, err := c.Grid(Options{}); err == nil || !strings.Contains(err.Error(), `in 2 pieces: 3 nodes with "It's one", 2 nodes with "five"`) {
		t.Error(err)
	}
	if g, err := c.Grid(Options{Islands: Keep}); err != nil || g.N() != 5 || len(g.Lines) != 3 {
		t.Error(err)
	}
	g, err := c.Grid(Options{Islands: Largest, Power: NetInjectionSign, Magnitude: 2, Coupling: 4})
	if err != nil || g.N() != 3 || len(g.Lines) != 2 || g.Lines[0].Coupling != 4 || g.Power[0] != 4 || g.Power[1] != -2 || g.Power[2] != -2 {
		t.Errorf("%+v, %v", g, err)
	}
	for _, o := range []Options{{Islands: "x"}, {Islands: Keep, Power: "x"}, {Islands: Keep, Reduction: "x"}, {Islands: Keep, Coupling: -1}} {
		if _, err := c.Grid(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"'2'", "'1'", `mpc.version is "1"`},
		{"mpc.version = '2';", "", "mpc.version is missing"},
		{"1e2", "-1", "mpc.baseMVA is missing or not"},
		{"1e2", "sqrt(3)", "small.m:5: the value is an expression"},
		{"1e2", "1e2x", `small.m:5: "1e2x" is not a number`},
		{"1e2", "1 / 3", "small.m:5: the value is an expression"},
		{"[ 10 3", "[ 10 3 1", "small.m:6: mpc.bus: row 2 has 13 columns, the first has 14"},
		{" 3 1 2", " 10 1 2", "small.m:8: mpc.bus: bus 10 is there twice (first in line 6)"},
		{" 3 1 2", " 3.5 1 2", "small.m:8: mpc.bus: bus number 3.5"},
		{" 3 1 2", " 3 5 2", "small.m:8: mpc.bus: bus 3 has type 5"},
		{" 3 1 2", " 3 1 NaN", "small.m:8: mpc.bus: Pd is NaN"},
		{" 3 1 2", " 3 1-2", `small.m:8: mpc.bus: "-" is not a number`},
		{" 3 1 2", " 3 1 - 2", `small.m:8: mpc.bus: "-" is not a number`},
		{" 3 1 2", " 3,, 2", "small.m:8: mpc.bus: a comma without"},
		{"\t10 3 0.1", "\t10 33 0.1", "small.m:15: mpc.branch: there is no bus 33"},
		{" 7 9 0", " 8 9 0", "small.m:11: mpc.gen: there is no bus 8"},
		{"];\nmpc.bus_name", "\nmpc.bus_name", "mpc.branch"},
		{"'six'", "'six", "small.m:21: a text does not end on its line"},
		{"'six'}", "'six'", "small.m:21: mpc.bus_name: the file ends before the cell does"},
		{"function mpc =", "function [baseMVA, bus] =", "small.m:1: this is a case of format version 1"},
		{"mpc.bus_name", "mpc.bus(:, 3) = 1;\nmpc.bus_name", `small.m:21: "mpc.bus" starts a statement that is not data`},
		{"mpc.bus_name", "system('rm')\nmpc.bus_name", `"system" starts a statement`},
		{"mpc.bus_name", "mpc.gen = []\nmpc.bus_name", "small.m:21: mpc.gen is there twice"},
	} {
		src := strings.Replace(small, c.old, c.new, 1)
		_, err := Read("small.m", []byte(src), ReadOptions{})
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q -> %q: %v, want %q", c.old, c.new, err, c.want)
		}
	}
	src := strings.Replace(small, "mpc.bus_name", "mpc.bus(:, 3) = mpc.bus(:, 3)' / 1e3;\nif 1, x = {1\n2}; end\nmpc.bus_name", 1)
	c, err := Read("small.m", []byte(src), ReadOptions{SkipCode: true})
	if err != nil || len(c.Warnings) < 2 || c.Bus[0].Name == "" {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := Read("x", make([]byte, MaxBytes+1), ReadOptions{}); err == nil {
		t.Error("a file beyond the limit was taken")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(small))
	for _, name := range []string{"case9.m", "case14.m"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("mpc.bus=[1 2\n%{\n%{\n%}\n...\n';\"\"{[}]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, lax := range []bool{false, true} {
			c, err := Read("fuzz.m", b, ReadOptions{SkipCode: lax})
			var e *Error
			if err != nil {
				if !errors.As(err, &e) || e.File != "fuzz.m" || e.Line < 0 || e.Line > 1+bytes.Count(b, []byte{'\n'}) {
					t.Fatalf("%v", err)
				}
				continue
			}
			if g, err := c.Grid(Options{Islands: Keep, Reduction: NoLoadNoGenLeaves}); err == nil && g.N() > len(c.Bus) {
				t.Fatal("more nodes than buses")
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	raw, _ := os.ReadFile("testdata/case118.m")
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := Read("case118.m", raw, ReadOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}
