// Package detmath has the float64 elementary functions that training depends on, with the
// same bits on every platform: sums, products, quotients and square roots only, and explicit
// conversions so that no compiler fuses a multiplication with an addition. Package math is
// no substitute: it has assembly on some architectures, and its Go code may be fused.
package detmath

import "math"

const (
	ln2Hi = 6.93147180369123816490e-01
	ln2Lo = 1.90821492927058770002e-10
)

// horner evaluates a polynomial, highest power first.
func horner(x float64, c ...float64) float64 {
	y := c[0]
	for _, k := range c[1:] {
		y = float64(float64(y*x) + k)
	}
	return y
}

// Log is the natural logarithm of a positive normal number, within 1 ULP (the method of
// FreeBSD's e_log.c). Log(0) is -Inf; NaN and negative numbers give NaN.
func Log(x float64) float64 {
	switch {
	case x != x || x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	case x > math.MaxFloat64:
		return x
	}
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = m*2, e-1
	}
	f, k := m-1, float64(e)
	s := f / (2 + f)
	s2 := float64(s * s)
	s4 := float64(s2 * s2)
	t1 := float64(s2 * horner(s4, 1.479819860511658591e-01, 1.818357216161805012e-01, 2.857142874366239149e-01, 6.666666666666735130e-01))
	t2 := float64(s4 * horner(s4, 1.531383769920937332e-01, 2.222219843214978396e-01, 3.999999999940941908e-01))
	r := t1 + t2
	half := float64(float64(0.5*f) * f)
	low := float64(float64(s*float64(half+r)) + float64(k*ln2Lo))
	return float64(k*ln2Hi) - float64(float64(half-low)-f)
}

// Exp is e^x within 2 ULP for |x| <= 700; x is bounded to that range, NaN stays NaN.
func Exp(x float64) float64 {
	if x != x {
		return x
	}
	x = math.Min(700, math.Max(-700, x))
	n := math.RoundToEven(float64(x * math.Log2E))
	r := float64(float64(x-float64(n*ln2Hi)) - float64(n*ln2Lo))
	// Taylor to r^13 with |r| <= 0.347: the next term is 4e-18.
	p := 1.0
	for i := 13; i > 0; i-- {
		p = float64(float64(float64(p*r)*inverse[i]) + 1)
	}
	return p * math.Float64frombits(uint64(int64(n)+1023)<<52)
}

// inverse[i] is 1/i.
var inverse = func() (t [14]float64) {
	for i := 1; i < len(t); i++ {
		t[i] = 1 / float64(i)
	}
	return t
}()

// NormalQuantile is the inverse of the standard normal distribution function for 0 < p < 1,
// relative error about 1e-15. Wichura, Algorithm AS 241, Appl. Statist. 37 (1988).
func NormalQuantile(p float64) float64 {
	q := p - 0.5
	if math.Abs(q) <= 0.425 {
		r := float64(0.180625 - float64(q*q))
		return q * horner(r, 2.5090809287301226727e+3, 3.3430575583588128105e+4, 6.7265770927008700853e+4, 4.5921953931549871457e+4,
			1.3731693765509461125e+4, 1.9715909503065514427e+3, 1.3314166789178437745e+2, 3.3871328727963666080e0) /
			horner(r, 5.2264952788528545610e+3, 2.8729085735721942674e+4, 3.9307895800092710610e+4, 2.1213794301586595867e+4,
				5.3941960214247511077e+3, 6.8718700749205790830e+2, 4.2313330701600911252e+1, 1)
	}
	r := p
	if q > 0 {
		r = 1 - p
	}
	r = math.Sqrt(-Log(r))
	var x float64
	if r <= 5 {
		r -= 1.6
		x = horner(r, 7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0,
			3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0) /
			horner(r, 1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
				6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1)
	} else {
		r -= 5
		x = horner(r, 2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
			2.96560571828504891230e-1, 1.78482653991729133580e0, 5.46378491116411436990e0, 6.65790464350110377720e0) /
			horner(r, 2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
				1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1)
	}
	if q < 0 {
		return -x
	}
	return x
}
