// Package importer reads populations of networks that others trained: the folders that Ray Tune and the published model zoos write,
// folders in the style of Hugging Face (our own export among them), and pre-processed data sets of pickled state dicts. It knows files
// and names, no store; package program makes a ModelZoo of what it finds.
//
// Files are untrusted: pickles go through package pickle, archives are never unpacked to paths of theirs, and a model that cannot
// be used is left out with a reason, not an error for all.
package importer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/weightspace/weightspace/runtime/artifact"
)

// Layouts of the files, the values of spec.import.layout.
const (
	// RayTune is a folder for each trial with params.json, result.json and checkpoint folders.
	RayTune = "rayTune"
	// HuggingFace is a folder for each model with config.json and model.safetensors.
	HuggingFace = "huggingFace"
	// Pickled is a file of torch.save with the splits of a pre-processed data set of models.
	Pickled = "pickled"
)

// Layouts lists them.
var Layouts = []string{RayTune, HuggingFace, Pickled}

// Config is what the files say about how a model was made. Words are ours: the other side's are translated.
type Config struct {
	Activation   string  `json:"activation"`
	Initializer  string  `json:"initializer"`
	Optimizer    string  `json:"optimizer"`
	LearningRate float64 `json:"learningRate"`
	WeightDecay  float64 `json:"weightDecay"`
	Dropout      float64 `json:"dropout"`
	Momentum     float64 `json:"momentum"`
	BatchSize    int     `json:"batchSize"`
	Seed         int64   `json:"seed"`
	// Scheduler is the learning rate's schedule in the file's words, "" for none.
	Scheduler string `json:"scheduler,omitempty"`
}

// Metrics are train loss and accuracy, validation loss and accuracy, test loss and accuracy; NaN where the files have none.
type Metrics [6]float64

// noMetrics is a row without any.
func noMetrics() Metrics {
	var m Metrics
	for i := range m {
		m[i] = math.NaN()
	}
	return m
}

// Meta is everything about a model but its weights.
type Meta struct {
	Config Config
	// Metrics by epoch, epoch 0 the initialisation.
	Metrics map[int]Metrics
	// Epochs are those with weights, rising.
	Epochs []int
}

// Trial is a model in the files.
type Trial interface {
	// Name is where it lies: a path, for messages and for the order of models.
	Name() string
	// Meta reads what is known beside the weights. Errors are *SkipError.
	Meta(ctx context.Context) (*Meta, error)
	// Tensors reads the weights of an epoch by their names in the file. Errors are *SkipError.
	Tensors(ctx context.Context, epoch int) ([]artifact.Tensor, error)
}

// Options are the filters of the published loaders.
type Options struct {
	// AllowNaN keeps models with NaN or infinite weights; they count as diverged.
	AllowNaN bool
	// MaxAbs leaves out models with a larger weight, 0 for no bound.
	MaxAbs float64
	// Keep keeps the rows of weights in memory; otherwise only their sha256.
	Keep bool
}

// Reasons for leaving a model out.
const (
	Missing         = "missingFile"
	Damaged         = "damagedFile"
	NotFinite       = "notFinite"
	TooLarge        = "weightTooLarge"
	UnknownNetwork  = "unknownNetwork"
	WrongShape      = "wrongShape"
	OtherNetwork    = "otherNetwork"
	BadConfig       = "badConfig"
	Duplicate       = "duplicate"
	NoDiskOrNetwork = "" // an error that is no property of the files
)

// SkipError says why a model is left out.
type SkipError struct {
	// Reason is one of the constants above.
	Reason string
	// File is the file at fault.
	File string
	Err  error
}

// Error implements error.
func (e *SkipError) Error() string { return fmt.Sprintf("%s: %v", e.File, e.Err) }

// Unwrap returns the cause.
func (e *SkipError) Unwrap() error { return e.Err }

func skip(reason, file, format string, args ...any) error {
	return &SkipError{Reason: reason, File: file, Err: fmt.Errorf(format, args...)}
}

// Model is a model read in full.
type Model struct {
	// ID is a hash of everything in Content.
	ID   string
	Name string
	Meta
	Network *Network
	// Sums are the sha256 of the rows of weights of Epochs, Rows the rows themselves if they were kept: little-endian float32 in the
	// layout of Network.
	Sums []string
	Rows [][]byte
	// DivergedEpoch is the first epoch with a weight or a loss that is not finite, -1 for none.
	DivergedEpoch int
	// Twin says that the file has the log-variances of variational dropout beside the weights; they are not kept.
	Twin bool
}

// Load reads a model, one epoch after the other. With a network only models of that network are accepted.
func Load(ctx context.Context, t Trial, want *Network, o Options) (*Model, error) {
	meta, err := t.Meta(ctx)
	if err != nil {
		return nil, err
	}
	if len(meta.Epochs) == 0 {
		return nil, skip(Missing, t.Name(), "it has no weights")
	}
	m := &Model{Name: t.Name(), Meta: *meta, DivergedEpoch: -1}
	var names *mapping
	for _, epoch := range meta.Epochs {
		row, used, err := readRow(ctx, t, epoch, names, m.Config.Dropout, want)
		if err != nil {
			return nil, err
		}
		names = used
		if err := m.judge(t, epoch, row, o); err != nil {
			return nil, err
		}
		sum := sha256.Sum256(row)
		m.Sums = append(m.Sums, hex.EncodeToString(sum[:]))
		if o.Keep {
			m.Rows = append(m.Rows, row)
		}
	}
	m.Network, m.Twin = names.network, names.twin
	if m.Config.Activation == "" && m.Network.Architecture == ResNet18 {
		m.Config.Activation = "relu"
	}
	m.ID = m.identity()
	return m, nil
}

// Row reads the weights of an epoch of a loaded model again.
func (m *Model) Row(ctx context.Context, t Trial, epoch int) ([]byte, error) {
	i, ok := slices.BinarySearch(m.Epochs, epoch)
	if !ok {
		return nil, fmt.Errorf("%s has no weights of epoch %d", m.Name, epoch)
	}
	if m.Rows != nil {
		return m.Rows[i], nil
	}
	row, _, err := readRow(ctx, t, epoch, nil, m.Config.Dropout, m.Network)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(row); hex.EncodeToString(sum[:]) != m.Sums[i] {
		return nil, fmt.Errorf("%s: the weights of epoch %d changed while they were imported", m.Name, epoch)
	}
	return row, nil
}

func readRow(ctx context.Context, t Trial, epoch int, names *mapping, dropout float64, want *Network) ([]byte, *mapping, error) {
	tensors, err := t.Tensors(ctx, epoch)
	if err != nil {
		return nil, nil, err
	}
	file := fmt.Sprintf("%s, epoch %d", t.Name(), epoch)
	if !names.fits(tensors) {
		if names, err = resolve(tensors, dropout, want); err != nil {
			var s *SkipError
			if errors.As(err, &s) {
				s.File = file
			}
			return nil, nil, err
		}
	}
	if want != nil && !want.same(names.network) {
		return nil, nil, skip(OtherNetwork, file, "it is a %s, the zoo holds %s", names.network, want)
	}
	row, err := names.row(tensors)
	if err != nil {
		return nil, nil, &SkipError{Reason: WrongShape, File: file, Err: err}
	}
	return row, names, nil
}

// judge applies the filters to the weights of an epoch.
func (m *Model) judge(t Trial, epoch int, row []byte, o Options) error {
	finite, largest := survey(row)
	switch {
	case !finite && !o.AllowNaN:
		return skip(NotFinite, fmt.Sprintf("%s, epoch %d", t.Name(), epoch), "a weight is NaN or infinite")
	case o.MaxAbs > 0 && largest > o.MaxAbs:
		return skip(TooLarge, fmt.Sprintf("%s, epoch %d", t.Name(), epoch), "a weight of magnitude %g, the threshold is %g", largest, o.MaxAbs)
	case !finite && m.DivergedEpoch < 0:
		m.DivergedEpoch = epoch
	}
	return nil
}

// survey says whether all float32 of a row are finite and how large the largest is.
func survey(row []byte) (finite bool, largest float64) {
	top := uint32(0)
	for len(row) >= 4 {
		bits := (uint32(row[0]) | uint32(row[1])<<8 | uint32(row[2])<<16 | uint32(row[3])<<24) &^ (1 << 31)
		top = max(top, bits) // the bits of magnitudes are ordered as the magnitudes
		row = row[4:]
	}
	return top < 0x7f800000, float64(math.Float32frombits(top))
}

// content is what a model's identity covers. Field order and names are frozen.
type content struct {
	Imported string   `json:"imported"`
	Network  *Network `json:"network"`
	Config   Config   `json:"config"`
	Epochs   []int    `json:"epochs"`
	Weights  []string `json:"weights"`
}

// identity is the modelID: models of equal config and equal weights at the same epochs are the same model.
func (m *Model) identity() string {
	b, err := json.Marshal(content{"v1", m.Network, m.Config, m.Epochs, m.Sums})
	if err != nil {
		panic("importer: a config with numbers that JSON lacks was not refused: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
