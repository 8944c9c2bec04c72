package vmath

// logistic gives sigmoid(v) and its derivative; v has the sign of x.
func logistic[T Float](c *constants[T], x, v T) (y, d T) {
	e := expNegAbs(c, v)
	u := 1 / (1 + e)
	eu := mul(e, u)
	return sel(x >= 0, u, eu), mul(eu, u)
}

// geluTanhGrad is s + x v' s' with s = sigmoid(v), v = x (c1 + c3 x^2).
func geluTanhGrad[T Float](c *constants[T], x T) T {
	a := withSign(lesser(c.geluTanhEnd, abs(x)), x)
	q := mul(a, a)
	y, d := logistic(c, x, mul(a, fma(c.tanhC3, q, c.tanhC1)))
	return fma(mul(a, fma(c.tanhC33, q, c.tanhC1)), d, y)
}

// siluGrad is s + x s' with s = sigmoid(x).
func siluGrad[T Float](c *constants[T], x T) T {
	y, d := logistic(c, x, x)
	return fma(larger(c.expLow, lesser(c.expHigh, x)), d, y)
}

// gradRef computes derivatives in closed form.
func gradRef[T Float](f Func, dx, x, y, dy []T, slope T, accumulate bool) {
	c := constantsOf[T]()
	for i := range dx {
		d := derivative(c, f, x[i], y[i], slope)
		if accumulate {
			dx[i] = fma(dy[i], d, dx[i])
		} else {
			dx[i] = dy[i] * d
		}
	}
}

func derivative[T Float](c *constants[T], f Func, x, y, slope T) T {
	switch f {
	case Tanh:
		return fnma(y, y, 1)
	case Sigmoid:
		return fnma(y, y, y)
	case GELU:
		return geluGrad(c, x)
	case GELUTanh:
		return geluTanhGrad(c, x)
	case SiLU:
		return siluGrad(c, x)
	case Softplus:
		return sigmoidRef(c, x)
	case ReLU:
		return sel[T](x > 0, 1, 0)
	case LeakyReLU:
		return sel(x > 0, 1, slope)
	default:
		panic(noGradient)
	}
}
