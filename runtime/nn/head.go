package nn

import (
	"errors"
	"fmt"
	"strings"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Input is the shape of the images that a planned zoo's network sees: the data set's, unless an augmentation makes others.
func Input(z *spec.Zoo) Image {
	d := Image{Channels: z.Dataset.Channels, Height: z.Dataset.Height, Width: z.Dataset.Width}
	if a := z.Augmentation; a != nil && a.Size > 0 {
		d.Height, d.Width = a.Size, a.Size
	}
	return d
}

// Head is the name of a network's last layer, which is linear; its parameters have the name and a point before theirs.
func Head(net Sequential) (string, error) {
	if len(net) == 0 {
		return "", errors.New("the network has no layers")
	}
	last := net[len(net)-1]
	if _, ok := last.Layer.(Linear); !ok || last.Name == "" {
		return "", fmt.Errorf("the network's last layer is %T, not a linear layer that could be replaced", last.Layer)
	}
	return last.Name, nil
}

// InHead says that a parameter or statistic belongs to the head of a name.
func InHead(param, head string) bool { return strings.HasPrefix(param, head+".") }

// WithHead replaces the last layer, which is linear, by a head with as many outputs: linear, or linear with hidden outputs, ReLU and linear,
// named "<name>.0" and "<name>.2".
func WithHead(net Sequential, head string, hidden int) (Sequential, error) {
	name, err := Head(net)
	if err != nil {
		return nil, err
	}
	last := net[len(net)-1]
	switch head {
	case spec.HeadLinear:
		return net, nil
	case spec.HeadMLP:
		if hidden < 1 {
			return nil, fmt.Errorf("a head of %d hidden features", hidden)
		}
		up := last.Layer.(Linear)
		mlp := Sequential{{"0", Linear{Out: hidden}}, {"1", Activation{F: device.ReLU}}, {"2", up}}
		return append(append(Sequential{}, net[:len(net)-1]...), Named{name, mlp}), nil
	}
	return nil, fmt.Errorf("unknown head %q", head)
}
