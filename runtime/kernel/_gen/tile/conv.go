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

// block is a register block: a channels times b positions (or kernel columns).
type block struct{ a, b int }

var (
	convBlocks = map[string][]block{
		"AVX512": {{8, 3}, {8, 1}, {7, 3}, {7, 1}, {6, 4}, {6, 1}, {5, 4}, {5, 1}, {4, 6}, {4, 3}, {4, 1}, {3, 8}, {3, 1}, {2, 8}, {2, 1}, {1, 8}, {1, 1}},
		"AVX2":   {{6, 2}, {6, 1}, {4, 3}, {4, 1}, {2, 5}, {2, 1}, {1, 8}, {1, 1}},
	}
	gradBlocks = map[string][]block{
		"AVX512": {{4, 5}, {3, 5}, {2, 5}, {1, 5}, {8, 3}, {4, 3}, {2, 3}, {1, 3}, {8, 2}, {4, 2}, {2, 2}, {1, 2}, {8, 1}, {4, 1}, {2, 1}, {1, 1}},
		"AVX2":   {{2, 5}, {1, 5}, {4, 3}, {2, 3}, {1, 3}, {4, 2}, {2, 2}, {1, 2}, {8, 1}, {4, 1}, {2, 1}, {1, 1}},
	}
)

// unrolled are the numbers of kernel columns that blocks have kernels of their own for.
var unrolled = map[block][]int{
	{8, 3}: {5, 3}, {7, 3}: {3}, {6, 4}: {5}, // AVX512
	{4, 3}: {5, 3}, {6, 2}: {5}, // AVX2
}

// convRow emits one row of a convolution: b.a channels, n blocks of b.b positions. A weight is
// one value for all lanes or, with perLane, a vector of its own. With columns, nkx is that.
// Strides after an inner loop are what is left to go after the loop's steps. Twin: convRowRef.
func (s isa) convRow(b block, perLane bool, columns int) {
	name := fmt.Sprintf("%dx%d%s", b.a, b.b, s.Name)
	if columns > 0 {
		name = fmt.Sprintf("%dx%dk%d%s", b.a, b.b, columns, s.Name)
	}
	load := func(m Mem, v VecVirtual) { VBROADCASTSS(m, v) }
	if perLane {
		name = "convLanes" + name
		load = func(m Mem, v VecVirtual) { VMOVUPS(m, v) }
	} else {
		name = "convRow" + name
	}
	TEXT(name, NOSPLIT, "func(dst, x, w, bias *float32, dstChan, xRow, xChan, wOut, wCol, wRow, wChan, nc, nky, nkx, n int)")
	Doc(fmt.Sprintf("%s is convRowRef for %d channels and blocks of %d positions; strides are in bytes, those of rows and channels less the steps of the loop inside.", name, b.a, b.b))
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	x := Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	wCol := Load(Param("wCol"), GP64())
	offsets := channelOffsets("wOut", b.a)
	acc := s.Vecs(b.a * b.b)
	x86.Loop("blocks", n.(GPVirtual), func() {
		s.convInit(b, acc, dst, perLane)
		xp, wp, ic := GP64(), GP64(), GP64()
		MOVQ(x, xp)
		Load(Param("w"), wp)
		Load(Param("nc"), ic)
		x86.Loop("channels", ic, func() {
			ky := GP64()
			Load(Param("nky"), ky)
			x86.Loop("rows", ky, func() {
				weight := func(i int, v VecVirtual) { load(offsets(wp, i), v) }
				if columns > 0 {
					s.convSteps(b, columns, acc, xp, weight, func() { ADDQ(wCol, wp) })
					ADDQ(U32(lane*columns), xp)
				} else {
					kx := GP64()
					Load(Param("nkx"), kx)
					x86.Loop("columns", kx, func() {
						s.convStep(b, acc, xp, weight)
						ADDQ(U8(lane), xp)
						ADDQ(wCol, wp)
					})
				}
				ADDQ(x86.Arg("xRow"), xp)
				ADDQ(x86.Arg("wRow"), wp)
			})
			ADDQ(x86.Arg("xChan"), xp)
			ADDQ(x86.Arg("wChan"), wp)
		})
		s.convAccumulators(b, acc, dst, func(v VecVirtual, m Mem) { VMOVUPS(v, m) })
		ADDQ(U32(lane*b.b), dst)
		ADDQ(U32(lane*b.b), x)
	})
	x86.Finish()
}

// convInit starts the chains with the bias or, if that is nil, with dst.
func (s isa) convInit(b block, acc []VecVirtual, dst Register, perLane bool) {
	bias := Load(Param("bias"), GP64())
	TESTQ(bias, bias)
	JZ(LabelRef("resume"))
	for i := range b.a {
		if perLane {
			VMOVUPS(Mem{Base: bias, Disp: lane * i}, acc[i*b.b])
		} else {
			VBROADCASTSS(Mem{Base: bias, Disp: 4 * i}, acc[i*b.b])
		}
		for j := 1; j < b.b; j++ {
			VMOVAPS(acc[i*b.b], acc[i*b.b+j])
		}
	}
	JMP(LabelRef("start"))
	Label("resume")
	s.convAccumulators(b, acc, dst, func(v VecVirtual, m Mem) { VMOVUPS(m, v) })
	Label("start")
}

// convAccumulators moves all accumulators from or to dst.
func (s isa) convAccumulators(b block, acc []VecVirtual, dst Register, move func(VecVirtual, Mem)) {
	dp := GP64()
	MOVQ(dst, dp)
	for i := range b.a {
		for j := range b.b {
			move(acc[i*b.b+j], Mem{Base: dp, Disp: lane * j})
		}
		if i+1 < b.a {
			ADDQ(x86.Arg("dstChan"), dp)
		}
	}
}

// convStep adds one weight per channel times the positions at xp. The smaller set of
// operands is held in registers, the other streams.
func (s isa) convStep(b block, acc []VecVirtual, xp Register, weight func(i int, v VecVirtual)) {
	if b.b <= b.a {
		x, w := s.Vecs(b.b), s.Vec()
		for j := range x {
			VMOVUPS(Mem{Base: xp, Disp: lane * j}, x[j])
		}
		for i := range b.a {
			weight(i, w)
			for j := range x {
				VFMADD231PS(w, x[j], acc[i*b.b+j])
			}
		}
		return
	}
	w, x := s.Vecs(b.a), s.Vec()
	for i := range w {
		weight(i, w[i])
	}
	for j := range b.b {
		VMOVUPS(Mem{Base: xp, Disp: lane * j}, x)
		for i := range w {
			VFMADD231PS(w[i], x, acc[i*b.b+j])
		}
	}
}

// convSteps is convStep for some kernel columns: every position is loaded once.
func (s isa) convSteps(b block, columns int, acc []VecVirtual, xp Register, weight func(i int, v VecVirtual), next func()) {
	x, w := s.Vecs(b.b), s.Vec()
	for j := range x {
		VMOVUPS(Mem{Base: xp, Disp: lane * j}, x[j])
	}
	for kx := range columns {
		for i := range b.a {
			weight(i, w)
			for j := range x {
				VFMADD231PS(w, x[(kx+j)%b.b], acc[i*b.b+j])
			}
		}
		next()
		if kx+1 < columns {
			VMOVUPS(Mem{Base: xp, Disp: lane * (kx + b.b)}, x[kx%b.b])
		}
	}
}

// convGrad emits the weight gradients of b.a output channels and b.b kernel columns, for all
// of nc input channels and nky kernel rows, summed over a plane. Twin: convGradRef.
func (s isa) convGrad(b block) {
	TEXT(fmt.Sprintf("convGrad%dx%d%s", b.a, b.b, s.Name), NOSPLIT,
		"func(acc, x, dy *float32, accChan, accRow, xKernel, xChan, xRow, dyChan, dyRow, fresh, nc, nky, rows, cols int)")
	Doc(fmt.Sprintf("convGrad%dx%d%s is convGradRef for %d channels and %d kernel columns; strides are in bytes, those of rows and channels less the steps of the loop inside.", b.a, b.b, s.Name, b.a, b.b))
	Pragma("noescape")
	sum := s.Vecs(b.a * b.b)
	acc, x := Load(Param("acc"), GP64()), Load(Param("x"), GP64())
	nc := Load(Param("nc"), GP64()).(GPVirtual)
	offsets := channelOffsets("dyChan", b.a)
	x86.Loop("channels", nc, func() {
		ky := GP64()
		Load(Param("nky"), ky)
		x86.Loop("kernel", ky, func() {
			s.gradStart(b, sum, acc)
			xp, yp, rows := GP64(), GP64(), GP64()
			MOVQ(x, xp)
			Load(Param("dy"), yp)
			Load(Param("rows"), rows)
			x86.Loop("rows", rows, func() {
				cols := GP64()
				Load(Param("cols"), cols)
				x86.Loop("columns", cols, func() {
					s.gradStep(b, sum, xp, func(i int) Mem { return offsets(yp, i) })
					ADDQ(U8(lane), xp)
					ADDQ(U8(lane), yp)
				})
				ADDQ(x86.Arg("xRow"), xp)
				ADDQ(x86.Arg("dyRow"), yp)
			})
			s.gradAccumulators(b, sum, acc, func(v VecVirtual, m Mem) { VMOVUPS(v, m) })
			ADDQ(x86.Arg("accRow"), acc)
			ADDQ(x86.Arg("xKernel"), x)
		})
		ADDQ(x86.Arg("xChan"), x)
	})
	x86.Finish()
}

// gradStart loads the accumulators or, if fresh, clears them.
func (s isa) gradStart(b block, sum []VecVirtual, acc Register) {
	CMPQ(x86.Arg("fresh"), U8(0))
	JE(LabelRef("resume"))
	for _, v := range sum {
		s.Zero(v)
	}
	JMP(LabelRef("start"))
	Label("resume")
	s.gradAccumulators(b, sum, acc, func(v VecVirtual, m Mem) { VMOVUPS(m, v) })
	Label("start")
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
func (s isa) gradAccumulators(b block, sum []VecVirtual, acc Register, move func(VecVirtual, Mem)) {
	p := GP64()
	MOVQ(acc, p)
	for i := range b.a {
		for j := range b.b {
			move(sum[i*b.b+j], Mem{Base: p, Disp: lane * j})
		}
		if i+1 < b.a {
			ADDQ(x86.Arg("accChan"), p)
		}
	}
}

// channelOffsets keeps 1, 3, 5 and 7 strides in registers, so that any of eight channels is
// one address away.
func channelOffsets(stride string, n int) func(base Register, i int) Mem {
	odd := map[int]GPVirtual{}
	if n > 1 {
		odd[1] = GP64()
		Load(Param(stride), odd[1])
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
