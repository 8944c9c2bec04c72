// Package kernel holds the inner loops of training: it knows slices and integers, no
// networks.
//
// Activations of one member lie in tiles [C][H][W][16]: sixteen samples, the lanes, are
// innermost, so that a weight is a scalar broadcast over a vector of samples. Every lane of
// every output element is one chain of fused multiply-adds in an order that depends on the
// shape alone. Sums over lanes use one fixed tree. Therefore AVX-512, AVX2 and the pure-Go
// twins give the same bits, and so does every division of the work.
package kernel
