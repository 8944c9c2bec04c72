//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// TestZooLifecycle: training, the printed columns, rest without writes, growth, deletion with
// Retain and adoption at zero compute, all on one zoo.
func TestZooLifecycle(t *testing.T) {
	p := newPlace(t, "life")
	d := p.dataset(t, 1000)
	z := p.zoo(t, "zoo")
	p.sameResult(t, "zoo", reference(t, d, z))

	t.Run("columns", func(t *testing.T) { columns(t, p) })
	t.Run("rest", func(t *testing.T) { atRest(t, p) })
	t.Run("steering", func(t *testing.T) { steeringRunsNothing(t, p) })
	t.Run("immutable", func(t *testing.T) { immutable(t, p) })
	t.Run("growth", func(t *testing.T) { growth(t, p, d) })
	t.Run("adoption", func(t *testing.T) { adoption(t, p) })
}

func columns(t *testing.T, p *place) {
	out := p.c.kubectl(t, "get", "mz", "-n", p.ns)
	t.Logf("\n%s", out)
	for _, want := range []string{"NAME", "DATASET", "ARCH", "MODELS", "EPOCH", "TEST-ACC", "READY", "STATUS", "ETA", "AGE", "8/8", "10/10", "±", "True", "Complete"} {
		if !strings.Contains(out, want) {
			t.Errorf("kubectl get modelzoos lacks %q", want)
		}
	}
	wide := p.c.kubectl(t, "get", "weightspace", "-n", p.ns, "-o", "wide")
	for _, want := range []string{"FAILED", "GPUS", "QUEUE", "ARTIFACT", "pvc://store/data/" + p.ns + "/modelzoo/zoo"} {
		if !strings.Contains(wide, want) {
			t.Errorf("kubectl get weightspace -o wide lacks %q:\n%s", want, wide)
		}
	}
}

func atRest(t *testing.T, p *place) {
	before := p.getZoo(t, "zoo").ResourceVersion
	consistently(t, 15*time.Second, "a finished zoo is not written", func() string {
		if now := p.getZoo(t, "zoo").ResourceVersion; now != before {
			return "resourceVersion moved from " + before + " to " + now
		}
		return ""
	})
	var reports v1alpha1.RunReportList
	if err := p.c.client.List(t.Context(), &reports, client.InNamespace(p.ns)); err != nil || len(reports.Items) != 0 {
		t.Errorf("%d RunReports remain (%v)", len(reports.Items), err)
	}
}

// steeringRunsNothing removes the Jobs and changes what may change: a finished zoo stays finished.
func steeringRunsNothing(t *testing.T, p *place) {
	if err := p.c.client.DeleteAllOf(t.Context(), &batchv1.Job{}, client.InNamespace(p.ns), client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		t.Fatal(err)
	}
	p.c.kubectl(t, "scale", "modelzoo", "zoo", "-n", p.ns, "--replicas=5")
	p.c.kubectl(t, "label", "modelzoo", "zoo", "-n", p.ns, "team=a")
	p.patch(t, `{"spec":{"suspend":true}}`)
	p.patch(t, `{"spec":{"suspend":false}}`)
	consistently(t, 10*time.Second, "a finished zoo runs nothing", func() string {
		var jobs batchv1.JobList
		if err := p.c.client.List(t.Context(), &jobs, client.InNamespace(p.ns), client.MatchingLabels{v1alpha1.LabelName: "zoo"}); err != nil {
			return err.Error()
		}
		for _, j := range jobs.Items {
			if j.DeletionTimestamp == nil {
				return "Job " + j.Name + " appeared"
			}
		}
		return ""
	})
	p.complete(t, "zoo")
}

func (p *place) patch(t *testing.T, patch string) {
	t.Helper()
	p.c.kubectl(t, "patch", "modelzoo", "zoo", "-n", p.ns, "--type=merge", "-p", patch)
}

func immutable(t *testing.T, p *place) {
	for field, patch := range map[string]string{
		"spec.training.epochs":        `{"spec":{"training":{"epochs":1}}}`,
		"spec.training.batchSize":     `{"spec":{"training":{"batchSize":10}}}`,
		"spec.population.grid":        `{"spec":{"population":{"grid":{"dropout":["0.5"]}}}}`,
		"spec.population.seeds.count": `{"spec":{"population":{"seeds":{"count":1}}}}`,
		"spec.dataset":                `{"spec":{"dataset":{"name":"other"}}}`,
	} {
		out, err := p.c.try(t.Context(), "kubectl", "patch", "modelzoo", "zoo", "-n", p.ns, "--type=merge", "-p", patch)
		if err == nil || !strings.Contains(out, field) {
			t.Errorf("patch %s: %v, %q; want a refusal that names %s", patch, err, out, field)
		}
	}
}

// growth appends a seed and epochs: only the missing work runs, and what was there stays.
func growth(t *testing.T, p *place, d *v1alpha1.Dataset) {
	artifact := filepath.Join(p.store(), p.ns, "modelzoo", "zoo")
	before := modTimes(t, filepath.Join(artifact, "shards"))
	p.patch(t, `{"spec":{"population":{"seeds":{"count":3}},"training":{"epochs":12}}}`)
	z := p.getZoo(t, "zoo")
	p.sameResult(t, "zoo", reference(t, d, zooManifest(p.ns, "zoo", func(o *v1alpha1.ModelZoo) { o.Spec = z.Spec })))
	after := modTimes(t, filepath.Join(artifact, "shards"))
	for path, at := range before {
		if !after[path].Equal(at) {
			t.Errorf("%s was written again by growth", path)
		}
	}
	if len(after) <= len(before) {
		t.Error("growth wrote nothing")
	}
}

func modTimes(t *testing.T, root string) map[string]time.Time {
	t.Helper()
	out := map[string]time.Time{}
	err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() && strings.HasPrefix(info.Name(), "epoch-") {
			out[path] = info.ModTime()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// adoption deletes the zoo (Retain) and creates it again: same result, nothing trained.
func adoption(t *testing.T, p *place) {
	z := p.getZoo(t, "zoo")
	want := string(z.Status.Artifact.ResultDigest)
	shards := filepath.Join(p.store(), p.ns, "modelzoo", "zoo", "shards")
	before := modTimes(t, shards)
	p.c.kubectl(t, "delete", "modelzoo", "zoo", "-n", p.ns, "--wait")
	p.zoo(t, "zoo", func(o *v1alpha1.ModelZoo) {
		o.Spec = *z.Spec.DeepCopy()
		o.Spec.Sharding = &v1alpha1.Sharding{MembersPerShard: 1} // another cut, the same members
	})
	p.sameResult(t, "zoo", want)
	after := modTimes(t, shards)
	if len(after) != len(before) {
		t.Errorf("adoption trained: %d epoch files before, %d after", len(before), len(after))
	}
	for path, at := range before {
		if !after[path].Equal(at) {
			t.Errorf("adoption wrote %s again", path)
		}
	}
}

func TestSuspendMidEpoch(t *testing.T) {
	p := newPlace(t, "suspend")
	d := p.dataset(t, 4000)
	z := p.zoo(t, "zoo")
	p.training(t, "zoo")
	p.patch(t, `{"spec":{"suspend":true}}`)
	eventually(t, podDeadline, "Suspended", func() string {
		z := p.getZoo(t, "zoo")
		if !meta.IsStatusConditionTrue(z.Status.Conditions, v1alpha1.ConditionSuspended) {
			return readyText(z.Status.Conditions)
		}
		return ""
	})
	for _, pod := range podsOf(t, p.c, p.ns, "zoo", "train") {
		if pod.Status.Phase == corev1.PodRunning || pod.Status.Phase == corev1.PodPending {
			t.Errorf("Suspended, but pod %s is %s", pod.Name, pod.Status.Phase)
		}
	}
	suspended := p.getZoo(t, "zoo")
	if done := suspended.Status.Models.Done; done != nil && *done == 8 {
		t.Error("all members done before suspend took hold: the test proves nothing, make the zoo larger")
	}
	p.patch(t, `{"spec":{"suspend":false}}`)
	p.sameResult(t, "zoo", reference(t, d, z))
}

func TestTTLDeletesTheObjectAndKeepsTheArtifact(t *testing.T) {
	p := newPlace(t, "ttl")
	p.dataset(t, 256)
	ttl := int32(1)
	p.zoo(t, "zoo", func(z *v1alpha1.ModelZoo) { z.Spec.TTLSecondsAfterFinished = &ttl; z.Spec.Training.Epochs = 1 })
	eventually(t, zooDeadline, "TTL deletes the zoo", func() string {
		z, err := p.tryZoo(t, "zoo")
		if apierrors.IsNotFound(err) {
			return ""
		}
		if err != nil {
			return err.Error()
		}
		return readyText(z.Status.Conditions)
	})
	if _, err := os.Stat(filepath.Join(p.store(), p.ns, "modelzoo", "zoo", "manifest.json")); err != nil {
		t.Errorf("the artifact is gone: %v", err)
	}
}

func TestDeletePolicyDelete(t *testing.T) {
	p := newPlace(t, "delete")
	p.dataset(t, 256)
	p.zoo(t, "zoo", func(z *v1alpha1.ModelZoo) {
		z.Spec.DeletionPolicy = v1alpha1.DeletionPolicyDelete
		z.Spec.Training.Epochs = 1
	})
	p.complete(t, "zoo")
	p.c.kubectl(t, "delete", "modelzoo", "zoo", "-n", p.ns, "--wait", "--timeout=120s")
	left, err := filepath.Glob(filepath.Join(p.store(), p.ns, "modelzoo", "zoo", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("deletionPolicy Delete left %v (%v)", left, err)
	}
	if _, err := os.Stat(filepath.Join(p.store(), p.ns, "dataset", "mnist", "manifest.json")); err != nil {
		t.Errorf("deleting the zoo took the data set with it: %v", err)
	}
}

// A terminating namespace accepts no cleanup Job; the finalizer must not hold it.
func TestNamespaceDeletionIsNotHeld(t *testing.T) {
	p := newPlace(t, "nsdel")
	p.dataset(t, 2000)
	p.zoo(t, "zoo", func(z *v1alpha1.ModelZoo) { z.Spec.DeletionPolicy = v1alpha1.DeletionPolicyDelete })
	p.training(t, "zoo")
	p.c.kubectl(t, "delete", "namespace", p.ns, "--wait", "--timeout=120s")
}
