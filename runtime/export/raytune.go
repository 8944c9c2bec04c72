package export

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/torchzip"
)

// rayParams is params.json. The words are those of the published zoos; use_bias and o_dim are there because their readers ask for
// them, with the values that all of those zoos have.
type rayParams struct {
	Type       string  `json:"model::type"`
	Channels   int     `json:"model::channels_in"`
	Outputs    int     `json:"model::o_dim"`
	Nlin       string  `json:"model::nlin"`
	Dropout    float64 `json:"model::dropout"`
	Init       string  `json:"model::init_type"`
	UseBias    bool    `json:"model::use_bias"`
	Width      int     `json:"model::width,omitempty"`
	Optimizer  string  `json:"optim::optimizer"`
	LR         float64 `json:"optim::lr"`
	WD         float64 `json:"optim::wd"`
	Momentum   float64 `json:"optim::momentum,omitempty"`
	BatchSize  int     `json:"training::batchsize"`
	Epochs     int     `json:"training::epochs_train"`
	OutputEach int     `json:"training::output_epoch"`
	Loss       string  `json:"training::loss"`
	Seed       int64   `json:"seed"`
	Dump       string  `json:"dataset::dump"`
}

// rayTypes are the published zoos' names of networks.
var rayTypes = map[string]string{"cnn-small": "CNN", "cnn-medium": "CNN3", "resnet18": "Resnet18"}

func (z *zoo) params(c *Config) rayParams {
	kind, ok := rayTypes[c.Architecture]
	if !ok {
		kind = c.Architecture
	}
	return rayParams{
		Type: kind, Channels: c.Channels, Outputs: c.Classes, Nlin: c.Activation, Dropout: c.Dropout, Init: strings.ReplaceAll(c.Initializer, "-", "_"),
		Width: c.BaseWidth, Optimizer: c.Optimizer, LR: c.LearningRate, WD: c.WeightDecay, Momentum: c.Momentum, BatchSize: c.BatchSize,
		Epochs: z.plan.Zoo.Epochs, OutputEach: 1, Loss: "nll", Seed: c.Seed, Dump: "dataset.pt",
	}
}

// trialName is a folder's name in the published form; the date, which nobody reads, is that of no run.
func trialName(i int, c *Config, p *rayParams) string {
	return fmt.Sprintf("NN_tune_trainable_%s_%05d_%d_model::nlin=%s,seed=%d_1970-01-01_00-00-00", c.ModelID[:5], i, i, p.Nlin, c.Seed)
}

// writeTrial writes a model with all epochs whose weights the zoo keeps, or one of them.
func (z *zoo) writeTrial(ctx context.Context, outDir string, i int, c candidate, only *int) error {
	p := z.params(&c.config)
	dir := filepath.Join(outDir, trialName(i, &c.config, &p))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	params, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, "params.json"), params); err != nil {
		return err
	}
	var lines bytes.Buffer
	for _, epoch := range z.epochs(c.config.ModelID) {
		if only != nil && epoch != *only {
			continue
		}
		row := z.metrics[key{c.config.ModelID, epoch}]
		resultLine(&lines, &row, c.config.ModelID, params)
		if !z.holds(c.config.ModelID, epoch) {
			continue
		}
		if err := z.writeCheckpoint(ctx, dir, &c, epoch, row.WeightsSHA256); err != nil {
			return fmt.Errorf("epoch %d: %w", epoch, err)
		}
	}
	return writeFile(filepath.Join(dir, "result.json"), lines.Bytes())
}

func (z *zoo) writeCheckpoint(ctx context.Context, dir string, c *candidate, epoch int, sum string) error {
	tensors, _, err := z.readTensors(ctx, c, epoch, sum)
	if err != nil {
		return err
	}
	b, err := torchzip.EncodeStateDict(tensors)
	if err != nil {
		return err
	}
	folder := filepath.Join(dir, fmt.Sprintf("checkpoint_%06d", epoch))
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	return writeFile(filepath.Join(folder, "checkpoints"), b)
}

// epochs lists the epochs of a model in metrics.parquet, rising.
func (z *zoo) epochs(model string) []int {
	if z.byModel == nil {
		z.byModel = map[string][]int{}
		for k := range z.metrics {
			z.byModel[k.model] = append(z.byModel[k.model], k.epoch)
		}
		for _, list := range z.byModel {
			slices.Sort(list)
		}
	}
	return z.byModel[model]
}

// holds says whether the weights of an epoch are in the store: a zoo may keep only some.
func (z *zoo) holds(model string, epoch int) bool {
	for _, p := range z.places[model] {
		if epoch >= p.first && epoch <= p.last {
			if _, ok := z.manifest.File(fmt.Sprintf("shards/%s/epoch-%04d.safetensors", p.shard, epoch)); ok {
				return true
			}
		}
	}
	return false
}

// resultLine writes an object of result.json. NaN is written as Python writes it.
func resultLine(b *bytes.Buffer, r *artifact.MetricRow, model string, params []byte) {
	b.WriteByte('{')
	for _, m := range []struct {
		name string
		v    float64
	}{
		{"train_loss", r.TrainLoss},
		{"train_acc", r.TrainAccuracy},
		{"val_loss", r.ValidationLoss},
		{"val_acc", r.ValidationAccuracy},
		{"test_loss", r.TestLoss},
		{"test_acc", r.TestAccuracy},
	} {
		fmt.Fprintf(b, "%q: %s, ", m.name, pythonFloat(m.v))
	}
	fmt.Fprintf(b, "\"training_iteration\": %d, \"trial_id\": %q, \"done\": false, \"config\": %s}\n", r.Epoch, model[:5], params)
}

func pythonFloat(v float64) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// writeGrid writes the zoo's config.json: the values that occur, as lists, as the published zoos have their grids.
func (z *zoo) writeGrid(outDir string) error {
	values := map[string][]string{}
	add := func(k, v string) {
		if !slices.Contains(values[k], v) {
			values[k] = append(values[k], v)
		}
	}
	for _, m := range z.models {
		add("model::type", rayTypes[m.Architecture])
		add("model::nlin", m.Activation)
		add("model::init_type", strings.ReplaceAll(m.Initializer, "-", "_"))
		add("optim::optimizer", m.Optimizer)
		add("optim::lr", pythonFloat(m.LearningRate))
		add("optim::wd", pythonFloat(m.WeightDecay))
		add("model::dropout", pythonFloat(m.Dropout))
	}
	b, err := json.MarshalIndent(values, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(outDir, configName), append(b, '\n'))
}
