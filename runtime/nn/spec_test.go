package nn

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/tensor"
	"github.com/weightspace/weightspace/runtime/tile"
)

func TestFromSpecTakesOptions(t *testing.T) {
	s, err := FromSpec([]spec.Layer{
		{Name: "0", Kind: "conv2d", Out: 4, Kernel: 3, Stride: 2, Padding: 1, Groups: 2, NoBias: true},
		{Name: "1", Kind: "batchNorm"},
		{Kind: "activation", Function: "relu"},
		{Kind: "activation", Function: "member"},
		{Kind: "avgPool", Kernel: 2, Stride: 2, Padding: 1},
		{Name: "5", Kind: "batchNorm"},
		{Kind: "activation"},
		{Name: "7", Kind: "transformer", Depth: 1, Heads: 2, MLP: 8, Function: "silu", Epsilon: "0.5", Causal: true},
		{Name: "8", Kind: "transformer", Depth: 1, Heads: 2, MLP: 8, NormLast: true, Epsilon: "0.5"},
		{Name: "9", Kind: "tokenEmbedding", Vocabulary: 3, Positions: 4, Dim: 5},
		{Kind: "tokenLogits"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Layer{
		Conv2D{Out: 4, Kernel: 3, Stride: 2, Padding: 1, Groups: 2, NoBias: true},
		BatchNorm{ReLU: true},
		Nothing{}, // clipped in the same pass
		Activation{Member: true},
		AvgPool{2, 2, 1},
		BatchNorm{},
		Activation{Member: true}, // the member's function is not known here
		Block{Heads: 2, MLP: 8, Causal: true, Activation: device.SiLU, Eps: 0.5},
		EncoderBlock{Heads: 2, MLP: 8, Member: true, Eps: 0.5},
		TokenEmbedding{Vocabulary: 3, Positions: 4, Dim: 5},
		TokenLogits{"9.wte.weight"},
	} {
		got := s[i].Layer
		if stack, ok := got.(Sequential); ok {
			got = stack[0].Layer
		}
		if got != want {
			t.Errorf("layer %d is %#v, want %#v", i, got, want)
		}
	}
}

// Mistakes name the entry of the manifest, those of options as well as those of shapes.
func TestLayerErrorsNameTheEntry(t *testing.T) {
	flat := spec.Layer{Kind: "flatten"}
	for name, c := range map[string]struct {
		layers []spec.Layer
		want   string
	}{
		"kind":     {[]spec.Layer{flat, {Kind: "recurrent"}}, `spec.architecture.layers[1]: unknown kind of layer "recurrent"`},
		"no kind":  {[]spec.Layer{{}}, "spec.architecture.layers[0]: unknown kind"},
		"function": {[]spec.Layer{{Kind: "activation", Function: "swish"}}, "spec.architecture.layers[0]: activation: unknown"},
		"epsilon":  {[]spec.Layer{{Name: "a", Kind: "layerNorm", Epsilon: "-1"}}, "spec.architecture.layers[0]: epsilon"},
		"no name":  {[]spec.Layer{{Kind: "linear", Out: 3}}, "spec.architecture.layers[0]: it has no name"},
		"name":     {[]spec.Layer{{Name: "a", Kind: "batchNorm"}, {Name: "a", Kind: "dropout"}}, `spec.architecture.layers[1]: the name "a"`},
		"table":    {[]spec.Layer{{Kind: "tokenLogits"}}, "spec.architecture.layers[0]: tokenLogits needs"},
		"layout":   {[]spec.Layer{flat, flat, {Kind: "firstToken"}}, "spec.architecture.layers[2]: first token: takes sequences"},
		"window":   {[]spec.Layer{{Kind: "maxPool", Kernel: 9}}, "spec.architecture.layers[0]: max pool:"},
		"outputs":  {[]spec.Layer{flat, {Name: "a", Kind: "linear"}}, "spec.architecture.layers[1]: linear: 0 outputs"},
		"twice":    {[]spec.Layer{{Name: "b", Kind: "basicBlock", Out: 3}, {Name: "b.conv1", Kind: "conv2d", Out: 3, Kernel: 1}}, "spec.architecture.layers[1]: graph: parameter"},
	} {
		s, err := FromSpec(c.layers)
		if err == nil {
			g := op.NewGraph(true)
			_, err = Record(NewContext(g, device.Tanh), s, Tensor{g.Input("x", 3, 8, 8, 2), Images})
		}
		var l *LayerError
		if !errors.As(err, &l) || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want a LayerError %q", name, err, c.want)
		}
	}
}

func TestPresets(t *testing.T) {
	grey, colour := Image{1, 28, 28}, Image{3, 32, 32}
	for _, c := range []struct {
		name    string
		width   int
		image   Image
		classes int
		params  int
		fails   string
	}{
		{"cnn-small", 0, grey, 10, 2464, ""},
		{"cnn-small", 0, grey, 3, 2464, ""},
		{"cnn-small", 0, colour, 10, 0, "28x28"},
		{"cnn-small", 0, grey, 11, 0, "11 classes"},
		{"cnn-medium", 0, colour, 10, 10853, ""},
		{"cnn-medium", 0, grey, 10, 0, "32x32"},
		{"resnet18", 0, colour, 100, 11220132, ""},
		{"resnet18", 64, colour, 10, 11173962, ""},
		{"resnet18", 16, grey, 10, 701178, ""},
		{"vit-s", 0, Image{3, 224, 224}, 100, 21704164, ""},
		{"vit-tiny", 0, grey, 10, 5353738, ""},
		{"vit-tiny", 0, Image{3, 30, 32}, 10, 0, "patches of 4x4"},
		{"vgg", 0, grey, 10, 0, "unknown preset"},
	} {
		s, err := Preset(c.name, c.width, c.image, c.classes)
		if c.fails != "" || err != nil {
			if err == nil || c.fails == "" || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%s: %v, want %q", c.name, err, c.fails)
			}
			continue
		}
		g := op.NewGraph(true)
		x := Tensor{g.Input("x", c.image.Channels, c.image.Height, c.image.Width, 2), Images}
		if _, err := Record(NewContext(g, device.Tanh), s, x); err != nil || tensor.Total(g.Layout()) != c.params {
			t.Errorf("%s: %d parameters (%v), want %d", c.name, tensor.Total(g.Layout()), err, c.params)
		}
	}
}

// recorded are the parameters of a network.
func recorded(t *testing.T, s Sequential, image Image) []Param {
	t.Helper()
	g := op.NewGraph(true)
	c := NewContext(g, device.Tanh)
	if _, err := Record(c, s, Tensor{g.Input("x", image.Channels, image.Height, image.Width, 2), Images}); err != nil {
		t.Fatal(err)
	}
	return c.Params()
}

// The zoos' laws give the bits of the tile engine: a member starts the same whichever engine trains it.
func TestInitIsTheTileEngines(t *testing.T) {
	net, err := tile.CNNSmall(tile.Shape{C: 1, H: 28, W: 28}, kernel.Tanh)
	if err != nil {
		t.Fatal(err)
	}
	params := recorded(t, CNNSmall(10), Image{1, 28, 28})
	for _, law := range []string{"uniform", "normal", "kaiming-uniform", "kaiming-normal"} {
		got, want := make([]float32, 2464), make([]float32, 2464)
		if err := Init(params, got, 7, law); err != nil {
			t.Fatal(err)
		}
		if err := net.Init(want, 7, strings.ReplaceAll(law, "-", "_")); err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
				t.Errorf("%s: element %d is %v, the tile engine has %v", law, i, got[i], want[i])
				break
			}
		}
	}
}

func TestInitByRole(t *testing.T) {
	params := recorded(t, Sequential{
		{"", PatchEmbedding{Patch: 4, Dim: 8}}, {"b", Block{Heads: 2, MLP: 8, Activation: device.GELU}}, {"", FirstToken{}}, {"head", Linear{Out: 10}},
	}, Image{1, 8, 8})
	row := make([]float64, params[len(params)-1].Offset+params[len(params)-1].Size())
	for _, law := range []string{"xavier-uniform", "xavier-normal", "truncated-normal", "orthogonal"} {
		if err := Init(params, row, 3, law); err != nil {
			t.Fatal(err)
		}
		for _, p := range params {
			x := row[p.Offset : p.Offset+p.Size()]
			constant := map[Role]float64{Bias: 0.01, One: 1, Zero: 0}
			want, fixed := constant[p.Role]
			equal := true
			for _, v := range x {
				if fixed && v != want || p.Role == Embedding && math.Abs(v) > 0.04 {
					t.Errorf("%s: %s has the value %v", law, p.Name, v)
				}
				equal = equal && v == x[0]
			}
			if !fixed && equal {
				t.Errorf("%s: %s is constant", law, p.Name)
			}
		}
	}
	if err := Init(params, row, 3, "zero-one"); err == nil {
		t.Error("an unknown law fills rows")
	}
}
