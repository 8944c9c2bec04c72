package vmath

// twins are the scalar functions of one type, made once.
type twins[T Float] struct {
	// unary lacks LeakyReLU, which has a parameter.
	unary  [funcs]func(c *constants[T], x T) T
	binary [ops]func(a, b T) T
}

var (
	twins32 = twins[float32]{unaryTwins[float32](), binaryTwins[float32]()}
	twins64 = twins[float64]{unaryTwins[float64](), binaryTwins[float64]()}
)

func twinsOf[T Float]() *twins[T] {
	var t any = &twins64
	if isSingle[T]() {
		t = &twins32
	}
	return t.(*twins[T])
}

func unaryTwins[T Float]() [funcs]func(c *constants[T], x T) T {
	return [funcs]func(c *constants[T], x T) T{
		Exp: expRef[T], Expm1: expm1Ref[T], Log: logRef[T], Tanh: tanhRef[T], Sigmoid: sigmoidRef[T],
		Erf: erfRef[T], GELU: geluRef[T], GELUTanh: geluTanhRef[T], SiLU: siluRef[T], Softplus: softplusRef[T],
		Sin: sinRef[T], Cos: cosRef[T],
		Sqrt:       func(_ *constants[T], x T) T { return sqrt(x) },
		Rsqrt:      func(_ *constants[T], x T) T { return 1 / sqrt(x) },
		Reciprocal: func(_ *constants[T], x T) T { return 1 / x },
		Square:     func(_ *constants[T], x T) T { return x * x },
		Neg:        func(_ *constants[T], x T) T { return -x },
		Abs:        func(_ *constants[T], x T) T { return abs(x) },
		ReLU:       func(_ *constants[T], x T) T { return larger(0, x) },
	}
}

func unaryRef[T Float](f Func, y, x []T, slope T) {
	if f == LeakyReLU {
		for i, v := range x {
			y[i] = sel(v < 0, slope*v, v)
		}
		return
	}
	c, g := constantsOf[T](), twinsOf[T]().unary[f]
	for i, v := range x {
		y[i] = g(c, v)
	}
}

func binaryTwins[T Float]() [ops]func(a, b T) T {
	return [ops]func(a, b T) T{
		Add:          func(a, b T) T { return a + b },
		Sub:          func(a, b T) T { return a - b },
		RSub:         func(a, b T) T { return b - a },
		Mul:          func(a, b T) T { return a * b },
		Div:          func(a, b T) T { return a / b },
		RDiv:         func(a, b T) T { return b / a },
		Max:          func(a, b T) T { return passNaN(a, larger(a, b)) },
		Min:          func(a, b T) T { return passNaN(a, lesser(a, b)) },
		Greater:      func(a, b T) T { return sel[T](a > b, 1, 0) },
		GreaterEqual: func(a, b T) T { return sel[T](a >= b, 1, 0) },
		Less:         func(a, b T) T { return sel[T](a < b, 1, 0) },
		LessEqual:    func(a, b T) T { return sel[T](a <= b, 1, 0) },
		Equal:        func(a, b T) T { return sel[T](a == b, 1, 0) },
	}
}

// passNaN is a if that is NaN and y otherwise.
func passNaN[T Float](a, y T) T { return sel(isNaN(a), a, y) }
