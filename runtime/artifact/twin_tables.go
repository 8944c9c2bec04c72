package artifact

import "io"

// TwinRow is a row of twins.parquet: one per sparse twin.
type TwinRow struct {
	TwinID string `parquet:"twinID"`
	// ModelID is the parent's, in models.parquet; FromEpoch is the epoch whose weights the twin started from.
	ModelID   string `parquet:"modelID"`
	FromEpoch int32  `parquet:"fromEpoch"`
	// Name is that of the entry of spec.twins, Method magnitude, random or variationalDropout.
	Name   string `parquet:"name,dict"`
	Method string `parquet:"method,dict"`
	// TargetSparsity is what was asked for, null by variational dropout and where MatchedTwinID has the twin whose sparsity was.
	TargetSparsity *float64 `parquet:"targetSparsity,optional"`
	MatchedTwinID  *string  `parquet:"matchedTwinID,optional"`
	// Scope and Schedule are those of pruning, "" by variational dropout. Epochs is how long the twin trained.
	Scope    string `parquet:"scope,dict"`
	Schedule string `parquet:"schedule,dict"`
	Epochs   int32  `parquet:"epochs"`
	// Dropped of Prunable weights are 0; Sparsity is their ratio. Biases count in neither.
	Dropped  int64   `parquet:"dropped"`
	Prunable int64   `parquet:"prunable"`
	Sparsity float64 `parquet:"sparsity"`
	TwinMetrics
	// ParentTestLoss and ParentTestAccuracy are the parent's at FromEpoch.
	ParentTestLoss     float64 `parquet:"parentTestLoss"`
	ParentTestAccuracy float64 `parquet:"parentTestAccuracy"`
	// DivergedEpoch is null when the twin did not diverge.
	DivergedEpoch *int32 `parquet:"divergedEpoch,optional"`
	// Shard and Row say where the last epoch's weights are, below twins/shards.
	Shard string `parquet:"shard,dict"`
	Row   int32  `parquet:"row"`
}

// TwinMetrics are metrics of a twin in an epoch: losses in nats, accuracies as fractions, NaN for an empty split.
type TwinMetrics struct {
	// TrainLoss and TrainAccuracy are running means over the epoch, with noise and dropout; Evaluated... are of the whole split without.
	TrainLoss              float64 `parquet:"trainLoss"`
	TrainAccuracy          float64 `parquet:"trainAccuracy"`
	EvaluatedTrainLoss     float64 `parquet:"evaluatedTrainLoss"`
	EvaluatedTrainAccuracy float64 `parquet:"evaluatedTrainAccuracy"`
	ValidationLoss         float64 `parquet:"validationLoss"`
	ValidationAccuracy     float64 `parquet:"validationAccuracy"`
	TestLoss               float64 `parquet:"testLoss"`
	TestAccuracy           float64 `parquet:"testAccuracy"`
	// Agreement is the share of test images that parent and twin answer alike.
	Agreement float64 `parquet:"agreement"`
}

// TwinMetricRow is a row of twin-metrics.parquet: one per twin and epoch, epoch 0 before training.
type TwinMetricRow struct {
	TwinID   string  `parquet:"twinID,dict"`
	Epoch    int32   `parquet:"epoch"`
	Dropped  int64   `parquet:"dropped"`
	Sparsity float64 `parquet:"sparsity"`
	TwinMetrics
	// WeightsSHA256 is of the twin's row, little-endian float32, dropped weights being 0.
	WeightsSHA256 string `parquet:"weightsSHA256"`
}

// TwinLayerRow is a row of twin-layers.parquet: one per twin, epoch and prunable weight tensor.
type TwinLayerRow struct {
	TwinID   string  `parquet:"twinID,dict"`
	Epoch    int32   `parquet:"epoch"`
	Layer    string  `parquet:"layer,dict"`
	Dropped  int64   `parquet:"dropped"`
	Prunable int64   `parquet:"prunable"`
	Sparsity float64 `parquet:"sparsity"`
}

// WriteTwins writes twins.parquet. Equal rows give equal bytes, for all three tables of twins.
func WriteTwins(w io.Writer, rows []TwinRow) error { return writeTable(w, rows) }

// WriteTwinMetrics writes twin-metrics.parquet.
func WriteTwinMetrics(w io.Writer, rows []TwinMetricRow) error { return writeTable(w, rows) }

// WriteTwinLayers writes twin-layers.parquet.
func WriteTwinLayers(w io.Writer, rows []TwinLayerRow) error { return writeTable(w, rows) }

// ReadTwins reads twins.parquet.
func ReadTwins(b []byte) ([]TwinRow, error) { return readTable[TwinRow](b) }

// ReadTwinMetrics reads twin-metrics.parquet.
func ReadTwinMetrics(b []byte) ([]TwinMetricRow, error) { return readTable[TwinMetricRow](b) }

// ReadTwinLayers reads twin-layers.parquet.
func ReadTwinLayers(b []byte) ([]TwinLayerRow, error) { return readTable[TwinLayerRow](b) }
