package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// order says how A lies in memory: rows are contiguous in k and lda apart; columns are
// contiguous in m and lda apart.
type order string

const (
	rows    order = "Rows"
	columns order = "Cols"
)

// tile is a kernel being emitted: mr rows of A times nv vectors of columns of B.
type tile struct {
	isa
	o             order
	mr, nv        int
	acc           []VecVirtual
	tail          tail
	c, start, ldb GPVirtual
	// lda holds multiples of the stride of A: 1, 3, 5 and 7, as far as needed.
	lda map[int]GPVirtual
	// a and b are the stack slots of the operands of the current tile.
	a, b Mem
}

func (t *tile) name() string { return fmt.Sprintf("tile%s%dx%d%s", t.o, t.mr, t.nv, t.Name) }

// tile emits count tiles one after another. Twin: tileRef.
func (s isa) tile(o order, mr, nv int) *tile {
	t := &tile{isa: s, o: o, mr: mr, nv: nv, acc: s.Vecs(mr * nv)}
	TEXT(t.name(), NOSPLIT,
		"func(c, start, a, b *float32, ldc, ldstart, lda, ldb, k, last, count, stepC, stepStart, stepA, stepB int)")
	Doc(fmt.Sprintf("%s is tileRef for %d rows and %d vectors, A in order %s; strides are in bytes.", t.name(), mr, nv, o))
	Pragma("noescape")
	t.tail = s.newTail(argument("last"))
	t.c, t.start, t.ldb = argument("c"), argument("start"), argument("ldb")
	t.multiples()
	count := slot("count")
	t.a, t.b = slot("a"), slot("b")
	Label("tiles")
	t.vectors(t.start, "ldstart", func(v VecVirtual, m Mem) { VMOVUPS(m, v) }, func(v VecVirtual, m Mem) { t.tail.load(m, v) })
	t.product()
	t.vectors(t.c, "ldc", func(v VecVirtual, m Mem) { VMOVUPS(v, m) }, t.tail.store)
	DECQ(count)
	JE(LabelRef("done"))
	ADDQ(x86.Arg("stepC"), t.c)
	ADDQ(x86.Arg("stepStart"), t.start)
	advance(t.a, "stepA")
	advance(t.b, "stepB")
	JMP(LabelRef("tiles"))
	Label("done")
	x86.Finish()
	return t
}

// argument loads an integer or pointer argument.
func argument(name string) GPVirtual { return Load(Param(name), GP64()).(GPVirtual) }

// slot copies an argument to the stack, where it may change.
func slot(name string) Mem {
	m := AllocLocal(8)
	MOVQ(argument(name), m)
	return m
}

// advance adds an argument to a stack slot.
func advance(m Mem, step string) {
	r := argument(step)
	ADDQ(r, m)
}

// multiples loads the stride of A and the odd multiples of it that the rows need.
func (t *tile) multiples() {
	one := argument("lda")
	t.lda = map[int]GPVirtual{1: one}
	if t.o == columns {
		return
	}
	for _, i := range []int{3, 5, 7} {
		if t.mr > i {
			t.lda[i] = GP64()
			LEAQ(Mem{Base: t.lda[i-2], Index: one, Scale: 2}, t.lda[i])
		}
	}
}

// vectors moves the accumulators, row by row; the last vector of a row is partial.
func (t *tile) vectors(base GPVirtual, stride string, whole, partial func(v VecVirtual, m Mem)) {
	p := GP64()
	MOVQ(base, p)
	for i := range t.mr {
		for j := range t.nv {
			move := whole
			if j == t.nv-1 {
				move = partial
			}
			move(t.acc[i*t.nv+j], Mem{Base: p, Disp: j * t.Bytes})
		}
		if i+1 < t.mr {
			ADDQ(x86.Arg(stride), p)
		}
	}
}

// product runs over k. Rows of B are loaded whole, unless ldb is negated: then the stride is
// -ldb and the last vector is loaded as far as its columns exist.
func (t *tile) product() {
	pa, pb, k := GP64(), GP64(), argument("k")
	MOVQ(t.a, pa)
	MOVQ(t.b, pb)
	second := GP64()
	if t.o == rows && t.mr > 8 {
		LEAQ(Mem{Base: pa, Index: t.lda[1], Scale: 8}, second)
	}
	loop := func(label string, partial bool, next func()) {
		x86.Loop(label, k, func() {
			t.step(func(i int) Mem { return t.element(pa, second, i) }, pb, partial)
			next()
			if t.o == columns {
				ADDQ(t.lda[1], pa)
				return
			}
			ADDQ(U8(4), pa)
			if t.mr > 8 {
				ADDQ(U8(4), second)
			}
		})
	}
	TESTQ(t.ldb, t.ldb)
	JL(LabelRef("negated"))
	loop("whole", false, func() { ADDQ(t.ldb, pb) })
	JMP(LabelRef("end"))
	Label("negated")
	loop("partial", true, func() { SUBQ(t.ldb, pb) })
	Label("end")
}

// element is the address of row i of A at the current k.
func (t *tile) element(a, second GPVirtual, i int) Mem {
	if t.o == columns {
		return Mem{Base: a, Disp: 4 * i}
	}
	base := a
	if i >= 8 {
		base, i = second, i-8
	}
	if i == 0 {
		return Mem{Base: base}
	}
	scale := 1
	for i%2 == 0 {
		i, scale = i/2, scale*2
	}
	return Mem{Base: base, Index: t.lda[i], Scale: uint8(scale)}
}

// step adds the products of one k. The smaller set of operands is held, the other streams.
func (t *tile) step(a func(int) Mem, b GPVirtual, partial bool) {
	loadB := func(j int, v VecVirtual) {
		m := Mem{Base: b, Disp: j * t.Bytes}
		if partial && j == t.nv-1 {
			t.tail.load(m, v)
			return
		}
		VMOVUPS(m, v)
	}
	if t.nv > t.mr {
		e, x := t.Vecs(t.mr), t.Vec()
		for i := range e {
			VBROADCASTSS(a(i), e[i])
		}
		for j := range t.nv {
			loadB(j, x)
			for i := range e {
				VFMADD231PS(e[i], x, t.acc[i*t.nv+j])
			}
		}
		return
	}
	x, e := t.Vecs(t.nv), t.Vec()
	for j := range x {
		loadB(j, x[j])
	}
	for i := range t.mr {
		if t.Wide && t.nv == 1 {
			VFMADD231PS_BCST(a(i), x[0], t.acc[i])
			continue
		}
		VBROADCASTSS(a(i), e)
		for j := range x {
			VFMADD231PS(e, x[j], t.acc[i*t.nv+j])
		}
	}
}
