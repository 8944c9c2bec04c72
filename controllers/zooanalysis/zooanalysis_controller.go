// Package zooanalysis reconciles ZooAnalyses: what the staged reconciler needs to know of the kind.
package zooanalysis

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/staged"
	"github.com/weightspace/weightspace/runtime/spec"
)

// IndexZoo is the cache index of ZooAnalyses by the ModelZoo they study.
const IndexZoo = "spec.zoo.name"

// +kubebuilder:rbac:groups=weightspace.dev,resources=zooanalyses,verbs=get;list;watch;patch;delete
// +kubebuilder:rbac:groups=weightspace.dev,resources=zooanalyses/status,verbs=patch
// +kubebuilder:rbac:groups=weightspace.dev,resources=zooanalyses/finalizers,verbs=update

// SetupIndexes registers the index by ModelZoo; the ModelZoo controller uses it too.
func SetupIndexes(ctx context.Context, mgr ctrl.Manager) error {
	return mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.ZooAnalysis{}, IndexZoo, func(obj client.Object) []string {
		a, ok := obj.(*v1alpha1.ZooAnalysis)
		if !ok {
			return nil
		}
		return []string{string(a.Spec.Zoo.Name)}
	})
}

// Setup starts the controller. A change of a ModelZoo wakes its analyses.
func Setup(mgr ctrl.Manager, r *staged.Reconciler, concurrency int) error {
	r.Adapter = Adapter{}
	list := func() client.ObjectList { return &v1alpha1.ZooAnalysisList{} }
	return staged.Builder(mgr, spec.KindZooAnalysis, &v1alpha1.ZooAnalysis{}, list, concurrency).
		Watches(&v1alpha1.ModelZoo{}, handler.EnqueueRequestsFromMapFunc(studiesOf(mgr.GetClient()))).
		Complete(r)
}

// studiesOf wakes the ZooAnalyses that name a ModelZoo.
func studiesOf(c client.Reader) handler.MapFunc {
	return func(ctx context.Context, z client.Object) []reconcile.Request {
		list, err := ofZoo(ctx, c, z)
		if err != nil {
			log.FromContext(ctx).Error(err, "Cannot list ZooAnalyses of a ModelZoo")
			return nil
		}
		out := make([]reconcile.Request, 0, len(list))
		for i := range list {
			out = append(out, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: z.GetNamespace(), Name: list[i].Name}})
		}
		return out
	}
}

func ofZoo(ctx context.Context, c client.Reader, z client.Object) ([]v1alpha1.ZooAnalysis, error) {
	var list v1alpha1.ZooAnalysisList
	if err := c.List(ctx, &list, client.InNamespace(z.GetNamespace()), client.MatchingFields{IndexZoo: z.GetName()}); err != nil {
		return nil, fmt.Errorf("list ZooAnalyses of ModelZoo %s: %w", z.GetName(), err)
	}
	return list.Items, nil
}
