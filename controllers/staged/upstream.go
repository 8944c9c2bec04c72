package staged

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

// NotYet is an Upstream that is not there yet.
func NotYet(reason, message string) Upstream {
	return Upstream{Problem: &Problem{Reason: reason, Message: message}}
}

// upstreamProblem says why an upstream object cannot be used now; nil when it is Ready.
func upstreamProblem(kind, failed string, o metav1.Object, s *v1alpha1.WorkloadStatus) *Problem {
	if c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionFailed); c != nil && c.Status == metav1.ConditionTrue {
		return &Problem{Reason: failed, Stalled: true, Message: fmt.Sprintf("%s %q failed (%s: %s); create one that works", kind, o.GetName(), c.Reason, c.Message)}
	}
	if o.GetDeletionTimestamp() != nil {
		return &Problem{Reason: v1alpha1.ReasonWaiting, Message: fmt.Sprintf("waits for %s %q, which is being deleted", kind, o.GetName())}
	}
	if meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionReady) && s.Artifact.URI != "" {
		return nil
	}
	state := "it was not looked at yet"
	if c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady); c != nil {
		state = "it is " + c.Reason
	}
	return &Problem{Reason: v1alpha1.ReasonWaiting, Message: fmt.Sprintf("waits for %s %q to be Ready: %s", kind, o.GetName(), state)}
}

// DatasetUpstream turns a Dataset's status into what a plan needs, or says why that has to wait.
func DatasetUpstream(d *v1alpha1.Dataset) Upstream {
	if p := upstreamProblem(spec.KindDataset, v1alpha1.ReasonDatasetFailed, d, &d.Status.WorkloadStatus); p != nil {
		return Upstream{Problem: p}
	}
	in, err := datasetInput(d)
	if err != nil {
		return NotYet(v1alpha1.ReasonWaiting, fmt.Sprintf("waits for Dataset %q: %v", d.Name, err))
	}
	return Upstream{Dataset: in}
}

// ZooUpstream turns a ModelZoo's status into what a plan needs, or says why that has to wait. d is the Dataset that the zoo
// names, nil if it names none.
func ZooUpstream(z *v1alpha1.ModelZoo, d *v1alpha1.Dataset) Upstream {
	if p := upstreamProblem(spec.KindModelZoo, v1alpha1.ReasonZooFailed, z, &z.Status.WorkloadStatus); p != nil {
		return Upstream{Problem: p}
	}
	in, err := zooInput(z)
	if err != nil {
		return NotYet(v1alpha1.ReasonWaiting, fmt.Sprintf("waits for ModelZoo %q: %v", z.Name, err))
	}
	if d != nil {
		up := DatasetUpstream(d)
		if up.Problem != nil {
			return up
		}
		in.Dataset = up.Dataset
	}
	return Upstream{Zoo: in}
}

// PlanOf reads the plan that a finished upstream object names; nil if it is not there or somebody else wrote over it.
func PlanOf(ctx context.Context, c client.Reader, o client.Object, s *v1alpha1.WorkloadStatus) (*spec.Snapshot, error) {
	if s.PlanConfigMap == "" {
		return nil, nil
	}
	cm := &corev1.ConfigMap{}
	err := c.Get(ctx, client.ObjectKey{Namespace: o.GetNamespace(), Name: s.PlanConfigMap}, cm)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get ConfigMap %s: %w", s.PlanConfigMap, err)
	}
	if !metav1.IsControlledBy(cm, o) {
		return nil, nil
	}
	return readSnapshot(cm), nil
}

func artifactPath(kind string, o metav1.Object) string {
	return o.GetNamespace() + "/" + strings.ToLower(kind) + "/" + o.GetName()
}

func datasetInput(d *v1alpha1.Dataset) (*spec.DatasetInput, error) {
	path := artifactPath(spec.KindDataset, d)
	store, ok := SplitURI(d.Status.Artifact.URI, path)
	if !ok {
		return nil, fmt.Errorf("status.artifact.uri %q does not end in %q", d.Status.Artifact.URI, path)
	}
	images, err := numbers("images", d.Status.Images, "/", 3)
	if err != nil {
		return nil, err
	}
	shape, err := numbers("shape", d.Status.Shape, "x", 3)
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

func zooInput(z *v1alpha1.ModelZoo) (*spec.ZooInput, error) {
	path := artifactPath(spec.KindModelZoo, z)
	store, ok := SplitURI(z.Status.Artifact.URI, path)
	if !ok {
		return nil, fmt.Errorf("status.artifact.uri %q does not end in %q", z.Status.Artifact.URI, path)
	}
	epochs, err := numbers("epoch", z.Status.Epoch, "/", 2)
	if err != nil {
		return nil, err
	}
	return &spec.ZooInput{
		Name: z.Name, Store: store, Path: path,
		ManifestDigest: string(z.Status.Artifact.ManifestDigest), ResultDigest: string(z.Status.Artifact.ResultDigest),
		Members: int(ptr.Deref(z.Status.Models.Done, 0)), Epochs: epochs[1], Parameters: int(z.Status.Parameters),
	}, nil
}

// numbers reads n numbers, such as "1x28x28".
func numbers(field, text, sep string, n int) ([]int, error) {
	parts := strings.Split(text, sep)
	if len(parts) != n {
		return nil, fmt.Errorf("status.%s is %q, not %d numbers", field, text, n)
	}
	out := make([]int, n)
	for i, p := range parts {
		v, err := strconv.Atoi(p)
		if err != nil || v < 0 {
			return nil, fmt.Errorf("status.%s is %q, not %d numbers", field, text, n)
		}
		out[i] = v
	}
	return out, nil
}
