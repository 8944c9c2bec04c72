// Package x86 is what the generators of kernels share: one instruction set as a value, so that
// every kernel is written once and emitted for AVX2 and AVX-512.
package x86

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// ISA is one instruction set: every kernel is written once and emitted for each.
type ISA struct {
	Name  string
	Bytes int // of a vector
	Wide  bool
}

// ISAs are the instruction sets kernels are emitted for.
var ISAs = []ISA{{"AVX2", 32, false}, {"AVX512", 64, true}}

// Vec returns a fresh vector register.
func (s ISA) Vec() VecVirtual {
	if s.Wide {
		return ZMM()
	}
	return YMM()
}

// Vecs returns n fresh vector registers.
func (s ISA) Vecs(n int) []VecVirtual {
	v := make([]VecVirtual, n)
	for i := range v {
		v[i] = s.Vec()
	}
	return v
}

// Zero clears a register.
func (s ISA) Zero(v VecVirtual) {
	if s.Wide {
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

// Constant broadcasts a float32 into a fresh register.
func (s ISA) Constant(f float32) VecVirtual { return s.Word(math.Float32bits(f)) }

// Word broadcasts 32 bits into a fresh register.
func (s ISA) Word(b uint32) VecVirtual {
	v := s.Vec()
	VBROADCASTSS(bits(b), v)
	return v
}

// Mask is the outcome of a comparison: an opmask register or a vector of all-ones lanes.
type Mask struct {
	s ISA
	K OpmaskVirtual
	V VecVirtual
}

// KMask and VMask are masks made elsewhere.
func KMask(s ISA, k OpmaskVirtual) Mask { return Mask{s: s, K: k} }

// VMask is the mask of all-ones lanes.
func VMask(s ISA, v VecVirtual) Mask { return Mask{s: s, V: v} }

// Comparison predicates (ordered, quiet).
const (
	PredLT = 0x11
	PredGT = 0x1e
	PredEQ = 0x00
)

// Cmp compares a with b.
func (s ISA) Cmp(pred uint64, a, b VecVirtual) Mask {
	if s.Wide {
		k := K()
		VCMPPS(U8(pred), b, a, k)
		return Mask{s: s, K: k}
	}
	v := s.Vec()
	VCMPPS(U8(pred), b, a, v)
	return Mask{s: s, V: v}
}

// Keep gives x where the Mask is set and +0 elsewhere.
func (m Mask) Keep(x VecVirtual) VecVirtual {
	d := m.s.Vec()
	if m.s.Wide {
		VMOVAPS_Z(x, m.K, d)
		return d
	}
	VANDPS(x, m.V, d)
	return d
}

// AndNot is m and not n.
func (m Mask) AndNot(n Mask) Mask {
	if m.s.Wide {
		k := K()
		KANDNW(m.K, n.K, k)
		return Mask{s: m.s, K: k}
	}
	v := m.s.Vec()
	VANDNPS(m.V, n.V, v)
	return Mask{s: m.s, V: v}
}

// Or is m or n.
func (m Mask) Or(n Mask) Mask {
	if m.s.Wide {
		k := K()
		KORW(m.K, n.K, k)
		return Mask{s: m.s, K: k}
	}
	v := m.s.Vec()
	VORPS(m.V, n.V, v)
	return Mask{s: m.s, V: v}
}

// Arg is the memory operand of an integer or pointer argument.
func Arg(name string) Mem {
	b, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// Loop emits body while counter counts down to zero; the counter must be positive.
func Loop(label string, counter GPVirtual, body func()) {
	Label(label)
	body()
	DECQ(counter)
	JNE(LabelRef(label))
}

// Finish returns without leaving the upper halves of vector registers dirty.
func Finish() {
	VZEROUPPER()
	RET()
}
