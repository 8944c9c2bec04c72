package trajectory

import (
	"fmt"
	"math"
	"slices"

	"github.com/weightspace/weightspace/runtime/analysis/statistics"
)

// Trigger flags steps that are longer than those of a baseline: a sign that the data have changed. The
// threshold is Margin times a quantile of the baseline.
//
// A high quantile of few steps is nearly their maximum, which steps that merely go on exceed once in
// Window+1 times. A margin makes up for it: on ten cnn-small whose digits are turned after 30 epochs the
// first step is 1.8 to 4.5 times the longest of the ten before, and at most 1.2 times in five epochs if the
// digits stay, so 1.5 separates them (runtime/analysis, TestDriftTrigger).
type Trigger struct {
	// Window is the number of steps of the baseline, at least 1.
	Window int
	// Quantile in [0, 1] is taken with linear interpolation.
	Quantile float64
	// Margin multiplies the quantile; 0 means 1.
	Margin float64
}

// Since watches from a moment on: the baseline is the last Window steps before steps[from] (fewer
// if there are not as many, NaN left out), and stays. fired[k] is about steps[from+k]. Steps that are NaN
// are never flagged. It fails if there is no baseline.
func (g Trigger) Since(steps []float64, from int) (fired []bool, threshold float64, err error) {
	if err := g.check(); err != nil {
		return nil, 0, err
	}
	if from < 0 || from > len(steps) {
		return nil, 0, fmt.Errorf("trajectory: a trigger from step %d of %d", from, len(steps))
	}
	var baseline []float64
	for _, s := range steps[max(from-g.Window, 0):from] {
		if !math.IsNaN(s) {
			baseline = append(baseline, s)
		}
	}
	if len(baseline) == 0 {
		return nil, 0, fmt.Errorf("trajectory: a trigger needs steps before step %d", from)
	}
	threshold = g.threshold(baseline)
	fired = make([]bool, len(steps)-from)
	for k, s := range steps[from:] {
		fired[k] = s > threshold
	}
	return fired, threshold, nil
}

// Watch watches all along: the baseline of a step is the last Window steps before it that were not
// flagged. fired[t] says that step t exceeded threshold[t]. The first Window steps have no threshold
// (NaN). Steps that are NaN are never flagged and never enter the baseline. A baseline that moves with steps
// that shrink asks for a larger margin than one that stays: of the 250 steps of that experiment on unchanged
// digits, 23 are flagged without a margin (one in eleven), 2 with 1.5 and none with 1.75, which still
// sees all ten turns.
func (g Trigger) Watch(steps []float64) (fired []bool, threshold []float64, err error) {
	if err := g.check(); err != nil {
		return nil, nil, err
	}
	fired, threshold = make([]bool, len(steps)), make([]float64, len(steps))
	var baseline []float64
	for t, s := range steps {
		threshold[t] = math.NaN()
		if math.IsNaN(s) {
			continue
		}
		if len(baseline) == g.Window {
			threshold[t] = g.threshold(baseline)
			fired[t] = s > threshold[t]
			if fired[t] {
				continue
			}
			baseline = baseline[1:]
		}
		baseline = append(baseline, s)
	}
	return fired, threshold, nil
}

func (g Trigger) check() error {
	if g.Window < 1 || !(g.Quantile >= 0 && g.Quantile <= 1) || !(g.Margin >= 0) {
		return fmt.Errorf("trajectory: a trigger needs a window of at least 1, a quantile in [0, 1] and no negative margin")
	}
	return nil
}

func (g Trigger) threshold(baseline []float64) float64 {
	margin := g.Margin
	if margin == 0 {
		margin = 1
	}
	return margin * statistics.Quantile(slices.Sorted(slices.Values(baseline)), g.Quantile)
}
