package artifactstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/weightspace/weightspace/api/v1alpha1"
	wt "github.com/weightspace/weightspace/controllers/testing"
)

// TestEveryCallFailsOnce: whatever call fails, the next pass writes the status, and then nothing.
func TestEveryCallFailsOnce(t *testing.T) {
	injected := errors.New("injected")
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for failAt := 1; ; failAt++ {
		calls, writes := 0, 0
		fault := func() error {
			if calls++; calls == failAt {
				return injected
			}
			return nil
		}
		inner := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.ArtifactStore{}).
			WithObjects(wt.MakeStore("s").Default().Obj(), wt.MakeDataset("ns", "d").Obj(), wt.MakeZoo("ns", "z").Obj()).Build()
		c := interceptor.NewClient(inner, interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, k client.ObjectKey, o client.Object, opts ...client.GetOption) error {
				return errors.Join(fault(), c.Get(ctx, k, o, opts...))
			},
			List: func(ctx context.Context, c client.WithWatch, l client.ObjectList, opts ...client.ListOption) error {
				return errors.Join(fault(), c.List(ctx, l, opts...))
			},
			SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
				if err := fault(); err != nil {
					return err
				}
				writes++
				return c.SubResource(sub).Patch(ctx, o, p, opts...)
			},
		})
		r := &Reconciler{Client: c, Clock: clocktesting.NewFakePassiveClock(time.Unix(1_800_000_000, 0))}
		failed := false
		for range 4 {
			if _, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Name: "s"}}); err != nil {
				if !errors.Is(err, injected) {
					t.Fatal(err)
				}
				failed = true
			}
		}
		s := &v1alpha1.ArtifactStore{}
		if err := inner.Get(t.Context(), client.ObjectKey{Name: "s"}, s); err != nil {
			t.Fatal(err)
		}
		if !meta.IsStatusConditionTrue(s.Status.Conditions, v1alpha1.ConditionReady) || s.Status.Users == nil || *s.Status.Users != 2 || writes != 1 {
			t.Fatalf("call %d failed: %d writes, status %+v", failAt, writes, s.Status)
		}
		if !failed {
			if failAt < 5 {
				t.Errorf("only %d calls seen", failAt-1)
			}
			return
		}
	}
}
