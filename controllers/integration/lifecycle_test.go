//go:build integration

package integration

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/staged"
	wt "github.com/weightspace/weightspace/controllers/testing"
	"github.com/weightspace/weightspace/runtime/spec"
)

// TestLifecycle: waiting for the data set, training, completion, rest, steering, growth.
func TestLifecycle(t *testing.T) {
	p := newPlace(t)
	p.create(wt.MakeZoo(p.ns, "zoo").Obj())
	p.waitZoo("zoo", v1alpha1.ConditionReady, v1alpha1.ReasonDatasetNotFound, `"mnist"`)
	p.create(wt.MakeDataset(p.ns, "mnist").Obj())
	p.waitZoo("zoo", v1alpha1.ConditionReady, v1alpha1.ReasonWaiting, "mnist")
	p.stageSucceeds("mnist", spec.StageFetch, 1, nil)
	p.stageSucceeds("mnist", spec.StageVerify, 1, datasetDone("c"))
	z := p.completeZoo("zoo", 2, 4, 2)
	if z.Status.Models.Summary != "4/4" || z.Status.Epoch != "2/2" || z.Status.TestAccuracy.Summary != "0.941 ± 0.032" {
		t.Errorf("status: %+v", z.Status)
	}
	if got, want := z.Status.Artifact.URI, "pvc://artifacts/default/"+p.ns+"/modelzoo/zoo"; got != want {
		t.Errorf("uri %s, want %s", got, want)
	}
	for _, c := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionFailed, v1alpha1.ConditionSuspended} {
		if meta.FindStatusCondition(z.Status.Conditions, c) != nil {
			t.Errorf("condition %s at rest", c)
		}
	}
	t.Run("rest", func(t *testing.T) { atRest(t, p) })
	t.Run("steering", func(t *testing.T) { steering(t, p) })
	t.Run("restart", func(t *testing.T) {
		p.stop()
		p.startManager(staged.Policy{RuntimeImage: "example.com/weightspace/runtime:next"})
		runsNothing(t, p)
	})
	t.Run("growth", func(t *testing.T) { growth(t, p) })
}

// atRest: a finished object and its data set cost no write.
func atRest(t *testing.T, p *place) {
	read := func() map[string]string {
		out := map[string]string{}
		var zoos v1alpha1.ModelZooList
		var sets v1alpha1.DatasetList
		var jobs batchv1.JobList
		for _, l := range []client.ObjectList{&zoos, &sets, &jobs} {
			if err := k8s.List(t.Context(), l, client.InNamespace(p.ns)); err != nil {
				t.Fatal(err)
			}
		}
		for _, o := range zoos.Items {
			out["zoo "+o.Name] = o.ResourceVersion
		}
		for _, o := range sets.Items {
			out["dataset "+o.Name] = o.ResourceVersion
		}
		for _, o := range jobs.Items {
			out["job "+o.Name] = o.ResourceVersion
		}
		return out
	}
	before := read()
	consistently(t, 3*time.Second, "an object at rest is not written", func() string {
		for k, v := range read() {
			if before[k] != v {
				return k + " moved from " + before[k] + " to " + v
			}
		}
		return ""
	})
}

// steering: nothing that is not science makes a finished zoo run again.
func steering(t *testing.T, p *place) {
	z := p.zoo("zoo")
	if err := k8s.DeleteAllOf(t.Context(), &batchv1.Job{}, client.InNamespace(p.ns), client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		t.Fatal(err)
	}
	for _, patch := range []string{
		`{"metadata":{"labels":{"team":"a"}}}`, `{"spec":{"parallelism":7}}`, `{"spec":{"suspend":true}}`, `{"spec":{"suspend":false}}`, `{"spec":{"compute":{"cpu":3}}}`,
	} {
		p.mustPatch(z, patch)
	}
	runsNothing(t, p)
}

func runsNothing(t *testing.T, p *place) {
	t.Helper()
	consistently(t, 2*time.Second, "a finished zoo runs nothing", func() string {
		for _, j := range p.jobs("zoo") {
			if j.DeletionTimestamp == nil {
				return "Job " + j.Name
			}
		}
		return ""
	})
	p.waitZoo("zoo", v1alpha1.ConditionComplete, v1alpha1.ReasonComplete, "")
}

// growth: more seeds and epochs are a new plan; the old one's children go.
func growth(t *testing.T, p *place) {
	old := p.zoo("zoo")
	p.mustPatch(p.zoo("zoo"), `{"spec":{"population":{"seeds":{"count":6}},"training":{"epochs":3}}}`)
	p.waitZoo("zoo", v1alpha1.ConditionReconciling, v1alpha1.ReasonTraining, "")
	z := p.zoo("zoo")
	if z.Status.SpecDigest == old.Status.SpecDigest || z.Status.PlanConfigMap == old.Status.PlanConfigMap || z.Status.Artifact.URI != "" {
		t.Errorf("growth kept plan %s, digest %s, artifact %+v", z.Status.PlanConfigMap, z.Status.SpecDigest, z.Status.Artifact)
	}
	z = p.completeZoo("zoo", 3, 6, 3)
	if z.Status.Models.Summary != "6/6" || z.Status.Epoch != "3/3" {
		t.Errorf("models %s, epoch %s", z.Status.Models.Summary, z.Status.Epoch)
	}
	eventually(t, "old plan removed", func() string {
		for _, j := range p.jobs("zoo") {
			if !strings.HasSuffix(z.Status.PlanConfigMap, j.Labels[v1alpha1.LabelPlan]) {
				return "Job " + j.Name
			}
		}
		return ""
	})
}
