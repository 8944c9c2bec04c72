//go:build !amd64 || purego

package gram

// tile adds the products of d packed steps to a tile of a block.
func (k *Kernels) tile(c, a, b []float64, _ int) { tileRef(c, side, a, b, k.mr, k.nr) }
