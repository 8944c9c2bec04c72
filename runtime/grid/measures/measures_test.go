package measures

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/grid"
	"github.com/weightspace/weightspace/runtime/grid/growth"
)

var update = flag.Bool("update", false, "write testdata/grown.json, which golden_measures.py reads")

// golden is a case of hack/bench/peers/golden_measures.py.
type golden struct {
	N      int                  `json:"n"`
	Lines  [][2]int32           `json:"lines"`
	Nodes  map[string][]float64 `json:"nodes"`
	Global map[string]float64   `json:"global"`
}

func (c golden) grid(t *testing.T) *grid.Grid {
	t.Helper()
	d := grid.Data{Power: grid.Alternating(c.N)}
	for _, l := range c.Lines {
		d.Lines = append(d.Lines, grid.Line{From: l[0], To: l[1], Coupling: 9})
	}
	g, err := grid.New(d)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestUpdate(t *testing.T) {
	if !*update {
		t.Skip("only with -update")
	}
	g, err := growth.Grow(growth.Default(30), 5, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := struct {
		N     int        `json:"n"`
		Lines [][2]int32 `json:"lines"`
	}{N: g.N()}
	for _, l := range g.Lines {
		c.Lines = append(c.Lines, [2]int32{l.From, l.To})
	}
	b, err := json.Marshal(c)
	if err == nil {
		err = os.WriteFile("testdata/grown.json", append(b, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// All measures equal NetworkX's, and flows SciPy's, to 1e-10: eigenvectors are the worst, with an
// error of 1e-13 over the gap of eigenvalues.
func TestGolden(t *testing.T) {
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases map[string]golden
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	for name, c := range cases {
		g := c.grid(t)
		for measure, want := range c.Nodes {
			table, err := Compute(t.Context(), g, measure)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			for i, v := range table.Column(measure) {
				if math.Abs(v-want[i]) > 1e-10*math.Max(1, math.Abs(want[i])) {
					t.Errorf("%s, %s of node %d: %.15g, want %.15g", name, measure, i, v, want[i])
				}
			}
		}
		whole, err := Whole(t.Context(), g)
		if err != nil {
			t.Fatal(name, err)
		}
		for field, want := range c.Global {
			v := reflect.ValueOf(whole).FieldByName(field)
			got := 0.0
			if v.CanInt() {
				got = float64(v.Int())
			} else {
				got = v.Float()
			}
			if math.Abs(got-want) > 1e-10 {
				t.Errorf("%s, %s: %v, want %v", name, field, got, want)
			}
		}
	}
	if len(cases) != 3 || len(cases["case14"].Nodes)+3 != len(All) { // power, its neighbours' mean and leaves are below
		t.Errorf("%d cases, %d measures of case14, %d in all", len(cases), len(cases["case14"].Nodes), len(All))
	}
}

func TestOwn(t *testing.T) {
	g, err := grid.New(grid.Data{Power: []float64{3, -1, -2, 0}, Lines: []grid.Line{{From: 0, To: 1, Coupling: 9}, {From: 0, To: 2, Coupling: 9}, {From: 1, To: 2, Coupling: 9}, {From: 0, To: 3, Coupling: 9}}})
	if err != nil {
		t.Fatal(err)
	}
	table, err := Compute(t.Context(), g, Power, AverageNeighbourPower, LeafNeighbours)
	want := [][]float64{{3, -1, -2, 0}, {-1, 0.5, 1, 3}, {1, 0, 0, 0}}
	if err != nil || !reflect.DeepEqual(table.Columns, want) || table.Column("x") != nil {
		t.Errorf("%v, %v", table, err)
	}
	all, err := Compute(t.Context(), g, All...)
	if err != nil || len(all.Columns) != len(All) {
		t.Fatal(err)
	}
	// A grid of one node, and of two, has every measure.
	for _, d := range []grid.Data{{Power: []float64{0}}, {Power: []float64{1, -1}, Lines: []grid.Line{{From: 0, To: 1, Coupling: 9}}}} {
		g, err := grid.New(d)
		if err != nil {
			t.Fatal(err)
		}
		all, err := Compute(t.Context(), g, All...)
		if err != nil {
			t.Fatal(err)
		}
		for k, c := range all.Columns {
			for _, v := range c {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Errorf("%d nodes: %s is %v", g.N(), All[k], c)
				}
			}
		}
	}
}

func TestErrors(t *testing.T) {
	pieces, err := grid.New(grid.Data{Power: make([]float64, 3), Lines: []grid.Line{{From: 0, To: 1, Coupling: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{CurrentFlowBetweenness, ResistanceDistance, Eigenvector, Fiedler, DCMaxLoad, FlowMaxLoad} {
		if _, err := Compute(t.Context(), pieces, name); err == nil || !strings.Contains(err.Error(), "measure "+name) || !strings.Contains(err.Error(), "in 2 pieces") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Compute(t.Context(), pieces, "x"); err == nil || !strings.Contains(err.Error(), `"x" is unknown`) {
		t.Error(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Compute(ctx, pieces, Degree); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func BenchmarkAll(b *testing.B) {
	for _, n := range []int{20, 100, 1910} {
		g, err := growth.Grow(growth.Default(n), 0, 0)
		if err != nil {
			b.Fatal(err)
		}
		for name, set := range map[string][]string{"six": Six, "all": All} {
			b.Run(g.Name+"/"+name, func(b *testing.B) {
				for b.Loop() {
					if _, err := Compute(b.Context(), g, set...); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
