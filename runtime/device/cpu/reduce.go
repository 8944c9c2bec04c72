package cpu

import (
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/kernel/rows"
	"github.com/weightspace/weightspace/runtime/kernel/vmath"
)

// reduce takes sums or maxima over the middle axis.
func (d *Device[T]) reduce(k device.Reduce, in device.Instr) []step[T] {
	x, y := in.In[0], in.Out[0]
	scale := T(k.Scale)
	width := k.Extent * k.Inner
	if k.Op == device.ReduceMax {
		return []step[T]{rowSpans(k.Outer, width, func(f *frame[T], _ []T, from, to int) {
			d.k.rows.axisMax(f.at(y)[from*k.Inner:to*k.Inner], f.at(x)[from*width:to*width], to-from, k.Extent, k.Inner)
		})}
	}
	if chunks, size := cutRows(k.Extent, k.Inner); k.Outer == 1 && k.Inner > 1 && chunks > 1 {
		return d.columnSums(k, in, chunks, size)
	}
	return []step[T]{rowSpans(k.Outer, width, func(f *frame[T], _ []T, from, to int) {
		dst := f.at(y)[from*k.Inner : to*k.Inner]
		clear(dst)
		d.k.rows.axisSums(dst, f.at(x)[from*width:to*width], to-from, k.Extent, k.Inner)
		if scale != 1 {
			d.k.scalar(vmath.Mul, dst, dst, scale)
		}
	})}
}

// columnSums adds blocks of rows, then the sums of the blocks in order.
func (d *Device[T]) columnSums(k device.Reduce, in device.Instr, chunks, size int) []step[T] {
	x, y, n := in.In[0], in.Out[0], k.Inner
	blocks := step[T]{chunks: chunks, work: chunks * n, run: func(f *frame[T], _ []T, c int) {
		from, to := c*size, min((c+1)*size, k.Extent)
		dst := f.work[c*n : (c+1)*n]
		clear(dst)
		d.k.rows.colSums(dst, f.at(x)[from*n:to*n], to-from, n)
	}}
	scale := T(k.Scale)
	return []step[T]{blocks, single(func(f *frame[T], _ []T) {
		dst := f.at(y)
		clear(dst)
		d.k.rows.colSums(dst, f.work[:chunks*n], chunks, n)
		if scale != 1 {
			d.k.scalar(vmath.Mul, dst, dst, scale)
		}
	})}
}

// softmax is along rows where the axis is the last, along columns else.
func (d *Device[T]) softmax(k device.Softmax, in device.Instr) step[T] {
	x, y := in.In[0], in.Out[0]
	if k.Inner == 1 {
		return rowSpans(k.Outer, k.Extent*4, func(f *frame[T], _ []T, from, to int) {
			dst, src, m := f.at(y)[from*k.Extent:to*k.Extent], f.at(x)[from*k.Extent:to*k.Extent], to-from
			if k.Log {
				d.k.rows.logSoftmax(dst, src, m, k.Extent)
			} else {
				d.k.rows.softmax(dst, src, rows.Softmax[T]{M: m, N: k.Extent, Scale: 1})
			}
		})
	}
	run := d.k.rows.softmaxCols
	if k.Log {
		run = d.k.rows.logSoftmaxCols
	}
	return columnSpans(k.Outer, k.Extent, k.Inner, func(f *frame[T], at int, s rows.Columns) { run(f.at(y)[at:], f.at(x)[at:], s) })
}

// columnSpans cuts the columns of [outer, extent, inner]; at is where a part begins.
func columnSpans[T device.Float](outer, extent, inner int, run func(f *frame[T], at int, s rows.Columns)) step[T] {
	chunks, size := cut(inner, extent*4)
	return step[T]{chunks: outer * chunks, run: func(f *frame[T], _ []T, c int) {
		o, j := c/chunks, c%chunks*size
		run(f, o*extent*inner+j, rows.Columns{C: extent, L: min(size, inner-j), Stride: inner})
	}}
}

func (d *Device[T]) softmaxGrad(k device.SoftmaxGrad, in device.Instr) step[T] {
	y, dy, dx := in.In[0], in.In[1], in.Out[0]
	if k.Inner == 1 {
		return rowSpans(k.Outer, k.Extent*4, func(f *frame[T], _ []T, from, to int) {
			lo, hi, m := from*k.Extent, to*k.Extent, to-from
			if k.Log {
				d.k.rows.logSoftmaxGrad(f.at(dx)[lo:hi], f.at(y)[lo:hi], f.at(dy)[lo:hi], m, k.Extent)
			} else {
				d.k.rows.softmaxGrad(f.at(dx)[lo:hi], f.at(y)[lo:hi], f.at(dy)[lo:hi], m, k.Extent, 1)
			}
		})
	}
	run := d.k.rows.softmaxColsGrad
	if k.Log {
		run = d.k.rows.logSoftmaxColsGrad
	}
	return columnSpans(k.Outer, k.Extent, k.Inner, func(f *frame[T], at int, s rows.Columns) { run(f.at(dx)[at:], f.at(y)[at:], f.at(dy)[at:], s) })
}

// crossEntropy computes losses and gradients in one piece: logits are small.
func (d *Device[T]) crossEntropy(k device.CrossEntropy, in device.Instr) step[T] {
	x, labels, loss, dx, correct := in.In[0], in.In[1], in.Out[0], in.Out[1], in.Out[2]
	s := rows.Columns{C: k.Classes, L: k.Samples, Stride: k.Samples}
	// One buffer per executable would be shared by workers: the predictions lie in a buffer of the step's own for each call.
	best := newBuffers(k.Samples)
	return step[T]{chunks: 1, scratch: k.Samples, run: func(f *frame[T], scratch []T, _ int) {
		each, lab, logits := scratch[:k.Samples], f.int32s(labels), f.at(x)
		count := 0
		for _, l := range lab {
			if l >= 0 {
				count++
			}
		}
		scale := T(1 / float64(max(count, 1)))
		b := best.get()
		defer best.put(b)
		if k.ClassesFirst {
			d.k.rows.argMaxCols(b.ints, logits, s)
			d.k.rows.crossEntropyCols(each, f.at(dx), logits, lab, s, scale, T(k.Smoothing))
		} else {
			d.k.rows.argMax(b.ints, logits, k.Samples, k.Classes)
			d.k.rows.crossEntropy(each, f.at(dx), logits, lab, k.Samples, k.Classes, scale, T(k.Smoothing))
		}
		total, right := 0.0, 0
		for i, l := range lab {
			total += float64(each[i])
			if l >= 0 && b.ints[i] == l {
				right++
			}
		}
		f.at(loss)[0] = T(total / float64(max(count, 1)))
		f.at(correct)[0] = T(right)
	}}
}

func (d *Device[T]) softCrossEntropy(k device.SoftCrossEntropy, in device.Instr) step[T] {
	x, q, loss, dx := in.In[0], in.In[1], in.Out[0], in.Out[1]
	scale := T(1 / float64(k.Samples))
	return step[T]{chunks: 1, scratch: k.Samples, run: func(f *frame[T], scratch []T, _ int) {
		each := scratch[:k.Samples]
		if k.ClassesFirst {
			d.k.rows.softCrossEntropyCols(each, f.at(dx), f.at(x), f.at(q), rows.Columns{C: k.Classes, L: k.Samples, Stride: k.Samples}, scale)
		} else {
			d.k.rows.softCrossEntropy(each, f.at(dx), f.at(x), f.at(q), k.Samples, k.Classes, scale)
		}
		total := 0.0
		for _, l := range each {
			total += float64(l)
		}
		f.at(loss)[0] = T(total / float64(k.Samples))
	}}
}
