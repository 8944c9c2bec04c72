package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// shortSoftmax keeps a row of at most 16 elements in one virtual vector: rowMax, rowExp and
// rowAffine in one pass.
var shortSoftmax = kernel{shortName, shortParams, emitShort}

const shortName = "rowSoftmaxShort"

var shortParams = floats(slices("top", "sums", "y", "x"), "scale", "gain", "base")

func emitShort(isa x86.ISA) {
	g := begin(isa, shortName, "y = exp(x*scale-top)*(gain/sums)+base for rows of at most 16, with top = max*scale", shortParams)
	top, sums, y, x, stride := pointer("top"), pointer("sums"), pointer("y"), pointer("x"), bytes("stride")
	scale, gain, base := g.spread("scale"), g.spread("gain"), g.spread("base")
	g.keepExp()
	inf := float32(math.Inf(-1))
	g.keep(inf)
	t := g.newTail(integer("n"))
	masks := make([]tail, g.parts())
	for p := range masks {
		t.part(p)
		masks[p] = *t
	}
	rows := integer("rows")
	x86.Loop("rows", rows, func() {
		at := func(b GPVirtual, p int) Mem { return Mem{Base: b, Disp: p * g.Bytes} }
		row, accs := g.Vecs(g.parts()), g.Vecs(g.parts())
		for p := range masks {
			row[p] = g.load(&masks[p], at(x, p))
			VMOVAPS(g.constant(inf), accs[p])
			g.assign(&masks[p], g.max(row[p], accs[p]), accs[p])
		}
		m := g.across(g.fold(maximum, accs))
		m = g.Cmp(x86.PredGT, m, g.constant(inf)).Keep(g.mul(m, scale))
		VMOVSS(m.AsX(), Mem{Base: top})
		accs = g.Vecs(g.parts())
		for p := range masks {
			row[p] = g.exp(g.fms(row[p], scale, m))
			g.Zero(accs[p])
			g.assign(&masks[p], row[p], accs[p])
		}
		s := g.fold(sum, accs)
		VMOVSS(s, Mem{Base: sums})
		zero := g.Vec()
		g.Zero(zero)
		all := g.across(s)
		// One quotient: a vector's would take four times as long.
		VDIVSS(s, gain.AsX(), s)
		r := g.Cmp(nonZero, all, zero).Keep(g.across(s))
		for p := range masks {
			g.store(&masks[p], g.fma(row[p], r, base), at(y, p))
		}
		ADDQ(U8(4), top)
		ADDQ(U8(4), sums)
		ADDQ(stride, x)
		ADDQ(stride, y)
	})
	x86.Finish()
}

// across broadcasts the first lane.
func (g *gen) across(x VecVirtual) VecVirtual {
	v := g.Vec()
	VBROADCASTSS(x, v)
	return v
}
