package program

import (
	"math"
	"slices"
)

// spreadOf sums up values; all NaN if there are none. The order of values does not matter but for the last bits of the mean.
func spreadOf(values []float64) spread {
	if len(values) == 0 {
		nan := number6(math.NaN())
		return spread{nan, nan, nan, nan, nan, nan, nan}
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	at := func(p float64) number6 {
		x := p * float64(len(sorted)-1)
		i := min(int(x), len(sorted)-1)
		j := min(i+1, len(sorted)-1)
		return number6(sorted[i] + float64((x-float64(i))*(sorted[j]-sorted[i])))
	}
	return spread{Mean: number6(mean(sorted)), Std: number6(deviation(sorted)), Min: at(0), Q1: at(0.25), Median: at(0.5), Q3: at(0.75), Max: at(1)}
}

// mean of values, NaN of none.
func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// deviation is the standard deviation in population form.
func deviation(values []float64) float64 {
	m, sum := mean(values), 0.0
	for _, v := range values {
		sum += float64((v - m) * (v - m))
	}
	return math.Sqrt(sum / float64(len(values)))
}

// pearson is the correlation of two lists of the same length; NaN if one is constant.
func pearson(x, y []float64) float64 {
	mx, my := mean(x), mean(y)
	var xy, xx, yy float64
	for i := range x {
		dx, dy := x[i]-mx, y[i]-my
		xy += float64(dx * dy)
		xx += float64(dx * dx)
		yy += float64(dy * dy)
	}
	return xy / math.Sqrt(float64(xx*yy))
}

// ranks are from 1; equal values share the mean of theirs.
func ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case x[a] < x[b]:
			return -1
		case x[a] > x[b]:
			return 1
		}
		return 0
	})
	out := make([]float64, len(x))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && x[order[j]] == x[order[i]] {
			j++
		}
		for _, k := range order[i:max(j, i+1)] {
			out[k] = float64(i+max(j, i+1)+1) / 2
		}
		i = max(j, i+1)
	}
	return out
}
