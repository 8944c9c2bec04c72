package cpu

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/kernel/conv"
)

// convKernels are the planned products of a convolution, and pooling, for one element type.
type convKernels[T device.Float] struct {
	forward, gradInput, gradWeights        func(c conv.Conv2D) convPlan[T]
	maxPool, maxPoolGrad, avgPool, avgGrad func(p conv.Pool2D) poolPlan[T]
}

// convPlan runs out = product of a and b: y from x and w; dx from dy and w; dw from x and dy. bias is read by the forward
// product and written by the gradient of the weights; nil if there is none.
type convPlan[T device.Float] struct {
	chunks, scratch int
	run             func(chunk int, out, a, b, bias, scratch []T)
}

// poolPlan runs out from a and, for the gradient of maxima, b.
type poolPlan[T device.Float] struct {
	chunks int
	run    func(chunk int, out, a, b []T)
}

func conv32(k *conv.Kernels) convKernels[float32] {
	pool := func(run func(p conv.Pool2D, chunk int, out, a, b []float32)) func(p conv.Pool2D) poolPlan[float32] {
		return func(p conv.Pool2D) poolPlan[float32] {
			return poolPlan[float32]{p.Chunks(), func(chunk int, out, a, b []float32) { run(p, chunk, out, a, b) }}
		}
	}
	return convKernels[float32]{
		forward: func(c conv.Conv2D) convPlan[float32] {
			p := k.Forward(c)
			return convPlan[float32]{p.Chunks(), p.Scratch(), p.Run}
		},
		gradInput: func(c conv.Conv2D) convPlan[float32] {
			p := k.GradInput(c)
			return convPlan[float32]{p.Chunks(), p.Scratch(), func(chunk int, dx, dy, w, _, scratch []float32) { p.Run(chunk, dx, dy, w, false, scratch) }}
		},
		gradWeights: func(c conv.Conv2D) convPlan[float32] {
			p := k.GradWeights(c)
			return convPlan[float32]{p.Chunks(), p.Scratch(), func(chunk int, dw, x, dy, db, scratch []float32) { p.Run(chunk, dw, db, x, dy, false, scratch) }}
		},
		maxPool:     pool(func(p conv.Pool2D, chunk int, y, x, _ []float32) { k.MaxPool(p, chunk, y, x) }),
		maxPoolGrad: pool(func(p conv.Pool2D, chunk int, dx, x, dy []float32) { k.MaxPoolGrad(p, chunk, dx, x, dy, false) }),
		avgPool:     pool(func(p conv.Pool2D, chunk int, y, x, _ []float32) { k.AvgPool(p, chunk, y, x) }),
		avgGrad:     pool(func(p conv.Pool2D, chunk int, dx, dy, _ []float32) { k.AvgPoolGrad(p, chunk, dx, dy, false) }),
	}
}

// conv64 runs the pure-Go twins in one piece.
func conv64() convKernels[float64] {
	type f = float64
	pool := func(run func(p conv.Pool2D, out, a, b []f)) func(p conv.Pool2D) poolPlan[f] {
		return func(p conv.Pool2D) poolPlan[f] {
			return poolPlan[f]{1, func(_ int, out, a, b []f) { run(p, out, a, b) }}
		}
	}
	return convKernels[f]{
		forward: func(c conv.Conv2D) convPlan[f] {
			return convPlan[f]{1, 0, func(_ int, y, x, w, bias, _ []f) { conv.ForwardRef(c, y, x, w, bias) }}
		},
		gradInput: func(c conv.Conv2D) convPlan[f] {
			return convPlan[f]{1, 0, func(_ int, dx, dy, w, _, _ []f) { conv.GradInputRef(c, dx, dy, w, false) }}
		},
		gradWeights: func(c conv.Conv2D) convPlan[f] {
			return convPlan[f]{1, 0, func(_ int, dw, x, dy, db, _ []f) { conv.GradWeightsRef(c, dw, db, x, dy, false) }}
		},
		maxPool:     pool(func(p conv.Pool2D, y, x, _ []f) { conv.MaxPoolRef(p, y, x) }),
		maxPoolGrad: pool(func(p conv.Pool2D, dx, x, dy []f) { conv.MaxPoolGradRef(p, dx, x, dy, false) }),
		avgPool:     pool(func(p conv.Pool2D, y, x, _ []f) { conv.AvgPoolRef(p, y, x) }),
		avgGrad:     pool(func(p conv.Pool2D, dx, dy, _ []f) { conv.AvgPoolGradRef(p, dx, dy, false) }),
	}
}

func (d *Device[T]) conv2D(k device.Conv2D, in device.Instr) (step[T], error) {
	c := conv.Conv2D{
		C: k.C, H: k.H, W: k.W, N: k.N, O: k.O, KH: k.KH, KW: k.KW, StrideH: k.StrideH, StrideW: k.StrideW,
		PadH: k.PadH, PadW: k.PadW, DilationH: k.DilationH, DilationW: k.DilationW, Groups: k.Groups,
	}
	if err := c.Check(); err != nil {
		return step[T]{}, fmt.Errorf("convolution: %w", err)
	}
	a, b, out := in.In[0], in.In[1], in.Out[0]
	var p convPlan[T]
	var bias device.Operand
	switch k.Kind {
	case device.ConvForward:
		p, bias = d.k.conv.forward(c), in.In[2]
	case device.ConvGradInput:
		p = d.k.conv.gradInput(c)
	case device.ConvGradWeight:
		p = d.k.conv.gradWeights(c)
		if k.HasBias {
			bias = in.Out[1]
		}
	}
	return step[T]{chunks: p.chunks, scratch: p.scratch, run: func(f *frame[T], scratch []T, chunk int) {
		var extra []T
		if bias.Space != device.None {
			extra = f.at(bias)
		}
		p.run(chunk, f.at(out), f.at(a), f.at(b), extra, scratch)
	}}, nil
}

func (d *Device[T]) pool(k device.Pool, in device.Instr) (step[T], error) {
	g := conv.Pool2D{C: k.C, H: k.H, W: k.W, N: k.N, KH: k.KH, KW: k.KW, StrideH: k.StrideH, StrideW: k.StrideW, PadH: k.PadH, PadW: k.PadW}
	if err := g.Check(); err != nil {
		return step[T]{}, fmt.Errorf("pooling: %w", err)
	}
	var p poolPlan[T]
	switch k.Kind {
	case device.MaxPool:
		p = d.k.conv.maxPool(g)
	case device.MaxPoolGrad:
		p = d.k.conv.maxPoolGrad(g)
	case device.AvgPool:
		p = d.k.conv.avgPool(g)
	case device.AvgPoolGrad:
		p = d.k.conv.avgGrad(g)
	case device.MaxPoolTake:
		return maxPoolTake[T](k, in), nil
	}
	a, b, out := in.In[0], in.In[len(in.In)-1], in.Out[0]
	return step[T]{chunks: p.chunks, run: func(f *frame[T], _ []T, chunk int) { p.run(chunk, f.at(out), f.at(a), f.at(b)) }}, nil
}

// maxPoolTake reads v where the first maximum of each window of x is. Only second derivatives need it.
func maxPoolTake[T device.Float](k device.Pool, in device.Instr) step[T] {
	x, v, y := in.In[0], in.In[1], in.Out[0]
	plane, oh, ow := k.H*k.W, k.OH(), k.OW()
	return rowSpans(k.C*oh, ow*k.N*k.KH*k.KW, func(f *frame[T], _ []T, from, to int) {
		src, val, dst := f.at(x), f.at(v), f.at(y)
		for r := from; r < to; r++ {
			c, oy := r/oh, r%oh
			for ox := range ow {
				for n := range k.N {
					dst[(r*ow+ox)*k.N+n] = val[argMaxOf(k, src, c*plane, oy, ox, n)]
				}
			}
		}
	})
}

func argMaxOf[T device.Float](k device.Pool, x []T, base, oy, ox, n int) int {
	best := -1
	for ky := range k.KH {
		for kx := range k.KW {
			iy, ix := oy*k.StrideH+ky-k.PadH, ox*k.StrideW+kx-k.PadW
			if iy < 0 || iy >= k.H || ix < 0 || ix >= k.W {
				continue
			}
			if i := (base+iy*k.W+ix)*k.N + n; best < 0 || x[i] > x[best] {
				best = i
			}
		}
	}
	return best
}
