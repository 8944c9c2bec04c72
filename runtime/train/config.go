package train

import (
	"errors"
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/tile"
)

// Optimisers.
const (
	optimizerAdam = "adam"
	optimizerSGD  = "sgd"
)

var activations = map[string]kernel.Activation{
	"tanh": kernel.Tanh, "relu": kernel.ReLU, "sigmoid": kernel.Sigmoid, "gelu": kernel.GELU, "silu": kernel.SiLU, "leakyrelu": kernel.LeakyReLU,
}

// network builds the architecture for the data's shape.
func (c *Config) network() (*tile.Net, error) {
	f, ok := activations[c.Activation]
	if !ok {
		return nil, fmt.Errorf("activation %q is unknown: use tanh, relu, sigmoid, gelu, silu or leakyrelu", c.Activation)
	}
	d := &c.Data.Train
	in := tile.Shape{C: d.C, H: d.H, W: d.W}
	switch c.Architecture {
	case "cnn-small":
		return tile.CNNSmall(in, f)
	case "cnn-medium":
		return tile.CNNMedium(in, f)
	case "mlp":
		return tile.MLP(in, f, c.Widths...)
	}
	return nil, fmt.Errorf("architecture %q is unknown: use cnn-small, cnn-medium or mlp", c.Architecture)
}

// check validates everything but the names network and Init check.
func (c *Config) check() error {
	switch {
	case c.Data == nil:
		return errors.New("data is missing")
	case c.Optimizer != optimizerAdam && c.Optimizer != optimizerSGD:
		return fmt.Errorf("optimizer %q is unknown: use adam or sgd", c.Optimizer)
	case c.BatchSize < 1:
		return fmt.Errorf("batchSize %d must be at least 1", c.BatchSize)
	case !within(c.Momentum, 0, 1):
		return fmt.Errorf("momentum %v must be in [0, 1)", c.Momentum)
	case len(c.Members) == 0:
		return errors.New("members are missing: a population has at least one")
	}
	for i, m := range c.Members {
		switch {
		case !within(m.LearningRate, 0, math.Inf(1)):
			return fmt.Errorf("member %d: learningRate %v must be finite and not negative", i, m.LearningRate)
		case !within(m.WeightDecay, 0, math.Inf(1)):
			return fmt.Errorf("member %d: weightDecay %v must be finite and not negative", i, m.WeightDecay)
		case !within(m.Dropout, 0, 1) || m.Dropout > maxDropout:
			return fmt.Errorf("member %d: dropout %v must be in [0, %v]", i, m.Dropout, maxDropout)
		}
	}
	return checkData(c.Data)
}

// maxDropout keeps 1/(1-p) finite when p is rounded to 16 bits.
const maxDropout = 0.9999

// within reports low <= x < high; NaN is outside.
func within(x, low, high float64) bool { return x >= low && x < high }

// checkData makes sure that no index computed from the counts can leave the slices.
func checkData(d *data.Set) error {
	t := &d.Train
	if t.N < 1 || t.N > math.MaxInt32 {
		return fmt.Errorf("data: train split has %d images: it needs at least one and at most 2^31-1", t.N)
	}
	if len(d.Mean) != t.C || len(d.Std) != t.C {
		return fmt.Errorf("data: normalisation has %d means and %d deviations for %d channels", len(d.Mean), len(d.Std), t.C)
	}
	for i, s := range d.Std {
		if !within(float64(s), math.SmallestNonzeroFloat32, math.Inf(1)) || !within(float64(d.Mean[i]), -math.MaxFloat32, math.Inf(1)) {
			return fmt.Errorf("data: normalisation of channel %d (mean %v, deviation %v) must be finite, with a positive deviation", i, d.Mean[i], s)
		}
	}
	splits := []struct {
		name string
		s    *data.Split
	}{{"train", t}, {"validation", &d.Validation}, {"test", &d.Test}}
	for _, e := range splits {
		if err := checkSplit(e.s, t, d.Classes); err != nil {
			return fmt.Errorf("data: %s split: %w", e.name, err)
		}
	}
	return nil
}

func checkSplit(s, train *data.Split, classes int) error {
	if s.N == 0 {
		return nil
	}
	if s.C != train.C || s.H != train.H || s.W != train.W {
		return fmt.Errorf("images are %dx%dx%d, those of the train split %dx%dx%d", s.C, s.H, s.W, train.C, train.H, train.W)
	}
	if s.N < 0 || len(s.Labels) != s.N || len(s.Images) != s.N*s.C*s.H*s.W {
		return fmt.Errorf("%d images of %dx%dx%d do not match %d bytes and %d labels", s.N, s.C, s.H, s.W, len(s.Images), len(s.Labels))
	}
	for i, l := range s.Labels {
		if int(l) >= classes {
			return fmt.Errorf("label %d of image %d is not below the number of classes, %d", l, i, classes)
		}
	}
	return nil
}
