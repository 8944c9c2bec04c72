package kernel

import (
	"math"

	"github.com/weightspace/weightspace/runtime/kernel/fma"
	"github.com/weightspace/weightspace/runtime/rng"
)

// The pure-Go twins of the elementwise assembly. Every expression is one rounding per
// operation: explicit conversions keep compilers from fusing.

func mulRef(dst, a, b []float32) {
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

func addRef(dst, a, b []float32) {
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

func checkRef(bad *[Lanes]float32, x []float32) {
	*bad = [Lanes]float32{}
	for i, v := range x {
		bad[i%Lanes] = fma.F32(v, 0, bad[i%Lanes])
	}
}

// dropoutRef applies draws to y and d; see Draws.
func dropoutRef(y, d []float32, draws *Draws) {
	field := func(i, lane int) uint32 { return draws.fields[i*Lanes+lane] }
	const perBlock = 8
	for at, i := 0, uint32(0); at < len(y); at, i = at+perBlock*Lanes, i+1 {
		for lane := range Lanes {
			b := rng.Philox([4]uint32{i, field(dropSample, lane), field(dropStepLow, lane), field(dropStepHigh, lane)},
				[2]uint32{field(dropKey0, lane), field(dropKey1, lane)})
			keep := math.Float32frombits(field(dropKeep, lane))
			for j, p := 0, at+lane; j < perBlock && p < len(y); j, p = j+1, p+Lanes {
				if b[j>>1]>>(16*(j&1))&0xffff < field(dropThreshold, lane) {
					y[p], d[p] = 0, 0
					continue
				}
				y[p] *= keep
				d[p] *= keep
			}
		}
	}
}

// reluRef: y = max(0, x), d = 1 where x > 0.
func reluRef(y, d, x []float32) {
	for i, v := range x {
		d[i] = 0
		if v > 0 {
			d[i] = 1
		}
		y[i] = larger(0, v)
	}
}

const (
	log2e = 1.44269504088896341
	ln2Hi = 0.693359375
	ln2Lo = -2.12194440e-4
	// shift puts round(x)+127 into the low bits of a float32.
	shift = 12582912 + 127
	bound = 87
	// tiny is the magnitude below which optimiser moments become 0, so that they never turn
	// subnormal.
	tiny = 1e-30
)

// expParts gives scale = 2^n and part = e^r - 1 with x = n ln 2 + r, after x is bounded to
// [-87, 87]: e^x = scale + scale*part. NaN stays NaN.
func expParts(x float32) (scale, part float32) {
	x = smaller(bound, larger(-bound, x))
	t := fma.F32(log2e, x, shift)
	n := float32(t - shift)
	r := fma.F32(-ln2Hi, n, x)
	r = fma.F32(-ln2Lo, n, r)
	q := float32(1. / 5040)
	q = fma.F32(r, q, 1./720)
	q = fma.F32(r, q, 1./120)
	q = fma.F32(r, q, 1./24)
	q = fma.F32(r, q, 1./6)
	q = fma.F32(r, q, 1./2)
	return math.Float32frombits(math.Float32bits(t) << 23), fma.F32(q, float32(r*r), r)
}

const (
	magnitude = 0x7fffffff
	signBit   = 0x80000000
)

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) & magnitude) }

func withSign(x, sign float32) float32 {
	return math.Float32frombits(math.Float32bits(x) | math.Float32bits(sign)&signBit)
}

// tanhRef: t = e^(2|x|)-1, y = sign(x) t/(t+2), d = 1-y^2.
func tanhRef(y, d, x []float32) {
	for i, v := range x {
		a := abs(v)
		scale, part := expParts(float32(a + a))
		t := fma.F32(scale, part, float32(scale-1))
		u := withSign(float32(t/float32(t+2)), v)
		y[i], d[i] = u, fma.F32(-u, u, 1)
	}
}

// logistic is 1/(1+e^-x).
func logistic(x float32) float32 {
	scale, part := expParts(-x)
	e := fma.F32(scale, part, scale)
	return float32(1 / float32(1+e))
}

// sigmoidRef: y = 1/(1+e^-x), d = y(1-y).
func sigmoidRef(y, d, x []float32) {
	for i, v := range x {
		u := logistic(v)
		y[i], d[i] = u, fma.F32(-u, u, u)
	}
}

// siluRef: s = 1/(1+e^-x), y = x s, d = s + y (1-s).
func siluRef(y, d, x []float32) {
	for i, v := range x {
		u := logistic(v)
		p := float32(v * u)
		y[i], d[i] = p, fma.F32(p, float32(1-u), u)
	}
}

// leakySlope is the slope of LeakyReLU below zero.
const leakySlope = 0.01

// leakyRef: y = x and d = 1 for x > 0, y = x/100 and d = 1/100 elsewhere.
func leakyRef(y, d, x []float32) {
	for i, v := range x {
		s := float32(leakySlope)
		if v > 0 {
			s = 1
		}
		y[i], d[i] = v*s, s
	}
}

// geluRef: y = x Phi(x), d = Phi(x) + x phi(x). The tail of the normal law is
// phi(x) t (b1 + b2 t + ...), t = 1/(1+p x), NBS handbook 26.2.17, |error| < 7.5e-8.
func geluRef(y, d, x []float32) {
	for i, v := range x {
		a := abs(v)
		scale, part := expParts(float32(float32(-0.5*a) * a))
		phi := float32(fma.F32(scale, part, scale) * 0.398942280401432678)
		t := float32(1 / fma.F32(0.2316419, a, 1))
		q := float32(1.330274429)
		q = fma.F32(t, q, -1.821255978)
		q = fma.F32(t, q, 1.781477937)
		q = fma.F32(t, q, -0.356563782)
		q = fma.F32(t, q, 0.319381530)
		q = float32(float32(q*t) * phi)
		h := float32(withSign(float32(0.5-q), v) + 0.5)
		y[i], d[i] = float32(v*h), fma.F32(phi, v, h)
	}
}

func flush(x float32) float32 {
	if abs(x) < tiny {
		return 0
	}
	return x
}

// adamRef is one Adam step on w with moments m and v; see Adam for the symbols. The lane of an
// element is its index modulo 16.
func adamRef(w, m, v, g []float32, r *Rates, a adamArgs) {
	for i := range w {
		gi := fma.F32(r.decay[i%Lanes], w[i], g[i])
		m[i] = flush(fma.F32(a.rate1, float32(gi-m[i]), m[i]))
		v[i] = flush(fma.F32(float32(a.rate2*gi), gi, float32(a.beta2*v[i])))
		den := float32(float32(float32(math.Sqrt(float64(v[i])))/a.root) + a.eps)
		w[i] = fma.F32(r.step[i%Lanes], float32(m[i]/den), w[i])
	}
}

// sgdRef is one SGD step on w with momentum buffer m.
func sgdRef(w, m, g []float32, r *Rates, momentum float32) {
	for i := range w {
		gi := fma.F32(r.decay[i%Lanes], w[i], g[i])
		m[i] = flush(fma.F32(momentum, m[i], gi))
		w[i] = fma.F32(r.step[i%Lanes], m[i], w[i])
	}
}
