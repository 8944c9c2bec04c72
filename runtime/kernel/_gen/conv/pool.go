package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// Words of poolArgs. pXB, pXA are jumps of x from where the loop inside left the cursor; pXP
// and pYP are steps.
const (
	pX = iota
	pY
	pDX
	pXB
	pXA
	pXP
	pYP
	pNA
	pNB
	pNP
	pNV
	pCount
	pLast
	pRest
	// What the kernel changes: the words of the caller stay as they are.
	pXAt
	pYAt
	pLeft
	pDelta // from x to its gradient
)

// predUnordered compares true if an operand is NaN.
const predUnordered = 0x03

// positions emits the loops over positions and vectors around body, which sees cursors of x
// and y and the mask of the vector.
func positions(s x86.ISA, a GPVirtual, body func(x, y GPVirtual, m mask)) {
	for _, p := range [][2]int{{pX, pXAt}, {pY, pYAt}, {pNP, pLeft}} {
		MOVQ(load(a, p[0]), field(a, p[1]))
	}
	delta := load(a, pDX)
	SUBQ(field(a, pX), delta)
	MOVQ(delta, field(a, pDelta))
	Label("position")
	x, y, v := load(a, pXAt), load(a, pYAt), load(a, pNV)
	Label("vector")
	lanes, last := load(a, pRest), load(a, pLast)
	CMPQ(v, Imm(1))
	CMOVQEQ(last, lanes)
	m := mask{s: s, m: Mem{Base: lanes}}
	if s.Wide {
		m.k = K()
		KMOVW(Mem{Base: lanes, Disp: 64}, m.k)
	}
	cursor := GP64()
	MOVQ(x, cursor)
	body(cursor, y, m)
	ADDQ(Imm(64), x)
	ADDQ(Imm(64), y)
	DECQ(v)
	JNE(LabelRef("vector"))
	stepX, stepY := load(a, pXP), load(a, pYP)
	ADDQ(stepX, field(a, pXAt))
	ADDQ(stepY, field(a, pYAt))
	DECQ(field(a, pLeft))
	JNE(LabelRef("position"))
	x86.Finish()
}

// taps emits the loop over the window.
func taps(a, cursor GPVirtual, label string, body func()) {
	na, nb := load(a, pNA), GP64()
	Label(label + "Row")
	MOVQ(field(a, pNB), nb)
	Label(label + "Column")
	body()
	ADDQ(field(a, pXB), cursor)
	DECQ(nb)
	JNE(LabelRef(label + "Column"))
	ADDQ(field(a, pXA), cursor)
	DECQ(na)
	JNE(LabelRef(label + "Row"))
}

// choose moves x to best, and number to index if there is one, where x is greater or NaN.
func choose(s x86.ISA, x, best, number, index VecVirtual) {
	m := s.Cmp(x86.PredGT, x, best).Or(s.Cmp(predUnordered, x, x))
	pairs := [][2]VecVirtual{{x, best}}
	if index != nil {
		pairs = append(pairs, [2]VecVirtual{number, index})
	}
	for _, p := range pairs {
		if s.Wide {
			VMOVAPS(p[0], m.K, p[1])
		} else {
			VBLENDVPS(m.V, p[0], p[1], p[1])
		}
	}
}

func maxForward(s x86.ISA) {
	a := function("maxForward"+s.Name, "poolArgs", "is the greatest element of every window.")
	positions(s, a, func(x, y GPVirtual, m mask) {
		best := newLanes(s)
		for p := range best {
			m.load(Mem{Base: x}, p, best[p])
		}
		taps(a, x, "tap", func() {
			for p := range best {
				v := s.Vec()
				m.load(Mem{Base: x}, p, v)
				choose(s, v, best[p], nil, nil)
			}
		})
		for p := range best {
			m.store(best[p], Mem{Base: y}, p)
		}
	})
}

// maxBackward finds the place of the maximum again, then adds the gradient there.
func maxBackward(s x86.ISA) {
	a := function("maxBackward"+s.Name, "poolArgs", "adds the gradient of every window at its greatest element.")
	positions(s, a, func(x, y GPVirtual, m mask) {
		start := GP64()
		MOVQ(x, start)
		best, index := newLanes(s), newLanes(s)
		for p := range best {
			m.load(Mem{Base: x}, p, best[p])
			s.Zero(index[p])
		}
		number, one := s.Vec(), s.Word(1)
		s.Zero(number)
		taps(a, x, "find", func() {
			for p := range best {
				v := s.Vec()
				m.load(Mem{Base: x}, p, v)
				choose(s, v, best[p], number, index[p])
			}
			VPADDD(one, number, number)
		})
		ADDQ(field(a, pDelta), start)
		for p := range best {
			m.load(Mem{Base: y}, p, best[p])
		}
		s.Zero(number)
		taps(a, start, "add", func() {
			for p := range best {
				addWhere(s, start, number, index[p], best[p], m, p)
			}
			VPADDD(one, number, number)
		})
	})
}

// addWhere adds g to dx where index equals number.
func addWhere(s x86.ISA, dx GPVirtual, number, index, g VecVirtual, m mask, p int) {
	d := s.Vec()
	m.load(Mem{Base: dx}, p, d)
	if s.Wide {
		k := K()
		VPCMPEQD(number, index, k)
		VADDPS(g, d, k, d)
	} else {
		k, sum := YMM(), YMM()
		VPCMPEQD(number, index, k)
		VADDPS(g, d, sum)
		VBLENDVPS(k, sum, d, d)
	}
	m.store(d, Mem{Base: dx}, p)
}

func avgForward(s x86.ISA) {
	a := function("avgForward"+s.Name, "poolArgs", "is the sum of every window by count.")
	count := s.Vec()
	VBROADCASTSS(field(a, pCount), count)
	positions(s, a, func(x, y GPVirtual, m mask) {
		sum := newLanes(s)
		for p := range sum {
			s.Zero(sum[p])
		}
		taps(a, x, "tap", func() {
			for p := range sum {
				v := s.Vec()
				m.load(Mem{Base: x}, p, v)
				VADDPS(v, sum[p], sum[p])
			}
		})
		for p := range sum {
			VDIVPS(count, sum[p], sum[p])
			m.store(sum[p], Mem{Base: y}, p)
		}
	})
}

func avgBackward(s x86.ISA) {
	a := function("avgBackward"+s.Name, "poolArgs", "adds the gradient of every window by count to its elements.")
	count := s.Vec()
	VBROADCASTSS(field(a, pCount), count)
	positions(s, a, func(x, y GPVirtual, m mask) {
		ADDQ(field(a, pDelta), x)
		g := newLanes(s)
		for p := range g {
			m.load(Mem{Base: y}, p, g[p])
			VDIVPS(count, g[p], g[p])
		}
		taps(a, x, "tap", func() {
			for p := range g {
				v := s.Vec()
				m.load(Mem{Base: x}, p, v)
				VADDPS(g[p], v, v)
				m.store(v, Mem{Base: x}, p)
			}
		})
	})
}

// copyVectors fills whole vectors from x to y; lanes outside the mask become zero.
func copyVectors(s x86.ISA) {
	a := function("copy"+s.Name, "poolArgs", "copies x to y in whole vectors, with zeros behind the samples.")
	positions(s, a, func(x, y GPVirtual, m mask) {
		v := newLanes(s)
		for p := range v {
			m.load(Mem{Base: x}, p, v[p])
			VMOVUPS(v[p], at(s, Mem{Base: y}, p))
		}
	})
}
