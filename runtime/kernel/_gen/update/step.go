package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// tiny is the flush threshold of moments and tinyRoot its square root. Twins: update.flush32.
const (
	tiny     = 1e-30
	tinyRoot = 1e-15
)

func begin(s isa, name, signature, doc string) {
	TEXT(name+s.Name, NOSPLIT, signature)
	Doc(name + s.Name + " " + doc)
	Pragma("noescape")
}

// clipped loads a gradient, bounds, flushes and scales it. A NaN stays: it is the operand that
// VMAXPS and VMINPS return.
func (s isa) clipped(l lanes, m Mem) VecVirtual {
	g := l.load(m)
	VMAXPS(g, s.scalar("low"), g)
	VMINPS(g, s.scalar("high"), g)
	g = s.flush(g, tiny)
	VMULPS(s.scalar("scale"), g, g)
	return g
}

// flush replaces magnitudes below a threshold by +0.
func (s isa) flush(x VecVirtual, below float32) VecVirtual {
	a, d := s.Vec(), s.Vec()
	VANDPS(s.Word(0x7fffffff), x, a)
	small := s.Cmp(x86.PredLT, a, s.Constant(below))
	if s.Wide {
		k := K()
		KNOTW(small.K, k)
		VMOVAPS_Z(x, k, d)
		return d
	}
	VANDNPS(x, small.V, d)
	return d
}

// sgd emits one SGD step; without momentum there is no buffer m.
func (s isa) sgd(name string, momentum, nesterov bool) {
	signature, pointers := "func(w, grad *float32, n int, low, high, scale, decay, negRate float32)", []string{"w", "grad"}
	if momentum {
		signature = "func(w, m, grad *float32, n int, low, high, scale, decay, momentum, negRate float32)"
		pointers = []string{"w", "m", "grad"}
	}
	begin(s, name, signature, "is sgdRow.")
	s.each(pointers, func(l lanes, p map[string]Mem) {
		g, w := s.clipped(l, p["grad"]), l.load(p["w"])
		VFMADD231PS(s.scalar("decay"), w, g)
		step := g
		if momentum {
			m, mu := l.load(p["m"]), s.scalar("momentum")
			VFMADD213PS(g, mu, m)
			m = s.flush(m, tiny)
			l.store(m, p["m"])
			step = m
			if nesterov {
				VFMADD231PS(mu, m, g)
				step = g
			}
		}
		VFMADD231PS(s.scalar("negRate"), step, w)
		l.store(w, p["w"])
	})
	x86.Finish()
}

// adam emits one step of Adam or AdamW.
func (s isa) adam() {
	begin(s, "adam", "func(w, m, v, grad *float32, n int, low, high, scale, decay, keep, rate1, beta2, rate2, eps, negStep float32)", "is adamRow.")
	s.each([]string{"w", "m", "v", "grad"}, func(l lanes, p map[string]Mem) {
		g, w := s.clipped(l, p["grad"]), l.load(p["w"])
		VFMADD231PS(s.scalar("decay"), w, g)
		m, t := l.load(p["m"]), s.Vec()
		VSUBPS(m, g, t)
		VFMADD231PS(s.scalar("rate1"), t, m)
		m = s.flush(m, tiny)
		l.store(m, p["m"])
		v := l.load(p["v"])
		g = s.flush(g, tinyRoot)
		VMULPS(s.scalar("rate2"), g, t)
		VMULPS(s.scalar("beta2"), v, v)
		VFMADD231PS(t, g, v)
		v = s.flush(v, tiny)
		l.store(v, p["v"])
		VSQRTPS(v, t)
		VADDPS(s.scalar("eps"), t, t)
		VDIVPS(t, m, t)
		VMULPS(s.scalar("keep"), w, w)
		VFMADD231PS(s.scalar("negStep"), t, w)
		l.store(w, p["w"])
	})
	x86.Finish()
}
