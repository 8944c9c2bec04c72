package program

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/weightspace/weightspace/runtime/artifact"
)

// bestName is the file of a shard with each member's weights at its best epoch, which retention "best" leaves.
const bestName = "best.safetensors"

// bestWeights are each member's weights at its best epoch of the shard so far. They lie in the resume point until the shard is
// committed, so that what they are and what was recorded never part.
type bestWeights struct {
	// data is [members, row], epochs the epochs of the rows and scores what they are best by.
	data   []float32
	epochs []int
	scores []float64
}

// score is what epochs are compared by: the validation accuracy, or the test accuracy where there is no validation split. Nothing is
// below NaN.
func (r sixRow) score() float64 {
	for _, v := range []float64{r[3], r[5]} {
		if !math.IsNaN(v) {
			return v
		}
	}
	return math.Inf(-1)
}

// take keeps the rows that improved. The first of equal epochs stays.
func (b *bestWeights) take(epoch int, rows []sixRow, weights []float32) {
	width := len(weights) / len(rows)
	if b.data == nil {
		b.data, b.epochs, b.scores = make([]float32, len(weights)), make([]int, len(rows)), make([]float64, len(rows))
		for i := range b.epochs {
			b.epochs[i] = -1
		}
	}
	for i, r := range rows {
		if b.epochs[i] < 0 || r.score() > b.scores[i] {
			b.epochs[i], b.scores[i] = epoch, r.score()
			copy(b.data[i*width:(i+1)*width], weights[i*width:(i+1)*width])
		}
	}
}

// resumeBest restores the best weights from a resume point; the scores are those of the recorded rows.
func resumeBest(c *checkpoint) (*bestWeights, error) {
	r := &c.Record
	if len(r.Rows) == 0 {
		return &bestWeights{}, nil
	}
	if c.Best == nil || len(r.BestEpoch) != r.Members || len(c.Best)%r.Members != 0 {
		return nil, &damagedError{file: checkpointName, err: fmt.Errorf("it keeps no best weights, which spec.retention asks for")}
	}
	b := &bestWeights{data: slices.Clone(c.Best), epochs: slices.Clone(r.BestEpoch), scores: make([]float64, r.Members)}
	for i, e := range b.epochs {
		if e < r.FirstEpoch || e >= r.next() {
			return nil, &damagedError{file: checkpointName, err: fmt.Errorf("epoch %d is the best of row %d, but epochs %d to %d are recorded", e, i, r.FirstEpoch, r.next()-1)}
		}
		b.scores[i] = r.Rows[e-r.FirstEpoch][i].score()
	}
	return b, nil
}

// putBest writes the best weights of a finished shard.
func (r *shardRun) putBest(ctx context.Context) (shardFile, error) {
	models, err := json.Marshal(r.rec.Models)
	if err != nil {
		return shardFile{}, err
	}
	epochs, err := json.Marshal(r.best.epochs)
	if err != nil {
		return shardFile{}, err
	}
	b, err := artifact.EncodeSafetensors([]artifact.Tensor{float32Tensor("weights", len(r.rec.Models), len(r.best.data)/len(r.rec.Models), r.best.data)},
		map[string]string{"layout": r.layout, "models": string(models), "epochs": string(epochs)})
	if err != nil {
		return shardFile{}, fmt.Errorf("shard %s, best epochs: %w", r.id, err)
	}
	return r.put(ctx, bestName, b)
}
