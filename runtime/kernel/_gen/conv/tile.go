package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// Words of tileArgs.
const (
	tOut = iota
	tIn
	tX
	tW
	tBias
	tOutR
	tOutP
	tOutV
	tInR
	tInP
	tInV
	tXP
	tXV
	tXB
	tXA
	tXC
	tWB
	tWA
	tWC
	tNC
	tNA
	tNB
	tNP
	tAhead
	tAheadC
	tAheadP
	tWindow
	tLast
	tRest
	// What the kernel changes: the words of the caller stay as they are.
	tOutAt
	tInAt
	tXAt
	tAheadAt
	tLeft
)

// mask selects lanes in memory: an opmask register or vectors of all-ones lanes.
type mask struct {
	s x86.ISA
	k OpmaskVirtual
	m Mem // AVX2: 16 words
}

// newMask reads the mask to which the structure points.
func newMask(s x86.ISA, a Register, word int) mask {
	g := load(a, word)
	if !s.Wide {
		return mask{s: s, m: Mem{Base: g}}
	}
	// The first word behind the 16 lanes has the bits.
	k := K()
	KMOVW(Mem{Base: g, Disp: 64}, k)
	return mask{s: s, k: k}
}

// load reads part p of the vector at src; lanes outside are zero.
func (m mask) load(src Mem, p int, dst VecVirtual) {
	if m.s.Wide {
		VMOVUPS_Z(src, m.k, dst)
		return
	}
	v := YMM()
	VMOVUPS(at(m.s, m.m, p), v)
	VMASKMOVPS(at(m.s, src, p), v, dst)
}

// store writes the lanes inside.
func (m mask) store(src VecVirtual, dst Mem, p int) {
	if m.s.Wide {
		VMOVUPS(src, m.k, dst)
		return
	}
	v := YMM()
	VMOVUPS(at(m.s, m.m, p), v)
	VMASKMOVPS(src, v, at(m.s, dst, p))
}

// tile emits one block of r channels by v vectors, for a run of positions:
//
//	out = (in or bias) + sum over channels c, kernel rows a and columns b of w[c][a][b] * x[c][a][b]
//
// as one chain of fused multiply-adds per element. Steps of x and w are jumps from where the
// loop inside left the cursor.
func tile(s x86.ISA, r, v int) {
	name := fmt.Sprintf("tile%dx%d%s", r, v, s.Name)
	a := function(name, "tileArgs", fmt.Sprintf("computes %d channels by %d vectors at every position of a run.", r, v))
	acc := make([][]lanes, r)
	for i := range acc {
		for range v {
			acc[i] = append(acc[i], newLanes(s))
		}
	}
	for _, p := range [][2]int{{tOut, tOutAt}, {tIn, tInAt}, {tX, tXAt}, {tAhead, tAheadAt}, {tNP, tLeft}} {
		MOVQ(load(a, p[0]), field(a, p[1]))
	}
	Label("position")
	tileStart(s, a, acc)
	if unrolled(s, r, v) {
		for i, window := range windows {
			next := fmt.Sprintf("not%d", i+1)
			CMPQ(field(a, tWindow), Imm(uint64(i+1)))
			JNE(LabelRef(next))
			tileWindow(s, a, acc, window, fmt.Sprintf("window%d", i+1))
			JMP(LabelRef("end"))
			Label(next)
		}
	}
	x, w, ahead := load(a, tXAt), load(a, tW), load(a, tAheadAt)
	xb, nc := load(a, tXB), load(a, tNC)
	xv, wb := load(a, tXV), load(a, tWB)
	xv3 := GP64()
	LEAQ(Mem{Base: xv, Index: xv, Scale: 2}, xv3)
	na, nb := GP64(), GP64()
	vectors := []Mem{
		{Base: x},
		{Base: x, Index: xv, Scale: 1},
		{Base: x, Index: xv, Scale: 2},
		{Base: x, Index: xv3, Scale: 1},
	}
	Label("channel")
	PREFETCHT1(Mem{Base: ahead})
	MOVQ(field(a, tNA), na)
	Label("row")
	MOVQ(field(a, tNB), nb)
	Label("column")
	tileStep(s, acc, w, 0, vectors)
	ADDQ(xb, x)
	ADDQ(wb, w)
	DECQ(nb)
	JNE(LabelRef("column"))
	ADDQ(field(a, tXA), x)
	ADDQ(field(a, tWA), w)
	DECQ(na)
	JNE(LabelRef("row"))
	ADDQ(field(a, tXC), x)
	ADDQ(field(a, tWC), w)
	ADDQ(field(a, tAheadC), ahead)
	DECQ(nc)
	JNE(LabelRef("channel"))
	Label("end")
	tileEnd(s, a, acc)
	for _, p := range [][2]int{{tXP, tXAt}, {tOutP, tOutAt}, {tAheadP, tAheadAt}} {
		step := load(a, p[0])
		ADDQ(step, field(a, p[1]))
	}
	DECQ(field(a, tLeft))
	JNE(LabelRef("position"))
	x86.Finish()
}

// tileStart fills the accumulators from the bias, or from in, and moves in to the next
// position.
func tileStart(s x86.ISA, a GPVirtual, acc [][]lanes) {
	in := load(a, tInAt)
	TESTQ(in, in)
	JNE(LabelRef("continue"))
	bias := load(a, tBias)
	for i := range acc {
		for _, l := range acc[i] {
			for _, g := range l {
				VBROADCASTSS(Mem{Base: bias, Disp: 4 * i}, g)
			}
		}
	}
	JMP(LabelRef("start"))
	Label("continue")
	last, rest := newMask(s, a, tLast), newMask(s, a, tRest)
	inR, inV := load(a, tInR), load(a, tInV)
	row := GP64()
	MOVQ(in, row)
	eachVector(acc, row, inR, inV, func(l lanes, m Mem, end bool) {
		k := rest
		if end {
			k = last
		}
		for p, g := range l {
			k.load(m, p, g)
		}
	})
	step := load(a, tInP)
	ADDQ(step, field(a, tInAt))
	Label("start")
}

// tileEnd stores the accumulators.
func tileEnd(s x86.ISA, a GPVirtual, acc [][]lanes) {
	last, rest := newMask(s, a, tLast), newMask(s, a, tRest)
	row, outR, outV := load(a, tOutAt), load(a, tOutR), load(a, tOutV)
	eachVector(acc, row, outR, outV, func(l lanes, m Mem, end bool) {
		k := rest
		if end {
			k = last
		}
		for p, g := range l {
			k.store(g, m, p)
		}
	})
}

// eachVector walks rows of vectors; row is moved.
func eachVector(acc [][]lanes, row, rowStep, step GPVirtual, f func(l lanes, m Mem, end bool)) {
	for i := range acc {
		p := GP64()
		MOVQ(row, p)
		for j, l := range acc[i] {
			f(l, Mem{Base: p}, j == len(acc[i])-1)
			if j < len(acc[i])-1 {
				ADDQ(step, p)
			}
		}
		if i < len(acc)-1 {
			ADDQ(rowStep, row)
		}
	}
}

// windows are the rows and columns of 3x3 kernels, whole or cut by an edge, that have loops of
// their own.
var windows = [][2]int{{2, 2}, {2, 3}, {3, 2}, {3, 3}}

// unrolled says which tiles have these loops.
func unrolled(s x86.ISA, r, v int) bool { return s.Wide && r >= 4 && v >= 2 }

// tileWindow multiplies the taps of a part of a 3x3 kernel, for vectors side by side and
// neighbouring weights.
func tileWindow(s x86.ISA, a GPVirtual, acc [][]lanes, window [2]int, label string) {
	x, w, ahead := load(a, tXAt), load(a, tW), load(a, tAheadAt)
	xb, xa, nc, row := load(a, tXB), load(a, tXA), load(a, tNC), GP64()
	Label(label)
	PREFETCHT1(Mem{Base: ahead})
	MOVQ(x, row)
	for i := range window[0] {
		for j := range window[1] {
			var vectors []Mem
			for v := range acc[0] {
				m := Mem{Base: row, Disp: 64 * v}
				if j > 0 {
					m.Index, m.Scale = xb, uint8(j)
				}
				vectors = append(vectors, m)
			}
			tileStep(s, acc, w, 4*len(acc)*(3*i+j), vectors)
		}
		if i < window[0]-1 {
			ADDQ(xa, row)
		}
	}
	ADDQ(field(a, tXC), x)
	ADDQ(Imm(uint64(4*len(acc)*9)), w)
	ADDQ(field(a, tAheadC), ahead)
	DECQ(nc)
	JNE(LabelRef(label))
}

// tileStep multiplies one tap of one channel.
func tileStep(s x86.ISA, acc [][]lanes, w GPVirtual, first int, vectors []Mem) {
	xs := make([]lanes, len(acc[0]))
	for j := range xs {
		xs[j] = newLanes(s)
		for p, g := range xs[j] {
			VMOVUPS(at(s, vectors[j], p), g)
		}
	}
	for i := range acc {
		b := s.Vec()
		VBROADCASTSS(Mem{Base: w, Disp: first + 4*i}, b)
		for j, l := range acc[i] {
			for p, g := range l {
				VFMADD231PS(b, xs[j][p], g)
			}
		}
	}
}
