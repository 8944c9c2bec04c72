package cpu

import (
	"slices"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// Steps that move elements: copies, concatenation, transposition, repetition.

func fillStep[T device.Float](k device.Fill, y device.Operand) step[T] {
	v := T(k.Value)
	return spans(k.N, func(f *frame[T], from, to int) {
		d := f.at(y)[from:to]
		for i := range d {
			d[i] = v
		}
	})
}

func copyStep[T device.Float](k device.Copy, in device.Instr) step[T] {
	x, y := in.In[0], in.Out[0]
	return rowSpans(k.Outer, k.ToExtent*k.Inner, func(f *frame[T], _ []T, from, to int) {
		src, dst := f.at(x), f.at(y)
		for o := from; o < to; o++ {
			d := dst[o*k.ToExtent*k.Inner : (o+1)*k.ToExtent*k.Inner]
			if k.Zero {
				clear(d[:k.To*k.Inner])
				clear(d[(k.To+k.Count)*k.Inner:])
			}
			copy(d[k.To*k.Inner:(k.To+k.Count)*k.Inner], src[(o*k.FromExtent+k.From)*k.Inner:])
		}
	})
}

func concatStep[T device.Float](k device.Concat, in device.Instr) step[T] {
	width := 0
	for _, e := range k.Extents {
		width += e * k.Inner
	}
	return rowSpans(k.Outer, width, func(f *frame[T], _ []T, from, to int) {
		dst, at := f.at(in.Out[0]), 0
		for i, e := range k.Extents {
			src, n := f.at(in.In[i]), e*k.Inner
			for o := from; o < to; o++ {
				copy(dst[o*width+at:o*width+at+n], src[o*n:])
			}
			at += n
		}
	})
}

func expandStep[T device.Float](k device.Expand, in device.Instr) step[T] {
	scale := T(k.Scale)
	return rowSpans(k.Outer, k.Extent*k.Inner, func(f *frame[T], _ []T, from, to int) {
		src, dst := f.at(in.In[0]), f.at(in.Out[0])
		for o := from; o < to; o++ {
			d, s := dst[o*k.Extent*k.Inner:(o+1)*k.Extent*k.Inner], src[o*k.Inner:(o+1)*k.Inner]
			if k.Inner == 1 {
				v := s[0] * scale
				for i := range d {
					d[i] = v
				}
				continue
			}
			for e := range k.Extent {
				row := d[e*k.Inner : (e+1)*k.Inner]
				for i, v := range s {
					row[i] = v * scale
				}
			}
		}
	})
}

// transposeStep merges axes that stay neighbours and moves blocks: whole runs where the last axis stays last, else square
// tiles.
func transposeStep[T device.Float](k device.Transpose, in device.Instr) step[T] {
	shape, perm := merge(k.In, k.Perm)
	x, y := in.In[0], in.Out[0]
	n := len(perm)
	if n <= 1 {
		size := k.In.Size()
		return spans(size, func(f *frame[T], from, to int) { copy(f.at(y)[from:to], f.at(x)[from:to]) })
	}
	from := shape.Strides()
	out, stride := make(tensor.Shape, n), make([]int, n)
	for i, p := range perm {
		out[i], stride[i] = shape[p], from[p]
	}
	if perm[n-1] == n-1 {
		inner := out[n-1]
		rows := out[:n-1].Size()
		lead, st := out[:n-1], stride[:n-1]
		return rowSpans(rows, inner, func(f *frame[T], _ []T, lo, hi int) {
			src, dst := f.at(x), f.at(y)
			for r := lo; r < hi; r++ {
				at := locate(r, lead, st)
				copy(dst[r*inner:(r+1)*inner], src[at:at+inner])
			}
		})
	}
	return tiledTranspose[T](x, y, out, stride, slices.Index(perm, n-1))
}

// locate is the source position of row r of the leading axes.
func locate(r int, shape tensor.Shape, stride []int) int {
	at := 0
	for i := len(shape) - 1; i >= 0; i-- {
		at += r % shape[i] * stride[i]
		r /= shape[i]
	}
	return at
}

// tiledTranspose swaps the output's last axis with axis a, which is contiguous in the source, in tiles of tile x tile elements.
func tiledTranspose[T device.Float](x, y device.Operand, out tensor.Shape, stride []int, a int) step[T] {
	const tile = 16
	n := len(out)
	cols, colStride := out[n-1], stride[n-1]
	runs, runStride := out[a], out.Strides()[a]
	var lead tensor.Shape
	var leadFrom, leadTo []int
	for i := range n - 1 {
		if i != a {
			lead, leadFrom, leadTo = append(lead, out[i]), append(leadFrom, stride[i]), append(leadTo, out.Strides()[i])
		}
	}
	return rowSpans(lead.Size(), cols*runs, func(f *frame[T], _ []T, lo, hi int) {
		src, dst := f.at(x), f.at(y)
		for r := lo; r < hi; r++ {
			s, d := src[locate(r, lead, leadFrom):], dst[locate(r, lead, leadTo):]
			for i0 := 0; i0 < runs; i0 += tile {
				i1 := min(i0+tile, runs)
				for j0 := 0; j0 < cols; j0 += tile {
					for i := i0; i < i1; i++ {
						row := d[i*runStride+j0 : i*runStride+min(j0+tile, cols)]
						at := j0*colStride + i
						for j := range row {
							row[j] = s[at]
							at += colStride
						}
					}
				}
			}
		}
	})
}

// merge joins axes that stay neighbours and drops axes of extent 1.
func merge(shape tensor.Shape, perm []int) (tensor.Shape, []int) {
	type group struct{ first, extent int }
	var groups []group
	last := -2
	for _, p := range perm {
		if shape[p] == 1 {
			continue
		}
		next := last + 1
		for next >= 0 && next < len(shape) && shape[next] == 1 {
			next++
		}
		if last >= 0 && p == next {
			groups[len(groups)-1].extent *= shape[p]
		} else {
			groups = append(groups, group{p, shape[p]})
		}
		last = p
	}
	order := make([]int, len(groups))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return groups[a].first - groups[b].first })
	outShape, outPerm := make(tensor.Shape, len(groups)), make([]int, len(groups))
	for at, g := range order {
		outShape[at], outPerm[g] = groups[g].extent, at
	}
	return outShape, outPerm
}
