package trajectory

import (
	"fmt"
	"math"
	"slices"

	"github.com/weightspace/weightspace/runtime/analysis/statistics"
)

// Trigger flags steps that are longer than those before: a sign that the data have changed.
// Threshold is Margin times a quantile of the last Window steps that were not flagged.
type Trigger struct {
	// Window is the number of steps of the baseline, at least 1.
	Window int
	// Quantile in [0, 1] is taken with linear interpolation.
	Quantile float64
	// Margin multiplies the quantile; 0 means 1.
	Margin float64
}

// Watch flags steps, such as Quantities.Relative: fired[t] says that step t exceeded threshold[t].
// The first Window steps are the baseline: their threshold is NaN. Steps that are NaN are never
// flagged and never enter the baseline.
func (g Trigger) Watch(steps []float64) (fired []bool, threshold []float64, err error) {
	if g.Window < 1 || !(g.Quantile >= 0 && g.Quantile <= 1) || !(g.Margin >= 0) {
		return nil, nil, fmt.Errorf("trajectory: a trigger needs a window of at least 1, a quantile in [0, 1] and no negative margin")
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

func (g Trigger) threshold(baseline []float64) float64 {
	margin := g.Margin
	if margin == 0 {
		margin = 1
	}
	return margin * statistics.Quantile(slices.Sorted(slices.Values(baseline)), g.Quantile)
}
