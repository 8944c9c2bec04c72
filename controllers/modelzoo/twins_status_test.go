package modelzoo

import (
	"testing"

	"github.com/weightspace/weightspace/runtime/spec"
)

func TestTwinStatus(t *testing.T) {
	got := twinStatus([]spec.TwinResult{{Name: "mp", Method: "magnitude", Twins: 50, Sparsity: 0.5, TestAccuracyMean: 0.9125, TestAccuracyStd: 0.004, Agreement: 0.97}})
	if len(got) != 1 || got[0].Name != "mp" || *got[0].Twins != 50 || got[0].Sparsity != "0.5" || got[0].Agreement != "0.97" {
		t.Errorf("status %+v", got)
	}
	if s := got[0].TestAccuracy.Summary; s != "0.912 ± 0.004" && s != "0.913 ± 0.004" {
		t.Errorf("test accuracy %q", s)
	}
	if twinStatus(nil) != nil {
		t.Error("a zoo without twins has a status of twins")
	}
	if n := len(twinStatus(make([]spec.TwinResult, 40))); n != maxTwinStatus {
		t.Errorf("%d entries, the schema allows %d", n, maxTwinStatus)
	}
}
