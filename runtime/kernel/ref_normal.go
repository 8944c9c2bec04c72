package kernel

import (
	"math"

	"github.com/weightspace/weightspace/runtime/kernel/fma"
	"github.com/weightspace/weightspace/runtime/rng"
)

// normalsRef draws rows of cols elements from a block on; skip blocks follow each row.
func normalsRef(dst []float32, s *Normals, block, skip, rows, cols int) {
	for r := range rows {
		for at := 0; at < cols; at, block = at+4, block+1 {
			for lane := range Lanes {
				w := rng.Philox([4]uint32{uint32(block), s.get(0, lane), s.get(2, lane), s.get(4, lane)}, [2]uint32{s.get(6, lane), s.get(8, lane)})
				for i := range min(4, cols-at) {
					dst[(r*cols+at+i)*Lanes+lane] = NormalOf(w[i])
				}
			}
		}
		block += skip
	}
}

// NormalOf is the draw of a word; see Normals.
func NormalOf(w uint32) float32 {
	const mantissa, one = 0x007fffff, 0x3f800000
	b := math.Float32bits(float32(int32(w | 1)))
	z := float32(math.Float32frombits(b&mantissa|one) - 1.5)
	octave := b >> 23 % normalOctaves
	q := normalTable[0][octave]
	for i := 1; i < normalTerms; i++ {
		q = fma.F32(q, z, normalTable[i][octave])
	}
	return math.Float32frombits(math.Float32bits(q) ^ b&signBit)
}

// perturbRef is Perturb: 1/sqrt from the exponent's half and three steps of Newton's method, whose bits every level can have.
func perturbRef(y, v, e []float32) {
	const tinyVariance, magic = 1e-15, 0x5f3759df
	for i := range y {
		a := float32(v[i] + tinyVariance)
		h := float32(0.5 * a)
		r := math.Float32frombits(magic - math.Float32bits(a)>>1)
		for range 3 {
			r = float32(fma.F32(-float32(r*r), h, 1.5) * r)
		}
		y[i] = fma.F32(e[i], float32(r*a), y[i])
		v[i] = float32(float32(0.5*e[i]) * r)
	}
}

// pickRowsRef is the element of x at the place of code in each window.
func pickRowsRef(dst []float32, code []uint32, x []float32, a poolArgs) {
	for c := range a.channels {
		for p := range a.n * Lanes {
			i := c*a.channel + p/Lanes*2*Lanes + p%Lanes
			at := [4]int{i, i + Lanes, i + a.row, i + a.row + Lanes}
			dst[c*a.pooled+p] = x[at[code[c*a.pooled+p]&3]]
		}
	}
}
