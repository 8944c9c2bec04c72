// Package gemm multiplies float32 matrices: C = op(A) op(B), one large product cut into chunks
// or one small product per member of a population.
//
// Symbols. op(A) is [M, K] and op(B) is [K, N]: the matrix itself or its transpose. Matrices are
// row-major slices with a leading dimension, the distance between rows in elements.
//
// Method. Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS
// 34(3), 2008: a tile of C lives in registers while k runs; panels of B and rows of A are copied
// to where they are contiguous if they are used often enough; k is cut so that a panel of B
// stays in the first-level cache, or a block of B in the second-level cache if the product is
// large. Vectors run along the rows of C, elements of A are broadcast.
//
// Determinism. Every element of C is one chain of fused multiply-adds, k = 0 to K-1, that starts
// from 0, from a bias or from the old C. Cutting k stores and reloads C, which loses nothing.
// Therefore the bits depend neither on the instruction set nor on packing, blocking or chunks:
// all equal GemmRef.
package gemm
