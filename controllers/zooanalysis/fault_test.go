package zooanalysis

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/staged"
	wt "github.com/weightspace/weightspace/controllers/testing"
	"github.com/weightspace/weightspace/controllers/testing/faults"
	"github.com/weightspace/weightspace/runtime/spec"
)

var digest = "sha256:" + strings.Repeat("a", 64)

func ready() []metav1.Condition {
	return []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: "Complete"}}
}

// scene is a finished zoo on a finished data set, and an analysis of it.
func scene() (*v1alpha1.Dataset, *v1alpha1.ModelZoo, *v1alpha1.ZooAnalysis) {
	d := wt.MakeDataset("ns", "mnist").Obj()
	d.Status.Conditions = ready()
	d.Status.Artifact = v1alpha1.ArtifactStatus{URI: "pvc://artifacts/s/ns/dataset/mnist", ManifestDigest: v1alpha1.Digest(digest), ResultDigest: v1alpha1.Digest(digest)}
	d.Status.Images, d.Status.Shape, d.Status.Classes = "500/100/100", "1x28x28", 10
	z := wt.MakeZoo("ns", "zoo").Obj()
	z.Status.Conditions = ready()
	z.Status.Artifact = v1alpha1.ArtifactStatus{URI: "pvc://artifacts/s/ns/modelzoo/zoo", ManifestDigest: v1alpha1.Digest(digest), ResultDigest: v1alpha1.Digest(digest)}
	z.Status.Models.Done, z.Status.Epoch, z.Status.Parameters = ptr.To(int32(4)), "3/3", 2464
	a := &v1alpha1.ZooAnalysis{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "study", UID: "study-uid", Generation: 1},
		Spec:       v1alpha1.ZooAnalysisSpec{Zoo: v1alpha1.ZooReference{Name: "zoo"}, Statistics: &v1alpha1.StatisticsAnalysis{}, Trajectories: &v1alpha1.TrajectoriesAnalysis{}},
	}
	return d, z, a
}

func scenario(message string, code int32) *faults.Scenario {
	d, z, a := scene()
	return &faults.Scenario{
		Adapter: Adapter{}, Key: client.ObjectKeyFromObject(a),
		Objects: []client.Object{d, z, a, wt.MakeStore("s").Default().Obj(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns"}}},
		Kubelet: faults.Kubelet{Message: func(string) (string, int32) { return message, code }},
	}
}

// TestEveryCallFailsOnce: whatever call fails, the analysis completes with the same children.
func TestEveryCallFailsOnce(t *testing.T) {
	w := scenario(`{"reason":"Succeeded","result":{"manifestDigest":"`+digest+`","resultDigest":"`+digest+
		`","analysis":{"models":4,"checkpoints":16,"kendall":0.91234}}}`, 0).Run(t)
	a := &v1alpha1.ZooAnalysis{}
	if !w.Read("ns", "study", a) || !meta.IsStatusConditionTrue(a.Status.Conditions, v1alpha1.ConditionComplete) {
		t.Fatalf("not complete: %+v", a.Status)
	}
	if s := a.Status; s.Analyses != "2/2" || *s.Models != 4 || *s.Checkpoints != 16 || s.Kendall != "0.9123" || s.Separation != "" {
		t.Errorf("status %+v", s)
	}
	if jobs := w.Jobs(); len(jobs) != 2 {
		t.Errorf("%d Jobs of 2 stages", len(jobs))
	}
}

// TestEveryCallFailsOnceOnTheWayToFailure: wrong input ends the analysis, whatever call fails.
func TestEveryCallFailsOnceOnTheWayToFailure(t *testing.T) {
	w := scenario(`{"reason":"InvalidInput","field":"spec.models","message":"none of the 4 models is left"}`, spec.ExitInvalidInput).Run(t)
	a := &v1alpha1.ZooAnalysis{}
	if !w.Read("ns", "study", a) || len(a.Status.Failures) == 0 {
		t.Fatalf("status %+v", a.Status)
	}
	if c := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionFailed); c == nil || c.Reason != v1alpha1.ReasonInvalidInput {
		t.Errorf("conditions %+v", a.Status.Conditions)
	}
}

// TestUpstream: what the analysis waits for, by name.
func TestUpstream(t *testing.T) {
	d, z, _ := scene()
	up := staged.ZooUpstream(z, d)
	if up.Problem != nil || up.Zoo.Members != 4 || up.Zoo.Epochs != 3 || up.Zoo.Path != "ns/modelzoo/zoo" || up.Zoo.Dataset.Train != 500 {
		t.Errorf("upstream %+v", up)
	}
	if up := staged.ZooUpstream(z, nil); up.Problem != nil || up.Zoo.Dataset != nil {
		t.Errorf("a zoo without a data set: %+v", up)
	}
	z.Status.Conditions[0].Status, z.Status.Conditions[0].Reason = metav1.ConditionFalse, "Training"
	if up := staged.ZooUpstream(z, d); up.Problem == nil || !strings.Contains(up.Problem.Message, "Training") || up.Problem.Stalled {
		t.Errorf("a zoo that trains: %+v", up.Problem)
	}
	z.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionFailed, Status: metav1.ConditionTrue, Reason: "OutOfMemory"}}
	if up := staged.ZooUpstream(z, d); up.Problem == nil || up.Problem.Reason != v1alpha1.ReasonZooFailed || !up.Problem.Stalled {
		t.Errorf("a zoo that failed: %+v", up.Problem)
	}
}

// TestStale: another result upstream is told, the own one stays.
func TestStale(t *testing.T) {
	s := &spec.Snapshot{Analysis: &spec.Analysis{Zoo: spec.ZooInput{Name: "zoo", ResultDigest: "sha256:a"}}}
	if got := (Adapter{}).Stale(s, staged.Upstream{Zoo: &spec.ZooInput{Name: "zoo", ResultDigest: "sha256:a"}}); got != "" {
		t.Errorf("the same zoo is stale: %s", got)
	}
	if got := (Adapter{}).Stale(s, staged.Upstream{Zoo: &spec.ZooInput{Name: "zoo", ResultDigest: "sha256:b"}}); !strings.Contains(got, "sha256:b") {
		t.Errorf("another zoo: %q", got)
	}
}
