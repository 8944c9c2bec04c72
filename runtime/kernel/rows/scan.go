package rows

import "github.com/weightspace/weightspace/runtime/kernel/isa"

// CumSum is the running sum along rows: y [M,N], x [M,N]; from the end if reverse, which is the
// gradient of the other. One chain a row; y may be x. It is pure Go: a chain has no lanes.
func CumSum[T Float](y, x []T, m, n int, reverse bool) {
	need(len(y) == m*n && len(x) == m*n)
	for r := range m {
		xr, yr := x[r*n:][:n], y[r*n:][:n]
		var acc T
		if !reverse {
			for i, v := range xr {
				acc += v
				yr[i] = acc
			}
			continue
		}
		for i := n - 1; i >= 0; i-- {
			acc += xr[i]
			yr[i] = acc
		}
	}
}

// CumSumCols is the running sum down the columns: y and x [C,L]; upwards if reverse, which is
// the gradient of the other. y may be x.
func (k *Kernels) CumSumCols(y, x []float32, s Columns, reverse bool) {
	cumSumCols(k.level, y, x, s, reverse)
}

// CumSumColsRef is the twin of CumSumCols.
func CumSumColsRef[T Float](y, x []T, s Columns, reverse bool) { cumSumCols(isa.Ref, y, x, s, reverse) }

func cumSumCols[T Float](l isa.Level, y, x []T, s Columns, reverse bool) {
	need(fits(s, y, x))
	flag := 0
	if reverse {
		flag = 1
	}
	w, n := s.strips()
	for j := 0; j < n; j += w {
		colCumSum(l, y[j:], x[j:], s.C, min(w, n-j), s.Stride, flag)
	}
}

// Scan is the linear recurrence h[t] = a[t]*h[t-1] + b[t] down the columns, from h[-1] = start:
// h, a and b [T,L], start [L] (T is s.C). h may be b.
func (k *Kernels) Scan(h, a, b, start []float32, s Columns) { scan(k.level, h, a, b, start, s) }

// ScanRef is the twin of Scan.
func ScanRef[T Float](h, a, b, start []T, s Columns) { scan(isa.Ref, h, a, b, start, s) }

func scan[T Float](l isa.Level, h, a, b, start []T, s Columns) {
	need(fits(s, h, a, b) && len(start) == s.L)
	w, n := s.strips()
	for j := 0; j < n; j += w {
		colScan(l, h[j:], a[j:], b[j:], start[j:], s.C, min(w, n-j), s.Stride)
	}
}

// ScanGrad is the gradient of Scan: from dh, the gradient by every h[t] itself, it sets da and
// db [T,L]. carry [L] is on entry the gradient by the last h that comes from later steps (0 at
// the end), on return the gradient by start: a long sequence can be done in parts. db may be dh.
func (k *Kernels) ScanGrad(da, db, carry, dh, a, h, start []float32, s Columns) {
	scanGrad(k.level, da, db, carry, dh, a, h, start, s)
}

// ScanGradRef is the twin of ScanGrad.
func ScanGradRef[T Float](da, db, carry, dh, a, h, start []T, s Columns) {
	scanGrad(isa.Ref, da, db, carry, dh, a, h, start, s)
}

func scanGrad[T Float](l isa.Level, da, db, carry, dh, a, h, start []T, s Columns) {
	need(fits(s, da, db, dh, a, h) && len(start) == s.L && len(carry) == s.L)
	w, n := s.strips()
	for j := 0; j < n; j += w {
		colScanGrad(l, da[j:], db[j:], carry[j:], dh[j:], a[j:], h[j:], start[j:], s.C, min(w, n-j), s.Stride)
	}
}
