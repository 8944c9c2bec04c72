package main

import (
	"fmt"
	"io"
	"math"
	"math/big"
)

// polynomial is a fitted function with the number of coefficients for each type.
type polynomial struct {
	name   string
	doc    string
	f      func(x real) real
	a, b   float64
	n32    int
	n64    int
	weight func(x float64) float64
}

// tailCentre is the c of t = (a-c)/(a+c), which maps the tail of the normal law to [-1, 1);
// tailEnd is where the law is 0 in float64.
const (
	tailCentre = 3.75
	tailEnd    = 40
)

var ln2Half = math.Ln2 / 2

var polynomials = []polynomial{
	{
		"exp", "(e^r-1-r)/r^2", func(x real) real { return div(sub(sub(exp(x), num(1)), x), mul(x, x)) },
		-ln2Half * 1.0001, ln2Half * 1.0001, 6, 11,
		func(x float64) float64 { return x * x / math.Abs(math.Expm1(x)) },
	},
	{
		"log", "(log(1+f)-f+f^2/2)/f^3", func(x real) real {
			return div(add(sub(log1p(x), x), mul(num(0.5), mul(x, x))), mul(x, mul(x, x)))
		},
		math.Sqrt(0.5) - 1, math.Sqrt2 - 1, 9, 20,
		func(x float64) float64 { return x * x * x / math.Log1p(x) },
	},
	{
		"sin", "(sin(r)-r)/r^3 in r^2", func(z real) real {
			x := sqrt(z)
			return div(sub(sin(x), x), mul(x, z))
		},
		1e-6, math.Pi * math.Pi / 16, 3, 6, func(z float64) float64 { return z },
	},
	{
		"cos", "(cos(r)-1+r^2/2)/r^4 in r^2", func(z real) real {
			return div(add(sub(cos(sqrt(z)), num(1)), mul(num(0.5), z)), mul(z, z))
		},
		1e-6, math.Pi * math.Pi / 16, 3, 6, func(z float64) float64 { return z * z / math.Cos(math.Sqrt(z)) },
	},
	{
		"tail", "(a+c) e^(a^2/2) Q(a) in (a-c)/(a+c)", func(t real) real {
			c := num(tailCentre)
			a := mul(c, div(add(num(1), t), sub(num(1), t)))
			return mul(add(a, c), mills(a))
		},
		-1, (tailEnd - tailCentre) / (tailEnd + tailCentre), 13, 25,
		func(float64) float64 { return 1 / 0.4 },
	},
	{
		"erf", "erf(x)/x-1 in x^2", func(z real) real { return sub(erfOverX(z), num(1)) },
		0, 1, 7, 12, func(float64) float64 { return 1 },
	},
}

// constant is a scalar of both types.
type constant struct {
	name, doc string
	v         func() real
	// bits, when positive, cuts the mantissa so that multiples are exact.
	bits32, bits64 int
	// after are the parts that are subtracted first.
	after []string
}

func ln2() real { return log1p(num(1)) }

var constants = []constant{
	{"log2e", "1/ln 2", func() real { return div(num(1), ln2()) }, 0, 0, nil},
	{"ln2Hi", "ln 2, cut so that multiples up to 2^11 are exact", ln2, 13, 42, nil},
	{"ln2Lo", "the rest of ln 2", ln2, 0, 0, []string{"ln2Hi"}},
	{"twoOverPi", "2/pi", func() real { return div(num(2), pi()) }, 0, 0, nil},
	{"halfPi1", "the first of three parts of pi/2", halfPi, 24, 53, nil},
	{"halfPi2", "its second part", halfPi, 24, 53, []string{"halfPi1"}},
	{"halfPi3", "its third part", halfPi, 0, 0, []string{"halfPi1", "halfPi2"}},
	{"sqrtHalf", "sqrt(1/2)", func() real { return sqrt(num(0.5)) }, 0, 0, nil},
	{"sqrt2", "sqrt(2)", func() real { return sqrt(num(2)) }, 0, 0, nil},
	{"sqrt2Minus1", "sqrt(2)-1", func() real { return sub(sqrt(num(2)), num(1)) }, 0, 0, nil},
	{"invSqrt2Pi", "1/sqrt(2 pi)", func() real { return div(num(1), sqrt(mul(num(2), pi()))) }, 0, 0, nil},
	{"tanhC1", "2 sqrt(2/pi)", tanhC1, 0, 0, nil},
	{"tanhC1Lo", "the rest of it", tanhC1, 0, 0, []string{"tanhC1"}},
	{"tanhC3", "0.044715 times it", tanhC3, 0, 0, nil},
	{"tanhC3Lo", "the rest of it", tanhC3, 0, 0, []string{"tanhC3"}},
	{"tanhC33", "3 times that", func() real { return mul(num(3), tanhC3()) }, 0, 0, nil},
}

func halfPi() real { return mul(num(0.5), pi()) }
func tanhC1() real { return mul(num(2), sqrt(div(num(2), pi()))) }
func tanhC3() real {
	return mul(div(num(44715), num(1e6)), tanhC1())
}

// choice is a scalar that follows from the format or bounds an argument.
type choice struct {
	name, doc string
	v32, v64  float64
	// special values cannot be written as Go constants.
	special bool
}

var choices = []choice{
	{"shift", "what rounds to integers when added: they land in the low bits", 0x1.8p23, 0x1.8p52, false},
	{"shiftBias", "shift plus the bias of exponents", 0x1.8p23 + 127, 0x1.8p52 + 1023, false},
	{"intShift", "the number whose low mantissa bits are those of a small integer added to it", 0x1p23, 0x1p52, false},
	{"intShiftBias", "intShift plus the bias of exponents", 0x1p23 + 127, 0x1p52 + 1023, false},
	{"minNormal", "the smallest normal number", 0x1p-126, 0x1p-1022, false},
	{"subnormalScale", "what makes subnormal numbers normal", 0x1p23, 0x1p52, false},
	{"subnormalExponent", "its exponent", 23, 52, false},
	{"expLow", "a bound below which e^x, x e^x and the like are 0", -120, -800, false},
	{"expHigh", "a bound above which e^x is infinite", 89, 710, false},
	{"expm1Low", "a bound below which e^x-1 is -1", -20, -40, false},
	{"tanhEnd", "a bound above which tanh is 1", 10, 20, false},
	{"erfEnd", "a bound above which erf is 1", 4, 6, false},
	{"tailEnd", "a bound above which x Q(x) is 0", 15, tailEnd, false},
	{"geluTanhEnd", "a bound below minus which GELUTanh is 0", 11, 22, false},
	{"angleEnd", "the largest argument of sin and cos", 0x1p17, 0x1p30, false},
	{"tailCentre", "the c of t = (a-c)/(a+c)", tailCentre, tailCentre, false},
	{"inf", "infinity", math.Inf(1), math.Inf(1), true},
	{"negInf", "minus infinity", math.Inf(-1), math.Inf(-1), true},
	{"nan", "not a number", math.NaN(), math.NaN(), true},
}

// table holds the coefficients of one type, highest power first, and scalars: all of them
// float64 values that the type represents exactly.
type table struct {
	poly   map[string][]float64
	scalar map[string]float64
}

// round rounds to the type, after cutting the mantissa to bits if that is positive.
func round(v real, double bool, bits int) float64 {
	if bits > 0 {
		v = new(big.Float).SetPrec(uint(bits)).SetMode(big.ToZero).Set(v)
	}
	if double {
		f, _ := v.Float64()
		return f
	}
	f, _ := v.Float32()
	return float64(f)
}

// anchor changes the last coefficient so that the polynomial, evaluated with the rounding of
// the type, is exactly y at x. For the tail this is Q(0) = 1/2, next to which GELU is half its
// argument: all of the error there would be the coefficients' rounding.
func anchor(p []float64, x, y float64, double bool) {
	last := len(p) - 1
	q := p[0]
	for _, k := range p[1:last] {
		q = round(add(mul(num(q), num(x)), num(k)), double, 0)
	}
	p[last] = round(sub(num(y), mul(num(q), num(x))), double, 0)
	if end := round(add(mul(num(q), num(x)), num(p[last])), double, 0); end != y {
		panic("no coefficient meets the anchor")
	}
}

// tables computes both types' coefficients and reports on log how good the fits are.
func tables(log io.Writer) (single, double table) {
	single = table{map[string][]float64{}, map[string]float64{}}
	double = table{map[string][]float64{}, map[string]float64{}}
	for _, p := range polynomials {
		for _, t := range []struct {
			table
			n      int
			double bool
		}{{single, p.n32, false}, {double, p.n64, true}} {
			c := fit(p.f, p.a, p.b, t.n)
			e := fitError(p.f, p.weight, c, p.a, p.b)
			fmt.Fprintf(log, "%-5s %2d coefficients: relative error 2^%.1f\n", p.name, t.n, math.Log2(e))
			for k := t.n - 1; k >= 0; k-- {
				t.poly[p.name] = append(t.poly[p.name], round(c[k], t.double, 0))
			}
			if p.name == "tail" {
				anchor(t.poly[p.name], -1, tailCentre/2, t.double)
			}
		}
	}
	for _, c := range constants {
		v32, v64 := c.v(), c.v()
		for _, a := range c.after {
			v32, v64 = sub(v32, num(single.scalar[a])), sub(v64, num(double.scalar[a]))
		}
		single.scalar[c.name] = round(v32, false, c.bits32)
		double.scalar[c.name] = round(v64, true, c.bits64)
	}
	for _, c := range choices {
		single.scalar[c.name], double.scalar[c.name] = c.v32, c.v64
	}
	return single, double
}
