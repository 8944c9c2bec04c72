// Package report turns the tables of a ModelZoo artifact into one self-contained HTML page
// and static figures (SVG and PNG). It sees artifacts only: no models, no devices.
//
// Reading (Write) is apart from drawing (Build): Build is a pure function of its Input, and
// equal inputs give equal bytes.
package report

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Limits on what Build accepts. The tables come from a store anybody may have written to.
const (
	maxModels = 2_000_000
	maxRows   = 50_000_000
	maxHyper  = 32
	maxText   = 512
)

// Input is everything a report shows.
type Input struct {
	Header Header
	// Hyper names the hyper-parameter columns beside the seed, in the order to show them, as
	// the API spells them: "learningRate".
	Hyper  []string
	Models []Model
	// Rows are the metrics by model and epoch, in any order.
	Rows []Row
	// Twins are the zoo's sparse twins; nil when it has none.
	Twins *Twins
}

// Header describes the zoo. Zero fields are left out of the page.
type Header struct {
	Namespace, Name string
	Dataset         string
	Architecture    string
	// Parameters is the number of weights of one model.
	Parameters int
	// Epochs is the planned number of training epochs; epoch 0, the initialisation, is not counted.
	Epochs       int
	BatchSize    int
	ResultDigest string
	// ArtifactPath is the artifact's folder below its store.
	ArtifactPath string
	// Finished is when the artifact was written.
	Finished time.Time
	// ShardSeconds is the wall time of all shards, training and evaluation, in seconds.
	ShardSeconds float64
	// Facts are further lines of the header, such as versions.
	Facts []Fact
}

// Fact is a named value of the header.
type Fact struct{ Name, Value string }

// Model is a member of the zoo.
type Model struct {
	ID   string
	Seed uint64
	// Hyper holds the hyper-parameters as the user wrote them, in the order of Input.Hyper.
	Hyper []string
	// Final are the metrics at the last epoch.
	Final Metrics
	// DivergedEpoch is the epoch at which the model diverged, or -1.
	DivergedEpoch int
	// Shard is the ID of the shard that holds the weights of the last epoch, at row Index.
	Shard string
	Index int
}

// Metrics of a model at an epoch. Accuracies are fractions, losses mean cross-entropy in nats; NaN where a
// metric was not recorded.
type Metrics struct {
	TrainLoss, TrainAccuracy           float64
	ValidationLoss, ValidationAccuracy float64
	TestLoss, TestAccuracy             float64
}

// gap is the generalisation gap: train accuracy minus test accuracy.
func (m Metrics) gap() float64 { return m.TrainAccuracy - m.TestAccuracy }

// Row holds the metrics of one model at one epoch. Epoch 0 is the initialisation.
type Row struct {
	ModelID string
	Epoch   int
	Metrics
}

// ErrInput is wrapped by every error about what the report was given.
var ErrInput = errors.New("report: the artifact's tables cannot be drawn")

// check refuses inputs that are inconsistent or too large to draw.
func (in *Input) check() error {
	if len(in.Models) > maxModels || len(in.Rows) > maxRows || len(in.Hyper) > maxHyper {
		return fmt.Errorf("%w: %d models, %d metric rows, %d hyper-parameters; the limits are %d, %d and %d",
			ErrInput, len(in.Models), len(in.Rows), len(in.Hyper), maxModels, maxRows, maxHyper)
	}
	seen := make(map[string]bool, len(in.Models))
	for i, m := range in.Models {
		if m.ID == "" || len(m.ID) > maxText {
			return fmt.Errorf("%w: models row %d has an ID of %d characters; index the artifact again", ErrInput, i, len(m.ID))
		}
		if seen[m.ID] {
			return fmt.Errorf("%w: model %q has two rows; index the artifact again", ErrInput, m.ID)
		}
		seen[m.ID] = true
		if len(m.Hyper) != len(in.Hyper) {
			return fmt.Errorf("%w: model %q has %d hyper-parameters, the table has %d columns", ErrInput, m.ID, len(m.Hyper), len(in.Hyper))
		}
		for k, v := range m.Hyper {
			if len(v) > maxText {
				return fmt.Errorf("%w: %s of model %q has %d characters; at most %d are allowed", ErrInput, in.Hyper[k], m.ID, len(v), maxText)
			}
		}
	}
	for i, r := range in.Rows {
		if !seen[r.ModelID] {
			return fmt.Errorf("%w: metrics row %d is about model %q, which the models table lacks; index the artifact again", ErrInput, i, r.ModelID)
		}
		if r.Epoch < 0 || r.Epoch > 1_000_000 {
			return fmt.Errorf("%w: metrics row %d has epoch %d", ErrInput, i, r.Epoch)
		}
	}
	return nil
}

// finite says whether v is a number that can be drawn. Losses beyond 1e100 count as infinite:
// their squares and axis ranges would overflow.
func finite(v float64) bool { return math.Abs(v) <= 1e100 }
