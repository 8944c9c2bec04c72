//go:build amd64 && !purego

package kernel

// The assembly by level. Variants with more channels come first.

var tableAVX2 = table{
	lanes: 8,
	conv: []convVariant{
		{6, 2, 5, convRow6x2k5AVX2, convLanes6x2k5AVX2},
		{6, 2, 0, convRow6x2AVX2, convLanes6x2AVX2},
		{6, 1, 0, convRow6x1AVX2, convLanes6x1AVX2},
		{4, 3, 5, convRow4x3k5AVX2, convLanes4x3k5AVX2},
		{4, 3, 3, convRow4x3k3AVX2, convLanes4x3k3AVX2},
		{4, 3, 0, convRow4x3AVX2, convLanes4x3AVX2},
		{4, 1, 0, convRow4x1AVX2, convLanes4x1AVX2},
		{2, 5, 0, convRow2x5AVX2, convLanes2x5AVX2},
		{2, 1, 0, convRow2x1AVX2, convLanes2x1AVX2},
		{1, 8, 0, convRow1x8AVX2, convLanes1x8AVX2},
		{1, 1, 0, convRow1x1AVX2, convLanes1x1AVX2},
	},
	grad: []gradVariant{
		{2, 5, convGrad2x5AVX2},
		{1, 5, convGrad1x5AVX2},
		{4, 3, convGrad4x3AVX2},
		{2, 3, convGrad2x3AVX2},
		{1, 3, convGrad1x3AVX2},
		{4, 2, convGrad4x2AVX2},
		{2, 2, convGrad2x2AVX2},
		{1, 2, convGrad1x2AVX2},
		{8, 1, convGrad8x1AVX2},
		{4, 1, convGrad4x1AVX2},
		{2, 1, convGrad2x1AVX2},
		{1, 1, convGrad1x1AVX2},
	},
	activation: [activations]unaryFunc{Tanh: tanhAVX2, ReLU: reluAVX2, Sigmoid: sigmoidAVX2, GELU: geluAVX2, SiLU: siluAVX2, LeakyReLU: leakyAVX2},
	pool:       poolRowsAVX2, unpool: unpoolRowsAVX2, mul: mulAVX2, add: addAVX2, dropout: dropoutAVX2, softmax: softmaxAVX2,
	reduce: reduceAVX2, pixels: pixelsAVX2, check: checkAVX2, adam: adamAVX2, sgd: sgdAVX2,
	normals: normalsAVX2, perturb: perturbAVX2, pick: pickRowsAVX2,
}

var tableAVX512 = table{
	lanes: 16,
	conv: []convVariant{
		{8, 3, 5, convRow8x3k5AVX512, convLanes8x3k5AVX512},
		{8, 3, 3, convRow8x3k3AVX512, convLanes8x3k3AVX512},
		{8, 3, 0, convRow8x3AVX512, convLanes8x3AVX512},
		{8, 1, 0, convRow8x1AVX512, convLanes8x1AVX512},
		{7, 3, 3, convRow7x3k3AVX512, convLanes7x3k3AVX512},
		{7, 3, 0, convRow7x3AVX512, convLanes7x3AVX512},
		{7, 1, 0, convRow7x1AVX512, convLanes7x1AVX512},
		{6, 4, 5, convRow6x4k5AVX512, convLanes6x4k5AVX512},
		{6, 4, 0, convRow6x4AVX512, convLanes6x4AVX512},
		{6, 1, 0, convRow6x1AVX512, convLanes6x1AVX512},
		{5, 4, 0, convRow5x4AVX512, convLanes5x4AVX512},
		{5, 1, 0, convRow5x1AVX512, convLanes5x1AVX512},
		{4, 6, 0, convRow4x6AVX512, convLanes4x6AVX512},
		{4, 3, 5, convRow4x3k5AVX512, convLanes4x3k5AVX512},
		{4, 3, 3, convRow4x3k3AVX512, convLanes4x3k3AVX512},
		{4, 3, 0, convRow4x3AVX512, convLanes4x3AVX512},
		{4, 1, 0, convRow4x1AVX512, convLanes4x1AVX512},
		{3, 8, 0, convRow3x8AVX512, convLanes3x8AVX512},
		{3, 1, 0, convRow3x1AVX512, convLanes3x1AVX512},
		{2, 8, 0, convRow2x8AVX512, convLanes2x8AVX512},
		{2, 1, 0, convRow2x1AVX512, convLanes2x1AVX512},
		{1, 8, 0, convRow1x8AVX512, convLanes1x8AVX512},
		{1, 1, 0, convRow1x1AVX512, convLanes1x1AVX512},
	},
	grad: []gradVariant{
		{4, 5, convGrad4x5AVX512},
		{3, 5, convGrad3x5AVX512},
		{2, 5, convGrad2x5AVX512},
		{1, 5, convGrad1x5AVX512},
		{8, 3, convGrad8x3AVX512},
		{4, 3, convGrad4x3AVX512},
		{2, 3, convGrad2x3AVX512},
		{1, 3, convGrad1x3AVX512},
		{8, 2, convGrad8x2AVX512},
		{4, 2, convGrad4x2AVX512},
		{2, 2, convGrad2x2AVX512},
		{1, 2, convGrad1x2AVX512},
		{8, 1, convGrad8x1AVX512},
		{4, 1, convGrad4x1AVX512},
		{2, 1, convGrad2x1AVX512},
		{1, 1, convGrad1x1AVX512},
	},
	activation: [activations]unaryFunc{Tanh: tanhAVX512, ReLU: reluAVX512, Sigmoid: sigmoidAVX512, GELU: geluAVX512, SiLU: siluAVX512, LeakyReLU: leakyAVX512},
	pool:       poolRowsAVX512, unpool: unpoolRowsAVX512, mul: mulAVX512, add: addAVX512, dropout: dropoutAVX512, softmax: softmaxAVX512,
	reduce: reduceAVX2, pixels: pixelsAVX2, check: checkAVX512, adam: adamAVX512, sgd: sgdAVX512,
	normals: normalsAVX512, perturb: perturbAVX512, pick: pickRowsAVX512,
}

// levelTable is nil for Ref, and for Auto, which is resolved before.
func levelTable(l Level) *table {
	switch l {
	case AVX2:
		return &tableAVX2
	case AVX512:
		return &tableAVX512
	case Auto, Ref:
	}
	return nil
}
