package main

import (
	"math"
	"slices"
)

// median of a copy; NaN of nothing.
func median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(x))
	m := len(s) / 2
	if len(s)%2 == 1 {
		return s[m]
	}
	return (s[m-1] + s[m]) / 2
}

// ratio is the median over rounds of a[i]/b[i]: runs of one round are neighbours in time, so what
// slows the machine for a while slows both. Rounds that one of them lacks are left out.
func ratio(a, b []float64) float64 {
	var r []float64
	for i := range min(len(a), len(b)) {
		r = append(r, a[i]/b[i])
	}
	return median(r)
}
