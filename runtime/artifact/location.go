package artifact

import "context"

// Location is where a model's weights at one epoch lie: Bytes little-endian float32 from Offset in File, which is below the artifact's folder.
type Location struct {
	File          string
	Offset, Bytes int64
}

// Last is where the last epoch's weights lie; false in tables of earlier releases.
func (r *ModelRow) Last() (Location, bool) {
	return Location{r.File, r.Offset, r.WeightBytes}, r.File != "" && r.WeightBytes > 0
}

// Best is where the weights of the best epoch lie; false where they were not kept.
func (r *ModelRow) Best() (Location, bool) {
	return Location{r.BestFile, r.BestOffset, r.WeightBytes}, r.BestFile != "" && r.WeightBytes > 0
}

// At is where the row's weights lie, of as many bytes as the model's row says (ModelRow.WeightBytes); false where they were not kept.
func (r *MetricRow) At(weightBytes int64) (Location, bool) {
	return Location{r.File, r.Offset, weightBytes}, r.File != "" && weightBytes > 0
}

// ReadWeights reads a model's weights out of the artifact in folder dir with one ranged read. Compare their sha256 with that in metrics.parquet.
func (s *Store) ReadWeights(ctx context.Context, dir string, at Location) ([]byte, error) {
	return s.GetRange(ctx, dir+"/"+at.File, at.Offset, at.Bytes)
}
