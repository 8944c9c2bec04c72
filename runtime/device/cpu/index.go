package cpu

import "github.com/weightspace/weightspace/runtime/device"

func gatherStep[T device.Float](k device.Gather, in device.Instr) step[T] {
	x, index, y := in.In[0], in.In[1], in.Out[0]
	return rowSpans(k.N, k.D, func(f *frame[T], _ []T, from, to int) {
		src, dst, at := f.at(x), f.at(y), f.int32s(index)
		for i := from; i < to; i++ {
			row := dst[i*k.D : (i+1)*k.D]
			if at[i] < 0 {
				clear(row)
				continue
			}
			copy(row, src[int(at[i])*k.D:(int(at[i])+1)*k.D])
		}
	})
}

// scatterStep adds rows in order of position, in column strips: every element has one order whatever the strips.
func scatterStep[T device.Float](k device.ScatterAdd, in device.Instr) step[T] {
	y, index, x := in.In[0], in.In[1], in.Out[0]
	chunks, size := cut(k.D, k.N+k.Rows)
	return step[T]{chunks: chunks, run: func(f *frame[T], _ []T, c int) {
		from, to := c*size, min((c+1)*size, k.D)
		src, dst := f.at(y), f.at(x)
		for r := range k.Rows {
			clear(dst[r*k.D+from : r*k.D+to])
		}
		for i, r := range f.int32s(index) {
			if r < 0 {
				continue
			}
			row := dst[int(r)*k.D+from : int(r)*k.D+to]
			add := src[i*k.D+from : i*k.D+to]
			for j, v := range add {
				row[j] += v
			}
		}
	}}
}

func oneHotStep[T device.Float](k device.OneHot, in device.Instr) step[T] {
	labels, y := in.In[0], in.Out[0]
	return single(func(f *frame[T], _ []T) {
		dst := f.at(y)
		clear(dst)
		for i, l := range f.int32s(labels) {
			switch {
			case l < 0:
			case int(l) >= k.Classes:
				panic("cpu: a label is not below the number of classes")
			case k.ClassesFirst:
				dst[int(l)*k.N+i] = 1
			default:
				dst[i*k.Classes+int(l)] = 1
			}
		}
	})
}
