package gemm

import (
	"math"

	"github.com/weightspace/weightspace/runtime/kernel/fma"
)

// GemmRef is C = op(A) op(B) plus what opt adds, in pure Go: the definition of every kernel of
// this package, the Ref level, and the product of float64. Each element is the chain
//
//	c = start; for k = 0..K-1: c = fma(a[i,k], b[k,j], c)
//
// C must not overlap A or B. Slices that are too short panic.
func GemmRef[T Float](s Shape, c []T, ldc int, a []T, lda int, b []T, ldb int, opt Options[T]) { //nolint:revive // stutters: twins are named so in all kernel packages
	validate(s, c, ldc, a, lda, b, ldb, opt)
	refBlock(s, c, ldc, a, lda, b, ldb, opt)
}

// refBlock is GemmRef of arguments that were checked.
func refBlock[T Float](s Shape, c []T, ldc int, a []T, lda int, b []T, ldb int, opt Options[T]) {
	if s.N == 0 {
		return
	}
	for i := range s.M {
		row := c[i*ldc : i*ldc+s.N]
		switch {
		case opt.Accumulate:
		case opt.ColBias != nil:
			copy(row, opt.ColBias)
		case opt.RowBias != nil:
			for j := range row {
				row[j] = opt.RowBias[i]
			}
		default:
			clear(row)
		}
	}
	stepI, stepK := lda, 1
	if s.TransA {
		stepI, stepK = 1, lda
	}
	// Rows of B stay in the cache while all rows of C pass.
	for k0 := 0; k0 < s.K; k0 += refDepth {
		depth := min(refDepth, s.K-k0)
		for i := range s.M {
			row := c[i*ldc : i*ldc+s.N]
			if s.TransB {
				refDots(row, a[i*stepI+k0*stepK:], stepK, b[k0:], ldb, depth)
			} else {
				refRows(row, a[i*stepI+k0*stepK:], stepK, b[k0*ldb:], ldb, depth)
			}
		}
	}
}

// refDepth is how much of k one pass takes.
const refDepth = 64

// refRows adds to a row of C the products of depth elements of A and rows of B, four rows of B
// in one pass.
func refRows[T Float](c, a []T, step int, b []T, ldb, depth int) {
	n, k := len(c), 0
	for ; k+4 <= depth; k += 4 {
		fuse4(c, [4]T{a[k*step], a[(k+1)*step], a[(k+2)*step], a[(k+3)*step]},
			b[k*ldb:][:n], b[(k+1)*ldb:][:n], b[(k+2)*ldb:][:n], b[(k+3)*ldb:][:n])
	}
	for ; k < depth; k++ {
		fuse(c, a[k*step], b[k*ldb:][:n])
	}
}

// fuse is c = x b + c.
func fuse[T Float](c []T, x T, b []T) {
	switch c := any(c).(type) {
	case []float64:
		x, b := float64(x), any(b).([]float64)
		for j, v := range b[:len(c)] {
			c[j] = math.FMA(x, v, c[j])
		}
	case []float32:
		x, b := float32(x), any(b).([]float32)
		for j, v := range b[:len(c)] {
			c[j] = fma.F32(x, v, c[j])
		}
	}
}

// fuse4 is fuse of x[0] and b0 to x[3] and b3 in this order.
func fuse4[T Float](c []T, x [4]T, b0, b1, b2, b3 []T) {
	switch c := any(c).(type) {
	case []float64:
		n := len(c)
		x0, x1, x2, x3 := float64(x[0]), float64(x[1]), float64(x[2]), float64(x[3])
		b0, b1, b2, b3 := any(b0).([]float64)[:n], any(b1).([]float64)[:n], any(b2).([]float64)[:n], any(b3).([]float64)[:n]
		for j, v := range c {
			c[j] = math.FMA(x3, b3[j], math.FMA(x2, b2[j], math.FMA(x1, b1[j], math.FMA(x0, b0[j], v))))
		}
	case []float32:
		n := len(c)
		x0, x1, x2, x3 := float32(x[0]), float32(x[1]), float32(x[2]), float32(x[3])
		b0, b1, b2, b3 := any(b0).([]float32)[:n], any(b1).([]float32)[:n], any(b2).([]float32)[:n], any(b3).([]float32)[:n]
		for j, v := range c {
			c[j] = fma.F32(x3, b3[j], fma.F32(x2, b2[j], fma.F32(x1, b1[j], fma.F32(x0, b0[j], v))))
		}
	}
}

// refDots adds to a row of C the dot products of depth elements of A with rows of the transpose
// of B, four chains at a time.
func refDots[T Float](c, a []T, step int, b []T, ldb, depth int) {
	var buffer [refDepth]T
	x := buffer[:depth]
	for k := range x {
		x[k] = a[k*step]
	}
	j := 0
	for ; j+4 <= len(c); j += 4 {
		dot4((*[4]T)(c[j:]), x, b[j*ldb:], b[(j+1)*ldb:], b[(j+2)*ldb:], b[(j+3)*ldb:])
	}
	for ; j < len(c); j++ {
		y := b[j*ldb:][:depth]
		for k := range x {
			fuse(c[j:j+1], x[k], y[k:k+1])
		}
	}
}

// dot4 extends four chains, c[i] by x times bi.
func dot4[T Float](c *[4]T, x, b0, b1, b2, b3 []T) {
	switch c := any(c).(type) {
	case *[4]float64:
		x := any(x).([]float64)
		n := len(x)
		b0, b1, b2, b3 := any(b0).([]float64)[:n], any(b1).([]float64)[:n], any(b2).([]float64)[:n], any(b3).([]float64)[:n]
		c0, c1, c2, c3 := c[0], c[1], c[2], c[3]
		for k, v := range x {
			c0, c1, c2, c3 = math.FMA(v, b0[k], c0), math.FMA(v, b1[k], c1), math.FMA(v, b2[k], c2), math.FMA(v, b3[k], c3)
		}
		c[0], c[1], c[2], c[3] = c0, c1, c2, c3
	case *[4]float32:
		x := any(x).([]float32)
		n := len(x)
		b0, b1, b2, b3 := any(b0).([]float32)[:n], any(b1).([]float32)[:n], any(b2).([]float32)[:n], any(b3).([]float32)[:n]
		c0, c1, c2, c3 := c[0], c[1], c[2], c[3]
		for k, v := range x {
			c0, c1, c2, c3 = fma.F32(v, b0[k], c0), fma.F32(v, b1[k], c1), fma.F32(v, b2[k], c2), fma.F32(v, b3[k], c3)
		}
		c[0], c[1], c[2], c[3] = c0, c1, c2, c3
	}
}
