package cpu

import (
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/kernel/rows"
)

// Steps along the middle axis of [outer, extent, inner], by columns.

func (d *Device[T]) cumsum(k device.Cumsum, in device.Instr) step[T] {
	x, y := in.In[0], in.Out[0]
	return columnSpans(k.Outer, k.Extent, k.Inner, func(f *frame[T], at int, s rows.Columns) {
		d.k.rows.cumSumCols(f.at(y)[at:], f.at(x)[at:], s, k.Reverse)
	})
}

func (d *Device[T]) linearScan(k device.LinearScan, in device.Instr) step[T] {
	a, b, h := in.In[0], in.In[1], in.Out[0]
	return d.scanSpans(k.Outer, k.T, k.Inner, func(f *frame[T], zeros []T, at int, s rows.Columns) {
		d.k.rows.scan(f.at(h)[at:], f.at(a)[at:], f.at(b)[at:], zeros[:s.L], s)
	})
}

func (d *Device[T]) linearScanGrad(k device.LinearScanGrad, in device.Instr) step[T] {
	a, h, dh, da, db := in.In[0], in.In[1], in.In[2], in.Out[0], in.Out[1]
	return d.scanSpans(k.Outer, k.T, k.Inner, func(f *frame[T], zeros []T, at int, s rows.Columns) {
		carry, start := zeros[:s.L], zeros[s.L:2*s.L]
		d.k.rows.scanGrad(f.at(da)[at:], f.at(db)[at:], carry, f.at(dh)[at:], f.at(a)[at:], f.at(h)[at:], start, s)
	})
}

// scanSpans is columnSpans with two zeroed rows.
func (d *Device[T]) scanSpans(outer, extent, inner int, run func(f *frame[T], zeros []T, at int, s rows.Columns)) step[T] {
	chunks, size := cut(inner, extent*4)
	return step[T]{chunks: outer * chunks, scratch: 2 * size, run: func(f *frame[T], scratch []T, c int) {
		o, j := c/chunks, c%chunks*size
		zeros := scratch[:2*size]
		clear(zeros)
		run(f, zeros, o*extent*inner+j, rows.Columns{C: extent, L: min(size, inner-j), Stride: inner})
	}}
}

// Steps over segments and sparse matrices, by rows of the result.

func (d *Device[T]) segment(k device.Segment, in device.Instr) step[T] {
	x, pointer, y := in.In[0], in.In[1], in.Out[0]
	return rowSpans(k.Segments, k.D*(1+k.N/max(1, k.Segments)), func(f *frame[T], _ []T, from, to int) {
		s := rows.Segments{Ptr: f.int32s(pointer)[from : to+1]}
		dst := f.at(y)[from*k.D : to*k.D]
		switch k.Op {
		case device.SegmentSum:
			d.k.rows.segmentSum(dst, f.at(x), s, k.D, false)
		case device.SegmentMean:
			d.k.rows.segmentMean(dst, f.at(x), s, k.D)
		case device.SegmentMax:
			d.k.rows.segmentMax(dst, f.at(x), s, k.D)
		}
	})
}

func (d *Device[T]) segmentGrad(k device.SegmentGrad, in device.Instr) step[T] {
	x, y, pointer, dy, dx := in.In[0], in.In[1], in.In[2], in.In[3], in.Out[0]
	return single(func(f *frame[T], _ []T) {
		s := rows.Segments{Ptr: f.int32s(pointer)}
		dst := f.at(dx)
		if k.Op != device.SegmentMax {
			clear(dst[:int(s.Ptr[0])*k.D])
			clear(dst[int(s.Ptr[k.Segments])*k.D:])
			d.k.rows.segmentSpread(dst, f.at(dy), s, k.D, k.Op == device.SegmentMean)
			return
		}
		clear(dst)
		rows.SegmentMaxGrad(dst, f.at(dy), f.at(y), f.at(x), s, k.D)
	})
}

func (d *Device[T]) spmm(k device.SpMM, in device.Instr) step[T] {
	values, x, pointer, column, entry, y := in.In[0], in.In[1], in.In[2], in.In[3], in.In[4], in.Out[0]
	// Values come in the order of the elements; a transposed matrix reads them through its permutation.
	return step[T]{chunks: 1, scratch: k.NNZ, run: func(f *frame[T], scratch []T, _ int) {
		v, order := f.at(values), f.int32s(entry)
		val := scratch[:k.NNZ]
		for i, e := range order {
			val[i] = v[e]
		}
		d.k.rows.spmm(f.at(y), val, f.at(x), rows.Segments{Ptr: f.int32s(pointer), Idx: f.int32s(column)}, k.D, false)
	}}
}

func (d *Device[T]) sddmm(k device.SDDMM, in device.Instr) step[T] {
	dy, x, pointer, column, dv := in.In[0], in.In[1], in.In[2], in.In[3], in.Out[0]
	return rowSpans(k.Rows, k.D*(1+k.NNZ/max(1, k.Rows)), func(f *frame[T], _ []T, from, to int) {
		d.k.rows.spmmGrad(f.at(dv), f.at(dy)[from*k.D:to*k.D], f.at(x), rows.Segments{Ptr: f.int32s(pointer)[from : to+1], Idx: f.int32s(column)}, k.D)
	})
}
