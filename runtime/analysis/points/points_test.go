package points

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/tensor"
)

func random(n, d int, shift float32) Points {
	r := rand.New(rand.NewPCG(1, 2))
	p := Points{N: n, D: d, Data: make([]float32, n*d)}
	for i := range p.Data {
		p.Data[i] = float32(r.NormFloat64()) + shift
	}
	return p
}

// Distances equal those summed directly, also where the Gram matrix cancels: far from the origin,
// for points that nearly coincide or are equal.
func TestDistances(t *testing.T) {
	p := random(230, 50, 1000)
	copy(p.Row(1), p.Row(0))
	copy(p.Row(2), p.Row(0))
	p.Row(2)[7] += 1e-3
	d, err := p.Distances(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	// The bound of Distances: half of 2e6 D u.
	tolerance := 1e6 * float64(p.D) * 0x1p-53
	for i := range p.N {
		for j := range p.N {
			want := math.Sqrt(SquaredDistance(p.Row(i), p.Row(j)))
			if got := d.At(i, j); math.Abs(got-want) > tolerance*want {
				t.Fatalf("distance of %d and %d is %g, want %g", i, j, got, want)
			}
		}
	}
	if d.At(0, 1) != 0 || d.At(0, 2) == 0 {
		t.Errorf("equal points are %g apart, near ones %g", d.At(0, 1), d.At(0, 2))
	}
	one, err := p.Distances(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for k := range d.D {
		if d.D[k] != one.D[k] {
			t.Fatal("workers change bits")
		}
	}
}

func TestSelect(t *testing.T) {
	p := random(9, 4, 0)
	rows := []int{7, 2, 5}
	d, err := p.Distances(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	s := d.Select(rows)
	for i := range rows {
		for j := range rows {
			if s.At(i, j) != d.At(rows[i], rows[j]) {
				t.Errorf("distance (%d, %d) is lost", i, j)
			}
		}
		if p.Select(rows).Row(i)[3] != p.Row(rows[i])[3] || p.Section(2, 2).Row(i)[1] != p.Row(i)[3] {
			t.Errorf("point %d is lost", i)
		}
	}
	s.Set(2, 0, 42)
	if s.At(0, 2) != 42 {
		t.Error("Set did not set")
	}
	p.Row(3)[1], p.Row(5)[0] = float32(math.NaN()), float32(math.Inf(-1))
	if keep := p.Finite(); len(keep) != 7 || keep[3] != 4 || keep[4] != 6 {
		t.Errorf("finite points are %v", keep)
	}
}

func TestErrors(t *testing.T) {
	if _, err := New(make([]float32, 7), 3); err == nil {
		t.Error("7 values are 3-dimensional points")
	}
	for _, d := range [][]float64{{1, 2}, {1, 2, math.NaN()}, {1, 2, -1}, {1, 2, math.Inf(1)}} {
		if _, err := NewDistances(d, 3); err == nil {
			t.Errorf("%v are distances", d)
		}
	}
}

func TestLayers(t *testing.T) {
	layers := Layers([]tensor.Param{
		{Name: "conv1.weight", Shape: []int{2, 3}},
		{Name: "bn1.weight", Shape: []int{2}, Offset: 6},
		{Name: "bn1.bias", Shape: []int{2}, Offset: 8},
		{Name: "fc.weight", Shape: []int{4, 2}, Offset: 10},
		{Name: "fc.bias", Shape: []int{4}, Offset: 18},
		{Name: "bn1.running_mean", Shape: []int{2}, Offset: 22},
	})
	want := []Layer{{Name: "conv1", Size: 6}, {Name: "bn1", Offset: 6, Size: 4}, {Name: "fc", Offset: 10, Size: 12}}
	if len(layers) != len(want) {
		t.Fatalf("layers are %v", layers)
	}
	for i, l := range layers {
		if l.Name != want[i].Name || l.Offset != want[i].Offset || l.Size != want[i].Size {
			t.Errorf("layer %d is %v", i, l)
		}
	}
}
