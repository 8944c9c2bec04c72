package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// unary emits the functions of one argument; slope matters to leakyReLU alone.
func (s isa) unary() {
	plain := func(f func(x vec) vec) func(x, slope vec) vec {
		return func(x, _ vec) vec { return f(x) }
	}
	for _, u := range []struct {
		field, name string
		f           func(x, slope vec) vec
	}{
		{"Exp", "exp", plain(s.exp)},
		{"Expm1", "expm1", plain(s.expm1)},
		{"Log", "log", plain(s.log)},
		{"Tanh", "tanh", plain(s.tanh)},
		{"Sigmoid", "sigmoid", plain(s.sigmoid)},
		{"Erf", "erf", plain(s.erf)},
		{"GELU", "gelu", plain(s.gelu)},
		{"GELUTanh", "geluTanh", plain(s.geluTanh)},
		{"SiLU", "silu", plain(s.silu)},
		{"Softplus", "softplus", plain(s.softplus)},
		{"Sin", "sin", plain(s.sin)},
		{"Cos", "cos", plain(s.cos)},
		{"Sqrt", "sqrt", plain(s.sqrt)},
		{"Rsqrt", "rsqrt", plain(s.rsqrt)},
		{"Reciprocal", "reciprocal", plain(s.reciprocal)},
		{"Square", "square", plain(s.square)},
		{"Neg", "neg", plain(s.neg)},
		{"Abs", "abs", plain(s.abs)},
		{"ReLU", "relu", plain(s.relu)},
		{"LeakyReLU", "leakyReLU", s.leakyReLU},
	} {
		s.elementwise("unary["+u.field+"]", u.name, u.name+" of every element", []string{"y", "x"}, []string{"slope"},
			func() []vec {
				if u.field == "LeakyReLU" {
					return []vec{s.param("slope")}
				}
				return []vec{nil}
			},
			func(l lane, scalar []vec) { l.store(u.f(l.load("x"), scalar[0]), "y") })
	}
	s.elementwise("sincos", "sincos", "sin and cos of every element", []string{"sine", "cosine", "x"}, nil, nil,
		func(l lane, _ []vec) {
			x := l.load("x")
			t, sine, cosine := s.angle(x)
			l.store(s.rotate(x, t, sine, cosine), "sine")
			l.store(s.rotate(x, s.addInt(t, s.word(1)), sine, cosine), "cosine")
		})
}

// operators are the functions of two arguments.
func (s isa) operators() []struct {
	field, name string
	f           func(a, b vec) vec
} {
	compare := func(predicate uint64) func(a, b vec) vec {
		return func(a, b vec) vec { return s.sel(s.cmp(predicate, a, b), s.value(1), s.value(0)) }
	}
	// A NaN on either side is the result.
	pass := func(f func(a, b vec) vec) func(a, b vec) vec {
		return func(a, b vec) vec { return s.sel(s.cmp(unordered, a, a), a, f(a, b)) }
	}
	return []struct {
		field, name string
		f           func(a, b vec) vec
	}{
		{"Add", "add", s.add},
		{"Sub", "sub", s.sub},
		{"RSub", "rsub", func(a, b vec) vec { return s.sub(b, a) }},
		{"Mul", "mul", s.mul},
		{"Div", "div", s.div},
		{"RDiv", "rdiv", func(a, b vec) vec { return s.div(b, a) }},
		{"Max", "max", pass(s.max)},
		{"Min", "min", pass(s.min)},
		{"Greater", "greater", compare(gt)},
		{"GreaterEqual", "greaterEqual", compare(ge)},
		{"Less", "less", compare(lt)},
		{"LessEqual", "lessEqual", compare(le)},
		{"Equal", "equal", compare(eq)},
	}
}

// arithmetic emits the kernels of two and three operands.
func (s isa) arithmetic() {
	for _, o := range s.operators() {
		s.elementwise("binary["+o.field+"]", o.name, o.name+" of two slices", []string{"dst", "a", "b"}, nil, nil,
			func(l lane, _ []vec) { l.store(o.f(l.load("a"), l.load("b")), "dst") })
		s.elementwise("scalar["+o.field+"]", o.name+"Scalar", o.name+" of a slice and a scalar", []string{"dst", "a"}, []string{"b"},
			func() []vec { return []vec{s.param("b")} },
			func(l lane, scalar []vec) { l.store(o.f(l.load("a"), scalar[0]), "dst") })
	}
	s.elementwise("fma", "fma", "dst = a*b+c", []string{"dst", "a", "b", "c"}, nil, nil,
		func(l lane, _ []vec) { l.store(s.fma(l.load("a"), l.load("b"), l.load("c")), "dst") })
	s.elementwise("axpy", "axpy", "y += alpha x", []string{"y", "x"}, []string{"alpha"},
		func() []vec { return []vec{s.param("alpha")} },
		func(l lane, scalar []vec) { l.store(s.fma(scalar[0], l.load("x"), l.load("y")), "y") })
	s.elementwise("clip", "clip", "Clip", []string{"dst", "x"}, []string{"lo", "hi"},
		func() []vec { return []vec{s.param("lo"), s.param("hi")} },
		func(l lane, scalar []vec) {
			l.store(s.min(scalar[1], s.max(scalar[0], l.load("x"))), "dst")
		})
	s.elementwise("pick", "pick", "Select", []string{"dst", "mask", "a", "b"}, nil, nil,
		func(l lane, _ []vec) {
			m := s.cmp(ne, l.load("mask"), s.value(0))
			l.store(s.sel(m, l.load("a"), l.load("b")), "dst")
		})
}

// broadcasts emits y[M,N] = x[M,N] op row[N] or col[M].
func (s isa) broadcasts() {
	for _, o := range s.operators() {
		if o.name != "add" && o.name != "mul" {
			continue
		}
		for _, column := range []bool{false, true} {
			field, name := "row", o.name+"Row"
			if column {
				field, name = "col", o.name+"Col"
			}
			ptr := s.text(field+"["+o.field+"]", name, o.name+" of a matrix and a "+field, []string{"y", "x", "b"}, []string{"m", "n"}, nil)
			m := Load(Param("m"), GP64()).(reg.GPVirtual)
			stride := Load(Param("n"), GP64()).(reg.GPVirtual)
			SHLQ(U8(2+s.size()/8), stride)
			x86.Loop("rows", m, func() {
				n := Load(Param("n"), GP64()).(reg.GPVirtual)
				var scalar vec
				if column {
					scalar = s.Vec()
					s.pick(VBROADCASTSS, VBROADCASTSD, Mem{Base: ptr["b"]}, scalar)
					ADDQ(I8(s.size()), ptr["b"])
				}
				s.each(n, ptr, func(l lane) {
					b := scalar
					if !column {
						b = l.load("b")
					}
					l.store(o.f(l.load("x"), b), "y")
				})
				ADDQ(stride, ptr["y"])
				ADDQ(stride, ptr["x"])
			})
			x86.Finish()
		}
	}
}

// fromBytes emits dst = scale*float(src)+shift for whole sixteens.
func (s isa) fromBytes() {
	TEXT("fromBytes"+s.Name, NOSPLIT, "func(dst *float32, src *byte, n int, scale, shift float32)")
	Doc("fromBytes" + s.Name + " is FromBytesRef; n is a positive multiple of 16.")
	Pragma("noescape")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	n := Load(Param("n"), GP64()).(reg.GPVirtual)
	scale, shift := s.param("scale"), s.param("shift")
	Label("next")
	for i := 0; i < 16; i += s.lanes() {
		v := s.Vec()
		VPMOVZXBD(Mem{Base: src, Disp: i}, v)
		VCVTDQ2PS(v, v)
		VMOVUPS(s.fma(scale, v, shift), Mem{Base: dst, Disp: 4 * i})
	}
	ADDQ(I8(64), dst)
	ADDQ(I8(16), src)
	SUBQ(I8(16), n)
	JG(LabelRef("next"))
	x86.Finish()
}
