package statistics

import (
	"math"
	"slices"
	"testing"

	"github.com/weightspace/weightspace/runtime/analysis/internal/lcg"
	"github.com/weightspace/weightspace/runtime/analysis/points"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// s(W) of weights and biases is NumPy's.
func TestWeights(t *testing.T) {
	var golden struct{ Features [][]float64 }
	lcg.Golden(t, &golden)
	p, err := points.New(lcg.Numbers(1, 3*37), 37)
	if err != nil {
		t.Fatal(err)
	}
	params := []tensor.Param{{Name: "0.weight", Shape: []int{5, 6}}, {Name: "0.bias", Shape: []int{7}, Offset: 30}}
	got, err := Weights(t.Context(), 2, p, params)
	if err != nil {
		t.Fatal(err)
	}
	names := Names(params)
	if len(names) != 14 || names[8] != "0.bias/variance" {
		t.Fatalf("names are %v", names)
	}
	for i, row := range golden.Features {
		for k, want := range row {
			lcg.Near(t, names[k], got[i*14+k], want, 1e-14)
		}
	}
}

// Five layers of weights and biases have 70 features; statistics of normalisations have none.
func TestNames(t *testing.T) {
	var params []tensor.Param
	for _, n := range []string{"0", "3", "6", "9", "11"} {
		params = append(params, tensor.Param{Name: n + ".weight", Shape: []int{1}}, tensor.Param{Name: n + ".bias", Shape: []int{1}})
	}
	params = append(params, tensor.Param{Name: "1.running_var", Shape: []int{1}})
	if n := len(Names(params)); n != 70 {
		t.Errorf("%d features, want 70", n)
	}
	p := points.Points{N: 1, D: 5, Data: make([]float32, 5)}
	if _, err := Weights(t.Context(), 1, p, []tensor.Param{{Name: "a", Shape: []int{6}}}); err == nil {
		t.Error("a parameter outside the row is taken")
	}
}

func TestSummarise(t *testing.T) {
	s := Summarise([]float64{3, 1, math.NaN(), 2, 4, 100})
	want := Summary{
		Count: 5, Missing: 1, Mean: 22, Deviation: math.Sqrt((21*21 + 19*19 + 20*20 + 18*18 + 78*78) / 4.0),
		Min: 1, Q1: 2, Median: 3, Q3: 4, Max: 100, Low: 1, High: 4, Outliers: []float64{100},
	}
	if !slices.Equal(s.Outliers, want.Outliers) || s.Count != 5 || s.Missing != 1 {
		t.Errorf("summary is %+v", s)
	}
	for _, v := range [][2]float64{{s.Mean, want.Mean}, {s.Deviation, want.Deviation}, {s.Q1, 2}, {s.Median, 3}, {s.Q3, 4}, {s.Low, 1}, {s.High, 4}, {s.Min, 1}, {s.Max, 100}} {
		lcg.Near(t, "value", v[0], v[1], 1e-14)
	}
	if e := Summarise(nil); e.Count != 0 || !math.IsNaN(e.Median) || !math.IsNaN(e.Mean) {
		t.Errorf("nothing is summarised as %+v", e)
	}
	if one := Summarise([]float64{7}); one.Median != 7 || one.Low != 7 || !math.IsNaN(one.Deviation) {
		t.Errorf("one value is summarised as %+v", one)
	}
}
