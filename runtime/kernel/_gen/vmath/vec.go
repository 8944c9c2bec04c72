package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/weightspace/weightspace/runtime/kernel/_gen/x86"
)

// vec is a vector register.
type vec = VecVirtual

// isa is one instruction set and one element type. Its methods are the operations that kernels
// are written in; the pure-Go twins use the same names for scalars.
type isa struct {
	x86.ISA
	double bool
	table
}

// size of an element in bytes.
func (s isa) size() int {
	if s.double {
		return 8
	}
	return 4
}

// lanes of a vector.
func (s isa) lanes() int { return s.Bytes / s.size() }

// mantissa is the number of stored mantissa bits.
func (s isa) mantissa() int {
	if s.double {
		return 52
	}
	return 23
}

// pick emits the single or the double form of an instruction.
func (s isa) pick(single, double func(ops ...Op), ops ...Op) {
	if s.double {
		double(ops...)
	} else {
		single(ops...)
	}
}

// binary emits a three-operand instruction d = a op b.
func (s isa) binary(single, double func(ops ...Op), a, b vec) vec {
	d := s.Vec()
	s.pick(single, double, b, a, d)
	return d
}

func (s isa) add(a, b vec) vec { return s.binary(VADDPS, VADDPD, a, b) }
func (s isa) sub(a, b vec) vec { return s.binary(VSUBPS, VSUBPD, a, b) }
func (s isa) mul(a, b vec) vec { return s.binary(VMULPS, VMULPD, a, b) }
func (s isa) div(a, b vec) vec { return s.binary(VDIVPS, VDIVPD, a, b) }

// max is a > b ? a : b and min a < b ? a : b: b wherever one is NaN.
func (s isa) max(a, b vec) vec { return s.binary(VMAXPS, VMAXPD, a, b) }
func (s isa) min(a, b vec) vec { return s.binary(VMINPS, VMINPD, a, b) }
func (s isa) and(a, b vec) vec { return s.binary(VANDPS, VANDPD, a, b) }
func (s isa) or(a, b vec) vec  { return s.binary(VORPS, VORPD, a, b) }
func (s isa) xor(a, b vec) vec { return s.binary(VXORPS, VXORPD, a, b) }

// addInt and subInt work on the bits.
func (s isa) addInt(a, b vec) vec { return s.binary(VPADDD, VPADDQ, a, b) }
func (s isa) subInt(a, b vec) vec { return s.binary(VPSUBD, VPSUBQ, a, b) }

func (s isa) sqrt(a vec) vec {
	d := s.Vec()
	s.pick(VSQRTPS, VSQRTPD, a, d)
	return d
}

func (s isa) copy(a vec) vec {
	d := s.Vec()
	s.pick(VMOVAPS, VMOVAPD, a, d)
	return d
}

// fma is a*b+c, fnma c-a*b and fms a*b-c, each rounded once.
func (s isa) fma(a, b, c vec) vec {
	d := s.copy(c)
	s.pick(VFMADD231PS, VFMADD231PD, b, a, d)
	return d
}

func (s isa) fnma(a, b, c vec) vec {
	d := s.copy(c)
	s.pick(VFNMADD231PS, VFNMADD231PD, b, a, d)
	return d
}

func (s isa) fms(a, b, c vec) vec {
	d := s.copy(c)
	s.pick(VFMSUB231PS, VFMSUB231PD, b, a, d)
	return d
}

// shl and shr shift the bits of each element.
func (s isa) shl(a vec, n int) vec {
	d := s.Vec()
	s.pick(VPSLLD, VPSLLQ, U8(n), a, d)
	return d
}

func (s isa) shr(a vec, n int) vec {
	d := s.Vec()
	s.pick(VPSRLD, VPSRLQ, U8(n), a, d)
	return d
}

// data is the address of a constant of the data section, by its bits.
var data = map[string]Mem{}

func (s isa) data(bits uint64) Mem {
	name := fmt.Sprintf("w%0*x", 2*s.size(), bits)
	if _, ok := data[name]; !ok {
		if s.double {
			data[name] = ConstData(name, U64(bits))
		} else {
			data[name] = ConstData(name, U32(bits))
		}
	}
	return data[name]
}

// word broadcasts bits, and value a number.
func (s isa) word(bits uint64) vec {
	v := s.Vec()
	s.pick(VBROADCASTSS, VBROADCASTSD, s.data(bits), v)
	return v
}

func (s isa) bits(f float64) uint64 {
	if s.double {
		return math.Float64bits(f)
	}
	if f != f {
		return 0x7fc00000
	}
	if float64(float32(f)) != f {
		panic(fmt.Sprintf("%v is no float32", f))
	}
	return uint64(math.Float32bits(float32(f)))
}

func (s isa) value(f float64) vec { return s.word(s.bits(f)) }

// c is a named constant of the tables.
func (s isa) c(name string) vec {
	f, ok := s.scalar[name]
	if !ok {
		panic("no constant " + name)
	}
	return s.value(f)
}

// signBit is the word of -0.
func (s isa) signBit() uint64 { return 1 << (8*s.size() - 1) }

func (s isa) abs(x vec) vec  { return s.and(x, s.word(s.signBit()-1)) }
func (s isa) sign(x vec) vec { return s.and(x, s.word(s.signBit())) }
func (s isa) neg(x vec) vec  { return s.xor(x, s.word(s.signBit())) }

// horner evaluates a polynomial of the tables.
func (s isa) horner(name string, x vec) vec {
	p := s.poly[name]
	q := s.value(p[0])
	for _, k := range p[1:] {
		if s.Wide {
			s.pick(VFMADD213PS_BCST, VFMADD213PD_BCST, s.data(s.bits(k)), x, q)
		} else {
			s.pick(VFMADD213PS, VFMADD213PD, s.value(k), x, q)
		}
	}
	return q
}

// mask is the outcome of a comparison: an opmask register, or a vector whose sign bits count.
type mask struct {
	k OpmaskVirtual
	v vec
}

// Comparison predicates, false for NaN.
const (
	lt = 0x11
	le = 0x12
	gt = 0x1e
	ge = 0x1d
	eq = 0x00
	// unordered is true for NaN only.
	unordered = 0x03
	// ne is true for NaN.
	ne = 0x04
)

func (s isa) cmp(predicate uint64, a, b vec) mask {
	var m mask
	var d Op
	if s.Wide {
		m.k = K()
		d = m.k
	} else {
		m.v = s.Vec()
		d = m.v
	}
	s.pick(VCMPPS, VCMPPD, U8(predicate), b, a, d)
	return m
}

// odd is the mask of elements whose lowest bit is set.
func (s isa) odd(x vec) mask {
	if !s.Wide {
		return mask{v: s.shl(x, 8*s.size()-1)}
	}
	m := mask{k: K()}
	s.pick(VPTESTMD, VPTESTMQ, s.word(1), x, m.k)
	return m
}

// sel is a where the mask is set and b elsewhere.
func (s isa) sel(m mask, a, b vec) vec {
	d := s.Vec()
	switch {
	case s.Wide:
		s.pick(VBLENDMPS, VBLENDMPD, a, b, m.k, d)
	case s.double:
		VBLENDVPD(m.v, a, b, d)
	default:
		VBLENDVPS(m.v, a, b, d)
	}
	return d
}

// ldexp is y 2^n for an integer n, rounded once as long as y 2^(n/2) is normal: the twin
// multiplies by two powers of two.
func (s isa) ldexp(y, n vec) vec {
	if s.Wide {
		d := s.Vec()
		s.pick(VSCALEFPS, VSCALEFPD, n, y, d)
		return d
	}
	t := s.fma(n, s.value(0.5), s.c("shiftBias"))
	rest := s.sub(n, s.sub(t, s.c("shiftBias")))
	y = s.mul(y, s.shl(t, s.mantissa()))
	return s.mul(y, s.pow2(rest))
}

// pow2 is 2^n for an integer n of normal powers.
func (s isa) pow2(n vec) vec { return s.shl(s.add(n, s.c("shiftBias")), s.mantissa()) }
