package nn

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/spec"
)

// LayerError says which entry of a manifest's list of layers does not fit, and why.
type LayerError struct {
	Index   int
	Problem string
}

// Error implements error.
func (e *LayerError) Error() string { return fmt.Sprintf("%s: %s", e.Field(), e.Problem) }

// Field is the entry's path in the manifest.
func (e *LayerError) Field() string { return fmt.Sprintf("spec.architecture.layers[%d]", e.Index) }

// FromSpec builds the network that a manifest's layers describe. Entry i of the result is entry i of the list. Errors are
// LayerErrors; what does not fit the entry's input shows only when the network is recorded (Record).
func FromSpec(layers []spec.Layer) (Sequential, error) {
	out := make(Sequential, len(layers))
	names := map[string]int{}
	table := ""
	for i, l := range layers {
		if err := checkName(l, i, names); err != nil {
			return nil, &LayerError{i, err.Error()}
		}
		layer, err := fromSpec(l, table)
		if err != nil {
			return nil, &LayerError{i, err.Error()}
		}
		if l.Kind == spec.LayerTokenEmbedding {
			table = l.Name + ".wte.weight"
		}
		out[i] = Named{l.Name, layer}
		// Batch norm clips in its own pass; an empty Sequential changes nothing.
		if a, ok := layer.(Activation); ok && i > 0 && !a.Member && a.F == device.ReLU && out[i-1].Layer == Layer(BatchNorm{}) {
			out[i-1].Layer, out[i].Layer = BatchNorm{ReLU: true}, Nothing{}
		}
	}
	return out, nil
}

// HasName says whether the name of a kind of layer means something: it has parameters or a random stream.
func HasName(kind string) bool {
	switch kind {
	case spec.LayerConv2D, spec.LayerLinear, spec.LayerBatchNorm, spec.LayerLayerNorm, spec.LayerDropout, spec.LayerBasicBlock,
		spec.LayerPatchEmbedding, spec.LayerTransformer, spec.LayerTokenEmbedding:
		return true
	}
	return false
}

func checkName(l spec.Layer, i int, names map[string]int) error {
	if !HasName(l.Kind) {
		return nil
	}
	if other, twice := names[l.Name]; twice {
		return fmt.Errorf("the name %q is that of layer %d", l.Name, other)
	}
	if names[l.Name] = i; l.Name == "" {
		return errors.New("it has no name")
	}
	return nil
}

// fromSpec builds one layer; table is the name of the last token table before it.
func fromSpec(l spec.Layer, table string) (Layer, error) {
	eps, err := epsilon(l.Epsilon)
	if err != nil {
		return nil, err
	}
	f, err := function(l.Function)
	if err != nil {
		return nil, err
	}
	switch l.Kind {
	case spec.LayerConv2D:
		return Conv2D{Out: l.Out, Kernel: l.Kernel, Stride: l.Stride, Padding: l.Padding, Groups: l.Groups, NoBias: l.NoBias}, nil
	case spec.LayerLinear:
		return Linear{Out: l.Out, NoBias: l.NoBias}, nil
	case spec.LayerBatchNorm:
		return BatchNorm{}, nil
	case spec.LayerLayerNorm:
		return LayerNorm{eps}, nil
	case spec.LayerActivation:
		return f, nil
	case spec.LayerDropout:
		return Dropout{}, nil
	case spec.LayerMaxPool:
		return MaxPool{l.Kernel, l.Stride, l.Padding}, nil
	case spec.LayerAvgPool:
		return AvgPool{l.Kernel, l.Stride, l.Padding}, nil
	case spec.LayerGlobalAvgPool:
		return GlobalAvgPool{}, nil
	case spec.LayerFlatten:
		return Flatten{}, nil
	case spec.LayerBasicBlock:
		return BasicBlock{l.Out, l.Stride}, nil
	case spec.LayerPatchEmbedding:
		return PatchEmbedding{l.Patch, l.Dim}, nil
	case spec.LayerTransformer:
		return transformer(l, f, eps), nil
	case spec.LayerTokenEmbedding:
		return TokenEmbedding{Vocabulary: l.Vocabulary, Positions: l.Positions, Dim: l.Dim}, nil
	case spec.LayerTokenLogits:
		if table == "" {
			return nil, errors.New("tokenLogits needs a tokenEmbedding before it, whose table it uses")
		}
		return TokenLogits{table}, nil
	case spec.LayerFirstToken:
		return FirstToken{}, nil
	}
	return nil, fmt.Errorf("unknown kind of layer %q", l.Kind)
}

// transformer is a stack of blocks named 0, 1, ...
func transformer(l spec.Layer, f Activation, eps float64) Sequential {
	s := make(Sequential, l.Depth)
	for i := range s {
		s[i].Name = strconv.Itoa(i)
		if l.NormLast {
			s[i].Layer = EncoderBlock{Heads: l.Heads, MLP: l.MLP, Causal: l.Causal, Activation: f.F, Member: f.Member, Eps: eps}
		} else {
			s[i].Layer = Block{Heads: l.Heads, MLP: l.MLP, Causal: l.Causal, Activation: f.F, Member: f.Member, Eps: eps}
		}
	}
	return s
}

func epsilon(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v > 0 && v < 1) {
		return 0, fmt.Errorf("epsilon %q is not a number in (0, 1)", text)
	}
	return v, nil
}

func function(name string) (Activation, error) {
	if name == "" || name == spec.FunctionMember {
		return Activation{Member: true}, nil
	}
	f, err := op.ParseActivation(name)
	return Activation{F: f}, err
}

// Nothing is a layer that another one does already.
type Nothing struct{}

// Apply implements Layer.
func (Nothing) Apply(_ *Context, x Tensor) Tensor { return x }

// TokenLogits multiplies sequences with a table of tokens that was declared before, by its full name: [B, T, D] to [B, T, Vocabulary].
type TokenLogits struct{ Table string }

// Apply implements Layer.
func (l TokenLogits) Apply(c *Context, x Tensor) Tensor {
	expect("token logits", x, Sequences)
	for i, p := range c.Graph.Layout() {
		if p.Name == l.Table {
			return Tensor{c.Graph.Linear(x.Value, c.Graph.Params()[i], op.Value{}), Sequences}
		}
	}
	fail("token logits", "there is no table "+l.Table)
	return Tensor{}
}

// Record applies the entries of a network one after another. When one does not fit its input the error is a LayerError
// with its index.
func Record(c *Context, net Sequential, x Tensor) (Tensor, error) {
	for i, l := range net {
		if err := op.Build(func() { x = l.Layer.Apply(c.In(l.Name), x) }); err != nil {
			return Tensor{}, &LayerError{i, err.Error()}
		}
	}
	return x, nil
}
