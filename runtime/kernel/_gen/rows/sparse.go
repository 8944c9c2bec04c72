package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// segment is a reduction over rows of x by segments: row i of y is made of the entries
// ptr[i]..ptr[i+1]-1, each a row of x by index (or itself), times a value (or 1).
type segment struct {
	name, doc    string
	index, value bool
	op           operation
}

func (k *segment) list() []param {
	ps := []param{{"y", "[]float32"}, {"x", "[]float32"}}
	if k.value {
		ps = append(ps, param{"val", "[]float32"})
	}
	ps = append(ps, param{"ptr", "[]int32"})
	if k.index {
		ps = append(ps, param{"idx", "[]int32"})
	}
	ps = append(ps, shape...)
	if k.op == sum {
		ps = append(ps, param{"add", "int"})
	}
	return ps
}

var sparseKernels = func() (ks []kernel) {
	for _, k := range []*segment{
		{name: "segSum", doc: "sums of the rows of x by segments, added to y if add is not 0"},
		{name: "segMax", doc: "maxima of the rows of x by segments, 0 for an empty one", op: maximum},
		{name: "segGather", doc: "sums of indexed rows of x by segments, added to y if add is not 0", index: true},
		{name: "segProduct", doc: "sums of val times indexed rows of x by segments, added to y if add is not 0", index: true, value: true},
	} {
		ks = append(ks, kernel{k.name, k.list(), k.emit})
	}
	return append(ks, kernel{"segDot", dotParams, segDot})
}()

var dotParams = []param{
	{"dst", "[]float32"},
	{"y", "[]float32"},
	{"x", "[]float32"},
	{"ptr", "[]int32"},
	{"idx", "[]int32"},
	{"rows", "int"},
	{"n", "int"},
	{"stride", "int"},
}

// segDot emits the dot products of every segment's row of y with its entries' rows of x, in
// the order of rowDot.
func segDot(isa x86.ISA) {
	g := begin(isa, "segDot", "dst[e] = y[s]*x[idx[e]] for the entries e of segment s", dotParams)
	y, ptr, idx, dst := pointer("y"), pointer("ptr"), pointer("idx"), pointer("dst")
	rest := integer("n")
	ANDQ(U8(lanes-1), rest)
	t := g.newTail(rest)
	rows, next, again := g.label("rows"), g.label("next"), g.label("entries")
	e, to, row, j, c := GP64(), GP64(), GP64(), GP64(), GP64()
	Label(rows)
	MOVLQSX(Mem{Base: ptr}, e)
	MOVLQSX(Mem{Base: ptr, Disp: 4}, to)
	CMPQ(e, to)
	JGE(LabelRef(next))
	Label(again)
	MOVLQSX(Mem{Base: idx, Index: e, Scale: 4}, row)
	IMULQ(x86.Arg("stride"), row)
	SHLQ(U8(2), row)
	ADDQ(base("x"), row)
	VMOVSS(g.dot(y, row, j, c, t), Mem{Base: dst, Index: e, Scale: 4})
	INCQ(e)
	CMPQ(e, to)
	JL(LabelRef(again))
	Label(next)
	n := bytes("n")
	ADDQ(n, y)
	ADDQ(U8(4), ptr)
	DECQ(x86.Arg("rows"))
	JNE(LabelRef(rows))
	x86.Finish()
}

// dot is the product of two rows of n elements: blocks of four virtual vectors, then one, then
// the tail.
func (g *gen) dot(y, x, j, c GPVirtual, t *tail) VecVirtual {
	accs := g.Vecs(4 * g.parts())
	for _, a := range accs {
		g.Zero(a)
	}
	XORQ(j, j)
	MOVQ(x86.Arg("n"), c)
	at := func(p GPVirtual, i int) Mem { return Mem{Base: p, Index: j, Scale: 1, Disp: i * g.Bytes} }
	for _, w := range []int{4, 1} {
		loop, done := g.label("block"), g.label("done")
		SUBQ(U32(lanes*w), c)
		JL(LabelRef(done))
		Label(loop)
		for i := range w * g.parts() {
			VFMADD231PS(g.load(nil, at(x, i)), g.load(nil, at(y, i)), accs[i])
		}
		ADDQ(U32(4*lanes*w), j)
		SUBQ(U32(lanes*w), c)
		JGE(LabelRef(loop))
		Label(done)
		ADDQ(U32(lanes*w), c)
	}
	fold := g.label("fold")
	TESTQ(c, c)
	JE(LabelRef(fold))
	for i := range g.parts() {
		t.part(i)
		g.assign(t, g.fma(g.load(t, at(x, i)), g.load(t, at(y, i)), accs[i]), accs[i])
	}
	Label(fold)
	return g.fold(sum, accs)
}

func (k *segment) emit(isa x86.ISA) {
	g := begin(isa, k.name, k.doc, k.list())
	y, ptr := pointer("y"), pointer("ptr")
	rows := g.label("rows")
	Label(rows)
	g.columns(4, integer("n"), func(s *strip) { k.strip(s, y, ptr) })
	n := bytes("n")
	ADDQ(n, y)
	ADDQ(U8(4), ptr)
	DECQ(x86.Arg("rows"))
	JNE(LabelRef(rows))
	x86.Finish()
}

// strip reduces the columns of a strip over one segment.
func (k *segment) strip(s *strip, y, ptr GPVirtual) {
	out := GP64()
	LEAQ(Mem{Base: y, Index: s.j, Scale: 1}, out)
	acc := s.zeros()
	from, to := GP64(), GP64()
	MOVLQSX(Mem{Base: ptr}, from)
	MOVLQSX(Mem{Base: ptr, Disp: 4}, to)
	store := s.label("store")
	if k.op == sum {
		fresh, add := s.label("fresh"), integer("add")
		TESTQ(add, add)
		JE(LabelRef(fresh))
		for i := range acc {
			VMOVAPS(s.read(out, i), acc[i])
		}
		Label(fresh)
	}
	CMPQ(from, to)
	JGE(LabelRef(store))
	if k.op == maximum {
		for i := range acc {
			VMOVAPS(s.constant(float32(math.Inf(-1))), acc[i])
		}
	}
	x, row := s.at("x"), GP64()
	var idx, val GPVirtual
	if k.index {
		idx = pointer("idx")
	}
	if k.value {
		val = pointer("val")
	}
	again := s.label("again")
	Label(again)
	if k.index {
		MOVLQSX(Mem{Base: idx, Index: from, Scale: 4}, row)
	} else {
		MOVQ(from, row)
	}
	IMULQ(x86.Arg("stride"), row)
	LEAQ(Mem{Base: x, Index: row, Scale: 4}, row)
	var v VecVirtual
	if k.value {
		v = s.fill(Mem{Base: val, Index: from, Scale: 4})
	}
	for i := range acc {
		e := s.read(row, i)
		switch {
		case k.value:
			VFMADD231PS(v, e, acc[i])
		case k.op == maximum:
			VMAXPS(acc[i], e, acc[i])
		default:
			VADDPS(e, acc[i], acc[i])
		}
	}
	INCQ(from)
	CMPQ(from, to)
	JL(LabelRef(again))
	Label(store)
	for i := range acc {
		s.write(acc[i], out, i)
	}
}
