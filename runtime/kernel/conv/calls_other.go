//go:build !amd64 || purego

package conv

// No level but isa.Ref exists here, and it does not come to kernels.
const unreachable = "conv: no assembly in this build"

func (*Kernels) tile(int, int, *tileArgs)                       { panic(unreachable) }
func (*Kernels) weights(int, int, *weightArgs)                  { panic(unreachable) }
func (*Kernels) transpose8([]float32, int, []float32, int, int) { panic(unreachable) }
func (*Kernels) gather([]float32, []float32, int, int, rowRun)  { panic(unreachable) }
func (*Kernels) pool(poolKernel, *poolArgs)                     { panic(unreachable) }
