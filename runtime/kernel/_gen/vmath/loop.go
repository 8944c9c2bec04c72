package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// kernel collects what the dispatch table needs to know.
type kernel struct {
	field string // of the table
	name  string // without the level
}

var kernels []kernel

// lane is the body's view of the current vector: memory of the named pointers under a mask.
type lane struct {
	s     isa
	ptr   map[string]Register
	index Register
	k     OpmaskVirtual // AVX-512: always used
	tail  vec           // AVX2: used in the tail
	rest  bool          // AVX2: this is the tail
}

func (l lane) mem(p string) Mem { return Mem{Base: l.ptr[p], Index: l.index, Scale: 1} }

func (l lane) load(p string) vec {
	v := l.s.Vec()
	m := l.mem(p)
	switch {
	case l.s.Wide && l.s.double:
		VMOVUPD_Z(m, l.k, v)
	case l.s.Wide:
		VMOVUPS_Z(m, l.k, v)
	case l.rest && l.s.double:
		VMASKMOVPD(m, l.tail, v)
	case l.rest:
		VMASKMOVPS(m, l.tail, v)
	default:
		l.s.pick(VMOVUPS, VMOVUPD, m, v)
	}
	return v
}

func (l lane) store(v vec, p string) {
	m := l.mem(p)
	switch {
	case l.s.Wide:
		l.s.pick(VMOVUPS, VMOVUPD, v, l.k, m)
	case l.rest && l.s.double:
		VMASKMOVPD(v, l.tail, m)
	case l.rest:
		VMASKMOVPS(v, l.tail, m)
	default:
		l.s.pick(VMOVUPS, VMOVUPD, v, m)
	}
}

// text starts a kernel: pointers, then counts, then scalars.
func (s isa) text(field, name, twin string, pointers, counts, scalars []string) map[string]Register {
	bits := 8 * s.size()
	name = fmt.Sprintf("%s%d", name, bits)
	kernels = append(kernels, kernel{field, name})
	args := strings.Join(pointers, ", ") + fmt.Sprintf(" *float%d, ", bits) + strings.Join(counts, ", ") + " int"
	if len(scalars) > 0 {
		args += ", " + strings.Join(scalars, ", ") + fmt.Sprintf(" float%d", bits)
	}
	TEXT(name+s.Name, NOSPLIT, "func("+args+")")
	Doc(name + s.Name + " is " + twin + "; counts are positive.")
	Pragma("noescape")
	ptr := map[string]Register{}
	for _, p := range pointers {
		ptr[p] = Load(Param(p), GP64())
	}
	return ptr
}

// param broadcasts a scalar argument.
func (s isa) param(name string) vec {
	v := s.Vec()
	s.pick(VBROADCASTSS, VBROADCASTSD, x86.Arg(name), v)
	return v
}

// each emits the loop over n elements, n a register that is used up. AVX-512 runs every
// vector under a mask; AVX2 has a second body for the tail.
func (s isa) each(n GPVirtual, ptr map[string]Register, body func(l lane)) {
	index := GP64()
	XORL(index.As32(), index.As32())
	l := lane{s: s, ptr: ptr, index: index}
	if s.Wide {
		l.k = K()
		KXNORW(l.k, l.k, l.k)
		Label("next")
		CMPQ(n, I8(s.lanes()))
		JGE(LabelRef("full"))
		ones := GP64()
		MOVQ(I32(-1), ones)
		BZHIQ(n, ones, ones)
		KMOVW(ones.As32(), l.k)
		Label("full")
		body(l)
		ADDQ(I8(s.Bytes), index)
		SUBQ(I8(s.lanes()), n)
		JG(LabelRef("next"))
		return
	}
	SUBQ(I8(s.lanes()), n)
	JLT(LabelRef("tail"))
	Label("next")
	body(l)
	ADDQ(I8(s.Bytes), index)
	SUBQ(I8(s.lanes()), n)
	JGE(LabelRef("next"))
	Label("tail")
	ADDQ(I8(s.lanes()), n)
	JE(LabelRef("done"))
	SHLQ(U8(2+s.size()/8), n)
	NEGQ(n)
	base := GP64()
	LEAQ(tailMasks(), base)
	l.tail, l.rest = s.Vec(), true
	VMOVUPS(Mem{Base: base, Index: n, Scale: 1, Disp: s.Bytes}, l.tail)
	body(l)
	Label("done")
}

var masks *Mem

// tailMasks is 32 bytes of ones followed by 32 of zeros: a mask of n bytes starts n bytes
// before the middle.
func tailMasks() Mem {
	if masks == nil {
		m := GLOBL("tailMasks", RODATA|NOPTR)
		for i := range 8 {
			word := ^uint64(0)
			if i >= 4 {
				word = 0
			}
			DATA(8*i, U64(word))
		}
		masks = &m
	}
	return *masks
}

// elementwise emits a kernel over one-dimensional slices; prepare runs before the loop.
func (s isa) elementwise(field, name, twin string, pointers, scalars []string, prepare func() []vec, body func(l lane, scalar []vec)) {
	ptr := s.text(field, name, twin, pointers, []string{"n"}, scalars)
	n := Load(Param("n"), GP64()).(GPVirtual)
	var scalar []vec
	if prepare != nil {
		scalar = prepare()
	}
	s.each(n, ptr, func(l lane) { body(l, scalar) })
	x86.Finish()
}
