package conv

import (
	"math"

	"github.com/weightspace/weightspace/runtime/kernel/fma"
)

// region is a part of a result: channels, rows, columns and samples.
type region struct{ c0, c1, row0, row1, col0, col1, n0, n1 int }

// region is the part of a chunk.
func (b *blocks) region(chunk int) region {
	p := b.locate(chunk)
	first := p.group * b.results
	return region{
		first + p.r0, first + p.r1, p.row0, p.row1, p.col0, p.col1,
		p.v0 * lanesPerVector, min(p.v1*lanesPerVector, b.n),
	}
}

// addScaled is y += w*x, fused.
func addScaled[T float32 | float64](y, x []T, w T) {
	switch y := any(y).(type) {
	case []float32:
		x, w := any(x).([]float32), any(w).(float32)
		for i, v := range x {
			y[i] = fma.F32(w, v, y[i])
		}
	case []float64:
		x, w := any(x).([]float64), any(w).(float64)
		for i, v := range x {
			y[i] = math.FMA(w, v, y[i])
		}
	}
}

// chain is s + the sum of a*b, fused, in order.
func chain[T float32 | float64](s T, a, b []T) T {
	switch a := any(a).(type) {
	case []float32:
		s, b := any(s).(float32), any(b).([]float32)
		for i, v := range a {
			s = fma.F32(v, b[i], s)
		}
		return T(s)
	case []float64:
		s, b := any(s).(float64), any(b).([]float64)
		for i, v := range a {
			s = math.FMA(v, b[i], s)
		}
		return T(s)
	}
	return s
}

// ForwardRef is Forward in pure Go; bias may be nil. It panics if the shape fails Check or a
// slice has the wrong length.
func ForwardRef[T float32 | float64](c Conv2D, y, x, w, bias []T) {
	if c.Check() != nil {
		panic(badShape)
	}
	checkLengths(lengths{len(y), c.YSize()}, lengths{len(x), c.XSize()}, lengths{len(w), c.WSize()})
	if bias != nil {
		checkLengths(lengths{len(bias), c.O})
	}
	forwardRef(c, region{0, c.O, 0, c.OH(), 0, c.OW(), 0, c.N}, y, x, w, bias)
}

func forwardRef[T float32 | float64](c Conv2D, r region, y, x, w, bias []T) {
	for o := r.c0; o < r.c1; o++ {
		for oy := r.row0; oy < r.row1; oy++ {
			for ox := r.col0; ox < r.col1; ox++ {
				at := ((o*c.OH()+oy)*c.OW() + ox) * c.N
				out := y[at+r.n0 : at+r.n1]
				clear(out)
				if bias != nil {
					for n := range out {
						out[n] = bias[o]
					}
				}
				c.eachTap(o, oy, ox, func(wi, xi int) {
					addScaled(out, x[xi*c.N+r.n0:xi*c.N+r.n1], w[wi])
				})
			}
		}
	}
}

// eachTap calls f with the indices of the weight and of the position in x of every tap inside
// the image, in the order (i, ky, kx).
func (c Conv2D) eachTap(o, oy, ox int, f func(w, x int)) {
	in := c.C / c.Groups
	first := o / (c.O / c.Groups) * in
	for i := range in {
		for ky := range c.KH {
			iy := oy*c.StrideH + ky*c.DilationH - c.PadH
			for kx := range c.KW {
				ix := ox*c.StrideW + kx*c.DilationW - c.PadW
				if iy >= 0 && iy < c.H && ix >= 0 && ix < c.W {
					f(((o*in+i)*c.KH+ky)*c.KW+kx, ((first+i)*c.H+iy)*c.W+ix)
				}
			}
		}
	}
}

// GradInputRef is GradInput in pure Go. It panics if the shape fails Check or a slice has the
// wrong length.
func GradInputRef[T float32 | float64](c Conv2D, dx, dy, w []T, accumulate bool) {
	if c.Check() != nil {
		panic(badShape)
	}
	checkLengths(lengths{len(dx), c.XSize()}, lengths{len(dy), c.YSize()}, lengths{len(w), c.WSize()})
	gradInputRef(c, region{0, c.C, 0, c.H, 0, c.W, 0, c.N}, dx, dy, w, accumulate)
}

func gradInputRef[T float32 | float64](c Conv2D, r region, dx, dy, w []T, accumulate bool) {
	for i := r.c0; i < r.c1; i++ {
		for iy := r.row0; iy < r.row1; iy++ {
			for ix := r.col0; ix < r.col1; ix++ {
				at := ((i*c.H+iy)*c.W + ix) * c.N
				out := dx[at+r.n0 : at+r.n1]
				if !accumulate {
					clear(out)
				}
				c.eachUse(i, iy, ix, func(wi, yi int) {
					addScaled(out, dy[yi*c.N+r.n0:yi*c.N+r.n1], w[wi])
				})
			}
		}
	}
}

// eachUse calls f with the indices of the weight and of the position in y of every tap through
// which an input position reached the output, in the order (o, ky, kx).
func (c Conv2D) eachUse(i, iy, ix int, f func(w, y int)) {
	in, out := c.C/c.Groups, c.O/c.Groups
	first := i / in * out
	for o := first; o < first+out; o++ {
		for ky := range c.KH {
			oy := iy + c.PadH - ky*c.DilationH
			for kx := range c.KW {
				ox := ix + c.PadW - kx*c.DilationW
				if oy < 0 || oy%c.StrideH != 0 || oy/c.StrideH >= c.OH() || ox < 0 || ox%c.StrideW != 0 || ox/c.StrideW >= c.OW() {
					continue
				}
				f(((o*in+i%in)*c.KH+ky)*c.KW+kx, (o*c.OH()+oy/c.StrideH)*c.OW()+ox/c.StrideW)
			}
		}
	}
}

// GradWeightsRef is GradWeights in pure Go; db may be nil. It panics if the shape fails Check
// or a slice has the wrong length.
func GradWeightsRef[T float32 | float64](c Conv2D, dw, db, x, dy []T, accumulate bool) {
	if c.Check() != nil {
		panic(badShape)
	}
	checkLengths(lengths{len(dw), c.WSize()}, lengths{len(x), c.XSize()}, lengths{len(dy), c.YSize()})
	if db != nil {
		checkLengths(lengths{len(db), c.O})
	}
	gradWeightsRef(c, 0, c.O, 0, c.C/c.Groups, dw, db, x, dy, accumulate)
}

// ref computes a chunk in pure Go.
func (w *weightPart) ref(dw, db, x, dy []float32, accumulate bool) {
	if w.i0 > 0 {
		db = nil
	}
	first := w.group * (w.O / w.Groups)
	gradWeightsRef(w.Conv2D, first+w.o0, first+w.o1, w.i0, w.i1, dw, db, x, dy, accumulate)
}

// gradWeightsRef is the gradient of output channels o0..o1 and input channels i0..i1 of their
// group.
func gradWeightsRef[T float32 | float64](c Conv2D, o0, o1, i0, i1 int, dw, db, x, dy []T, accumulate bool) {
	blocks := newSumBlocks(&c)
	if !accumulate && db != nil {
		clear(db[o0:o1])
	}
	for o := o0; o < o1; o++ {
		for i := i0; i < i1; i++ {
			for k := range c.KH * c.KW {
				sum := &dw[(o*(c.C/c.Groups)+i)*c.KH*c.KW+k]
				if !accumulate {
					*sum = 0
				}
				for b := range blocks.count() {
					if s, ok := blockSum(&c, blocks.at(b), o, i, k/c.KW, k%c.KW, x, dy); ok {
						*sum += s
					}
				}
			}
		}
		for b := range blocks.count() {
			if db != nil {
				db[o] += blockBias(&c, blocks.at(b), o, dy)
			}
		}
	}
}
