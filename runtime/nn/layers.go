package nn

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/op"
)

// Conv2D is a convolution of images: weight [Out, C/Groups, Kernel, Kernel], bias [Out] unless NoBias.
type Conv2D struct {
	Out, Kernel             int
	Stride, Padding, Groups int
	NoBias                  bool
}

// Apply implements Layer.
func (l Conv2D) Apply(c *Context, x Tensor) Tensor {
	expect("conv2d", x, Images)
	groups := max(1, l.Groups)
	in := c.Graph.Shape(x.Value)[0]
	if l.Out < 1 || l.Kernel < 1 || in%groups != 0 {
		fail("conv2d", fmt.Sprintf("%d output channels, kernel %d, %d groups of %d channels", l.Out, l.Kernel, groups, in))
	}
	w := c.Param("weight", Weight, l.Out, in/groups, l.Kernel, l.Kernel)
	var b op.Value
	if !l.NoBias {
		b = c.Param("bias", Bias, l.Out)
	}
	o := op.Square(max(1, l.Stride), l.Padding)
	o.Groups = groups
	if a := c.shared.affine; a != nil {
		return a.Conv(c, x, w, b, o)
	}
	return Tensor{c.Graph.Conv2D(x.Value, w, b, o), Images}
}

// Linear is a fully connected layer on features: weight [Out, in], bias [Out] unless NoBias.
type Linear struct {
	Out    int
	NoBias bool
}

// Apply implements Layer.
func (l Linear) Apply(c *Context, x Tensor) Tensor {
	expect("linear", x, FeaturesFirst, Sequences, FeaturesLast)
	s := c.Graph.Shape(x.Value)
	in := s[len(s)-1]
	if x.Layout == FeaturesFirst {
		in = s[0]
	}
	if l.Out < 1 {
		fail("linear", fmt.Sprintf("%d outputs", l.Out))
	}
	w := c.Param("weight", Weight, l.Out, in)
	var b op.Value
	if !l.NoBias {
		b = c.Param("bias", Bias, l.Out)
	}
	if a := c.shared.affine; a != nil {
		return a.Linear(c, x, w, b)
	}
	return c.Product(x, w, b)
}

// Product is the plain linear layer of features or sequences x by w [out, in] and bias b [out] or absent.
func (c *Context) Product(x Tensor, w, b op.Value) Tensor {
	if x.Layout == FeaturesFirst {
		return Tensor{c.Graph.LinearFirst(x.Value, w, b), FeaturesFirst}
	}
	return Tensor{c.Graph.Linear(x.Value, w, b), x.Layout}
}

// Flatten turns images into feature vectors in PyTorch's order (channel, row, column).
type Flatten struct{}

// Apply implements Layer.
func (Flatten) Apply(c *Context, x Tensor) Tensor {
	if x.Layout == FeaturesFirst || x.Layout == FeaturesLast {
		return x
	}
	expect("flatten", x, Images)
	s := c.Graph.Shape(x.Value)
	return Tensor{c.Graph.Reshape(x.Value, s[0]*s[1]*s[2], s[3]), FeaturesFirst}
}

// Activation is a non-linearity: F, or the member's if Member is set.
type Activation struct {
	F      device.Func
	Member bool
}

// Apply implements Layer.
func (l Activation) Apply(c *Context, x Tensor) Tensor {
	f := l.F
	if l.Member {
		f = c.Activation
	}
	return Tensor{c.Graph.Activation(f, x.Value), x.Layout}
}

// Dropout zeroes elements with the member's probability while training. Its random stream is named Label, or after the module.
type Dropout struct{ Label string }

// Apply implements Layer.
func (l Dropout) Apply(c *Context, x Tensor) Tensor {
	label := l.Label
	if label == "" {
		label = "dropout/" + c.label()
	}
	return Tensor{c.Graph.Dropout(label, x.Value, x.Layout == Images || x.Layout == FeaturesFirst), x.Layout}
}

// MaxPool takes maxima over square windows; Stride 0 means Kernel.
type MaxPool struct{ Kernel, Stride, Padding int }

// Apply implements Layer.
func (l MaxPool) Apply(c *Context, x Tensor) Tensor {
	expect("max pool", x, Images)
	return Tensor{c.Graph.MaxPool(x.Value, l.Kernel, orKernel(l.Stride, l.Kernel), l.Padding), Images}
}

// AvgPool averages square windows; Stride 0 means Kernel.
type AvgPool struct{ Kernel, Stride, Padding int }

// Apply implements Layer.
func (l AvgPool) Apply(c *Context, x Tensor) Tensor {
	expect("average pool", x, Images)
	return Tensor{c.Graph.AvgPool(x.Value, l.Kernel, orKernel(l.Stride, l.Kernel), l.Padding), Images}
}

func orKernel(stride, kernel int) int {
	if stride == 0 {
		return kernel
	}
	return stride
}

// GlobalAvgPool averages every channel's plane: images to features.
type GlobalAvgPool struct{}

// Apply implements Layer.
func (GlobalAvgPool) Apply(c *Context, x Tensor) Tensor {
	expect("global average pool", x, Images)
	return Tensor{c.Graph.GlobalAvgPool(x.Value), FeaturesFirst}
}

// BatchNorm normalises channels with PyTorch's eps 1e-5 and momentum 0.1; ReLU clips in the same pass.
type BatchNorm struct{ ReLU bool }

// PyTorch's defaults of the normalisations.
const (
	batchNormEps      = 1e-5
	batchNormMomentum = 0.1
)

// Apply implements Layer.
func (l BatchNorm) Apply(c *Context, x Tensor) Tensor {
	expect("batch norm", x, Images, FeaturesFirst)
	n := c.Graph.Shape(x.Value)[0]
	gamma, beta := c.Param("weight", One, n), c.Param("bias", Zero, n)
	run := op.NormStats{Mean: c.State("running_mean", n), Var: c.State("running_var", n)}
	return Tensor{c.Graph.BatchNorm(x.Value, gamma, beta, run, batchNormEps, batchNormMomentum, l.ReLU), x.Layout}
}

// LayerNorm normalises the last axis of sequences or features; Eps 0 means 1e-5.
type LayerNorm struct{ Eps float64 }

// Apply implements Layer.
func (l LayerNorm) Apply(c *Context, x Tensor) Tensor {
	expect("layer norm", x, Sequences, FeaturesLast)
	s := c.Graph.Shape(x.Value)
	n := s[len(s)-1]
	eps := l.Eps
	if eps == 0 {
		eps = 1e-5
	}
	return Tensor{c.Graph.LayerNorm(x.Value, c.Param("weight", One, n), c.Param("bias", Zero, n), eps), x.Layout}
}
