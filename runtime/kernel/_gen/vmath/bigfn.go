package main

import "math/big"

// precision in bits of everything that coefficients are computed from. The tail of the normal
// law is a difference of numbers near e^800 = 2^1154.
const precision = 1600

type real = *big.Float

func num(x float64) real { return new(big.Float).SetPrec(precision).SetFloat64(x) }

func add(a, b real) real { return num(0).Add(a, b) }
func sub(a, b real) real { return num(0).Sub(a, b) }
func mul(a, b real) real { return num(0).Mul(a, b) }
func div(a, b real) real { return num(0).Quo(a, b) }

// negligible reports whether adding term to sum no longer matters.
func negligible(term, sum real) bool {
	return term.Sign() == 0 || sum.Sign() != 0 && term.MantExp(nil) < sum.MantExp(nil)-precision
}

// series sums terms t, t step(1), t step(1) step(2), ...
func series(t real, step func(n float64) real) real {
	sum := num(0)
	for n := 1.0; !negligible(t, sum); n++ {
		sum = add(sum, t)
		t = mul(t, step(n))
	}
	return sum
}

// exp is the Taylor series after halving the argument.
func exp(x real) real {
	const halvings = 20
	r := num(0).SetMantExp(x, -halvings)
	y := series(num(1), func(n float64) real { return div(r, num(n)) })
	for range halvings {
		y = mul(y, y)
	}
	return y
}

// log1p is 2 atanh(f/(2+f)).
func log1p(f real) real {
	s := div(f, add(num(2), f))
	q := mul(s, s)
	sum, power := num(0), s
	for n := 1.0; !negligible(power, sum); n += 2 {
		sum = add(sum, div(power, num(n)))
		power = mul(power, q)
	}
	return add(sum, sum)
}

func sin(x real) real {
	q := mul(x, x)
	return series(x, func(n float64) real { return div(q, num(-2*n*(2*n+1))) })
}

func cos(x real) real {
	q := mul(x, x)
	return series(num(1), func(n float64) real { return div(q, num(-2*n*(2*n-1))) })
}

// pi is Machin's 16 atan(1/5) - 4 atan(1/239).
func pi() real {
	atanInverse := func(k float64) real {
		sum, power := num(0), div(num(1), num(k))
		for n := 1.0; !negligible(power, sum); n += 2 {
			sum = add(sum, div(power, num(n)))
			power = div(power, num(-k*k))
		}
		return sum
	}
	return sub(mul(num(16), atanInverse(5)), mul(num(4), atanInverse(239)))
}

func sqrt(x real) real { return num(0).Sqrt(x) }

// mills is e^(a^2/2) Q(a) with Q(a) the upper tail of the normal law:
// 1/2 e^(a^2/2) - (2 pi)^(-1/2) sum a^(2n+1)/(1 3 5 ... (2n+1)).
func mills(a real) real {
	q := mul(a, a)
	sum := series(a, func(n float64) real { return div(q, num(2*n+1)) })
	half := mul(exp(mul(q, num(0.5))), num(0.5))
	return sub(half, div(sum, sqrt(mul(num(2), pi()))))
}

// erfOverX is erf(x)/x = 2/sqrt(pi) sum (-1)^n x^(2n)/(n! (2n+1)) in z = x^2.
func erfOverX(z real) real {
	sum, term := num(0), num(1)
	for n := 0.0; !negligible(term, sum); n++ {
		sum = add(sum, div(term, num(2*n+1)))
		term = div(mul(term, z), num(-(n + 1)))
	}
	return div(mul(num(2), sum), sqrt(pi()))
}
