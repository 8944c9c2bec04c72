package staged

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

// TestDecideTerminatingNamespace: Jobs go before the object does, and nothing is created.
func TestDecideTerminatingNamespace(t *testing.T) {
	for name, tc := range map[string]struct {
		scene   func(s *scenery)
		deletes int
	}{
		"before the first pass": {func(*scenery) {}, 0},
		"training": {func(s *scenery) {
			s.pass()
			s.pod(spec.StageTrain, 0, nil, "", "")
		}, 1},
		"a Job already going": {func(s *scenery) {
			s.pass()
			now := metav1.NewTime(sceneNow)
			s.job(spec.StageTrain).DeletionTimestamp = &now
		}, 0},
		"complete": {func(s *scenery) { s.completed() }, 2},
		"policy Delete, without a finalizer": {func(s *scenery) {
			s.zoo().Spec.DeletionPolicy = v1alpha1.DeletionPolicyDelete
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScenery(t)
			tc.scene(s)
			s.o.NamespaceTerminating = true
			a := s.pass()
			if a.Verdict.Outcome != Deleting || a.Verdict.Reason != v1alpha1.ReasonDeleting {
				t.Errorf("verdict %+v", a.Verdict)
			}
			if len(a.Create)+len(a.Patch) > 0 || a.AddFinalizer || a.Account != "" || a.RequeueAfter != 0 {
				t.Errorf("writes into a namespace that goes: %+v", a)
			}
			if len(a.Delete) != tc.deletes {
				t.Errorf("deletes %d children, want %d", len(a.Delete), tc.deletes)
			}
			for _, d := range a.Delete {
				if _, ok := d.(*batchv1.Job); !ok {
					t.Errorf("deletes %T", d)
				}
			}
			if next := s.pass(); len(next.Create)+len(next.Delete) > 0 {
				t.Errorf("not at rest: %+v", next)
			}
		})
	}
}

// TestNamespaceChanged: a namespace wakes its objects when its labels move and when it begins to go.
func TestNamespaceChanged(t *testing.T) {
	meta := func(version string, labels map[string]string, going bool) *metav1.PartialObjectMetadata {
		m := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "ns", ResourceVersion: version, Labels: labels}}
		if going {
			now := metav1.NewTime(sceneNow)
			m.DeletionTimestamp = &now
		}
		return m
	}
	team := map[string]string{"team": "a"}
	for name, tc := range map[string]struct {
		before, after *metav1.PartialObjectMetadata
		want          bool
	}{
		"nothing we read": {meta("1", team, false), meta("2", team, false), false},
		"a label":         {meta("1", nil, false), meta("2", team, false), true},
		"begins to go":    {meta("1", team, false), meta("2", team, true), true},
		"still going":     {meta("1", team, true), meta("2", team, true), false},
	} {
		if got := namespaceChanged().Update(event.UpdateEvent{ObjectOld: tc.before, ObjectNew: tc.after}); got != tc.want {
			t.Errorf("%s: passes %v, want %v", name, got, tc.want)
		}
	}
}
