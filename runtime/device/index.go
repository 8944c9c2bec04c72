package device

// Gather takes rows: In x [Rows, D], index (Ints or IntConstants) [N], Out y [N, D]. An index of -1 gives zeros.
type Gather struct{ Rows, D, N int }

// Cost implements Kernel.
func (k Gather) Cost() (int64, int64) { return 0, 2 * int64(k.N*k.D) }

// ScatterAdd is Gather's transpose: In y [N, D], index [N], Out x [Rows, D], the sums of the rows with each index, in order of
// position; rows that no index names are 0.
type ScatterAdd struct{ Rows, D, N int }

// Cost implements Kernel.
func (k ScatterAdd) Cost() (int64, int64) {
	return int64(k.N * k.D), int64(2*k.N*k.D + k.Rows*k.D)
}

// SegmentOp is a reduction over segments.
type SegmentOp uint8

// The reductions. Empty segments give 0.
const (
	SegmentSum SegmentOp = iota
	SegmentMean
	SegmentMax
)

// Segment reduces consecutive rows: In x [N, D], pointer [Segments+1] (rows pointer[s] to pointer[s+1] are segment s), Out y
// [Segments, D].
type Segment struct {
	Op             SegmentOp
	N, D, Segments int
}

// Cost implements Kernel.
func (k Segment) Cost() (int64, int64) {
	return int64(k.N * k.D), int64(k.N*k.D + k.Segments*k.D)
}

// SegmentGrad is the gradient of Segment: In x, y, pointer, dy, Out dx. The first maximum of a segment gets its gradient.
type SegmentGrad struct {
	Op             SegmentOp
	N, D, Segments int
}

// Cost implements Kernel.
func (k SegmentGrad) Cost() (int64, int64) {
	return int64(k.N * k.D), int64(k.N*k.D + k.Segments*k.D)
}

// SpMM is y = A x for a sparse A [Rows, Cols] in CSR: In values [NNZ], x [Cols, D], pointer [Rows+1], column [NNZ], entry
// [NNZ] (which value each stored element has: the identity, or the permutation of a transpose), Out y [Rows, D].
type SpMM struct{ Rows, Cols, NNZ, D int }

// Cost implements Kernel.
func (k SpMM) Cost() (int64, int64) {
	return 2 * int64(k.NNZ*k.D), int64(k.NNZ*k.D + k.Rows*k.D + 3*k.NNZ)
}

// SDDMM is SpMM's gradient of the values: In dy [Rows, D], x [Cols, D], pointer, column, Out dvalues [NNZ], the dot products of rows.
type SDDMM struct{ Rows, Cols, NNZ, D int }

// Cost implements Kernel.
func (k SDDMM) Cost() (int64, int64) { return 2 * int64(k.NNZ*k.D), int64(2*k.NNZ*k.D + k.NNZ) }

// OneHot writes 1 at the label and 0 elsewhere, 0 everywhere for label -1: In labels [N], Out y [N, Classes], or [Classes, N] with
// ClassesFirst.
type OneHot struct {
	N, Classes   int
	ClassesFirst bool
}

// Cost implements Kernel.
func (k OneHot) Cost() (int64, int64) { return 0, int64(k.N * (k.Classes + 1)) }
