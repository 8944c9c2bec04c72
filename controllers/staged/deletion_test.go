package staged

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

// TestDecideDeletion: what holds an object that goes, and what lets it go.
func TestDecideDeletion(t *testing.T) {
	now := metav1.NewTime(sceneNow)
	cleanup := func(s *scenery) {
		s.pass() // deletes the Jobs
		s.o.Pods = nil
		s.pass() // starts the cleanup
	}
	for name, tc := range map[string]struct {
		scene     func(s *scenery)
		released  bool
		abandoned bool
		message   string
		creates   string
	}{
		"no finalizer":    {func(s *scenery) { s.o.Object.SetFinalizers(nil) }, false, false, "being removed", ""},
		"Retain":          {func(s *scenery) { s.zoo().Spec.DeletionPolicy = v1alpha1.DeletionPolicyRetain }, true, false, "", ""},
		"nothing planned": {func(s *scenery) { s.o.Parts.Status.PlanConfigMap = "" }, true, false, "", ""},
		"consumers": {
			func(s *scenery) { s.o.Consumers = []string{"ModelZoo a", "ModelZoo b"} }, false, false,
			"in use by ModelZoo a, ModelZoo b; delete these first", "",
		},
		"Jobs go first":     {func(*scenery) {}, false, false, "waits for running pods", ""},
		"cleanup":           {func(s *scenery) { s.pass() }, false, false, "", "Job"},
		"plan gone before":  {func(s *scenery) { s.pass(); s.o.Snapshot, s.o.Plans = nil, nil }, false, false, "", "ConfigMap Job"},
		"cleanup runs":      {cleanup, false, false, "", ""},
		"cleanup succeeded": {func(s *scenery) { cleanup(s); s.jobEnds(spec.StageCleanup, batchv1.JobComplete, "0") }, true, false, "", ""},
		"cleanup failed":    {func(s *scenery) { cleanup(s); s.jobEnds(spec.StageCleanup, batchv1.JobFailed, "") }, true, true, "", ""},
		"cleanup deleted": {
			func(s *scenery) { cleanup(s); s.job(spec.StageCleanup).DeletionTimestamp = &now }, false, false, "it runs again", "",
		},
		"status never named the plan": {func(s *scenery) {
			s.pass()
			s.o.LostPlan, s.o.Parts.Status.PlanConfigMap, s.o.Parts.Status.RuntimeImage = s.o.Parts.Status.PlanConfigMap, "", ""
		}, false, false, "", "Job"},
		"store gone": {func(s *scenery) { s.pass(); s.o.Stores = nil }, true, true, "", ""},
		"plan impossible": {func(s *scenery) {
			s.pass()
			s.o.Snapshot, s.o.Upstream.Dataset = nil, &spec.DatasetInput{}
		}, true, true, "", ""},
		"namespace going": {func(s *scenery) { s.o.NamespaceTerminating = true }, true, true, "", ""},
		"Job still going": {func(s *scenery) {
			for i := range s.o.Jobs {
				s.o.Jobs[i].DeletionTimestamp = &now
			}
		}, false, false, "waits for running pods", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScenery(t)
			s.zoo().Spec.DeletionPolicy = v1alpha1.DeletionPolicyDelete
			if a := s.pass(); !a.AddFinalizer {
				t.Fatal("no finalizer with deletionPolicy Delete")
			}
			controllerutil.AddFinalizer(s.o.Object, v1alpha1.FinalizerArtifacts)
			s.o.Object.SetDeletionTimestamp(&now)
			tc.scene(s)
			a := s.pass()
			if a.RemoveFinalizer != tc.released || (a.Abandoned != "") != tc.abandoned || !strings.Contains(a.Verdict.Message, tc.message) {
				t.Errorf("released %v, abandoned %q, %q", a.RemoveFinalizer, a.Abandoned, a.Verdict.Message)
			}
			var kinds []string
			for _, c := range a.Create {
				kinds = append(kinds, kindOf(c))
				if j, ok := c.(*batchv1.Job); ok && (len(j.OwnerReferences) > 0 || j.Spec.Template.Spec.Containers[0].Image == "" || j.Spec.ActiveDeadlineSeconds == nil) {
					t.Error("a cleanup Job goes before the object, never ends, or has no image")
				}
			}
			if got := strings.Join(kinds, " "); got != tc.creates {
				t.Errorf("creates %q, want %q", got, tc.creates)
			}
		})
	}
}
