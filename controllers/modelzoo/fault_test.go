package modelzoo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/staged"
	wt "github.com/weightspace/weightspace/controllers/testing"
)

var errInjected = errors.New("injected")

// world is a fake API server in which call number failAt fails once.
type world struct {
	client.WithWatch
	calls, failAt int
}

func (w *world) fault() error {
	w.calls++
	if w.calls == w.failAt {
		return errInjected
	}
	return nil
}

func newWorld(t testing.TB, failAt int, objects ...client.Object) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	b := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).
		WithStatusSubresource(&v1alpha1.ModelZoo{}, &v1alpha1.Dataset{}, &v1alpha1.RunReport{}, &batchv1.Job{}, &corev1.Pod{}).
		WithIndex(&v1alpha1.ModelZoo{}, IndexDataset, DatasetName)
	for _, c := range staged.ChildTypes() {
		b = b.WithIndex(c, staged.IndexOwnerUID, staged.OwnerUID)
	}
	w := &world{failAt: failAt}
	w.WithWatch = interceptor.NewClient(b.Build(), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, k client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			return errors.Join(w.fault(), c.Get(ctx, k, o, opts...))
		},
		List: func(ctx context.Context, c client.WithWatch, l client.ObjectList, opts ...client.ListOption) error {
			return errors.Join(w.fault(), c.List(ctx, l, opts...))
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if err := w.fault(); err != nil {
				return err
			}
			return c.Create(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			if err := w.fault(); err != nil {
				return err
			}
			return c.Patch(ctx, o, p, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			if err := w.fault(); err != nil {
				return err
			}
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			if err := w.fault(); err != nil {
				return err
			}
			return c.Delete(ctx, o, opts...)
		},
	})
	return w
}

func scene() []client.Object {
	d := wt.MakeDataset("ns", "mnist").Obj()
	d.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: "Complete"}}
	digest := v1alpha1.Digest("sha256:" + strings.Repeat("c", 64))
	d.Status.Artifact = v1alpha1.ArtifactStatus{URI: "pvc://artifacts/s/ns/dataset/mnist", ManifestDigest: digest, ResultDigest: digest}
	d.Status.Images, d.Status.Shape, d.Status.Classes = "500/100/100", "1x28x28", 10
	z := wt.MakeZoo("ns", "zoo").Policy(v1alpha1.DeletionPolicyDelete).Obj()
	z.UID, z.Generation = "zoo-uid", 1
	return []client.Object{d, z, wt.MakeStore("s").Default().Obj(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns"}}}
}

// pass reconciles once and then plays the Job controller and the kubelet: one step for each Job.
func pass(t testing.TB, w *world, r *staged.Reconciler) error {
	_, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: "ns", Name: "zoo"}})
	failAt := w.failAt
	w.failAt = -1
	calls := w.calls
	defer func() { w.failAt, w.calls = failAt, calls }()
	var jobs batchv1.JobList
	if e := w.List(t.Context(), &jobs); e != nil {
		t.Fatal(e)
	}
	for i := range jobs.Items {
		j := &jobs.Items[i]
		if len(j.Status.Conditions) > 0 {
			continue
		}
		if j.UID == "" {
			continue
		}
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: "ns", Name: j.Name + "-0", Labels: j.Spec.Template.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(j, batchv1.SchemeGroupVersion.WithKind("Job"))},
		}}
		if e := w.Create(t.Context(), p); e != nil {
			t.Fatal(e)
		}
		digest := "sha256:" + strings.Repeat("a", 64)
		p.Status = corev1.PodStatus{Phase: corev1.PodSucceeded, ContainerStatuses: []corev1.ContainerStatus{{
			Name: j.Spec.Template.Spec.Containers[0].Name,
			State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
				Message: fmt.Sprintf(`{"reason":"Succeeded","result":{"manifestDigest":%q,"resultDigest":%q,"zoo":{"members":4}}}`, digest, digest),
			}},
		}}}
		if e := w.Status().Update(t.Context(), p); e != nil {
			t.Fatal(e)
		}
		j.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}}
		j.Status.CompletedIndexes = "0-1"
		if e := w.Status().Update(t.Context(), j); e != nil {
			t.Fatal(e)
		}
	}
	return err
}

func newReconciler(w *world) *staged.Reconciler {
	return &staged.Reconciler{
		Client: w, Live: w, Adapter: Adapter{}, Policy: &staged.Policy{RuntimeImage: "image"}, Recorder: events.NewFakeRecorder(1000),
		Clock: clocktesting.NewFakePassiveClock(time.Unix(1_800_000_000, 0)),
	}
}

// withUIDs gives created Jobs what the fake API server does not: a UID.
func withUIDs(w *world) {
	inner := w.WithWatch
	n := 0
	w.WithWatch = interceptor.NewClient(inner, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if o.GetUID() == "" {
				n++
				o.SetUID(types.UID(fmt.Sprintf("uid-%d", n)))
			}
			return c.Create(ctx, o, opts...)
		},
	})
}

// TestEveryCallFailsOnce: whatever call fails, the zoo completes with the same children.
func TestEveryCallFailsOnce(t *testing.T) {
	for failAt := 1; ; failAt++ {
		w := newWorld(t, failAt, scene()...)
		withUIDs(w)
		r := newReconciler(w)
		failed := false
		z := &v1alpha1.ModelZoo{}
		for range 12 {
			if err := pass(t, w, r); err != nil {
				if !errors.Is(err, errInjected) {
					t.Fatalf("call %d: %v", failAt, err)
				}
				failed = true
			}
		}
		happened := w.calls >= failAt
		w.failAt = -1
		if err := w.Get(t.Context(), client.ObjectKey{Namespace: "ns", Name: "zoo"}, z); err != nil {
			t.Fatal(err)
		}
		if !meta.IsStatusConditionTrue(z.Status.Conditions, v1alpha1.ConditionComplete) {
			t.Fatalf("call %d failed: the zoo did not complete: %+v", failAt, z.Status.Conditions)
		}
		var jobs batchv1.JobList
		var plans corev1.ConfigMapList
		if err := errors.Join(w.List(t.Context(), &jobs), w.List(t.Context(), &plans)); err != nil {
			t.Fatal(err)
		}
		if len(jobs.Items) != 2 || len(plans.Items) != 1 || ptr.Deref(z.Status.Models.Done, 0) != 4 {
			t.Fatalf("call %d failed: %d Jobs, %d plans", failAt, len(jobs.Items), len(plans.Items))
		}
		if !happened || !failed {
			t.Logf("%d calls failed once each", failAt-1)
			if failAt < 20 {
				t.Errorf("only %d calls seen", failAt)
			}
			return
		}
	}
}
