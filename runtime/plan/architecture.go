package plan

import (
	"errors"
	"fmt"
	"math"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// network is a resolved architecture.
type network struct {
	name   string
	width  int
	layers []spec.Layer
	net    nn.Sequential
	// params is the length of a member's row.
	params int
}

// resolveNetwork builds the architecture for a data set, with the head of a zoo that continues another, and records it once, which finds what does not fit.
func resolveNetwork(a *v1alpha1.Architecture, d *spec.DatasetInput, w *v1alpha1.InitialWeights) (*network, error) {
	const at = "spec.architecture"
	n := &network{name: architectureName(a), width: specWidth(a)}
	image := nn.Image{Channels: d.Channels, Height: d.Height, Width: d.Width}
	var err error
	switch {
	case (a.Preset != "") == (len(a.Layers) != 0):
		return nil, &FieldError{at, "preset and layers: both or none are set", "set exactly one"}
	case a.Width != 0 && a.Preset != v1alpha1.ArchitectureResNet18:
		return nil, &FieldError{at + ".width", fmt.Sprintf("%d, but only preset resnet18 has a width", a.Width), "remove it"}
	case a.Width < 0 || a.Width > maxWidth:
		return nil, &FieldError{at + ".width", fmt.Sprintf("%d channels", a.Width), fmt.Sprintf("use 1 to %d", maxWidth)}
	case a.Preset != "":
		if n.net, err = nn.Preset(n.name, n.width, image, d.Classes); err != nil {
			return nil, &FieldError{at + ".preset", err.Error(), "use one of " + presets + " that fits the data set, or layers"}
		}
	default:
		if err := checkLayers(a.Layers); err != nil {
			return nil, err
		}
		n.layers = specLayers(a.Layers)
		if n.net, err = nn.FromSpec(n.layers); err != nil {
			return nil, layerError(err)
		}
	}
	if err := n.withHead(w); err != nil {
		return nil, err
	}
	return n, n.record(image, d)
}

const (
	presets  = "cnn-small, cnn-medium, resnet18, vit-s and vit-tiny"
	maxWidth = 1024
)

// architectureName is what identifies an architecture beside its width and layers.
func architectureName(a *v1alpha1.Architecture) string {
	if a.Preset == "" {
		return spec.ArchitectureLayers
	}
	return string(a.Preset)
}

// specWidth is the width that identifies an architecture: 0 for the default.
func specWidth(a *v1alpha1.Architecture) int {
	if a.Width == spec.DefaultWidth {
		return 0
	}
	return int(a.Width)
}

func layerError(err error) error {
	var l *nn.LayerError
	if errors.As(err, &l) {
		return &FieldError{l.Field(), l.Problem, "change this layer or those before it"}
	}
	return err
}

// record applies the network to images and checks its outputs.
func (n *network) record(image nn.Image, d *spec.DatasetInput) error {
	g := op.NewGraph(true)
	c := nn.NewContext(g, device.Tanh)
	// Batch norm needs two values per channel; parameters do not depend on the batch.
	x := g.Input("images", image.Channels, image.Height, image.Width, 2)
	y, err := nn.Record(c, n.net, nn.Tensor{Value: x, Layout: nn.Images})
	if err != nil {
		return n.misfit(err)
	}
	last := fmt.Sprintf("spec.architecture.layers[%d]", len(n.net)-1)
	out := g.Shape(y.Value)
	switch y.Layout {
	case nn.FeaturesFirst, nn.FeaturesLast:
		outputs := out.Size() / 2
		if outputs < d.Classes {
			return &FieldError{last, fmt.Sprintf("the network has %d outputs, data set %q has %d classes", outputs, d.Name, d.Classes), "end with a linear layer of one output for each class"}
		}
	default:
		return &FieldError{last, fmt.Sprintf("the network ends with %s", y.Layout), "end with globalAvgPool, flatten or firstToken, then linear"}
	}
	params := tensor.Total(g.Layout())
	if params < 1 || params > math.MaxInt32 {
		return &FieldError{"spec.architecture", fmt.Sprintf("%d parameters", params), fmt.Sprintf("use 1 to %d", math.MaxInt32)}
	}
	n.params = params
	return nil
}

// misfit names the preset or the layer.
func (n *network) misfit(err error) error {
	var l *nn.LayerError
	if n.layers == nil && errors.As(err, &l) {
		return &FieldError{"spec.architecture.preset", fmt.Sprintf("%s does not fit the data set: %s", n.name, l.Problem), "use another preset or layers"}
	}
	return layerError(err)
}

// checkGrid refuses values of the grid that the network would ignore: they would give equal members of different names.
func (n *network) checkGrid(g *v1alpha1.Grid) error {
	const at = "spec.population.grid."
	activation, dropout := uses(n.net)
	if !activation && len(g.Activation) > 1 {
		return &FieldError{at + "activation", fmt.Sprintf("%d values, but no layer applies the member's activation", len(g.Activation)), "give one value, or write a layer activation: {}"}
	}
	for i, p := range g.Dropout {
		if !dropout && mustFloat(string(p)) != 0 {
			return &FieldError{fmt.Sprintf("%sdropout[%d]", at, i), fmt.Sprintf("%q, but the network has no dropout", p), "remove it, or write a layer dropout: {}"}
		}
	}
	return nil
}

// uses says whether layers apply the member's activation and dropout probability.
func uses(layer nn.Layer) (activation, dropout bool) {
	switch l := layer.(type) {
	case nn.Sequential:
		for _, e := range l {
			a, d := uses(e.Layer)
			activation, dropout = activation || a, dropout || d
		}
	case nn.Activation:
		activation = l.Member
	case nn.Dropout:
		dropout = true
	case nn.Block:
		activation, dropout = l.Member, true
	case nn.EncoderBlock:
		activation, dropout = l.Member, true
	default:
	}
	return activation, dropout
}
