package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/spec"
)

// layerMembers are the members of a layer that are set, in the order of the schema.
func layerMembers(l *v1alpha1.Layer) []string {
	var out []string
	for _, m := range []struct {
		kind string
		set  bool
	}{
		{spec.LayerConv2D, l.Conv2D != (v1alpha1.Conv2DLayer{})},
		{spec.LayerLinear, l.Linear != (v1alpha1.LinearLayer{})},
		{spec.LayerBatchNorm, l.BatchNorm != nil},
		{spec.LayerLayerNorm, l.LayerNorm != nil},
		{spec.LayerActivation, l.Activation != nil},
		{spec.LayerDropout, l.Dropout != nil},
		{spec.LayerMaxPool, l.MaxPool != (v1alpha1.PoolLayer{})},
		{spec.LayerAvgPool, l.AvgPool != (v1alpha1.PoolLayer{})},
		{spec.LayerGlobalAvgPool, l.GlobalAvgPool != nil},
		{spec.LayerFlatten, l.Flatten != nil},
		{spec.LayerBasicBlock, l.BasicBlock != (v1alpha1.BasicBlockLayer{})},
		{spec.LayerPatchEmbedding, l.PatchEmbedding != (v1alpha1.PatchEmbeddingLayer{})},
		{spec.LayerTransformer, l.Transformer != (v1alpha1.TransformerLayer{})},
		{spec.LayerTokenEmbedding, l.TokenEmbedding != (v1alpha1.TokenEmbeddingLayer{})},
		{spec.LayerTokenLogits, l.TokenLogits != nil},
		{spec.LayerFirstToken, l.FirstToken != nil},
	} {
		if m.set {
			out = append(out, m.kind)
		}
	}
	return out
}

// specLayers translates layers with their defaults filled in. It checks nothing, so that a digest can be made of any
// spec; a layer that is no single member has the kind "".
func specLayers(layers []v1alpha1.Layer) []spec.Layer {
	out := make([]spec.Layer, len(layers))
	for i := range layers {
		out[i] = specLayer(&layers[i])
		if out[i].Name = layers[i].Name; out[i].Name == "" {
			out[i].Name = strconv.Itoa(i)
		}
		if !nn.HasName(out[i].Kind) {
			out[i].Name = ""
		}
	}
	return out
}

func specLayer(l *v1alpha1.Layer) spec.Layer {
	members := layerMembers(l)
	if len(members) != 1 {
		return spec.Layer{}
	}
	out := spec.Layer{Kind: members[0]}
	switch out.Kind {
	case spec.LayerConv2D:
		m := &l.Conv2D
		out.Out, out.Kernel, out.Stride, out.Groups = int(m.Out), int(m.Kernel), int(m.Stride), int(m.Groups)
		out.Padding, out.NoBias = orZero(m.Padding), m.Bias == v1alpha1.BiasNone
	case spec.LayerLinear:
		out.Out, out.NoBias = int(l.Linear.Out), l.Linear.Bias == v1alpha1.BiasNone
	case spec.LayerLayerNorm:
		out.Epsilon = canonicalDecimal(string(l.LayerNorm.Epsilon))
	case spec.LayerActivation:
		out.Function = string(l.Activation.Function)
	case spec.LayerMaxPool, spec.LayerAvgPool:
		m := &l.MaxPool
		if out.Kind == spec.LayerAvgPool {
			m = &l.AvgPool
		}
		out.Kernel, out.Stride, out.Padding = int(m.Kernel), int(m.Stride), orZero(m.Padding)
		if out.Stride == 0 {
			out.Stride = out.Kernel
		}
	case spec.LayerBasicBlock:
		out.Out, out.Stride = int(l.BasicBlock.Out), int(l.BasicBlock.Stride)
	case spec.LayerPatchEmbedding:
		out.Patch, out.Dim = int(l.PatchEmbedding.Patch), int(l.PatchEmbedding.Dim)
	case spec.LayerTransformer:
		m := &l.Transformer
		out.Depth, out.Heads, out.MLP = int(m.Depth), int(m.Heads), int(m.MLP)
		out.NormLast, out.Causal = m.Norm == v1alpha1.NormLast, m.Mask == v1alpha1.AttentionMaskCausal
		out.Function, out.Epsilon = string(m.Activation), canonicalDecimal(string(m.Epsilon))
	case spec.LayerTokenEmbedding:
		m := &l.TokenEmbedding
		out.Vocabulary, out.Positions, out.Dim = int(m.Vocabulary), int(m.Positions), int(m.Dim)
	}
	return out
}

func orZero(p *int32) int {
	if p == nil {
		return 0
	}
	return int(*p)
}

// The largest networks that a plan records: entries, blocks, and the extents of a layer. They are the schema's, which the
// command line does not see.
const (
	maxLayers = 128
	maxDepth  = 256
	maxExtent = 1 << 20
	maxWindow = 64
)

// checkLayers refuses what the schema refuses.
func checkLayers(layers []v1alpha1.Layer) error {
	if len(layers) > maxLayers {
		return &FieldError{"spec.architecture.layers", fmt.Sprintf("%d layers", len(layers)), fmt.Sprintf("use at most %d", maxLayers)}
	}
	depth := 0
	for i := range layers {
		at := fmt.Sprintf("spec.architecture.layers[%d]", i)
		if members := layerMembers(&layers[i]); len(members) != 1 {
			problem := "no kind of layer is set"
			if len(members) > 1 {
				problem = strings.Join(members, " and ") + " are set"
			}
			return &FieldError{at, problem, "set exactly one beside name, such as linear: {out: 10}"}
		}
		l := specLayer(&layers[i])
		at += "." + l.Kind
		if err := checkExtents(at, &l); err != nil {
			return err
		}
		if depth += l.Depth; depth > maxDepth {
			return &FieldError{at + ".depth", fmt.Sprintf("%d blocks up to here", depth), fmt.Sprintf("use at most %d", maxDepth)}
		}
		if err := checkWords(at, &layers[i]); err != nil {
			return err
		}
	}
	return nil
}

func checkExtents(at string, l *spec.Layer) error {
	for _, c := range []struct {
		name  string
		value int
		low   int
		high  int
		kinds string
	}{
		{"out", l.Out, 1, maxExtent, "conv2d linear basicBlock"},
		{"kernel", l.Kernel, 1, maxWindow, "conv2d maxPool avgPool"},
		{"stride", l.Stride, 1, maxWindow, "conv2d maxPool avgPool basicBlock"},
		{"padding", l.Padding, 0, maxWindow, "conv2d maxPool avgPool"},
		{"groups", l.Groups, 1, maxExtent, "conv2d"},
		{"patch", l.Patch, 1, maxWindow, "patchEmbedding"},
		{"dim", l.Dim, 1, maxExtent, "patchEmbedding tokenEmbedding"},
		{"depth", l.Depth, 1, maxDepth, "transformer"},
		{"heads", l.Heads, 1, maxExtent, "transformer"},
		{"mlp", l.MLP, 1, maxExtent, "transformer"},
		{"vocabulary", l.Vocabulary, 1, maxExtent, "tokenEmbedding"},
		{"positions", l.Positions, 1, maxExtent, "tokenEmbedding"},
	} {
		if slices.Contains(strings.Fields(c.kinds), l.Kind) && (c.value < c.low || c.value > c.high) {
			return &FieldError{at + "." + c.name, fmt.Sprintf("it is %d", c.value), fmt.Sprintf("use %d to %d", c.low, c.high)}
		}
	}
	return nil
}

// checkWords checks enumerations and decimals.
func checkWords(at string, l *v1alpha1.Layer) error {
	biases := []v1alpha1.BiasForm{v1alpha1.BiasLearned, v1alpha1.BiasNone}
	switch {
	case l.Conv2D.Bias != "":
		return word(at+".bias", l.Conv2D.Bias, biases)
	case l.Linear.Bias != "":
		return word(at+".bias", l.Linear.Bias, biases)
	case l.LayerNorm != nil:
		return checkDecimal(at+".epsilon", l.LayerNorm.Epsilon, epsilon)
	case l.Activation != nil:
		return word(at+".function", l.Activation.Function, layerActivations)
	case l.Transformer.Depth != 0:
		m := &l.Transformer
		if err := word(at+".norm", m.Norm, []v1alpha1.NormPosition{v1alpha1.NormFirst, v1alpha1.NormLast}); err != nil {
			return err
		}
		if err := word(at+".mask", m.Mask, []v1alpha1.AttentionMask{v1alpha1.AttentionMaskNone, v1alpha1.AttentionMaskCausal}); err != nil {
			return err
		}
		if err := word(at+".activation", m.Activation, layerActivations); err != nil {
			return err
		}
		return checkDecimal(at+".epsilon", m.Epsilon, epsilon)
	}
	return nil
}

// layerActivations are the functions of a layer.
var layerActivations = []v1alpha1.LayerActivation{v1alpha1.LayerActivationMember, "tanh", "relu", "sigmoid", "gelu", "gelu-tanh", "silu", "leakyrelu"}

// word checks that a value is one of those allowed.
func word[T ~string](field string, v T, allowed []T) error {
	if !slices.Contains(allowed, v) {
		return &FieldError{field, fmt.Sprintf("unknown value %q", v), fmt.Sprintf("use one of %v", allowed)}
	}
	return nil
}
