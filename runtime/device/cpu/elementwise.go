package cpu

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/kernel/vmath"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// functions are the kernels' names of functions.
var functions = map[device.Func]vmath.Func{
	device.Exp: vmath.Exp, device.Log: vmath.Log, device.Tanh: vmath.Tanh, device.Sigmoid: vmath.Sigmoid, device.Erf: vmath.Erf,
	device.ReLU: vmath.ReLU, device.LeakyReLU: vmath.LeakyReLU, device.GELU: vmath.GELU, device.GELUTanh: vmath.GELUTanh,
	device.SiLU: vmath.SiLU, device.Softplus: vmath.Softplus, device.Sin: vmath.Sin, device.Cos: vmath.Cos, device.Sqrt: vmath.Sqrt,
	device.Rsqrt: vmath.Rsqrt, device.Reciprocal: vmath.Reciprocal, device.Square: vmath.Square, device.Neg: vmath.Neg, device.Abs: vmath.Abs,
}

func (d *Device[T]) unary(k device.Unary, in device.Instr) (step[T], error) {
	x, y := in.In[0], in.Out[0]
	switch k.F {
	case device.Positive:
		return spans(k.N, func(f *frame[T], from, to int) {
			d.k.scalar(vmath.Greater, f.at(y)[from:to], f.at(x)[from:to], 0)
		}), nil
	case device.Sign:
		return spans(k.N, func(f *frame[T], from, to int) { sign(f.at(y)[from:to], f.at(x)[from:to]) }), nil
	default:
	}
	fn, ok := functions[k.F]
	if !ok {
		return step[T]{}, fmt.Errorf("no kernel for function %s", k.F)
	}
	a := vmath.Activation{Func: fn, Slope: k.Alpha}
	return spans(k.N, func(f *frame[T], from, to int) { d.k.activate(a, f.at(y)[from:to], f.at(x)[from:to]) }), nil
}

func sign[T device.Float](y, x []T) {
	for i, v := range x {
		switch {
		case v > 0:
			y[i] = 1
		case v < 0:
			y[i] = -1
		default:
			y[i] = 0
		}
	}
}

func (d *Device[T]) activationGrad(k device.ActivationGrad, in device.Instr) (step[T], error) {
	fn, ok := functions[k.F]
	if !ok || !fn.Differentiable() {
		return step[T]{}, fmt.Errorf("no gradient kernel for function %s", k.F)
	}
	a := vmath.Activation{Func: fn, Slope: k.Alpha}
	x, y, dy, dx := in.In[0], in.In[1], in.In[2], in.Out[0]
	return spans(k.N, func(f *frame[T], from, to int) {
		d.k.activateGrad(a, f.at(dx)[from:to], f.at(x)[from:to], f.at(y)[from:to], f.at(dy)[from:to], false)
	}), nil
}

func (d *Device[T]) affine(k device.Affine, in device.Instr) step[T] {
	x, y := in.In[0], in.Out[0]
	mul, add := T(k.Mul), T(k.Add)
	return spans(k.N, func(f *frame[T], from, to int) {
		dst, src := f.at(y)[from:to], f.at(x)[from:to]
		if mul != 1 {
			d.k.scalar(vmath.Mul, dst, src, mul)
			src = dst
		}
		if add != 0 {
			d.k.scalar(vmath.Add, dst, src, add)
		}
	})
}

// operators are the kernels' names of the operations, and of the same with the operands exchanged.
var operators = map[device.BinaryOp][2]vmath.Op{
	device.Add: {vmath.Add, vmath.Add}, device.Sub: {vmath.Sub, vmath.RSub}, device.Mul: {vmath.Mul, vmath.Mul},
	device.Div: {vmath.Div, vmath.RDiv}, device.Max: {vmath.Max, vmath.Max}, device.Min: {vmath.Min, vmath.Min}, device.Equal: {vmath.Equal, vmath.Equal},
}

// binary reduces broadcasting to rows: along the last group of axes each operand either advances or is one number.
func (d *Device[T]) binary(k device.Binary, in device.Instr) (step[T], error) {
	op, ok := operators[k.Op]
	if !ok {
		return step[T]{}, fmt.Errorf("no kernel for elementwise operation %d", k.Op)
	}
	a, b, y := in.In[0], in.In[1], in.Out[0]
	g := broadcastGroups(k)
	last := g.count - 1
	inner, aMoves, bMoves := g.extent[last], g.a[last] != 0, g.b[last] != 0
	row := func(dst, x, z []T) {
		switch {
		case aMoves && bMoves:
			d.k.binary(op[0], dst, x[:inner], z[:inner])
		case aMoves:
			d.k.scalar(op[0], dst, x[:inner], z[0])
		default:
			d.k.scalar(op[1], dst, z[:inner], x[0])
		}
	}
	if last == 0 {
		return spans(inner, func(f *frame[T], from, to int) {
			x, z, dst := f.at(a), f.at(b), f.at(y)[from:to]
			switch {
			case aMoves && bMoves:
				d.k.binary(op[0], dst, x[from:to], z[from:to])
			case aMoves:
				d.k.scalar(op[0], dst, x[from:to], z[0])
			default:
				d.k.scalar(op[1], dst, z[from:to], x[0])
			}
		}), nil
	}
	outer := tensor.Shape(g.extent[:last])
	return rowSpans(outer.Size(), inner, func(f *frame[T], _ []T, from, to int) {
		x, z, dst := f.at(a), f.at(b), f.at(y)
		for r := from; r < to; r++ {
			row(dst[r*inner:(r+1)*inner], x[locate(r, outer, g.a[:last]):], z[locate(r, outer, g.b[:last]):])
		}
	}), nil
}

// groups are the axes of a broadcast operation, joined where both operands behave alike; a and b are the operands' strides,
// 0 where they are stretched.
type groups struct {
	count        int
	extent, a, b []int
}

func broadcastGroups(k device.Binary) groups {
	var g groups
	n := len(k.Out)
	moves := func(s tensor.Shape, i int) bool {
		j := i - (n - len(s))
		return j >= 0 && (s[j] != 1 || k.Out[i] == 1)
	}
	var ma, mb []bool
	for i, e := range k.Out {
		if e == 1 && n > 1 {
			continue
		}
		x, y := moves(k.A, i), moves(k.B, i)
		if j := g.count - 1; j >= 0 && ma[j] == x && mb[j] == y {
			g.extent[j] *= e
			continue
		}
		g.extent, ma, mb = append(g.extent, e), append(ma, x), append(mb, y)
		g.count++
	}
	if g.count == 0 {
		g.extent, ma, mb, g.count = []int{1}, []bool{true}, []bool{true}, 1
	}
	g.a, g.b = make([]int, g.count), make([]int, g.count)
	sa, sb := 1, 1
	for i := g.count - 1; i >= 0; i-- {
		if ma[i] {
			g.a[i] = sa
			sa *= g.extent[i]
		}
		if mb[i] {
			g.b[i] = sb
			sb *= g.extent[i]
		}
	}
	return g
}
