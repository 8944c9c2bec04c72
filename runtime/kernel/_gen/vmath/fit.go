package main

import "math"

// fit gives the coefficients, lowest power first, of the polynomial of n coefficients that
// interpolates f at the Chebyshev nodes of [a, b]: within a small factor of the best one.
func fit(f func(x real) real, a, b float64, n int) []real {
	x, d := make([]real, n), make([]real, n)
	for i := range n {
		node := (a+b)/2 + (b-a)/2*math.Cos(math.Pi*(float64(i)+0.5)/float64(n))
		if math.Abs(node) < 1e-9 {
			node = 1e-6 // the fitted functions have removable singularities at 0
		}
		x[i] = num(node)
		d[i] = f(x[i])
	}
	// Newton's divided differences, then nested multiplication.
	for k := 1; k < n; k++ {
		for i := n - 1; i >= k; i-- {
			d[i] = div(sub(d[i], d[i-1]), sub(x[i], x[i-k]))
		}
	}
	p := make([]real, n)
	for i := range p {
		p[i] = num(0)
	}
	for i := n - 1; i >= 0; i-- {
		for k := n - 1; k > 0; k-- {
			p[k] = sub(p[k-1], mul(p[k], x[i]))
		}
		p[0] = sub(d[i], mul(p[0], x[i]))
	}
	return p
}

// fitError is the largest error of the polynomial p on [a, b], weighted.
func fitError(f func(x real) real, weight func(x float64) float64, p []real, a, b float64) float64 {
	worst := 0.0
	const points = 60
	for i := range points {
		at := a + (b-a)*(float64(i)+0.37)/points
		x, y := num(at), num(0)
		for k := len(p) - 1; k >= 0; k-- {
			y = add(mul(y, x), p[k])
		}
		e, _ := sub(y, f(x)).Float64()
		worst = max(worst, math.Abs(e*weight(at)))
	}
	return worst
}
