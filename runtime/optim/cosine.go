package optim

import "math"

// cosPi is cos(pi a/b) for 0 <= a <= 2b, exact at multiples of a half.
func cosPi(a, b int) float64 {
	if a > b {
		a = 2*b - a
	}
	return cosPiOf(float64(a) / float64(b))
}

// cosPiOf is cos(pi x) for 0 <= x <= 1, absolute error below 4e-16. Products, quotients and sums
// only, none fused, so that its bits do not depend on the platform; package math promises less.
func cosPiOf(x float64) float64 {
	switch {
	case x > 0.75:
		return -cosSmall(1 - x)
	case x > 0.25:
		return sinSmall(0.5 - x)
	}
	return cosSmall(x)
}

// cosSmall is cos(pi x) and sinSmall is sin(pi x) for |x| <= 1/4, by Taylor: with pi x <= 0.786
// the first term left out is below 3e-18.
func cosSmall(x float64) float64 { return taylor(float64(math.Pi*x), 16) }

func sinSmall(x float64) float64 {
	r := float64(math.Pi * x)
	return float64(r * taylor(r, 17))
}

// taylor is 1 - r^2/(k(k-1)) (1 - ...) with the innermost term of order `order`: even orders give
// cos r, odd ones sin(r)/r.
func taylor(r float64, order int) float64 {
	r2, y := float64(r*r), 1.0
	for k := order; k > 1; k -= 2 {
		y = 1 - float64(float64(r2*y)/float64(k*(k-1)))
	}
	return y
}
