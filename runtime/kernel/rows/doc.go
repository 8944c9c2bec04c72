// Package rows has the kernels of reductions, softmax and losses, normalisations, segments
// and scans: everything that works on contiguous rows, or on the columns of a matrix with
// samples innermost.
//
// Letters: M rows of N elements; C classes (or channels) of L samples, the samples innermost;
// T steps; D features.
//
// Order. Along a row, element i belongs to one of 16*u virtual lanes (u is 4 for plain sums, 2
// where exponentials or several sums are taken); what is left after the last full block of
// 16*u goes to the first 16 lanes. A lane is one chain of (fused multiply-)additions; lanes
// are added by one tree of halves. Rows longer than Block are cut into blocks, whose sums are
// added in float64. Down a column there is one chain (ColSums: trees of eight rows). These
// orders depend on shapes only, so AVX-512, AVX2 and the pure-Go twins give the same bits in
// float32, for any division of rows or columns among workers.
//
// Error. A sum of n terms along a row differs from the exact one by at most
// (min(n, Block)/(16u) + 5 + log2 u) eps times the sum of magnitudes, eps = 2^-24, plus the
// errors of the terms; a plain sum of any length by at most 71 eps. A chain down a column of n
// terms: n eps; ColSums: (n/8 + 3) eps.
//
// Comparisons. A maximum ignores NaN; softmax, losses and sums are NaN if any input is.
// Exponentials below 2^-126 are +0. Exponentials and logarithms are within 2 ULP.
//
// Every kernel exists as method of Kernels, and as generic function with the suffix Ref that
// computes the same in pure Go, in float32 or float64. Lengths are checked first: a wrong one
// panics with a constant string. Nothing is allocated. An output may be the same slice as an
// input where that is said; else they must not overlap.
package rows

//go:generate sh -c "cd ../_gen && go run ./rows -out ../rows/rows_amd64.s -stubs ../rows/stubs_amd64.go -pkg rows -amd64 ../rows/dispatch_amd64.go -other ../rows/dispatch_other.go"
