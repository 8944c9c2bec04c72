//go:build integration

package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	wt "github.com/weightspace/weightspace/controllers/testing"
	"github.com/weightspace/weightspace/runtime/spec"
)

// TestStalls: what an admin or a plan refuses, with the field and the remedy in the message.
func TestStalls(t *testing.T) {
	p := newPlace(t)
	p.readyDataset(wt.MakeDataset(p.ns, "mnist").Obj())
	closed := wt.MakeStore("closed-" + p.ns).Only("elsewhere").Obj()
	p.create(closed)
	t.Cleanup(func() { _ = k8s.Delete(t.Context(), closed) })
	for name, tc := range map[string]struct {
		zoo          *v1alpha1.ModelZoo
		reason, text string
	}{
		"memory":  {wt.MakeZoo(p.ns, "memory").Memory("8Mi").Obj(), v1alpha1.ReasonInsufficientMemory, "spec.compute.memory: 8Mi"},
		"image":   {wt.MakeZoo(p.ns, "image").Image("evil.example.com/x").Obj(), v1alpha1.ReasonImageNotAllowed, "spec.compute.runtimeImage"},
		"store":   {wt.MakeZoo(p.ns, "store").Store("nowhere").Obj(), v1alpha1.ReasonStoreNotFound, "spec.store.name"},
		"closed":  {wt.MakeZoo(p.ns, "closed").Store(closed.Name).Obj(), v1alpha1.ReasonStoreNotAllowed, closed.Name},
		"too-big": {wt.MakeZoo(p.ns, "too-big").Seeds(100_000).Obj(), v1alpha1.ReasonInvalidSpec, "spec."},
	} {
		if name == "too-big" {
			tc.zoo.Spec.Population.Grid.LearningRate = []v1alpha1.Decimal{"1e-3", "1e-4"}
		}
		p.create(tc.zoo)
		p.waitZoo(name, v1alpha1.ConditionStalled, tc.reason, tc.text)
		if jobs := p.jobs(name); len(jobs) != 0 {
			t.Errorf("%s: %d Jobs", name, len(jobs))
		}
	}
	// The user's fix and the admin's are acted on at once.
	p.mustPatch(p.zoo("memory"), `{"spec":{"compute":{"memory":"4Gi"}}}`)
	p.waitZoo("memory", v1alpha1.ConditionReconciling, v1alpha1.ReasonTraining, "")
	p.mustPatch(closed, `{"spec":{"allowedNamespaces":["`+p.ns+`"]}}`)
	eventually(t, "store admitted", func() string {
		if s := p.state("closed"); !strings.Contains(s, v1alpha1.ReasonTraining) && !strings.Contains(s, "claim") {
			return s
		}
		return ""
	})
	d := wt.MakeDataset(p.ns, "host").URL("https://169.254.169.254/latest").Obj()
	p.create(d)
	eventually(t, "host refused", func() string {
		if s := p.state("host"); !strings.Contains(s, "Stalled=True HostNotAllowed") {
			return s
		}
		return ""
	})
}

// TestPodFailures: wrong input, memory, too many failures, missing work.
func TestPodFailures(t *testing.T) {
	p := newPlace(t)
	p.readyDataset(wt.MakeDataset(p.ns, "mnist").Obj())
	t.Run("invalid input", func(t *testing.T) {
		p.create(wt.MakeZoo(p.ns, "input").Obj())
		pods := p.waitPods("input", spec.StageTrain, 2)
		p.podEnds(pods[0], spec.ExitInvalidInput, "Error", spec.Termination{Reason: "InvalidInput", Field: "trainImages", Message: "bad magic"})
		eventually(t, "pods end", func() string {
			p.killTerminating()
			return failedWith(p.zoo("input"), v1alpha1.ReasonInvalidInput, "trainImages: bad magic")
		})
		z := p.waitZoo("input", v1alpha1.ConditionStalled, v1alpha1.ReasonInvalidInput, "")
		if len(z.Status.Failures) == 0 || *z.Status.Failures[0].ExitCode != 65 {
			t.Errorf("failures %+v", z.Status.Failures)
		}
	})
	t.Run("out of memory", func(t *testing.T) {
		p.create(wt.MakeZoo(p.ns, "oom").Obj())
		pods := p.waitPods("oom", spec.StageTrain, 2)
		p.podEnds(pods[0], 137, "OOMKilled", nil)
		p.waitZoo("oom", v1alpha1.ConditionFailed, v1alpha1.ReasonOutOfMemory, "spec.compute.memory")
		eventually(t, "the Job is stopped", func() string {
			p.killTerminating()
			if len(p.jobs("oom")) > 0 || len(p.pods("oom", spec.StageTrain)) > 0 {
				return "still there"
			}
			return ""
		})
	})
	t.Run("incomplete index", func(t *testing.T) {
		p.create(wt.MakeZoo(p.ns, "missing").Obj())
		p.stageSucceeds("missing", spec.StageTrain, 2, nil)
		pods := p.waitPods("missing", spec.StageIndex, 1)
		p.podEnds(pods[0], spec.ExitIncomplete, "Error", spec.Termination{Reason: "Incomplete", Message: "2 members missing"})
		p.waitPods("missing", spec.StageTrain, 2)
		z := p.completeZoo("missing", 2, 4, 2)
		if z.Status.Stages[0].Attempt != 2 || z.Status.Stages[1].Attempt != 2 {
			t.Errorf("stages %+v", z.Status.Stages)
		}
	})
	t.Run("lost result", func(t *testing.T) {
		p.create(wt.MakeZoo(p.ns, "lost").Obj())
		p.stageSucceeds("lost", spec.StageTrain, 2, nil)
		p.stageSucceeds("lost", spec.StageIndex, 1, nil)
		eventually(t, "index runs again", func() string {
			if z := p.zoo("lost"); len(z.Status.Stages) < 2 || z.Status.Stages[1].Attempt != 2 {
				return p.state("lost")
			}
			return ""
		})
		p.stageSucceeds("lost", spec.StageIndex, 1, zooDone(4, 2))
		p.waitZoo("lost", v1alpha1.ConditionComplete, v1alpha1.ReasonComplete, "")
	})
}

func failedWith(z *v1alpha1.ModelZoo, reason, text string) string {
	c := meta.FindStatusCondition(z.Status.Conditions, v1alpha1.ConditionFailed)
	if c == nil || c.Reason != reason || !strings.Contains(c.Message, text) {
		return conditions(z.Status.Conditions)
	}
	return ""
}

// TestSuspendResume: pods go, nothing counts as done, resume continues the same Job.
func TestSuspendResume(t *testing.T) {
	p := newPlace(t)
	p.readyDataset(wt.MakeDataset(p.ns, "mnist").Obj())
	p.create(wt.MakeZoo(p.ns, "zoo").Obj())
	for _, pod := range p.waitPods("zoo", spec.StageTrain, 2) {
		p.podRuns(pod)
	}
	eventually(t, "RunReports", func() string { return reportCount(p, 2) })
	p.mustPatch(p.zoo("zoo"), `{"spec":{"suspend":true}}`)
	// Suspending may be over before anybody looks: the pods have no kubelet that keeps them.
	eventually(t, "Suspending", func() string {
		c := meta.FindStatusCondition(p.zoo("zoo").Status.Conditions, v1alpha1.ConditionReady)
		if c == nil || c.Reason != v1alpha1.ReasonSuspending && c.Reason != v1alpha1.ReasonSuspended {
			return p.state("zoo")
		}
		return ""
	})
	eventually(t, "Suspended", func() string {
		p.killTerminating()
		if !meta.IsStatusConditionTrue(p.zoo("zoo").Status.Conditions, v1alpha1.ConditionSuspended) {
			return p.state("zoo")
		}
		return ""
	})
	z := p.zoo("zoo")
	if *z.Status.Stages[0].Succeeded != 0 || z.Status.Stages[0].CompletionTime != nil || *z.Status.ActivePods != 0 {
		t.Errorf("suspended with %+v", z.Status.Stages[0])
	}
	eventually(t, "RunReports removed", func() string { return reportCount(p, 0) })
	p.mustPatch(p.zoo("zoo"), `{"spec":{"suspend":false}}`)
	p.completeZoo("zoo", 2, 4, 2)
}

func reportCount(p *place, n int) string {
	var list v1alpha1.RunReportList
	if err := k8s.List(p.t.Context(), &list, client.InNamespace(p.ns)); err != nil {
		return err.Error()
	}
	if len(list.Items) != n {
		return "wrong number of RunReports"
	}
	return ""
}

// TestProgress: reports are folded into counts, epoch, accuracy, ETA, and the store's absence.
func TestProgress(t *testing.T) {
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
	r.Status = v1alpha1.RunReportStatus{
		Epoch: ptr.To(int32(2)), Epochs: ptr.To(int32(2)), Members: ptr.To(int32(2)), TestAccuracySum: "1.8", TestAccuracySquares: "1.62",
		SecondsLeft: ptr.To(int32(240)), Store: v1alpha1.StoreUnavailable,
	}
	if err := k8s.Status().Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	z := p.waitZoo("zoo", v1alpha1.ConditionReady, v1alpha1.ReasonStoreUnavailable, "")
	if z.Status.Epoch != "1/2" || z.Status.TestAccuracy.Summary != "0.900 ± 0.000" || z.Status.ETA != "8m" || z.Status.Models.Summary != "0/4" {
		t.Errorf("status %+v", z.Status)
	}
	if !meta.IsStatusConditionFalse(z.Status.Conditions, v1alpha1.ConditionStoreReachable) {
		t.Error(p.state("zoo"))
	}
	// /scale steers the running Job.
	p.mustPatch(p.zoo("zoo"), `{"spec":{"parallelism":2}}`)
	p.waitPods("zoo", spec.StageTrain, 2)
	p.completeZoo("zoo", 2, 4, 2)
}

// TestQueue: with a queue the Job stays suspended until Kueue admits it; suspend removes it.
func TestQueue(t *testing.T) {
	p := newPlace(t)
	p.readyDataset(wt.MakeDataset(p.ns, "mnist").Obj())
	p.create(wt.MakeZoo(p.ns, "zoo").Queue("gpu").Obj())
	p.waitZoo("zoo", v1alpha1.ConditionReady, v1alpha1.ReasonQueued, "gpu")
	if len(p.jobs("zoo")) == 0 {
		t.Fatalf("no Job; %s", p.state("zoo"))
	}
	job := p.jobs("zoo")[0]
	if job.Labels[v1alpha1.LabelQueueName] != "gpu" || !*job.Spec.Suspend {
		t.Errorf("labels %v, suspend %v", job.Labels, *job.Spec.Suspend)
	}
	p.mustPatch(&job, `{"spec":{"suspend":false}}`) // Kueue admits
	p.waitPods("zoo", spec.StageTrain, 2)
	consistently(t, time.Second, "an admitted Job stays admitted", func() string {
		if *p.jobs("zoo")[0].Spec.Suspend {
			return "suspended again"
		}
		return ""
	})
	p.mustPatch(p.zoo("zoo"), `{"spec":{"suspend":true}}`)
	eventually(t, "Suspended", func() string {
		p.killTerminating()
		if !meta.IsStatusConditionTrue(p.zoo("zoo").Status.Conditions, v1alpha1.ConditionSuspended) || len(p.jobs("zoo")) > 0 {
			return p.state("zoo")
		}
		return ""
	})
}

// TestDeletion: Delete runs a cleanup pod, TTL deletes, a namespace is not held.
func TestDeletion(t *testing.T) {
	p := newPlace(t)
	p.readyDataset(wt.MakeDataset(p.ns, "mnist").Policy(v1alpha1.DeletionPolicyDelete).Obj())
	p.create(wt.MakeZoo(p.ns, "zoo").Policy(v1alpha1.DeletionPolicyDelete).Obj())
	p.completeZoo("zoo", 2, 4, 2)
	d := &v1alpha1.Dataset{}
	d.Namespace, d.Name = p.ns, "mnist"
	for _, o := range []client.Object{d, p.zoo("zoo")} {
		if err := k8s.Delete(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	p.stageSucceeds("zoo", spec.StageCleanup, 1, nil)
	gone(t, p.ns, "zoo", &v1alpha1.ModelZoo{})
	p.stageSucceeds("mnist", spec.StageCleanup, 1, nil)
	gone(t, p.ns, "mnist", &v1alpha1.Dataset{})

	p.readyDataset(wt.MakeDataset(p.ns, "mnist").Obj())
	p.create(wt.MakeZoo(p.ns, "brief").TTL(1).Obj())
	p.stageSucceeds("brief", spec.StageTrain, 2, nil)
	p.stageSucceeds("brief", spec.StageIndex, 1, zooDone(4, 2))
	gone(t, p.ns, "brief", &v1alpha1.ModelZoo{})

	p.create(wt.MakeZoo(p.ns, "held").Policy(v1alpha1.DeletionPolicyDelete).Obj())
	p.waitPods("held", spec.StageTrain, 2)
	if err := k8s.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.ns}}); err != nil {
		t.Fatal(err)
	}
	// As the namespace controller does next.
	if err := k8s.Delete(t.Context(), p.zoo("held")); err != nil {
		t.Fatal(err)
	}
	gone(t, p.ns, "held", &v1alpha1.ModelZoo{})
}

func gone(t *testing.T, ns, name string, o client.Object) {
	t.Helper()
	eventually(t, name+" is gone", func() string {
		err := k8s.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: name}, o)
		if apierrors.IsNotFound(err) {
			return ""
		}
		return fmt.Sprintf("still there (%v): deletionTimestamp %v, finalizers %v", err, o.GetDeletionTimestamp(), o.GetFinalizers())
	})
}
