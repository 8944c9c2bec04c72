package staged

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	wt "github.com/weightspace/weightspace/controllers/testing"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// zooAdapter is a ModelZoo whose upstream and consumers the test sets.
type zooAdapter struct{ digest string }

func (zooAdapter) Kind() string       { return spec.KindModelZoo }
func (zooAdapter) New() client.Object { return &v1alpha1.ModelZoo{} }
func (zooAdapter) Parts(o client.Object) Parts {
	z := o.(*v1alpha1.ModelZoo)
	return Parts{Execution: &z.Spec.Execution, Status: &z.Status.WorkloadStatus, Store: z.Spec.Store.Name}
}

func (a zooAdapter) SpecDigest(o client.Object) string {
	if a.digest != "" {
		return a.digest
	}
	return plan.ModelZooSpecDigest(&o.(*v1alpha1.ModelZoo).Spec)
}
func (zooAdapter) Check(client.Object, *Policy) *Problem { return nil }
func (zooAdapter) Upstream(context.Context, client.Reader, client.Object) (Upstream, error) {
	return Upstream{}, nil
}

func (zooAdapter) Consumers(context.Context, client.Reader, client.Object) ([]string, error) {
	return nil, nil
}

func (zooAdapter) Plan(o client.Object, in plan.Inputs) (*spec.Snapshot, error) {
	return plan.ModelZoo(&o.(*v1alpha1.ModelZoo).Spec, in)
}

func (zooAdapter) Stale(s *spec.Snapshot, up Upstream) string {
	if up.Dataset != nil && up.Dataset.ResultDigest != s.Zoo.Dataset.ResultDigest {
		return "the data set changed"
	}
	return ""
}
func (zooAdapter) Progress(client.Object, Progress) {}
func (zooAdapter) Forget(client.Object)             {}

var sceneNow = time.Unix(1_800_000_000, 0)

// scenery is a zoo of two shards and what is observed of it, moved on without any API server.
type scenery struct {
	t  testing.TB
	o  *Observed
	ad zooAdapter
	p  *Policy
	// last is what the last pass decided.
	last *Actions
	uids int
}

func newScenery(t testing.TB) *scenery {
	t.Helper()
	z := wt.MakeZoo("ns", "zoo").Obj()
	z.UID, z.Generation = "zoo-uid", 1
	digest := "sha256:" + strings.Repeat("c", 64)
	s := &scenery{t: t, p: &Policy{RuntimeImage: "image"}}
	s.o = &Observed{
		Object: z, Access: map[string]bool{}, Stores: []v1alpha1.ArtifactStore{*wt.MakeStore("s").Default().Obj()},
		Upstream: Upstream{Dataset: &spec.DatasetInput{
			Name: "mnist", Store: "pvc://artifacts/s", Path: "ns/dataset/mnist", ManifestDigest: digest, ResultDigest: digest,
			Channels: 1, Height: 28, Width: 28, Classes: 10, Train: 500, Validation: 100, Test: 100,
		}},
	}
	s.o.Parts = s.ad.Parts(z)
	return s
}

func (s *scenery) zoo() *v1alpha1.ModelZoo { return s.o.Object.(*v1alpha1.ModelZoo) }

// pass decides, checks what must always hold, and plays the API server for what was decided.
func (s *scenery) pass() *Actions {
	s.t.Helper()
	a := decide(s.o, s.p, s.ad, sceneNow)
	s.last = a
	checkActions(s.t, s.o, a)
	s.o.Object = report(s.o, a, s.ad, true, sceneNow)
	s.o.Parts = s.ad.Parts(s.o.Object)
	for _, obj := range a.Create {
		s.uids++
		obj.SetUID(types.UID(fmt.Sprintf("uid-%d", s.uids)))
		switch c := obj.(type) {
		case *batchv1.Job:
			s.o.Jobs = append(s.o.Jobs, *c)
		case *corev1.ConfigMap:
			s.o.Plans = append(s.o.Plans, c.Name)
		case *v1alpha1.RunReport:
			s.o.Reports = append(s.o.Reports, *c)
		}
	}
	s.o.Snapshot = nil
	if name := s.o.Parts.Status.PlanConfigMap; contains(s.o.Plans, name) {
		s.o.Snapshot = a.Snapshot
	}
	for _, d := range a.Delete {
		s.drop(d)
	}
	return a
}

func (s *scenery) drop(d client.Object) {
	switch d.(type) {
	case *batchv1.Job:
		s.o.Jobs = without(s.o.Jobs, func(j *batchv1.Job) bool { return j.Name == d.GetName() })
	case *v1alpha1.RunReport:
		s.o.Reports = without(s.o.Reports, func(r *v1alpha1.RunReport) bool { return r.Name == d.GetName() })
	case *corev1.ConfigMap:
		s.o.Plans = without(s.o.Plans, func(p *string) bool { return *p == d.GetName() })
	}
}

func without[T any](in []T, gone func(*T) bool) []T {
	var out []T
	for i := range in {
		if !gone(&in[i]) {
			out = append(out, in[i])
		}
	}
	return out
}

// checkActions holds for every pass, whatever was observed.
func checkActions(t testing.TB, o *Observed, a *Actions) {
	t.Helper()
	limit := 3 // a plan, a Job, and one to spare
	for i := range o.Pods {
		if o.Pods[i].Status.Phase == corev1.PodRunning {
			limit++ // a RunReport
		}
	}
	if len(a.Create) > limit {
		t.Fatalf("creates %d children with %d pods", len(a.Create), len(o.Pods))
	}
	seen := map[string]bool{}
	for _, c := range a.Create {
		key := kindOf(c) + " " + c.GetName()
		if seen[key] || c.GetName() == "" || len(c.GetName()) > 253 {
			t.Fatalf("creates %q twice, or under no good name", key)
		}
		seen[key] = true
		if j, ok := c.(*batchv1.Job); ok && (*j.Spec.Completions > 10_000 || *j.Spec.Completions < 1 || *j.Spec.Parallelism > *j.Spec.Completions) {
			t.Fatalf("Job of %d shards, %d at a time", *j.Spec.Completions, *j.Spec.Parallelism)
		}
	}
	if len(a.Delete) > len(o.Jobs)+len(o.Reports)+len(o.Plans) {
		t.Fatalf("deletes %d children of %d", len(a.Delete), len(o.Jobs)+len(o.Reports)+len(o.Plans))
	}
	if a.Verdict.Reason == "" || a.Verdict.Message == "" {
		t.Fatalf("says nothing: %+v", a.Verdict)
	}
	if len(a.Failures) > maxFailures || len(a.Stages) > 16 {
		t.Fatalf("status grows: %d failures, %d stages", len(a.Failures), len(a.Stages))
	}
}

// job is the newest Job of a stage.
func (s *scenery) job(stage string) *batchv1.Job {
	s.t.Helper()
	for i := len(s.o.Jobs) - 1; i >= 0; i-- {
		if s.o.Jobs[i].Labels[v1alpha1.LabelStage] == stage {
			return &s.o.Jobs[i]
		}
	}
	s.t.Fatalf("no Job of stage %s among %d", stage, len(s.o.Jobs))
	return nil
}

// pod adds a pod of a stage's Job; code is nil while it runs.
func (s *scenery) pod(stage string, shard int, code *int32, reason, message string) *corev1.Pod {
	s.t.Helper()
	j := s.job(stage)
	p := corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning}}
	if code != nil {
		p = endedPod(*code, reason, message)
	}
	s.uids++
	p.Namespace, p.Name = "ns", fmt.Sprintf("%s-%d-%d", j.Name, shard, s.uids)
	p.Labels = podLabels(j.Spec.Template.Labels)
	p.Labels[batchv1.JobCompletionIndexAnnotation] = fmt.Sprint(shard)
	p.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(j, batchv1.SchemeGroupVersion.WithKind("Job"))}
	s.o.Pods = append(s.o.Pods, p)
	return &s.o.Pods[len(s.o.Pods)-1]
}

func (s *scenery) jobEnds(stage string, how batchv1.JobConditionType, completed string) {
	j := s.job(stage)
	j.Status.CompletedIndexes = completed
	j.Status.Conditions = []batchv1.JobCondition{{Type: how, Status: corev1.ConditionTrue, Message: "as the test wishes"}}
}

func ok() *int32 { return code(0) }

func code(n int32) *int32 { return &n }

const goodResult = `{"reason":"Succeeded","result":{"manifestDigest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",` +
	`"resultDigest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","zoo":{"members":4}}}`

// trained brings the zoo to its index stage.
func (s *scenery) trained() *scenery {
	s.t.Helper()
	s.pass()
	s.pod(spec.StageTrain, 0, ok(), "", "")
	s.pod(spec.StageTrain, 1, ok(), "", "")
	s.jobEnds(spec.StageTrain, batchv1.JobComplete, "0-1")
	s.pass()
	return s
}

// completed brings the zoo to its end.
func (s *scenery) completed() *scenery {
	s.t.Helper()
	s.trained()
	s.pod(spec.StageIndex, 0, ok(), "", goodResult)
	s.jobEnds(spec.StageIndex, batchv1.JobComplete, "0")
	s.pass()
	return s
}
