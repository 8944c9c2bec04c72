package rows

import "github.com/weightspace/weightspace/runtime/kernel/isa"

// ColSums adds the sums of the columns: dst [N] += x [M,N] (the gradient of a bias). Trees of
// eight rows are added in order: the error is at most (M/8+3) eps times the sums of
// magnitudes.
func (k *Kernels) ColSums(dst, x []float32, m, n int) { colSums(k.level, dst, x, m, n) }

// ColSumsRef is the twin of ColSums.
func ColSumsRef[T Float](dst, x []T, m, n int) { colSums(isa.Ref, dst, x, m, n) }

func colSums[T Float](l isa.Level, dst, x []T, m, n int) {
	need(len(dst) == n && len(x) == m*n)
	if n == 0 {
		return
	}
	w := strip(n, 8)
	rows := max(8, callFloats/w&^7)
	for r := 0; r < m; r += rows {
		for j := 0; j < n; j += w {
			colSum(l, dst[j:], x[r*n+j:], min(rows, m-r), min(w, n-j), n)
		}
	}
}

// AxisSums adds sums over the middle axis: dst [A,C] += x [A,B,C], in the order of ColSums (for
// C = 1 that of RowSums).
func (k *Kernels) AxisSums(dst, x []float32, a, b, c int) { axisSums(k.level, dst, x, a, b, c) }

// AxisSumsRef is the twin of AxisSums.
func AxisSumsRef[T Float](dst, x []T, a, b, c int) { axisSums(isa.Ref, dst, x, a, b, c) }

func axisSums[T Float](l isa.Level, dst, x []T, a, b, c int) {
	need(len(dst) == a*c && len(x) == a*b*c)
	if c != 1 {
		for i := range a {
			colSums(l, dst[i*c:][:c], x[i*b*c:][:b*c], b, c)
		}
		return
	}
	var parts [group]T
	for at := 0; at < a; at += group {
		rows := min(group, a-at)
		rowSums(l, termX, parts[:], x[at*b:], nil, nil, rows, b)
		for r, p := range parts[:rows] {
			dst[at+r] += p
		}
	}
}

// AxisMax writes maxima over the middle axis: dst [A,C], x [A,B,C]; -Inf if B is 0. Its
// gradient is that of SegmentMax with segments of B rows.
func (k *Kernels) AxisMax(dst, x []float32, a, b, c int) { axisMax(k.level, dst, x, a, b, c) }

// AxisMaxRef is the twin of AxisMax.
func AxisMaxRef[T Float](dst, x []T, a, b, c int) { axisMax(isa.Ref, dst, x, a, b, c) }

func axisMax[T Float](l isa.Level, dst, x []T, a, b, c int) {
	need(len(dst) == a*c && len(x) == a*b*c)
	if c == 1 || b == 0 {
		rowMaxima(l, dst, x, a*c, b)
		return
	}
	w := strip(c, b)
	for i := range a {
		for j := 0; j < c; j += w {
			colMax(l, dst[i*c+j:], x[i*b*c+j:], b, min(w, c-j), c)
		}
	}
}

// Columns is the shape of operations along the first axis: C rows (classes, or steps) of L
// columns, the rows Stride >= L elements apart, so that a part of the columns is a Columns too:
// a worker's share are the slices from its first column on, with L columns and the same
// Stride.
type Columns struct{ C, L, Stride int }

// size is the number of elements from the first to the last.
func (s Columns) size() int {
	if s.C == 0 || s.L == 0 {
		return 0
	}
	return (s.C-1)*s.Stride + s.L
}

// fits reports whether every slice holds the shape.
func fits[T Float](s Columns, xs ...[]T) bool {
	ok := s.C >= 0 && s.L >= 0 && s.Stride >= s.L
	for _, x := range xs {
		ok = ok && len(x) >= s.size()
	}
	return ok
}

// strips cuts the columns for single calls; nothing if there is nothing to do.
func (s Columns) strips() (w, l int) {
	if s.C == 0 {
		return 1, 0
	}
	return strip(s.L, s.C), s.L
}

// ArgMaxCols writes the first row of the maximum of each column: dst [L], x [C,L]. NaN are
// ignored; of nothing it is 0.
func (k *Kernels) ArgMaxCols(dst []int32, x []float32, s Columns) { argMaxCols(k.level, dst, x, s) }

// ArgMaxColsRef is the twin of ArgMaxCols.
func ArgMaxColsRef[T Float](dst []int32, x []T, s Columns) { argMaxCols(isa.Ref, dst, x, s) }

func argMaxCols[T Float](l isa.Level, dst []int32, x []T, s Columns) {
	need(len(dst) == s.L && fits(s, x))
	if s.C == 0 {
		clear(dst)
	}
	w, n := s.strips()
	for j := 0; j < n; j += w {
		colArgMax(l, dst[j:], x[j:], s.C, min(w, n-j), s.Stride)
	}
}
