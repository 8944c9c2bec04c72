package dataset

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/staged"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// indexDataset is the cache index of ModelZoos by Dataset, registered with the ModelZoo controller.
const indexDataset = "spec.dataset.name"

// Adapter makes Dataset a staged kind.
type Adapter struct{}

var _ staged.Adapter = Adapter{}

// Kind implements staged.Adapter.
func (Adapter) Kind() string { return spec.KindDataset }

// New implements staged.Adapter.
func (Adapter) New() client.Object { return &v1alpha1.Dataset{} }

// Parts implements staged.Adapter.
func (Adapter) Parts(o client.Object) staged.Parts {
	d := o.(*v1alpha1.Dataset)
	return staged.Parts{Execution: &d.Spec.Execution, Status: &d.Status.WorkloadStatus, Store: d.Spec.Store.Name}
}

// SpecDigest implements staged.Adapter.
func (Adapter) SpecDigest(o client.Object) string {
	return plan.DatasetSpecDigest(&o.(*v1alpha1.Dataset).Spec)
}

// Check refuses sources on hosts and in buckets that the admin does not allow.
func (Adapter) Check(o client.Object, p *staged.Policy) *staged.Problem {
	for i, f := range o.(*v1alpha1.Dataset).Spec.Files {
		if strings.HasPrefix(f.URL, "store:") {
			continue
		}
		u, err := url.Parse(f.URL)
		if err != nil || u.Host == "" || u.User != nil {
			return &staged.Problem{
				Reason: v1alpha1.ReasonInvalidSpec, Stalled: true,
				Message: fmt.Sprintf("spec.files[%d].url: %q is not a plain URL with a host; write https://host/path or s3://bucket/path", i, f.URL),
			}
		}
		if !p.HostAllowed(u) {
			what := fmt.Sprintf("host %q", u.Host)
			if u.Scheme != "http" && u.Scheme != "https" {
				what = fmt.Sprintf("bucket %q", u.Scheme+"://"+u.Host)
			}
			return &staged.Problem{Reason: v1alpha1.ReasonHostNotAllowed, Stalled: true, Message: fmt.Sprintf(
				"spec.files[%d].url: %s is not among those the admin allows (manager flag --allowed-data-hosts); import the file with `weightspace dataset import` or ask the admin", i, what)}
		}
	}
	return nil
}

// Upstream implements staged.Adapter: a Dataset consumes nothing.
func (Adapter) Upstream(context.Context, client.Reader, client.Object) (staged.Upstream, error) {
	return staged.Upstream{}, nil
}

// Consumers names the ModelZoos that use the data; a finished one may still grow.
func (Adapter) Consumers(ctx context.Context, c client.Reader, o client.Object) ([]string, error) {
	var list v1alpha1.ModelZooList
	if err := c.List(ctx, &list, client.InNamespace(o.GetNamespace()), client.MatchingFields{indexDataset: o.GetName()}); err != nil {
		return nil, fmt.Errorf("list ModelZoos of Dataset %s: %w", o.GetName(), err)
	}
	var out []string
	for i := range list.Items {
		if z := &list.Items[i]; z.DeletionTimestamp == nil {
			out = append(out, "ModelZoo "+z.Name)
		}
	}
	return out, nil
}

// Plan implements staged.Adapter.
func (Adapter) Plan(o client.Object, in plan.Inputs) (*spec.Snapshot, error) {
	return plan.Dataset(&o.(*v1alpha1.Dataset).Spec, in)
}

// Stale implements staged.Adapter: a Dataset has no upstream.
func (Adapter) Stale(*spec.Snapshot, staged.Upstream) string { return "" }

// Forget implements staged.Adapter.
func (Adapter) Forget(o client.Object) {
	s := &o.(*v1alpha1.Dataset).Status
	s.Images, s.Shape, s.Classes = "", "", 0
}

// Progress implements staged.Adapter: the verified facts come with the result.
func (Adapter) Progress(o client.Object, p staged.Progress) {
	if p.Result == nil || p.Result.Dataset == nil {
		return
	}
	s, d := &o.(*v1alpha1.Dataset).Status, p.Result.Dataset
	s.Images = fmt.Sprintf("%d/%d/%d", d.Train, d.Validation, d.Test)
	s.Shape = fmt.Sprintf("%dx%dx%d", d.Channels, d.Height, d.Width)
	s.Classes = int32(d.Classes)
}
