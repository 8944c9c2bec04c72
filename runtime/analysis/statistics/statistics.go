// Package statistics summarises weights and populations: s(W), the layer-wise statistics that
// probes take as features (method card "model zoos", section 6; Unterthiner et al. 2020), and
// the numbers of box plots.
package statistics

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/weightspace/weightspace/runtime/analysis/points"
	"github.com/weightspace/weightspace/runtime/par"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// PerParameter is the number of features of a weight or bias tensor: mean, variance and the
// percentiles 1, 25, 50, 75 and 99.
const PerParameter = 7

var percentiles = [...]float64{0.01, 0.25, 0.5, 0.75, 0.99}

var featureNames = [PerParameter]string{"mean", "variance", "p1", "p25", "p50", "p75", "p99"}

// Names are the names of the features of Weights, such as "module_list.0.weight/p25": seven for
// each trained parameter, in the order of the row. cnn-small has 70.
func Names(params []tensor.Param) []string {
	var names []string
	for _, p := range points.Trained(params) {
		for _, f := range featureNames {
			names = append(names, p.Name+"/"+f)
		}
	}
	return names
}

// Weights computes s(W) of every point: [N, PerParameter x trained parameters], row by row. The
// variance is the population's (divided by the count), percentiles are interpolated linearly,
// both as in NumPy. Points must be finite (points.Finite).
func Weights(ctx context.Context, workers int, p points.Points, params []tensor.Param) ([]float64, error) {
	trained := points.Trained(params)
	for _, t := range trained {
		if t.Offset < 0 || t.Size() == 0 || t.Offset+t.Size() > p.D {
			return nil, fmt.Errorf("statistics: %s lies outside rows of %d weights", t.Name, p.D)
		}
	}
	width := PerParameter * len(trained)
	features := make([]float64, p.N*width)
	scratch := make([][]float64, par.Workers(workers))
	err := par.For(ctx, len(scratch), p.N, func(w, i int) {
		for j, t := range trained {
			scratch[w] = scratch[w][:0]
			for _, v := range p.Row(i)[t.Offset:][:t.Size()] {
				scratch[w] = append(scratch[w], float64(v))
			}
			fill(features[i*width+j*PerParameter:][:PerParameter], scratch[w])
		}
	})
	return features, err
}

// fill computes the features of one parameter; it sorts values.
func fill(dst, values []float64) {
	mean := Mean(values)
	variance := 0.0
	for _, v := range values {
		variance += (v - mean) * (v - mean)
	}
	dst[0], dst[1] = mean, variance/float64(len(values))
	slices.Sort(values)
	for i, q := range percentiles {
		dst[2+i] = Quantile(values, q)
	}
}

// Mean is the mean of values; NaN for none.
func Mean(values []float64) float64 {
	s := 0.0
	for _, v := range values {
		s += v
	}
	return s / float64(len(values))
}

// Quantile is the q-quantile, q in [0, 1], of values in ascending order, interpolated linearly
// as NumPy's default does; NaN for none.
func Quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	i := min(int(at), len(sorted)-1)
	j := min(i+1, len(sorted)-1)
	a, b, t := sorted[i], sorted[j], at-float64(i)
	// NumPy's lerp: from the nearer end.
	if t >= 0.5 {
		return b - (b-a)*(1-t)
	}
	return a + (b-a)*t
}

// Summary describes a population of numbers, such as the test accuracies of a zoo.
type Summary struct {
	// Count is the number of values that are not NaN; Missing the number of those that are.
	Count, Missing int
	// Mean and Deviation (divided by Count-1; NaN below two values).
	Mean, Deviation float64
	// The quartiles are interpolated linearly.
	Min, Q1, Median, Q3, Max float64
	// Low and High are the ends of Tukey's whiskers: the outermost values within 1.5 (Q3-Q1) of the box.
	Low, High float64
	// Outliers are the values beyond the whiskers, ascending.
	Outliers []float64
}

// Summarise computes the numbers of a box plot. Without values, all are NaN.
func Summarise(values []float64) Summary {
	sorted := make([]float64, 0, len(values))
	for _, v := range values {
		if !math.IsNaN(v) {
			sorted = append(sorted, v)
		}
	}
	nan := math.NaN()
	s := Summary{
		Count: len(sorted), Missing: len(values) - len(sorted),
		Mean: nan, Deviation: nan, Min: nan, Q1: nan, Median: nan, Q3: nan, Max: nan, Low: nan, High: nan,
	}
	if s.Count == 0 {
		return s
	}
	slices.Sort(sorted)
	s.Mean = Mean(sorted)
	squares := 0.0
	for _, v := range sorted {
		squares += (v - s.Mean) * (v - s.Mean)
	}
	if s.Count > 1 {
		s.Deviation = math.Sqrt(squares / float64(s.Count-1))
	}
	s.Min, s.Max = sorted[0], sorted[s.Count-1]
	s.Q1, s.Median, s.Q3 = Quantile(sorted, 0.25), Quantile(sorted, 0.5), Quantile(sorted, 0.75)
	reach := 1.5 * (s.Q3 - s.Q1)
	for _, v := range sorted {
		if v < s.Q1-reach || v > s.Q3+reach {
			s.Outliers = append(s.Outliers, v)
			continue
		}
		if math.IsNaN(s.Low) {
			s.Low = v
		}
		s.High = v
	}
	return s
}
