package published

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/weightspace/weightspace/runtime/grid"
)

// wanted are the grids of hack/bench/peers/golden_hdf5.py.
var wanted = []struct {
	power []float64
	lines []grid.Line
}{
	{[]float64{1, -1, 1, -1}, []grid.Line{{From: 0, To: 1, Coupling: 9}, {From: 0, To: 3, Coupling: 9}, {From: 1, To: 2, Coupling: 9}, {From: 2, To: 3, Coupling: 9}}},
	{[]float64{-1, 1, 1, -1}, []grid.Line{{From: 0, To: 1, Coupling: 9}, {From: 1, To: 2, Coupling: 9}, {From: 1, To: 3, Coupling: 9}, {From: 2, To: 3, Coupling: 9}}},
}

func checkAll(t *testing.T, got []Sample, err error, targets ...string) {
	t.Helper()
	if err != nil || len(got) != len(wanted) {
		t.Fatalf("%d grids, %v", len(got), err)
	}
	for i, s := range got {
		w := wanted[i]
		if s.Index != i+1 || !slices.Equal(s.Grid.Power, w.power) || !slices.Equal(s.Grid.Lines, w.lines) || len(s.Targets) != len(targets) {
			t.Errorf("grid %d: %+v, %v", i+1, s.Grid, s.Targets)
		}
		for k, v := range s.Targets["snbs"] {
			if math.Abs(v-float64(k)/8-float64(i+1)/100) > 1e-15 {
				t.Errorf("grid %d: snbs %v", i+1, s.Targets["snbs"])
			}
		}
		for _, name := range targets {
			if len(s.Targets[name]) != 4 {
				t.Errorf("grid %d: %s has %v", i+1, name, s.Targets[name])
			}
		}
	}
}

func TestPacked(t *testing.T) {
	got, err := Read(os.DirFS("testdata/ds/train"))
	checkAll(t, got, err, "snbs", "tm")
}

func TestSingle(t *testing.T) {
	got, err := Read(os.DirFS("testdata/raw"))
	checkAll(t, got, err, "snbs")
	if g := got[0].Grid; !slices.Equal(g.X, []float64{-0.5, -0.25, 0, 0.25}) || !slices.Equal(g.Y, []float64{0, 0.5, 0, 0.5}) {
		t.Errorf("positions %v %v", g.X, g.Y)
	}
	// Either file alone will do.
	got, err = Read(os.DirFS("testdata/raw/grids"))
	checkAll(t, got, err)
	got, err = Read(os.DirFS("testdata/raw/4Pytorch"))
	checkAll(t, got, err, "snbs")
}

func TestErrors(t *testing.T) {
	read := func(name string) []byte {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	file := func(b []byte) *fstest.MapFile { return &fstest.MapFile{Data: b} }
	for want, dir := range map[string]fstest.MapFS{
		"neither input_data.h5":                      {"x.h5": file(nil)},
		"input_data.h5: HDF5: the file does not":     {"input_data.h5": file([]byte("x"))},
		`input_data.h5: HDF5 group / has no`:         {"input_data.h5": file(read("ds/train/snbs.h5"))},
		"snbs.h5, grid 1: HDF5 group / has no mem":   {"input_data.h5": file(read("ds/train/input_data.h5")), "snbs.h5": file(read("raw/4Pytorch/snbs_00001.h5"))},
		"grid_data_3.h5: HDF5 group / has no":        {"grid_data_3.h5": file(read("raw/grids/grid_00001.h5"))},
		"grid_data_1.h5: has another topology than":  {"grid_data_1.h5": file(read("raw/4Pytorch/grid_data_00001.h5")), "grid_1.h5": file(read("raw/grids/grid_00002.h5"))},
		"snbs_1.h5: HDF5 group / has no member \"sn": {"grid_data_1.h5": file(read("raw/4Pytorch/grid_data_00001.h5")), "snbs_1.h5": file(read("raw/4Pytorch/grid_data_00001.h5"))},
	} {
		if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for want, f := range map[string]func() error{
		"edge 0 joins 1 and 5": func() error { _, err := undirected([]int64{1}, []int64{5}, []float64{9}, 4); return err },
		"is there twice":       func() error { _, err := undirected([]int64{1, 1}, []int64{2, 2}, []float64{9, 9}, 4); return err },
		"no counterpart":       func() error { _, err := undirected([]int64{1}, []int64{2}, []float64{9}, 4); return err },
		"of equal weight":      func() error { _, err := undirected([]int64{1, 2}, []int64{2, 1}, []float64{9, 8}, 4); return err },
		"joined with itself":   func() error { _, err := undirected([]int64{1}, []int64{1}, []float64{9}, 4); return err },
		"2 weights for 1":      func() error { _, err := undirected([]int64{1}, []int64{1}, []float64{9, 9}, 4); return err },
		"shape [3 3]":          func() error { _, _, err := columns(make([]int64, 9), []int{3, 3}); return err },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if a, b, err := columns([]int64{1, 2, 3, 4, 5, 6}, []int{2, 3}); err != nil || a[1] != 2 || b[0] != 4 {
		t.Error(a, b, err)
	}
}

// A packed file of strangers is grids or an error.
func FuzzPacked(f *testing.F) {
	for _, name := range []string{"input_data.h5", "snbs.h5"} {
		b, err := os.ReadFile("testdata/ds/train/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, b)
	}
	f.Fuzz(func(t *testing.T, input, snbs []byte) {
		got, err := Read(fstest.MapFS{"input_data.h5": {Data: input}, "snbs.h5": {Data: snbs}})
		for _, s := range got {
			if err != nil || s.Grid.N() != len(s.Targets["snbs"]) {
				t.Fatal(s, err)
			}
		}
	})
}
