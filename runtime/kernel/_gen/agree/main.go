// Command agree writes the assembly of package agree: counts of equal elements of one row and four.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("amd64,!purego")
	count("count8AVX2", "func(counts *[4]int64, x, y *byte, stride, n int)", true)
	count("count16AVX2", "func(counts *[4]int64, x, y *byte, stride, n int)", false)
	Generate()
}

const (
	rows = 4
	// burst is how many vectors are counted before the byte counters could overflow.
	burst = 255
)

// count emits the twin of countRef. It counts in bytes (of words: both bytes of a word are ones,
// so each equal word adds two), and sums the bytes in 64 bits before they overflow.
func count(name, signature string, bytes bool) {
	TEXT(name, NOSPLIT, signature)
	Doc(name + " adds to counts[i] the equal bytes (for words: twice the equal words) of n vectors of x and of row i of y; stride is in bytes, n is positive.")
	Pragma("noescape")
	counts, x, y := Load(Param("counts"), GP64()), Load(Param("x"), GP64()), Load(Param("y"), GP64())
	stride, n := Load(Param("stride"), GP64()).(GPVirtual), Load(Param("n"), GP64()).(GPVirtual)
	p := [rows]Register{y}
	for i := 1; i < rows; i++ {
		g := GP64()
		LEAQ(Mem{Base: p[i-1], Index: stride, Scale: 1}, g)
		p[i] = g
	}
	zero := YMM()
	VPXOR(zero, zero, zero)
	var sum, acc [rows]VecVirtual
	for i := range rows {
		sum[i], acc[i] = YMM(), YMM()
		VPXOR(sum[i], sum[i], sum[i])
	}
	Label("burst")
	left := GP64()
	MOVQ(U32(burst), left)
	CMPQ(n, left)
	CMOVQLT(n, left)
	SUBQ(left, n)
	for i := range rows {
		VPXOR(acc[i], acc[i], acc[i])
	}
	offset := GP64()
	XORQ(offset, offset)
	Label("next")
	v := YMM()
	VMOVDQU(Mem{Base: x, Index: offset, Scale: 1}, v)
	for i := range rows {
		e := YMM()
		if bytes {
			VPCMPEQB(Mem{Base: p[i], Index: offset, Scale: 1}, v, e)
		} else {
			VPCMPEQW(Mem{Base: p[i], Index: offset, Scale: 1}, v, e)
		}
		VPSUBB(e, acc[i], acc[i])
	}
	ADDQ(U8(32), offset)
	DECQ(left)
	JNE(LabelRef("next"))
	ADDQ(offset, x)
	for i := range rows {
		ADDQ(offset, p[i])
		VPSADBW(zero, acc[i], acc[i])
		VPADDQ(acc[i], sum[i], sum[i])
	}
	TESTQ(n, n)
	JNE(LabelRef("burst"))
	for i := range rows {
		h, t := XMM(), GP64()
		VEXTRACTI128(U8(1), sum[i], h)
		VPADDQ(h, sum[i].AsX(), h)
		w := XMM()
		VPSRLDQ(U8(8), h, w)
		VPADDQ(w, h, h)
		VMOVQ(h, t)
		ADDQ(t, Mem{Base: counts, Disp: 8 * i})
	}
	VZEROUPPER()
	RET()
}
