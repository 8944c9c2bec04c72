package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

var shape = []param{{"rows", "int"}, {"n", "int"}, {"stride", "int"}}

// slices are parameters: names are []float32; the shape follows.
func slices(names ...string) []param {
	var ps []param
	for _, n := range names {
		ps = append(ps, param{n, "[]float32"})
	}
	return append(ps, shape...)
}

// strip is what a body over columns sees: w registers of neighbouring columns.
type strip struct {
	*gen
	w int
	t *tail
	j GPVirtual
}

// columns emits body for the columns of x: w registers at a time, one at a time, and a masked
// one. n becomes scratch.
func (g *gen) columns(w int, n GPVirtual, body func(s *strip)) {
	j := GP64()
	XORQ(j, j)
	widths := []int{w, 1}
	if w == 1 {
		widths = widths[1:]
	}
	for _, w := range widths {
		loop, done := g.label("strip"), g.label("done")
		SUBQ(U32(g.width()*w), n)
		JL(LabelRef(done))
		Label(loop)
		body(&strip{g, w, nil, j})
		ADDQ(U32(g.Bytes*w), j)
		SUBQ(U32(g.width()*w), n)
		JGE(LabelRef(loop))
		Label(done)
		ADDQ(U32(g.width()*w), n)
	}
	end := g.label("end")
	TESTQ(n, n)
	JE(LabelRef(end))
	t := g.newTail(n)
	t.part(0)
	body(&strip{g, 1, t, j})
	Label(end)
}

// at is a pointer to the strip in the first row of a slice argument.
func (s *strip) at(name string) GPVirtual {
	p := pointer(name)
	ADDQ(s.j, p)
	return p
}

// vectors returns w registers filled by f.
func (s *strip) vectors(f func(i int) VecVirtual) []VecVirtual {
	v := make([]VecVirtual, s.w)
	for i := range v {
		v[i] = f(i)
	}
	return v
}

func (s *strip) same(c float32) []VecVirtual {
	return s.vectors(func(int) VecVirtual { return s.copy(s.constant(c)) })
}

func (s *strip) zeros() []VecVirtual {
	return s.vectors(func(int) VecVirtual { v := s.Vec(); s.Zero(v); return v })
}

func (s *strip) read(p GPVirtual, i int) VecVirtual {
	return s.load(s.t, Mem{Base: p, Disp: i * s.Bytes})
}

func (s *strip) write(v VecVirtual, p GPVirtual, i int) {
	s.store(s.t, v, Mem{Base: p, Disp: i * s.Bytes})
}

// over emits body for every row (there is at least one): pointers move by stride.
func (s *strip) over(stride GPVirtual, body func(), pointers ...GPVirtual) {
	c := integer("rows")
	x86.Loop(s.label("rows"), c, func() {
		body()
		for _, p := range pointers {
			ADDQ(stride, p)
		}
	})
}

// columnKernel is a kernel whose columns are independent of each other, in strips of w
// registers (AVX2: half of that if exp, which needs many).
func columnKernel(name, doc string, ps []param, w int, exp bool, body func(s *strip, stride GPVirtual)) kernel {
	return kernel{name, ps, func(isa x86.ISA) {
		g := begin(isa, name, doc, ps)
		if exp {
			g.keepExp()
		}
		stride := bytes("stride")
		registers := w
		if exp && !g.Wide {
			registers = (w + 1) / 2
		}
		g.columns(registers, integer("n"), func(s *strip) { body(s, stride) })
		x86.Finish()
	}}
}

// set is d = v where the mask is set.
func (g *gen) set(m x86.Mask, v, d VecVirtual) {
	if g.Wide {
		VMOVAPS(v, m.K, d)
		return
	}
	VBLENDVPS(m.V, v, d, d)
}

// maxima of the columns of x, and the same bounded to finite numbers from below.
func (s *strip) maxima(stride GPVirtual) (m, finite []VecVirtual) {
	m = s.same(float32(math.Inf(-1)))
	p := s.at("x")
	s.over(stride, func() {
		for i := range m {
			VMAXPS(m[i], s.read(p, i), m[i])
		}
	}, p)
	return m, s.vectors(func(i int) VecVirtual { return s.max(m[i], s.constant(-math.MaxFloat32)) })
}

// scaled multiplies the columns of y by r.
func (s *strip) scaled(stride GPVirtual, y string, r []VecVirtual) {
	q := s.at(y)
	s.over(stride, func() {
		for i := range r {
			s.write(s.mul(s.read(q, i), r[i]), q, i)
		}
	}, q)
}

// nonZero is 0x04: not equal, NaN included.
const nonZero = 0x04

// inverse is a/s, and 0 where s is 0.
func (s *strip) inverse(a, sum VecVirtual) VecVirtual {
	zero := s.Vec()
	s.Zero(zero)
	return s.Cmp(nonZero, sum, zero).Keep(s.div(a, sum))
}

var columnKernels = append([]kernel{
	{"colSum", slices("dst", "x"), colSum},
	columnKernel("colMax", "maxima of the columns of x", slices("dst", "x"), 4, false, func(s *strip, stride GPVirtual) {
		m, _ := s.maxima(stride)
		q := s.at("dst")
		for i := range m {
			s.write(m[i], q, i)
		}
	}),
	columnKernel("colArgMax", "first places of the maxima of the columns of x",
		append([]param{{"dst", "[]int32"}}, slices("x")...), 2, false, func(s *strip, stride GPVirtual) {
			m, best, row := s.same(float32(math.Inf(-1))), s.zeros(), s.Vec()
			s.Zero(row)
			p := s.at("x")
			s.over(stride, func() {
				for i := range m {
					x := s.read(p, i)
					s.set(s.Cmp(x86.PredGT, x, m[i]), row, best[i])
					VMAXPS(m[i], x, m[i])
				}
				VADDPS(s.constant(1), row, row)
			}, p)
			q := s.at("dst")
			for i := range best {
				VCVTTPS2DQ(best[i], best[i])
				s.write(best[i], q, i)
			}
		}),
	columnKernel("colNormSums", "dgain += sums of dy*((x-a)*c) and dbias += sums of dy over rows",
		slices("dgain", "dbias", "dy", "x", "a", "c"), 4, false, func(s *strip, stride GPVirtual) { normSums(s, stride, true) }),
	columnKernel("colScaleSums", "dgain += sums of dy*(x*c) over rows",
		slices("dgain", "dy", "x", "c"), 4, false, func(s *strip, stride GPVirtual) { normSums(s, stride, false) }),
}, append(softmaxKernels, scanKernels...)...)

// colSum adds to dst the sums of the columns: eight rows by a tree, then the next eight; what
// remains row by row.
func colSum(isa x86.ISA) {
	g := begin(isa, "colSum", "dst += sums of the columns of x", slices("dst", "x"))
	x, stride, rows := pointer("x"), bytes("stride"), integer("rows")
	groups, single, end := g.label("groups"), g.label("single"), g.label("end")
	SUBQ(U8(8), rows)
	JL(LabelRef(single))
	Label(groups)
	g.columns(2, integer("n"), func(s *strip) {
		p, q, o := GP64(), GP64(), GP64()
		LEAQ(Mem{Base: x, Index: s.j, Scale: 1}, p)
		LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, q)
		LEAQ(Mem{Base: p, Index: q, Scale: 2}, o)
		ADDQ(p, q)
		d := s.at("dst")
		for i := range s.w {
			at := func(p GPVirtual, scale uint8) VecVirtual {
				m := Mem{Base: p, Disp: i * s.Bytes}
				if scale > 0 {
					m.Index, m.Scale = stride, scale
				}
				return s.load(s.t, m)
			}
			a := s.add(s.add(at(p, 0), at(p, 1)), s.add(at(p, 2), at(q, 0)))
			b := s.add(s.add(at(p, 4), at(q, 2)), s.add(at(o, 0), at(q, 4)))
			s.write(s.add(s.read(d, i), s.add(a, b)), d, i)
		}
	})
	LEAQ(Mem{Base: x, Index: stride, Scale: 8}, x)
	SUBQ(U8(8), rows)
	JGE(LabelRef(groups))
	Label(single)
	ADDQ(U8(8), rows)
	JE(LabelRef(end))
	x86.Loop(g.label("rows"), rows, func() {
		g.columns(2, integer("n"), func(s *strip) {
			d := s.at("dst")
			for i := range s.w {
				v := s.load(s.t, Mem{Base: x, Index: s.j, Scale: 1, Disp: i * s.Bytes})
				s.write(s.add(s.read(d, i), v), d, i)
			}
		})
		ADDQ(stride, x)
	})
	Label(end)
	x86.Finish()
}

// normSums emits the parameter gradients of a normalisation.
func normSums(s *strip, stride GPVirtual, shift bool) {
	dgain, dbias := s.zeros(), []VecVirtual(nil)
	dy, x, c := s.at("dy"), s.at("x"), pointer("c")
	var a GPVirtual
	if shift {
		a, dbias = pointer("a"), s.zeros()
	}
	s.over(stride, func() {
		scale := s.fill(Mem{Base: c})
		ADDQ(U8(4), c)
		var mean VecVirtual
		if shift {
			mean = s.fill(Mem{Base: a})
			ADDQ(U8(4), a)
		}
		for i := range dgain {
			g, v := s.read(dy, i), s.read(x, i)
			if shift {
				v = s.sub(v, mean)
				VADDPS(g, dbias[i], dbias[i])
			}
			VFMADD231PS(s.mul(v, scale), g, dgain[i])
		}
	}, dy, x)
	add := func(name string, v []VecVirtual) {
		q := s.at(name)
		for i := range v {
			s.write(s.add(s.read(q, i), v[i]), q, i)
		}
	}
	add("dgain", dgain)
	if shift {
		add("dbias", dbias)
	}
}
