// Package op records the operations of a network and differentiates them.
//
// A Graph describes the computation of ONE member: the population axis leads every tensor
// implicitly and belongs to the device. Each operation is a method of Graph that checks
// shapes, records one kernel descriptor of package device, and says beside it, in the same function, what
// its vector-Jacobian product (VJP) is. A VJP records operations itself, so gradients are differentiable
// again. Compile turns a graph into a device.Program with planned memory.
//
// Shapes follow the letters of the project: B samples, T steps, D features, and C, H, W, N for
// images, whose batch N is innermost. Mistakes of the caller panic with a BuildError, which Build turns into an error.
package op
