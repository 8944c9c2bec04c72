package importer

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"path"
	"slices"

	"github.com/weightspace/weightspace/runtime/artifact"
)

// weightsName is the weights file of a Hugging Face folder.
const weightsName = "model.safetensors"

// hfTrial is a folder with config.json and model.safetensors: one epoch of a model.
type hfTrial struct {
	source Source
	dir    string
	epoch  int
}

func scanHuggingFace(source Source) []Trial {
	folders, names := groups(source.Files())
	slices.Sort(folders)
	var out []Trial
	for _, dir := range folders {
		if slices.Contains(names[dir], weightsName) {
			out = append(out, &hfTrial{source: source, dir: dir})
		}
	}
	return out
}

// hfConfig are the keys of config.json that are used: those that our export writes. Others, as other programs write them, say
// nothing about training.
type hfConfig struct {
	Activation   text      `json:"activation"`
	HiddenAct    text      `json:"hidden_act"`
	Initializer  text      `json:"initializer"`
	Optimizer    text      `json:"optimizer"`
	LearningRate number    `json:"learningRate"`
	WeightDecay  number    `json:"weightDecay"`
	Dropout      number    `json:"dropout"`
	Momentum     number    `json:"momentum"`
	BatchSize    number    `json:"batchSize"`
	Seed         number    `json:"seed"`
	Epoch        number    `json:"epoch"`
	Metrics      hfMetrics `json:"metrics"`
}

type hfMetrics struct {
	TrainLoss          number `json:"trainLoss"`
	TrainAccuracy      number `json:"trainAccuracy"`
	ValidationLoss     number `json:"validationLoss"`
	ValidationAccuracy number `json:"validationAccuracy"`
	TestLoss           number `json:"testLoss"`
	TestAccuracy       number `json:"testAccuracy"`
}

func (t *hfTrial) Name() string { return t.dir }

func (t *hfTrial) Meta(ctx context.Context) (*Meta, error) {
	file := path.Join(t.dir, configName)
	b, err := read(ctx, t.source, file)
	if err != nil {
		return nil, err
	}
	var c hfConfig
	if err := json.Unmarshal(python(b), &c); err != nil {
		return nil, &SkipError{BadConfig, file, err}
	}
	out := Config{
		LearningRate: c.LearningRate.or(0), WeightDecay: c.WeightDecay.or(0), Dropout: c.Dropout.or(0), Momentum: c.Momentum.or(0),
		Activation: string(c.Activation), Initializer: string(c.Initializer), Optimizer: string(c.Optimizer),
	}
	if out.Activation == "" {
		out.Activation = activations[string(c.HiddenAct)]
	}
	var ok1, ok2, ok3 bool
	var size, epoch int64
	out.Seed, ok1 = whole(c.Seed.or(0), math.MinInt64/2, math.MaxInt64/2)
	size, ok2 = whole(c.BatchSize.or(0), 0, math.MaxInt32)
	epoch, ok3 = whole(c.Epoch.or(0), 0, maxEpoch)
	if !ok1 || !ok2 || !ok3 {
		return nil, skip(BadConfig, file, "seed %g, batchSize %g and epoch %g are not all whole numbers in range", c.Seed.v, c.BatchSize.v, c.Epoch.v)
	}
	if err := checkWords(file, &out); err != nil {
		return nil, err
	}
	out.BatchSize, t.epoch = int(size), int(epoch)
	nan := math.NaN()
	r := &c.Metrics
	m := Metrics{
		r.TrainLoss.or(nan), r.TrainAccuracy.or(nan), r.ValidationLoss.or(nan), r.ValidationAccuracy.or(nan), r.TestLoss.or(nan), r.TestAccuracy.or(nan),
	}
	return &Meta{Config: out, Metrics: map[int]Metrics{t.epoch: m}, Epochs: []int{t.epoch}}, out.check(file)
}

// checkWords refuses words that no manifest of ours knows; absent ones are fine.
func checkWords(file string, c *Config) error {
	for _, w := range []struct {
		key, value string
		words      map[string]string
	}{{"activation", c.Activation, activations}, {"initializer", c.Initializer, initializers}, {"optimizer", c.Optimizer, optimizers}} {
		known := w.value == ""
		for _, ours := range w.words {
			known = known || ours == w.value
		}
		if !known {
			return skip(BadConfig, file, "%q: unknown value %.40q", w.key, w.value)
		}
	}
	return nil
}

func (t *hfTrial) Tensors(ctx context.Context, epoch int) ([]artifact.Tensor, error) {
	file := path.Join(t.dir, weightsName)
	if epoch != t.epoch {
		return nil, skip(Missing, file, "it holds epoch %d, not %d", t.epoch, epoch)
	}
	b, err := read(ctx, t.source, file)
	if err != nil {
		return nil, err
	}
	f, err := artifact.ReadSafetensors(b)
	if err != nil {
		return nil, &SkipError{Damaged, file, fmt.Errorf("%w", err)}
	}
	return f.Tensors, nil
}
