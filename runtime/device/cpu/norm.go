package cpu

import (
	"math"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/kernel/rows"
)

// batchNorm works channel by channel: y = (x-mean)*(rstd*gamma) + beta.
func (d *Device[T]) batchNorm(k device.BatchNorm, in device.Instr) step[T] {
	x, gamma, beta := in.In[0], in.In[1], in.In[2]
	y, mean, variance, rstd := in.Out[0], in.Out[1], in.Out[2], in.Out[3]
	s := rowSpans(k.C, k.L*4, func(f *frame[T], scratch []T, from, to int) {
		src, dst := f.at(x)[from*k.L:to*k.L], f.at(y)[from*k.L:to*k.L]
		m, v, r := f.at(mean)[from:to], f.at(variance)[from:to], f.at(rstd)[from:to]
		d.k.rows.channelStats(m, v, src, to-from, k.L)
		for c := range r {
			r[c] = T(1 / math.Sqrt(float64(v[c])+k.Eps))
		}
		scale := scratch[:to-from]
		for c, g := range f.at(gamma)[from:to] {
			scale[c] = r[c] * g
		}
		d.k.rows.channelAffine(dst, src, m, scale, f.at(beta)[from:to], to-from, k.L, k.ReLU)
	})
	s.scratch = k.C
	return s
}

func (d *Device[T]) batchNormGrad(k device.BatchNormGrad, in device.Instr) step[T] {
	x, gamma, y, mean, rstd, dy := in.In[0], in.In[1], in.In[2], in.In[3], in.In[4], in.In[5]
	dx, dgamma, dbeta := in.Out[0], in.Out[1], in.Out[2]
	return rowSpans(k.C, k.L*4, func(f *frame[T], _ []T, from, to int) {
		lo, hi := from*k.L, to*k.L
		o := rows.ChannelGrad[T]{
			C: to - from, L: k.L, DY: f.at(dy)[lo:hi], X: f.at(x)[lo:hi],
			Mean: f.at(mean)[from:to], RStd: f.at(rstd)[from:to], Gain: f.at(gamma)[from:to],
		}
		if k.ReLU {
			o.Y = f.at(y)[lo:hi]
		}
		dg, db := f.at(dgamma)[from:to], f.at(dbeta)[from:to]
		d.k.rows.channelGradSums(dg, db, o)
		d.k.rows.channelGradInput(f.at(dx)[lo:hi], dg, db, o)
	})
}

// runningStats uses the unbiased variance, as PyTorch.
func runningStats[T device.Float](k device.RunningStats, in device.Instr) step[T] {
	mean, variance, runMean, runVar := in.In[0], in.In[1], in.Out[0], in.Out[1]
	keep, part, unbiased := T(1-k.Momentum), T(k.Momentum), T(float64(k.L)/float64(k.L-1))
	return single(func(f *frame[T], _ []T) {
		m, v, rm, rv := f.at(mean), f.at(variance), f.at(runMean), f.at(runVar)
		for c := range m {
			// Assignments round: products are not fused with sums.
			old, now, sample := keep*rm[c], part*m[c], unbiased*v[c]
			rm[c] = old + now
			old, now = keep*rv[c], part*sample
			rv[c] = old + now
		}
	})
}

func (d *Device[T]) channelAffine(k device.ChannelAffine, in device.Instr) step[T] {
	x, gamma, beta, mean, variance, y := in.In[0], in.In[1], in.In[2], in.In[3], in.In[4], in.Out[0]
	s := rowSpans(k.C, k.L, func(f *frame[T], scratch []T, from, to int) {
		lo, hi, scale := from*k.L, to*k.L, scratch[:to-from]
		for c, v := range f.at(variance)[from:to] {
			scale[c] = T(1/math.Sqrt(float64(v)+k.Eps)) * f.at(gamma)[from+c]
		}
		d.k.rows.channelAffine(f.at(y)[lo:hi], f.at(x)[lo:hi], f.at(mean)[from:to], scale, f.at(beta)[from:to], to-from, k.L, k.ReLU)
	})
	s.scratch = k.C
	return s
}

func (d *Device[T]) layerNorm(k device.LayerNorm, in device.Instr) step[T] {
	x, gamma, beta, y, mean, rstd := in.In[0], in.In[1], in.In[2], in.Out[0], in.Out[1], in.Out[2]
	return rowSpans(k.M, k.N*2, func(f *frame[T], _ []T, from, to int) {
		lo, hi := from*k.N, to*k.N
		d.k.rows.layerNorm(f.at(y)[lo:hi], f.at(mean)[from:to], f.at(rstd)[from:to], f.at(x)[lo:hi], f.at(gamma), f.at(beta), rows.Norm{M: to - from, N: k.N, Eps: k.Eps})
	})
}

// layerNormGrad sums the parameters' gradients over blocks of rows, then the blocks in order.
func (d *Device[T]) layerNormGrad(k device.LayerNormGrad, in device.Instr) []step[T] {
	x, gamma, mean, rstd, dy := in.In[0], in.In[1], in.In[2], in.In[3], in.In[4]
	dx := in.Out[0]
	return d.blockSums(k.M, k.N, 2, in.Out[1:], func(f *frame[T], sums []T, from, to int) {
		lo, hi := from*k.N, to*k.N
		d.k.rows.layerNormGrad(f.at(dx)[lo:hi], sums[:k.N], sums[k.N:], f.at(dy)[lo:hi], f.at(x)[lo:hi], f.at(gamma), f.at(mean)[from:to], f.at(rstd)[from:to], rows.Norm{M: to - from, N: k.N})
	})
}

// blockSums runs over blocks of rows with sums of their own, count of them of n elements each, and adds the sums up in the order of
// the blocks.
func (d *Device[T]) blockSums(m, n, count int, out []device.Operand, run func(f *frame[T], sums []T, from, to int)) []step[T] {
	chunks, size := cutRows(m, n*4)
	width := count * n
	blocks := step[T]{chunks: chunks, work: chunks * width, run: func(f *frame[T], _ []T, c int) {
		sums := f.work[c*width : (c+1)*width]
		clear(sums)
		run(f, sums, c*size, min((c+1)*size, m))
	}}
	return []step[T]{blocks, single(func(f *frame[T], _ []T) {
		for i := range count {
			dst := f.at(out[i])
			clear(dst)
			for c := range chunks {
				d.k.axpy(1, f.work[c*width+i*n:c*width+(i+1)*n], dst)
			}
		}
	})}
}

func (d *Device[T]) rmsNorm(k device.RMSNorm, in device.Instr) step[T] {
	x, gamma, y, rstd := in.In[0], in.In[1], in.Out[0], in.Out[1]
	return rowSpans(k.M, k.N*2, func(f *frame[T], _ []T, from, to int) {
		lo, hi := from*k.N, to*k.N
		d.k.rows.rmsNorm(f.at(y)[lo:hi], f.at(rstd)[from:to], f.at(x)[lo:hi], f.at(gamma), rows.Norm{M: to - from, N: k.N, Eps: k.Eps})
	})
}

func (d *Device[T]) rmsNormGrad(k device.RMSNormGrad, in device.Instr) []step[T] {
	x, gamma, rstd, dy := in.In[0], in.In[1], in.In[2], in.In[3]
	dx := in.Out[0]
	return d.blockSums(k.M, k.N, 1, in.Out[1:], func(f *frame[T], sums []T, from, to int) {
		lo, hi := from*k.N, to*k.N
		d.k.rows.rmsNormGrad(f.at(dx)[lo:hi], sums, f.at(dy)[lo:hi], f.at(x)[lo:hi], f.at(gamma), f.at(rstd)[from:to], rows.Norm{M: to - from, N: k.N})
	})
}
