package plan

import (
	"os"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// example is a network of testdata/architectures.yaml with inputs it is made for.
type example struct {
	name  string
	image nn.Image
	// tokens is the length of sequences; 0 for images.
	tokens int
	// like is the same network made by package nn.
	like nn.Layer
}

func examples(t *testing.T) []example {
	t.Helper()
	preset := func(name string, image nn.Image) nn.Sequential {
		s, err := nn.Preset(name, 0, image, 10)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	grey, colour, large := nn.Image{Channels: 1, Height: 28, Width: 28}, nn.Image{Channels: 3, Height: 32, Width: 32}, nn.Image{Channels: 3, Height: 224, Width: 224}
	return []example{
		{"cnn-small", grey, 0, preset("cnn-small", grey)},
		{"cnn-medium", colour, 0, preset("cnn-medium", colour)},
		{"resnet18", colour, 0, preset("resnet18", colour)},
		{"vit-s", large, 0, preset("vit-s", large)},
		{"vit-tiny", colour, 0, preset("vit-tiny", colour)},
		{"mlp", grey, 0, nn.MLP([]int{200, 100}, 10)},
		{"gpt", nn.Image{}, 48, nn.GPT{Vocabulary: 500, Positions: 64, Dim: 128, Depth: 4, Heads: 4}},
		{"bert", nn.Image{}, 48, bert{nn.BERT{Vocabulary: 500, Positions: 64, Types: 1, Dim: 128, Depth: 4, Heads: 4, MLP: 512}}},
	}
}

// bert is BERT with a classifier.
type bert struct{ nn.BERT }

func (l bert) Apply(c *nn.Context, x nn.Tensor) nn.Tensor {
	return nn.Linear{Out: 10}.Apply(c.In("head"), nn.FirstToken{}.Apply(c, l.BERT.Apply(c, x)))
}

// manifests reads testdata/architectures.yaml, defaults filled in.
func manifests(t *testing.T) map[string]v1alpha1.Architecture {
	t.Helper()
	b, err := os.ReadFile("testdata/architectures.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]v1alpha1.Architecture
	if err := yaml.UnmarshalStrict(b, &out); err != nil {
		t.Fatal(err)
	}
	for _, a := range out {
		for i := range a.Layers {
			defaultLayer(&a.Layers[i])
		}
	}
	return out
}

// written is the network that the manifest's layers make.
func (e example) written(t *testing.T) nn.Sequential {
	t.Helper()
	a := manifests(t)[e.name]
	if err := checkLayers(a.Layers); err != nil {
		t.Fatal(err)
	}
	s, err := nn.FromSpec(specLayers(a.Layers))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// program records and compiles the training or the evaluation of a network.
func (e example) program(t *testing.T, layer nn.Layer, batch int, training bool) *device.Program {
	t.Helper()
	g := op.NewGraph(training)
	c := nn.NewContext(g, device.Tanh)
	err := op.Build(func() {
		var x nn.Tensor
		labels := []int{batch}
		if e.tokens > 0 {
			x = nn.Tensor{Value: g.IntInput("tokens", batch, e.tokens), Layout: nn.Tokens}
		} else {
			x = nn.Tensor{Value: g.Input("images", e.image.Channels, e.image.Height, e.image.Width, batch), Layout: nn.Images}
		}
		y := layer.Apply(c, x)
		if y.Layout == nn.Sequences {
			s := g.Shape(y.Value)
			y = nn.Tensor{Value: g.Reshape(y.Value, s[0]*s[1], s[2]), Layout: nn.FeaturesLast}
			labels = []int{s[0] * s[1]}
		}
		loss := g.CrossEntropy(y.Value, g.IntInput("labels", labels...), y.Layout == nn.FeaturesFirst, 0)
		g.Output("loss", loss.Loss)
		g.Output("correct", loss.Correct)
		if training {
			g.Backward(loss.Loss)
		}
	})
	if err != nil {
		t.Fatalf("%s: %v", e.name, err)
	}
	p, err := g.Compile()
	if err != nil {
		t.Fatalf("%s: %v", e.name, err)
	}
	return p
}

// flow is the network's input.
func (e example) flow(batch int) flow {
	if e.tokens > 0 {
		return flow{layout: nn.Tokens, batch: batch, t: e.tokens}
	}
	return flow{layout: nn.Images, batch: batch, c: e.image.Channels, h: e.image.Height, w: e.image.Width}
}

// The formula is within 1.2 of what the Null device counts, for presets and other networks, small and large batches.
func TestMemoryIsThatOfTheNullDevice(t *testing.T) {
	const workers = 3
	for _, e := range examples(t) {
		net := e.written(t)
		for _, batch := range []int{10, 64, 256} {
			for _, training := range []bool{true, false} {
				p := e.program(t, net, batch, training)
				x, err := device.Null[float32]{Workers: workers}.Compile(p)
				if err != nil {
					t.Fatal(err)
				}
				w, what := networkWorkspace(net, e.flow(batch), p.NumParams()), "evaluation"
				got := w.evaluate
				if training {
					got, what = w.train, "training"
				}
				want := float64(x.Bytes()) / workers
				ratio := float64(got) / want
				t.Logf("%-10s batch %3d, %-10s: formula %8.1f MiB, Null device %8.1f MiB, ratio %.3f", e.name, batch, what, float64(got)/mebibyte, want/mebibyte, ratio)
				if ratio > 1.2 || ratio < 1/1.2 {
					t.Errorf("%s of %s, batch %d: the formula gives %d bytes a worker, the Null device %.0f (ratio %.3f)", what, e.name, batch, got, want, ratio)
				}
				if training && w.states != floatBytes*int64(p.NumStates()) {
					t.Errorf("%s: %d bytes of running statistics, want %d", e.name, w.states, floatBytes*p.NumStates())
				}
			}
		}
	}
}

// Networks written as layers are those that package nn makes: the same shapes in the same order.
func TestWrittenNetworksAreThePresets(t *testing.T) {
	for _, e := range examples(t) {
		written, made := e.program(t, e.written(t), 2, true), e.program(t, e.like, 2, true)
		// BERT's token types are data that no manifest has.
		made.Params = slices.DeleteFunc(made.Params, func(p tensor.Param) bool { return strings.Contains(p.Name, "token_type") })
		if len(written.Params) != len(made.Params) {
			t.Errorf("%s: %d parameters written, %d made", e.name, len(written.Params), len(made.Params))
			continue
		}
		for i, p := range written.Params {
			if !slices.Equal(p.Shape, made.Params[i].Shape) {
				t.Errorf("%s: parameter %d is %s %v, not %s %v", e.name, i, p.Name, p.Shape, made.Params[i].Name, made.Params[i].Shape)
			}
			if named := e.name == "cnn-small" || e.name == "resnet18"; named && p.Name != made.Params[i].Name {
				t.Errorf("%s: parameter %d is called %s, not %s", e.name, i, p.Name, made.Params[i].Name)
			}
		}
		if e.tokens == 0 {
			d := &spec.DatasetInput{Channels: e.image.Channels, Height: e.image.Height, Width: e.image.Width, Classes: 10}
			a := manifests(t)[e.name]
			n, err := resolveNetwork(&a, d, &v1alpha1.InitialWeights{})
			if err != nil || n.params != tensor.Total(made.Params) {
				t.Errorf("%s: planned %+v %v, want %d parameters", e.name, n, err, tensor.Total(made.Params))
			}
		}
	}
}
