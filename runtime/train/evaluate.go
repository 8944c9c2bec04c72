package train

import (
	"context"
	"fmt"
	"math"
	"math/bits"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/par"
	"github.com/weightspace/weightspace/runtime/tile"
)

// chunkImages is how many images an evaluation task handles for all members: they are
// normalised once, and losses are added up per chunk, then over chunks in order.
const chunkImages = 4 * kernel.Lanes

// score is the sum of losses and the number of right answers.
type score struct {
	loss    float64
	correct int
}

// Evaluate returns one row per member for the epoch just finished (or epoch 0). Validation and
// test metrics are exact means over the split in eval mode; train metrics are running means
// over the epoch in train mode, but at epoch 0 they are evaluated like the others. Metrics of
// an empty split are NaN, and so are train metrics of a member that diverged in the epoch's
// first step.
func (t *Trainer) Evaluate(ctx context.Context) ([]Metrics, error) {
	if step := t.step.Load(); step != 0 {
		return nil, fmt.Errorf("train: Evaluate in the middle of epoch %d (step %d of %d): finish it with TrainEpoch", t.epoch+1, step, t.stepsPerEpoch)
	}
	return metricsOf(t.cfg.Data, t.epoch, t.sums, func(s *data.Split, set func(p int, loss, accuracy float64)) error {
		return t.evaluateSplit(ctx, s, set)
	})
}

// metricsOf puts the rows of an epoch together: sums [P] are what training added up, evaluate scores every member on a split.
func metricsOf(d *data.Set, epoch int, sums []runningSums, evaluate func(s *data.Split, set func(p int, loss, accuracy float64)) error) ([]Metrics, error) {
	rows := make([]Metrics, len(sums))
	if epoch == 0 {
		err := evaluate(&d.Train, func(p int, loss, accuracy float64) {
			rows[p].TrainLoss, rows[p].TrainAccuracy = loss, accuracy
		})
		if err != nil {
			return nil, err
		}
	} else {
		for p, s := range sums {
			rows[p].TrainLoss, rows[p].TrainAccuracy = means(score{s.loss, s.correct}, s.samples)
		}
	}
	err := evaluate(&d.Validation, func(p int, loss, accuracy float64) {
		rows[p].ValidationLoss, rows[p].ValidationAccuracy = loss, accuracy
	})
	if err != nil {
		return nil, err
	}
	err = evaluate(&d.Test, func(p int, loss, accuracy float64) {
		rows[p].TestLoss, rows[p].TestAccuracy = loss, accuracy
	})
	return rows, err
}

// means is the mean loss and accuracy of n samples, NaN if there are none.
func means(s score, n int) (loss, accuracy float64) {
	if n == 0 {
		return math.NaN(), math.NaN()
	}
	return s.loss / float64(n), float64(s.correct) / float64(n)
}

// evaluateSplit scores every member on a split and gives the means to set, member by member.
func (t *Trainer) evaluateSplit(ctx context.Context, s *data.Split, set func(p int, loss, accuracy float64)) error {
	members := len(t.cfg.Members)
	chunks := (s.N + chunkImages - 1) / chunkImages
	scores := make([]score, chunks*members)
	err := par.For(ctx, len(t.workers), chunks, func(w, c int) {
		t.evaluateChunk(t.workers[w], s, c, scores[c*members:(c+1)*members])
	})
	if err != nil {
		return err
	}
	for p := range members {
		var sum score
		for c := range chunks {
			sum.loss += scores[c*members+p].loss
			sum.correct += scores[c*members+p].correct
		}
		loss, accuracy := means(sum, s.N)
		set(p, loss, accuracy)
	}
	return nil
}

// evaluateChunk scores every member on chunk c of a split.
func (t *Trainer) evaluateChunk(w *worker, s *data.Split, c int, scores []score) {
	from, to := c*chunkImages, min((c+1)*chunkImages, s.N)
	size := t.net.In().Size() * kernel.Lanes
	for at := from; at < to; at += kernel.Lanes {
		lanes := min(kernel.Lanes, to-at)
		for l := range lanes {
			w.index[l] = at + l
		}
		t.images.tile(w.k, &w.src, w.tiles[(at-from)/kernel.Lanes*size:][:size], s, w.index[:lanes])
	}
	own, answering := w.tape.Input(), t.Weights()
	for p := range scores {
		n := t.net.NumParams()
		w.tape.Load(answering[p*n:(p+1)*n], tile.Member{}, false)
		for at := from; at < to; at += kernel.Lanes {
			w.tape.SetInput(w.tiles[(at-from)/kernel.Lanes*size:])
			logits := w.tape.Forward(0, 0)
			labels := s.Labels[at:min(at+kernel.Lanes, to)]
			scores[p].correct += bits.OnesCount16(w.loss.CrossEntropy(w.k, logits, labels, 0, nil))
			scores[p].loss += tile.Sum(w.loss.Losses[:len(labels)])
			if t.answers != nil {
				predict(t.answers[p][at:at+len(labels)], logits)
			}
		}
	}
	w.tape.SetInput(own)
}
