package nn

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/device"
)

// BasicBlock is ResNet's block of two 3x3 convolutions (He et al. 2016): relu(bn2(conv2(relu(bn1(conv1 x)))) + shortcut(x)), the shortcut a
// 1x1 convolution with batch norm where the shape changes. Names are torchvision's.
type BasicBlock struct{ Out, Stride int }

// Apply implements Layer.
func (l BasicBlock) Apply(c *Context, x Tensor) Tensor {
	expect("basic block", x, Images)
	stride := max(1, l.Stride)
	y := Conv2D{Out: l.Out, Kernel: 3, Stride: stride, Padding: 1, NoBias: true}.Apply(c.In("conv1"), x)
	y = BatchNorm{ReLU: true}.Apply(c.In("bn1"), y)
	y = Conv2D{Out: l.Out, Kernel: 3, Padding: 1, NoBias: true}.Apply(c.In("conv2"), y)
	y = BatchNorm{}.Apply(c.In("bn2"), y)
	if stride != 1 || c.Graph.Shape(x.Value)[0] != l.Out {
		x = Conv2D{Out: l.Out, Kernel: 1, Stride: stride, NoBias: true}.Apply(c.In("downsample.0"), x)
		x = BatchNorm{}.Apply(c.In("downsample.1"), x)
	}
	return Tensor{c.Graph.Activation(device.ReLU, c.Graph.Add(y.Value, x.Value)), Images}
}

// ResNet18 is the network of the zoos: blocks [2,2,2,2] of width, 2, 4 and 8 times width channels, with the CIFAR stem (3x3 convolution of stride 1, no
// pooling). Width 64 has 11,173,962 parameters for 3 channels and 10 classes.
func ResNet18(width, classes int) Sequential {
	s := Sequential{
		{"conv1", Conv2D{Out: width, Kernel: 3, Padding: 1, NoBias: true}},
		{"bn1", BatchNorm{ReLU: true}},
	}
	for stage := range 4 {
		for block := range 2 {
			stride := 1
			if stage > 0 && block == 0 {
				stride = 2
			}
			s = append(s, Named{fmt.Sprintf("layer%d.%d", stage+1, block), BasicBlock{Out: width << stage, Stride: stride}})
		}
	}
	return append(s, Named{"", GlobalAvgPool{}}, Named{"fc", Linear{Out: classes}})
}
