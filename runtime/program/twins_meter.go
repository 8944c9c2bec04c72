package program

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/train"
)

// Tolerances of the check of a twin against its parent before training, relative (card sparse-twins, section 3).
const (
	lossTolerance     = 1e-3
	accuracyTolerance = 1e-2
)

// twinMeter measures what twins have beside the metrics of an epoch.
type twinMeter struct {
	judge   *train.Judge
	data    *data.Set
	parents *parentRows
	set     *spec.TwinSet
	log     *slog.Logger
	engine  func() train.TwinEngine
	// answers are the parents' predictions on the test split.
	answers [][]uint16
}

// checkParents makes sure that the weights read are those whose metrics were recorded, and keeps what they answer.
func (m *twinMeter) checkParents(ctx context.Context) error {
	verdicts, err := m.judge.Score(ctx, m.parents.weights, &m.data.Test, true)
	if err != nil {
		return fmt.Errorf("evaluate the parents: %w", err)
	}
	m.answers = make([][]uint16, len(verdicts))
	for i, v := range verdicts {
		m.answers[i] = v.Predictions
		if err := m.checkParent(i, v.Loss, v.Accuracy); err != nil {
			return err
		}
	}
	return nil
}

func (m *twinMeter) checkParent(i int, loss, accuracy float64) error {
	recorded := m.parents.metrics[i]
	if same(loss, recorded[4], lossTolerance) && same(accuracy, recorded[5], accuracyTolerance) {
		return nil
	}
	return fmt.Errorf("model %s, epoch %d: test loss %v and accuracy %v, but %v and %v were recorded: weights, data set and metrics do not belong together; delete its shard's folder and run again",
		m.parents.ids[i], m.parents.epoch, loss, accuracy, recorded[4], recorded[5])
}

// measure gives the rows of an epoch.
func (m *twinMeter) measure(ctx context.Context, epoch int, metrics []train.Metrics) ([]twinRow, error) {
	engine := m.engine()
	weights, sparsity := engine.Weights(), engine.Sparsity()
	whole, err := m.judge.Score(ctx, weights, &m.data.Train, false)
	if err != nil {
		return nil, fmt.Errorf("evaluate twins: %w", err)
	}
	test, err := m.judge.Score(ctx, weights, &m.data.Test, true)
	if err != nil {
		return nil, fmt.Errorf("evaluate twins: %w", err)
	}
	rows := make([]twinRow, len(test))
	for i, v := range test {
		rows[i] = twinRowOf(whole[i], train.Agreement(m.answers[i], v.Predictions), sparsity[i])
		if epoch == 0 && m.set.Variational != nil {
			if err := m.checkTwin(i, metrics[i], rows[i].dropped()); err != nil {
				return nil, err
			}
		}
	}
	return rows, nil
}

// checkTwin holds a twin by variational dropout against its parent before training: it has the same weights, but for tiny ones that start
// above the threshold.
func (m *twinMeter) checkTwin(i int, metrics train.Metrics, dropped int) error {
	if dropped == 0 {
		return m.checkParent(i, metrics.TestLoss, metrics.TestAccuracy)
	}
	if recorded := m.parents.metrics[i]; !same(metrics.TestLoss, recorded[4], lossTolerance) || !same(metrics.TestAccuracy, recorded[5], accuracyTolerance) {
		m.log.Warn("A twin differs from its parent before training by the weights that start above the threshold", "model", m.parents.ids[i],
			"dropped", dropped, "testLoss", metrics.TestLoss, "parentTestLoss", recorded[4])
	}
	return nil
}
