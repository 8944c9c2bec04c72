package tables

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/weightspace/weightspace/runtime/grid"
)

func TestWriter(t *testing.T) {
	a, err := grid.New(grid.Data{Power: []float64{1, -1}, X: []float64{0, 1}, Y: []float64{2, 3}, Names: []string{"a", "b"}, Lines: []grid.Line{{From: 1, To: 0, Coupling: 9}}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := grid.New(grid.Data{Power: []float64{0}})
	if err != nil {
		t.Fatal(err)
	}
	write := func() (nodes, lines bytes.Buffer) {
		w := NewWriter(&nodes, &lines)
		for i, g := range []*grid.Grid{a, b} {
			if err := w.Write(int64(7+i), g); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return nodes, lines
	}
	nodes, lines := write()
	n, err := parquet.Read[NodeRow](bytes.NewReader(nodes.Bytes()), int64(nodes.Len()))
	if err != nil {
		t.Fatal(err)
	}
	l, err := parquet.Read[LineRow](bytes.NewReader(lines.Bytes()), int64(lines.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]NodeRow{{7, 0, &a.Names[0], 1, &a.X[0], &a.Y[0]}, {7, 1, &a.Names[1], -1, &a.X[1], &a.Y[1]}, {Grid: 8}}, n); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]LineRow{{7, 0, 1, 9}}, l); d != "" {
		t.Error(d)
	}
	again, lines2 := write()
	if !bytes.Equal(nodes.Bytes(), again.Bytes()) || !bytes.Equal(lines.Bytes(), lines2.Bytes()) {
		t.Error("equal grids, other bytes")
	}
}
