package grid

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample(t testing.TB) *Grid {
	t.Helper()
	g, err := New(Data{
		Name: `a "b" <c>&`, Power: []float64{1, -1, 0.5, -0.5}, X: []float64{0, 1, 2, 3}, Y: []float64{1, 0.25, -1, 0},
		Names: []string{"one", "<two>", "", "fo\x01ur"}, Lines: []Line{{3, 2, 2}, {1, 0, 9}, {1, 2, 0.5}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestNew(t *testing.T) {
	g := sample(t)
	if want := []Line{{0, 1, 9}, {1, 2, 0.5}, {2, 3, 2}}; !slices.Equal(g.Lines, want) {
		t.Errorf("lines %v", g.Lines)
	}
	if !slices.Equal(g.Neighbours(1), []int32{0, 2}) || g.Degree(1) != 2 || !slices.Equal(g.Coupling, []float64{9, 9, 0.5, 0.5, 2, 2}) {
		t.Errorf("adjacency %+v, coupling %v", g.Adjacency, g.Coupling)
	}
	for k, l := range g.LineOf {
		if c := g.Adjacency.Column[k]; g.Lines[l].From != c && g.Lines[l].To != c {
			t.Errorf("element %d belongs to line %v", k, g.Lines[l])
		}
	}
	if g.RequireConnected() != nil || g.RequireBalanced(1e-12) != nil {
		t.Error("connected and balanced, but refused")
	}
	if g.NodeName(0) != "one" || g.NodeName(2) != "2" {
		t.Error(g.NodeName(0), g.NodeName(2))
	}
}

func TestNewErrors(t *testing.T) {
	two := []float64{1, -1}
	for want, d := range map[string]Data{
		"nodes: a grid has at least one":          {},
		"nodes[1].power: NaN is not a finite":     {Power: []float64{1, math.NaN()}},
		"nodes[0].power: +Inf":                    {Power: []float64{math.Inf(1)}},
		"nodes: 1 x and 0 y":                      {Power: []float64{1}, X: []float64{1}},
		"nodes[0]: coordinates (NaN, 0)":          {Power: []float64{1}, X: []float64{math.NaN()}, Y: []float64{0}},
		"nodes[0]: (400, 0) is not a longitude":   {Power: []float64{1}, X: []float64{400}, Y: []float64{0}, Geographic: true},
		"nodes: 1 names for 2 nodes":              {Power: two, Names: []string{"a"}},
		"lines[0].to: node 2 of a grid with":      {Power: two, Lines: []Line{{0, 2, 1}}},
		"lines[0].from: node -1":                  {Power: two, Lines: []Line{{-1, 1, 1}}},
		"lines[0]: joins node 1 with itself":      {Power: two, Lines: []Line{{1, 1, 1}}},
		"lines[0].coupling: 0 is not a positive":  {Power: two, Lines: []Line{{0, 1, 0}}},
		"lines: nodes 0 and 1 are joined twice":   {Power: two, Lines: []Line{{0, 1, 1}, {1, 0, 2}}},
		"nodes[1].name: longer than":              {Power: two, Names: []string{"", strings.Repeat("x", 2000)}},
		"lines[0].coupling: NaN is not a positiv": {Power: two, Lines: []Line{{0, 1, math.NaN()}}},
	} {
		_, err := New(d)
		var field *FieldError
		if !errors.As(err, &field) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestComponents(t *testing.T) {
	g, err := New(Data{Power: []float64{1, 2, 3, 4, 5, 6}, X: make([]float64, 6), Y: make([]float64, 6), Lines: []Line{{0, 2, 1}, {1, 3, 1}, {3, 5, 2}}})
	if err != nil {
		t.Fatal(err)
	}
	if of, n := g.Components(); n != 3 || !slices.Equal(of, []int32{0, 1, 0, 1, 2, 1}) {
		t.Errorf("%d: %v", n, of)
	}
	if err := g.RequireConnected(); err == nil || !strings.Contains(err.Error(), `in 3 pieces: 2 nodes with "0", 3 nodes with "1", 1 nodes with "4"`) {
		t.Error(err)
	}
	if err := g.RequireBalanced(1e-9); err == nil || !strings.Contains(err.Error(), "add up to 21") {
		t.Error(err)
	}
	c, err := g.LargestComponent()
	if err != nil || !slices.Equal(c.Power, []float64{2, 4, 6}) || !slices.Equal(c.Lines, []Line{{0, 1, 1}, {1, 2, 2}}) {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := g.Subgrid([]int{1, 0}); err == nil {
		t.Error("descending positions were taken")
	}
}

func TestPower(t *testing.T) {
	if got := Scaled(Alternating(3), 2); !slices.Equal(got, []float64{2, -2, 2}) {
		t.Error(got)
	}
	mean := make([]float64, 7)
	for k := range 4000 {
		p := BalancedSigns(7, 5, uint64(k), 0)
		minus := 0
		for i, v := range p {
			mean[i] += v / 4000
			if v == -1 {
				minus++
			} else if v != 1 {
				t.Fatal(p)
			}
		}
		if minus != 3 {
			t.Fatalf("%d nodes consume", minus)
		}
	}
	// Each node's sign has mean 1/7 and variance 48/49.
	for i, m := range mean {
		if math.Abs(m-1./7) > 4*math.Sqrt(48./49/4000) {
			t.Errorf("node %d: mean %v", i, m)
		}
	}
	if slices.Equal(BalancedSigns(40, 5, 0, 0), BalancedSigns(40, 5, 0, 1)) || !slices.Equal(BalancedSigns(40, 5, 3, 0), BalancedSigns(40, 5, 3, 0)) {
		t.Error("draws do not differ, or do not repeat")
	}
	if p, ok := BySign([]float64{5, -1, -2, 0, -0.5}); !ok || !slices.Equal(p, []float64{3, -1, -1, 0, -1}) {
		t.Error(p, ok)
	}
	if _, ok := BySign([]float64{1, 0}); ok {
		t.Error("nobody consumes")
	}
}

func TestJSON(t *testing.T) {
	g := sample(t)
	g.Names[3] = "four"
	b, err := g.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseJSON(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(g, back); d != "" {
		t.Error(d)
	}
	byName, err := ParseJSON([]byte(`{"schema": "weightspace/grid/v1", "nodes": [{"name": "a", "power": 1}, {"name": "b", "power": -1}], "lines": [{"from": "b", "to": "a"}]}`))
	if err != nil || byName.Lines[0] != (Line{0, 1, DefaultCoupling}) {
		t.Errorf("%+v, %v", byName, err)
	}
}

func TestJSONErrors(t *testing.T) {
	for in, want := range map[string]string{
		``:                                  "line 1: the file ends inside",
		`[]`:                                "line 1: the document: is not an object",
		"{\n\n,}":                           "line 3: invalid character ','",
		`{"schema": "x"}`:                   `schema: "x", want "weightspace/grid/v1"`,
		`{"schema": "weightspace/grid/v1"}`: "nodes: is missing",
		"{\"nodes\": [\n{},\n{\"power\": \"much\"}]}":         "line 3: nodes[1].power: a string is not a float64",
		"{\"nodes\": [\n{},\n{\"watts\": 3}]}":                `line 3: nodes[1]: unknown field "watts"`,
		`{"nodes": [], "nodes": []}`:                          "nodes: is there twice",
		`{"generators": []}`:                                  `"generators": is unknown`,
		doc(`{"x": 1}`, ``):                                   "nodes[0]: has one coordinate",
		doc(`{"x": 1, "y": 1}, {}`, ``):                       "nodes: 1 of 2 have coordinates",
		doc(`{"power": 1e300}`, ``):                           "nodes[0].power: 1e+300 is not a finite",
		doc(`{"power": 1e999}`, ``):                           "nodes[0].power: a number 1e999 is not a float64",
		doc(`{}, {}`, `{"from": 0}`):                          "lines[0].to: is missing",
		doc(`{}, {}`, `{"from": 0, "to": 1.5}`):               "lines[0].to: 1.5 is neither",
		doc(`{}, {}`, `{"from": 0, "to": "c"}`):               `lines[0].to: no node has the name "c"`,
		doc(`{"name": "a"}, {"name": "a"}`, `{"from": "a"}`):  "several nodes have the name",
		doc(`{}, {}`, `{"from": 0, "to": 2}`):                 "lines[0].to: node 2",
		doc(`{}, {}`, ``) + "{}":                              "something follows",
		doc(`{}, {}`, `{"from": 0, "to": 1, "coupling": -1}`): "lines[0].coupling: -1",
	} {
		if _, err := ParseJSON([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}

func doc(nodes, lines string) string {
	return `{"schema": "weightspace/grid/v1", "nodes": [` + nodes + `], "lines": [` + lines + `]}`
}

func FuzzParseJSON(f *testing.F) {
	f.Add([]byte(doc(`{"power": 1, "name": "a"}, {"power": -1, "x": 1}`, `{"from": "a", "to": 1}`)))
	b, _ := sample(f).MarshalJSON()
	f.Add(b)
	f.Add([]byte(`{"nodes": [{}], "lines": {}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := ParseJSON(b)
		if err != nil {
			return
		}
		again, err := g.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseJSON(again)
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if d := cmp.Diff(g, back); d != "" {
			t.Fatal(d)
		}
	})
}

func TestGraphML(t *testing.T) {
	g := sample(t)
	var b bytes.Buffer
	if err := WriteGraphML(&b, g, Column{`s"<`, []float64{0.5, math.NaN(), 1, 0}}); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Key []struct {
			ID   string `xml:"id,attr"`
			Name string `xml:"attr.name,attr"`
		} `xml:"key"`
		Graph struct {
			ID   string `xml:"id,attr"`
			Kind string `xml:"edgedefault,attr"`
			Node []struct {
				ID   string `xml:"id,attr"`
				Data []struct {
					Key   string `xml:"key,attr"`
					Value string `xml:",chardata"`
				} `xml:"data"`
			} `xml:"node"`
			Edge []struct {
				Source string `xml:"source,attr"`
				Target string `xml:"target,attr"`
			} `xml:"edge"`
		} `xml:"graph"`
	}
	dec := xml.NewDecoder(bytes.NewReader(b.Bytes()))
	if err := dec.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) && err != nil {
		t.Fatal(err)
	}
	if doc.Graph.ID != g.Name || doc.Graph.Kind != "undirected" || len(doc.Graph.Node) != 4 || len(doc.Graph.Edge) != 3 {
		t.Errorf("%+v", doc)
	}
	if doc.Key[4].Name != `s"<` || len(doc.Graph.Node[1].Data) != 4 || doc.Graph.Node[1].Data[3].Value != "<two>" || doc.Graph.Node[3].Data[3].Value != "fo\uFFFDur" {
		t.Errorf("%+v", doc)
	}
	if doc.Graph.Edge[2].Source != "n2" || doc.Graph.Edge[2].Target != "n3" {
		t.Errorf("%+v", doc.Graph.Edge)
	}
	if err := WriteGraphML(io.Discard, g, Column{"short", nil}); err == nil {
		t.Error("a short column was taken")
	}
}
