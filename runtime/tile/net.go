// Package tile trains small networks on tiles of 16 lanes, [C][H][W][16]. A network is described
// once. A worker's Tape runs either one member, a row of a parameter slab, on 16 samples at a
// time, or 16 members, [nParams][16], on one sample of each: the same operations on every
// element in the same order, hence the same bits.
package tile

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// Shape is the shape of one sample.
type Shape struct{ C, H, W int }

// Size is the number of elements of one sample.
func (s Shape) Size() int { return s.C * s.H * s.W }

// String is "CxHxW".
func (s Shape) String() string { return fmt.Sprintf("%dx%dx%d", s.C, s.H, s.W) }

// Layer is a convolution or a linear layer and what follows it: pooling, a non-linearity,
// dropout, in this order.
type Layer struct {
	// Name is the prefix of the parameters: Name.weight, [Out, C, Kernel, Kernel] or
	// [Out, C*H*W], and Name.bias, [Out].
	Name string
	Out  int
	// Kernel is the side of a valid convolution with stride 1; 0 is a linear layer on the
	// flattened input (channel, row, column).
	Kernel int
	// Pool takes the maximum of 2x2 windows with stride 2; an odd last row or column is dropped.
	// Among equals the first, row by row, gets the gradient.
	Pool       bool
	Activation kernel.Activation
	// Dropout names the random stream of a dropout layer, which zeroes elements with the member's
	// probability p while training and scales the others by 1/(1-p); p is rounded to a multiple
	// of 1/65536. Empty means none.
	Dropout string
}

// maxInputs bounds the inputs of a linear layer.
const maxInputs = 4096

// stage is a layer bound to its shapes.
type stage struct {
	Layer
	in, out Shape
	g       kernel.Conv
	// offset is where the parameters begin in a row: weights, then biases.
	offset int
}

// bind fixes the input shape.
func (l Layer) bind(in Shape, offset int) (stage, error) {
	s := stage{Layer: l, in: in, offset: offset}
	switch {
	case l.Out < 1 || l.Kernel < 0 || l.Kernel > in.H || l.Kernel > in.W || l.Kernel == 0 && in.Size() > maxInputs:
		return s, fmt.Errorf("%s with %d outputs and kernel %d does not fit", l.Name, l.Out, l.Kernel)
	case l.Kernel == 0:
		s.g = kernel.Conv{InC: in.Size(), H: 1, W: 1, OutC: l.Out, KH: 1, KW: 1}
	default:
		s.g = kernel.Conv{InC: in.C, H: in.H, W: in.W, OutC: l.Out, KH: l.Kernel, KW: l.Kernel}
	}
	s.out = Shape{l.Out, s.g.OH(), s.g.OW()}
	if l.Pool {
		s.out.H, s.out.W = s.out.H/2, s.out.W/2
		if s.out.H == 0 || s.out.W == 0 {
			return s, fmt.Errorf("%s: 2x2 pooling needs at least 2x2 elements", l.Name)
		}
	}
	return s, nil
}

// params lists the parameters in PyTorch order.
func (s *stage) params() []tensor.Param {
	shape := []int{s.Out, s.in.Size()}
	if s.Kernel > 0 {
		shape = []int{s.Out, s.in.C, s.Kernel, s.Kernel}
	}
	return []tensor.Param{
		{Name: s.Name + ".weight", Shape: shape, Offset: s.offset},
		{Name: s.Name + ".bias", Shape: []int{s.Out}, Offset: s.offset + s.g.Weights()},
	}
}

// size is the number of parameters.
func (s *stage) size() int { return s.g.Weights() + s.Out }

// Net is a network bound to its input shape. It is immutable.
type Net struct {
	in     Shape
	stages []stage
	layout []tensor.Param
	size   int
}

// New binds layers to an input shape.
func New(in Shape, layers ...Layer) (*Net, error) {
	n := &Net{in: in}
	if in.C < 1 || in.H < 1 || in.W < 1 {
		return nil, fmt.Errorf("network input %s is empty: every dimension must be positive", in)
	}
	if len(layers) == 0 {
		return nil, fmt.Errorf("network has no parameters: nothing to train")
	}
	shape := in
	for i, l := range layers {
		s, err := l.bind(shape, n.size)
		if err != nil {
			return nil, fmt.Errorf("layer %d on input %s: %w", i, shape, err)
		}
		n.stages = append(n.stages, s)
		n.layout = append(n.layout, s.params()...)
		n.size += s.size()
		shape = s.out
	}
	return n, nil
}

// In is the shape of an input sample.
func (n *Net) In() Shape { return n.in }

// Out is the shape of an output sample.
func (n *Net) Out() Shape { return n.stages[len(n.stages)-1].out }

// Layout lists the parameters of a row in PyTorch order.
func (n *Net) Layout() []tensor.Param { return n.layout }

// NumParams is the length of a row.
func (n *Net) NumParams() int { return n.size }

// MultiplyAdds is the dense count of a training step on one sample: forward, weight gradients,
// and input gradients but for the first layer.
func (n *Net) MultiplyAdds() int {
	total := 0
	for i, s := range n.stages {
		times := 3
		if i == 0 {
			times = 2
		}
		total += times * s.g.Weights() * s.g.OH() * s.g.OW()
	}
	return total
}
