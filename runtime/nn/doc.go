// Package nn builds networks: layers as plain configuration that records operations of package
// op, and the architectures made of them. A layer has no state; its parameters are declared in the graph under PyTorch's names and
// in PyTorch's order, so that a row of weights is a state_dict.
//
// Two layouts are in use. Images are [C, H, W, N] with the batch innermost, and their feature vectors [F, N]: every weight is a
// scalar for a vector of samples. Sequences are [B, T, D], and their feature vectors [B, D].
package nn
