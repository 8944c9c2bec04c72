// Package artifactstore reconciles ArtifactStores: it checks the URL and counts users. It never
// opens a store: only pods do.
package artifactstore

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/staged"
)

// countEvery gathers users that come and go: a thousand new objects cost a few writes.
const countEvery = 5 * time.Second

// +kubebuilder:rbac:groups=weightspace.dev,resources=artifactstores/status,verbs=patch

// Reconciler reconciles ArtifactStores.
type Reconciler struct {
	Client client.Client
	Clock  clock.PassiveClock
}

// Setup starts the controller.
func Setup(mgr ctrl.Manager, r *Reconciler) error {
	created := predicate.Funcs{UpdateFunc: func(event.UpdateEvent) bool { return false }}
	steering := predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{})
	users := r.users()
	return ctrl.NewControllerManagedBy(mgr).Named("artifactstore").
		For(&v1alpha1.ArtifactStore{}, builder.WithPredicates(steering)).
		Watches(&v1alpha1.Dataset{}, users, builder.WithPredicates(created)).
		Watches(&v1alpha1.ModelZoo{}, users, builder.WithPredicates(created)).
		Watches(&v1alpha1.ZooAnalysis{}, users, builder.WithPredicates(created)).
		Complete(r)
}

// users wakes a store, later, when an object that names it comes or goes.
func (r *Reconciler) users() handler.EventHandler {
	wake := func(ctx context.Context, obj client.Object, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		var stores v1alpha1.ArtifactStoreList
		if err := r.Client.List(ctx, &stores); err != nil {
			return // the next user wakes it
		}
		if name := storeOf(obj, stores.Items); name != "" {
			q.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}, countEvery)
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			wake(ctx, e.Object, q)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			wake(ctx, e.Object, q)
		},
	}
}

// storeOf is the name of the store an object uses, "" for none.
func storeOf(obj client.Object, stores []v1alpha1.ArtifactStore) string {
	var name v1alpha1.ObjectName
	switch o := obj.(type) {
	case *v1alpha1.Dataset:
		name = o.Spec.Store.Name
	case *v1alpha1.ModelZoo:
		name = o.Spec.Store.Name
	case *v1alpha1.ZooAnalysis:
		name = o.Spec.Store.Name
	}
	if name != "" {
		return string(name)
	}
	return staged.DefaultStore(stores)
}

// Reconcile checks one store and counts its users.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	store := &v1alpha1.ArtifactStore{}
	if err := r.Client.Get(ctx, req.NamespacedName, store); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	users, err := r.count(ctx, store.Name)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("ArtifactStore %s: %w", store.Name, err)
	}
	after := store.DeepCopy()
	report(after, users, r.Clock.Now())
	if equality.Semantic.DeepEqual(store, after) {
		return ctrl.Result{}, nil
	}
	err = staged.WriteStatus(ctx, r.Client, after, "ArtifactStore")
	return ctrl.Result{}, client.IgnoreNotFound(err)
}

func (r *Reconciler) count(ctx context.Context, name string) (int32, error) {
	var stores v1alpha1.ArtifactStoreList
	if err := r.Client.List(ctx, &stores); err != nil {
		return 0, fmt.Errorf("list ArtifactStores: %w", err)
	}
	n := int32(0)
	for _, l := range []client.ObjectList{&v1alpha1.DatasetList{}, &v1alpha1.ModelZooList{}, &v1alpha1.ZooAnalysisList{}} {
		if err := r.Client.List(ctx, l); err != nil {
			return 0, fmt.Errorf("list %T: %w", l, err)
		}
		err := meta.EachListItem(l, func(o runtime.Object) error {
			if user, ok := o.(client.Object); ok && storeOf(user, stores.Items) == name {
				n++
			}
			return nil
		})
		if err != nil {
			return 0, fmt.Errorf("read %T: %w", l, err)
		}
	}
	return n, nil
}

// report is pure: it sets the status of a store.
func report(s *v1alpha1.ArtifactStore, users int32, now time.Time) {
	ready := metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAvailable, Message: "the URL is understood; pods find out whether the store answers",
		ObservedGeneration: s.Generation, LastTransitionTime: metav1.NewTime(now),
	}
	if problem := checkURL(s.Spec.URL); problem != "" {
		ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, v1alpha1.ReasonInvalidSpec, problem
		stalled := ready
		stalled.Type, stalled.Status = v1alpha1.ConditionStalled, metav1.ConditionTrue
		meta.SetStatusCondition(&s.Status.Conditions, stalled)
	} else {
		meta.RemoveStatusCondition(&s.Status.Conditions, v1alpha1.ConditionStalled)
	}
	meta.SetStatusCondition(&s.Status.Conditions, ready)
	s.Status.ObservedGeneration = s.Generation
	s.Status.Users = ptr.To(users)
}

func checkURL(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return fmt.Sprintf("spec.url: %v; write s3://bucket/prefix, gs://bucket/prefix, azblob://container/prefix or pvc://claim/path", err)
	case u.Host == "":
		return fmt.Sprintf("spec.url: %q names no bucket or claim; write it like %s://name/path", text, u.Scheme)
	case u.User != nil:
		return "spec.url: it holds a user name or password; put them into a Secret and name it in spec.credentials.secretName"
	}
	return ""
}
