package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// isa is one instruction set: every kernel is written once and emitted for each.
type isa struct {
	name  string
	bytes int // of a vector
	wide  bool
}

var isas = []isa{{"AVX2", 32, false}, {"AVX512", 64, true}}

// vec returns a fresh vector register.
func (s isa) vec() VecVirtual {
	if s.wide {
		return ZMM()
	}
	return YMM()
}

// vecs returns n fresh vector registers.
func (s isa) vecs(n int) []VecVirtual {
	v := make([]VecVirtual, n)
	for i := range v {
		v[i] = s.vec()
	}
	return v
}

// zero clears a register.
func (s isa) zero(v VecVirtual) {
	if s.wide {
		VPXORD(v, v, v)
		return
	}
	VXORPS(v, v, v)
}

// constants of the data section, by bits.
var constants = map[uint32]Mem{}

func bits(b uint32) Mem {
	if m, ok := constants[b]; ok {
		return m
	}
	m := ConstData("c"+hex(b), U32(b))
	constants[b] = m
	return m
}

func hex(b uint32) string {
	const d = "0123456789abcdef"
	s := make([]byte, 8)
	for i := range s {
		s[i] = d[b>>(28-4*i)&15]
	}
	return string(s)
}

// constant broadcasts a float32 into a fresh register.
func (s isa) constant(f float32) VecVirtual { return s.word(math.Float32bits(f)) }

// word broadcasts 32 bits into a fresh register.
func (s isa) word(b uint32) VecVirtual {
	v := s.vec()
	VBROADCASTSS(bits(b), v)
	return v
}

// mask is the outcome of a comparison: an opmask register or a vector of all-ones lanes.
type mask struct {
	s isa
	k OpmaskVirtual
	v VecVirtual
}

// Comparison predicates (ordered, quiet).
const (
	predLT = 0x11
	predGT = 0x1e
	predEQ = 0x00
)

// cmp compares a with b.
func (s isa) cmp(pred uint64, a, b VecVirtual) mask {
	if s.wide {
		k := K()
		VCMPPS(U8(pred), b, a, k)
		return mask{s: s, k: k}
	}
	v := s.vec()
	VCMPPS(U8(pred), b, a, v)
	return mask{s: s, v: v}
}

// keep gives x where the mask is set and +0 elsewhere.
func (m mask) keep(x VecVirtual) VecVirtual {
	d := m.s.vec()
	if m.s.wide {
		VMOVAPS_Z(x, m.k, d)
		return d
	}
	VANDPS(x, m.v, d)
	return d
}

// andNot is m and not n.
func (m mask) andNot(n mask) mask {
	if m.s.wide {
		k := K()
		KANDNW(m.k, n.k, k)
		return mask{s: m.s, k: k}
	}
	v := m.s.vec()
	VANDNPS(m.v, n.v, v)
	return mask{s: m.s, v: v}
}

// or is m or n.
func (m mask) or(n mask) mask {
	if m.s.wide {
		k := K()
		KORW(m.k, n.k, k)
		return mask{s: m.s, k: k}
	}
	v := m.s.vec()
	VORPS(m.v, n.v, v)
	return mask{s: m.s, v: v}
}

// arg is the memory operand of an integer or pointer argument.
func arg(name string) Mem {
	b, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// loop emits body while counter counts down to zero; the counter must be positive.
func loop(label string, counter GPVirtual, body func()) {
	Label(label)
	body()
	DECQ(counter)
	JNE(LabelRef(label))
}

// finish returns without leaving the upper halves of vector registers dirty.
func finish() {
	VZEROUPPER()
	RET()
}
