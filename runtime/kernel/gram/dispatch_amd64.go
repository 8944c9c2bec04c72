//go:build amd64 && !purego

package gram

import "github.com/weightspace/weightspace/runtime/kernel/isa"

// tile adds the products of d packed steps to a tile of a block.
func (k *Kernels) tile(c, a, b []float64, d int) {
	_ = c[(k.mr-1)*side+k.nr-1]
	switch k.level {
	case isa.AVX512:
		tileAVX512(&c[0], 8*side, &a[0], &b[0], d)
	case isa.AVX2:
		tileAVX2(&c[0], 8*side, &a[0], &b[0], d)
	default:
		tileRef(c, side, a, b, k.mr, k.nr)
	}
}
