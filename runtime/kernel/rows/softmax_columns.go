package rows

import "github.com/weightspace/weightspace/runtime/kernel/isa"

// SoftmaxCols is softmax along the first axis: y and x [C,L]; y may be x. A column of -Inf
// gives 0.
func (k *Kernels) SoftmaxCols(y, x []float32, s Columns) { softmaxCols(k.level, y, x, s) }

// SoftmaxColsRef is the twin of SoftmaxCols.
func SoftmaxColsRef[T Float](y, x []T, s Columns) { softmaxCols(isa.Ref, y, x, s) }

func softmaxCols[T Float](l isa.Level, y, x []T, s Columns) {
	need(fits(s, y, x))
	w, n := s.strips()
	for j := 0; j < n; j += w {
		colSoftmax(l, y[j:], x[j:], s.C, min(w, n-j), s.Stride)
	}
}

// SoftmaxColsGrad is dx = y*(dy - sum of dy*y) along the first axis: all [C,L]; dx may be dy or
// y.
func (k *Kernels) SoftmaxColsGrad(dx, y, dy []float32, s Columns) {
	softmaxColsGrad(k.level, dx, y, dy, s)
}

// SoftmaxColsGradRef is the twin of SoftmaxColsGrad.
func SoftmaxColsGradRef[T Float](dx, y, dy []T, s Columns) { softmaxColsGrad(isa.Ref, dx, y, dy, s) }

func softmaxColsGrad[T Float](l isa.Level, dx, y, dy []T, s Columns) {
	need(fits(s, dx, y, dy))
	w, n := s.strips()
	for j := 0; j < n; j += w {
		colSoftmaxGrad(l, dx[j:], y[j:], dy[j:], s.C, min(w, n-j), s.Stride)
	}
}

// LogSoftmaxCols is log softmax along the first axis: y and x [C,L]; y may be x.
func (k *Kernels) LogSoftmaxCols(y, x []float32, s Columns) { logSoftmaxCols(k.level, y, x, s) }

// LogSoftmaxColsRef is the twin of LogSoftmaxCols.
func LogSoftmaxColsRef[T Float](y, x []T, s Columns) { logSoftmaxCols(isa.Ref, y, x, s) }

func logSoftmaxCols[T Float](l isa.Level, y, x []T, s Columns) {
	need(fits(s, y, x))
	w, n := s.strips()
	for j := 0; j < n; j += w {
		colLogSoftmax(l, y[j:], x[j:], s.C, min(w, n-j), s.Stride)
	}
}

// LogSoftmaxColsGrad is dx = dy - exp(y)*(sum of dy) along the first axis: all [C,L]; dx may be
// dy.
func (k *Kernels) LogSoftmaxColsGrad(dx, y, dy []float32, s Columns) {
	logSoftmaxColsGrad(k.level, dx, y, dy, s)
}

// LogSoftmaxColsGradRef is the twin of LogSoftmaxColsGrad.
func LogSoftmaxColsGradRef[T Float](dx, y, dy []T, s Columns) {
	logSoftmaxColsGrad(isa.Ref, dx, y, dy, s)
}

func logSoftmaxColsGrad[T Float](l isa.Level, dx, y, dy []T, s Columns) {
	need(fits(s, dx, y, dy))
	w, n := s.strips()
	for j := 0; j < n; j += w {
		colLogSoftmaxGrad(l, dx[j:], y[j:], dy[j:], s.C, min(w, n-j), s.Stride)
	}
}

// LogSumExpCols writes log of the sums of exp along the first axis: dst [L], x [C,L]; -Inf for
// columns of -Inf, and empty ones.
func (k *Kernels) LogSumExpCols(dst, x []float32, s Columns) { logSumExpCols(k.level, dst, x, s) }

// LogSumExpColsRef is the twin of LogSumExpCols.
func LogSumExpColsRef[T Float](dst, x []T, s Columns) { logSumExpCols(isa.Ref, dst, x, s) }

func logSumExpCols[T Float](l isa.Level, dst, x []T, s Columns) {
	need(len(dst) == s.L && fits(s, x))
	if s.C == 0 {
		rowMaxima(l, dst, nil, s.L, 0)
	}
	w, n := s.strips()
	for j := 0; j < n; j += w {
		colLogSumExp(l, dst[j:], x[j:], s.C, min(w, n-j), s.Stride)
	}
}
