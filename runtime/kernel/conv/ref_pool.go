package conv

import "math"

// eachWindow calls f for every window of channels from..to with the index of its first sample
// in y.
func (p Pool2D) eachWindow(from, to int, f func(c, oy, ox, y int)) {
	for c := from; c < to; c++ {
		for oy := range p.OH() {
			for ox := range p.OW() {
				f(c, oy, ox, ((c*p.OH()+oy)*p.OW()+ox)*p.N)
			}
		}
	}
}

// eachElement calls f with the index of the first sample in x of every position of a window
// inside the image.
func (p Pool2D) eachElement(c, oy, ox int, f func(x int)) {
	for ky := range p.KH {
		for kx := range p.KW {
			iy, ix := oy*p.StrideH+ky-p.PadH, ox*p.StrideW+kx-p.PadW
			if iy >= 0 && iy < p.H && ix >= 0 && ix < p.W {
				f(((c*p.H+iy)*p.W + ix) * p.N)
			}
		}
	}
}

// argmax is the index of the maximum of a window, for the sample n.
func argmax[T float32 | float64](p Pool2D, c, oy, ox, n int, x []T) int {
	best := -1
	p.eachElement(c, oy, ox, func(i int) {
		if v := x[i+n]; best < 0 || v > x[best] || math.IsNaN(float64(v)) {
			best = i + n
		}
	})
	return best
}

// MaxPoolRef is MaxPool of all chunks in pure Go.
func MaxPoolRef[T float32 | float64](p Pool2D, y, x []T) {
	checkPool(p, len(y), len(x))
	maxPoolRef(p, 0, p.C, y, x)
}

func maxPoolRef[T float32 | float64](p Pool2D, from, to int, y, x []T) {
	p.eachWindow(from, to, func(c, oy, ox, at int) {
		for n := range p.N {
			y[at+n] = x[argmax(p, c, oy, ox, n, x)]
		}
	})
}

// MaxPoolGradRef is MaxPoolGrad of all chunks in pure Go.
func MaxPoolGradRef[T float32 | float64](p Pool2D, dx, x, dy []T, accumulate bool) {
	checkPool(p, len(dy), len(x), len(dx))
	if !accumulate {
		clear(dx)
	}
	maxPoolGradRef(p, 0, p.C, dx, x, dy)
}

func maxPoolGradRef[T float32 | float64](p Pool2D, from, to int, dx, x, dy []T) {
	p.eachWindow(from, to, func(c, oy, ox, at int) {
		for n := range p.N {
			dx[argmax(p, c, oy, ox, n, x)] += dy[at+n]
		}
	})
}

// AvgPoolRef is AvgPool of all chunks in pure Go.
func AvgPoolRef[T float32 | float64](p Pool2D, y, x []T) {
	checkPool(p, len(y), len(x))
	avgPoolRef(p, 0, p.C, y, x)
}

func avgPoolRef[T float32 | float64](p Pool2D, from, to int, y, x []T) {
	p.eachWindow(from, to, func(c, oy, ox, at int) {
		out := y[at : at+p.N]
		clear(out)
		p.eachElement(c, oy, ox, func(i int) {
			for n := range out {
				out[n] += x[i+n]
			}
		})
		for n := range out {
			out[n] /= T(p.KH * p.KW)
		}
	})
}

// AvgPoolGradRef is AvgPoolGrad of all chunks in pure Go.
func AvgPoolGradRef[T float32 | float64](p Pool2D, dx, dy []T, accumulate bool) {
	checkPool(p, len(dy), len(dx))
	if !accumulate {
		clear(dx)
	}
	avgPoolGradRef(p, 0, p.C, dx, dy)
}

func avgPoolGradRef[T float32 | float64](p Pool2D, from, to int, dx, dy []T) {
	p.eachWindow(from, to, func(c, oy, ox, at int) {
		p.eachElement(c, oy, ox, func(i int) {
			for n := range p.N {
				dx[i+n] += dy[at+n] / T(p.KH*p.KW)
			}
		})
	})
}
