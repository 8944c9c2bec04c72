package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// lanes of a virtual vector: one ZMM or two YMM registers.
const lanes = 16

// gen is an instruction set with the constants that one kernel keeps in registers.
type gen struct {
	x86.ISA
	kept map[float32]VecVirtual
	// serial makes the labels of a function unique.
	serial int
}

func (g *gen) label(name string) string {
	g.serial++
	return fmt.Sprintf("%s%d", name, g.serial)
}

// parts of a virtual vector.
func (g *gen) parts() int { return 4 * lanes / g.Bytes }

// width is the number of floats of a register.
func (g *gen) width() int { return g.Bytes / 4 }

// keep loads constants into registers ahead of loops if there are enough registers.
func (g *gen) keep(cs ...float32) {
	if !g.Wide {
		return
	}
	for _, c := range cs {
		if _, ok := g.kept[c]; !ok {
			g.kept[c] = g.Constant(c)
		}
	}
}

// constant is a register that must not be changed.
func (g *gen) constant(c float32) VecVirtual {
	if v, ok := g.kept[c]; ok {
		return v
	}
	return g.Constant(c)
}

func (g *gen) add(a, b VecVirtual) VecVirtual { d := g.Vec(); VADDPS(b, a, d); return d }
func (g *gen) sub(a, b VecVirtual) VecVirtual { d := g.Vec(); VSUBPS(b, a, d); return d }
func (g *gen) mul(a, b VecVirtual) VecVirtual { d := g.Vec(); VMULPS(b, a, d); return d }
func (g *gen) div(a, b VecVirtual) VecVirtual { d := g.Vec(); VDIVPS(b, a, d); return d }

// max is a where a > b and b elsewhere.
func (g *gen) max(a, b VecVirtual) VecVirtual { d := g.Vec(); VMAXPS(b, a, d); return d }

func (g *gen) copy(a VecVirtual) VecVirtual { d := g.Vec(); VMOVAPS(a, d); return d }

// fma is a*b+c.
func (g *gen) fma(a, b, c VecVirtual) VecVirtual {
	d := g.copy(c)
	VFMADD231PS(b, a, d)
	return d
}

// fms is a*b-c.
func (g *gen) fms(a, b, c VecVirtual) VecVirtual {
	d := g.copy(c)
	VFMSUB231PS(b, a, d)
	return d
}

// fnma is c-a*b.
func (g *gen) fnma(a, b, c VecVirtual) VecVirtual {
	d := g.copy(c)
	VFNMADD231PS(b, a, d)
	return d
}

// polynomial is by Horner's rule, highest power first.
func (g *gen) polynomial(x VecVirtual, cs []float32) VecVirtual {
	q := g.copy(g.constant(cs[0]))
	for _, c := range cs[1:] {
		VFMADD213PS(g.constant(c), x, q)
	}
	return q
}

// base is the memory operand of a slice argument's pointer.
func base(name string) Mem {
	b, err := Param(name).Base().Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// pointer loads a slice argument's pointer.
func pointer(name string) GPVirtual {
	p := GP64()
	MOVQ(base(name), p)
	return p
}

// integer loads an integer argument.
func integer(name string) GPVirtual {
	p := GP64()
	MOVQ(x86.Arg(name), p)
	return p
}

// bytes loads an argument that counts floats and makes it bytes.
func bytes(name string) GPVirtual {
	p := integer(name)
	SHLQ(U8(2), p)
	return p
}

// spread broadcasts a float argument.
func (g *gen) spread(name string) VecVirtual {
	v := g.Vec()
	VBROADCASTSS(x86.Arg(name), v)
	return v
}

// fill broadcasts a float in memory.
func (g *gen) fill(m Mem) VecVirtual {
	v := g.Vec()
	VBROADCASTSS(m, v)
	return v
}

// Tables of masks: maskBits[n] has n low bits set; 64-4n bytes into maskWords begin n words of
// ones.
var maskBits, maskWords Mem

func maskTables() {
	maskBits = GLOBL("maskBits", RODATA|NOPTR)
	for n := range lanes + 1 {
		DATA(2*n, U16(1<<n-1))
	}
	maskWords = GLOBL("maskWords", RODATA|NOPTR)
	for n := range 2 * lanes {
		w := uint32(0)
		if n < lanes {
			w = 0xffffffff
		}
		DATA(4*n, U32(w))
	}
}

// tail is the mask of the first n lanes of a virtual vector.
type tail struct {
	g     *gen
	k     OpmaskVirtual
	words GPVirtual
	v     VecVirtual
}

// newTail makes the mask of the first n lanes; n becomes scratch.
func (g *gen) newTail(n GPVirtual) *tail {
	t := &tail{g: g}
	p := GP64()
	if g.Wide {
		t.k = K()
		LEAQ(maskBits, p)
		KMOVW(Mem{Base: p, Index: n, Scale: 2}, t.k)
		return t
	}
	LEAQ(maskWords, p)
	SHLQ(U8(2), n)
	SUBQ(n, p)
	ADDQ(U8(4*lanes), p)
	t.words = p
	return t
}

// part chooses which part of the virtual vector the mask is used for.
func (t *tail) part(i int) {
	if !t.g.Wide {
		t.v = t.g.Vec()
		VMOVUPS(Mem{Base: t.words, Disp: i * t.g.Bytes}, t.v)
	}
}

// load reads a register; dead lanes of a tail (nil: none) are 0.
func (g *gen) load(t *tail, m Mem) VecVirtual {
	v := g.Vec()
	switch {
	case t == nil:
		VMOVUPS(m, v)
	case g.Wide:
		VMOVUPS_Z(m, t.k, v)
	default:
		VMASKMOVPS(m, t.v, v)
	}
	return v
}

// store writes the living lanes.
func (g *gen) store(t *tail, v VecVirtual, m Mem) {
	switch {
	case t == nil:
		VMOVUPS(v, m)
	case g.Wide:
		VMOVUPS(v, t.k, m)
	default:
		VMASKMOVPS(v, t.v, m)
	}
}

// assign sets the living lanes of d.
func (g *gen) assign(t *tail, v, d VecVirtual) {
	switch {
	case t == nil:
		VMOVAPS(v, d)
	case g.Wide:
		VMOVAPS(v, t.k, d)
	default:
		VBLENDVPS(t.v, v, d, d)
	}
}

func newGen(s x86.ISA) *gen { return &gen{ISA: s, kept: map[float32]VecVirtual{}} }
