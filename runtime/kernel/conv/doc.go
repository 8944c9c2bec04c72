// Package conv computes 2-D convolutions and pooling with the samples innermost: activations
// are [C, H, W, N] float32, so that every weight is a scalar that multiplies vectors of samples,
// and stride, dilation, groups and padding are address arithmetic. Nothing is padded or
// unfolded; taps outside the image are skipped. N may be any positive number; multiples of 16
// use whole vectors, and 64 the widest tiles.
//
// Every element of a result has one order of operations (see Forward, GradInput, GradWeights and
// Pool2D) that depends on the shape alone: bits are the same on every instruction set, for any
// order of chunks, and in the pure-Go twins, whose names end in Ref.
package conv
