// Package faults checks that a reconciler survives the failure of any one of its API calls: it
// plays a scenario on a fake API server once without a failure, then fails every call in turn.
package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/staged"
)

var (
	errInjected = errors.New("injected")
	errRefused  = errors.New("the scenario refuses this object")
)

// mode is how a call fails.
type mode int

const (
	// refused: the API server did nothing.
	refused mode = iota
	// ambiguous: the API server did what was asked, but the answer was lost. Only writes count.
	ambiguous
)

// World is a fake API server in which one call may fail.
type World struct {
	client.WithWatch
	t testing.TB
	s *Scenario
	// mode, failAt and calls say which call fails; failAt 0 is none.
	mode          mode
	failAt, calls int
	// created counts creations by kind and name, so that a second one is seen.
	created map[string]int
	// next is the user's next step.
	next int
}

func newScheme(t testing.TB) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return scheme
}

func newWorld(t testing.TB, s *Scenario, objects []client.Object) *World {
	if s.scheme == nil {
		s.scheme = newScheme(t)
	}
	b := fake.NewClientBuilder().WithScheme(s.scheme).WithObjects(objects...).WithReturnManagedFields().WithStatusSubresource(
		&v1alpha1.ArtifactStore{}, &v1alpha1.ModelZoo{}, &v1alpha1.Dataset{}, &v1alpha1.ZooAnalysis{}, &v1alpha1.RunReport{}, &batchv1.Job{}, &corev1.Pod{})
	for _, c := range staged.ChildTypes() {
		b = b.WithIndex(c, staged.IndexOwnerUID, staged.OwnerUID)
	}
	b = b.WithIndex(&v1alpha1.ZooAnalysis{}, "spec.zoo.name", func(o client.Object) []string {
		return []string{string(o.(*v1alpha1.ZooAnalysis).Spec.Zoo.Name)}
	})
	b = b.WithIndex(&v1alpha1.ModelZoo{}, "spec.initialWeights.zoo.name", func(o client.Object) []string {
		if name := o.(*v1alpha1.ModelZoo).Spec.InitialWeights.Zoo.Name; name != "" {
			return []string{string(name)}
		}
		return nil
	})
	w := &World{t: t, s: s, created: map[string]int{}}
	w.WithWatch = interceptor.NewClient(b.Build(), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, k client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			return w.call(false, func() error { return c.Get(ctx, k, o, opts...) })
		},
		List: func(ctx context.Context, c client.WithWatch, l client.ObjectList, opts ...client.ListOption) error {
			return w.call(false, func() error { return c.List(ctx, l, opts...) })
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			return w.call(true, func() error { return w.create(ctx, c, o, opts...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			return w.call(true, func() error { return c.Patch(ctx, o, p, opts...) })
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			return w.call(true, func() error { return c.SubResource(sub).Patch(ctx, o, p, opts...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			return w.call(true, func() error { return c.Delete(ctx, o, opts...) })
		},
	})
	return w
}

// call fails the call whose turn it is.
func (w *World) call(write bool, do func() error) error {
	if w.mode == ambiguous && !write {
		return do()
	}
	w.calls++
	if w.calls != w.failAt {
		return do()
	}
	if w.mode == ambiguous {
		return errors.Join(errInjected, do())
	}
	return errInjected
}

// create gives objects what the fake API server does not: a UID, a new one for each namesake.
func (w *World) create(ctx context.Context, c client.Client, o client.Object, opts ...client.CreateOption) error {
	if w.s.Refuse != nil && w.s.Refuse(w, o) {
		return apierrors.NewForbidden(schema.GroupResource{}, o.GetName(), errRefused)
	}
	key := fmt.Sprintf("%T %s", o, o.GetName())
	o.SetUID(types.UID(fmt.Sprintf("%s %d", key, w.created[key]+1)))
	err := c.Create(ctx, o, opts...)
	if err == nil {
		w.created[key]++
	}
	return err
}

// quietly runs do without counting or failing its calls.
func (w *World) quietly(do func()) {
	failAt, calls := w.failAt, w.calls
	w.failAt = 0
	do()
	w.failAt, w.calls = failAt, calls
}

// lists is everything a world may hold.
func lists() []client.ObjectList {
	return []client.ObjectList{
		&corev1.NamespaceList{}, &v1alpha1.ArtifactStoreList{}, &v1alpha1.DatasetList{}, &v1alpha1.ModelZooList{}, &v1alpha1.ZooAnalysisList{}, &v1alpha1.RunReportList{},
		&batchv1.JobList{}, &corev1.PodList{}, &corev1.ConfigMapList{}, &corev1.ServiceAccountList{}, &rbacv1.RoleBindingList{},
	}
}

// objects are all objects, in a fixed order.
func (w *World) objects() []client.Object {
	var out []client.Object
	w.quietly(func() {
		for _, l := range lists() {
			w.Must(w.List(w.t.Context(), l))
			w.Must(meta.EachListItem(l, func(o runtime.Object) error {
				out = append(out, o.(client.Object))
				return nil
			}))
		}
	})
	return out
}

// state is everything that the future of a world depends on, as text: its objects without what
// writes alone move, how often each was created, and how far the user came.
func (w *World) state() string {
	var lines []string
	for _, o := range w.objects() {
		o.SetResourceVersion("")
		o.SetManagedFields(nil)
		if o.GetDeletionTimestamp() != nil {
			o.SetDeletionTimestamp(&epoch)
		}
		text, err := json.Marshal(o)
		w.Must(err)
		lines = append(lines, fmt.Sprintf("%T %s", o, text))
	}
	for key, n := range w.created {
		if w.s.MayRepeat != "" && strings.Contains(key, w.s.MayRepeat) {
			n = min(n, 1)
		}
		lines = append(lines, fmt.Sprintf("created %s %d times", key, n))
	}
	slices.Sort(lines)
	return fmt.Sprintf("%s\nuser's step %d", strings.Join(lines, "\n"), w.next)
}

// fork returns an equal world of its own.
func (w *World) fork() *World {
	f := newWorld(w.t, w.s, w.objects())
	f.next = w.next
	for k, v := range w.created {
		f.created[k] = v
	}
	return f
}

// Must fails the test on an error.
func (w *World) Must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// Read reads an object; false when it does not exist.
func (w *World) Read(namespace, name string, into client.Object) bool {
	w.t.Helper()
	var err error
	w.quietly(func() { err = w.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, into) })
	w.Must(client.IgnoreNotFound(err))
	return err == nil
}

// T is the test.
func (w *World) T() testing.TB { return w.t }

// Reports is the number of RunReports.
func (w *World) Reports() int {
	var l v1alpha1.RunReportList
	w.quietly(func() { w.Must(w.List(w.t.Context(), &l)) })
	return len(l.Items)
}

// Jobs are all Jobs by name.
func (w *World) Jobs() []batchv1.Job {
	var l batchv1.JobList
	w.quietly(func() { w.Must(w.List(w.t.Context(), &l)) })
	return l.Items
}

// Pods are all pods by name.
func (w *World) Pods() []corev1.Pod {
	var l corev1.PodList
	w.quietly(func() { w.Must(w.List(w.t.Context(), &l)) })
	return l.Items
}
