package zooanalysis

import (
	"context"
	"fmt"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/staged"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Adapter makes ZooAnalysis a staged kind.
type Adapter struct{}

var _ staged.Adapter = Adapter{}

// Kind implements staged.Adapter.
func (Adapter) Kind() string { return spec.KindZooAnalysis }

// New implements staged.Adapter.
func (Adapter) New() client.Object { return &v1alpha1.ZooAnalysis{} }

// Parts implements staged.Adapter.
func (Adapter) Parts(o client.Object) staged.Parts {
	a := o.(*v1alpha1.ZooAnalysis)
	return staged.Parts{Execution: &a.Spec.Execution, Status: &a.Status.WorkloadStatus, Store: a.Spec.Store.Name}
}

// SpecDigest implements staged.Adapter.
func (Adapter) SpecDigest(o client.Object) string {
	return plan.ZooAnalysisSpecDigest(&o.(*v1alpha1.ZooAnalysis).Spec)
}

// Check implements staged.Adapter: a ZooAnalysis names no host.
func (Adapter) Check(client.Object, *staged.Policy) *staged.Problem { return nil }

// Plan implements staged.Adapter.
func (Adapter) Plan(o client.Object, in plan.Inputs) (*spec.Snapshot, error) {
	return plan.ZooAnalysis(&o.(*v1alpha1.ZooAnalysis).Spec, in)
}

// Consumers implements staged.Adapter: nothing consumes a ZooAnalysis.
func (Adapter) Consumers(context.Context, client.Reader, client.Object) ([]string, error) {
	return nil, nil
}

// Upstream reads the ModelZoo and the Dataset that it names.
func (Adapter) Upstream(ctx context.Context, c client.Reader, o client.Object) (staged.Upstream, error) {
	a := o.(*v1alpha1.ZooAnalysis)
	z := &v1alpha1.ModelZoo{}
	name := string(a.Spec.Zoo.Name)
	err := c.Get(ctx, client.ObjectKey{Namespace: a.Namespace, Name: name}, z)
	if apierrors.IsNotFound(err) {
		return staged.NotYet(v1alpha1.ReasonZooNotFound, fmt.Sprintf("waits for ModelZoo %q (spec.zoo.name), which does not exist in namespace %s", name, a.Namespace)), nil
	}
	if err != nil {
		return staged.Upstream{}, fmt.Errorf("get ModelZoo %s: %w", name, err)
	}
	if z.Spec.Dataset.Name == "" {
		return staged.ZooUpstream(z, nil), nil
	}
	d := &v1alpha1.Dataset{}
	err = c.Get(ctx, client.ObjectKey{Namespace: a.Namespace, Name: string(z.Spec.Dataset.Name)}, d)
	if apierrors.IsNotFound(err) {
		return staged.NotYet(v1alpha1.ReasonDatasetNotFound, fmt.Sprintf("waits for Dataset %q of ModelZoo %q, which does not exist in namespace %s", z.Spec.Dataset.Name, name, a.Namespace)), nil
	}
	if err != nil {
		return staged.Upstream{}, fmt.Errorf("get Dataset %s: %w", z.Spec.Dataset.Name, err)
	}
	return staged.ZooUpstream(z, d), nil
}

// Stale implements staged.Adapter: the results stay, but another zoo stands upstream now.
func (Adapter) Stale(s *spec.Snapshot, up staged.Upstream) string {
	if s.Analysis == nil || up.Zoo == nil || up.Zoo.ResultDigest == s.Analysis.Zoo.ResultDigest {
		return ""
	}
	return fmt.Sprintf("ModelZoo %q has digest %s now, this analysis looked at %s; create another ZooAnalysis to study it as it is",
		up.Zoo.Name, up.Zoo.ResultDigest, s.Analysis.Zoo.ResultDigest)
}

// Forget implements staged.Adapter.
func (Adapter) Forget(o client.Object) {
	s := &o.(*v1alpha1.ZooAnalysis).Status
	*s = v1alpha1.ZooAnalysisStatus{WorkloadStatus: s.WorkloadStatus}
}

// Progress implements staged.Adapter: the number of analyses done, and what they found with the result.
func (Adapter) Progress(o client.Object, p staged.Progress) {
	if p.Snapshot.Analysis == nil {
		return
	}
	s, planned := &o.(*v1alpha1.ZooAnalysis).Status, len(p.Snapshot.Analysis.Parts)
	done := planned
	if p.Result == nil && p.Snapshot.Stages[p.Stage].Name == spec.StageAnalyse {
		done = 0
		p.Completed.Each(func(int) { done++ })
	}
	s.Analyses = fmt.Sprintf("%d/%d", done, planned)
	if p.Result == nil || p.Result.Analysis == nil {
		return
	}
	r := p.Result.Analysis
	s.Models, s.Checkpoints = ptr.To(int32(r.Models)), ptr.To(int32(r.Checkpoints))
	s.Separation, s.Kendall, s.ProbeR2, s.Agreement = decimal(r.Separation), decimal(r.Kendall), decimal(r.ProbeR2), decimal(r.Agreement)
}

func decimal(f *float64) v1alpha1.Decimal {
	if f == nil {
		return ""
	}
	return v1alpha1.Decimal(strconv.FormatFloat(*f, 'g', 4, 64))
}
