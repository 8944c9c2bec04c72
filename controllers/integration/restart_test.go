//go:build integration

package integration

import (
	"testing"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/staged"
	wt "github.com/weightspace/weightspace/controllers/testing"
	"github.com/weightspace/weightspace/runtime/spec"
)

// TestRestartMidZoo: a manager that restarts between two shards neither makes a second Job nor
// loses or doubles the numbers of the finished shard.
func TestRestartMidZoo(t *testing.T) {
	p := newPlace(t)
	p.readyDataset(wt.MakeDataset(p.ns, "mnist").Obj())
	p.create(wt.MakeZoo(p.ns, "zoo").Parallelism(1).Obj())
	pod := p.waitPods("zoo", spec.StageTrain, 1)[0]
	p.podRuns(pod)
	r := &v1alpha1.RunReport{}
	eventually(t, "RunReport", func() string {
		if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(&pod), r); err != nil {
			return err.Error()
		}
		return ""
	})
	r.Status = v1alpha1.RunReportStatus{Epoch: ptr.To(int32(2)), Epochs: ptr.To(int32(2)), Members: ptr.To(int32(2)), TestAccuracySum: "1.8", TestAccuracySquares: "1.62"}
	if err := k8s.Status().Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	folded := func() string {
		z := p.zoo("zoo")
		if len(z.Status.Stages) == 0 || z.Status.Stages[0].Live.Shards != "0" || *z.Status.Stages[0].Live.Members != 2 ||
			z.Status.TestAccuracy.Summary != "0.900 ± 0.000" || z.Status.Epoch != "1/2" {
			return p.state("zoo") + "; " + z.Status.Epoch + " " + z.Status.TestAccuracy.Summary
		}
		return ""
	}
	eventually(t, "the report is seen", func() string {
		if got := p.zoo("zoo").Status.TestAccuracy.Summary; got != "0.900 ± 0.000" {
			return got
		}
		return ""
	})
	p.podEnds(pod, 0, "Completed", nil)
	eventually(t, "the shard is folded", folded)
	eventually(t, "its report is gone", func() string { return reportCount(p, 0) })
	p.stop()
	p.startManager(staged.Policy{RuntimeImage: image})
	p.podRuns(p.waitPods("zoo", spec.StageTrain, 1)[0])
	eventually(t, "the next shard's RunReport", func() string { return reportCount(p, 1) })
	eventually(t, "the numbers survive", folded)
	if n := len(p.jobs("zoo")); n != 1 {
		t.Errorf("%d Jobs", n)
	}
	p.stageSucceeds("zoo", spec.StageTrain, 1, nil)
	p.stageSucceeds("zoo", spec.StageIndex, 1, zooDone(4, 2))
	p.waitZoo("zoo", v1alpha1.ConditionComplete, v1alpha1.ReasonComplete, "")
}
