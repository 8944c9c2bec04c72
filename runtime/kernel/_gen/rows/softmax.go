package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

func floats(ps []param, names ...string) []param {
	for _, n := range names {
		ps = append(ps, param{n, "float32"})
	}
	return ps
}

var softmaxKernels = []kernel{
	columnKernel("colSoftmax", "y = softmax over the columns of x", slices("y", "x"), 2, true, func(s *strip, stride GPVirtual) {
		_, m := s.maxima(stride)
		sums := s.exponentials(stride, "y", m, nil)
		r := s.vectors(func(i int) VecVirtual { return s.inverse(s.constant(1), sums[i]) })
		s.scaled(stride, "y", r)
	}),
	columnKernel("colLogSumExp", "dst = log of the sums of exp(x) over the columns", slices("dst", "x"), 2, true, func(s *strip, stride GPVirtual) {
		m, finite := s.maxima(stride)
		sums := s.exponentials(stride, "", finite, nil)
		q := s.at("dst")
		for i := range m {
			s.write(s.add(m[i], s.log(sums[i])), q, i)
		}
	}),
	columnKernel("colLogSoftmax", "y = log softmax over the columns of x", slices("y", "x"), 2, true, func(s *strip, stride GPVirtual) {
		_, m := s.maxima(stride)
		sums := s.exponentials(stride, "", m, nil)
		logs := s.vectors(func(i int) VecVirtual { return s.log(sums[i]) })
		p, q := s.at("x"), s.at("y")
		s.over(stride, func() {
			for i := range m {
				s.write(s.sub(s.sub(s.read(p, i), m[i]), logs[i]), q, i)
			}
		}, p, q)
	}),
	columnKernel("colSoftmaxGrad", "dx = y*(dy-sum of dy*y)", slices("dx", "y", "dy"), 2, false, func(s *strip, stride GPVirtual) {
		dots := s.zeros()
		y, dy := s.at("y"), s.at("dy")
		s.over(stride, func() {
			for i := range dots {
				VFMADD231PS(s.read(y, i), s.read(dy, i), dots[i])
			}
		}, y, dy)
		y, dy, dx := s.at("y"), s.at("dy"), s.at("dx")
		s.over(stride, func() {
			for i := range dots {
				s.write(s.mul(s.read(y, i), s.sub(s.read(dy, i), dots[i])), dx, i)
			}
		}, y, dy, dx)
	}),
	columnKernel("colLogSoftmaxGrad", "dx = dy-exp(y)*sum of dy", slices("dx", "y", "dy"), 2, true, func(s *strip, stride GPVirtual) {
		sums := s.zeros()
		dy := s.at("dy")
		s.over(stride, func() {
			for i := range sums {
				VADDPS(s.read(dy, i), sums[i], sums[i])
			}
		}, dy)
		y, dy, dx := s.at("y"), s.at("dy"), s.at("dx")
		s.over(stride, func() {
			for i := range sums {
				s.write(s.fnma(s.exp(s.read(y, i)), sums[i], s.read(dy, i)), dx, i)
			}
		}, y, dy, dx)
	}),
	columnKernel("colCrossEntropy", "cross-entropy of the columns of x with labels, and its gradient",
		labelled("scale"), 1, true, func(s *strip, stride GPVirtual) { crossEntropy(s, stride, false) }),
	columnKernel("colCrossEntropySmooth", "colCrossEntropy with smoothed labels; share is 1 over the number of classes",
		labelled("scale", "smooth", "share"), 1, true, func(s *strip, stride GPVirtual) { crossEntropy(s, stride, true) }),
	columnKernel("colSoftCrossEntropy", "cross-entropy of the columns of x with those of q, and its gradient",
		floats(slices("loss", "dx", "x", "q"), "scale"), 1, true, softCrossEntropy),
}

// labelled are the parameters of a cross-entropy with labels.
func labelled(names ...string) []param {
	ps := slices("loss", "dx", "x")
	ps = append(ps[:3:3], append([]param{{"labels", "[]int32"}}, ps[3:]...)...)
	return floats(ps, names...)
}

// exponentials stores exp(x-m) to y (if named) and returns the sums; each sees x-m before.
func (s *strip) exponentials(stride GPVirtual, y string, m []VecVirtual, each func(i int, d VecVirtual)) []VecVirtual {
	sums := s.zeros()
	p := s.at("x")
	moving := []GPVirtual{p}
	if y != "" {
		moving = append(moving, s.at(y))
	}
	s.over(stride, func() {
		for i := range m {
			d := s.sub(s.read(p, i), m[i])
			if each != nil {
				each(i, d)
			}
			e := s.exp(d)
			if y != "" {
				s.write(e, moving[1], i)
			}
			VADDPS(e, sums[i], sums[i])
		}
	}, moving...)
	return sums
}

// crossEntropy emits the loss with labels: logits of the label by comparison with the row's
// number.
func crossEntropy(s *strip, stride GPVirtual, smooth bool) {
	label, row, picked := s.Vec(), s.Vec(), s.zeros()[0]
	VCVTDQ2PS(s.read(s.at("labels"), 0), label)
	_, m := s.maxima(stride)
	s.Zero(row)
	total := s.zeros()[0]
	sums := s.exponentials(stride, "dx", m, func(_ int, d VecVirtual) {
		s.set(s.Cmp(x86.PredEQ, row, label), d, picked)
		VADDPS(s.constant(1), row, row)
		if smooth {
			VADDPS(d, total, total)
		}
	})
	// Lanes without a label have neither loss nor gradient.
	none := s.Vec()
	VPSRAD(U8(31), label, none)
	logs := s.log(sums[0])
	loss := s.sub(logs, picked)
	g := s.Vec()
	VANDNPS(s.spread("scale"), none, g)
	hot, base := g, VecVirtual(nil)
	if smooth {
		weight := s.spread("smooth")
		rest := s.sub(s.constant(1), weight)
		even := s.fnma(total, s.spread("share"), logs)
		loss = s.fma(weight, even, s.mul(rest, loss))
		hot = s.mul(g, rest)
		base = s.mul(s.mul(g, weight), s.spread("share"))
	}
	VANDNPS(loss, none, loss)
	s.write(loss, s.at("loss"), 0)
	r := s.inverse(g, sums[0])
	s.Zero(row)
	q := s.at("dx")
	s.over(stride, func() {
		v := s.read(q, 0)
		if smooth {
			v = s.fms(v, r, base)
		} else {
			v = s.mul(v, r)
		}
		v = s.sub(v, s.Cmp(x86.PredEQ, row, label).Keep(hot))
		VADDPS(s.constant(1), row, row)
		s.write(v, q, 0)
	}, q)
}

// softCrossEntropy emits the loss with targets of the shape of x.
func softCrossEntropy(s *strip, stride GPVirtual) {
	_, m := s.maxima(stride)
	mass, dots := s.zeros()[0], s.zeros()[0]
	q := s.at("q")
	sums := s.exponentials(stride, "dx", m, func(_ int, d VecVirtual) {
		v := s.read(q, 0)
		ADDQ(stride, q)
		VADDPS(v, mass, mass)
		VFMADD231PS(v, d, dots)
	})
	s.write(s.fms(s.log(sums[0]), mass, dots), s.at("loss"), 0)
	g := s.spread("scale")
	r := s.inverse(s.mul(g, mass), sums[0])
	q, dx := s.at("q"), s.at("dx")
	s.over(stride, func() {
		s.write(s.fnma(s.read(q, 0), g, s.mul(s.read(dx, 0), r)), dx, 0)
	}, q, dx)
}
