package modelzoo

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/staged"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// indexZoo is the cache index of ZooAnalyses by ModelZoo, registered with the ZooAnalysis controller.
const indexZoo = "spec.zoo.name"

// Adapter makes ModelZoo a staged kind.
type Adapter struct{}

var _ staged.Adapter = Adapter{}

// Kind implements staged.Adapter.
func (Adapter) Kind() string { return spec.KindModelZoo }

// New implements staged.Adapter.
func (Adapter) New() client.Object { return &v1alpha1.ModelZoo{} }

// Parts implements staged.Adapter.
func (Adapter) Parts(o client.Object) staged.Parts {
	z := o.(*v1alpha1.ModelZoo)
	return staged.Parts{Execution: &z.Spec.Execution, Status: &z.Status.WorkloadStatus, Store: z.Spec.Store.Name}
}

// SpecDigest implements staged.Adapter.
func (Adapter) SpecDigest(o client.Object) string {
	return plan.ModelZooSpecDigest(&o.(*v1alpha1.ModelZoo).Spec)
}

// Check implements staged.Adapter: only the source of an import names a host.
func (Adapter) Check(o client.Object, p *staged.Policy) *staged.Problem {
	return checkImport(&o.(*v1alpha1.ModelZoo).Spec.Import, p)
}

// Plan implements staged.Adapter.
func (Adapter) Plan(o client.Object, in plan.Inputs) (*spec.Snapshot, error) {
	return plan.ModelZoo(&o.(*v1alpha1.ModelZoo).Spec, in)
}

// Consumers names the ZooAnalyses that study the zoo and are not finished, and the ModelZoos that continue it; a finished one may grow.
func (Adapter) Consumers(ctx context.Context, c client.Reader, o client.Object) ([]string, error) {
	var list v1alpha1.ZooAnalysisList
	if err := c.List(ctx, &list, client.InNamespace(o.GetNamespace()), client.MatchingFields{indexZoo: o.GetName()}); err != nil {
		return nil, fmt.Errorf("list ZooAnalyses of ModelZoo %s: %w", o.GetName(), err)
	}
	var out []string
	for i := range list.Items {
		if a := &list.Items[i]; a.DeletionTimestamp == nil && !meta.IsStatusConditionTrue(a.Status.Conditions, v1alpha1.ConditionComplete) {
			out = append(out, "ZooAnalysis "+a.Name)
		}
	}
	zoos, err := children(ctx, c, o)
	for i := range zoos {
		if zoos[i].DeletionTimestamp == nil {
			out = append(out, "ModelZoo "+zoos[i].Name)
		}
	}
	return out, err
}

// Upstream reads the Dataset, and the ModelZoo whose models are continued.
func (Adapter) Upstream(ctx context.Context, c client.Reader, o client.Object) (staged.Upstream, error) {
	z := o.(*v1alpha1.ModelZoo)
	d := &v1alpha1.Dataset{}
	name := string(z.Spec.Dataset.Name)
	if name == "" && z.Spec.Imported() {
		return staged.Upstream{}, nil
	}
	err := c.Get(ctx, client.ObjectKey{Namespace: z.Namespace, Name: name}, d)
	if apierrors.IsNotFound(err) {
		return staged.NotYet(v1alpha1.ReasonDatasetNotFound, fmt.Sprintf("waits for Dataset %q (spec.dataset.name), which does not exist in namespace %s", name, z.Namespace)), nil
	}
	if err != nil {
		return staged.Upstream{}, fmt.Errorf("get Dataset %s: %w", name, err)
	}
	return addParent(ctx, c, z, staged.DatasetUpstream(d))
}

// Stale implements staged.Adapter: the results stay, but another data set or zoo stands upstream now.
func (Adapter) Stale(s *spec.Snapshot, up staged.Upstream) string {
	if s.Zoo == nil || up.Dataset == nil || up.Dataset.ResultDigest == s.Zoo.Dataset.ResultDigest {
		return staleParent(s, up)
	}
	return fmt.Sprintf("Dataset %q has digest %s now, this zoo was trained on %s; create another ModelZoo to train on the new data",
		up.Dataset.Name, up.Dataset.ResultDigest, s.Zoo.Dataset.ResultDigest)
}
