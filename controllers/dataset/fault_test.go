package dataset

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	wt "github.com/weightspace/weightspace/controllers/testing"
	"github.com/weightspace/weightspace/controllers/testing/faults"
	"github.com/weightspace/weightspace/runtime/spec"
)

func scenario(message string, code int32) *faults.Scenario {
	d := wt.MakeDataset("ns", "mnist").Obj()
	d.UID, d.Generation = "dataset-uid", 1
	return &faults.Scenario{
		Adapter: Adapter{}, Key: client.ObjectKeyFromObject(d),
		Objects: []client.Object{d, wt.MakeStore("s").Default().Obj(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns"}}},
		Kubelet: faults.Kubelet{Message: func(string) (string, int32) { return message, code }},
	}
}

// TestEveryCallFailsOnce: whatever call fails, the data set completes with the same children.
func TestEveryCallFailsOnce(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	w := scenario(`{"reason":"Succeeded","result":{"manifestDigest":"`+digest+`","resultDigest":"`+digest+
		`","dataset":{"classes":10,"channels":1,"height":28,"width":28,"train":500,"validation":100,"test":100}}}`, 0).Run(t)
	d := &v1alpha1.Dataset{}
	if !w.Read("ns", "mnist", d) || !meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionComplete) || d.Status.Images != "500/100/100" {
		t.Errorf("not complete: %+v", d.Status)
	}
	if jobs := w.Jobs(); len(jobs) != len(d.Status.Stages) || len(jobs) < 2 {
		t.Errorf("%d Jobs of %d stages", len(jobs), len(d.Status.Stages))
	}
}

// TestEveryCallFailsOnceOnTheWayToFailure: wrong input ends the data set, whatever call fails.
func TestEveryCallFailsOnceOnTheWayToFailure(t *testing.T) {
	w := scenario(`{"reason":"InvalidInput","field":"spec.files[0].sha256","message":"the file has another digest"}`, spec.ExitInvalidInput).Run(t)
	d := &v1alpha1.Dataset{}
	if !w.Read("ns", "mnist", d) || len(w.Jobs()) != 1 || len(d.Status.Failures) == 0 {
		t.Fatalf("%d Jobs, status %+v", len(w.Jobs()), d.Status)
	}
	if c := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionFailed); c == nil || c.Reason != v1alpha1.ReasonInvalidInput {
		t.Errorf("conditions %+v", d.Status.Conditions)
	}
}
