package tile

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/kernel"
)

// CNNSmall is the 5-layer network of the model zoos: 2,464 parameters on 1x28x28, 2,864 on
// 3x28x28. Pooling comes before the non-linearity, dropout after it.
func CNNSmall(in Shape, f kernel.Activation) (*Net, error) {
	if in.H != 28 || in.W != 28 {
		return nil, fmt.Errorf("cnn-small takes 28x28 images, not %s: use a data set of 28x28 images", in)
	}
	return New(in,
		Layer{Name: "module_list.0", Out: 8, Kernel: 5, Pool: true, Activation: f, Dropout: "dropout/2"},
		Layer{Name: "module_list.3", Out: 6, Kernel: 5, Pool: true, Activation: f, Dropout: "dropout/5"},
		Layer{Name: "module_list.6", Out: 4, Kernel: 2, Activation: f},
		Layer{Name: "module_list.9", Out: 20, Activation: f, Dropout: "dropout/10"},
		Layer{Name: "module_list.11", Out: 10},
	)
}

// CNNMedium is the larger network of the model zoos: 10,853 parameters on 3x32x32. The names
// count dropout layers, whether or not they drop anything.
func CNNMedium(in Shape, f kernel.Activation) (*Net, error) {
	if in.H != 32 || in.W != 32 {
		return nil, fmt.Errorf("cnn-medium takes 32x32 images, not %s: use a data set of 32x32 images", in)
	}
	return New(in,
		Layer{Name: "module_list.0", Out: 16, Kernel: 3, Pool: true, Activation: f, Dropout: "dropout/3"},
		Layer{Name: "module_list.4", Out: 32, Kernel: 3, Pool: true, Activation: f, Dropout: "dropout/7"},
		Layer{Name: "module_list.8", Out: 15, Kernel: 3, Pool: true, Activation: f, Dropout: "dropout/11"},
		Layer{Name: "module_list.13", Out: 20, Activation: f, Dropout: "dropout/15"},
		Layer{Name: "module_list.16", Out: 10},
	)
}

// MLP is a chain of linear layers on the flattened input with the non-linearity and dropout
// between them: layers.0 of widths[0] outputs, layers.1, ...; the last width is the number of
// outputs.
func MLP(in Shape, f kernel.Activation, widths ...int) (*Net, error) {
	layers := make([]Layer, len(widths))
	for i, w := range widths {
		layers[i] = Layer{Name: fmt.Sprintf("layers.%d", i), Out: w}
		if i+1 < len(widths) {
			layers[i].Activation, layers[i].Dropout = f, fmt.Sprintf("dropout/%d", i)
		}
	}
	return New(in, layers...)
}
