package hdf5

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func open(t testing.TB, name string) *Group {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(b)
	if err != nil {
		t.Fatal(err)
	}
	g, err := f.Root()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// ramp are the values of golden_hdf5.py.
func ramp(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = float64(3*i - 7)
	}
	return out
}

func check(t *testing.T, g *Group, path string, shape []int, want []float64) {
	t.Helper()
	d, err := g.Dataset(path)
	if err != nil {
		t.Error(err)
		return
	}
	got, err := d.Float64s()
	if err != nil || !slices.Equal(got, want) || !slices.Equal(d.Shape(), shape) {
		t.Errorf("%s: %v %v %v (%v), want %v %v", path, d.Type(), d.Shape(), got, err, shape, want)
	}
	whole, err := d.Int64s()
	for i, v := range whole {
		if float64(v) != want[i] {
			t.Errorf("%s: element %d is %d as an integer", path, i, v)
		}
	}
	if err != nil && !strings.Contains(err.Error(), "not an integer") {
		t.Error(err)
	}
}

// Every way of storing that h5py writes by default and with libver=latest
// (hack/bench/peers/golden_hdf5.py).
func TestStorage(t *testing.T) {
	for _, file := range []string{"earliest.h5", "latest.h5"} {
		g := open(t, file)
		for _, kind := range []string{"<f8", "<f4", "<i8", "<i4", ">f8", ">i4", "i1"} {
			check(t, g, "contiguous "+kind, []int{5, 3}, ramp(15))
		}
		wrapped := ramp(15)
		for i := range 3 { // -7, -4, -1 as numpy casts them
			wrapped[i] += 65536
		}
		check(t, g, "contiguous <u2", []int{5, 3}, wrapped)
		check(t, g, "scalar", nil, []float64{-7})
		check(t, g, "empty", []int{0, 4}, []float64{})
		check(t, g, "chunked", []int{10, 7}, ramp(70))
		check(t, g, "one chunk", []int{6, 2}, ramp(12))
		check(t, g, "gzip", []int{50, 3}, ramp(150))
		check(t, g, "checksum", []int{9}, ramp(9))
		check(t, g, "sparse", []int{12}, append(ramp(4), 2.5, 2.5, 2.5, 2.5, 2.5, 2.5, 2.5, 2.5))
		check(t, g, "unwritten", []int{3}, []float64{9, 9, 9})
		check(t, g, "many chunks", []int{1500}, ramp(1500))
		check(t, g, "growing", []int{6}, ramp(6))
		check(t, g, "growing wide", []int{3, 800}, ramp(2400))
		check(t, g, "growing gzip", []int{70}, ramp(70))
		check(t, g, "growing both", []int{9, 40}, ramp(360))
		check(t, g, "growing both gzip", []int{9, 40}, ramp(360))
		check(t, g, "/outer/inner/here", []int{2}, ramp(2))
		many, err := g.Group("many")
		if err != nil || len(many.Names()) != 300 {
			t.Fatalf("%s: %v", file, err)
		}
		for i := range 300 {
			check(t, many, strconv.Itoa(i+1), nil, []float64{float64(i)})
		}
		if g.Has("soft") || !g.Has("outer") {
			t.Errorf("%s: members %v", file, g.Names())
		}
	}
	check(t, open(t, "default.h5"), "a/b", []int{4}, ramp(4))
	check(t, open(t, "order.h5"), "z", []int{4}, ramp(4))
}

func TestRefusals(t *testing.T) {
	g := open(t, "latest.h5")
	for path, want := range map[string]string{
		"text":    "its elements are not numbers",
		"nothing": "HDF5 group / has no member \"nothing\", but",
		"outer":   "/outer: is not a data set: it has no data space",
		"scalar/": "",
		"text/a":  "HDF5 group /text: is not a group",
	} {
		d, err := g.Dataset(path)
		if err == nil {
			_, err = d.Float64s()
		}
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if _, err := Open([]byte("no HDF5")); err == nil || !strings.Contains(err.Error(), "signature") {
		t.Error(err)
	}
	b, err := os.ReadFile("testdata/earliest.h5")
	if err != nil {
		t.Fatal(err)
	}
	// A file that is cut off.
	at := bytes.Index(b, []byte("SNOD"))
	if at < 0 {
		t.Fatal("no symbol table")
	}
	for _, n := range []int{8, 20, 96, at + 4} {
		f, err := Open(b[:n])
		if err == nil {
			_, err = f.Root()
		}
		if err == nil {
			t.Errorf("%d of %d bytes are a file", n, len(b))
		}
	}
}

// all reads everything that a file has, a few levels deep.
func all(g *Group, depth int) (numbers int) {
	for _, name := range g.Names() {
		if d, err := g.Dataset(name); err == nil {
			v, _ := d.Float64s()
			w, _ := d.Int64s()
			numbers += len(v) + len(w)
		} else if sub, err := g.Group(name); err == nil && depth > 0 {
			numbers += all(sub, depth-1)
		}
	}
	return numbers
}

// Damage anywhere is an error or another number, never a panic, and costs bounded memory.
func TestDamage(t *testing.T) {
	b, err := os.ReadFile("testdata/latest.h5")
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(b); at += 97 {
		for _, v := range []byte{0, 0xff} {
			old := b[at]
			b[at] = v
			if f, err := Open(b); err == nil {
				if g, err := f.Root(); err == nil && at%5 == 0 {
					all(g, 0)
				}
			}
			b[at] = old
		}
	}
}

func FuzzOpen(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.h5")
	for _, name := range append(files, "../grid/published/testdata/ds/train/input_data.h5") {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Open(b)
		if err != nil {
			return
		}
		if g, err := file.Root(); err == nil {
			all(g, 3)
		}
	})
}
