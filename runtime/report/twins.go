package report

import (
	"encoding/json"
	"fmt"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/spec"
)

// maxTwinFacts is how many lines about twins the header takes: as many as a plan allows.
const maxTwinFacts = 24

// twinFacts are lines of the header, one for each method and sparsity of sparse twins, from the manifest's facts. A zoo without twins,
// or facts that cannot be read, give none.
func twinFacts(m *artifact.Manifest) []Fact {
	var zoo spec.ZooResult
	if json.Unmarshal(m.Facts, &zoo) != nil {
		return nil
	}
	var out []Fact
	for _, t := range zoo.Twins[:min(len(zoo.Twins), maxTwinFacts)] {
		name := "Twins " + t.Name
		if len(name) > maxText || len(t.Method) > maxText/2 {
			continue
		}
		out = append(out, Fact{name, fmt.Sprintf("%d by %s, sparsity %.3f, test accuracy %.3f ± %.3f, agreement with the parents %.3f",
			t.Twins, words(t.Method), t.Sparsity, t.TestAccuracyMean, t.TestAccuracyStd, t.Agreement)})
	}
	return out
}
