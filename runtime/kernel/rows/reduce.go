package rows

import "github.com/weightspace/weightspace/runtime/kernel/isa"

// term is what is summed along a row.
type term int

const (
	termX        term = iota // x
	termXY                   // x*y
	termSquare               // (x-a)^2
	termDotShift             // x*(y-a)
)

// laneSums are sums in lanes: dst[r] for rows of at most Block elements.
func laneSums[T Float](l isa.Level, k term, dst, x, y, a []T, rows, n, stride int) {
	switch k {
	case termX:
		rowSum(l, dst, x, rows, n, stride)
	case termXY:
		rowDot(l, dst, x, y, rows, n, stride)
	case termSquare:
		rowDevSquares(l, dst, x, a, rows, n, stride)
	case termDotShift:
		rowDotShift(l, dst, x, y, a, rows, n, stride)
	}
}

// cut is the next step through a row with n elements left: how many blocks of which width.
func cut(n int) (blocks, width int) {
	if n < Block {
		return 1, n
	}
	return min(n/Block, group), Block
}

// longSum is one row's sum, of any length; y is unused by some terms.
func longSum[T Float](l isa.Level, k term, x, y []T, a T) (total float64) {
	var parts, as [group]T
	for i := range as {
		as[i] = a
	}
	for len(x) > 0 {
		blocks, w := cut(len(x))
		laneSums(l, k, parts[:], x, y, as[:], blocks, w, w)
		for _, p := range parts[:blocks] {
			total += float64(p)
		}
		x = x[blocks*w:]
		if k == termXY || k == termDotShift {
			y = y[blocks*w:]
		}
	}
	return total
}

// rowSums are the sums of m rows of n elements of any length; a and y are unused by some terms.
func rowSums[T Float](l isa.Level, k term, dst, x, y, a []T, m, n int) {
	two, shifted := k == termXY || k == termDotShift, k == termSquare || k == termDotShift
	for at := 0; at < m; {
		rows := min(m-at, max(1, callFloats/max(n, 1)))
		ys, as := y, a
		if two {
			ys = y[at*n:]
		}
		if shifted {
			as = a[at:]
		}
		switch {
		case n == 0:
			clear(dst[at:][:rows])
		case n <= Block:
			laneSums(l, k, dst[at:], x[at*n:], ys, as, rows, n, n)
		default:
			rows = 1
			var shift T
			if shifted {
				shift = as[0]
			}
			dst[at] = T(longSum(l, k, x[at*n:][:n], ys, shift))
		}
		at += rows
	}
}

// rowMaxima are the maxima of m rows of n elements, -Inf for empty ones.
func rowMaxima[T Float](l isa.Level, dst, x []T, m, n int) {
	for i := range dst[:m] {
		dst[i] = negInf[T]()
	}
	if n == 0 {
		return
	}
	if n > callFloats {
		for i := range m {
			var part [1]T
			for at := 0; at < n; at += callFloats {
				rowMax(l, part[:], x[i*n+at:], 1, min(n-at, callFloats), 0)
				dst[i] = greater(part[0], dst[i])
			}
		}
		return
	}
	for at := 0; at < m; {
		rows := min(m-at, callFloats/n)
		rowMax(l, dst[at:], x[at*n:], rows, n, n)
		at += rows
	}
}

// Sum is the sum of x.
func (k *Kernels) Sum(x []float32) float64 { return longSum(k.level, termX, x, nil, 0) }

// SumRef is the twin of Sum.
func SumRef[T Float](x []T) float64 { return longSum(isa.Ref, termX, x, nil, 0) }

// Dot is the sum of x[i]*y[i]; Dot(x, x) is the sum of squares. y is as long as x.
func (k *Kernels) Dot(x, y []float32) float64 {
	need(len(x) == len(y))
	return longSum(k.level, termXY, x, y, 0)
}

// DotRef is the twin of Dot.
func DotRef[T Float](x, y []T) float64 {
	need(len(x) == len(y))
	return longSum(isa.Ref, termXY, x, y, 0)
}

// MeanVar is the mean of x and its variance about that mean, divided by len(x) (the biased
// variance), in two passes. Of nothing it is NaN.
func (k *Kernels) MeanVar(x []float32) (mean, variance float64) { return meanVar(k.level, x) }

// MeanVarRef is the twin of MeanVar.
func MeanVarRef[T Float](x []T) (mean, variance float64) { return meanVar(isa.Ref, x) }

// meanVar corrects the second pass for the rounding of the mean to T.
func meanVar[T Float](l isa.Level, x []T) (mean, variance float64) {
	n := float64(len(x))
	mean = longSum(l, termX, x, nil, 0) / n
	rest := mean - float64(T(mean))
	variance = longSum(l, termSquare, x, nil, T(mean))/n - float64(rest*rest)
	return mean, max(variance, 0)
}

// RowSums writes the sums of M rows: dst [M], x [M,N].
func (k *Kernels) RowSums(dst, x []float32, m, n int) {
	need(len(dst) == m && len(x) == m*n)
	rowSums(k.level, termX, dst, x, nil, nil, m, n)
}

// RowSumsRef is the twin of RowSums.
func RowSumsRef[T Float](dst, x []T, m, n int) {
	need(len(dst) == m && len(x) == m*n)
	rowSums(isa.Ref, termX, dst, x, nil, nil, m, n)
}

// RowDots writes the dot products of M pairs of rows: dst [M], x and y [M,N].
func (k *Kernels) RowDots(dst, x, y []float32, m, n int) {
	need(len(dst) == m && len(x) == m*n && len(y) == m*n)
	rowSums(k.level, termXY, dst, x, y, nil, m, n)
}

// RowDotsRef is the twin of RowDots.
func RowDotsRef[T Float](dst, x, y []T, m, n int) {
	need(len(dst) == m && len(x) == m*n && len(y) == m*n)
	rowSums(isa.Ref, termXY, dst, x, y, nil, m, n)
}

// RowMax writes the maxima of M rows: dst [M], x [M,N]. Of no elements it is -Inf.
func (k *Kernels) RowMax(dst, x []float32, m, n int) {
	need(len(dst) == m && len(x) == m*n)
	rowMaxima(k.level, dst, x, m, n)
}

// RowMaxRef is the twin of RowMax.
func RowMaxRef[T Float](dst, x []T, m, n int) {
	need(len(dst) == m && len(x) == m*n)
	rowMaxima(isa.Ref, dst, x, m, n)
}

// RowArgMax writes the first place of the maximum of M rows: dst [M], x [M,N]. Of no elements,
// or NaN only, it is 0.
func (k *Kernels) RowArgMax(dst []int32, x []float32, m, n int) { rowArgMax(k.level, dst, x, m, n) }

// RowArgMaxRef is the twin of RowArgMax.
func RowArgMaxRef[T Float](dst []int32, x []T, m, n int) { rowArgMax(isa.Ref, dst, x, m, n) }

func rowArgMax[T Float](l isa.Level, dst []int32, x []T, m, n int) {
	need(len(dst) == m && len(x) == m*n)
	var best [group]T
	for at := 0; at < m; at += group {
		rows := min(group, m-at)
		rowMaxima(l, best[:], x[at*n:], rows, n)
		for r := range rows {
			dst[at+r] = 0
			for i, v := range x[(at+r)*n:][:n] {
				if v == best[r] {
					dst[at+r] = int32(i)
					break
				}
			}
		}
	}
}
