package modelzoo

import (
	"strings"
	"testing"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/staged"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// TestImport: a zoo that is imported waits for no data set, only its source's host has to be allowed, and its status comes from
// what the index found.
func TestImport(t *testing.T) {
	z := &v1alpha1.ModelZoo{}
	z.Namespace, z.Name = "ns", "z"
	z.Spec.Import = v1alpha1.ZooImport{Layout: v1alpha1.ZooLayoutRayTune, Source: v1alpha1.ImportSource{URL: "store:z.zip", SHA256: strings.Repeat("ab", 32)}}
	if up, err := (Adapter{}).Upstream(t.Context(), nil, z); err != nil || up.Problem != nil || up.Dataset != nil {
		t.Errorf("%+v, %v", up, err)
	}
	if p := (Adapter{}).Check(z, &staged.Policy{}); p != nil {
		t.Errorf("a file of the store is refused: %s", p.Message)
	}
	s, err := (Adapter{}).Plan(z, plan.Inputs{Namespace: "ns", Name: "z", StoreURL: "s3://b"})
	if err != nil || s.Stages[0].Name != spec.StageImport {
		t.Fatalf("%+v, %v", s, err)
	}
	(Adapter{}).Progress(z, staged.Progress{Snapshot: s, Stage: 1, Result: &spec.Result{Zoo: &spec.ZooResult{
		Members: 7, Diverged: 1, Epochs: 50, Architecture: "cnn-small", Parameters: 2464, TestAccuracyMean: 0.9, TestAccuracyStd: 0.01,
	}}})
	if st := z.Status; st.Models.Summary != "7/7" || st.Epoch != "50/50" || st.Architecture != "cnn-small" || st.Parameters != 2464 || st.TestAccuracy.Summary != "0.900 ± 0.010" {
		t.Errorf("%+v", st)
	}
	z.Spec.Import.Source.URL = "https://elsewhere.example/z.zip"
	if p := (Adapter{}).Check(z, &staged.Policy{}); p == nil || p.Reason != v1alpha1.ReasonHostNotAllowed || !strings.Contains(p.Message, "elsewhere.example") {
		t.Errorf("%+v", p)
	}
}
