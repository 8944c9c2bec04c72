//go:build amd64 && !purego

package conv

import (
	"unsafe"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// Calls are direct, not through tables, so that arguments stay on the stack.

// tile runs the tile kernel of nr channels and nv vectors.
func (k *Kernels) tile(nr, nv int, args *tileArgs) {
	a := (*int64)(unsafe.Pointer(args))
	if k.level == isa.AVX2 {
		tileAVX2(nr, a)
		return
	}
	tileAVX512(nr, nv, a)
}

func tileAVX2(nr int, a *int64) {
	switch nr {
	case 1:
		tile1x1AVX2(a)
	case 2:
		tile2x1AVX2(a)
	case 3:
		tile3x1AVX2(a)
	case 4:
		tile4x1AVX2(a)
	case 5:
		tile5x1AVX2(a)
	case 6:
		tile6x1AVX2(a)
	}
}

func tileAVX512(nr, nv int, a *int64) {
	switch nr*8 + nv {
	case 1*8 + 1:
		tile1x1AVX512(a)
	case 1*8 + 2:
		tile1x2AVX512(a)
	case 1*8 + 3:
		tile1x3AVX512(a)
	case 1*8 + 4:
		tile1x4AVX512(a)
	case 2*8 + 1:
		tile2x1AVX512(a)
	case 2*8 + 2:
		tile2x2AVX512(a)
	case 2*8 + 3:
		tile2x3AVX512(a)
	case 2*8 + 4:
		tile2x4AVX512(a)
	case 3*8 + 1:
		tile3x1AVX512(a)
	case 3*8 + 2:
		tile3x2AVX512(a)
	case 3*8 + 3:
		tile3x3AVX512(a)
	case 3*8 + 4:
		tile3x4AVX512(a)
	case 4*8 + 1:
		tile4x1AVX512(a)
	case 4*8 + 2:
		tile4x2AVX512(a)
	case 4*8 + 3:
		tile4x3AVX512(a)
	case 4*8 + 4:
		tile4x4AVX512(a)
	case 5*8 + 1:
		tile5x1AVX512(a)
	case 5*8 + 2:
		tile5x2AVX512(a)
	case 5*8 + 3:
		tile5x3AVX512(a)
	case 5*8 + 4:
		tile5x4AVX512(a)
	case 6*8 + 1:
		tile6x1AVX512(a)
	case 6*8 + 2:
		tile6x2AVX512(a)
	case 6*8 + 3:
		tile6x3AVX512(a)
	case 6*8 + 4:
		tile6x4AVX512(a)
	}
}

// weights runs the weight gradient kernel of nr input channels and nv vectors of outputs.
func (k *Kernels) weights(nr, nv int, args *weightArgs) {
	a := (*int64)(unsafe.Pointer(args))
	if k.level == isa.AVX2 {
		weightsAVX2(nr, a)
		return
	}
	weightsAVX512(nr, nv, a)
}

func weightsAVX2(nr int, a *int64) {
	switch nr {
	case 1:
		weights1x1AVX2(a)
	case 2:
		weights2x1AVX2(a)
	case 3:
		weights3x1AVX2(a)
	case 4:
		weights4x1AVX2(a)
	case 5:
		weights5x1AVX2(a)
	case 6:
		weights6x1AVX2(a)
	}
}

func weightsAVX512(nr, nv int, a *int64) {
	switch nr*8 + nv {
	case 1*8 + 1:
		weights1x1AVX512(a)
	case 1*8 + 2:
		weights1x2AVX512(a)
	case 1*8 + 3:
		weights1x3AVX512(a)
	case 1*8 + 4:
		weights1x4AVX512(a)
	case 2*8 + 1:
		weights2x1AVX512(a)
	case 2*8 + 2:
		weights2x2AVX512(a)
	case 2*8 + 3:
		weights2x3AVX512(a)
	case 2*8 + 4:
		weights2x4AVX512(a)
	case 3*8 + 1:
		weights3x1AVX512(a)
	case 3*8 + 2:
		weights3x2AVX512(a)
	case 3*8 + 3:
		weights3x3AVX512(a)
	case 3*8 + 4:
		weights3x4AVX512(a)
	case 4*8 + 1:
		weights4x1AVX512(a)
	case 4*8 + 2:
		weights4x2AVX512(a)
	case 4*8 + 3:
		weights4x3AVX512(a)
	case 4*8 + 4:
		weights4x4AVX512(a)
	case 5*8 + 1:
		weights5x1AVX512(a)
	case 5*8 + 2:
		weights5x2AVX512(a)
	case 5*8 + 3:
		weights5x3AVX512(a)
	case 5*8 + 4:
		weights5x4AVX512(a)
	case 6*8 + 1:
		weights6x1AVX512(a)
	case 6*8 + 2:
		weights6x2AVX512(a)
	case 6*8 + 3:
		weights6x3AVX512(a)
	case 6*8 + 4:
		weights6x4AVX512(a)
	}
}

// transpose8 transposes 8 rows of cols floats, a multiple of 8.
func (k *Kernels) transpose8(dst []float32, dstStep int, src []float32, srcStep, cols int) {
	_, _ = dst[(cols-1)*dstStep+7], src[7*srcStep+cols-1]
	transpose8(&dst[0], dstStep*floatBytes, &src[0], srcStep*floatBytes, cols/8)
}

// gather is packRows with gathers.
func (k *Kernels) gather(dst, src []float32, rowStep, nr int, u rowRun) {
	_, _ = dst[u.m*u.n*nr-1], src[(nr-1)*rowStep+(u.m-1)*u.step+u.n-1]
	var index [8]int32
	for r := range nr {
		index[r] = int32(r * rowStep)
	}
	gatherAVX512(&dst[0], &src[0], &index[0], 1<<nr-1, nr, u.n, u.m, u.step, u.ahead)
}

// pool runs a pooling kernel.
func (k *Kernels) pool(kernel poolKernel, args *poolArgs) {
	a := (*int64)(unsafe.Pointer(args))
	if k.level == isa.AVX2 {
		poolAVX2(kernel, a)
		return
	}
	poolAVX512(kernel, a)
}

func poolAVX2(kernel poolKernel, a *int64) {
	switch kernel {
	case maxForward:
		maxForwardAVX2(a)
	case maxBackward:
		maxBackwardAVX2(a)
	case avgForward:
		avgForwardAVX2(a)
	case avgBackward:
		avgBackwardAVX2(a)
	case copyVectors:
		copyAVX2(a)
	}
}

func poolAVX512(kernel poolKernel, a *int64) {
	switch kernel {
	case maxForward:
		maxForwardAVX512(a)
	case maxBackward:
		maxBackwardAVX512(a)
	case avgForward:
		avgForwardAVX512(a)
	case avgBackward:
		avgBackwardAVX512(a)
	case copyVectors:
		copyAVX512(a)
	}
}
