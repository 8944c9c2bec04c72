package modelzoo

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/staged"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

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

// Check implements staged.Adapter: a ModelZoo names no host.
func (Adapter) Check(client.Object, *staged.Policy) *staged.Problem { return nil }

// Plan implements staged.Adapter.
func (Adapter) Plan(o client.Object, in plan.Inputs) (*spec.Snapshot, error) {
	return plan.ModelZoo(&o.(*v1alpha1.ModelZoo).Spec, in)
}

// Consumers implements staged.Adapter: nothing consumes a ModelZoo yet.
func (Adapter) Consumers(context.Context, client.Reader, client.Object) ([]string, error) {
	return nil, nil
}

// Upstream reads the Dataset.
func (Adapter) Upstream(ctx context.Context, c client.Reader, o client.Object) (staged.Upstream, error) {
	z := o.(*v1alpha1.ModelZoo)
	d := &v1alpha1.Dataset{}
	name := string(z.Spec.Dataset.Name)
	err := c.Get(ctx, client.ObjectKey{Namespace: z.Namespace, Name: name}, d)
	if apierrors.IsNotFound(err) {
		return waiting(v1alpha1.ReasonDatasetNotFound, fmt.Sprintf("waits for Dataset %q (spec.dataset.name), which does not exist in namespace %s", name, z.Namespace)), nil
	}
	if err != nil {
		return staged.Upstream{}, fmt.Errorf("get Dataset %s: %w", name, err)
	}
	return upstreamOf(d), nil
}

func waiting(reason, message string) staged.Upstream {
	return staged.Upstream{Problem: &staged.Problem{Reason: reason, Message: message}}
}

// upstreamOf turns a Dataset's status into what a plan needs.
func upstreamOf(d *v1alpha1.Dataset) staged.Upstream {
	if c := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionFailed); c != nil && c.Status == "True" {
		up := waiting(v1alpha1.ReasonDatasetFailed, fmt.Sprintf("Dataset %q failed (%s: %s); create one that works", d.Name, c.Reason, c.Message))
		up.Problem.Stalled = true
		return up
	}
	if d.DeletionTimestamp != nil {
		return waiting(v1alpha1.ReasonWaiting, fmt.Sprintf("waits for Dataset %q, which is being deleted", d.Name))
	}
	if !meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionReady) || d.Status.Artifact.URI == "" {
		state := "it was not looked at yet"
		if c := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionReady); c != nil {
			state = "it is " + c.Reason
		}
		return waiting(v1alpha1.ReasonWaiting, fmt.Sprintf("waits for Dataset %q to be Ready: %s", d.Name, state))
	}
	in, err := datasetInput(d)
	if err != nil {
		return waiting(v1alpha1.ReasonWaiting, fmt.Sprintf("waits for Dataset %q: %v", d.Name, err))
	}
	return staged.Upstream{Dataset: in}
}

func datasetInput(d *v1alpha1.Dataset) (*spec.DatasetInput, error) {
	path := d.Namespace + "/" + strings.ToLower(spec.KindDataset) + "/" + d.Name
	store, ok := staged.SplitURI(d.Status.Artifact.URI, path)
	if !ok {
		return nil, fmt.Errorf("status.artifact.uri %q does not end in %q", d.Status.Artifact.URI, path)
	}
	images, err := numbers("images", d.Status.Images, "/")
	if err != nil {
		return nil, err
	}
	shape, err := numbers("shape", d.Status.Shape, "x")
	if err != nil {
		return nil, err
	}
	return &spec.DatasetInput{
		Name: d.Name, Store: store, Path: path,
		ManifestDigest: string(d.Status.Artifact.ManifestDigest), ResultDigest: string(d.Status.Artifact.ResultDigest),
		Channels: shape[0], Height: shape[1], Width: shape[2], Classes: int(d.Status.Classes),
		Train: images[0], Validation: images[1], Test: images[2],
	}, nil
}

// numbers reads three numbers, such as "1x28x28".
func numbers(field, text, sep string) ([3]int, error) {
	var out [3]int
	parts := strings.Split(text, sep)
	if len(parts) != len(out) {
		return out, fmt.Errorf("status.%s is %q, not three numbers", field, text)
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return out, fmt.Errorf("status.%s is %q, not three numbers", field, text)
		}
		out[i] = n
	}
	return out, nil
}

// Stale implements staged.Adapter: the results stay, but another data set stands upstream now.
func (Adapter) Stale(s *spec.Snapshot, up staged.Upstream) string {
	if s.Zoo == nil || up.Dataset == nil || up.Dataset.ResultDigest == s.Zoo.Dataset.ResultDigest {
		return ""
	}
	return fmt.Sprintf("Dataset %q has digest %s now, this zoo was trained on %s; create another ModelZoo to train on the new data",
		up.Dataset.Name, up.Dataset.ResultDigest, s.Zoo.Dataset.ResultDigest)
}
