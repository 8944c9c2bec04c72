package op

import (
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// Conv are the options of a convolution; zero means stride 1, no padding, dilation 1, one group.
type Conv struct{ StrideH, StrideW, PadH, PadW, DilationH, DilationW, Groups int }

// Square are options equal in both directions.
func Square(stride, pad int) Conv {
	return Conv{StrideH: stride, StrideW: stride, PadH: pad, PadW: pad}
}

func (c *Conv) defaults() {
	for _, p := range []*int{&c.StrideH, &c.StrideW, &c.DilationH, &c.DilationW, &c.Groups} {
		if *p == 0 {
			*p = 1
		}
	}
}

// window checks a geometry over x [C, H, W, N].
func (g *Graph) window(op string, x Value, kh, kw int, c Conv) device.Window {
	s := g.Shape(x)
	if len(s) != 4 {
		fail(op, "images are [C, H, W, N], not %s", s)
	}
	w := device.Window{
		C: s[0], H: s[1], W: s[2], N: s[3], KH: kh, KW: kw, StrideH: c.StrideH, StrideW: c.StrideW,
		PadH: c.PadH, PadW: c.PadW, DilationH: c.DilationH, DilationW: c.DilationW,
	}
	if min(kh, kw, c.StrideH, c.StrideW, c.DilationH, c.DilationW) < 1 || min(c.PadH, c.PadW) < 0 {
		fail(op, "window %dx%d with %+v", kh, kw, c)
	}
	if min(w.C, w.H, w.W, w.N) < 1 {
		fail(op, "images %s are empty", s)
	}
	if w.H+2*w.PadH < w.DilationH*(kh-1)+1 || w.W+2*w.PadW < w.DilationW*(kw-1)+1 {
		fail(op, "a window of %dx%d (dilation %d, %d) does not fit images of %dx%d padded by %d, %d", kh, kw, w.DilationH, w.DilationW, w.H, w.W, w.PadH, w.PadW)
	}
	return w
}

// Conv2D is a cross-correlation of images x [C, H, W, N] with w [O, C/groups, KH, KW] and bias [O] or absent: [O, OH, OW, N].
func (g *Graph) Conv2D(x, w, bias Value, c Conv) Value {
	c.defaults()
	sw := g.Shape(w)
	if len(sw) != 4 {
		fail("conv2d", "weights are [O, C/groups, KH, KW], not %s", sw)
	}
	if sw.Size() == 0 {
		fail("conv2d", "weights %s are empty", sw)
	}
	k := device.Conv2D{Window: g.window("conv2d", x, sw[2], sw[3], c), O: sw[0], Groups: c.Groups, HasBias: bias.Present()}
	if c.Groups < 1 || k.C%c.Groups != 0 || k.O%c.Groups != 0 || sw[1] != k.C/c.Groups {
		fail("conv2d", "weights %s with %d groups do not fit images %s", sw, c.Groups, g.Shape(x))
	}
	if k.HasBias && !g.Shape(bias).Equal(tensor.Shape{k.O}) {
		fail("conv2d", "bias %s for %d channels", g.Shape(bias), k.O)
	}
	return g.convForward(k, x, w, bias)
}

func convShapes(k device.Conv2D) (x, w, y tensor.Shape) {
	return tensor.Shape{k.C, k.H, k.W, k.N}, tensor.Shape{k.O, k.C / k.Groups, k.KH, k.KW}, tensor.Shape{k.O, k.OH(), k.OW(), k.N}
}

// The three products of a convolution are each other's gradients.
func (g *Graph) convForward(k device.Conv2D, x, w, bias Value) Value {
	k.Kind, k.HasBias = device.ConvForward, bias.Present()
	_, _, out := convShapes(k)
	return g.record(k, out, []Value{x, w, bias}, func(dy Value, need []bool) []Value {
		d := []Value{{}, {}, {}}
		if need[0] {
			d[0] = g.convGradInput(k, dy, w)
		}
		if need[1] || need[2] {
			d[1], d[2] = g.convGradWeight(k, x, dy, k.HasBias)
		}
		return d
	})
}

func (g *Graph) convGradInput(k device.Conv2D, dy, w Value) Value {
	k.Kind, k.HasBias = device.ConvGradInput, false
	out, _, _ := convShapes(k)
	return g.record(k, out, []Value{dy, w}, func(ddx Value, need []bool) []Value {
		d := []Value{{}, {}}
		if need[0] {
			d[0] = g.convForward(k, ddx, w, Value{})
		}
		if need[1] {
			d[1], _ = g.convGradWeight(k, ddx, dy, false)
		}
		return d
	})
}

func (g *Graph) convGradWeight(k device.Conv2D, x, dy Value, bias bool) (dw, db Value) {
	k.Kind, k.HasBias = device.ConvGradWeight, bias
	_, w, _ := convShapes(k)
	shapes := []tensor.Shape{w}
	if bias {
		shapes = append(shapes, tensor.Shape{k.O})
	}
	out := g.recordMulti(k, shapes, []Value{x, dy}, func(dd []Value, need []bool) []Value {
		d := []Value{{}, {}}
		ddw := dd[0]
		if !ddw.Present() {
			ddw = g.Fill(0, w...)
		}
		if need[0] {
			d[0] = g.convGradInput(k, dy, ddw)
		}
		if need[1] {
			var ddb Value
			if bias {
				ddb = dd[1]
			}
			d[1] = g.convForward(k, x, ddw, ddb)
		}
		return d
	})
	if bias {
		db = out[1]
	}
	return out[0], db
}

// Conv1D is Conv2D on sequences x [C, L, N] with w [O, C/groups, K].
func (g *Graph) Conv1D(x, w, bias Value, stride, pad, dilation, groups int) Value {
	sx, sw := g.Shape(x), g.Shape(w)
	if len(sx) != 3 || len(sw) != 3 {
		fail("conv1d", "input %s, weights %s", sx, sw)
	}
	c := Conv{StrideW: stride, PadW: pad, DilationW: dilation, Groups: groups}
	y := g.Conv2D(g.Reshape(x, sx[0], 1, sx[1], sx[2]), g.Reshape(w, sw[0], sw[1], 1, sw[2]), bias, c)
	s := g.Shape(y)
	return g.Reshape(y, s[0], s[2], s[3])
}

// MaxPool takes maxima over windows of x [C, H, W, N]; padding never wins.
func (g *Graph) MaxPool(x Value, kernel, stride, pad int) Value {
	if pad > kernel/2 {
		fail("max pool", "padding %d is more than half the window of %d", pad, kernel)
	}
	k := device.Pool{Kind: device.MaxPool, Window: g.window("max pool", x, kernel, kernel, pooling(stride, pad))}
	return g.record(k, poolShape(k), []Value{x}, func(dy Value, _ []bool) []Value { return []Value{g.maxPoolGrad(k, x, dy)} })
}

func pooling(stride, pad int) Conv {
	c := Square(stride, pad)
	c.defaults()
	return c
}

func poolShape(k device.Pool) tensor.Shape { return tensor.Shape{k.C, k.OH(), k.OW(), k.N} }

// maxPoolGrad and maxPoolTake are linear in their second operand and each other's transposes; the choice of maxima
// has no derivative.
func (g *Graph) maxPoolGrad(k device.Pool, x, dy Value) Value {
	k.Kind = device.MaxPoolGrad
	return g.record(k, g.Shape(x), []Value{x, dy}, func(d Value, need []bool) []Value {
		if !need[1] {
			return []Value{{}, {}}
		}
		return []Value{{}, g.maxPoolTake(k, x, d)}
	})
}

func (g *Graph) maxPoolTake(k device.Pool, x, v Value) Value {
	k.Kind = device.MaxPoolTake
	return g.record(k, poolShape(k), []Value{x, v}, func(d Value, need []bool) []Value {
		if !need[1] {
			return []Value{{}, {}}
		}
		return []Value{{}, g.maxPoolGrad(k, x, d)}
	})
}

// AvgPool averages windows of x [C, H, W, N]; padding counts as zeros.
func (g *Graph) AvgPool(x Value, kernel, stride, pad int) Value {
	if pad > kernel/2 {
		fail("average pool", "padding %d is more than half the window of %d", pad, kernel)
	}
	return g.avgPool(device.Pool{Window: g.window("average pool", x, kernel, kernel, pooling(stride, pad))}, x)
}

func (g *Graph) avgPool(k device.Pool, x Value) Value {
	k.Kind = device.AvgPool
	return g.record(k, poolShape(k), []Value{x}, func(dy Value, _ []bool) []Value { return []Value{g.avgPoolGrad(k, dy)} })
}

func (g *Graph) avgPoolGrad(k device.Pool, dy Value) Value {
	k.Kind = device.AvgPoolGrad
	return g.record(k, tensor.Shape{k.C, k.H, k.W, k.N}, []Value{dy}, func(d Value, _ []bool) []Value { return []Value{g.avgPool(k, d)} })
}

// GlobalAvgPool averages each channel's plane: x [C, H, W, N] to [C, N].
func (g *Graph) GlobalAvgPool(x Value) Value {
	s := g.Shape(x)
	if len(s) != 4 {
		fail("global average pool", "images are [C, H, W, N], not %s", s)
	}
	return g.MeanAxis(g.Reshape(x, s[0], s[1]*s[2], s[3]), 1, false)
}
