package pop

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/device/cpu"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/optim"
	"github.com/weightspace/weightspace/runtime/tensor"
)

const classes = 3

func classify(c *nn.Context, y nn.Tensor, batch int) (loss, correct op.Value) {
	r := c.Graph.CrossEntropy(y.Value, c.Graph.IntInput("labels", batch), y.Layout == nn.FeaturesFirst, 0.05)
	return r.Loss, r.Correct
}

func images(c *nn.Context, batch, channels, side int) nn.Tensor {
	return nn.Tensor{Value: c.Graph.Input("x", channels, side, side, batch), Layout: nn.Images}
}

func mlp(c *nn.Context, batch int) (loss, correct op.Value) {
	return classify(c, nn.MLP([]int{17, 33}, classes).Apply(c, images(c, batch, 1, 5)), batch)
}

// cnn has batch norm, pooling and dropout.
func cnn(c *nn.Context, batch int) (loss, correct op.Value) {
	layers := nn.Sequential{
		{Name: "0", Layer: nn.Conv2D{Out: 5, Kernel: 3, Padding: 1}},
		{Name: "1", Layer: nn.BatchNorm{ReLU: true}},
		{Layer: nn.MaxPool{Kernel: 2}},
		{Name: "2", Layer: nn.Conv2D{Out: 4, Kernel: 2, Stride: 2}},
		{Layer: nn.Activation{Member: true}},
		{Layer: nn.Dropout{Label: "dropout/2"}},
		{Layer: nn.Flatten{}},
		{Name: "3", Layer: nn.Linear{Out: classes}},
	}
	return classify(c, layers.Apply(c, images(c, batch, 2, 8)), batch)
}

// transformer is a block over sequences with a head on the first step.
func transformer(c *nn.Context, batch int) (loss, correct op.Value) {
	x := nn.Tensor{Value: c.Graph.Input("x", batch, 5, 12), Layout: nn.Sequences}
	y := nn.Block{Heads: 3, MLP: 20, Activation: device.GELU}.Apply(c.In("block"), x)
	y = nn.Linear{Out: classes}.Apply(c.In("head"), nn.FirstToken{}.Apply(c, y))
	return classify(c, y, batch)
}

// convolve is a graph network: a sparse product, a node layer, means over each of the batch's graphs of four nodes in a ring.
func convolve(c *nn.Context, batch int) (loss, correct op.Value) {
	const nodes = 4
	g, n := c.Graph, nodes*batch
	a := &tensor.CSR{Rows: n, Cols: n, Pointer: []int32{0}}
	weights, graphs := []float64(nil), []int32{0}
	for i := range n {
		first := i / nodes * nodes
		next, before := int32(first+(i+1)%nodes), int32(first+(i+nodes-1)%nodes)
		a.Column = append(a.Column, min(next, before), max(next, before))
		a.Pointer = append(a.Pointer, int32(len(a.Column)))
		weights = append(weights, 0.5, 0.25)
		if (i+1)%nodes == 0 {
			graphs = append(graphs, int32(i+1))
		}
	}
	x := g.Input("x", n, 6)
	h := g.SpMM(a, g.Mul(g.Constant(weights, len(weights)), c.Param("edge", nn.One, 1)), x)
	h = g.Activation(c.Activation, g.Linear(h, c.Param("w", nn.Weight, 7, 6), c.Param("b", nn.Bias, 7)))
	y := g.Segment(device.SegmentMean, h, g.IntConstant(graphs))
	return classify(c, nn.Linear{Out: classes}.Apply(c.In("head"), nn.Tensor{Value: y, Layout: nn.FeaturesLast}), batch)
}

var networks = map[string]Network{"mlp": mlp, "cnn": cnn, "transformer": transformer, "graph": convolve}

const batch = 6

// members differ in everything that a member has for itself.
func members(n int) []Member {
	out := make([]Member, n)
	for m := range out {
		out[m] = Member{Seed: uint64(100 + m), LearningRate: 0.001 * float64(1+m%5), WeightDecay: 0.01 * float64(m%3), Dropout: 0.1 * float64(m%4)}
	}
	return out
}

func newDevice(t testing.TB, l isa.Level, workers int) device.Device[float32] {
	t.Helper()
	d, err := cpu.New[float32](l, workers)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// populate makes a population of some members and draws their weights by their seeds.
func populate(t testing.TB, d device.Device[float32], net Network, ms []Member, kind optim.Kind) *Population[float32] {
	t.Helper()
	o := optim.Default(kind, len(ms), 0)
	p, err := New(Config[float32]{Device: d, Network: net, Activation: device.Tanh, Members: ms, Optimizer: kind, Options: o, NoDecay: true}, batch)
	if err != nil {
		t.Fatal(err)
	}
	for m, c := range ms {
		r := rand.New(rand.NewPCG(c.Seed, 0))
		row := p.Row(m)
		for i := range row {
			row[i] = float32(r.NormFloat64() * 0.3)
		}
	}
	return p
}

// feeder gives member with the seed its own batch.
func feeder(ms []Member, step int) Feed[float32] {
	return func(m int, in device.Feed[float32]) {
		r := rand.New(rand.NewPCG(ms[m].Seed, uint64(step)+1))
		for i := range in.Floats {
			in.Floats[i] = float32(r.NormFloat64())
		}
		for i := range in.Ints {
			in.Ints[i] = int32(r.IntN(classes))
		}
	}
}

// train runs steps [from, to) and returns the last results.
func train(t testing.TB, p *Population[float32], from, to int) []Result {
	t.Helper()
	results := make([]Result, len(p.cfg.Members))
	for s := from; s < to; s++ {
		if err := p.Step(t.Context(), batch, uint64(s), feeder(p.cfg.Members, s), results); err != nil {
			t.Fatal(err)
		}
	}
	return results
}

// row is everything that a member has become.
type memberState struct {
	weights, states, first, second []float32
	result                         Result
}

func stateOf(p *Population[float32], m int, r Result) memberState {
	moments, n := p.Optimizer.State().Moments, p.NumParams()
	s := memberState{weights: p.Row(m), states: p.StateRow(m), first: moments[0].Data[m*n : (m+1)*n], result: r}
	if len(moments) > 1 {
		s.second = moments[1].Data[m*n : (m+1)*n]
	}
	return s
}

func name(l isa.Level, workers, size int) string {
	return fmt.Sprintf("%s, %d workers, populations of %d", l, workers, size)
}

// broad is little work on much data: instructions of several parts.
func broad(c *nn.Context, batch int) (loss, correct op.Value) {
	x := images(c, batch, 1, 96)
	x.Value = c.Graph.Mul(x.Value, c.Param("scale", nn.One, 1))
	layers := nn.Sequential{
		{Layer: nn.Activation{F: device.ReLU}},
		{Layer: nn.Dropout{Label: "dropout/1"}},
		{Layer: nn.MaxPool{Kernel: 24}},
		{Layer: nn.Flatten{}},
		{Name: "2", Layer: nn.Linear{Out: classes}},
	}
	return classify(c, layers.Apply(c, x), batch)
}

// wide has instructions of many parts.
func wide(c *nn.Context, batch int) (loss, correct op.Value) {
	layers := nn.Sequential{
		{Name: "0", Layer: nn.Conv2D{Out: 24, Kernel: 3, Padding: 1}},
		{Name: "1", Layer: nn.BatchNorm{ReLU: true}},
		{Name: "2", Layer: nn.Conv2D{Out: 16, Kernel: 3, Stride: 2}},
		{Layer: nn.Dropout{Label: "dropout/2"}},
		{Layer: nn.Flatten{}},
		{Name: "3", Layer: nn.Linear{Out: 300}},
		{Layer: nn.Activation{Member: true}},
		{Name: "4", Layer: nn.Linear{Out: classes}},
	}
	return classify(c, layers.Apply(c, images(c, batch, 8, 16)), batch)
}
