package op

import (
	"errors"
	"testing"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// Mistakes in the construction of graphs are BuildErrors that name the operation and the shapes.
func TestBuildErrors(t *testing.T) {
	none := Value{}
	in := func(g *Graph, shape ...int) Value { return g.Fill(1, shape...) }
	ints := func(g *Graph, n int) Value { return g.IntConstant(make([]int32, n)) }
	csr := &tensor.CSR{Rows: 3, Cols: 2, Pointer: []int32{0, 1, 1, 2}, Column: []int32{0, 1}}
	for _, c := range []struct {
		want  string
		build func(g *Graph)
	}{
		// Declarations.
		{`graph: parameter "w" is declared twice`, func(g *Graph) { g.Param("w", 1); g.Param("w", 2) }},
		{`graph: state "w" is declared twice`, func(g *Graph) { g.State("w", 1); g.State("w", 2) }},
		{`graph: input "x" is declared twice`, func(g *Graph) { g.Input("x", 1); g.IntInput("x", 1) }},
		{`graph: output "y" is declared twice`, func(g *Graph) { g.Output("y", in(g, 1)); g.Output("y", in(g, 1)) }},
		{`graph: shape 2x-1 has a negative extent`, func(g *Graph) { g.Param("w", 2, -1) }},
		{`graph: shape -3 has a negative extent`, func(g *Graph) { g.Fill(0, -3) }},
		{`graph: an operand is absent`, func(g *Graph) { g.Exp(none) }},
		{`constant: shape 2x2 needs 4 elements, not 3`, func(g *Graph) { g.Constant([]float64{1, 2, 3}, 2, 2) }},
		{`output: "y" is an integer array`, func(g *Graph) { g.Output("y", ints(g, 2)) }},
		{`graph: device.Unary takes numbers as operand 0, not integers`, func(g *Graph) { g.Exp(ints(g, 2)) }},
		{`graph: device.Binary takes numbers as operand 1, not integers`, func(g *Graph) { g.Add(in(g, 2), ints(g, 2)) }},
		{`graph: device.Gather takes numbers as operand 0, not integers`, func(g *Graph) { g.Gather(g.Reshape(ints(g, 4), 2, 2), ints(g, 2)) }},
		// Elementwise.
		{`elementwise: shapes 2x3 and 2x4 do not broadcast: axis 1 has 3 and 4`, func(g *Graph) { g.Add(in(g, 2, 3), in(g, 2, 4)) }},
		{`elementwise: shapes 3x1 and 2x4 do not broadcast: axis 0 has 3 and 2`, func(g *Graph) { g.Maximum(in(g, 3, 1), in(g, 2, 4)) }},
		{`activation: exp is no activation`, func(g *Graph) { g.Activation(device.Exp, in(g, 1)) }},
		{`activation: unknown is no activation`, func(g *Graph) { g.Activation(device.Funcs, in(g, 1)) }},
		{`dropout: a scalar has no batch axis`, func(g *Graph) { g.Dropout("d", in(g), true) }},
		// Shapes.
		{`reshape: 2x3 has 6 elements, 4 another number`, func(g *Graph) { g.Reshape(in(g, 2, 3), 4) }},
		{`reshape: 2x3 has 6 elements, 4x-1 another number`, func(g *Graph) { g.Reshape(in(g, 2, 3), 4, -1) }},
		{`reshape: 2x3 has 6 elements, -1x-1x-1 another number`, func(g *Graph) { g.Reshape(in(g, 2, 3), -1, -1, -1) }},
		{`reshape: 2x3 has 6 elements, -2x-3 another number`, func(g *Graph) { g.Reshape(in(g, 2, 3), -2, -3) }},
		{`flatten: axis 3 of shape 2x3`, func(g *Graph) { g.Flatten(in(g, 2, 3), 3) }},
		{`flatten: axis -1 of shape 2x3`, func(g *Graph) { g.Flatten(in(g, 2, 3), -1) }},
		{`transpose: 1 axes for shape 2x3`, func(g *Graph) { g.Transpose(in(g, 2, 3), 0) }},
		{`transpose: [0 0] is no permutation of the axes of 2x3`, func(g *Graph) { g.Transpose(in(g, 2, 3), 0, 0) }},
		{`transpose: [2 0] is no permutation of the axes of 2x3`, func(g *Graph) { g.Transpose(in(g, 2, 3), 2, 0) }},
		{`slice: axis 2 of shape 2x3`, func(g *Graph) { g.Slice(in(g, 2, 3), 2, 0, 1) }},
		{`slice: axis -3 of shape 2x3`, func(g *Graph) { g.Slice(in(g, 2, 3), -3, 0, 1) }},
		{`slice: [1, 4) of axis 1 of shape 2x3`, func(g *Graph) { g.Slice(in(g, 2, 3), 1, 1, 4) }},
		{`slice: [2, 1) of axis 1 of shape 2x3`, func(g *Graph) { g.Slice(in(g, 2, 3), -1, 2, 1) }},
		{`pad: axis 1 of shape 2`, func(g *Graph) { g.Pad(in(g, 2), 1, 0, 1) }},
		{`pad: -1 and 0 elements`, func(g *Graph) { g.Pad(in(g, 2), 0, -1, 0) }},
		{`concat: nothing to join`, func(g *Graph) { g.Concat(0) }},
		{`concat: shapes 2x3 and 2`, func(g *Graph) { g.Concat(0, in(g, 2, 3), in(g, 2)) }},
		{`concat: shapes 2x3 and 2x4 differ beside axis 0`, func(g *Graph) { g.Concat(0, in(g, 2, 3), in(g, 2, 4)) }},
		{`concat: axis 2 of shape 2x3`, func(g *Graph) { g.Concat(2, in(g, 2, 3)) }},
		{`split: parts [1 1] of axis 1 of shape 2x3`, func(g *Graph) { g.Split(in(g, 2, 3), 1, 1, 1) }},
		{`slice: [1, 5) of axis 1 of shape 2x3`, func(g *Graph) { g.Split(in(g, 2, 3), 1, 1, 4) }},
		{`expand: axis 3 of extent 2 for shape 2x3`, func(g *Graph) { g.Expand(in(g, 2, 3), 3, 2) }},
		{`expand: axis 0 of extent -1 for shape 2`, func(g *Graph) { g.Expand(in(g, 2), 0, -1) }},
		{`elementwise: shapes 2 and 3 do not broadcast: axis 0 has 2 and 3`, func(g *Graph) { g.BroadcastTo(in(g, 2), 3) }},
		{`broadcast: 2x3 does not fit into 3`, func(g *Graph) { g.BroadcastTo(in(g, 2, 3), 3) }},
		// Reductions and scans.
		{`sum: axis 2 of shape 2x3`, func(g *Graph) { g.SumAxis(in(g, 2, 3), 2, false) }},
		{`mean: axis 1 of shape 2x0 is empty`, func(g *Graph) { g.MeanAxis(in(g, 2, 0), 1, false) }},
		{`max: axis 0 of shape 0x2 is empty`, func(g *Graph) { g.MaxAxis(in(g, 0, 2), 0, false) }},
		{`cumsum: axis 0 of shape scalar`, func(g *Graph) { g.Cumsum(in(g), 0) }},
		{`linear scan: a is 2x3, b 3x2`, func(g *Graph) { g.LinearScan(in(g, 2, 3), in(g, 3, 2), 0) }},
		{`linear scan: axis 5 of shape 2`, func(g *Graph) { g.LinearScan(in(g, 2), in(g, 2), 5) }},
		{`softmax: axis 2 of shape 2x3`, func(g *Graph) { g.Softmax(in(g, 2, 3), 2) }},
		{`softmax: axis 1 of shape 2x0 is empty`, func(g *Graph) { g.LogSoftmax(in(g, 2, 0), 1) }},
		// Products.
		{`matmul: shapes 3 and 3x4: matrices have two axes or more`, func(g *Graph) { g.Matmul(in(g, 3), in(g, 3, 4), false, false) }},
		{`matmul: 2x3 and 4x5 (transposed: false, false): inner extents 3 and 4`, func(g *Graph) { g.Matmul(in(g, 2, 3), in(g, 4, 5), false, false) }},
		{`matmul: 2x3 and 4x5 (transposed: true, true): inner extents 2 and 5`, func(g *Graph) { g.Matmul(in(g, 2, 3), in(g, 4, 5), true, true) }},
		{`matmul: leading axes of 2x3x4 and 3x4x5 differ`, func(g *Graph) { g.Matmul(in(g, 2, 3, 4), in(g, 3, 4, 5), false, false) }},
		{`matmul: leading axes of 2x1x3x4 and 2x4x5 differ`, func(g *Graph) { g.Matmul(in(g, 2, 1, 3, 4), in(g, 2, 4, 5), false, false) }},
		{`linear: input scalar, weight 2x3`, func(g *Graph) { g.Linear(in(g), in(g, 2, 3), none) }},
		{`linear: input 2x3, weight 3`, func(g *Graph) { g.Linear(in(g, 2, 3), in(g, 3), none) }},
		{`matmul: 2x3 and 5x4 (transposed: false, true): inner extents 3 and 4`, func(g *Graph) { g.Linear(in(g, 2, 3), in(g, 5, 4), none) }},
		{`matmul: bias 4 for a product of 2x5`, func(g *Graph) { g.Linear(in(g, 2, 3), in(g, 5, 3), in(g, 4)) }},
		{`linear: input 2x3x4, weight 5x3`, func(g *Graph) { g.LinearFirst(in(g, 2, 3, 4), in(g, 5, 3), none) }},
		{`matmul: bias 2 for a product of 5x2`, func(g *Graph) { g.LinearFirst(in(g, 3, 2), in(g, 5, 3), in(g, 2)) }},
		// Convolution and pooling.
		{`conv2d: weights are [O, C/groups, KH, KW], not 2x3`, func(g *Graph) { g.Conv2D(in(g, 3, 4, 4, 1), in(g, 2, 3), none, Conv{}) }},
		{`conv2d: images are [C, H, W, N], not 3x4x4`, func(g *Graph) { g.Conv2D(in(g, 3, 4, 4), in(g, 2, 3, 1, 1), none, Conv{}) }},
		{`conv2d: weights 2x2x1x1 with 1 groups do not fit images 3x4x4x1`, func(g *Graph) { g.Conv2D(in(g, 3, 4, 4, 1), in(g, 2, 2, 1, 1), none, Conv{}) }},
		{`conv2d: weights 4x1x1x1 with 2 groups do not fit images 3x4x4x1`, func(g *Graph) { g.Conv2D(in(g, 3, 4, 4, 1), in(g, 4, 1, 1, 1), none, Conv{Groups: 2}) }},
		{`conv2d: weights 3x2x1x1 with 2 groups do not fit images 4x4x4x1`, func(g *Graph) { g.Conv2D(in(g, 4, 4, 4, 1), in(g, 3, 2, 1, 1), none, Conv{Groups: 2}) }},
		{`conv2d: weights 2x3x1x1 with -1 groups do not fit images 3x4x4x1`, func(g *Graph) { g.Conv2D(in(g, 3, 4, 4, 1), in(g, 2, 3, 1, 1), none, Conv{Groups: -1}) }},
		{`conv2d: bias 3 for 2 channels`, func(g *Graph) { g.Conv2D(in(g, 3, 4, 4, 1), in(g, 2, 3, 1, 1), in(g, 3), Conv{}) }},
		{`conv2d: a window of 5x1 (dilation 1, 1) does not fit images of 4x4 padded by 0, 0`, func(g *Graph) { g.Conv2D(in(g, 3, 4, 4, 1), in(g, 2, 3, 5, 1), none, Conv{}) }},
		{`conv2d: a window of 1x3 (dilation 1, 2) does not fit images of 4x4 padded by 0, 0`, func(g *Graph) { g.Conv2D(in(g, 3, 4, 4, 1), in(g, 2, 3, 1, 3), none, Conv{DilationW: 2}) }},
		{`conv2d: window 1x1 with {StrideH:1 StrideW:1 PadH:-1 PadW:0 DilationH:1 DilationW:1 Groups:1}`, func(g *Graph) { g.Conv2D(in(g, 3, 4, 4, 1), in(g, 2, 3, 1, 1), none, Conv{PadH: -1}) }},
		{`conv2d: images 3x4x4x0 are empty`, func(g *Graph) { g.Conv2D(in(g, 3, 4, 4, 0), in(g, 2, 3, 1, 1), none, Conv{}) }},
		{`conv2d: weights 0x3x1x1 are empty`, func(g *Graph) { g.Conv2D(in(g, 3, 4, 4, 1), in(g, 0, 3, 1, 1), none, Conv{}) }},
		{`conv1d: input 3x4x4x1, weights 2x3x1`, func(g *Graph) { g.Conv1D(in(g, 3, 4, 4, 1), in(g, 2, 3, 1), none, 1, 0, 1, 1) }},
		{`max pool: padding 2 is more than half the window of 3`, func(g *Graph) { g.MaxPool(in(g, 1, 4, 4, 1), 3, 1, 2) }},
		{`max pool: window 0x0 with {StrideH:1 StrideW:1 PadH:0 PadW:0 DilationH:1 DilationW:1 Groups:1}`, func(g *Graph) { g.MaxPool(in(g, 1, 4, 4, 1), 0, 1, 0) }},
		{`max pool: images are [C, H, W, N], not 4x4`, func(g *Graph) { g.MaxPool(in(g, 4, 4), 2, 2, 0) }},
		{`max pool: images 1x4x4x0 are empty`, func(g *Graph) { g.MaxPool(in(g, 1, 4, 4, 0), 2, 2, 0) }},
		{`average pool: padding 1 is more than half the window of 1`, func(g *Graph) { g.AvgPool(in(g, 1, 4, 4, 1), 1, 1, 1) }},
		{`average pool: a window of 5x5 (dilation 1, 1) does not fit images of 4x4 padded by 0, 0`, func(g *Graph) { g.AvgPool(in(g, 1, 4, 4, 1), 5, 1, 0) }},
		{`global average pool: images are [C, H, W, N], not 4x4`, func(g *Graph) { g.GlobalAvgPool(in(g, 4, 4)) }},
		// Normalisations.
		{`batch norm: shape 3 has no channel axis and batch`, func(g *Graph) { g.BatchNorm(in(g, 3), in(g, 3), in(g, 3), NormStats{}, 1e-5, 0.1, false) }},
		{`batch norm: scale or shift 2 for 3 channels`, func(g *Graph) { g.BatchNorm(in(g, 3, 4), in(g, 3), in(g, 2), NormStats{}, 1e-5, 0.1, false) }},
		{`batch norm: shape 3x1 has one value per channel; training needs more`, func(g *Graph) { g.BatchNorm(in(g, 3, 1), in(g, 3), in(g, 3), NormStats{}, 1e-5, 0.1, false) }},
		{`batch norm: running statistics must be two states of 3 channels`, func(g *Graph) {
			g.BatchNorm(in(g, 3, 4), in(g, 3), in(g, 3), NormStats{Mean: g.State("m", 3)}, 1e-5, 0.1, false)
		}},
		{`batch norm: running statistics must be two states of 3 channels`, func(g *Graph) {
			g.BatchNorm(in(g, 3, 4), in(g, 3), in(g, 3), NormStats{g.State("m", 3), g.State("v", 2)}, 1e-5, 0.1, false)
		}},
		{`batch norm: running statistics must be two states of 3 channels`, func(g *Graph) {
			g.BatchNorm(in(g, 3, 4), in(g, 3), in(g, 3), NormStats{in(g, 3), in(g, 3)}, 1e-5, 0.1, false)
		}},
		{`batch norm: evaluation needs running statistics`, func(g *Graph) {
			g.Training = false
			g.BatchNorm(in(g, 3, 4), in(g, 3), in(g, 3), NormStats{}, 1e-5, 0.1, false)
		}},
		{`layer norm: shape 2x0 has no last axis`, func(g *Graph) { g.LayerNorm(in(g, 2, 0), in(g, 0), in(g, 0), 1e-5) }},
		{`layer norm: weights 2 for rows of 3`, func(g *Graph) { g.LayerNorm(in(g, 2, 3), in(g, 3), in(g, 2), 1e-5) }},
		{`RMS norm: shape scalar has no last axis`, func(g *Graph) { g.RMSNorm(in(g), in(g, 1), 1e-5) }},
		{`RMS norm: weights 3x1 for rows of 3`, func(g *Graph) { g.RMSNorm(in(g, 2, 3), in(g, 3, 1), 1e-5) }},
		// Losses.
		{`cross-entropy: logits 3: two axes are needed, samples and classes`, func(g *Graph) { g.CrossEntropy(in(g, 3), ints(g, 3), false, 0) }},
		{`cross-entropy: logits 3x0: two axes are needed, samples and classes`, func(g *Graph) { g.CrossEntropy(in(g, 3, 0), ints(g, 3), false, 0) }},
		{`cross-entropy: labels 2 for logits 3x4`, func(g *Graph) { g.CrossEntropy(in(g, 3, 4), ints(g, 2), false, 0) }},
		{`cross-entropy: labels 3 for logits 3x4`, func(g *Graph) { g.CrossEntropy(in(g, 3, 4), ints(g, 3), true, 0) }},
		{`cross-entropy: labels 3 for logits 3x4`, func(g *Graph) { g.CrossEntropy(in(g, 3, 4), in(g, 3), false, 0) }},
		{`cross-entropy: label smoothing 1 is outside [0, 1)`, func(g *Graph) { g.CrossEntropy(in(g, 3, 4), ints(g, 3), false, 1) }},
		{`cross-entropy: label smoothing NaN is outside [0, 1)`, func(g *Graph) { g.CrossEntropy(in(g, 3, 4), ints(g, 3), false, nan()) }},
		{`cross-entropy: targets 4x3 for logits 3x4`, func(g *Graph) { g.SoftCrossEntropy(in(g, 3, 4), in(g, 4, 3), false) }},
		{`cross-entropy: targets have no gradient`, func(g *Graph) { g.Backward(g.SoftCrossEntropy(in(g, 3, 4), g.Param("t", 3, 4), false)) }},
		{`mean squared error: shapes 3 and 1x3`, func(g *Graph) { g.MSE(in(g, 3), in(g, 1, 3)) }},
		{`sum: axis -1 of shape scalar`, func(g *Graph) { g.L2Normalize(in(g), 1e-12) }},
		{`NT-Xent: views 3x4: an even number of rows is needed`, func(g *Graph) { g.NTXent(in(g, 3, 4), 1) }},
		{`NT-Xent: views 4: an even number of rows is needed`, func(g *Graph) { g.NTXent(in(g, 4), 1) }},
		{`NT-Xent: temperature 0`, func(g *Graph) { g.NTXent(in(g, 4, 4), 0) }},
		// Attention.
		{`attention: queries 2x3x4, keys 2x3x5, values 2x3x5`, func(g *Graph) {
			g.Attention(in(g, 2, 3, 4), in(g, 2, 3, 5), in(g, 2, 3, 5), AttentionOptions{Heads: 1})
		}},
		{`attention: queries 2x3x4, keys 2x3x4, values 2x2x4`, func(g *Graph) {
			g.Attention(in(g, 2, 3, 4), in(g, 2, 3, 4), in(g, 2, 2, 4), AttentionOptions{Heads: 1})
		}},
		{`attention: 3 heads for width 4`, func(g *Graph) {
			g.Attention(in(g, 2, 3, 4), in(g, 2, 3, 4), in(g, 2, 3, 4), AttentionOptions{Heads: 3})
		}},
		{`attention: 0 heads for width 4`, func(g *Graph) { g.SelfAttention(in(g, 2, 3, 12), AttentionOptions{}) }},
		{`attention: packed projections 2x3x4`, func(g *Graph) { g.SelfAttention(in(g, 2, 3, 4), AttentionOptions{Heads: 1}) }},
		{`attention: key bias 3 for 2 batches of 3 keys`, func(g *Graph) { g.SelfAttention(in(g, 2, 3, 12), AttentionOptions{Heads: 1, KeyBias: in(g, 3)}) }},
		{`attention: causal attention of 3 queries over 2 keys: the first queries see none`, func(g *Graph) {
			g.Attention(in(g, 2, 3, 4), in(g, 2, 2, 4), in(g, 2, 2, 4), AttentionOptions{Heads: 1, Causal: true})
		}},
		{`attention: 2 batches of 3 queries have no keys`, func(g *Graph) {
			g.Attention(in(g, 2, 3, 4), in(g, 2, 0, 4), in(g, 2, 0, 4), AttentionOptions{Heads: 1})
		}},
		// Indices, segments, sparse matrices.
		{`gather: table scalar, index 2: the index must be an integer input or constant`, func(g *Graph) { g.Gather(in(g), ints(g, 2)) }},
		{`gather: table 3x2, index 2: the index must be an integer input or constant`, func(g *Graph) { g.Gather(in(g, 3, 2), in(g, 2)) }},
		{`scatter: rows 3, index 3`, func(g *Graph) { g.ScatterAdd(in(g, 3), ints(g, 3), 2) }},
		{`scatter: rows 3x2, index 2`, func(g *Graph) { g.ScatterAdd(in(g, 3, 2), ints(g, 2), 2) }},
		{`scatter: -1 rows`, func(g *Graph) { g.ScatterAdd(in(g, 3, 2), ints(g, 3), -1) }},
		{`gather: constant index 3 of 3 rows`, func(g *Graph) { g.Gather(in(g, 3, 2), g.IntConstant([]int32{0, 3})) }},
		{`scatter: constant index 5 of 5 rows`, func(g *Graph) { g.ScatterAdd(in(g, 1, 2), g.IntConstant([]int32{5}), 5) }},
		{`segment: rows 3, pointer 2`, func(g *Graph) { g.Segment(device.SegmentSum, in(g, 3), ints(g, 2)) }},
		{`segment: rows 3x2, pointer 0`, func(g *Graph) { g.Segment(device.SegmentSum, in(g, 3, 2), ints(g, 0)) }},
		{`segment: constant pointer [0 2 1] over 3 rows`, func(g *Graph) { g.Segment(device.SegmentSum, in(g, 3, 2), g.IntConstant([]int32{0, 2, 1})) }},
		{`segment: constant pointer [0 4] over 3 rows`, func(g *Graph) { g.Segment(device.SegmentSum, in(g, 3, 2), g.IntConstant([]int32{0, 4})) }},
		{`sparse product: a 3x2 matrix with 2 elements, values 2, operand 3x2`, func(g *Graph) { g.SpMM(csr, in(g, 2), in(g, 3, 2)) }},
		{`sparse product: a 3x2 matrix with 2 elements, values 3, operand 2x2`, func(g *Graph) { g.SpMM(csr, in(g, 3), in(g, 2, 2)) }},
		// Gradients.
		{`grad: the loss has shape 2; it must be a single number`, func(g *Graph) { g.Backward(g.Param("w", 2)) }},
		{`grad: the loss has shape 0; it must be a single number`, func(g *Graph) { g.Grad(in(g, 0)) }},
		{`graph: an operand is absent`, func(g *Graph) { g.Grad(g.Sum(g.Param("w", 2)), none) }},
		{`grad: 1 gradients for 2 parameters`, func(g *Graph) { g.SetGrads([]Value{g.Param("a", 1), g.Param("b", 1)}[:1]) }},
		{`grad: the gradient of a has shape 2`, func(g *Graph) { g.Param("a", 1); g.SetGrads([]Value{in(g, 2)}) }},
		{`hessian-vector: the graph must be recorded with Composite: fused operations cannot be differentiated twice`, func(g *Graph) { g.HessianVector(g.Sum(g.Param("w", 2))) }},
	} {
		g := NewGraph(true)
		err := Build(func() { c.build(g) })
		if err == nil {
			// Outputs are looked at when the graph is compiled.
			_, err = g.Compile()
		}
		var b *BuildError
		if !errors.As(err, &b) || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

func nan() float64 { x := 0.0; return x / x }

// Fused gradients that cannot be differentiated again say so.
func TestFusedGradientsHaveNoGradient(t *testing.T) {
	labels := func(g *Graph) Value { return g.IntConstant([]int32{0, 1}) }
	for name, f := range map[string]func(g *Graph, x Value) Value{
		"activation": func(g *Graph, x Value) Value { return g.Activation(device.Tanh, x) },
		"softmax":    func(g *Graph, x Value) Value { return g.Softmax(x, 1) },
		"layer norm": func(g *Graph, x Value) Value { return g.LayerNorm(x, g.Fill(1, 3), g.Fill(0, 3), 1e-5) },
		"RMS norm":   func(g *Graph, x Value) Value { return g.RMSNorm(x, g.Fill(1, 3), 1e-5) },
		"batch norm": func(g *Graph, x Value) Value {
			return g.BatchNorm(x, g.Fill(1, 2), g.Fill(0, 2), NormStats{}, 1e-5, 0.1, false)
		},
		"attention": func(g *Graph, x Value) Value {
			return g.SelfAttention(g.Reshape(x, 1, 2, 3), AttentionOptions{Heads: 1})
		},
		"linear scan": func(g *Graph, x Value) Value { return g.LinearScan(x, x, 0) },
	} {
		g := NewGraph(true)
		x := g.Param("x", 2, 3)
		err := Build(func() {
			d := g.Grad(g.Sum(g.Square(f(g, x))), x)
			g.Grad(g.Sum(g.Square(d[0])), x)
		})
		if want := name + ": the fused gradient cannot be differentiated again; record the graph with Composite"; err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	// The gradient of the cross-entropy is an output like others, without one of its own.
	g := NewGraph(true)
	x := g.Param("x", 2, 3)
	if err := Build(func() {
		d := g.Grad(g.CrossEntropy(x, labels(g), false, 0).Loss, x)
		g.Grad(g.Sum(g.Square(d[0])), x)
	}); err == nil || err.Error() != "cross-entropy: the fused gradient cannot be differentiated again; record the graph with Composite" {
		t.Errorf("cross-entropy: %v", err)
	}
}

// Other panics are not taken for mistakes of the graph.
func TestBuildPassesOtherPanicsOn(t *testing.T) {
	defer func() {
		if r := recover(); r != "other" {
			t.Errorf("recovered %v", r)
		}
	}()
	_ = Build(func() { panic("other") })
}
