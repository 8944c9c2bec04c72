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

	channelStats     func(mean, variance, x []T, c, l int)
	channelAffine    func(y, x, mean, scale, shift []T, c, l int, relu bool)
	channelGradSums  func(dgain, dbias []T, o rows.ChannelGrad[T])
	channelGradInput func(dx, dgain, dbias []T, o rows.ChannelGrad[T])
	layerNorm        func(y, mean, rstd, x, gain, bias []T, o rows.Norm)
	layerNormGrad    func(dx, dgain, dbias, dy, x, gain, mean, rstd []T, o rows.Norm)
	rmsNorm          func(y, rstd, x, gain []T, o rows.Norm)
	rmsNormGrad      func(dx, dgain, dy, x, gain, rstd []T, o rows.Norm)
	cumSumCols       func(y, x []T, s rows.Columns, reverse bool)
	scan             func(h, a, b, start []T, s rows.Columns)
	scanGrad         func(da, db, carry, dh, a, h, start []T, s rows.Columns)
	segmentSum       func(y, x []T, s rows.Segments, d int, add bool)
	segmentMean      func(y, x []T, s rows.Segments, d int)
	segmentMax       func(y, x []T, s rows.Segments, d int)
	segmentSpread    func(dx, dy []T, s rows.Segments, d int, mean bool)
	spmm             func(y, val, x []T, s rows.Segments, d int, add bool)
	spmmGrad         func(dval, dy, x []T, s rows.Segments, d int)

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
		channelStats: k.ChannelStats, channelAffine: k.ChannelAffine, channelGradSums: k.ChannelGradSums, channelGradInput: k.ChannelGradInput, layerNorm: k.LayerNorm, layerNormGrad: k.LayerNormGrad, rmsNorm: k.RMSNorm, rmsNormGrad: k.RMSNormGrad, cumSumCols: k.CumSumCols,
		scan: k.Scan, scanGrad: k.ScanGrad, segmentSum: k.SegmentSum, segmentMean: k.SegmentMean, segmentMax: k.SegmentMax, segmentSpread: k.SegmentSpread, spmm: k.SpMM, spmmGrad: k.SpMMGrad,
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
		channelStats: rows.ChannelStatsRef[f], channelAffine: rows.ChannelAffineRef[f], channelGradSums: rows.ChannelGradSumsRef[f], channelGradInput: rows.ChannelGradInputRef[f], layerNorm: rows.LayerNormRef[f], layerNormGrad: rows.LayerNormGradRef[f], rmsNorm: rows.RMSNormRef[f], rmsNormGrad: rows.RMSNormGradRef[f], cumSumCols: rows.CumSumColsRef[f],
		scan: rows.ScanRef[f], scanGrad: rows.ScanGradRef[f], segmentSum: rows.SegmentSumRef[f], segmentMean: rows.SegmentMeanRef[f], segmentMax: rows.SegmentMaxRef[f], segmentSpread: rows.SegmentSpreadRef[f], spmm: rows.SpMMRef[f], spmmGrad: rows.SpMMGradRef[f],
		argMax: rows.RowArgMaxRef[f], argMaxCols: rows.ArgMaxColsRef[f], crossEntropy: rows.CrossEntropyRef[f], crossEntropyCols: rows.CrossEntropyColsRef[f],
		softCrossEntropy: rows.SoftCrossEntropyRef[f], softCrossEntropyCols: rows.SoftCrossEntropyColsRef[f],
	}
}
