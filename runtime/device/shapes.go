package device

import "github.com/weightspace/weightspace/runtime/tensor"

// Copy moves a block: In x [Outer, FromExtent, Inner], Out y [Outer, ToExtent, Inner]; indices
// [From, From+Count) of x's middle axis go to [To, To+Count) of y's. Zero clears y first. It is slice,
// concatenation and padding.
type Copy struct {
	Outer, Inner        int
	FromExtent, From    int
	ToExtent, To, Count int
	Zero                bool
}

// Cost implements Kernel.
func (k Copy) Cost() (int64, int64) {
	n := 2 * int64(k.Outer*k.Inner*k.Count)
	if k.Zero {
		n += int64(k.Outer * k.ToExtent * k.Inner)
	}
	return 0, n
}

// Transpose permutes axes: In x of shape In, Out y with y's axis i being x's axis Perm[i].
type Transpose struct {
	In   tensor.Shape
	Perm []int
}

// Cost implements Kernel.
func (k Transpose) Cost() (int64, int64) { return 0, 2 * int64(k.In.Size()) }

// ReduceOp is a reduction.
type ReduceOp uint8

// The reductions.
const (
	ReduceSum ReduceOp = iota
	ReduceMax
)

// Reduce takes [Outer, Extent, Inner] to [Outer, Inner]: In x, Out y. A sum is scaled by Scale.
type Reduce struct {
	Op                   ReduceOp
	Outer, Extent, Inner int
	Scale                float64
}

// Cost implements Kernel.
func (k Reduce) Cost() (int64, int64) {
	n := int64(k.Outer * k.Extent * k.Inner)
	return n, n + int64(k.Outer*k.Inner)
}

// Expand takes [Outer, Inner] to [Outer, Extent, Inner] by repetition, times Scale: In x, Out y.
type Expand struct {
	Outer, Extent, Inner int
	Scale                float64
}

// Cost implements Kernel.
func (k Expand) Cost() (int64, int64) {
	n := int64(k.Outer * k.Extent * k.Inner)
	return n, n + int64(k.Outer*k.Inner)
}

// Cumsum is the running sum over the middle axis of [Outer, Extent, Inner]: In x, Out y. Reverse sums from
// the end, which is the gradient.
type Cumsum struct {
	Outer, Extent, Inner int
	Reverse              bool
}

// Cost implements Kernel.
func (k Cumsum) Cost() (int64, int64) {
	n := int64(k.Outer * k.Extent * k.Inner)
	return n, 2 * n
}

// LinearScan is h_t = a_t h_(t-1) + b_t over the middle axis of [Outer, T, Inner], h before the first being 0:
// In a, b, Out h. Mamba's selective scan (Gu, Dao 2023, eq. 2) is made of it.
type LinearScan struct{ Outer, T, Inner int }

// Cost implements Kernel.
func (k LinearScan) Cost() (int64, int64) {
	n := int64(k.Outer * k.T * k.Inner)
	return 2 * n, 3 * n
}

// LinearScanGrad is the gradient of LinearScan: In a, h, dh, Out da, db, each [Outer, T, Inner]: g_t = dh_t + a_(t+1) g_(t+1), db = g, da_t = g_t h_(t-1).
type LinearScanGrad struct{ Outer, T, Inner int }

// Cost implements Kernel.
func (k LinearScanGrad) Cost() (int64, int64) {
	n := int64(k.Outer * k.T * k.Inner)
	return 3 * n, 5 * n
}

// Concat joins [Outer, Extents[i], Inner] along the middle axis: In x_0, x_1, ..., Out y.
type Concat struct {
	Outer, Inner int
	Extents      []int
}

// Cost implements Kernel.
func (k Concat) Cost() (int64, int64) {
	n := 0
	for _, e := range k.Extents {
		n += e
	}
	return 0, 2 * int64(k.Outer*k.Inner*n)
}
