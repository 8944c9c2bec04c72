// Package vmath computes elementwise functions of contiguous slices in float32 and float64.
//
// Every function has a pure-Go twin (the functions called ...Ref) that is also the definition:
// AVX2, AVX-512 and the twin do the same IEEE operations in the same order on every element, so
// that their results have the same bits, whatever the length, the alignment and the division of
// the work. NaN results are NaN everywhere; the bits inside a NaN are not promised.
//
// The functions cover the full range: overflow gives infinity, underflow goes through the
// subnormal numbers to zero, special values give what the mathematical limits are. See Func for
// the error bounds. Polynomials are interpolants computed by the generator from the definitions
// (tables.go); none are copied from elsewhere.
//
// Slices that are passed together have one length, or the call panics. A destination may be
// one of the inputs; otherwise it must not overlap them. Nothing is allocated, and any number of
// goroutines may share Kernels. Below about 16 elements the call dominates the cost.
package vmath
