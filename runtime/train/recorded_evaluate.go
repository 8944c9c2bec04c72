package train

import (
	"context"
	"fmt"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/pop"
)

// dataSplit is a split of a data set.
type dataSplit = data.Split

// evaluationBatch is the images of one evaluation step.
const evaluationBatch = 256

// Evaluate returns one row per member for the epoch just finished (or epoch 0); see Trainer.Evaluate.
func (t *Recorded) Evaluate(ctx context.Context) ([]Metrics, error) {
	if step := t.step.Load(); step != 0 {
		return nil, fmt.Errorf("train: Evaluate in the middle of epoch %d (step %d of %d): finish it with TrainEpoch", t.epoch+1, step, t.stepsPerEpoch)
	}
	return metricsOf(t.cfg.Data, t.epoch, t.sums, func(s *data.Split, set func(p int, loss, accuracy float64)) error {
		return t.evaluateSplit(ctx, s, set)
	})
}

// evaluateSplit scores every member on a split and gives the means to set.
func (t *Recorded) evaluateSplit(ctx context.Context, s *data.Split, set func(p int, loss, accuracy float64)) error {
	scores := make([]score, len(t.cfg.Members))
	results := make([]pop.Result, len(t.cfg.Members))
	size := t.evaluationBatch()
	for from := 0; from < s.N; from += size {
		count := min(size, s.N-from)
		err := t.pop.Evaluate(ctx, count, func(m int, in device.Feed[float32]) {
			if t.views != nil {
				t.plain(m, in, s, from, count)
				return
			}
			for j := range count {
				t.images.column(in.Floats, s, from+j, j, count)
				in.Ints[j] = int32(s.Labels[from+j])
			}
		}, results)
		if err != nil {
			return fmt.Errorf("train: evaluate: %w", err)
		}
		for p, r := range results {
			scores[p].loss += float64(r.Loss * float64(t.columns(count)))
			scores[p].correct += r.Correct
		}
	}
	for p, sum := range scores {
		loss, accuracy := means(sum, t.columns(s.N))
		set(p, loss, accuracy)
	}
	return nil
}
