package cpu

import "github.com/weightspace/weightspace/runtime/kernel/rows"

// rowKernels are the kernels of reductions, softmax and losses for one element type.
type rowKernels[T rows.Float] struct {
	sum            func(x []T) float64
	colSums        func(dst, x []T, m, n int)
	axisSums       func(dst, x []T, a, b, c int)
	axisMax        func(dst, x []T, a, b, c int)
	softmax        func(y, x []T, o rows.Softmax[T])
	softmaxGrad    func(dx, y, dy []T, m, n int, scale T)
	logSoftmax     func(y, x []T, m, n int)
	logSoftmaxGrad func(dx, y, dy []T, m, n int)

	softmaxCols, logSoftmaxCols         func(y, x []T, s rows.Columns)
	softmaxColsGrad, logSoftmaxColsGrad func(dx, y, dy []T, s rows.Columns)

	argMax               func(dst []int32, x []T, m, n int)
	argMaxCols           func(dst []int32, x []T, s rows.Columns)
	crossEntropy         func(loss, dx, x []T, labels []int32, m, c int, scale, smooth T)
	crossEntropyCols     func(loss, dx, x []T, labels []int32, s rows.Columns, scale, smooth T)
	softCrossEntropy     func(loss, dx, x, q []T, m, c int, scale T)
	softCrossEntropyCols func(loss, dx, x, q []T, s rows.Columns, scale T)
}

func rows32(k *rows.Kernels) rowKernels[float32] {
	return rowKernels[float32]{
		sum: k.Sum, colSums: k.ColSums, axisSums: k.AxisSums, axisMax: k.AxisMax,
		softmax: k.Softmax, softmaxGrad: k.SoftmaxGrad, logSoftmax: k.LogSoftmax, logSoftmaxGrad: k.LogSoftmaxGrad,
		softmaxCols: k.SoftmaxCols, logSoftmaxCols: k.LogSoftmaxCols, softmaxColsGrad: k.SoftmaxColsGrad, logSoftmaxColsGrad: k.LogSoftmaxColsGrad,
		argMax: k.RowArgMax, argMaxCols: k.ArgMaxCols, crossEntropy: k.CrossEntropy, crossEntropyCols: k.CrossEntropyCols,
		softCrossEntropy: k.SoftCrossEntropy, softCrossEntropyCols: k.SoftCrossEntropyCols,
	}
}

func rows64() rowKernels[float64] {
	type f = float64
	return rowKernels[f]{
		sum: rows.SumRef[f], colSums: rows.ColSumsRef[f], axisSums: rows.AxisSumsRef[f], axisMax: rows.AxisMaxRef[f],
		softmax: rows.SoftmaxRef[f], softmaxGrad: rows.SoftmaxGradRef[f], logSoftmax: rows.LogSoftmaxRef[f], logSoftmaxGrad: rows.LogSoftmaxGradRef[f],
		softmaxCols: rows.SoftmaxColsRef[f], logSoftmaxCols: rows.LogSoftmaxColsRef[f], softmaxColsGrad: rows.SoftmaxColsGradRef[f], logSoftmaxColsGrad: rows.LogSoftmaxColsGradRef[f],
		argMax: rows.RowArgMaxRef[f], argMaxCols: rows.ArgMaxColsRef[f], crossEntropy: rows.CrossEntropyRef[f], crossEntropyCols: rows.CrossEntropyColsRef[f],
		softCrossEntropy: rows.SoftCrossEntropyRef[f], softCrossEntropyCols: rows.SoftCrossEntropyColsRef[f],
	}
}
