// Package dataset reconciles Datasets: what the staged reconciler needs to know of the kind.
package dataset

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/staged"
	"github.com/weightspace/weightspace/runtime/spec"
)

// +kubebuilder:rbac:groups=weightspace.dev,resources=datasets,verbs=get;list;watch;patch;delete
// +kubebuilder:rbac:groups=weightspace.dev,resources=datasets/status,verbs=patch
// +kubebuilder:rbac:groups=weightspace.dev,resources=datasets/finalizers,verbs=update

// Setup starts the controller. A deleted Dataset waits for its consumers, so their deletion wakes it.
func Setup(mgr ctrl.Manager, r *staged.Reconciler, concurrency int) error {
	r.Adapter = Adapter{}
	list := func() client.ObjectList { return &v1alpha1.DatasetList{} }
	gone := predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false }, UpdateFunc: func(event.UpdateEvent) bool { return false },
	}
	return staged.Builder(mgr, spec.KindDataset, &v1alpha1.Dataset{}, list, concurrency).
		Watches(&v1alpha1.ModelZoo{}, handler.EnqueueRequestsFromMapFunc(sourceOf), builder.WithPredicates(gone)).
		Complete(r)
}

func sourceOf(_ context.Context, obj client.Object) []reconcile.Request {
	z, ok := obj.(*v1alpha1.ModelZoo)
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: z.Namespace, Name: string(z.Spec.Dataset.Name)}}}
}
