package importer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/tensor"
	"github.com/weightspace/weightspace/runtime/torchzip"
)

// Architectures that are recognised by their tensors.
const (
	CNNSmall  = "cnn-small"
	CNNMedium = "cnn-medium"
	ResNet18  = "resnet18"
)

// Network is an architecture, resolved from the names and shapes of tensors.
type Network struct {
	Architecture string `json:"architecture"`
	// Width is that of resnet18, 0 for its default of 64.
	Width    int `json:"width,omitempty"`
	Channels int `json:"channels"`
	Classes  int `json:"classes"`
	// Side is the images' where the network tells it, 0 for any.
	Side int `json:"-"`
	// Layout are the parts of a row: the trained parameters in PyTorch's order, then running statistics.
	Layout []tensor.Param `json:"-"`
	// Parameters counts the trained ones, Length all elements of a row.
	Parameters int `json:"-"`
	Length     int `json:"-"`
}

// String names the network.
func (n *Network) String() string {
	s := n.Architecture
	if n.Width != 0 {
		s += fmt.Sprintf(" of width %d", n.Width)
	}
	return s + fmt.Sprintf(" for %d channels and %d classes", n.Channels, n.Classes)
}

func (n *Network) same(m *Network) bool {
	return n.Architecture == m.Architecture && n.Width == m.Width && n.Channels == m.Channels && n.Classes == m.Classes
}

// anySide is the image side that a network without a fixed one is laid out with: parameters do not depend on it.
const anySide = 32

// NewNetwork lays a network out.
func NewNetwork(architecture string, width, channels, classes int) (*Network, error) {
	n := &Network{Architecture: architecture, Width: width, Channels: channels, Classes: classes}
	side := anySide
	switch architecture {
	case CNNSmall:
		n.Side, side = 28, 28
	case CNNMedium:
		n.Side = 32
	}
	layers, err := nn.Preset(architecture, width, nn.Image{Channels: channels, Height: side, Width: side}, classes)
	if err != nil {
		return nil, err
	}
	g := op.NewGraph(true)
	x := nn.Tensor{Value: g.Input("images", channels, side, side, 2), Layout: nn.Images}
	if _, err := nn.Record(nn.NewContext(g, device.Tanh), layers, x); err != nil {
		return nil, err
	}
	n.Layout = g.Layout()
	n.Parameters = tensor.Total(n.Layout)
	for _, s := range g.States() {
		s.Offset += n.Parameters
		n.Layout = append(n.Layout, s)
	}
	n.Length = tensor.Total(n.Layout)
	return n, nil
}

// or is the network itself if it is the one asked for, which saves laying it out again.
func (n *Network) or(architecture string, width, channels, classes int) (*Network, error) {
	if n != nil && n.same(&Network{Architecture: architecture, Width: width, Channels: channels, Classes: classes}) {
		return n, nil
	}
	return NewNetwork(architecture, width, channels, classes)
}

// maxWidth and maxClasses bound what a checkpoint can ask for: a network larger than its file is refused before it is laid out.
const (
	maxWidth   = 1024
	maxClasses = 65_536
)

// mapping says where the tensors of a file lie in a row.
type mapping struct {
	network *Network
	names   []string
	// params are the tensors' entries of the layout; an empty name leaves a tensor out.
	params []tensor.Param
	twin   bool
}

// fits says whether a file has exactly the tensors of the mapping, in its order.
func (m *mapping) fits(tensors []artifact.Tensor) bool {
	if m == nil || len(tensors) != len(m.names) {
		return false
	}
	for i := range tensors {
		if tensors[i].Name != m.names[i] {
			return false
		}
	}
	return true
}

// row puts the tensors in order: little-endian float32.
func (m *mapping) row(tensors []artifact.Tensor) ([]byte, error) {
	row := make([]byte, 4*m.network.Length)
	var buffer []float32
	for i := range tensors {
		p, t := m.params[i], &tensors[i]
		if p.Name == "" {
			continue
		}
		if !slices.Equal(p.Shape, t.Shape) {
			return nil, fmt.Errorf("tensor %q has shape %v, %s has %v there", t.Name, t.Shape, m.network, p.Shape)
		}
		to := row[4*p.Offset : 4*(p.Offset+p.Size())]
		if t.DType == artifact.F32 {
			copy(to, t.Data)
			continue
		}
		var err error
		if buffer, err = torchzip.Float32s(buffer[:0], t); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		putFloats(to, buffer)
	}
	return row, nil
}

// modulePrefix is left by DataParallel and by phases of training.
const modulePrefix = "module."

// resolve recognises a network by its tensors; want, if not nil, is the one that is likely. dropout is the config's: small networks with dropout have other indices.
func resolve(tensors []artifact.Tensor, dropout float64, want *Network) (*mapping, error) {
	m := &mapping{names: make([]string, len(tensors)), params: make([]tensor.Param, len(tensors))}
	prefixed := len(tensors) > 0
	for i := range tensors {
		m.names[i] = tensors[i].Name
		prefixed = prefixed && strings.HasPrefix(tensors[i].Name, modulePrefix)
	}
	kept := map[string]int{}
	for i, name := range m.names {
		if prefixed {
			name = strings.TrimPrefix(name, modulePrefix)
		}
		switch {
		case strings.HasSuffix(name, ".num_batches_tracked"):
			continue // a count of batches, of no use without training on
		case strings.HasSuffix(name, "log_sigma2"), strings.HasSuffix(name, "log_sigma2_bias"), strings.HasSuffix(name, "log_sigma2_weight"):
			m.twin = true
			continue
		}
		kept[name] = i
	}
	network, moved, err := recognise(tensors, kept, dropout, want)
	if err != nil {
		return nil, err
	}
	m.network = network
	for _, p := range network.Layout {
		name := moved(p.Name)
		i, ok := kept[name]
		if !ok {
			return nil, skip(WrongShape, "", "it has no tensor %q, which %s has", name, network)
		}
		if t := &tensors[i]; !slices.Equal(t.Shape, p.Shape) {
			return nil, skip(WrongShape, "", "tensor %q has shape %v, %s has %v there", name, t.Shape, network, p.Shape)
		}
		m.params[i] = p
		delete(kept, name)
	}
	for name := range kept {
		return nil, skip(WrongShape, "", "tensor %q belongs to no layer of %s", name, network)
	}
	return m, nil
}

// Indices of the module lists of the published CNNs: the small one counts dropout modules only where there are some.
var (
	smallIndices   = []int{0, 3, 6, 9, 11}
	dropoutIndices = []int{0, 4, 8, 11, 14}
	mediumIndices  = []int{0, 4, 8, 13, 16}
)

// recognise finds the network, and how its file names the layout's entries.
func recognise(tensors []artifact.Tensor, kept map[string]int, dropout float64, want *Network) (*Network, func(string) string, error) {
	shape := func(name string, dims int) []int {
		if i, ok := kept[name]; ok && len(tensors[i].Shape) == dims {
			return tensors[i].Shape
		}
		return nil
	}
	same := func(name string) string { return name }
	if first := shape("module_list.0.weight", 4); first != nil {
		indices, err := moduleIndices(kept)
		if err != nil {
			return nil, nil, err
		}
		return recogniseCNN(indices, first[1], dropout, want)
	}
	conv, fc := shape("conv1.weight", 4), shape("fc.weight", 2)
	if conv == nil || fc == nil || shape("layer4.1.conv2.weight", 4) == nil {
		return nil, nil, skip(UnknownNetwork, "", "its tensors (%s) are those of no network that is known here: cnn-small, cnn-medium, resnet18", someNames(tensors))
	}
	width, channels, classes := conv[0], conv[1], fc[0]
	if width < 1 || width > maxWidth || channels < 1 || channels > maxWidth || classes < 1 || classes > maxClasses {
		return nil, nil, skip(WrongShape, "", "conv1.weight %v and fc.weight %v are those of no resnet18", conv, fc)
	}
	if width == 64 {
		width = 0
	}
	n, err := want.or(ResNet18, width, channels, classes)
	if err != nil {
		return nil, nil, &SkipError{Reason: WrongShape, Err: err}
	}
	return n, same, nil
}

func recogniseCNN(indices []int, channels int, dropout float64, want *Network) (*Network, func(string) string, error) {
	if channels < 1 || channels > maxWidth {
		return nil, nil, skip(WrongShape, "", "module_list.0.weight has %d input channels", channels)
	}
	same := func(name string) string { return name }
	architecture, moved := CNNSmall, same
	switch {
	case slices.Equal(indices, smallIndices):
		if dropout > 0 {
			return nil, nil, skip(BadConfig, "", "its config says dropout %g, but its layers are those of a network without", dropout)
		}
	case slices.Equal(indices, dropoutIndices):
		if dropout == 0 {
			return nil, nil, skip(BadConfig, "", "its config says dropout 0, but its layers are those of a network with dropout")
		}
		moved = withDropout
	case slices.Equal(indices, mediumIndices):
		architecture = CNNMedium
	default:
		return nil, nil, skip(UnknownNetwork, "", "module_list has layers at %v; cnn-small has %v, with dropout %v, cnn-medium %v", indices, smallIndices, dropoutIndices, mediumIndices)
	}
	n, err := want.or(architecture, 0, channels, 10)
	if err != nil {
		return nil, nil, &SkipError{Reason: WrongShape, Err: err}
	}
	return n, moved, nil
}

// withDropout moves an index of cnn-small to where it is with dropout modules.
func withDropout(name string) string {
	for i, from := range smallIndices {
		if rest, ok := strings.CutPrefix(name, "module_list."+strconv.Itoa(from)+"."); ok {
			return "module_list." + strconv.Itoa(dropoutIndices[i]) + "." + rest
		}
	}
	return name
}

// moduleIndices are the indices of layers in a module list.
func moduleIndices(kept map[string]int) ([]int, error) {
	var out []int
	for name := range kept {
		rest, ok := strings.CutPrefix(name, "module_list.")
		if !ok {
			return nil, skip(UnknownNetwork, "", "tensor %q lies outside of module_list", name)
		}
		text, _, _ := strings.Cut(rest, ".")
		i, err := strconv.Atoi(text)
		if err != nil {
			return nil, skip(UnknownNetwork, "", "tensor %q has no index in module_list", name)
		}
		out = append(out, i)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func someNames(tensors []artifact.Tensor) string {
	var names []string
	for _, t := range tensors[:min(3, len(tensors))] {
		names = append(names, fmt.Sprintf("%.60q", t.Name))
	}
	if len(tensors) > 3 {
		names = append(names, "...")
	}
	return strings.Join(names, ", ")
}
