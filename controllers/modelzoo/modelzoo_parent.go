package modelzoo

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/staged"
	"github.com/weightspace/weightspace/runtime/spec"
)

// IndexParent is the cache index of ModelZoos by the ModelZoo whose models they continue.
const IndexParent = "spec.initialWeights.zoo.name"

// ParentName is the index function of IndexParent.
func ParentName(obj client.Object) []string {
	z, ok := obj.(*v1alpha1.ModelZoo)
	if !ok || z.Spec.InitialWeights.Zoo.Name == "" {
		return nil
	}
	return []string{string(z.Spec.InitialWeights.Zoo.Name)}
}

// addParent adds the zoo whose models a zoo continues to what it consumes: its artifact, and its plan, which says who its members are.
func addParent(ctx context.Context, c client.Reader, z *v1alpha1.ModelZoo, up staged.Upstream) (staged.Upstream, error) {
	name := string(z.Spec.InitialWeights.Zoo.Name)
	if name == "" || up.Problem != nil {
		return up, nil
	}
	parent := &v1alpha1.ModelZoo{}
	err := c.Get(ctx, client.ObjectKey{Namespace: z.Namespace, Name: name}, parent)
	if apierrors.IsNotFound(err) {
		return staged.NotYet(v1alpha1.ReasonZooNotFound, fmt.Sprintf("waits for ModelZoo %q (spec.initialWeights.zoo.name), which does not exist in namespace %s", name, z.Namespace)), nil
	}
	if err != nil {
		return staged.Upstream{}, fmt.Errorf("get ModelZoo %s: %w", name, err)
	}
	found := staged.ZooUpstream(parent, nil)
	if found.Problem != nil {
		return found, nil
	}
	s, err := staged.PlanOf(ctx, c, parent, &parent.Status.WorkloadStatus)
	if err != nil {
		return staged.Upstream{}, fmt.Errorf("plan of ModelZoo %s: %w", name, err)
	}
	if s == nil || s.Zoo == nil {
		return staged.NotYet(v1alpha1.ReasonWaiting, fmt.Sprintf("waits for ModelZoo %q: its plan is not there; it is made again when its spec changes or it is created anew", name)), nil
	}
	up.Zoo, up.ZooPlan = found.Zoo, s.Zoo
	return up, nil
}

// staleParent says that another zoo stands upstream now.
func staleParent(s *spec.Snapshot, up staged.Upstream) string {
	if s.Zoo == nil || s.Zoo.Initial == nil || up.Zoo == nil || up.Zoo.ResultDigest == s.Zoo.Initial.Zoo.ResultDigest {
		return ""
	}
	return fmt.Sprintf("ModelZoo %q has digest %s now, this zoo continues models of %s; create another ModelZoo to continue those of now",
		up.Zoo.Name, up.Zoo.ResultDigest, s.Zoo.Initial.Zoo.ResultDigest)
}

// children lists the ModelZoos that continue a zoo.
func children(ctx context.Context, c client.Reader, zoo client.Object) ([]v1alpha1.ModelZoo, error) {
	var list v1alpha1.ModelZooList
	if err := c.List(ctx, &list, client.InNamespace(zoo.GetNamespace()), client.MatchingFields{IndexParent: zoo.GetName()}); err != nil {
		return nil, fmt.Errorf("list ModelZoos that continue ModelZoo %s: %w", zoo.GetName(), err)
	}
	return list.Items, nil
}

// continuedBy wakes the ModelZoos that continue a ModelZoo, and the one that it continues, which may wait to be deleted.
func continuedBy(c client.Reader) handler.MapFunc {
	return func(ctx context.Context, obj client.Object) []reconcile.Request {
		request := func(name string) reconcile.Request {
			return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: obj.GetNamespace(), Name: name}}
		}
		var out []reconcile.Request
		for _, parent := range ParentName(obj) {
			out = append(out, request(parent))
		}
		list, err := children(ctx, c, obj)
		if err != nil {
			log.FromContext(ctx).Error(err, "Cannot list ModelZoos that continue a ModelZoo")
		}
		for i := range list {
			out = append(out, request(list[i].Name))
		}
		return out
	}
}
