package nn_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/check"
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/device/cpu"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// golden is a file of hack/bench/peers/golden_nn.py.
type golden struct {
	params [][2]any
	arrays map[string][]float64
}

func readGolden(t *testing.T, name string) golden {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".safetensors")
	if err != nil {
		t.Fatal(err)
	}
	f, err := artifact.ReadSafetensors(b)
	if err != nil {
		t.Fatal(err)
	}
	g := golden{arrays: map[string][]float64{}}
	if err := json.Unmarshal([]byte(f.Metadata["params"]), &g.params); err != nil {
		t.Fatal(err)
	}
	for _, a := range f.Tensors {
		x := make([]float64, len(a.Data)/8)
		for i := range x {
			x[i] = math.Float64frombits(binary.LittleEndian.Uint64(a.Data[8*i:]))
		}
		g.arrays[a.Name] = x
	}
	return g
}

// wave is the script's formula.
func wave(n int, phase, scale float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = scale * math.Sin(0.37*float64(i)+phase)
	}
	return x
}

type goldenCase struct {
	name   string
	record func(c *nn.Context) (loss op.Value, out nn.Tensor)
	ints   []int32
}

var (
	images = wave(3*3*64, 0.5, 1)
	labels = []int32{1, 4, 0}
	tokens = func() []int32 {
		x := make([]int32, 12)
		for i := range x {
			x[i] = int32(i * 5 % 11)
		}
		return x
	}()
)

func goldenCases() []goldenCase {
	classify := func(layers nn.Layer) func(c *nn.Context) (op.Value, nn.Tensor) {
		return func(c *nn.Context) (op.Value, nn.Tensor) {
			// The script's images are [N, C, H, W].
			x := c.Graph.Transpose(c.Graph.Constant(images, 3, 3, 8, 8), 1, 2, 3, 0)
			y := layers.Apply(c, nn.Tensor{Value: x, Layout: nn.Images})
			first := y.Layout == nn.FeaturesFirst
			loss := c.Graph.CrossEntropy(y.Value, c.Graph.IntInput("labels", 3), first, 0).Loss
			if first {
				y.Value = c.Graph.Transpose(y.Value, 1, 0)
			}
			return loss, y
		}
	}
	sequence := func(layers nn.Layer) func(c *nn.Context) (op.Value, nn.Tensor) {
		return func(c *nn.Context) (op.Value, nn.Tensor) {
			y := layers.Apply(c, nn.Tensor{Value: c.Graph.IntInput("tokens", 2, 6), Layout: nn.Tokens})
			s := c.Graph.Shape(y.Value)
			return c.Graph.Sum(c.Graph.Mul(y.Value, c.Graph.Constant(wave(s.Size(), 0.25, 1), s...))), y
		}
	}
	kinds := []int32{0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1}
	return []goldenCase{
		{"resnet", classify(nn.ResNet18(4, 5)), labels},
		{"vit", classify(nn.ViT(nn.ViTConfig{Patch: 4, Dim: 12, Depth: 2, Heads: 3, MLP: 24, Classes: 5})), labels},
		{"gpt", sequence(nn.GPT{Vocabulary: 11, Positions: 8, Dim: 12, Depth: 2, Heads: 2}), tokens},
		{"bert", sequence(nn.BERT{Vocabulary: 11, Positions: 8, Types: 2, Dim: 12, Depth: 2, Heads: 3, MLP: 20}), append(append([]int32(nil), tokens...), kinds...)},
	}
}

// Networks against torchvision, timm and transformers in float64: names, order and shapes of parameters, loss, outputs, running
// statistics and the gradient of every parameter. Both sides round at 1e-16; some twenty layers and sums of
// some hundred terms, with values up to about 10, leave 1e-10. Fused and composed operations are both checked.
func TestGoldenNetworks(t *testing.T) {
	for _, c := range goldenCases() {
		for _, composite := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/composite=%v", c.name, composite), func(t *testing.T) { compareGolden(t, c, composite) })
		}
	}
}

func compareGolden(t *testing.T, c goldenCase, composite bool) {
	want := readGolden(t, c.name)
	g := op.NewGraph(true)
	g.Composite = composite
	if err := op.Build(func() {
		loss, y := c.record(nn.NewContext(g, device.ReLU))
		g.Output("loss", loss)
		g.Output("output", y.Value)
		g.Backward(loss)
	}); err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile()
	if err != nil {
		t.Fatal(err)
	}
	checkNames(t, p.Params, want.params)
	d, err := cpu.New[float64](isa.Ref, 2)
	if err != nil {
		t.Fatal(err)
	}
	e, err := d.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	job := &check.One[float64]{Binding: device.Binding[float64]{Weights: goldenWeights(p.Params), Grads: make([]float64, p.NumParams()), States: make([]float64, p.NumStates())}}
	for _, s := range p.States {
		if strings.HasSuffix(s.Name, "running_var") {
			for i := range s.Size() {
				job.Binding.States[s.Offset+i] = 1
			}
		}
	}
	job.Ints, job.Floats = make([]int32, p.IntSize), make([]float64, p.FloatSize)
	at := 0
	for _, in := range p.Ints {
		at += copy(job.Ints[in.Offset:in.Offset+in.Shape.Size()], c.ints[at:])
	}
	for _, in := range p.Floats {
		// BERT's mask: the last two tokens of the second sequence are padding.
		for i := 10; i < 12; i++ {
			job.Floats[in.Offset+i] = -1e9
		}
	}
	if err := e.Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	near(t, "loss", job.Outputs[0], want.arrays["loss"])
	near(t, "output", job.Outputs[1], want.arrays["output"])
	for _, q := range p.Params {
		near(t, "gradient of "+q.Name, job.Binding.Grads[q.Offset:q.Offset+q.Size()], want.arrays["grad/"+q.Name])
	}
	for _, s := range p.States {
		near(t, s.Name, job.Binding.States[s.Offset:s.Offset+s.Size()], want.arrays["state/"+s.Name])
	}
}

// checkNames compares with the reference's parameters, in order.
func checkNames(t *testing.T, got []tensor.Param, want [][2]any) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d parameters, want %d", len(got), len(want))
	}
	for i, q := range got {
		w := fmt.Sprint(want[i][0], want[i][1])
		if g := fmt.Sprint(q.Name, q.Shape); g != w {
			t.Errorf("parameter %d is %s, want %s", i, g, w)
		}
	}
}

func goldenWeights(params []tensor.Param) []float64 {
	w := make([]float64, tensor.Total(params))
	for k, q := range params {
		x := wave(q.Size(), float64(k+1), 0.3)
		for i := range x {
			if len(q.Shape) == 1 && strings.HasSuffix(q.Name, "weight") {
				x[i]++
			}
		}
		copy(w[q.Offset:], x)
	}
	return w
}

func near(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", what, len(got), len(want))
		return
	}
	size := 1.0
	for _, w := range want {
		size = max(size, math.Abs(w))
	}
	for i, w := range want {
		if !(math.Abs(got[i]-w) <= 1e-10*size) {
			t.Errorf("%s: element %d is %.15g, want %.15g", what, i, got[i], w)
			return
		}
	}
}
