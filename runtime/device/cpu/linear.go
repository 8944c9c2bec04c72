package cpu

import (
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/kernel/gemm"
)

// matmul runs one planned product per matrix of the batch.
func (d *Device[T]) matmul(k device.Matmul, in device.Instr) step[T] {
	s := gemm.Shape{TransA: k.TransA, TransB: k.TransB, M: k.M, N: k.N, K: k.K}
	p := d.k.product(s)
	lda, ldb := k.K, k.N
	if k.TransA {
		lda = k.M
	}
	if k.TransB {
		ldb = k.K
	}
	a, b, bias, c := in.In[0], in.In[1], in.In[2], in.Out[0]
	strideA, strideB, strideC := k.M*k.K, k.K*k.N, k.M*k.N
	if k.SharedA {
		strideA = 0
	}
	if k.SharedB {
		strideB = 0
	}
	// Small products are taken several at a time.
	per := 1
	if p.chunks == 1 {
		_, per = cutRows(k.Batch, k.M*k.N*(k.K+1)/8)
		per = max(1, per)
	}
	run := func(f *frame[T], scratch []T, i, chunk int) {
		var o gemm.Options[T]
		switch k.Bias {
		case device.RowBias:
			o.RowBias = f.at(bias)
		case device.ColBias:
			o.ColBias = f.at(bias)
		case device.NoBias:
		}
		p.run(chunk, f.at(c)[i*strideC:(i+1)*strideC], k.N, f.at(a)[i*strideA:i*strideA+k.M*k.K], lda, f.at(b)[i*strideB:i*strideB+k.K*k.N], ldb, o, scratch)
	}
	if p.chunks <= 1 {
		return step[T]{chunks: p.chunks * ((k.Batch + per - 1) / per), scratch: p.scratch, run: func(f *frame[T], scratch []T, chunk int) {
			for i := chunk * per; i < min((chunk+1)*per, k.Batch); i++ {
				run(f, scratch, i, 0)
			}
		}}
	}
	return step[T]{chunks: k.Batch * p.chunks, scratch: p.scratch, run: func(f *frame[T], scratch []T, chunk int) {
		run(f, scratch, chunk/p.chunks, chunk%p.chunks)
	}}
}
