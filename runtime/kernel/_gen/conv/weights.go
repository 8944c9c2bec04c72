package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// Words of weightArgs.
const (
	gTotal = iota
	gTotalR
	gD
	gPitch
	gDRow
	gX
	gXR
	gXP
	gXRow
	gRows
	gCols
	gN
	gAhead
	gAheadN
	gAheadD
	gLines
)

// weights emits the outer products of v vectors of output channels with r input channels,
// summed over one block of positions and samples, as one chain of fused multiply-adds per
// element that starts at zero; the sums are added to total.
func weights(s x86.ISA, r, v int) {
	name := fmt.Sprintf("weights%dx%d%s", r, v, s.Name)
	a := function(name, "weightArgs", fmt.Sprintf("adds the sums of a block to the gradients of %d input channels by %d vectors of output channels.", r, v))
	prefetch(a)
	acc := make([][]lanes, r)
	for i := range acc {
		for range v {
			l := newLanes(s)
			for _, g := range l {
				s.Zero(g)
			}
			acc[i] = append(acc[i], l)
		}
	}
	d, pitch, x, xr := load(a, gD), load(a, gPitch), load(a, gX), load(a, gXR)
	high := GP64() // x of channel 3
	LEAQ(Mem{Base: xr, Index: xr, Scale: 2}, high)
	ADDQ(x, high)
	rows, cols, n := load(a, gRows), GP64(), GP64()
	Label("row")
	MOVQ(field(a, gCols), cols)
	Label("column")
	MOVQ(field(a, gN), n)
	Label("sample")
	ds := make([]lanes, v)
	for j := range ds {
		ds[j] = newLanes(s)
		for p, g := range ds[j] {
			VMOVUPS(at(s, Mem{Base: d, Disp: 64 * j}, p), g)
		}
	}
	channels := []Mem{
		{Base: x},
		{Base: x, Index: xr, Scale: 1},
		{Base: x, Index: xr, Scale: 2},
		{Base: high},
		{Base: high, Index: xr, Scale: 1},
		{Base: high, Index: xr, Scale: 2},
	}
	for i := range acc {
		b := s.Vec()
		VBROADCASTSS(channels[i], b)
		for j, l := range acc[i] {
			for p, g := range l {
				VFMADD231PS(b, ds[j][p], g)
			}
		}
	}
	ADDQ(pitch, d)
	ADDQ(Imm(4), x)
	ADDQ(Imm(4), high)
	DECQ(n)
	JNE(LabelRef("sample"))
	ADDQ(field(a, gXP), x)
	ADDQ(field(a, gXP), high)
	DECQ(cols)
	JNE(LabelRef("column"))
	ADDQ(field(a, gDRow), d)
	ADDQ(field(a, gXRow), x)
	ADDQ(field(a, gXRow), high)
	DECQ(rows)
	JNE(LabelRef("row"))
	total, totalR := load(a, gTotal), load(a, gTotalR)
	for i := range acc {
		for j, l := range acc[i] {
			for p, g := range l {
				m := at(s, Mem{Base: total, Disp: 64 * j}, p)
				VADDPS(m, g, g)
				VMOVUPS(g, m)
			}
		}
		if i < r-1 {
			ADDQ(totalR, total)
		}
	}
	x86.Finish()
}

// prefetch fetches lines of x, of some channels, and of dy for later blocks.
func prefetch(a GPVirtual) {
	x, xr, d, lines := load(a, gAhead), load(a, gXR), load(a, gAheadD), load(a, gLines)
	n, p, left := load(a, gAheadN), GP64(), GP64()
	MOVQ(lines, left)
	Label("dyLine")
	PREFETCHT1(Mem{Base: d})
	ADDQ(Imm(64), d)
	DECQ(left)
	JNE(LabelRef("dyLine"))
	Label("xChannel")
	MOVQ(x, p)
	MOVQ(lines, left)
	Label("xLine")
	PREFETCHT1(Mem{Base: p})
	ADDQ(Imm(64), p)
	DECQ(left)
	JNE(LabelRef("xLine"))
	ADDQ(xr, x)
	DECQ(n)
	JNE(LabelRef("xChannel"))
}

// transpose emits the transposition of 8 rows of 8n floats: 8x8 blocks in eight registers.
func transpose() {
	TEXT("transpose8", NOSPLIT, "func(dst *float32, dstStep int, src *float32, srcStep, n int)")
	Doc("transpose8 is transposeRef for 8 rows and 8n columns; steps are in bytes.")
	Pragma("noescape")
	dst, dstStep := Load(Param("dst"), GP64()), Load(Param("dstStep"), GP64())
	src, srcStep := Load(Param("src"), GP64()), Load(Param("srcStep"), GP64())
	n := Load(Param("n"), GP64()).(GPVirtual)
	x86.Loop("next", n, func() {
		// Rows i and i+4 share a register: columns 0..3, then 4..7.
		var left, right [4]VecVirtual
		high := GP64()
		LEAQ(Mem{Base: src, Index: srcStep, Scale: 4}, high)
		row := GP64()
		MOVQ(src, row)
		for i := range left {
			for k, v := range []*[4]VecVirtual{&left, &right} {
				y := YMM()
				VMOVUPS(Mem{Base: row, Disp: 16 * k}, y.AsX())
				VINSERTF128(Imm(1), Mem{Base: high, Disp: 16 * k}, y, y)
				v[i] = y
			}
			if i < 3 {
				ADDQ(srcStep, row)
				ADDQ(srcStep, high)
			}
		}
		for _, v := range [][4]VecVirtual{left, right} {
			storeColumns(v, dst, dstStep)
		}
		ADDQ(Imm(32), src)
	})
	x86.Finish()
}

// storeColumns transposes four registers of two 4-float rows each and stores four columns of
// eight; dst moves on.
func storeColumns(v [4]VecVirtual, dst, dstStep Register) {
	t := [4]VecVirtual{YMM(), YMM(), YMM(), YMM()}
	VUNPCKLPS(v[1], v[0], t[0])
	VUNPCKHPS(v[1], v[0], t[1])
	VUNPCKLPS(v[3], v[2], t[2])
	VUNPCKHPS(v[3], v[2], t[3])
	for i := range 4 {
		c := YMM()
		VSHUFPS(Imm([]uint64{0x44, 0xee}[i%2]), t[2+i/2], t[i/2], c)
		VMOVUPS(c, Mem{Base: dst})
		ADDQ(dstStep, dst)
	}
}

// gather emits the packing of weights: a few channels become contiguous.
func gather() {
	TEXT("gatherAVX512", NOSPLIT, "func(dst, src *float32, index *int32, bits, rows, n, m, step, ahead int)")
	Doc("gatherAVX512 writes dst[(i*n+t)*rows+r] = src[i*step+t+index[r]] for i < m, t < n and",
		"r < rows <= 8; bits has the lowest rows bits set. It prefetches from src[i*step+ahead] on.")
	Pragma("noescape")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	index := Load(Param("index"), GP64())
	bits, rows := Load(Param("bits"), GP64()), Load(Param("rows"), GP64())
	step, ahead := Load(Param("step"), GP64()), Load(Param("ahead"), GP64())
	m := Load(Param("m"), GP64()).(GPVirtual)
	full, k := K(), K()
	KMOVW(bits.(GPVirtual).As32(), full)
	z := YMM()
	KMOVW(full, k)
	VMOVDQU32_Z(Mem{Base: index}, k, z)
	n, p, next := GP64(), GP64(), GP64()
	x86.Loop("run", m, func() {
		MOVQ(x86.Arg("n"), n)
		MOVQ(src, p)
		LEAQ(Mem{Base: src, Index: ahead, Scale: 4}, next)
		x86.Loop("next", n, func() {
			v := YMM()
			KMOVW(full, k)
			VXORPS(v, v, v)
			VGATHERDPS(Mem{Base: p, Index: z, Scale: 4}, k, v)
			VMOVUPS(v, full, Mem{Base: dst})
			LEAQ(Mem{Base: dst, Index: rows, Scale: 4}, dst)
			ADDQ(Imm(4), p)
			PREFETCHT1(Mem{Base: next})
			ADDQ(Imm(32), next)
		})
		LEAQ(Mem{Base: src, Index: step, Scale: 4}, src)
	})
	x86.Finish()
}
