// Package vmath computes elementwise functions of contiguous slices in float32 and float64.
//
// Every function has a pure-Go twin (the functions called ...Ref) that is also the definition:
// AVX2, AVX-512 and the twin do the same IEEE operations in the same order on every element, so
// that their results have the same bits, whatever the length, the alignment and the division of
// the work. NaN results are NaN everywhere; the bits inside a NaN are not promised.
//
// The functions cover the full range: overflow gives infinity, underflow goes through the
// subnormal numbers to zero, special values give what the mathematical limits are. Polynomials
// are interpolants computed by the generator from the definitions (tables.go).
//
// Errors in units in the last place of the result (of the smallest number, if the result is
// subnormal). The bounds are what the tests demand; beside them stands the largest error found,
// in float32 over every 15th of all arguments (gelu and erf: every 5th) against float64, in
// float64 over 20,000 arguments of all sizes against 260 bits:
//
//	                 bound   float32   float64
//	exp                  1     0.977     0.891
//	expm1                2     1.423     1.669
//	log                  1     0.862     0.751
//	tanh                 3     2.403     2.052
//	sigmoid              3     2.353     1.904
//	erf                1.5     1.060     1.064
//	gelu                 4     3.833     2.754
//	gelu-tanh            3     2.850     1.980
//	silu                 3     2.651     1.995
//	softplus             2     1.712     1.430
//	sin                  2     1.553     1.402    |x| <= 2^17, in float64 2^30
//	cos                  2     1.556     1.440    the same
//	rsqrt              1.5     1.490     1.462
//	sqrt, 1/x, x*x     0.5     0.500     0.500
//
// Derivatives (ActivateGrad) are good to 4.5 ULP of 1, found 1.3: an absolute bound, since they
// pass through zero.
//
// Slices that are passed together have one length, or the call panics. A destination may be
// one of the inputs; otherwise it must not overlap them. Nothing is allocated, and any number of
// goroutines may share Kernels. Below about 16 elements the call dominates the cost.
package vmath
