package modelzoo

import (
	"fmt"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	wt "github.com/weightspace/weightspace/controllers/testing"
	"github.com/weightspace/weightspace/controllers/testing/faults"
	"github.com/weightspace/weightspace/runtime/spec"
)

func scene() []client.Object {
	d := wt.MakeDataset("ns", "mnist").Obj()
	d.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: "Complete"}}
	digest := v1alpha1.Digest("sha256:" + strings.Repeat("c", 64))
	d.Status.Artifact = v1alpha1.ArtifactStatus{URI: "pvc://artifacts/s/ns/dataset/mnist", ManifestDigest: digest, ResultDigest: digest}
	d.Status.Images, d.Status.Shape, d.Status.Classes = "500/100/100", "1x28x28", 10
	z := wt.MakeZoo("ns", "zoo").Policy(v1alpha1.DeletionPolicyDelete).Obj()
	z.UID, z.Generation = "zoo-uid", 1
	return []client.Object{d, z, wt.MakeStore("s").Default().Obj(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns", Finalizers: []string{"kubernetes"}}}}
}

// scenario is a zoo of two shards that completes; slow pods run for some passes.
func scenario(slow bool, steps ...faults.Step) *faults.Scenario {
	digest := "sha256:" + strings.Repeat("a", 64)
	return &faults.Scenario{
		Adapter: Adapter{}, Key: client.ObjectKey{Namespace: "ns", Name: "zoo"}, Objects: scene(), Steps: steps,
		Kubelet: faults.Kubelet{Slow: slow, Message: func(string) (string, int32) {
			return fmt.Sprintf(`{"reason":"Succeeded","result":{"manifestDigest":%q,"resultDigest":%q,"zoo":{"members":4}}}`, digest, digest), 0
		}},
	}
}

func zooOf(w *faults.World) *v1alpha1.ModelZoo {
	z := &v1alpha1.ModelZoo{}
	if !w.Read("ns", "zoo", z) {
		return nil
	}
	return z
}

func complete(w *faults.World) bool {
	z := zooOf(w)
	return z != nil && z.Status.ObservedGeneration == z.Generation && meta.IsStatusConditionTrue(z.Status.Conditions, v1alpha1.ConditionComplete)
}

// running: pods of a stage run.
func running(w *faults.World) bool {
	for _, p := range w.Pods() {
		if p.Status.Phase == corev1.PodRunning {
			return true
		}
	}
	return false
}

// change edits the zoo's spec as a user does: the generation moves.
func change(edit func(z *v1alpha1.ModelZoo)) func(w *faults.World) {
	return func(w *faults.World) {
		z := zooOf(w)
		edit(z)
		z.Generation++
		w.Must(w.Update(w.T().Context(), z))
	}
}

func remove(w *faults.World) { w.Must(w.Delete(w.T().Context(), zooOf(w))) }

// checkComplete holds the end against what a zoo of n members has.
func checkComplete(t *testing.T, w *faults.World, jobs int) {
	t.Helper()
	z := zooOf(w)
	if !complete(w) || ptr.Deref(z.Status.Models.Done, 0) != 4 || z.Status.StartTime == nil {
		t.Errorf("not complete: %+v", z.Status)
	}
	if n := len(w.Jobs()); n != jobs {
		t.Errorf("%d Jobs, want %d", n, jobs)
	}
	if w.Reports() != 0 {
		t.Errorf("%d RunReports stay", w.Reports())
	}
}

// TestEveryCallFailsOnce: whatever call fails, the zoo completes with the same children.
func TestEveryCallFailsOnce(t *testing.T) {
	checkComplete(t, scenario(false).Run(t), 2)
}

// trained is the last report of a shard.
func trained(shard int32) v1alpha1.RunReportStatus {
	return v1alpha1.RunReportStatus{
		Epoch: ptr.To(int32(2)), Epochs: ptr.To(int32(2)), Members: ptr.To(int32(2)), MembersDone: ptr.To(int32(2)),
		TestAccuracySum: v1alpha1.Decimal(fmt.Sprintf("1.%d", shard)), TestAccuracySquares: "0.75",
	}
}

// TestEveryCallFailsOnceWithReports: members are counted once, from reports that come and go.
func TestEveryCallFailsOnceWithReports(t *testing.T) {
	s := scenario(true)
	s.Kubelet.Report = trained
	w := s.Run(t)
	checkComplete(t, w, 2)
	live := zooOf(w).Status.Stages[0].Live
	if live.Shards != "0-1" || ptr.Deref(live.Members, 0) != 4 || live.TestAccuracySum != "2.1" || live.TestAccuracySquares != "1.5" {
		t.Errorf("folded %+v", live)
	}
}

// TestEveryCallFailsOnceWithSuspend: suspended in the middle of training and resumed.
func TestEveryCallFailsOnceWithSuspend(t *testing.T) {
	suspended := func(w *faults.World) bool {
		return meta.IsStatusConditionTrue(zooOf(w).Status.Conditions, v1alpha1.ConditionSuspended)
	}
	s := scenario(true,
		faults.Step{When: running, Do: change(func(z *v1alpha1.ModelZoo) { z.Spec.Suspend = ptr.To(true) })},
		faults.Step{When: suspended, Do: change(func(z *v1alpha1.ModelZoo) { z.Spec.Suspend = ptr.To(false) })},
	)
	s.Kubelet.Report = trained
	s.Kubelet.Busy = func(w *faults.World) bool { return zooOf(w).Generation < 3 } // until it is resumed
	checkComplete(t, s.Run(t), 2)
}

// TestEveryCallFailsOnceWithGrowth: more seeds after the end are trained under a new plan.
func TestEveryCallFailsOnceWithGrowth(t *testing.T) {
	s := scenario(false, faults.Step{When: complete, Do: change(func(z *v1alpha1.ModelZoo) { z.Spec.Population.Seeds.Count = 6 })})
	w := s.Run(t)
	checkComplete(t, w, 2) // those of the old plan are gone
	if z := zooOf(w); z.Status.ObservedGeneration != 2 || ptr.Deref(z.Status.Stages[0].Shards, 0) != 3 {
		t.Errorf("not grown: %+v", z.Status)
	}
}

// TestEveryCallFailsOnceOnDeletion: the artifact is removed before the object goes.
func TestEveryCallFailsOnceOnDeletion(t *testing.T) {
	for name, when := range map[string]func(*faults.World) bool{"complete": complete, "running": running} {
		t.Run(name, func(t *testing.T) {
			cleaned := false
			s := scenario(name == "running", faults.Step{When: when, Do: remove}, faults.Step{
				When: func(w *faults.World) bool {
					for _, j := range w.Jobs() {
						cleaned = cleaned || j.Labels[v1alpha1.LabelStage] == spec.StageCleanup && len(j.Status.Conditions) > 0
					}
					return zooOf(w) == nil
				},
				Do: func(*faults.World) {},
			})
			// The cleanup Job is deleted before the object is released, so that none is left behind: when
			// the release fails, it runs again, and finds nothing to remove.
			s.MayRepeat = "-cleanup-"
			w := s.Run(t)
			if n, m := len(w.Jobs()), len(w.Pods()); n+m+w.Reports() > 0 || !cleaned {
				t.Errorf("%d Jobs and %d pods stay; cleanup ran: %v", n, m, cleaned)
			}
		})
	}
}

// TestEveryCallFailsOnceInTerminatingNamespace: Jobs go before the object; then the object goes
// without a cleanup, which the namespace would refuse.
func TestEveryCallFailsOnceInTerminatingNamespace(t *testing.T) {
	terminate := func(w *faults.World) {
		w.Must(w.Delete(w.T().Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns"}}))
	}
	stopped := func(w *faults.World) bool { return len(w.Jobs()) == 0 && len(w.Pods()) == 0 }
	s := scenario(true, faults.Step{When: running, Do: terminate}, faults.Step{When: stopped, Do: remove})
	s.Refuse = func(w *faults.World, o client.Object) bool { // as the NamespaceLifecycle admission does
		ns := &corev1.Namespace{}
		_, job := o.(*batchv1.Job)
		return job && w.Read("", "ns", ns) && ns.DeletionTimestamp != nil
	}
	w := s.Run(t)
	if zooOf(w) != nil || len(w.Jobs()) > 0 || w.Reports() > 0 {
		t.Errorf("something stays: %d Jobs, %d RunReports", len(w.Jobs()), w.Reports())
	}
}
