package study

import (
	"encoding/json"
	"fmt"

	"github.com/weightspace/weightspace/runtime/spec"
)

// Headline takes what the status of a ZooAnalysis shows from the summary of a part.
func Headline(part string, summary []byte, r *spec.AnalysisResult) error {
	read := func(v any) error {
		if err := json.Unmarshal(summary, v); err != nil {
			return fmt.Errorf("summary of analysis %s: %w", part, err)
		}
		return nil
	}
	switch part {
	case spec.AnalysisTrajectories:
		m := TrajectoriesSummary{}
		if err := read(&m); err != nil {
			return err
		}
		r.Separation = m.Separation.Pointer()
		for _, o := range m.Ordering {
			if o.Method == "shrinkingChain" {
				r.Kendall = o.Kendall.Pointer()
			}
		}
	case spec.AnalysisProbes:
		m := ProbesSummary{}
		if err := read(&m); err != nil {
			return err
		}
		for _, p := range m.Regressions {
			if p.Target == "testAccuracy" && p.Features == "statistics" {
				r.ProbeR2 = p.TestR2.Pointer()
			}
		}
	case spec.AnalysisSimilarity:
		m := SimilaritySummary{}
		if err := read(&m); err != nil {
			return err
		}
		if m.Agreement != nil {
			r.Agreement = m.Agreement.Mean.Pointer()
		}
	}
	return nil
}
