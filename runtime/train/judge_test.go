package train

import (
	"slices"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel"
)

// A judge gives the bits of Evaluate, and the answers that the logits give.
func TestJudgeGivesTheMetrics(t *testing.T) {
	for _, e := range subjects(t) {
		t.Run(e.name, func(t *testing.T) {
			c := e.config(2, kernel.Auto)
			h, err := newHost(c, e.recipe)
			if err != nil {
				t.Fatal(err)
			}
			trainEpochs(t, h, 1)
			rows, err := h.Evaluate(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			j, err := NewJudge(c, e.recipe)
			if err != nil {
				t.Fatal(err)
			}
			weights := slices.Clone(h.Weights())
			got, err := j.Score(t.Context(), weights, &c.Data.Test, true)
			if err != nil {
				t.Fatal(err)
			}
			validation, err := j.Score(t.Context(), weights, &c.Data.Validation, false)
			if err != nil {
				t.Fatal(err)
			}
			for p, r := range rows {
				v := got[p]
				if v.Loss != r.TestLoss || v.Accuracy != r.TestAccuracy || validation[p].Loss != r.ValidationLoss || validation[p].Predictions != nil {
					t.Errorf("member %d: %v, evaluation %v", p, v, r)
				}
				right := 0
				for i, label := range c.Data.Test.Labels {
					if v.Predictions[i] == label {
						right++
					}
				}
				if got := float64(right) / float64(c.Data.Test.N); got != r.TestAccuracy {
					t.Errorf("member %d: %v of the predictions are right, evaluation says %v", p, got, r.TestAccuracy)
				}
			}
			if a := Agreement(got[0].Predictions, got[0].Predictions); a != 1 {
				t.Errorf("a network agrees with itself in %v", a)
			}
			if _, err := j.Score(t.Context(), weights[1:], &c.Data.Test, false); err == nil {
				t.Error("too few weights are accepted")
			}
		})
	}
}

func TestAgreement(t *testing.T) {
	if a := Agreement([]uint16{1, 2, 3, 4}, []uint16{1, 0, 3, 9}); a != 0.5 {
		t.Errorf("agreement %v, want 0.5", a)
	}
}
