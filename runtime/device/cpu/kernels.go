package cpu

import (
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/kernel/conv"
	"github.com/weightspace/weightspace/runtime/kernel/gemm"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/kernel/rows"
	"github.com/weightspace/weightspace/runtime/kernel/vmath"
)

// kernels are the kernels of one level for one element type: assembly for float32, assembly where
// there is some and pure Go else for float64.
type kernels[T device.Float] struct {
	activate     func(a vmath.Activation, y, x []T)
	activateGrad func(a vmath.Activation, dx, x, y, dy []T, accumulate bool)
	binary       func(op vmath.Op, dst, a, b []T)
	scalar       func(op vmath.Op, dst, a []T, b T)
	axpy         func(alpha T, x, y []T)
	product      func(s gemm.Shape) product[T]
	rows         rowKernels[T]
	conv         convKernels[T]
}

// product is a planned matrix product.
type product[T device.Float] struct {
	chunks, scratch int
	run             func(chunk int, c []T, ldc int, a []T, lda int, b []T, ldb int, o gemm.Options[T], scratch []T)
}

func newKernels[T device.Float](level isa.Level) (kernels[T], error) {
	v, err := vmath.New(level)
	if err != nil {
		return kernels[T]{}, err
	}
	g, err := gemm.New(level)
	if err != nil {
		return kernels[T]{}, err
	}
	r, err := rows.New(level)
	if err != nil {
		return kernels[T]{}, err
	}
	c, err := conv.New(level)
	if err != nil {
		return kernels[T]{}, err
	}
	var k any
	switch any(T(0)).(type) {
	case float32:
		k = kernels[float32]{
			activate: v.Activate, activateGrad: v.ActivateGrad, binary: v.Binary, scalar: v.BinaryScalar, axpy: v.Axpy,
			product: func(s gemm.Shape) product[float32] {
				p := g.Plan(s)
				return product[float32]{p.Chunks(), p.Scratch(), p.Run}
			},
			rows: rows32(r), conv: conv32(c),
		}
	default:
		k = kernels[float64]{
			activate: v.Activate64, activateGrad: v.ActivateGrad64, binary: v.Binary64, scalar: v.BinaryScalar64, axpy: v.Axpy64,
			product: func(s gemm.Shape) product[float64] {
				return product[float64]{1, 0, func(_ int, c []float64, ldc int, a []float64, lda int, b []float64, ldb int, o gemm.Options[float64], _ []float64) {
					gemm.GemmRef(s, c, ldc, a, lda, b, ldb, o)
				}}
			},
			rows: rows64(), conv: conv64(),
		}
	}
	typed, ok := k.(kernels[T])
	if !ok {
		panic("cpu: unknown element type")
	}
	return typed, nil
}
