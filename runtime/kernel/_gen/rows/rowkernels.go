package main

import . "github.com/mmcloughlin/avo/reg"

// back gives dy as the backward passes of normalisations see it, and x.
type back struct {
	suffix, doc string
	ins, cols   []string
	dy          func(e *elements) VecVirtual
}

var backs = []back{
	{"", "", []string{"dy", "x"}, nil, func(e *elements) VecVirtual { return e.in("dy") }},
	{"Gain", ", dy times gain", []string{"dy", "x"}, []string{"gain"}, func(e *elements) VecVirtual { return e.mul(e.in("dy"), e.in("gain")) }},
	{"ReLU", ", dy where y > 0", []string{"dy", "x", "y"}, nil, func(e *elements) VecVirtual {
		zero := e.Vec()
		e.Zero(zero)
		return e.Cmp(0x1e, e.in("y"), zero).Keep(e.in("dy"))
	}},
}

var rowKernels = append([]*rowKernel{
	{
		name: "rowSum", doc: "sums of x", results: []string{"dst"}, ins: []string{"x"}, unroll: 4,
		body: func(e *elements) { e.reduce(e.in("x")) },
	},
	{
		name: "rowDot", doc: "sums of x*y", results: []string{"dst"}, ins: []string{"x", "y"}, unroll: 4,
		body: func(e *elements) { e.reduceFMA(0, e.in("x"), e.in("y")) },
	},
	{
		name: "rowMax", doc: "maxima of x", results: []string{"dst"}, op: maximum, ins: []string{"x"}, unroll: 4,
		body: func(e *elements) { e.reduce(e.in("x")) },
	},
	{
		name: "rowDevSquares", doc: "sums of (x-a)^2", results: []string{"dst"}, ins: []string{"x"}, scalars: []string{"a"}, unroll: 4,
		body: func(e *elements) {
			d := e.sub(e.in("x"), e.scalar("a"))
			e.reduceFMA(0, d, d)
		},
	},
	{
		name: "rowDotShift", doc: "sums of q*(x-a)", results: []string{"dst"}, ins: []string{"q", "x"}, scalars: []string{"a"}, unroll: 4,
		body: func(e *elements) { e.reduceFMA(0, e.in("q"), e.sub(e.in("x"), e.scalar("a"))) },
	},
	{
		name: "rowScaleMask", doc: "y = x*s+mask and its maxima", results: []string{"dst"}, op: maximum,
		outs: []string{"y"}, ins: []string{"x"}, cols: []string{"mask"}, floats: []string{"s"}, unroll: 2,
		body: func(e *elements) {
			v := e.fma(e.in("x"), e.scalar("s"), e.in("mask"))
			e.out("y", v)
			e.reduce(v)
		},
	},
	{
		name: "rowExp", doc: "y = exp(x*s-a) and its sums", results: []string{"dst"}, outs: []string{"y"}, ins: []string{"x"},
		scalars: []string{"a"}, floats: []string{"s"}, unroll: 2, exp: true,
		body: func(e *elements) {
			v := e.exp(e.fms(e.in("x"), e.scalar("s"), e.scalar("a")))
			e.out("y", v)
			e.reduce(v)
		},
	},
	{
		name: "rowExpSum", doc: "sums of exp(x*s-a)", results: []string{"dst"}, ins: []string{"x"},
		scalars: []string{"a"}, floats: []string{"s"}, unroll: 2, exp: true,
		body: func(e *elements) { e.reduce(e.exp(e.fms(e.in("x"), e.scalar("s"), e.scalar("a")))) },
	},
	{
		name: "rowAffine", doc: "y = (x-a)*c+b", outs: []string{"y"}, ins: []string{"x"}, scalars: []string{"a", "c", "b"}, unroll: 2,
		body: func(e *elements) { e.out("y", affine(e)) },
	},
	{
		name: "rowAffineReLU", doc: "y = max((x-a)*c+b, 0), NaN for NaN", outs: []string{"y"}, ins: []string{"x"}, scalars: []string{"a", "c", "b"}, unroll: 2,
		body: func(e *elements) {
			zero := e.Vec()
			e.Zero(zero)
			e.out("y", e.max(zero, affine(e)))
		},
	},
	{
		name: "rowNorm", doc: "y = ((x-a)*c)*gain+bias", outs: []string{"y"}, ins: []string{"x"}, cols: []string{"gain", "bias"},
		scalars: []string{"a", "c"}, unroll: 2,
		body: func(e *elements) {
			v := e.mul(e.sub(e.in("x"), e.scalar("a")), e.scalar("c"))
			e.out("y", e.fma(v, e.in("gain"), e.in("bias")))
		},
	},
	{
		name: "rowNormGain", doc: "y = (x*c)*gain", outs: []string{"y"}, ins: []string{"x"}, cols: []string{"gain"},
		scalars: []string{"c"}, unroll: 2,
		body: func(e *elements) { e.out("y", e.mul(e.mul(e.in("x"), e.scalar("c")), e.in("gain"))) },
	},
	{
		name: "rowMix", doc: "y = x*c-q*s", outs: []string{"y"}, ins: []string{"x", "q"}, scalars: []string{"c"}, floats: []string{"s"}, unroll: 2,
		body: func(e *elements) { e.out("y", e.fnma(e.in("q"), e.scalar("s"), e.mul(e.in("x"), e.scalar("c")))) },
	},
	{
		name: "rowSoftmaxGrad", doc: "dx = (y*s)*(dy-a)", outs: []string{"dx"}, ins: []string{"y", "dy"}, scalars: []string{"a"}, floats: []string{"s"}, unroll: 2,
		body: func(e *elements) {
			e.out("dx", e.mul(e.mul(e.in("y"), e.scalar("s")), e.sub(e.in("dy"), e.scalar("a"))))
		},
	},
	{
		name: "rowLogSoftmaxGrad", doc: "dx = dy-exp(y)*a", outs: []string{"dx"}, ins: []string{"y", "dy"}, scalars: []string{"a"}, unroll: 2, exp: true,
		body: func(e *elements) { e.out("dx", e.fnma(e.exp(e.in("y")), e.scalar("a"), e.in("dy"))) },
	},
	{
		name: "rowLog", doc: "y = log(x)", outs: []string{"y"}, ins: []string{"x"}, unroll: 1,
		body: func(e *elements) { e.out("y", e.log(e.in("x"))) },
	},
}, backKernels()...)

// affine is (x-a)*c+b.
func affine(e *elements) VecVirtual {
	return e.fma(e.sub(e.in("x"), e.scalar("a")), e.scalar("c"), e.scalar("b"))
}

// backKernels are the two passes backward through a normalisation.
func backKernels() []*rowKernel {
	var ks []*rowKernel
	for _, b := range backs {
		ks = append(ks, &rowKernel{
			name: "rowBackSums" + b.suffix, doc: "sums of dy and of dy*(x-a)" + b.doc, results: []string{"s1", "s2"},
			ins: b.ins, cols: b.cols, scalars: []string{"a"}, unroll: 2,
			body: func(e *elements) {
				dy := b.dy(e)
				e.reduce(dy)
				e.reduceFMA(1, dy, e.sub(e.in("x"), e.scalar("a")))
			},
		}, &rowKernel{
			name: "rowBackDx" + b.suffix, doc: "dx = ((dy-c1)-(x-a)*c2)*k" + b.doc, outs: []string{"dx"},
			ins: b.ins, cols: b.cols, scalars: []string{"a", "k", "c1", "c2"}, unroll: 2,
			body: func(e *elements) {
				v := e.sub(b.dy(e), e.scalar("c1"))
				v = e.fnma(e.sub(e.in("x"), e.scalar("a")), e.scalar("c2"), v)
				e.out("dx", e.mul(v, e.scalar("k")))
			},
		})
	}
	return ks
}
