package static

import "math"

// sincos is sin x and cos x within 1 ULP for |x| < 1000, with the same bits on every platform: the
// polynomials of FreeBSD's k_sin.c and k_cos.c with explicit conversions, so that no compiler fuses.
func sincos(x float64) (sin, cos float64) {
	const pio2Hi, pio2Lo = 1.57079632673412561417e+00, 6.07710050650619224932e-11
	n := math.RoundToEven(float64(x * (2 / math.Pi)))
	r := float64(x - float64(n*pio2Hi))
	w := float64(n * pio2Lo)
	y := float64(r - w)
	tail := float64(float64(r-y) - w)
	z := float64(y * y)
	s, c := sinPoly(y, z, tail), cosPoly(y, z, tail)
	switch int64(n) & 3 {
	case 0:
		return s, c
	case 1:
		return c, -s
	case 2:
		return -s, -c
	default:
		return -c, s
	}
}

// sinPoly is sin(y + tail) with z = y^2, |y| <= pi/4.
func sinPoly(y, z, tail float64) float64 {
	p := 1.58969099521155010221e-10
	for _, c := range [...]float64{-2.50507602534068634195e-08, 2.75573137070700676789e-06, -1.98412698298579493134e-04, 8.33333333332248946124e-03} {
		p = float64(float64(p*z) + c)
	}
	v := float64(z * y)
	a := float64(float64(z*float64(float64(0.5*tail)-float64(v*p))) - tail)
	return y - float64(a-float64(v*-1.66666666666666324348e-01))
}

// cosPoly is cos(y + tail).
func cosPoly(y, z, tail float64) float64 {
	p := -1.13596475577881948265e-11
	for _, c := range [...]float64{2.08757232129817482790e-09, -2.75573143513906633035e-07, 2.48015872894767294178e-05, -1.38888888888741095749e-03, 4.16666666666666019037e-02} {
		p = float64(float64(p*z) + c)
	}
	p = float64(p * z)
	h := float64(0.5 * z)
	w := 1 - h
	return w + float64(float64(float64(1-w)-h)+float64(float64(z*p)-float64(y*tail)))
}
