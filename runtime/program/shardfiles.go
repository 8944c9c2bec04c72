package program

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"

	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/tensor"
	"github.com/weightspace/weightspace/runtime/train"
)

// Names of the files in a shard's folder, and limits on what is read back from a store.
const (
	shardsFolder       = "shards"
	manifestName       = "manifest.json"
	metricsName        = "metrics.json"
	timingName         = "timing.json"
	checkpointName     = "checkpoint.safetensors"
	runName            = "run.json"
	shardFormatVersion = 1
	maxEpochs          = 1_000_000
)

// metricColumns are the metrics of a row, in the order of every table.
var metricColumns = []string{"trainLoss", "trainAccuracy", "validationLoss", "validationAccuracy", "testLoss", "testAccuracy"}

// shardManifest is the commit of a shard: who is in it and what every file and every row of
// weights hashes to. It holds nothing that differs between two runs of the same work.
type shardManifest struct {
	Version      int    `json:"version"`
	Shard        string `json:"shard"`
	Numerics     string `json:"numerics"`
	Dataset      string `json:"dataset"`
	Architecture string `json:"architecture"`
	Parameters   int    `json:"parameters"`
	// Models are the modelIDs in the order of the rows.
	Models []string `json:"models"`
	// FirstEpoch and LastEpoch are inclusive; epoch 0 is the initialisation.
	FirstEpoch int `json:"firstEpoch"`
	LastEpoch  int `json:"lastEpoch"`
	// DivergedEpoch is the epoch in which a model diverged, or -1.
	DivergedEpoch []int `json:"divergedEpoch"`
	// Weights is the sha256 of each model's weights (little-endian float32), [epoch][model].
	Weights [][]string `json:"weights"`
	// BestEpoch is the epoch of each row of best.safetensors, where the shard keeps one.
	BestEpoch []int `json:"bestEpoch,omitempty"`
	// Files are the shard's immutable files. Epochs whose weights were not kept are not among them.
	Files []shardFile `json:"files"`
}

// shardFile is a file of a shard, by its name in the shard's folder.
type shardFile struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// shardMetrics is metrics.json: a row for every (epoch, model).
type shardMetrics struct {
	Columns    []string   `json:"columns"`
	Models     []string   `json:"models"`
	FirstEpoch int        `json:"firstEpoch"`
	Rows       [][]sixRow `json:"rows"` // [epoch][model]
	// Tensors and Twins [epoch][model] are there for twins only.
	Tensors []twinTensor `json:"tensors,omitempty"`
	Twins   [][]twinRow  `json:"twins,omitempty"`
}

// shardTiming is timing.json, outside every digest.
type shardTiming struct {
	Host    string      `json:"host,omitempty"`
	Version string      `json:"version,omitempty"`
	ISA     string      `json:"isa"`
	Workers int         `json:"workers"`
	Members int         `json:"members"`
	Epochs  []epochTime `json:"epochs"`
}

// epochTime is the wall time of one epoch of the whole shard, in seconds.
type epochTime struct {
	Epoch           int     `json:"epoch"`
	TrainSeconds    float64 `json:"trainSeconds"`
	EvaluateSeconds float64 `json:"evaluateSeconds"`
}

// sixRow is one metric row in the order of metricColumns. JSON numbers keep every bit; NaN
// and the infinities, which JSON lacks, are strings.
type sixRow [6]float64

func rowOf(m train.Metrics) sixRow {
	r := sixRow{m.TrainLoss, m.TrainAccuracy, m.ValidationLoss, m.ValidationAccuracy, m.TestLoss, m.TestAccuracy}
	for i, v := range r {
		if v != v {
			r[i] = math.NaN() // one NaN, so that equal rows have equal bits after a round trip
		}
	}
	return r
}

func (r sixRow) testAccuracy() float64 { return r[5] }

// MarshalJSON implements json.Marshaler.
func (r sixRow) MarshalJSON() ([]byte, error) { return marshalNumbers(r[:]), nil }

// marshalNumbers writes a list of numbers; NaN and the infinities are strings.
func marshalNumbers(numbers []float64) []byte {
	var b bytes.Buffer
	b.WriteByte('[')
	for i, v := range numbers {
		if i > 0 {
			b.WriteByte(',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			b.WriteString(strconv.Quote(strconv.FormatFloat(v, 'g', -1, 64)))
			continue
		}
		b.WriteString(strconv.FormatFloat(v, 'g', -1, 64))
	}
	b.WriteByte(']')
	return b.Bytes()
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *sixRow) UnmarshalJSON(b []byte) error { return unmarshalNumbers(b, r[:], metricColumns) }

// unmarshalNumbers reads a list of exactly as many numbers as there are columns.
func unmarshalNumbers(b []byte, into []float64, columns []string) error {
	var cells []json.RawMessage
	if err := json.Unmarshal(b, &cells); err != nil {
		return err
	}
	if len(cells) != len(into) {
		return fmt.Errorf("a metric row has %d values, not %d", len(cells), len(into))
	}
	for i, c := range cells {
		v, err := strconv.ParseFloat(strings.Trim(string(c), `"`), 64)
		if err != nil {
			return fmt.Errorf("metric %s: %w", columns[i], err)
		}
		into[i] = v
	}
	return nil
}

// hex returns the bits of the six metrics, as the result digest covers them.
func (r sixRow) hex() string {
	parts := make([]string, len(r))
	for i, v := range r {
		parts[i] = fmt.Sprintf("%016x", math.Float64bits(v))
	}
	return strings.Join(parts, " ")
}

// shardID names a shard by what it holds: the sorted modelIDs and the last epoch.
func shardID(models []string, lastEpoch int) string {
	sorted := append([]string(nil), models...)
	sort.Strings(sorted)
	sum := sha256.Sum256([]byte(strings.Join(sorted, "\n") + "\n" + strconv.Itoa(lastEpoch) + "\n"))
	return hex.EncodeToString(sum[:8])
}

func epochName(epoch int) string { return fmt.Sprintf("epoch-%04d.safetensors", epoch) }

// modelIDs returns the IDs of members in order.
func modelIDs(members []spec.Member) []string {
	ids := make([]string, len(members))
	for i, m := range members {
		ids[i] = m.ID
	}
	return ids
}

// decodeStrict reads JSON into v and refuses unknown fields and trailing data.
func decodeStrict(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if dec.More() {
		return fmt.Errorf("data after the end")
	}
	return nil
}

// encodeJSON writes v as one line of JSON.
func encodeJSON(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// check says what is wrong with a manifest found in folder id.
func (m *shardManifest) check(id string) error {
	n, p := m.LastEpoch-m.FirstEpoch+1, len(m.Models)
	switch {
	case m.Version != shardFormatVersion:
		return fmt.Errorf("version %d, this runtime reads %d", m.Version, shardFormatVersion)
	case m.Shard != id || m.Shard != shardID(m.Models, m.LastEpoch):
		return fmt.Errorf("it is about shard %q", m.Shard)
	case p == 0 || m.FirstEpoch < 0 || n < 1 || m.LastEpoch > maxEpochs:
		return fmt.Errorf("%d models, epochs %d to %d", p, m.FirstEpoch, m.LastEpoch)
	case len(m.DivergedEpoch) != p || len(m.Weights) != n:
		return fmt.Errorf("%d diverged entries and %d epochs of weights for %d models and %d epochs", len(m.DivergedEpoch), len(m.Weights), p, n)
	}
	if m.BestEpoch != nil && len(m.BestEpoch) != p {
		return fmt.Errorf("best epochs of %d models, it has %d", len(m.BestEpoch), p)
	}
	for _, row := range m.Weights {
		if len(row) != p {
			return fmt.Errorf("an epoch lists %d weights for %d models", len(row), p)
		}
		for _, sum := range row {
			if !isHex(sum, 64) {
				return fmt.Errorf("%q is no sha256", sum)
			}
		}
	}
	for _, f := range m.Files {
		if f.Name == "" || strings.ContainsAny(f.Name, `/\`) || !isHex(f.SHA256, 64) || f.Size < 0 {
			return fmt.Errorf("file entry %q is malformed", f.Name)
		}
	}
	return nil
}

func isHex(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// layoutJSON is the layout metadata of a weights file.
func layoutJSON(params []tensor.Param) (string, error) {
	type entry struct {
		Name   string `json:"name"`
		Shape  []int  `json:"shape"`
		Offset int    `json:"offset"`
	}
	out := make([]entry, len(params))
	for i, p := range params {
		out[i] = entry{p.Name, p.Shape, p.Offset}
	}
	b, err := json.Marshal(out)
	return string(b), err
}
