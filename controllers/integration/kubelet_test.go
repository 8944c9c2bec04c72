//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

func (p *place) create(o client.Object) {
	p.t.Helper()
	if err := k8s.Create(p.t.Context(), o); err != nil {
		p.t.Fatalf("create %T %s: %v", o, o.GetName(), err)
	}
}

func (p *place) zoo(name string) *v1alpha1.ModelZoo {
	z := &v1alpha1.ModelZoo{}
	if err := k8s.Get(p.t.Context(), client.ObjectKey{Namespace: p.ns, Name: name}, z); err != nil {
		p.t.Fatal(err)
	}
	return z
}

func (p *place) patch(o client.Object, patch string) error {
	return k8s.Patch(p.t.Context(), o, client.RawPatch("application/merge-patch+json", []byte(patch)))
}

func (p *place) mustPatch(o client.Object, patch string) {
	p.t.Helper()
	if err := p.patch(o, patch); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) jobs(owner string) []batchv1.Job {
	var list batchv1.JobList
	if err := k8s.List(p.t.Context(), &list, client.InNamespace(p.ns), client.MatchingLabels{v1alpha1.LabelName: owner}); err != nil {
		p.t.Fatal(err)
	}
	return list.Items
}

// pods lists live pods of a stage of an owner.
func (p *place) pods(owner, stage string) []corev1.Pod {
	var list corev1.PodList
	if err := k8s.List(p.t.Context(), &list, client.InNamespace(p.ns), client.MatchingLabels{v1alpha1.LabelName: owner, v1alpha1.LabelStage: stage}); err != nil {
		p.t.Fatal(err)
	}
	var out []corev1.Pod
	for _, pod := range list.Items {
		if pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed {
			out = append(out, pod)
		}
	}
	return out
}

func (p *place) waitPods(owner, stage string, n int) []corev1.Pod {
	p.t.Helper()
	var pods []corev1.Pod
	eventually(p.t, fmt.Sprintf("%d pods of %s/%s", n, owner, stage), func() string {
		if pods = p.pods(owner, stage); len(pods) != n {
			return fmt.Sprintf("%d pods", len(pods))
		}
		return ""
	})
	return pods
}

func (p *place) podRuns(pod corev1.Pod) {
	p.t.Helper()
	pod.Status.Phase = corev1.PodRunning
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: pod.Spec.Containers[0].Name, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
	if err := k8s.Status().Update(p.t.Context(), &pod); err != nil {
		p.t.Fatal(err)
	}
}

// podEnds plays the kubelet's part when a container ends.
func (p *place) podEnds(pod corev1.Pod, code int32, reason string, message any) {
	p.t.Helper()
	text := ""
	if message != nil {
		b, err := json.Marshal(message)
		if err != nil {
			p.t.Fatal(err)
		}
		text = string(b)
	}
	fresh := &corev1.Pod{}
	if err := k8s.Get(p.t.Context(), client.ObjectKeyFromObject(&pod), fresh); err != nil {
		if apierrors.IsNotFound(err) {
			return // the Job controller was faster
		}
		p.t.Fatal(err)
	}
	fresh.Status.Phase = corev1.PodSucceeded
	if code != 0 {
		fresh.Status.Phase = corev1.PodFailed
	}
	now := metav1.Now()
	fresh.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: pod.Spec.Containers[0].Name, State: corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, Message: text, FinishedAt: now, StartedAt: now},
	}}}
	if err := k8s.Status().Update(p.t.Context(), fresh); client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) {
		p.t.Fatal(err)
	}
}

// stageSucceeds ends all pods of a stage well, n in all.
func (p *place) stageSucceeds(owner, stage string, n int, message any) {
	p.t.Helper()
	for done := 0; done < n; {
		eventually(p.t, "a pod of "+owner+"/"+stage, func() string {
			for _, pod := range p.pods(owner, stage) {
				p.podEnds(pod, 0, "Completed", message)
				done++
			}
			if done == 0 {
				return "none; " + p.state(owner)
			}
			return ""
		})
		eventually(p.t, "next pods", func() string {
			if done >= n || len(p.pods(owner, stage)) > 0 {
				return ""
			}
			return fmt.Sprintf("%d of %d done", done, n)
		})
	}
}

// evicts ends terminating pods, as the kubelet would.
func (p *place) killTerminating() {
	var list corev1.PodList
	if err := k8s.List(p.t.Context(), &list, client.InNamespace(p.ns)); err != nil {
		p.t.Fatal(err)
	}
	zero := int64(0)
	for i := range list.Items {
		if pod := &list.Items[i]; pod.DeletionTimestamp != nil {
			if pod.Status.Phase == corev1.PodRunning || pod.Status.Phase == corev1.PodPending {
				p.podEnds(*pod, spec.ExitCheckpointed, "Error", spec.Termination{Reason: "Checkpointed"})
			}
			_ = k8s.Delete(p.t.Context(), pod, &client.DeleteOptions{GracePeriodSeconds: &zero})
		}
	}
}

func (p *place) state(name string) string {
	z, d := &v1alpha1.ModelZoo{}, &v1alpha1.Dataset{}
	key := client.ObjectKey{Namespace: p.ns, Name: name}
	if k8s.Get(p.t.Context(), key, z) == nil {
		return conditions(z.Status.Conditions)
	}
	if k8s.Get(p.t.Context(), key, d) == nil {
		return conditions(d.Status.Conditions)
	}
	return "no object " + name
}

func conditions(list []metav1.Condition) string {
	out := []string{"conditions"}
	for _, c := range list {
		out = append(out, fmt.Sprintf("%s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message))
	}
	return strings.Join(out, "; ")
}

// waitZoo waits for a condition with a reason and a text in its message.
func (p *place) waitZoo(name, condition, reason, text string) *v1alpha1.ModelZoo {
	p.t.Helper()
	var z *v1alpha1.ModelZoo
	eventually(p.t, name+": "+condition+" "+reason, func() string {
		z = p.zoo(name)
		c := meta.FindStatusCondition(z.Status.Conditions, condition)
		if c == nil || c.Reason != reason || !strings.Contains(c.Message, text) || z.Status.ObservedGeneration != z.Generation {
			return conditions(z.Status.Conditions)
		}
		return ""
	})
	return z
}

func digest(c string) string { return "sha256:" + strings.Repeat(c, 64) }

func datasetDone(c string) spec.Termination {
	return spec.Termination{Reason: "Succeeded", Result: &spec.Result{
		ManifestDigest: digest(c), ResultDigest: digest(c), SizeBytes: 10,
		Dataset: &spec.DatasetResult{Channels: 1, Height: 28, Width: 28, Classes: 10, Train: 500, Validation: 100, Test: 100},
	}}
}

func zooDone(members, epochs int) spec.Termination {
	return spec.Termination{Reason: "Succeeded", Result: &spec.Result{
		ManifestDigest: digest("a"), ResultDigest: digest("b"), SizeBytes: 10,
		Zoo: &spec.ZooResult{Members: members, Epochs: epochs, TestAccuracyMean: 0.941, TestAccuracyStd: 0.032},
	}}
}

// readyDataset creates Dataset mnist and brings it to Ready.
func (p *place) readyDataset(d *v1alpha1.Dataset) {
	p.t.Helper()
	p.create(d)
	p.stageSucceeds(d.Name, spec.StageFetch, 1, nil)
	p.stageSucceeds(d.Name, spec.StageVerify, 1, datasetDone("c"))
	eventually(p.t, "Dataset Ready", func() string {
		if s := p.state(d.Name); !strings.Contains(s, "Ready=True") {
			return s
		}
		return ""
	})
}

// completeZoo plays all pods of a zoo of n shards.
func (p *place) completeZoo(name string, shards, members, epochs int) *v1alpha1.ModelZoo {
	p.t.Helper()
	p.stageSucceeds(name, spec.StageTrain, shards, nil)
	p.stageSucceeds(name, spec.StageIndex, 1, zooDone(members, epochs))
	return p.waitZoo(name, v1alpha1.ConditionComplete, v1alpha1.ReasonComplete, "")
}
