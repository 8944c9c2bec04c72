package artifact

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// ModelRow is a row of models.parquet: one per model.
type ModelRow struct {
	ModelID      string  `parquet:"modelID"`
	Seed         int64   `parquet:"seed"`
	Activation   string  `parquet:"activation,dict"`
	Initializer  string  `parquet:"initializer,dict"`
	Optimizer    string  `parquet:"optimizer,dict"`
	LearningRate float64 `parquet:"learningRate"`
	WeightDecay  float64 `parquet:"weightDecay"`
	Dropout      float64 `parquet:"dropout"`
	BatchSize    int32   `parquet:"batchSize"`
	Architecture string  `parquet:"architecture,dict"`
	Parameters   int32   `parquet:"parameters"`
	Epochs       int32   `parquet:"epochs"`
	// Final metrics: losses in nats, accuracies as fractions, NaN for an empty split.
	TrainLoss          float64 `parquet:"trainLoss"`
	TrainAccuracy      float64 `parquet:"trainAccuracy"`
	ValidationLoss     float64 `parquet:"validationLoss"`
	ValidationAccuracy float64 `parquet:"validationAccuracy"`
	TestLoss           float64 `parquet:"testLoss"`
	TestAccuracy       float64 `parquet:"testAccuracy"`
	// DivergedEpoch is null when the model did not diverge.
	DivergedEpoch *int32 `parquet:"divergedEpoch,optional"`
	// Shard and Row say where the last epoch's weights are.
	Shard string `parquet:"shard,dict"`
	Row   int32  `parquet:"row"`
	// File and Offset say the same in bytes: WeightBytes from Offset in File, below the artifact's folder. Tables of earlier releases
	// lack these columns and the following; they read as null.
	File        string `parquet:"file,dict,optional"`
	Offset      int64  `parquet:"offset,optional"`
	WeightBytes int64  `parquet:"weightBytes,optional"`
	// BestEpoch is the first epoch of highest validation accuracy (test accuracy where there is no validation split); BestFile and
	// BestOffset are where its weights are, null if they were not kept.
	BestEpoch  *int32 `parquet:"bestEpoch,optional"`
	BestFile   string `parquet:"bestFile,dict,optional"`
	BestOffset int64  `parquet:"bestOffset,optional"`
}

// MetricRow is a row of metrics.parquet: one per model and epoch, epoch 0 the initialisation.
type MetricRow struct {
	ModelID            string  `parquet:"modelID,dict"`
	Epoch              int32   `parquet:"epoch"`
	TrainLoss          float64 `parquet:"trainLoss"`
	TrainAccuracy      float64 `parquet:"trainAccuracy"`
	ValidationLoss     float64 `parquet:"validationLoss"`
	ValidationAccuracy float64 `parquet:"validationAccuracy"`
	TestLoss           float64 `parquet:"testLoss"`
	TestAccuracy       float64 `parquet:"testAccuracy"`
	// WeightsSHA256 is of the model's row, little-endian float32.
	WeightsSHA256 string `parquet:"weightsSHA256"`
	// File and Offset are where the weights are, null if they were not kept.
	File   string `parquet:"file,dict,optional"`
	Offset int64  `parquet:"offset,optional"`
}

// TimingRow is a row of timing.parquet, outside every digest: the wall time of an epoch of a shard.
type TimingRow struct {
	Shard           string  `parquet:"shard,dict"`
	Epoch           int32   `parquet:"epoch"`
	Members         int32   `parquet:"members"`
	TrainSeconds    float64 `parquet:"trainSeconds"`
	EvaluateSeconds float64 `parquet:"evaluateSeconds"`
	Samples         int64   `parquet:"samples"`
	Host            string  `parquet:"host,dict"`
	Version         string  `parquet:"version,dict"`
	ISA             string  `parquet:"isa,dict"`
	Workers         int32   `parquet:"workers"`
}

// Row limits of a table: no index of ours writes more, and a reader allocates no more.
const (
	maxTableRows = 50_000_000
	writeChunk   = 4096
	// rowGroupRows bounds what a writer holds in memory.
	rowGroupRows = 1 << 16
)

// WriteModels writes models.parquet. Equal rows give equal bytes, for all three tables.
func WriteModels(w io.Writer, rows []ModelRow) error { return writeTable(w, rows) }

// WriteMetrics writes metrics.parquet.
func WriteMetrics(w io.Writer, rows []MetricRow) error { return writeTable(w, rows) }

// WriteTiming writes timing.parquet.
func WriteTiming(w io.Writer, rows []TimingRow) error { return writeTable(w, rows) }

// ReadModels reads models.parquet.
func ReadModels(b []byte) ([]ModelRow, error) { return readTable[ModelRow](b) }

// ReadMetrics reads metrics.parquet.
func ReadMetrics(b []byte) ([]MetricRow, error) { return readTable[MetricRow](b) }

// ReadTiming reads timing.parquet.
func ReadTiming(b []byte) ([]TimingRow, error) { return readTable[TimingRow](b) }

// Table writes a table row by row, with a bounded part of it in memory. Equal rows give equal bytes, however they are handed over.
type Table[T any] struct{ w *parquet.GenericWriter[T] }

// NewTable starts a table of ModelRow, MetricRow or another row type with Parquet tags. Close ends it.
func NewTable[T any](w io.Writer) *Table[T] {
	return &Table[T]{parquet.NewGenericWriter[T](w, parquet.Compression(&parquet.Zstd), parquet.CreatedBy("weightspace", "1", ""), parquet.MaxRowsPerRowGroup(rowGroupRows))}
}

// Write adds rows.
func (t *Table[T]) Write(rows []T) error {
	for len(rows) > 0 {
		n := min(len(rows), writeChunk)
		if _, err := t.w.Write(rows[:n]); err != nil {
			return fmt.Errorf("write table: %w", err)
		}
		rows = rows[n:]
	}
	return nil
}

// Close writes the rest and the footer.
func (t *Table[T]) Close() error {
	if err := t.w.Close(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

func writeTable[T any](w io.Writer, rows []T) error {
	t := NewTable[T](w)
	if err := t.Write(rows); err != nil {
		return err
	}
	return t.Close()
}

// readTable reads a table written by anybody: a panic of the decoder on hostile bytes is an
// error, and rows are bounded by what is really there.
func readTable[T any](b []byte) (rows []T, err error) {
	defer func() {
		if r := recover(); r != nil {
			rows, err = nil, fmt.Errorf("read table: damaged Parquet: %v", r)
		}
	}()
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("read table: %w", err)
	}
	if n := f.NumRows(); n < 0 || n > maxTableRows {
		return nil, fmt.Errorf("read table: it claims %d rows, at most %d are read", n, maxTableRows)
	}
	if err := sameColumns(parquet.SchemaOf(new(T)), f.Schema()); err != nil {
		return nil, err
	}
	r := parquet.NewGenericReader[T](f)
	defer func() { _ = r.Close() }() // it only read
	buf := make([]T, writeChunk)
	for {
		n, err := r.Read(buf)
		rows = append(rows, buf[:n]...)
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read table: row %d: %w", len(rows), err)
		}
		if len(rows) > maxTableRows || n == 0 {
			return nil, fmt.Errorf("read table: it does not end after %d rows", len(rows))
		}
	}
}

// sameColumns says which column a table lacks.
func sameColumns(want, have *parquet.Schema) error {
	for _, c := range want.Columns() {
		leaf, ok := have.Lookup(c...)
		if !ok && optional(want, c) {
			continue // of a later release than the table
		}
		if !ok {
			return fmt.Errorf("read table: column %s is missing", c[0])
		}
		wantLeaf, _ := want.Lookup(c...)
		if leaf.Node.Type().Kind() != wantLeaf.Node.Type().Kind() {
			return fmt.Errorf("read table: column %s is a %s, not a %s", c[0], leaf.Node.Type(), wantLeaf.Node.Type())
		}
	}
	return nil
}

func optional(schema *parquet.Schema, column []string) bool {
	leaf, _ := schema.Lookup(column...)
	return leaf.Node.Optional()
}
