// Package rebasin brings networks of one architecture into one basin: it permutes hidden units, which
// changes no output, so that the weights of one network match those of another (weight matching of
// Ainsworth, Hayase and Srinivasa, "Git Re-Basin", 2023, arXiv 2209.04836, algorithm 1), and it averages
// weights: soups (Wortsman et al. 2022), epochs, interpolations.
//
// Batch normalisation. Running statistics are permuted with their channels but are not part of what is
// matched. The statistics of averaged weights are not the average of the statistics: averages are returned
// with averaged statistics, and a network with batch normalisation must have them computed again from
// data before it is judged (Jordan et al. 2023, "REPAIR"). See HasStatistics.
package rebasin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weightspace/weightspace/runtime/analysis/points"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// Axis is an axis of a parameter whose units a group permutes: unit u is the Block consecutive
// indices from u*Block. Block is the number of positions behind a flattened channel, else 1.
type Axis struct{ Param, Axis, Block int }

// Group is hidden units that are permuted together: the outputs of one layer, or the channels of a
// residual stream.
type Group struct {
	// Name is the parameter that makes the units first.
	Name string
	Size int
	Axes []Axis
}

// Spec says which units of an architecture may be permuted. Params are those of a row of weights,
// statistics included.
type Spec struct {
	Params []tensor.Param
	Groups []Group
}

// SpecOf derives the spec from a layout with PyTorch's names: networks of convolutions, linear
// layers and normalisations one after another (cnn-small, cnn-medium, MLPs, lists of such layers),
// and basic residual blocks named conv1, bn1, conv2, bn2 and downsample (resnet18). It fails for
// anything else, transformers above all: matching them brings no gain in the published ViT zoo, and
// heads and residual streams need other symmetries.
func SpecOf(params []tensor.Param) (*Spec, error) {
	b := builder{spec: &Spec{Params: params}, stream: -1, maker: map[string]int{}}
	var trained []int
	for i, p := range params {
		switch {
		case points.Statistic(p.Name):
		case len(p.Shape) == 0 || p.Size() == 0:
			return nil, fmt.Errorf("rebasin: %s has no elements that could be permuted", p.Name)
		default:
			trained = append(trained, i)
		}
	}
	for len(trained) > 0 {
		parts := b.block(trained)
		var err error
		if parts != nil {
			err = b.residual(trained, parts)
		} else {
			parts, err = []string{""}, b.plain(trained[0])
		}
		if err != nil {
			return nil, err
		}
		trained = trained[len(parts):]
	}
	if b.stream >= 0 {
		b.fixed[b.stream] = true // the outputs have names
	}
	if err := b.statistics(); err != nil {
		return nil, err
	}
	return b.finish()
}

// builder walks the parameters in the order of the network; stream is the group of what flows, -1
// if that may not be permuted, as the network's input.
type builder struct {
	spec   *Spec
	stream int
	fixed  []bool
	// maker is the group that a module's scale follows, by the module's name.
	maker map[string]int
}

// plain adds parameter i of a layer in sequence.
func (b *builder) plain(i int) error {
	if len(b.spec.Params[i].Shape) == 1 {
		return b.follow(i, b.stream)
	}
	if err := b.consume(i, b.stream); err != nil {
		return err
	}
	b.stream = b.produce(i)
	return nil
}

// statistics lets running statistics, which lie behind the parameters, follow their modules' scales.
func (b *builder) statistics() error {
	for i, p := range b.spec.Params {
		if !points.Statistic(p.Name) || p.Size() == 1 && len(p.Shape) == 0 || strings.HasSuffix(p.Name, "num_batches_tracked") {
			continue
		}
		group, ok := b.maker[p.Name[:strings.LastIndexByte(p.Name, '.')+1]]
		if !ok {
			return fmt.Errorf("rebasin: %s belongs to no normalisation with a scale", p.Name)
		}
		if err := b.follow(i, group); err != nil {
			return err
		}
	}
	return nil
}

// consume lets a weight's inputs follow a group.
func (b *builder) consume(i, group int) error {
	p := b.spec.Params[i]
	if strings.Contains(p.Name, "attn") || strings.Contains(p.Name, "embed") || strings.Contains(p.Name, "token") || len(p.Shape) == 3 {
		return fmt.Errorf("rebasin: %s: transformers are not supported: only networks of convolutions, linear layers, normalisations and basic residual blocks are", p.Name)
	}
	if group < 0 {
		return nil
	}
	g := &b.spec.Groups[group]
	if p.Shape[1] == 0 || p.Shape[1]%g.Size != 0 {
		return fmt.Errorf("rebasin: %s has %d inputs, which are not those of the %d units of %s: the network is not a sequence, or has grouped convolutions", p.Name, p.Shape[1], g.Size, g.Name)
	}
	g.Axes = append(g.Axes, Axis{i, 1, p.Shape[1] / g.Size})
	return nil
}

// produce makes a group of a weight's outputs.
func (b *builder) produce(i int) int {
	p := b.spec.Params[i]
	b.spec.Groups = append(b.spec.Groups, Group{Name: p.Name, Size: p.Shape[0], Axes: []Axis{{i, 0, 1}}})
	b.fixed = append(b.fixed, false)
	return len(b.spec.Groups) - 1
}

// follow lets a bias, a scale or a statistic follow a group.
func (b *builder) follow(i, group int) error {
	p := b.spec.Params[i]
	b.maker[p.Name[:strings.LastIndexByte(p.Name, '.')+1]] = group
	if group < 0 {
		return nil
	}
	g := &b.spec.Groups[group]
	if p.Shape[0] != g.Size {
		return fmt.Errorf("rebasin: %s has %d elements for the %d units of %s: the network is not a sequence", p.Name, p.Shape[0], g.Size, g.Name)
	}
	g.Axes = append(g.Axes, Axis{i, 0, 1})
	return nil
}

// block recognises a basic block at the start of the parameters left: the module of the block that
// each of its parameters belongs to, nil for none.
func (b *builder) block(left []int) (parts []string) {
	prefix, ok := strings.CutSuffix(b.spec.Params[left[0]].Name, "conv1.weight")
	if !ok || prefix == "" {
		return nil
	}
	found := map[string]bool{}
	for _, i := range left {
		rest, ok := strings.CutPrefix(b.spec.Params[i].Name, prefix)
		part := rest[:max(strings.LastIndexByte(rest, '.'), 0)]
		if !ok || !slices.Contains(blockParts, part) {
			break
		}
		parts = append(parts, part)
		found[part] = true
	}
	if !found["bn1"] || !found["conv2"] || !found["bn2"] {
		return nil
	}
	return parts
}

var blockParts = []string{"conv1", "bn1", "conv2", "bn2", "downsample.0", "downsample.1"}

// residual adds a block: inner units of its own, and the stream, which goes on unless a convolution
// replaces it.
func (b *builder) residual(left []int, parts []string) error {
	inner, out := -1, b.stream
	replaced := slices.Contains(parts, "downsample.0")
	for k, part := range parts {
		i := left[k]
		weight := len(b.spec.Params[i].Shape) > 1
		var err error
		switch {
		case part == "conv1" && weight:
			err = b.consume(i, b.stream)
			inner = b.produce(i)
		case part == "conv1" || part == "bn1":
			err = b.follow(i, inner)
		case part == "conv2" && weight:
			if err = b.consume(i, inner); err == nil && replaced {
				out = b.produce(i)
			} else if err == nil {
				err = b.follow(i, out)
			}
		case part == "downsample.0" && weight:
			if err = b.consume(i, b.stream); err == nil {
				err = b.follow(i, out)
			}
		default:
			err = b.follow(i, out)
		}
		if err != nil {
			return err
		}
	}
	b.stream = out
	return nil
}

// finish drops groups that must stay as they are.
func (b *builder) finish() (*Spec, error) {
	s := &Spec{Params: b.spec.Params}
	for i, g := range b.spec.Groups {
		if !b.fixed[i] {
			s.Groups = append(s.Groups, g)
		}
	}
	if len(s.Groups) == 0 {
		return nil, fmt.Errorf("rebasin: the network has no hidden units")
	}
	return s, nil
}

// HasStatistics says whether rows hold running statistics, which averages make meaningless.
func (s *Spec) HasStatistics() bool { return len(points.Trained(s.Params)) < len(s.Params) }
