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
	o      order
	mr, nv int
	acc    []VecVirtual
	tail   tail
	// lda holds multiples of the stride of A: 1, 3, 5 and 7, as far as needed.
	lda map[int]GPVirtual
	// The stack slots of the operands of the current tile.
	c, start, a, b, next Mem
}

func (t *tile) name() string { return fmt.Sprintf("tile%s%dx%d%s", t.o, t.mr, t.nv, t.Name) }

// tile emits count tiles one after another. Twin: tileRef.
func (s isa) tile(o order, mr, nv int) *tile {
	t := &tile{isa: s, o: o, mr: mr, nv: nv, acc: s.Vecs(mr * nv)}
	TEXT(t.name(), NOSPLIT,
		"func(c, start, a, b *float32, ldc, ldstart, lda, ldb, k, last, count, stepC, stepStart, stepA, stepB, next, stepNext, pace, ahead int)")
	Doc(fmt.Sprintf("%s is tileRef for %d rows and %d vectors, A in order %s; strides are in bytes.", t.name(), mr, nv, o))
	Pragma("noescape")
	t.tail = s.newTail(argument("last"))
	t.multiples()
	count := slot("count")
	t.c, t.start, t.a, t.b = slot("c"), slot("start"), slot("a"), slot("b")
	if t.asks() {
		t.next = slot("next")
	}
	Label("tiles")
	t.vectors(t.start, "ldstart", func(v VecVirtual, m Mem) { VMOVUPS(m, v) }, func(v VecVirtual, m Mem) { t.tail.load(m, v) })
	t.fetch()
	t.product()
	t.vectors(t.c, "ldc", func(v VecVirtual, m Mem) { VMOVUPS(v, m) }, t.tail.store)
	DECQ(count)
	JE(LabelRef("done"))
	advance(t.c, "stepC")
	advance(t.start, "stepStart")
	advance(t.a, "stepA")
	advance(t.b, "stepB")
	if t.asks() {
		advance(t.next, "stepNext")
	}
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
		if t.mr > i && t.unroll() == 1 {
			t.lda[i] = GP64()
			LEAQ(Mem{Base: t.lda[i-2], Index: one, Scale: 2}, t.lda[i])
		}
	}
}

// vectors moves the accumulators, row by row; the last vector of a row is partial.
func (t *tile) vectors(base Mem, stride string, whole, partial func(v VecVirtual, m Mem)) {
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
	pb, k := GP64(), argument("k")
	MOVQ(t.b, pb)
	a := t.pointers()
	ldb := argument("ldb")
	ahead := t.ahead(a.base[0], pb)
	loop := func(label string, unroll int, partial bool, step func()) {
		x86.Loop(label, k, func() {
			for u := range unroll {
				t.step(func(i int) Mem { return a.element(i).Offset(u * a.next) }, pb, partial)
				ahead()
				step()
				if t.o == columns {
					ADDQ(t.lda[1], a.base[0])
				}
			}
			if t.o == rows {
				for _, p := range a.base {
					ADDQ(U8(4*unroll), p)
				}
			}
		})
	}
	TESTQ(ldb, ldb)
	JL(LabelRef("negated"))
	add := func() { ADDQ(ldb, pb) }
	if u := t.unroll(); u > 1 {
		rest := GP64()
		MOVQ(k, rest)
		SHRQ(U8(2), k)
		JE(LabelRef("few"))
		loop("unrolled", u, false, add)
		Label("few")
		MOVQ(rest, k)
		ANDQ(U8(u-1), k)
		JE(LabelRef("end"))
	}
	loop("whole", 1, false, add)
	JMP(LabelRef("end"))
	Label("negated")
	loop("partial", 1, true, func() { SUBQ(ldb, pb) })
	Label("end")
}

// unroll is 4 for tiles so small that the loop would cost.
func (t *tile) unroll() int {
	if t.mr*t.nv > 16 || t.o == rows && t.mr > 8 {
		return 1
	}
	return 4
}

// addresses give the elements of A at the current k.
type addresses struct {
	t    *tile
	base []GPVirtual
	// next is the distance to the next k in bytes, if it is constant.
	next int
}

// pointers places as many pointers as make addresses simple: one per row for small tiles, one
// per eight rows for large ones, one for columns.
func (t *tile) pointers() addresses {
	a := addresses{t: t, base: []GPVirtual{GP64()}}
	MOVQ(t.a, a.base[0])
	if t.o == columns {
		return a
	}
	a.next = 4
	one := t.lda[1]
	for i := 1; i < t.mr; i++ {
		p := GP64()
		switch {
		case t.unroll() > 1:
			LEAQ(Mem{Base: a.base[i-1], Index: one, Scale: 1}, p)
		case i == 8:
			LEAQ(Mem{Base: a.base[0], Index: one, Scale: 8}, p)
		default:
			continue
		}
		a.base = append(a.base, p)
	}
	return a
}

// element is the address of row i.
func (a addresses) element(i int) Mem {
	if a.t.o == columns {
		return Mem{Base: a.base[0], Disp: 4 * i}
	}
	if len(a.base) == a.t.mr {
		return Mem{Base: a.base[i]}
	}
	base := a.base[i/8]
	if i %= 8; i == 0 {
		return Mem{Base: base}
	}
	scale := 1
	for i%2 == 0 {
		i, scale = i/2, scale*2
	}
	return Mem{Base: base, Index: a.t.lda[i], Scale: uint8(scale)}
}

// asks says whether the tile asks for what comes next: tiles that are unrolled have no load to
// spare.
func (t *tile) asks() bool { return t.unroll() == 1 }

// ahead gives what asks, once per k, for operands to come: A at a distance, pace bytes further
// each time, and, unless tiles are wide, the row of B that is ahead. Wide tiles use B slowly
// enough.
func (t *tile) ahead(pa, pb GPVirtual) func() {
	if !t.asks() {
		return func() {}
	}
	next, pace := GP64(), argument("pace")
	MOVQ(pa, next)
	ADDQ(t.next, next)
	wide := t.nv > 2
	var distance Register
	if !wide {
		distance = argument("ahead")
	}
	return func() {
		PREFETCHT0(Mem{Base: next})
		ADDQ(pace, next)
		for j := 0; j < t.nv*t.Bytes && !wide; j += 64 {
			PREFETCHT0(Mem{Base: pb, Index: distance, Scale: 1, Disp: j})
		}
	}
}

// fetch asks for the next tile of C.
func (t *tile) fetch() {
	p := GP64()
	MOVQ(t.c, p)
	ADDQ(x86.Arg("stepC"), p)
	for i := range t.mr {
		for j := 0; j < t.nv*t.Bytes; j += 64 {
			PREFETCHT0(Mem{Base: p, Disp: j})
		}
		if i+1 < t.mr {
			ADDQ(x86.Arg("ldc"), p)
		}
	}
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
