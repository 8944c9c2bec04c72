// Package cpu is the CPU device: it turns a program's instructions into calls of the kernels of one
// instruction set and runs them for the members of a population.
//
// Members are given to workers, one at a time each, so that a small network's activations stay in one core's cache. A
// population smaller than the number of workers runs member by member instead, and every instruction is cut into chunks that the
// workers share. Chunks are cut by shape alone and every element has one order of operations, so
// neither choice changes a bit.
package cpu
