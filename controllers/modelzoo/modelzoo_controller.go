// Package modelzoo reconciles ModelZoos: what the staged reconciler needs to know of the kind.
package modelzoo

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/staged"
	"github.com/weightspace/weightspace/runtime/spec"
)

// IndexDataset is the cache index of ModelZoos by the Dataset they train on.
const IndexDataset = "spec.dataset.name"

// +kubebuilder:rbac:groups=weightspace.dev,resources=modelzoos,verbs=get;list;watch;patch;delete
// +kubebuilder:rbac:groups=weightspace.dev,resources=modelzoos/status,verbs=patch
// +kubebuilder:rbac:groups=weightspace.dev,resources=modelzoos/finalizers,verbs=update

// DatasetName is the index function of IndexDataset.
func DatasetName(obj client.Object) []string {
	z, ok := obj.(*v1alpha1.ModelZoo)
	if !ok {
		return nil
	}
	return []string{string(z.Spec.Dataset.Name)}
}

// SetupIndexes registers the indexes by Dataset, which the Dataset controller uses too, and by the zoo that is continued.
func SetupIndexes(ctx context.Context, mgr ctrl.Manager) error {
	if err := mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.ModelZoo{}, IndexParent, ParentName); err != nil {
		return err
	}
	return mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.ModelZoo{}, IndexDataset, DatasetName)
}

// Setup starts the controller.
func Setup(mgr ctrl.Manager, r *staged.Reconciler, concurrency int) error {
	r.Adapter = Adapter{}
	list := func() client.ObjectList { return &v1alpha1.ModelZooList{} }
	return staged.Builder(mgr, spec.KindModelZoo, &v1alpha1.ModelZoo{}, list, concurrency).
		Watches(&v1alpha1.Dataset{}, handler.EnqueueRequestsFromMapFunc(consumersOf(mgr.GetClient()))).
		Watches(&v1alpha1.ModelZoo{}, handler.EnqueueRequestsFromMapFunc(continuedBy(mgr.GetClient()))).
		Watches(&v1alpha1.ZooAnalysis{}, handler.EnqueueRequestsFromMapFunc(studiedBy), builder.WithPredicates(released())).
		Complete(r)
}

// released is when a deleted zoo may stop waiting for an analysis of it: the analysis has gone or is complete.
func released() predicate.Funcs {
	complete := func(o client.Object) bool {
		a, ok := o.(*v1alpha1.ZooAnalysis)
		return ok && meta.IsStatusConditionTrue(a.Status.Conditions, v1alpha1.ConditionComplete)
	}
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool { return complete(e.ObjectNew) && !complete(e.ObjectOld) },
	}
}

// studiedBy wakes the ModelZoo that a ZooAnalysis studies.
func studiedBy(_ context.Context, obj client.Object) []reconcile.Request {
	a, ok := obj.(*v1alpha1.ZooAnalysis)
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: a.Namespace, Name: string(a.Spec.Zoo.Name)}}}
}

// consumersOf wakes the ModelZoos that name a Dataset.
func consumersOf(c client.Reader) handler.MapFunc {
	return func(ctx context.Context, d client.Object) []reconcile.Request {
		var list v1alpha1.ModelZooList
		if err := c.List(ctx, &list, client.InNamespace(d.GetNamespace()), client.MatchingFields{IndexDataset: d.GetName()}); err != nil {
			log.FromContext(ctx).Error(err, "Cannot list ModelZoos of a Dataset")
			return nil
		}
		out := make([]reconcile.Request, 0, len(list.Items))
		for i := range list.Items {
			out = append(out, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: d.GetNamespace(), Name: list.Items[i].Name}})
		}
		return out
	}
}
