package rows

import "github.com/weightspace/weightspace/runtime/kernel/isa"

// Segments are S groups of entries: those of group s are Ptr[s] to Ptr[s+1]-1 (Ptr has S+1
// numbers, not falling), each the row Idx[e] of a matrix, or row e if Idx is nil. This is the
// structure of a sparse matrix in compressed rows, of edges sorted by destination, of a batch
// of graphs. Part of the groups is a Segments with part of Ptr.
type Segments struct{ Ptr, Idx []int32 }

// count is S.
func (s Segments) count() int { return len(s.Ptr) - 1 }

// check panics unless all entries are within entries values and rows rows.
func (s Segments) check(entries, rows int) {
	need(len(s.Ptr) > 0 && s.Ptr[0] >= 0)
	for i, p := range s.Ptr[1:] {
		need(p >= s.Ptr[i])
	}
	last := int(s.Ptr[s.count()])
	need(last <= entries)
	if s.Idx == nil {
		need(last <= rows)
		return
	}
	need(last <= len(s.Idx))
	for _, r := range s.Idx[s.Ptr[0]:last] {
		if uint(r) >= uint(rows) {
			panic("rows: index is outside the matrix")
		}
	}
}

// some is the number of segments from s on for one call of width d.
func (s Segments) some(from, d int) int {
	n := 1
	for from+n < s.count() && int(s.Ptr[from+n+1]-s.Ptr[from]+int32(n))*d <= callFloats {
		n++
	}
	return n
}

// SegmentSum adds up rows by segments: y [S,D] = (or += if add) the sums of rows of x [R,D].
// Every element of y is one chain over the entries in order: the error of n entries is at most
// n eps times the sum of magnitudes. With Idx this is gather and sum; with the segments sorted
// by destination, scatter-add.
func (k *Kernels) SegmentSum(y, x []float32, s Segments, d int, add bool) {
	spmm(k.level, y, nil, x, s, d, add)
}

// SegmentSumRef is the twin of SegmentSum.
func SegmentSumRef[T Float](y, x []T, s Segments, d int, add bool) {
	spmm(isa.Ref, y, nil, x, s, d, add)
}

// SpMM is the sparse product: y [S,D] = (or += if add) sums of val[e]*x[Idx[e]] over the entries
// e of each segment; val [entries], x [R,D]. Give the transposed matrix for the transposed
// product. The order is that of SegmentSum.
func (k *Kernels) SpMM(y, val, x []float32, s Segments, d int, add bool) {
	need(val != nil && s.Idx != nil)
	spmm(k.level, y, val, x, s, d, add)
}

// SpMMRef is the twin of SpMM.
func SpMMRef[T Float](y, val, x []T, s Segments, d int, add bool) {
	need(val != nil && s.Idx != nil)
	spmm(isa.Ref, y, val, x, s, d, add)
}

func spmm[T Float](l isa.Level, y, val, x []T, s Segments, d int, add bool) {
	rows := matrixRows(x, d)
	entries := max(rows, len(s.Idx))
	if val != nil {
		entries = len(val)
	}
	s.check(entries, rows)
	need(len(y) == s.count()*d)
	flag := 0
	if add {
		flag = 1
	}
	for at := 0; at < s.count() && d > 0; {
		n := s.some(at, d)
		switch {
		case val != nil:
			segProduct(l, y[at*d:], x, val, s.Ptr[at:], s.Idx, n, d, d, flag)
		case s.Idx != nil:
			segGather(l, y[at*d:], x, s.Ptr[at:], s.Idx, n, d, d, flag)
		default:
			segSum(l, y[at*d:], x, s.Ptr[at:], n, d, d, flag)
		}
		at += n
	}
}

// matrixRows is R of x [R,D].
func matrixRows[T Float](x []T, d int) int {
	need(d >= 0)
	if d == 0 {
		need(len(x) == 0)
		return 1<<31 - 1
	}
	need(len(x)%d == 0)
	return len(x) / d
}

// SpMMGrad is the gradient by the values: dval[e] = the dot product of dy[s] and x[Idx[e]] for
// the entries e of segment s: dval and Idx [entries], dy [S,D], x [R,D]. Others stay.
func (k *Kernels) SpMMGrad(dval, dy, x []float32, s Segments, d int) {
	spmmGrad(k.level, dval, dy, x, s, d)
}

// SpMMGradRef is the twin of SpMMGrad.
func SpMMGradRef[T Float](dval, dy, x []T, s Segments, d int) { spmmGrad(isa.Ref, dval, dy, x, s, d) }

func spmmGrad[T Float](l isa.Level, dval, dy, x []T, s Segments, d int) {
	s.check(len(dval), matrixRows(x, d))
	need(s.Idx != nil && len(dy) == s.count()*d)
	if d > Block || d == 0 {
		for i := range s.count() {
			for e := s.Ptr[i]; e < s.Ptr[i+1]; e++ {
				rowSums(l, termXY, dval[e:], dy[i*d:][:d], x[int(s.Idx[e])*d:][:d], nil, 1, d)
			}
		}
		return
	}
	for at := 0; at < s.count(); {
		n := s.some(at, d)
		segDot(l, dval, dy[at*d:], x, s.Ptr[at:], s.Idx, n, d, d)
		at += n
	}
}

// SegmentMean is the mean of the rows of each segment, 0 for an empty one; see SegmentSum.
func (k *Kernels) SegmentMean(y, x []float32, s Segments, d int) { segmentMean(k.level, y, x, s, d) }

// SegmentMeanRef is the twin of SegmentMean.
func SegmentMeanRef[T Float](y, x []T, s Segments, d int) { segmentMean(isa.Ref, y, x, s, d) }

func segmentMean[T Float](l isa.Level, y, x []T, s Segments, d int) {
	spmm(l, y, nil, x, s, d, false)
	for i := range s.count() {
		shares(l, y[i*d:][:d], y[i*d:][:d], int(s.Ptr[i+1]-s.Ptr[i]))
	}
}

// shares is y = x/n.
func shares[T Float](l isa.Level, y, x []T, n int) {
	if n == 0 || len(x) == 0 {
		return
	}
	zero, c := [1]T{}, [1]T{1 / T(n)}
	rowAffine(l, y, x, zero[:], c[:], zero[:], 1, len(x), 0)
}

// SegmentSpread gives every entry its segment's row: dx [entries,D] = dy [S,D], the gradient of
// SegmentSum without Idx, or divided by the number of entries if mean. Only the entries of the
// segments are written.
func (k *Kernels) SegmentSpread(dx, dy []float32, s Segments, d int, mean bool) {
	segmentSpread(k.level, dx, dy, s, d, mean)
}

// SegmentSpreadRef is the twin of SegmentSpread.
func SegmentSpreadRef[T Float](dx, dy []T, s Segments, d int, mean bool) {
	segmentSpread(isa.Ref, dx, dy, s, d, mean)
}

func segmentSpread[T Float](l isa.Level, dx, dy []T, s Segments, d int, mean bool) {
	rows := matrixRows(dx, d)
	s.check(rows, rows)
	need(s.Idx == nil && len(dy) == s.count()*d)
	for i := range s.count() {
		from, to := int(s.Ptr[i]), int(s.Ptr[i+1])
		row := dy[i*d:][:d]
		for e := from; e < to; e++ {
			if mean && e == from {
				shares(l, dx[e*d:][:d], row, to-from)
				row = dx[e*d:][:d]
				continue
			}
			copy(dx[e*d:][:d], row)
		}
	}
}

// SegmentMax is the maximum of the rows of each segment, by columns, and 0 for an empty one:
// y [S,D], x [R,D]; no Idx.
func (k *Kernels) SegmentMax(y, x []float32, s Segments, d int) { segmentMax(k.level, y, x, s, d) }

// SegmentMaxRef is the twin of SegmentMax.
func SegmentMaxRef[T Float](y, x []T, s Segments, d int) { segmentMax(isa.Ref, y, x, s, d) }

func segmentMax[T Float](l isa.Level, y, x []T, s Segments, d int) {
	rows := matrixRows(x, d)
	s.check(rows, rows)
	need(s.Idx == nil && len(y) == s.count()*d)
	for at := 0; at < s.count() && d > 0; {
		n := s.some(at, d)
		segMax(l, y[at*d:], x, s.Ptr[at:], n, d, d)
		at += n
	}
}

// SegmentMaxGrad gives the gradient of each maximum to the first entry that has it: dx [R,D] +=,
// dy and y [S,D], x [R,D]. It is pure Go.
func SegmentMaxGrad[T Float](dx, dy, y, x []T, s Segments, d int) {
	rows := matrixRows(x, d)
	s.check(rows, rows)
	need(s.Idx == nil && len(dx) == len(x) && len(dy) == s.count()*d && len(y) == len(dy))
	for i := range s.count() {
		for j := i * d; j < (i+1)*d; j++ {
			for e := int(s.Ptr[i]); e < int(s.Ptr[i+1]); e++ {
				if at := e*d + j - i*d; x[at] == y[j] {
					dx[at] += dy[j]
					break
				}
			}
		}
	}
}

// GatherRows copies rows: y [K,D] = x[idx[k]], x [R,D]. It panics if an index is outside x.
func GatherRows[T Float](y, x []T, idx []int32, d int) {
	need(len(y) == len(idx)*d)
	rows := matrixRows(x, d)
	for i, r := range idx {
		if uint(r) >= uint(rows) {
			panic("rows: index is outside the matrix")
		}
		copy(y[i*d:][:d], x[int(r)*d:][:d])
	}
}
