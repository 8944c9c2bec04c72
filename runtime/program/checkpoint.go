package program

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/train"
)

// checkpoint is a resume point of a shard: the trainer's state and what the shard has
// recorded so far.
type checkpoint struct {
	State  *train.State
	Record record
	// Best are the weights of each member's best epoch, [members, row]; nil unless they are kept.
	Best []float32
}

// record is what a shard knows beside the state: it becomes metrics.json, timing.json and the
// manifest. It is the metadata of checkpoint.safetensors.
type record struct {
	Version  int    `json:"version"`
	Numerics string `json:"numerics"`
	// Models are the rows' modelIDs; FirstEpoch is the first epoch the shard holds.
	Models     []string `json:"models"`
	FirstEpoch int      `json:"firstEpoch"`
	LastEpoch  int      `json:"lastEpoch"`
	// Members, Epoch and Step mirror the state.
	Members int `json:"members"`
	Epoch   int `json:"epoch"`
	Step    int `json:"step"`
	// Per recorded epoch; Files are of those whose weights are kept.
	Rows    [][]sixRow  `json:"rows"`
	Weights [][]string  `json:"weights"`
	Files   []shardFile `json:"files"`
	Times   []epochTime `json:"times"`
	// BestEpoch is the best epoch of each model so far, if its weights are kept.
	BestEpoch []int `json:"bestEpoch,omitempty"`
	// Tensors and Twins are those of shardMetrics.
	Tensors []twinTensor `json:"tensors,omitempty"`
	Twins   [][]twinRow  `json:"twins,omitempty"`
	// Partial is the training time of the epoch in progress, in seconds.
	Partial float64 `json:"partial,omitempty"`
}

const (
	recordKey = "record"
	prefix32  = "f32/"
	prefix64  = "f64/"
	bestKey   = "best"
)

// next is the epoch whose evaluation comes next.
func (r *record) next() int { return r.FirstEpoch + len(r.Rows) }

// encodeCheckpoint returns the bytes of checkpoint.safetensors.
func encodeCheckpoint(c *checkpoint) ([]byte, error) {
	r := c.Record
	r.Version, r.Numerics = shardFormatVersion, spec.NumericsVersion
	r.Members, r.Epoch, r.Step = c.State.Members, c.State.Epoch, c.State.Step
	meta, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	var tensors []artifact.Tensor
	for _, s := range c.State.Float32 {
		tensors = append(tensors, float32Tensor(prefix32+s.Name, c.State.Members, s.Width, s.Data))
	}
	for _, s := range c.State.Float64 {
		tensors = append(tensors, float64Tensor(prefix64+s.Name, c.State.Members, s.Width, s.Data))
	}
	if c.Best != nil {
		tensors = append(tensors, float32Tensor(bestKey, c.State.Members, len(c.Best)/c.State.Members, c.Best))
	}
	return artifact.EncodeSafetensors(tensors, map[string]string{recordKey: string(meta)})
}

// decodeCheckpoint reads a checkpoint and checks that it is consistent in itself.
func decodeCheckpoint(b []byte) (*checkpoint, error) {
	f, err := artifact.ReadSafetensors(b)
	if err != nil {
		return nil, err
	}
	c := &checkpoint{}
	if err := decodeStrict([]byte(f.Metadata[recordKey]), &c.Record); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	if err := c.Record.check(); err != nil {
		return nil, err
	}
	c.State = &train.State{Members: c.Record.Members, Epoch: c.Record.Epoch, Step: c.Record.Step}
	for _, t := range f.Tensors {
		if len(t.Shape) != 2 || t.Shape[0] != c.State.Members {
			return nil, fmt.Errorf("tensor %q has shape %v for %d members", t.Name, t.Shape, c.State.Members)
		}
		name32, is32 := strings.CutPrefix(t.Name, prefix32)
		name64, is64 := strings.CutPrefix(t.Name, prefix64)
		switch {
		case is32 && t.DType == artifact.F32:
			c.State.Float32 = append(c.State.Float32, train.Slab[float32]{Name: name32, Width: t.Shape[1], Data: float32sOf(t.Data)})
		case is64 && t.DType == artifact.F64:
			c.State.Float64 = append(c.State.Float64, train.Slab[float64]{Name: name64, Width: t.Shape[1], Data: float64sOf(t.Data)})
		case t.Name == bestKey && t.DType == artifact.F32:
			c.Best = float32sOf(t.Data)
		default:
			return nil, fmt.Errorf("unknown tensor %q of type %s", t.Name, t.DType)
		}
	}
	return c, nil
}

func (r *record) check() error {
	n := len(r.Rows)
	switch {
	case r.Version != shardFormatVersion || r.Numerics != spec.NumericsVersion:
		return fmt.Errorf("version %d with numerics %q, this runtime writes %d with %q", r.Version, r.Numerics, shardFormatVersion, spec.NumericsVersion)
	case r.Members < 1 || r.Members != len(r.Models) || r.FirstEpoch < 0 || r.LastEpoch < r.FirstEpoch || r.LastEpoch > maxEpochs || r.Epoch < 0 || r.Step < 0:
		return fmt.Errorf("%d members with %d models, epochs %d to %d, at epoch %d, step %d", r.Members, len(r.Models), r.FirstEpoch, r.LastEpoch, r.Epoch, r.Step)
	case len(r.Weights) != n || len(r.Files) > n || len(r.Times) != n || r.next()-1 > r.LastEpoch:
		return fmt.Errorf("%d rows, %d weights, %d files, %d times", n, len(r.Weights), len(r.Files), len(r.Times))
	case r.Epoch != r.next()-1 && r.Epoch != r.next():
		return fmt.Errorf("at epoch %d, but epochs up to %d are recorded", r.Epoch, r.next()-1)
	}
	if err := checkTwinRows(r.Tensors, r.Twins, n, r.Members); err != nil {
		return err
	}
	for e := range r.Rows {
		if len(r.Rows[e]) != r.Members || len(r.Weights[e]) != r.Members {
			return fmt.Errorf("epoch %d has %d rows and %d weights for %d members", r.FirstEpoch+e, len(r.Rows[e]), len(r.Weights[e]), r.Members)
		}
	}
	return r.checkFiles()
}

// checkFiles says what is wrong with the files of weights: they are of recorded epochs, and rise.
func (r *record) checkFiles() error {
	from := r.FirstEpoch
	for _, f := range r.Files {
		for from < r.next() && f.Name != epochName(from) {
			from++
		}
		if from == r.next() {
			return fmt.Errorf("file %q is of none of its epochs, or they do not rise", f.Name)
		}
		from++
	}
	return nil
}

// fits says why a checkpoint cannot continue a shard of these models and epochs.
func (r *record) fits(models []string, first, last int) error {
	if !slices.Equal(r.Models, models) || r.FirstEpoch != first || r.LastEpoch != last {
		return fmt.Errorf("it holds %d models, epochs %d to %d; the shard has %d models, epochs %d to %d", len(r.Models), r.FirstEpoch, r.LastEpoch, len(models), first, last)
	}
	return nil
}

func float32Tensor(name string, rows, width int, v []float32) artifact.Tensor {
	return artifact.Tensor{Name: name, DType: artifact.F32, Shape: []int{rows, width}, Data: float32Bytes(v)}
}

func float64Tensor(name string, rows, width int, v []float64) artifact.Tensor {
	b := make([]byte, 0, 8*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return artifact.Tensor{Name: name, DType: artifact.F64, Shape: []int{rows, width}, Data: b}
}

func float32Bytes(v []float32) []byte {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

func float32sOf(b []byte) []float32 {
	v := make([]float32, len(b)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return v
}

func float64sOf(b []byte) []float64 {
	v := make([]float64, len(b)/8)
	for i := range v {
		v[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return v
}
