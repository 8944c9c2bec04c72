package report

import (
	"math"
	"slices"
)

// quantile is the p-quantile of sorted values by linear interpolation between order
// statistics (numpy's default, type 7 of Hyndman and Fan). NaN for no values.
func quantile(sorted []float64, p float64) float64 {
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	pos := p * float64(n-1)
	lo := int(pos)
	if lo >= n-1 {
		return sorted[n-1]
	}
	frac := pos - float64(lo)
	return sorted[lo] + frac*(sorted[lo+1]-sorted[lo])
}

// stats summarises values; the standard deviation is the population's, as in `kubectl get`.
type stats struct {
	N                           int
	Mean, Std                   float64
	Min, P5, P25, P50, P75, P95 float64
	Max                         float64
	sorted                      []float64
}

// summarise sorts a copy of the finite values and describes them. With none, every figure is NaN.
func summarise(values []float64) stats {
	sorted := make([]float64, 0, len(values))
	for _, v := range values {
		if finite(v) {
			sorted = append(sorted, v)
		}
	}
	slices.Sort(sorted)
	s := stats{
		N: len(sorted), sorted: sorted,
		Min: quantile(sorted, 0), P5: quantile(sorted, 0.05), P25: quantile(sorted, 0.25), P50: quantile(sorted, 0.5),
		P75: quantile(sorted, 0.75), P95: quantile(sorted, 0.95), Max: quantile(sorted, 1),
	}
	s.Mean, s.Std = meanStd(sorted)
	return s
}

// meanStd is the mean and population standard deviation, in two passes.
func meanStd(values []float64) (mean, std float64) {
	if len(values) == 0 {
		return math.NaN(), math.NaN()
	}
	for _, v := range values {
		mean += v
	}
	mean /= float64(len(values))
	for _, v := range values {
		std += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(std / float64(len(values)))
}

// thin keeps at most n of sorted values, evenly spaced in rank and with both ends, so that
// the sample has the quantiles of the whole.
func thin(sorted []float64, n int) []float64 {
	if len(sorted) <= n {
		return sorted
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = sorted[i*(len(sorted)-1)/(n-1)]
	}
	return out
}

// jitter spreads the i-th point over [-0.5, 0.5) by the golden-ratio sequence: even cover, no
// generator, the same picture every time.
func jitter(i int) float64 {
	const golden = 0.6180339887498949
	_, frac := math.Modf(float64(i+1) * golden)
	return frac - 0.5
}
