package artifact

// EmbeddingRow is a row of a ZooAnalysis's embedding.parquet: where a checkpoint lies. Coordinates are null where the method was not used.
type EmbeddingRow struct {
	ModelID      string   `parquet:"modelID,dict"`
	Epoch        int32    `parquet:"epoch"`
	TestAccuracy float64  `parquet:"testAccuracy"`
	PCA1         *float64 `parquet:"pca1,optional"`
	PCA2         *float64 `parquet:"pca2,optional"`
	TSNE1        *float64 `parquet:"tsne1,optional"`
	TSNE2        *float64 `parquet:"tsne2,optional"`
}

// StepRow is a row of a ZooAnalysis's steps.parquet: a model's step to an epoch. Relative is its length over that of the weights.
type StepRow struct {
	ModelID  string  `parquet:"modelID,dict"`
	Epoch    int32   `parquet:"epoch"`
	Step     float64 `parquet:"step"`
	Relative float64 `parquet:"relative"`
}

// ReadEmbedding reads embedding.parquet.
func ReadEmbedding(b []byte) ([]EmbeddingRow, error) { return readTable[EmbeddingRow](b) }

// ReadSteps reads steps.parquet.
func ReadSteps(b []byte) ([]StepRow, error) { return readTable[StepRow](b) }
