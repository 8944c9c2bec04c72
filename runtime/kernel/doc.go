// Package kernel holds the inner loops of training: it knows slices and integers, no
// networks.
//
// Activations lie in tiles [C][H][W][16]. The 16 lanes, innermost, are samples of one member, so
// that a weight is a scalar broadcast over a vector, or members with one sample each, so that a
// weight is a vector. Every lane of every output element is one chain of fused multiply-adds in
// an order that depends on the shape alone. Sums over lanes use one fixed tree, that of adjacent
// pairs. Therefore AVX-512, AVX2 and the pure-Go twins give the same bits, and so does every
// division of the work.
//
// Pooled convolutions work on bands of rows that stay in the first-level cache: the unpooled
// output and its gradient never reach memory, but for a gradient that the layer before needs.
package kernel
