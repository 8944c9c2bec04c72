package x86

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Polynomial of e^r = 1 + r + r^2 (1/2 + r/6 + ...): Taylor, |r| <= ln(2)/2.
var expTaylor = []float32{1. / 5040, 1. / 720, 1. / 120, 1. / 24, 1. / 6, 1. / 2}

const (
	log2e = 1.44269504088896341
	ln2Hi = 0.693359375
	ln2Lo = -2.12194440e-4
	// shift puts round(x)+127 into the low bits of a float32.
	shift = 12582912 + 127
	bound = 87
)

// ExpParts gives scale = 2^n and part = e^r - 1 with x = n ln 2 + r, after x is bounded to
// [-87, 87]. NaN stays NaN. Twin: expParts.
func (s ISA) ExpParts(x VecVirtual) (scale, part VecVirtual) {
	c := s.Vec()
	VMAXPS(x, s.Constant(-bound), c)
	VMINPS(c, s.Constant(bound), c)
	t, n, r := s.Vec(), s.Vec(), s.Vec()
	VMOVAPS(s.Constant(shift), t)
	VFMADD231PS(s.Constant(log2e), c, t)
	VSUBPS(s.Constant(shift), t, n)
	VMOVAPS(c, r)
	VFNMADD231PS(s.Constant(ln2Hi), n, r)
	VFNMADD231PS(s.Constant(ln2Lo), n, r)
	scale = s.Vec()
	VPSLLD(U8(23), t, scale)
	q := s.Constant(expTaylor[0])
	for _, k := range expTaylor[1:] {
		VFMADD213PS(s.Constant(k), r, q)
	}
	rr := s.Vec()
	VMULPS(r, r, rr)
	part = s.Vec()
	VMOVAPS(r, part)
	VFMADD231PS(q, rr, part)
	return scale, part
}
