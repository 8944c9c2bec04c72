package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// operation of a reduction.
type operation int

const (
	sum operation = iota
	maximum
)

// rowKernel is a kernel over rows of n floats, stride floats apart in all of outs and ins.
// One body makes elementwise kernels and reductions of all kinds: it is called for every
// register of the row.
type rowKernel struct {
	name, doc string
	// results get one value a row: reductions by op.
	results []string
	op      operation
	// outs are written, ins are read at the same place of every row.
	outs, ins []string
	// cols are indexed by the place in the row only.
	cols []string
	// scalars have one value a row.
	scalars []string
	// floats are the same for all rows.
	floats []string
	// unroll is the number of virtual vectors of a block, each with an accumulator.
	unroll int
	exp    bool
	body   func(e *elements)
}

// elements is what a body sees: one register's worth of a row.
type elements struct {
	*gen
	k       *rowKernel
	t       *tail
	at      func(name string) Mem
	scalars map[string]VecVirtual
	// accs are this register's accumulators by result.
	accs []VecVirtual
}

// in loads from one of ins or cols.
func (e *elements) in(name string) VecVirtual { return e.load(e.t, e.at(name)) }

// out stores to one of outs.
func (e *elements) out(name string, v VecVirtual) { e.store(e.t, v, e.at(name)) }

// scalar is one of scalars or floats.
func (e *elements) scalar(name string) VecVirtual { return e.scalars[name] }

// reduceFMA adds a*b to a result.
func (e *elements) reduceFMA(i int, a, b VecVirtual) {
	if e.t == nil {
		VFMADD231PS(b, a, e.accs[i])
		return
	}
	e.assign(e.t, e.fma(a, b, e.accs[i]), e.accs[i])
}

// reduce adds x to the first result or takes the maximum: x where it is greater.
func (e *elements) reduce(x VecVirtual) {
	op := e.add
	if e.k.op == maximum {
		op = e.max
	}
	e.assign(e.t, op(x, e.accs[0]), e.accs[0])
}

func (k *rowKernel) params() []param {
	var ps []param
	for _, names := range [][]string{k.results, k.outs, k.ins, k.cols, k.scalars} {
		for _, n := range names {
			ps = append(ps, param{n, "[]float32"})
		}
	}
	for _, f := range k.floats {
		ps = append(ps, param{f, "float32"})
	}
	return append(ps, param{"rows", "int"}, param{"n", "int"}, param{"stride", "int"})
}

// emit writes the kernel for one instruction set.
func (k *rowKernel) emit(isa x86.ISA) {
	g := begin(isa, k.name, k.doc, k.params())
	moving := map[string]GPVirtual{}
	for _, name := range append(append([]string{}, k.outs...), k.ins...) {
		moving[name] = pointer(name)
	}
	cols := map[string]GPVirtual{}
	for _, name := range k.cols {
		cols[name] = pointer(name)
	}
	scalars := map[string]VecVirtual{}
	for _, f := range k.floats {
		scalars[f] = g.spread(f)
	}
	if k.exp {
		g.keepExp()
	}
	rest := integer("n")
	ANDQ(U8(lanes-1), rest)
	t := g.newTail(rest)
	row, j, c, stride := GP64(), GP64(), GP64(), bytes("stride")
	XORQ(row, row)

	rows := g.label("rows")
	Label(rows)
	for _, s := range k.scalars {
		p := pointer(s)
		scalars[s] = g.fill(Mem{Base: p, Index: row, Scale: 1})
	}
	accs := k.accumulators(g)
	XORQ(j, j)
	MOVQ(x86.Arg("n"), c)
	// block emits the body for some virtual vectors.
	block := func(vectors int, t *tail) {
		for u := range vectors {
			for p := range g.parts() {
				if t != nil {
					t.part(p)
				}
				e := &elements{gen: g, k: k, t: t, scalars: scalars}
				e.at = func(name string) Mem {
					b, ok := moving[name]
					if !ok {
						b = cols[name]
					}
					return Mem{Base: b, Index: j, Scale: 1, Disp: 4*lanes*u + g.Bytes*p}
				}
				for r := range k.results {
					e.accs = append(e.accs, accs[r][u*g.parts()+p])
				}
				k.body(e)
			}
		}
	}
	widths := []int{k.unroll, 1}
	if k.unroll == 1 {
		widths = widths[1:]
	}
	for _, w := range widths {
		loop, done := g.label("block"), g.label("done")
		SUBQ(U32(lanes*w), c)
		JL(LabelRef(done))
		Label(loop)
		block(w, nil)
		ADDQ(U32(4*lanes*w), j)
		SUBQ(U32(lanes*w), c)
		JGE(LabelRef(loop))
		Label(done)
		ADDQ(U32(lanes*w), c)
	}
	fold := g.label("fold")
	TESTQ(c, c)
	JE(LabelRef(fold))
	block(1, t)
	Label(fold)
	for r, name := range k.results {
		x := g.fold(k.op, accs[r])
		p := pointer(name)
		VMOVSS(x, Mem{Base: p, Index: row, Scale: 1})
	}
	for _, name := range append(append([]string{}, k.outs...), k.ins...) {
		ADDQ(stride, moving[name])
	}
	ADDQ(U8(4), row)
	DECQ(x86.Arg("rows"))
	JNE(LabelRef(rows))
	x86.Finish()
}

// accumulators of all results at their start.
func (k *rowKernel) accumulators(g *gen) [][]VecVirtual {
	accs := make([][]VecVirtual, len(k.results))
	for r := range accs {
		accs[r] = g.Vecs(k.unroll * g.parts())
		for _, a := range accs[r] {
			if k.op == maximum {
				VMOVAPS(g.constant(float32(math.Inf(-1))), a)
			} else {
				g.Zero(a)
			}
		}
	}
	return accs
}

// fold reduces the accumulators by the fixed tree: halves of the vectors, then halves of the
// lanes. Twin: foldRef.
func (g *gen) fold(op operation, accs []VecVirtual) VecVirtual {
	combine := func(a, b, d Register) {
		if op == maximum {
			VMAXPS(b, a, d)
		} else {
			VADDPS(b, a, d)
		}
	}
	n := len(accs) / g.parts()
	for h := n / 2; h > 0; h /= 2 {
		for i := range h * g.parts() {
			combine(accs[i], accs[i+h*g.parts()], accs[i])
		}
	}
	y := YMM()
	x := XMM()
	if g.Wide {
		VEXTRACTF64X4(U8(1), accs[0], y)
		combine(accs[0].AsY(), y, y)
		VEXTRACTF32X4(U8(1), y, x)
	} else {
		combine(accs[0], accs[1], y)
		VEXTRACTF128(U8(1), y, x)
	}
	combine(y.AsX(), x, x)
	for _, pick := range []uint8{0x4e, 0xb1} {
		s := XMM()
		VPERMILPS(U8(pick), x, s)
		combine(x, s, x)
	}
	return x
}
