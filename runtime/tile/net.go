// Package tile builds networks from population-ready layers. A network is described once;
// every member of a population is one row of a parameter slab, and a worker's Tape runs any
// member on tiles of 16 samples, [C][H][W][16].
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

// Layer describes a layer without its input shape.
type Layer interface {
	// bind fixes the input shape and returns the operation and its output shape.
	bind(in Shape) (op, Shape, error)
}

// op is a layer bound to shapes. It has no state: buffers are the Tape's.
type op interface {
	// params lists the layer's parameters in PyTorch order, without offsets.
	params() []tensor.Param
	// inPlace reports whether output and input share a buffer.
	inPlace() bool
	// buffers is the floats of scratch the operation needs on a tape, by use.
	buffers() bufferSizes
	// load prepares a member's parameters (its share of the row).
	load(t *Tape, s *slot)
	// forward computes y from x; s.training says whether backward follows.
	forward(t *Tape, s *slot, y, x []float32)
	// backward adds the parameters' gradients and, unless dx is nil, computes dx from dy.
	backward(t *Tape, s *slot, dx, dy, x []float32)
}

// bufferSizes are floats: packed weights of both directions, and auxiliary space.
type bufferSizes struct{ packed, packedGrad, aux int }

// Net is a network bound to its input shape. It is immutable.
type Net struct {
	in     Shape
	ops    []op
	shapes []Shape // shapes[i] is the output of ops[i]
	layout []tensor.Param
	// offsets[i] is where the parameters of ops[i] begin in a row.
	offsets []int
	size    int
	// firstTrained is the first operation with parameters: nothing before it needs a gradient.
	firstTrained int
}

// New binds layers to an input shape.
func New(in Shape, layers ...Layer) (*Net, error) {
	n := &Net{in: in, firstTrained: -1}
	if in.C < 1 || in.H < 1 || in.W < 1 {
		return nil, fmt.Errorf("network input %s is empty: every dimension must be positive", in)
	}
	shape := in
	for i, l := range layers {
		o, out, err := l.bind(shape)
		if err != nil {
			return nil, fmt.Errorf("layer %d on input %s: %w", i, shape, err)
		}
		n.offsets = append(n.offsets, n.size)
		for _, p := range o.params() {
			p.Offset = n.size
			n.layout = append(n.layout, p)
			n.size += p.Size()
			if n.firstTrained < 0 {
				n.firstTrained = i
			}
		}
		n.ops, n.shapes = append(n.ops, o), append(n.shapes, out)
		shape = out
	}
	if n.firstTrained < 0 {
		return nil, fmt.Errorf("network has no parameters: nothing to train")
	}
	return n, nil
}

// In is the shape of an input sample.
func (n *Net) In() Shape { return n.in }

// Out is the shape of an output sample.
func (n *Net) Out() Shape { return n.shapes[len(n.shapes)-1] }

// Layout lists the parameters of a row in PyTorch order.
func (n *Net) Layout() []tensor.Param { return n.layout }

// NumParams is the length of a row.
func (n *Net) NumParams() int { return n.size }

// CNNSmall is the 5-layer network of the model zoos: 2,464 parameters on 1x28x28, 2,864 on
// 3x28x28. Pooling comes before the non-linearity, dropout after it.
func CNNSmall(in Shape, f kernel.Activation) (*Net, error) {
	if in.H != 28 || in.W != 28 {
		return nil, fmt.Errorf("cnn-small takes 28x28 images, not %s: use a data set of 28x28 images", in)
	}
	return New(in,
		Conv{Name: "module_list.0", Out: 8, Kernel: 5}, MaxPool{}, Activation{f}, Dropout{"dropout/2"},
		Conv{Name: "module_list.3", Out: 6, Kernel: 5}, MaxPool{}, Activation{f}, Dropout{"dropout/5"},
		Conv{Name: "module_list.6", Out: 4, Kernel: 2}, Activation{f},
		Linear{Name: "module_list.9", Out: 20}, Activation{f}, Dropout{"dropout/10"},
		Linear{Name: "module_list.11", Out: 10},
	)
}
