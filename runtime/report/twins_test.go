package report

import (
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/artifact"
)

func TestTwinFacts(t *testing.T) {
	m := &artifact.Manifest{Facts: []byte(`{"members":8,"twins":[{"name":"mp","method":"magnitude","twins":8,"sparsity":0.5,"accuracy":0.9281,"accuracyStd":0.01,"agreement":0.945}]}`)}
	got := twinFacts(m)
	if len(got) != 1 || got[0].Name != "Twins mp" || !strings.Contains(got[0].Value, "8 by magnitude, sparsity 0.500, test accuracy 0.928 ± 0.010, agreement with the parents 0.945") {
		t.Errorf("facts %+v", got)
	}
	for _, facts := range []string{"", "{", `{"twins":[]}`, `{"twins":[{"name":"` + strings.Repeat("x", 600) + `"}]}`, `{"twins":7}`} {
		if got := twinFacts(&artifact.Manifest{Facts: []byte(facts)}); len(got) != 0 {
			t.Errorf("%.30q gives %+v", facts, got)
		}
	}
}
