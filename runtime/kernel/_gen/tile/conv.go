package main

import (
	"fmt"
	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// lane is the distance in bytes between neighbouring positions of a tile: 16 floats. AVX2
// kernels handle 8 of them and are called twice.
const lane = 64

// block is a register block: a output channels times b positions (or kernel columns).
type block struct{ a, b int }

var (
	convBlocks = map[string][]block{
		"AVX512": {{8, 3}, {8, 1}, {6, 4}, {6, 1}, {4, 6}, {4, 1}, {2, 8}, {2, 1}, {1, 8}, {1, 1}},
		"AVX2":   {{6, 2}, {6, 1}, {4, 3}, {4, 1}, {2, 5}, {2, 1}, {1, 8}, {1, 1}},
	}
	gradBlocks = map[string][]block{
		"AVX512": {{4, 5}, {2, 5}, {1, 5}, {8, 3}, {4, 3}, {2, 3}, {1, 3}, {8, 2}, {4, 2}, {2, 2}, {1, 2}, {8, 1}, {4, 1}, {2, 1}, {1, 1}},
		"AVX2":   {{2, 5}, {1, 5}, {4, 3}, {2, 3}, {1, 3}, {4, 2}, {2, 2}, {1, 2}, {8, 1}, {4, 1}, {2, 1}, {1, 1}},
	}
)

// convRow emits one row of a valid convolution: b.a output channels, n blocks of b.b
// positions. Twin: convRowRef.
func (s isa) convRow(b block) {
	TEXT(fmt.Sprintf("convRow%dx%d%s", b.a, b.b, s.Name), NOSPLIT,
		"func(dst, x, w, bias *float32, dstChan, xRow, xChan, wChan, nc, nky, nkx, n int)")
	Doc(fmt.Sprintf("convRow%dx%d%s is convRowRef for %d channels and blocks of %d positions; strides are in bytes.", b.a, b.b, s.Name, b.a, b.b))
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	x := Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	xChan, wChan := Load(Param("xChan"), GP64()), Load(Param("wChan"), GP64())
	acc := s.Vecs(b.a * b.b)
	x86.Loop("blocks", n.(GPVirtual), func() {
		bias := Load(Param("bias"), GP64())
		for i := range b.a {
			VBROADCASTSS(Mem{Base: bias, Disp: 4 * i}, acc[i*b.b])
			for j := 1; j < b.b; j++ {
				VMOVAPS(acc[i*b.b], acc[i*b.b+j])
			}
		}
		xc, wp, ic := GP64(), GP64(), GP64()
		MOVQ(x, xc)
		Load(Param("w"), wp)
		Load(Param("nc"), ic)
		x86.Loop("channels", ic, func() {
			xr, wr, ky := GP64(), GP64(), GP64()
			MOVQ(xc, xr)
			MOVQ(wp, wr)
			Load(Param("nky"), ky)
			x86.Loop("rows", ky, func() {
				xp, kx := GP64(), GP64()
				MOVQ(xr, xp)
				Load(Param("nkx"), kx)
				x86.Loop("columns", kx, func() {
					s.convStep(b, acc, xp, wr)
					ADDQ(U8(lane), xp)
					ADDQ(U8(4*b.a), wr)
				})
				ADDQ(x86.Arg("xRow"), xr)
			})
			ADDQ(xChan, xc)
			ADDQ(wChan, wp)
		})
		dp := GP64()
		MOVQ(dst, dp)
		for i := range b.a {
			for j := range b.b {
				VMOVUPS(acc[i*b.b+j], Mem{Base: dp, Disp: lane * j})
			}
			if i+1 < b.a {
				ADDQ(x86.Arg("dstChan"), dp)
			}
		}
		ADDQ(U32(lane*b.b), dst)
		ADDQ(U32(lane*b.b), x)
	})
	x86.Finish()
}

// convStep adds one weight per channel times the positions at xp. The smaller set of
// operands is held in registers, the other streams.
func (s isa) convStep(b block, acc []VecVirtual, xp, wr Register) {
	if b.b <= b.a {
		x, w := s.Vecs(b.b), s.Vec()
		for j := range x {
			VMOVUPS(Mem{Base: xp, Disp: lane * j}, x[j])
		}
		for i := range b.a {
			VBROADCASTSS(Mem{Base: wr, Disp: 4 * i}, w)
			for j := range x {
				VFMADD231PS(w, x[j], acc[i*b.b+j])
			}
		}
		return
	}
	w, x := s.Vecs(b.a), s.Vec()
	for i := range w {
		VBROADCASTSS(Mem{Base: wr, Disp: 4 * i}, w[i])
	}
	for j := range b.b {
		VMOVUPS(Mem{Base: xp, Disp: lane * j}, x)
		for i := range w {
			VFMADD231PS(w[i], x, acc[i*b.b+j])
		}
	}
}

// convGrad emits the weight gradient of b.a output channels and b.b kernel columns of one
// (input channel, kernel row), summed over a plane. Twin: convGradRef.
func (s isa) convGrad(b block) {
	TEXT(fmt.Sprintf("convGrad%dx%d%s", b.a, b.b, s.Name), NOSPLIT,
		"func(acc, x, dy *float32, accChan, xRow, dyChan, dyRow, rows, cols int)")
	Doc(fmt.Sprintf("convGrad%dx%d%s is convGradRef for %d channels and %d kernel columns; strides are in bytes.", b.a, b.b, s.Name, b.a, b.b))
	Pragma("noescape")
	sum := s.Vecs(b.a * b.b)
	s.gradAccumulators(b, sum, func(v VecVirtual, m Mem) { VMOVUPS(m, v) })
	x, dy := Load(Param("x"), GP64()), Load(Param("dy"), GP64())
	rows := Load(Param("rows"), GP64())
	offsets := channelOffsets(b.a)
	x86.Loop("rows", rows.(GPVirtual), func() {
		xp, yp, cols := GP64(), GP64(), GP64()
		MOVQ(x, xp)
		MOVQ(dy, yp)
		Load(Param("cols"), cols)
		x86.Loop("columns", cols, func() {
			s.gradStep(b, sum, xp, func(i int) Mem { return offsets(yp, i) })
			ADDQ(U8(lane), xp)
			ADDQ(U8(lane), yp)
		})
		ADDQ(x86.Arg("xRow"), x)
		ADDQ(x86.Arg("dyRow"), dy)
	})
	s.gradAccumulators(b, sum, func(v VecVirtual, m Mem) { VMOVUPS(v, m) })
	x86.Finish()
}

// gradStep adds the products of one position: dy of each channel times x under each kernel
// column.
func (s isa) gradStep(b block, sum []VecVirtual, xp Register, dy func(i int) Mem) {
	if b.b < b.a {
		x, g := s.Vecs(b.b), s.Vec()
		for j := range x {
			VMOVUPS(Mem{Base: xp, Disp: lane * j}, x[j])
		}
		for i := range b.a {
			VMOVUPS(dy(i), g)
			for j := range x {
				VFMADD231PS(g, x[j], sum[i*b.b+j])
			}
		}
		return
	}
	g, x := s.Vecs(b.a), s.Vec()
	for i := range g {
		VMOVUPS(dy(i), g[i])
	}
	for j := range b.b {
		VMOVUPS(Mem{Base: xp, Disp: lane * j}, x)
		for i := range g {
			VFMADD231PS(g[i], x, sum[i*b.b+j])
		}
	}
}

// gradAccumulators moves all accumulators from or to memory.
func (s isa) gradAccumulators(b block, sum []VecVirtual, move func(VecVirtual, Mem)) {
	p := Load(Param("acc"), GP64())
	for i := range b.a {
		for j := range b.b {
			move(sum[i*b.b+j], Mem{Base: p, Disp: lane * j})
		}
		if i+1 < b.a {
			ADDQ(x86.Arg("accChan"), p)
		}
	}
}

// channelOffsets keeps 1, 3, 5 and 7 channel strides in registers, so that any of eight
// channels is one address away.
func channelOffsets(n int) func(base Register, i int) Mem {
	odd := map[int]GPVirtual{}
	if n > 1 {
		odd[1] = GP64()
		Load(Param("dyChan"), odd[1])
	}
	for _, m := range []int{3, 5, 7} {
		if n <= m {
			continue
		}
		odd[m] = GP64()
		LEAQ(Mem{Base: odd[m-2], Index: odd[1], Scale: 2}, odd[m])
	}
	return func(base Register, i int) Mem {
		if i == 0 {
			return Mem{Base: base}
		}
		scale := 1
		for i%2 == 0 {
			i, scale = i/2, scale*2
		}
		return Mem{Base: base, Index: odd[i], Scale: uint8(scale)}
	}
}
