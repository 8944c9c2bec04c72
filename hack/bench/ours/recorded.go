package main

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/device/cpu"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/op"
	"github.com/weightspace/weightspace/runtime/optim"
	"github.com/weightspace/weightspace/runtime/pop"
	"github.com/weightspace/weightspace/runtime/train"
)

// newResNet trains one ResNet-18 with SGD and momentum; a step is a batch.
func newResNet(o options) (*job, error) {
	set, err := loadSet(o.data)
	if err != nil {
		return nil, err
	}
	c := train.Config{
		Activation: "relu", Optimizer: "sgd", Momentum: 0.9, BatchSize: o.batch, Data: set, Workers: o.cores,
		Members: []train.Member{{Seed: 1, Initializer: "kaiming_normal", LearningRate: 0.01, WeightDecay: 5e-4}},
	}
	t, err := train.NewRecorded(c, train.Recipe{Layers: nn.ResNet18(64, 10)})
	if err != nil {
		return nil, err
	}
	return trainingJob(t, o.batch, o.cores), nil
}

// newTransformer trains one encoder with AdamW; a step is a batch of the same sequences.
func newTransformer(o options) (*job, error) {
	d, err := cpu.New[float32](isa.Auto, o.cores)
	if err != nil {
		return nil, err
	}
	p, err := pop.New(pop.Config[float32]{
		Device: d, Network: o.encoder, Members: []pop.Member{{Seed: 1, LearningRate: 1e-4, WeightDecay: 0.01}},
		Optimizer: optim.AdamW, Options: optim.Default(optim.AdamW, 1, 0),
	}, o.batch)
	if err != nil {
		return nil, err
	}
	if err := nn.Init(p.Params, p.Row(0), 1, "xavier_uniform"); err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // reproducible on purpose
	x, labels := make([]float32, o.batch*o.sequence*o.dim), make([]int32, o.batch)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	for i := range labels {
		labels[i] = r.Int32N(10)
	}
	feed := func(_ int, in device.Feed[float32]) {
		copy(in.Floats, x)
		copy(in.Ints, labels)
	}
	results, step := make([]pop.Result, 1), uint64(0)
	return &job{
		work: float64(o.batch), setting: fmt.Sprintf("%d workers", o.cores),
		run: func(n int) (float64, error) {
			for range n {
				if err := p.Step(context.Background(), o.batch, step, feed, results); err != nil {
					return 0, err
				}
				step++
			}
			if results[0].Bad {
				return 0, fmt.Errorf("the loss is %v after %d steps", results[0].Loss, step)
			}
			return 0, nil
		},
	}, nil
}

// encoder records the network of peers/transformer_torch.py.
func (o options) encoder(c *nn.Context, batch int) (loss, correct op.Value) {
	g := c.Graph
	y := nn.Tensor{Value: g.Input("x", batch, o.sequence, o.dim), Layout: nn.Sequences}
	for i := range o.depth {
		y = nn.Block{Heads: o.dim / 64, MLP: 4 * o.dim, Activation: device.GELU}.Apply(c.In(fmt.Sprint(i)), y)
	}
	y = nn.LayerNorm{}.Apply(c.In("norm"), y)
	mean := nn.Tensor{Value: g.MeanAxis(y.Value, 1, false), Layout: nn.FeaturesLast}
	r := g.CrossEntropy(nn.Linear{Out: 10}.Apply(c.In("head"), mean).Value, g.IntInput("labels", batch), false, 0)
	return r.Loss, r.Correct
}
