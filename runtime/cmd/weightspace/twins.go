package main

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/spec"
)

// twinLines are the lines below the summary of a zoo with twins: one for each method and sparsity.
func twinLines(r *spec.Result) []string {
	if r.Zoo == nil {
		return nil
	}
	var out []string
	for _, t := range r.Zoo.Twins {
		out = append(out, fmt.Sprintf("twins %s: %d by %s, sparsity %.3f, test accuracy %.3f ± %.3f, agreement %.3f",
			t.Name, t.Twins, t.Method, t.Sparsity, t.TestAccuracyMean, t.TestAccuracyStd, t.Agreement))
	}
	return out
}
