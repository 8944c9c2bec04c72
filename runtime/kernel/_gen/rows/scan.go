package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

var scanKernels = []kernel{
	columnKernel("colCumSum", "running sums down the columns of x, upwards if reverse is not 0",
		append(slices("y", "x"), param{"reverse", "int"}), 8, false, func(s *strip, stride GPVirtual) {
			acc := s.zeros()
			x, y, step := s.at("x"), s.at("y"), GP64()
			MOVQ(stride, step)
			forward := s.label("forward")
			r := integer("reverse")
			TESTQ(r, r)
			JE(LabelRef(forward))
			s.last(step, x, y)
			NEGQ(step)
			Label(forward)
			s.over(step, func() {
				for i := range acc {
					VADDPS(s.read(x, i), acc[i], acc[i])
					s.write(acc[i], y, i)
				}
			}, x, y)
		}),
	columnKernel("colScan", "h[t] = a[t]*h[t-1]+b[t] down the columns from h[-1] = start",
		slices("h", "a", "b", "start"), 8, false, func(s *strip, stride GPVirtual) {
			first := s.at("start")
			acc := s.vectors(func(i int) VecVirtual { return s.read(first, i) })
			h, a, b := s.at("h"), s.at("a"), s.at("b")
			s.over(stride, func() {
				for i := range acc {
					VFMADD213PS(s.read(b, i), s.read(a, i), acc[i])
					s.write(acc[i], h, i)
				}
			}, h, a, b)
		}),
	columnKernel("colScanGrad", "db[t] = dh[t]+a[t+1]*db[t+1], da[t] = db[t]*h[t-1] up the columns; carry is a[t+1]*db[t+1] before and after",
		slices("da", "db", "carry", "dh", "a", "h", "start"), 8, false, scanGrad),
}

// last moves pointers to the last row.
func (s *strip) last(stride GPVirtual, pointers ...GPVirtual) {
	n := integer("rows")
	DECQ(n)
	IMULQ(stride, n)
	for _, p := range pointers {
		ADDQ(n, p)
	}
}

func scanGrad(s *strip, stride GPVirtual) {
	c := s.at("carry")
	carry := s.vectors(func(i int) VecVirtual { return s.read(c, i) })
	da, db, dh, a, h := s.at("da"), s.at("db"), s.at("dh"), s.at("a"), s.at("h")
	s.last(stride, da, db, dh, a, h)
	step := func() {
		for i := range carry {
			g := s.add(s.read(dh, i), carry[i])
			s.write(g, db, i)
			s.write(s.mul(g, s.read(h, i)), da, i)
			VMULPS(s.read(a, i), g, carry[i])
		}
	}
	first := s.label("first")
	// h runs one row ahead; the first row's predecessor is start.
	SUBQ(stride, h)
	n := integer("rows")
	DECQ(n)
	JE(LabelRef(first))
	again := s.label("again")
	Label(again)
	step()
	for _, p := range []GPVirtual{da, db, dh, a, h} {
		SUBQ(stride, p)
	}
	DECQ(n)
	JNE(LabelRef(again))
	Label(first)
	MOVQ(s.at("start"), h)
	step()
	c = s.at("carry")
	for i := range carry {
		s.write(carry[i], c, i)
	}
}
