package modelzoo

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	wt "github.com/weightspace/weightspace/controllers/testing"
	"github.com/weightspace/weightspace/runtime/plan"
)

// A zoo that continues another waits for it, is planned with its models, keeps it from being deleted, and goes stale with it.
func TestContinuesAnotherZoo(t *testing.T) {
	w := scenario(false).AtRest(t)
	ctx := t.Context()
	child := wt.MakeZoo("ns", "child").Obj()
	child.UID, child.Generation = "child-uid", 1
	child.Spec.InitialWeights = v1alpha1.InitialWeights{Zoo: v1alpha1.ZooReference{Name: "nobody"}, Epoch: "last", Head: v1alpha1.HeadMLP, Hidden: 32}

	up, err := Adapter{}.Upstream(ctx, w, child)
	if err != nil || up.Problem == nil || up.Problem.Reason != v1alpha1.ReasonZooNotFound || up.Problem.Stalled {
		t.Fatalf("a parent that is not there: %+v %v", up.Problem, err)
	}
	child.Spec.InitialWeights.Zoo.Name = "zoo"
	w.Must(w.Create(ctx, child))
	key := client.ObjectKeyFromObject(child)
	if _, err := w.Reconciler().Reconcile(ctx, ctrl.Request{NamespacedName: key}); err != nil {
		t.Fatal(err)
	}
	w.Must(w.Get(ctx, key, child))
	if child.Status.PlanConfigMap == "" {
		t.Fatalf("no plan: %+v", child.Status.Conditions)
	}
	up, err = Adapter{}.Upstream(ctx, w, child)
	if err != nil || up.Problem != nil || up.Zoo == nil || up.ZooPlan == nil || up.Zoo.Epochs != up.ZooPlan.Epochs {
		t.Fatalf("upstream %+v %v", up, err)
	}
	s, err := Adapter{}.Plan(child, plan.Inputs{Namespace: "ns", Name: "child", Dataset: up.Dataset, Zoo: up.Zoo, ZooPlan: up.ZooPlan})
	if err != nil || len(s.Zoo.Initial.Models) != plan.Total(up.ZooPlan) || plan.Total(s.Zoo) != plan.Total(up.ZooPlan)*plan.Total(up.ZooPlan) {
		t.Fatalf("plan %+v %v", s, err)
	}
	parent := zooOf(w)
	consumers, err := Adapter{}.Consumers(ctx, w, parent)
	if err != nil || !slices.Contains(consumers, "ModelZoo child") {
		t.Errorf("consumers %v %v", consumers, err)
	}
	if got := (Adapter{}).Stale(s, up); got != "" {
		t.Errorf("stale: %s", got)
	}
	up.Zoo.ResultDigest = "sha256:" + strings.Repeat("9", 64)
	if got := (Adapter{}).Stale(s, up); !strings.Contains(got, `ModelZoo "zoo"`) {
		t.Errorf("stale: %q", got)
	}
	var names []string
	for _, r := range continuedBy(w)(ctx, parent) {
		names = append(names, r.Name)
	}
	for _, r := range continuedBy(w)(ctx, child) {
		names = append(names, r.Name)
	}
	if !slices.Equal(names, []string{"child", "zoo"}) {
		t.Errorf("woken: %v", names)
	}
	meta.RemoveStatusCondition(&parent.Status.Conditions, v1alpha1.ConditionReady)
	w.Must(w.Status().Update(ctx, parent))
	if up, err = (Adapter{}).Upstream(ctx, w, child); err != nil || up.Problem == nil || up.Problem.Reason != v1alpha1.ReasonWaiting {
		t.Errorf("a parent that is not ready: %+v %v", up.Problem, err)
	}
}
