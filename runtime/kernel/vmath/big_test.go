package vmath

import (
	"math"
	"math/big"
)

// References of float64 results: the functions in arithmetic of bigPrec bits.
const bigPrec = 260

type real = *big.Float

func num(x float64) real  { return new(big.Float).SetPrec(bigPrec).SetFloat64(x) }
func plus(a, b real) real { return num(0).Add(a, b) }
func less(a, b real) real { return num(0).Sub(a, b) }
func prod(a, b real) real { return num(0).Mul(a, b) }
func quot(a, b real) real { return num(0).Quo(a, b) }
func negative(a real) real {
	return num(0).Neg(a)
}

func scaled(a real, exponent int) real { return num(0).SetMantExp(a, exponent) }

// sumSeries sums t, t step(1), t step(1) step(2), ... until terms vanish.
func sumSeries(t real, step func(n float64) real) real {
	sum := num(0)
	for n := 1.0; t.Sign() != 0 && (sum.Sign() == 0 || t.MantExp(nil) > sum.MantExp(nil)-bigPrec); n++ {
		sum = plus(sum, t)
		t = prod(t, step(n))
	}
	return sum
}

func bigExp(x real) real {
	const halvings = 24
	r := scaled(x, -halvings)
	y := sumSeries(num(1), func(n float64) real { return quot(r, num(n)) })
	for range halvings {
		y = prod(y, y)
	}
	return y
}

func bigExpm1(x real) real {
	if x.MantExp(nil) < -8 {
		return sumSeries(x, func(n float64) real { return quot(x, num(n+1)) })
	}
	return less(bigExp(x), num(1))
}

// bigLog1p is 2 atanh(f/(2+f)) for small f.
func bigLog1p(f real) real {
	if f.MantExp(nil) > -2 {
		return bigLog(plus(num(1), f))
	}
	s := quot(f, plus(num(2), f))
	q, n := prod(s, s), 1.0
	return scaled(sumSeries(s, func(float64) real {
		ratio := quot(prod(q, num(n)), num(n+2))
		n += 2
		return ratio
	}), 1)
}

// bigLog is log(x/2^k) + k ln 2, or log1p close to 1.
func bigLog(x real) real {
	f := less(x, num(1))
	if f.MantExp(nil) <= -2 {
		return bigLog1p(f)
	}
	k := x.MantExp(nil)
	y := prod(num(float64(k)), bigLn2)
	// Two square roots bring [1/2, 1) close enough to 1.
	root := num(0).Sqrt(num(0).Sqrt(scaled(x, -k)))
	return plus(y, scaled(bigLog1p(less(root, num(1))), 2))
}

var (
	bigLn2 = scaled(func() real { // 2 atanh(1/3)
		n := 1.0
		return sumSeries(quot(num(1), num(3)), func(float64) real {
			ratio := quot(num(n), prod(num(9), num(n+2)))
			n += 2
			return ratio
		})
	}(), 1)
	bigPi = less(prod(num(16), atanInverse(5)), prod(num(4), atanInverse(239)))
)

func atanInverse(k float64) real {
	n := 1.0
	return sumSeries(quot(num(1), num(k)), func(float64) real {
		ratio := quot(num(-n), num(k*k*(n+2)))
		n += 2
		return ratio
	})
}

// bigSin is the sine of x + quarters pi/2.
func bigSin(x real, quarters int64) real {
	half := scaled(bigPi, -1)
	n, _ := plus(quot(x, half), num(math.Copysign(0.5, float64(x.Sign())))).Int64()
	r := less(x, prod(num(float64(n)), half))
	q := prod(r, r)
	n += quarters
	var y real
	if n&1 == 0 {
		y = sumSeries(r, func(k float64) real { return quot(q, num(-2*k*(2*k+1))) })
	} else {
		y = sumSeries(num(1), func(k float64) real { return quot(q, num(-2*k*(2*k-1))) })
	}
	if n&2 != 0 {
		return negative(y)
	}
	return y
}

// bigTail is the upper tail Q(a) of the normal law for a >= 0: 1/2 minus the series near 0,
// and from 6 on the density times Laplace's continued fraction 1/(a+1/(a+2/(a+3/...))).
func bigTail(a real) real {
	q := prod(a, a)
	density := quot(bigExp(scaled(negative(q), -1)), num(0).Sqrt(scaled(bigPi, 1)))
	if a.Cmp(num(6)) < 0 {
		return less(num(0.5), prod(density, sumSeries(a, func(n float64) real { return quot(q, num(2*n+1)) })))
	}
	f := a
	for n := 200.0; n > 0; n-- {
		f = plus(a, quot(num(n), f))
	}
	return quot(density, f)
}

// bigNormal is the normal law.
func bigNormal(x real) real {
	if x.Sign() < 0 {
		return bigTail(negative(x))
	}
	return less(num(1), bigTail(x))
}

func bigErf(x real) real {
	if x.MantExp(nil) < 0 {
		q := prod(x, x)
		n := 0.0
		s := sumSeries(x, func(float64) real {
			ratio := quot(prod(q, num(-(2*n+1))), num((n+1)*(2*n+3)))
			n++
			return ratio
		})
		return quot(scaled(s, 1), num(0).Sqrt(bigPi))
	}
	return less(scaled(bigNormal(prod(x, num(0).Sqrt(num(2)))), 1), num(1))
}

func bigSigmoid(x real) real { return quot(num(1), plus(num(1), bigExp(negative(x)))) }

func bigTanh(x real) real {
	t := bigExpm1(scaled(x, 1))
	return quot(t, plus(t, num(2)))
}

func bigGELUTanh(x real) real {
	c := scaled(num(0).Sqrt(quot(num(2), bigPi)), 1)
	cube := prod(quot(num(44715), num(1e6)), prod(x, prod(x, x)))
	return prod(x, bigSigmoid(prod(c, plus(x, cube))))
}

// bigReferences are the functions in high precision; x is finite and not 0.
var bigReferences = map[Func]func(x real) real{
	Exp: bigExp, Expm1: bigExpm1, Tanh: bigTanh, Sigmoid: bigSigmoid, Erf: bigErf, GELUTanh: bigGELUTanh,
	Log:        bigLog,
	GELU:       func(x real) real { return prod(x, bigNormal(x)) },
	SiLU:       func(x real) real { return prod(x, bigSigmoid(x)) },
	Softplus:   func(x real) real { return bigLog1p(bigExp(x)) },
	Sin:        func(x real) real { return bigSin(x, 0) },
	Cos:        func(x real) real { return bigSin(x, 1) },
	Sqrt:       func(x real) real { return num(0).Sqrt(x) },
	Rsqrt:      func(x real) real { return quot(num(1), num(0).Sqrt(x)) },
	Reciprocal: func(x real) real { return quot(num(1), x) },
}
