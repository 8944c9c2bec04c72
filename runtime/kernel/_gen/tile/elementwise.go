package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// elementwise emits a loop over n floats, a multiple of 16: body gets the memory operands of
// the named pointers.
func (s isa) elementwise(name, signature, doc string, pointers []string, body func(m map[string]Mem)) {
	TEXT(name+s.Name, NOSPLIT, signature)
	Doc(name + s.Name + " " + doc)
	Pragma("noescape")
	m := map[string]Mem{}
	var regs []Register
	for _, p := range pointers {
		r := Load(Param(p), GP64())
		regs = append(regs, r)
		m[p] = Mem{Base: r}
	}
	n := Load(Param("n"), GP64()).(GPVirtual)
	SHRQ(U8(2+log2(s.Bytes/16)), n)
	x86.Loop("next", n, func() {
		body(m)
		for _, r := range regs {
			ADDQ(U8(s.Bytes), r)
		}
	})
	x86.Finish()
}

func log2(n int) (l int) {
	for ; n > 1; n /= 2 {
		l++
	}
	return l
}

// mul emits dst = a*b.
func (s isa) mul() {
	s.elementwise("mul", "func(dst, a, b *float32, n int)", "is mulRef.", []string{"dst", "a", "b"}, func(m map[string]Mem) {
		v := s.Vec()
		VMOVUPS(m["a"], v)
		VMULPS(m["b"], v, v)
		VMOVUPS(v, m["dst"])
	})
}

// relu emits y = max(0, x), d = x > 0.
func (s isa) relu() {
	s.elementwise("relu", "func(y, d, x *float32, n int)", "is reluRef.", []string{"y", "d", "x"}, func(m map[string]Mem) {
		x, zero, y := s.Vec(), s.Vec(), s.Vec()
		VMOVUPS(m["x"], x)
		s.Zero(zero)
		VMAXPS(x, zero, y)
		VMOVUPS(y, m["y"])
		VMOVUPS(s.Cmp(x86.PredGT, x, zero).Keep(s.Constant(1)), m["d"])
	})
}

// add emits dst = a+b.
func (s isa) add() {
	s.elementwise("add", "func(dst, a, b *float32, n int)", "is addRef.", []string{"dst", "a", "b"}, func(m map[string]Mem) {
		v := s.Vec()
		VMOVUPS(m["a"], v)
		VADDPS(m["b"], v, v)
		VMOVUPS(v, m["dst"])
	})
}

// lanewise emits a loop over n vectors of 16 floats; rates points to vectors of 16 that are the
// same for all of them. body gets the memory operands of a vector, or of each of its halves.
func (s isa) lanewise(name, signature, doc string, pointers []string, body func(m map[string]Mem, rate func(i int) VecVirtual)) {
	TEXT(name+s.Name, NOSPLIT, signature)
	Doc(name + s.Name + " " + doc)
	Pragma("noescape")
	regs := map[string]Register{}
	for _, p := range pointers {
		regs[p] = Load(Param(p), GP64())
	}
	rates := Load(Param("rates"), GP64())
	n := Load(Param("n"), GP64()).(GPVirtual)
	x86.Loop("next", n, func() {
		for at := 0; at < lane; at += s.Bytes {
			m := map[string]Mem{}
			for p, r := range regs {
				m[p] = Mem{Base: r, Disp: at}
			}
			body(m, func(i int) VecVirtual {
				v := s.Vec()
				VMOVUPS(Mem{Base: rates, Disp: lane*i + at}, v)
				return v
			})
		}
		for _, p := range pointers {
			ADDQ(U8(lane), regs[p])
		}
	})
	x86.Finish()
}

// adam emits one Adam step; the rates are decay and negStep.
func (s isa) adam() {
	sig := "func(w, m, v, grad, rates *float32, n int, rate1, beta2, rate2, root, eps float32)"
	s.lanewise("adam", sig, "is adamRef.", []string{"w", "m", "v", "grad"}, func(p map[string]Mem, rate func(int) VecVirtual) {
		scalar := func(name string) VecVirtual {
			r := s.Vec()
			VBROADCASTSS(x86.Arg(name), r)
			return r
		}
		w, m, v, g := s.Vec(), s.Vec(), s.Vec(), s.Vec()
		VMOVUPS(p["w"], w)
		VMOVUPS(p["m"], m)
		VMOVUPS(p["v"], v)
		VMOVUPS(p["grad"], g)
		VFMADD231PS(rate(0), w, g)
		t := s.Vec()
		VSUBPS(m, g, t)
		VFMADD231PS(scalar("rate1"), t, m)
		m = s.flush(m)
		VMOVUPS(m, p["m"])
		VMULPS(scalar("rate2"), g, t)
		VMULPS(scalar("beta2"), v, v)
		VFMADD231PS(t, g, v)
		v = s.flush(v)
		VMOVUPS(v, p["v"])
		VSQRTPS(v, t)
		VDIVPS(scalar("root"), t, t)
		VADDPS(scalar("eps"), t, t)
		VDIVPS(t, m, t)
		VFMADD231PS(rate(1), t, w)
		VMOVUPS(w, p["w"])
	})
}

// sgd emits one SGD step with momentum; the rates are decay and negRate.
func (s isa) sgd() {
	sig := "func(w, m, grad, rates *float32, n int, momentum float32)"
	s.lanewise("sgd", sig, "is sgdRef.", []string{"w", "m", "grad"}, func(p map[string]Mem, rate func(int) VecVirtual) {
		w, m, g, c := s.Vec(), s.Vec(), s.Vec(), s.Vec()
		VMOVUPS(p["w"], w)
		VMOVUPS(p["m"], m)
		VMOVUPS(p["grad"], g)
		VFMADD231PS(rate(0), w, g)
		VBROADCASTSS(x86.Arg("momentum"), c)
		VFMADD231PS(c, m, g)
		m = s.flush(g)
		VMOVUPS(m, p["m"])
		VFMADD231PS(rate(1), m, w)
		VMOVUPS(w, p["w"])
	})
}

// check emits the sum of 0*x in every lane: NaN if anything in the lane is not finite.
func (s isa) check() {
	TEXT("check"+s.Name, NOSPLIT, "func(dst, x *float32, n int)")
	Doc("check" + s.Name + " is checkRef.")
	Pragma("noescape")
	dst, x := Load(Param("dst"), GP64()), Load(Param("x"), GP64())
	n := Load(Param("n"), GP64()).(GPVirtual)
	sums := s.Vecs(lane / s.Bytes)
	for _, v := range sums {
		s.Zero(v)
	}
	zero := s.Vec()
	s.Zero(zero)
	x86.Loop("next", n, func() {
		for i, v := range sums {
			VFMADD231PS(Mem{Base: x, Disp: i * s.Bytes}, zero, v)
		}
		ADDQ(U8(lane), x)
	})
	for i, v := range sums {
		VMOVUPS(v, Mem{Base: dst, Disp: i * s.Bytes})
	}
	x86.Finish()
}

// flush replaces magnitudes below tiny by +0: decayed moments must not become subnormal.
func (s isa) flush(x VecVirtual) VecVirtual {
	a := s.Vec()
	abs := s.Word(0x7fffffff)
	VANDPS(abs, x, a)
	small := s.Cmp(x86.PredLT, a, s.Constant(tiny))
	if s.Wide {
		d := s.Vec()
		k := K()
		KNOTW(small.K, k)
		VMOVAPS_Z(x, k, d)
		return d
	}
	d := s.Vec()
	VANDNPS(x, small.V, d)
	return d
}

// tiny is the flush threshold of moments. Twin constant: kernel.tiny.
const tiny = 1e-30
