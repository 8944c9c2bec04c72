// Package export takes models out of a ModelZoo artifact, in formats that other programs read: a folder for each model with
// its weights, under the names and shapes that PyTorch's load_state_dict expects, and config.json, which says how to build the
// network and how it was trained, with load.py as an example; or the layout of Ray Tune and the published zoos. Package
// importer reads all of them back.
package export

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sort"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Options select what is exported. The zero value exports the last epoch of every model.
type Options struct {
	// Format is one of Formats; "" is Safetensors.
	Format string
	// Epoch to export; nil is each model's last, with RayTune all.
	Epoch *int
	// Models lists modelIDs; empty means all.
	Models []string
	// Best keeps the k models of highest validation accuracy at the epoch (test accuracy where
	// there is no validation split), 0 for all.
	Best int
	// Limit keeps the first models, 0 for all.
	Limit int
	// Logits adds logits.safetensors to each model: what our engine answers to the first so many
	// test images, to compare other programs with. It needs the data set. 0 for none.
	Logits int
	// Datasets is the store of the zoo's data set, for the normalisation; nil means the zoo's.
	Datasets *artifact.Store
	// Progress is called after each model, if set.
	Progress func(done, total int)
}

// Report says what was exported.
type Report struct {
	// Models are the modelIDs in the order of their export.
	Models []string
	// Warnings are for the user, such as that the data set is gone.
	Warnings []string
}

// Metrics of a model at the exported epoch; null where there is none (an empty split, NaN).
type Metrics struct {
	TrainLoss          *float64 `json:"trainLoss"`
	TrainAccuracy      *float64 `json:"trainAccuracy"`
	ValidationLoss     *float64 `json:"validationLoss"`
	ValidationAccuracy *float64 `json:"validationAccuracy"`
	TestLoss           *float64 `json:"testLoss"`
	TestAccuracy       *float64 `json:"testAccuracy"`
}

// Config is config.json.
type Config struct {
	FormatVersion int    `json:"formatVersion"`
	ModelID       string `json:"modelID"`
	Architecture  string `json:"architecture"`
	Parameters    int    `json:"parameters"`
	Channels      int    `json:"channels"`
	Height        int    `json:"height"`
	Width         int    `json:"width"`
	Classes       int    `json:"classes"`
	Activation    string `json:"activation"`
	Initializer   string `json:"initializer"`
	Optimizer     string `json:"optimizer"`
	// LearningRate, WeightDecay and Dropout are numbers; Seed may exceed 53 bits.
	LearningRate float64 `json:"learningRate"`
	WeightDecay  float64 `json:"weightDecay"`
	Dropout      float64 `json:"dropout"`
	BatchSize    int     `json:"batchSize"`
	Seed         int64   `json:"seed"`
	Epoch        int     `json:"epoch"`
	// DivergedEpoch is null when the model did not diverge.
	DivergedEpoch *int32  `json:"divergedEpoch"`
	Metrics       Metrics `json:"metrics"`
	// Normalization of the inputs: (pixel/255 - mean) / std; null when the data set is not at hand.
	Normalization *spec.Normalization `json:"normalization"`
	// WeightsSHA256 is of the parameters in order, as in metrics.parquet; Zoo is the zoo's
	// resultDigest.
	WeightsSHA256 string `json:"weightsSHA256"`
	Zoo           string `json:"zooResultDigest"`
	// BaseWidth is the channels of the first stage of a resnet18.
	BaseWidth int     `json:"baseWidth,omitempty"`
	Momentum  float64 `json:"momentum,omitempty"`
	// Architectures, ModelType and TorchDType are for Hugging Face's tools.
	Architectures []string `json:"architectures,omitempty"`
	ModelType     string   `json:"model_type,omitempty"`
	TorchDType    string   `json:"torch_dtype,omitempty"`
}

//go:embed load.py
var loadPy []byte

// Write exports models of the zoo in folder zooDir of the store to the local folder outDir. Each
// model's weights are checked against the sha256 in metrics.parquet.
func Write(ctx context.Context, store *artifact.Store, zooDir, outDir string, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	z, err := openZoo(ctx, store, zooDir)
	if err != nil {
		return nil, err
	}
	report := &Report{}
	norm, err := z.normalization(ctx, o.Datasets)
	if err != nil {
		report.Warnings = append(report.Warnings, fmt.Sprintf("config.json lacks the normalisation: %v", err))
	}
	selected, err := z.choose(o)
	if err != nil {
		return nil, err
	}
	answers, err := z.openAnswers(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	if err := os.MkdirAll(outDir, 0o777); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	for i, c := range selected {
		c.config.Normalization = norm
		if err := z.writeAs(ctx, outDir, i, c, answers, o); err != nil {
			return report, fmt.Errorf("export model %s, epoch %d: %w", c.config.ModelID, c.config.Epoch, err)
		}
		report.Models = append(report.Models, c.config.ModelID)
		if o.Progress != nil {
			o.Progress(i+1, len(selected))
		}
	}
	if o.Format == RayTune {
		return report, z.writeGrid(outDir)
	}
	return report, writeFile(filepath.Join(outDir, "load.py"), loadPy)
}

// candidate is a model that may be exported.
type candidate struct {
	config Config
	metric artifact.MetricRow
}

// choose applies the options and returns models in the order of the table, best first with Best.
func (z *zoo) choose(o Options) ([]candidate, error) {
	want := map[string]bool{}
	for _, id := range o.Models {
		want[id] = true
	}
	var out []candidate
	for _, m := range z.models {
		if len(o.Models) > 0 && !want[m.ModelID] {
			continue
		}
		delete(want, m.ModelID)
		epoch := int(m.Epochs)
		if o.Epoch != nil {
			epoch = *o.Epoch
		}
		row, ok := z.metrics[key{m.ModelID, epoch}]
		if !ok {
			return nil, fmt.Errorf("export: model %s has no epoch %d; it has epochs 0 to %d", m.ModelID, epoch, m.Epochs)
		}
		out = append(out, candidate{z.config(m, row), row})
	}
	for id := range want {
		return nil, fmt.Errorf("export: the zoo has no model %q; models.parquet lists those there are", id)
	}
	if o.Best > 0 {
		sort.SliceStable(out, func(i, j int) bool { return score(out[i].metric) > score(out[j].metric) })
		out = out[:min(o.Best, len(out))]
	}
	if o.Limit > 0 {
		out = out[:min(o.Limit, len(out))]
	}
	if len(out) == 0 {
		return nil, errors.New("export: no model is left to export")
	}
	return out, nil
}

func score(r artifact.MetricRow) float64 {
	switch {
	case !math.IsNaN(r.ValidationAccuracy):
		return r.ValidationAccuracy
	case !math.IsNaN(r.TestAccuracy):
		return r.TestAccuracy
	}
	return -1
}

func (z *zoo) config(m artifact.ModelRow, r artifact.MetricRow) Config {
	d := z.plan.Zoo.Dataset
	return Config{
		FormatVersion: 1, ModelID: m.ModelID, Architecture: m.Architecture, Parameters: int(m.Parameters),
		Channels: d.Channels, Height: d.Height, Width: d.Width, Classes: d.Classes,
		Activation: m.Activation, Initializer: m.Initializer, Optimizer: m.Optimizer,
		LearningRate: m.LearningRate, WeightDecay: m.WeightDecay, Dropout: m.Dropout, BatchSize: int(m.BatchSize), Seed: m.Seed,
		BaseWidth: z.baseWidth(m.Architecture), Momentum: z.momentum(m.Optimizer),
		Epoch: int(r.Epoch), DivergedEpoch: m.DivergedEpoch, WeightsSHA256: r.WeightsSHA256, Zoo: z.manifest.ResultDigest,
		Metrics: Metrics{number(r.TrainLoss), number(r.TrainAccuracy), number(r.ValidationLoss), number(r.ValidationAccuracy), number(r.TestLoss), number(r.TestAccuracy)},
	}
}

// number is nil for what JSON cannot hold.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// readTensors reads the row of an epoch, checks it against metrics.parquet, and cuts it into tensors.
func (z *zoo) readTensors(ctx context.Context, c *candidate, epoch int, sum string) (tensors []artifact.Tensor, row []byte, err error) {
	row, layout, err := z.weights(ctx, c.config.ModelID, epoch)
	if err != nil {
		return nil, nil, err
	}
	if have := sha256.Sum256(row); hex.EncodeToString(have[:]) != sum {
		return nil, nil, fmt.Errorf("%w: weights have sha256 %x, metrics.parquet says %s", artifact.ErrCorrupt, have, sum)
	}
	tensors, err = split(row, layout, c.config.Architecture, c.config.Dropout > 0, epoch*z.batches())
	return tensors, row, err
}

// writeModel reads one row and writes the model's folder, with logits if there are answers.
func (z *zoo) writeModel(ctx context.Context, outDir string, c candidate, answers *answers, format string) error {
	id := c.config.ModelID
	tensors, row, err := z.readTensors(ctx, &c, c.config.Epoch, c.metric.WeightsSHA256)
	if err != nil {
		return err
	}
	name, b, err := encodeWeights(format, id, tensors)
	if err != nil {
		return err
	}
	config, err := json.MarshalIndent(c.config, "", "  ")
	if err != nil {
		return err
	}
	dir := filepath.Join(outDir, id)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, name), b); err != nil {
		return err
	}
	if answers != nil {
		if err := answers.write(filepath.Join(dir, logitsName), c.config, row); err != nil {
			return err
		}
	}
	if format == HuggingFace {
		if err := writeFile(filepath.Join(dir, cardName), card(&c.config)); err != nil {
			return err
		}
	}
	return writeFile(filepath.Join(dir, configName), append(config, '\n'))
}

// batches is the number of batches of an epoch.
func (z *zoo) batches() int {
	p := z.plan.Zoo
	return (p.Dataset.Train + p.BatchSize - 1) / max(1, p.BatchSize)
}

func isModelID(id string) bool {
	_, err := hex.DecodeString(id)
	return err == nil && len(id) == 32
}

// writeFile replaces a file at once, so that an interrupted export leaves no half file.
func writeFile(name string, b []byte) error {
	temp := name + ".tmp"
	if err := os.WriteFile(temp, b, 0o666); err != nil {
		return err
	}
	return os.Rename(temp, name)
}
