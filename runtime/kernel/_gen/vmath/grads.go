package main

// withSign is a, at least 0, with the sign of x.
func (s isa) withSign(a, x vec) vec { return s.or(a, s.sign(x)) }

// logistic gives sigmoid(v) and its derivative for the sign of x.
func (s isa) logistic(x, v vec) (y, d vec) {
	e, one := s.expNegAbs(v), s.value(1)
	u := s.div(one, s.add(one, e))
	eu := s.mul(e, u)
	return s.sel(s.cmp(ge, x, s.value(0)), u, eu), s.mul(eu, u)
}

func (s isa) geluGrad(x, _, _ vec) vec {
	a, p, n := s.gauss(x)
	e := s.ldexp(s.add(s.value(1), p), n)
	q := s.mul(e, s.tail(a))
	phi := s.mul(e, s.c("invSqrt2Pi"))
	cdf := s.sel(s.cmp(ge, x, s.value(0)), s.sub(s.value(1), q), q)
	return s.fma(s.withSign(a, x), phi, cdf)
}

func (s isa) geluTanhGrad(x, _, _ vec) vec {
	a := s.withSign(s.min(s.c("geluTanhEnd"), s.abs(x)), x)
	q := s.mul(a, a)
	v := s.mul(a, s.fma(s.c("tanhC3"), q, s.c("tanhC1")))
	y, d := s.logistic(x, v)
	slope := s.fma(s.c("tanhC33"), q, s.c("tanhC1"))
	return s.fma(s.mul(a, slope), d, y)
}

func (s isa) siluGrad(x, _, _ vec) vec {
	y, d := s.logistic(x, x)
	return s.fma(s.max(s.c("expLow"), s.min(s.c("expHigh"), x)), d, y)
}

// gradients emits dx (+)= dy f'(x).
func (s isa) gradients() {
	for _, g := range []struct {
		field, name string
		f           func(x, y, slope vec) vec
	}{
		{"Tanh", "tanh", func(_, y, _ vec) vec { return s.fnma(y, y, s.value(1)) }},
		{"Sigmoid", "sigmoid", func(_, y, _ vec) vec { return s.fnma(y, y, y) }},
		{"ReLU", "relu", func(x, _, _ vec) vec { return s.sel(s.cmp(gt, x, s.value(0)), s.value(1), s.value(0)) }},
		{"LeakyReLU", "leakyReLU", func(x, _, slope vec) vec { return s.sel(s.cmp(gt, x, s.value(0)), s.value(1), slope) }},
		{"GELU", "gelu", s.geluGrad},
		{"GELUTanh", "geluTanh", s.geluTanhGrad},
		{"SiLU", "silu", s.siluGrad},
		{"Softplus", "softplus", func(x, _, _ vec) vec { return s.sigmoid(x) }},
	} {
		for _, accumulate := range []bool{false, true} {
			field, name := "grad", g.name+"Grad"
			if accumulate {
				field, name = "gradAdd", g.name+"GradAdd"
			}
			s.elementwise(field+"["+g.field+"]", name, "ActivateGradRef for "+g.name, []string{"dx", "x", "y", "dy"}, []string{"slope"},
				func() []vec {
					if g.field == "LeakyReLU" {
						return []vec{s.param("slope")}
					}
					return []vec{nil}
				},
				func(l lane, scalar []vec) {
					// Only what the derivative needs is read.
					var x, y vec
					if g.field == "Tanh" || g.field == "Sigmoid" {
						y = l.load("y")
					} else {
						x = l.load("x")
					}
					d, dy := g.f(x, y, scalar[0]), l.load("dy")
					if accumulate {
						l.store(s.fma(dy, d, l.load("dx")), "dx")
					} else {
						l.store(s.mul(dy, d), "dx")
					}
				})
		}
	}
}
