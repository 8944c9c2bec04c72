package train

import (
	"context"
	"fmt"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/kernel"
)

// Judge scores given networks of one architecture in eval mode, population first, with the arithmetic of Evaluate: equal weights get
// equal bits. Its methods are for one goroutine.
type Judge struct {
	cfg    Config
	recipe *Recipe
	tiles  *Trainer
	graph  *Recorded
	answer *RecordedForward
}

// Verdict is what one network did on a split.
type Verdict struct {
	// Loss is the mean cross-entropy in nats, Accuracy a fraction; NaN for an empty split.
	Loss, Accuracy float64
	// Predictions [N] are the classes with the largest logit, the first of equal ones.
	Predictions []uint16
}

// NewJudge prepares a judge for populations of len(c.Members); r is nil for networks on tiles. Of the members and optimisers nothing counts.
func NewJudge(c Config, r *Recipe) (*Judge, error) {
	c.Optimizer, c.Momentum = optimizerSGD, 0
	c.Members = make([]Member, len(c.Members))
	for p := range c.Members {
		c.Members[p].Initializer = "kaiming_uniform"
	}
	j := &Judge{cfg: c, recipe: r}
	var err error
	if r == nil {
		if j.tiles, err = New(c); err != nil {
			return nil, err
		}
		j.tiles.m = nil // never trains
		return j, nil
	}
	constant := *r
	constant.Schedule, constant.Plateau = nil, nil
	if j.graph, err = NewRecorded(c, constant); err != nil {
		return nil, err
	}
	j.answer, err = NewRecordedForward(c, r.Layers)
	return j, err
}

// Score scores the networks whose rows are weights [P, row], as an Engine's Weights gives them, on a split. With predictions it also
// says what they answer.
func (j *Judge) Score(ctx context.Context, weights []float32, s *data.Split, predictions bool) ([]Verdict, error) {
	out := make([]Verdict, len(j.cfg.Members))
	if predictions {
		for p := range out {
			out[p].Predictions = make([]uint16, s.N)
		}
	}
	set := func(p int, loss, accuracy float64) { out[p].Loss, out[p].Accuracy = loss, accuracy }
	if j.tiles != nil {
		return out, j.onTiles(ctx, weights, s, predictions, out, set)
	}
	if err := j.graph.load(weights); err != nil {
		return nil, err
	}
	if err := j.graph.evaluateSplit(ctx, s, set); err != nil {
		return nil, err
	}
	width := len(weights) / len(out)
	for p := range out {
		if !predictions {
			break
		}
		logits, err := j.answer.Logits(weights[p*width:(p+1)*width], s, s.N)
		if err != nil {
			return nil, err
		}
		for i := range s.N {
			out[p].Predictions[i] = largest(logits[i*j.answer.outputs:], j.answer.outputs, 1)
		}
	}
	return out, nil
}

func (j *Judge) onTiles(ctx context.Context, weights []float32, s *data.Split, predictions bool, out []Verdict, set func(p int, loss, accuracy float64)) error {
	if want := len(out) * j.tiles.Parameters(); len(weights) != want {
		return fmt.Errorf("train: %d weights to judge, %d members have %d", len(weights), len(out), want)
	}
	j.tiles.weights, j.tiles.answers = weights, nil
	if predictions {
		j.tiles.answers = make([][]uint16, len(out))
		for p := range out {
			j.tiles.answers[p] = out[p].Predictions
		}
	}
	return j.tiles.evaluateSplit(ctx, s, set)
}

// predict writes the predictions of the lanes of a tile's logits [classes][16].
func predict(dst []uint16, logits []float32) {
	for lane := range dst {
		dst[lane] = largest(logits[lane:], len(logits)/kernel.Lanes, kernel.Lanes)
	}
}

// largest is the position of the largest of n numbers that lie stride apart, the first of equal ones.
func largest(x []float32, n, stride int) uint16 {
	best := 0
	for i := 1; i < n; i++ {
		if x[i*stride] > x[best*stride] {
			best = i
		}
	}
	return uint16(best)
}

// Agreement is the share of equal answers of two networks (card sparse-twins, section 4); NaN for none. Both have the same length.
func Agreement(a, b []uint16) float64 {
	equal := 0
	for i := range a {
		if a[i] == b[i] {
			equal++
		}
	}
	return float64(equal) / float64(len(a))
}
