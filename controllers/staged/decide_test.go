package staged

import (
	"errors"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/weightspace/weightspace/api/v1alpha1"
	wt "github.com/weightspace/weightspace/controllers/testing"
	"github.com/weightspace/weightspace/runtime/spec"
)

// TestDecide: one scene for each way a pass may end.
func TestDecide(t *testing.T) {
	now := metav1.NewTime(sceneNow)
	for name, tc := range map[string]struct {
		scene   func(s *scenery)
		outcome Outcome
		reason  string
		message string
		creates string // kinds, in order
		deletes int
	}{
		"first pass": {func(*scenery) {}, Working, v1alpha1.ReasonTraining, "2 shards to run", "ConfigMap Job", 0},
		"no store":   {func(s *scenery) { s.o.Stores = nil }, Stalled, v1alpha1.ReasonStoreNotFound, v1alpha1.AnnotationDefaultStore, "", 0},
		"store of another name": {
			func(s *scenery) { s.o.Parts.Store = "nowhere" }, Stalled, v1alpha1.ReasonStoreNotFound,
			`ArtifactStore "nowhere" does not exist`, "", 0,
		},
		"store closed": {
			func(s *scenery) { s.o.Stores[0] = *wt.MakeStore("s").Default().Only("other").Obj() }, Stalled,
			v1alpha1.ReasonStoreNotAllowed, `"ns"`, "", 0,
		},
		"store selector damaged": {func(s *scenery) {
			s.o.Stores[0].Spec.NamespaceSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Odd"}}
		}, Stalled, v1alpha1.ReasonStoreNotAllowed, "spec.namespaceSelector", "", 0},
		"image": {func(s *scenery) { s.zoo().Spec.Compute.RuntimeImage = "evil" }, Stalled, v1alpha1.ReasonImageNotAllowed, `"evil"`, "", 0},
		"upstream": {
			func(s *scenery) {
				s.o.Upstream = Upstream{Problem: &Problem{Reason: v1alpha1.ReasonWaiting, Message: "waits"}}
			},
			Waiting, v1alpha1.ReasonWaiting, "waits", "", 0,
		},
		"memory":       {func(s *scenery) { s.zoo().Spec.Compute.Memory = "1Mi" }, Stalled, v1alpha1.ReasonInsufficientMemory, "spec.compute.memory", "", 0},
		"invalid spec": {func(s *scenery) { s.zoo().Spec.Population.Seeds.Count = 2_000_000_000 }, Stalled, v1alpha1.ReasonInvalidSpec, "spec.", "", 0},
		"two claims": {
			func(s *scenery) { s.o.Upstream.Dataset.Store = "pvc://elsewhere/s" }, Stalled, v1alpha1.ReasonInvalidSpec,
			`volume claim "elsewhere"`, "", 0,
		},
		"suspended before it began": {func(s *scenery) { s.zoo().Spec.Suspend = ptr.To(true) }, Suspended, v1alpha1.ReasonSuspended, "", "", 0},
		"suspend while running": {func(s *scenery) {
			s.pass()
			s.zoo().Spec.Suspend = ptr.To(true)
			s.pod(spec.StageTrain, 0, nil, "", "")
		}, Suspending, v1alpha1.ReasonSuspending, "", "", 0},
		"suspend in a queue": {func(s *scenery) {
			s.zoo().Spec.Compute.QueueName = "gpu"
			s.pass()
			s.zoo().Spec.Suspend = ptr.To(true)
		}, Suspended, v1alpha1.ReasonSuspended, "", "", 1},
		"queued": {func(s *scenery) {
			s.zoo().Spec.Compute.QueueName = "gpu"
			s.pass()
		}, Working, v1alpha1.ReasonQueued, "gpu", "", 0},
		"running": {func(s *scenery) {
			s.pass()
			s.pod(spec.StageTrain, 0, nil, "", "")
			s.pod(spec.StageTrain, 1, nil, "", "")
			s.job(spec.StageTrain).Status.CompletedIndexes = "0"
		}, Working, v1alpha1.ReasonTraining, "1 of 2 shards", "RunReport RunReport", 0},
		"store away": {func(s *scenery) {
			s.pass()
			s.pod(spec.StageTrain, 0, nil, "", "")
			s.pass()
			s.o.Reports[0].Status.Store = v1alpha1.StoreUnavailable
		}, Working, v1alpha1.ReasonStoreUnavailable, "pods wait", "", 0},
		"Job going": {func(s *scenery) {
			s.pass()
			s.job(spec.StageTrain).DeletionTimestamp = &now
		}, Working, v1alpha1.ReasonTraining, "earlier Job", "", 0},
		"pods of another plan": {func(s *scenery) {
			s.o.Pods = []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "old"}, Status: corev1.PodStatus{Phase: corev1.PodRunning}}}
		}, Working, v1alpha1.ReasonTraining, "1 pods of earlier work", "ConfigMap", 0},
		"wrong input": {func(s *scenery) {
			s.pass()
			s.pod(spec.StageTrain, 0, code(spec.ExitInvalidInput), "Error", `{"reason":"InvalidInput","field":"spec.x","message":"is wrong"}`)
			s.jobEnds(spec.StageTrain, batchv1.JobFailed, "")
		}, Failed, v1alpha1.ReasonInvalidInput, "spec.x: is wrong", "", 0},
		"out of memory": {func(s *scenery) {
			s.pass()
			s.pod(spec.StageTrain, 1, code(137), "OOMKilled", "")
		}, Failed, v1alpha1.ReasonOutOfMemory, "spec.compute.memory", "", 0},
		"shards failed": {func(s *scenery) {
			s.pass()
			s.pod(spec.StageTrain, 1, code(2), "Error", "panic: no")
			s.jobEnds(spec.StageTrain, batchv1.JobFailed, "0")
			s.job(spec.StageTrain).Status.FailedIndexes = ptr.To("1")
		}, Failed, v1alpha1.ReasonShardsFailed, "1 of 2 shards failed; shard 1: panic: no", "", 0},
		"shards failed, pods gone": {func(s *scenery) {
			s.pass()
			s.jobEnds(spec.StageTrain, batchv1.JobFailed, "")
		}, Failed, v1alpha1.ReasonShardsFailed, "as the test wishes", "", 0},
		"failed, pods still end": {func(s *scenery) {
			s.pass()
			s.pod(spec.StageTrain, 0, nil, "", "")
			s.jobEnds(spec.StageTrain, batchv1.JobFailed, "")
		}, Working, v1alpha1.ReasonTraining, "last pods", "", 0},
		"index begins": {func(s *scenery) {
			s.pass()
			s.jobEnds(spec.StageTrain, batchv1.JobComplete, "0-1")
		}, Working, v1alpha1.ReasonIndexing, "1 shards to run", "Job", 0},
		"complete": {func(s *scenery) {
			s.trained().pod(spec.StageIndex, 0, ok(), "", goodResult)
			s.jobEnds(spec.StageIndex, batchv1.JobComplete, "0")
		}, Complete, v1alpha1.ReasonComplete, "matches the spec", "", 0},
		"result late": {func(s *scenery) {
			s.trained().pod(spec.StageIndex, 0, nil, "", "")
			s.jobEnds(spec.StageIndex, batchv1.JobComplete, "0")
		}, Working, v1alpha1.ReasonIndexing, "last pod's end", "", 0},
		"result lost": {func(s *scenery) {
			s.trained()
			s.jobEnds(spec.StageIndex, batchv1.JobComplete, "0")
		}, Working, v1alpha1.ReasonIndexing, "1 shards", "Job", 0},
		"incomplete": {func(s *scenery) {
			s.trained().pod(spec.StageIndex, 0, code(spec.ExitIncomplete), "Error", "")
			s.jobEnds(spec.StageIndex, batchv1.JobFailed, "")
		}, Working, v1alpha1.ReasonTraining, "2 shards", "Job", 0},
		"incomplete for good": {func(s *scenery) {
			s.trained().pod(spec.StageIndex, 0, code(spec.ExitIncomplete), "Error", "2 missing")
			s.o.Parts.Status.Stages[0].Attempt = maxStageAttempts
			s.jobEnds(spec.StageIndex, batchv1.JobFailed, "")
		}, Failed, v1alpha1.ReasonIncomplete, "2 missing", "", 1},
		"complete, at rest": {func(s *scenery) { s.completed() }, Complete, v1alpha1.ReasonComplete, "", "", 0},
		"complete, suspend changes nothing": {func(s *scenery) {
			s.completed()
			s.zoo().Spec.Suspend = ptr.To(true)
		}, Complete, v1alpha1.ReasonComplete, "", "", 0},
		"complete, children gone": {func(s *scenery) {
			s.completed()
			s.o.Jobs, s.o.Pods, s.o.Plans, s.o.Snapshot = nil, nil, nil, nil
		}, Complete, v1alpha1.ReasonComplete, "", "", 0},
		"failed, Job still runs": {func(s *scenery) {
			s.pass()
			s.pod(spec.StageTrain, 1, code(137), "OOMKilled", "")
			s.pass()
		}, Failed, v1alpha1.ReasonOutOfMemory, "", "", 1},
		"grown": {func(s *scenery) {
			s.completed()
			s.zoo().Spec.Population.Seeds.Count, s.zoo().Generation = 6, 2
		}, Working, v1alpha1.ReasonTraining, "3 shards", "ConfigMap Job", 2},
		"plan damaged, made again": {func(s *scenery) {
			s.pass()
			s.o.Snapshot = nil
		}, Working, v1alpha1.ReasonTraining, "0 of 2", "", 0},
		"plan removed, made again": {func(s *scenery) {
			s.pass()
			s.o.Snapshot, s.o.Plans = nil, nil
		}, Working, v1alpha1.ReasonTraining, "0 of 2", "ConfigMap", 0},
		"namespace going": {func(s *scenery) {
			s.pass()
			s.o.NamespaceTerminating = true
		}, Deleting, v1alpha1.ReasonDeleting, "namespace", "", 1},
		"store gone while running": {func(s *scenery) {
			s.pass()
			s.o.Stores = nil
		}, Stalled, v1alpha1.ReasonStoreNotFound, "is gone", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScenery(t)
			tc.scene(s)
			a := s.pass()
			if a.Verdict.Outcome != tc.outcome || a.Verdict.Reason != tc.reason || !strings.Contains(a.Verdict.Message, tc.message) {
				t.Errorf("got %d %s %q, want %d %s %q", a.Verdict.Outcome, a.Verdict.Reason, a.Verdict.Message, tc.outcome, tc.reason, tc.message)
			}
			var kinds []string
			for _, c := range a.Create {
				kinds = append(kinds, kindOf(c))
			}
			if got := strings.Join(kinds, " "); got != tc.creates || len(a.Delete) != tc.deletes {
				t.Errorf("creates %q, want %q; deletes %d, want %d", got, tc.creates, len(a.Delete), tc.deletes)
			}
			checkConditions(t, s)
		})
	}
}

// checkConditions holds the stored conditions against what kstatus and users rely on.
func checkConditions(t *testing.T, s *scenery) {
	t.Helper()
	st := s.o.Parts.Status
	is := func(c string) bool { return meta.IsStatusConditionTrue(st.Conditions, c) }
	if meta.FindStatusCondition(st.Conditions, v1alpha1.ConditionReady) == nil {
		t.Error("no Ready")
	}
	if is(v1alpha1.ConditionReady) != is(v1alpha1.ConditionComplete) || is(v1alpha1.ConditionFailed) && !is(v1alpha1.ConditionStalled) ||
		is(v1alpha1.ConditionReconciling) && (is(v1alpha1.ConditionStalled) || is(v1alpha1.ConditionReady)) {
		t.Errorf("conditions contradict each other: %+v", st.Conditions)
	}
	for _, c := range st.Conditions {
		if c.ObservedGeneration != s.o.Object.GetGeneration() {
			t.Errorf("%s is of generation %d", c.Type, c.ObservedGeneration)
		}
	}
	if st.ObservedGeneration != s.o.Object.GetGeneration() {
		t.Errorf("observedGeneration %d", st.ObservedGeneration)
	}
}

// TestNoResultExhaustion: the last stage runs again a bounded number of times.
func TestNoResultExhaustion(t *testing.T) {
	s := newScenery(t).trained()
	for range maxLastAttempts - 1 {
		s.jobEnds(spec.StageIndex, batchv1.JobComplete, "0")
		if a := s.pass(); a.Verdict.Outcome != Working {
			t.Fatalf("attempt %d: %+v", a.Stages[1].Attempt, a.Verdict)
		}
	}
	s.jobEnds(spec.StageIndex, batchv1.JobComplete, "0")
	if a := s.pass(); a.Verdict.Outcome != Failed || a.Verdict.Reason != v1alpha1.ReasonNoResult || len(a.Create) != 0 {
		t.Fatalf("%+v, creates %d", a.Verdict, len(a.Create))
	}
}

// TestStale: another data set upstream marks a finished zoo, and keeps its result.
func TestStale(t *testing.T) {
	s := newScenery(t).completed()
	uri := s.o.Parts.Status.Artifact.URI
	s.o.Upstream.Dataset.ResultDigest = "sha256:" + strings.Repeat("d", 64)
	s.pass()
	if c := s.o.Parts.Status.Conditions; !meta.IsStatusConditionTrue(c, v1alpha1.ConditionStale) || !meta.IsStatusConditionTrue(c, v1alpha1.ConditionReady) {
		t.Errorf("%+v", c)
	}
	if uri == "" || s.o.Parts.Status.Artifact.URI != uri {
		t.Errorf("artifact %q, was %q", s.o.Parts.Status.Artifact.URI, uri)
	}
	s.o.Upstream.Dataset.ResultDigest = "sha256:" + strings.Repeat("c", 64)
	if s.pass(); meta.FindStatusCondition(s.o.Parts.Status.Conditions, v1alpha1.ConditionStale) != nil {
		t.Error("Stale stays although upstream is as it was")
	}
}

// TestDefaultAdded: a default that a newer release fills in changes the digest that the adapter
// computes, but not the generation: the finished zoo stays finished.
func TestDefaultAdded(t *testing.T) {
	s := newScenery(t).completed()
	stored := s.o.Parts.Status.SpecDigest
	s.ad.digest = "sha256:" + strings.Repeat("e", 64)
	if a := s.pass(); a.Verdict.Outcome != Complete || len(a.Create) != 0 || s.o.Parts.Status.SpecDigest != stored {
		t.Errorf("%+v, digest %s", a.Verdict, s.o.Parts.Status.SpecDigest)
	}
	s.o.Object.SetGeneration(2)
	if a := s.pass(); !a.Reset || a.SpecDigest != s.ad.digest {
		t.Errorf("a new spec is not acted on: %+v", a.Verdict)
	}
}

func TestTTL(t *testing.T) {
	s := newScenery(t).completed()
	s.zoo().Spec.TTLSecondsAfterFinished = ptr.To(int32(60))
	if a := s.pass(); a.DeleteSelf || a.RequeueAfter != time.Minute {
		t.Errorf("delete %v, again in %v", a.DeleteSelf, a.RequeueAfter)
	}
	s.zoo().Spec.TTLSecondsAfterFinished = ptr.To(int32(0))
	if a := s.pass(); !a.DeleteSelf {
		t.Error("not deleted")
	}
}

// TestNameConflict: what the API server answered becomes the verdict, and nothing has started.
func TestNameConflict(t *testing.T) {
	s := newScenery(t)
	a := decide(s.o, s.p, s.ad, sceneNow)
	err := errors.Join(errors.New("other"), wrap("create", &nameConflictError{kind: "Job", name: "zoo-train"}))
	a.learn(err)
	s.o.Object = report(s.o, a, s.ad, false, sceneNow)
	s.o.Parts = s.ad.Parts(s.o.Object)
	st := s.o.Parts.Status
	c := meta.FindStatusCondition(st.Conditions, v1alpha1.ConditionStalled)
	if c == nil || c.Reason != v1alpha1.ReasonNameConflict || !strings.Contains(c.Message, `Job "zoo-train" belongs to somebody else; delete or rename it`) {
		t.Errorf("%+v", st.Conditions)
	}
	if st.StartTime != nil || st.ObservedGeneration != 0 {
		t.Errorf("started %v, observedGeneration %d", st.StartTime, st.ObservedGeneration)
	}
}

// TestPatchRunningJob: parallelism and suspend of a running Job follow the spec; Kueue's suspend does not.
func TestPatchRunningJob(t *testing.T) {
	s := newScenery(t)
	s.pass()
	s.zoo().Spec.Parallelism = ptr.To(int32(1))
	s.job(spec.StageTrain).Spec.Suspend = ptr.To(true)
	a := s.pass()
	if len(a.Patch) != 1 || ptr.Deref(a.Patch[0].Parallelism, 0) != 1 || ptr.Deref(a.Patch[0].Suspend, true) {
		t.Errorf("%+v", a.Patch)
	}
	s.job(spec.StageTrain).Spec.Parallelism = ptr.To(int32(1))
	s.job(spec.StageTrain).Labels[v1alpha1.LabelQueueName] = "gpu"
	if a := s.pass(); len(a.Patch) != 0 {
		t.Errorf("Kueue's Job is patched: %+v", a.Patch)
	}
}
