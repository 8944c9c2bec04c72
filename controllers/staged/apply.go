package staged

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// FieldOwner owns every field that the manager applies.
const FieldOwner = client.FieldOwner("weightspace-manager")

// nameConflictError says that a child's name is taken by an object that is not ours.
type nameConflictError struct{ kind, name string }

func (e *nameConflictError) Error() string {
	return fmt.Sprintf("%s %q belongs to somebody else; delete or rename it", e.kind, e.name)
}

// serverSideApply is an apply patch of exactly the given fields. As a client.Patch on a typed
// object it keeps reads consistent with writes without a second, untyped cache.
type serverSideApply map[string]any

// Type implements client.Patch.
func (serverSideApply) Type() types.PatchType { return types.ApplyPatchType }

// Data implements client.Patch.
func (p serverSideApply) Data(client.Object) ([]byte, error) { return json.Marshal(map[string]any(p)) }

func applyOptions() []client.PatchOption {
	return []client.PatchOption{FieldOwner, client.ForceOwnership}
}

// apply writes what was decided, in an order that survives a crash after any call: finalizer,
// access, plan, Jobs; then removals; the release of the object last.
func apply(ctx context.Context, c client.Client, live client.Reader, o *Observed, a *Actions) error {
	if a.AddFinalizer {
		if err := patchFinalizer(ctx, c, o.Object, controllerutil.AddFinalizer); err != nil {
			return err
		}
	}
	if a.Account != "" && !o.Access[a.Account] {
		if err := applyAccess(ctx, c, o.Object.GetNamespace(), a.Account); err != nil {
			return err
		}
	}
	for _, obj := range a.Create {
		if err := create(ctx, c, live, o, obj); err != nil {
			return err
		}
	}
	var errs []error
	for _, p := range a.Patch {
		errs = append(errs, patchJob(ctx, c, o, p))
	}
	for _, obj := range a.Delete {
		errs = append(errs, remove(ctx, c, obj))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if a.RemoveFinalizer {
		return patchFinalizer(ctx, c, o.Object, controllerutil.RemoveFinalizer)
	}
	if a.DeleteSelf {
		uid := o.Object.GetUID()
		err := c.Delete(ctx, o.Object, client.Preconditions{UID: &uid}, client.PropagationPolicy(metav1.DeletePropagationBackground))
		return wrap("delete after ttlSecondsAfterFinished", client.IgnoreNotFound(err))
	}
	return nil
}

func patchFinalizer(ctx context.Context, c client.Client, obj client.Object, change func(client.Object, string) bool) error {
	before := obj.DeepCopyObject().(client.Object)
	if !change(obj, v1alpha1.FinalizerArtifacts) {
		return nil
	}
	err := c.Patch(ctx, obj, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), FieldOwner)
	return wrap("finalizer", client.IgnoreNotFound(err))
}

// applyAccess lets pods of a namespace write their RunReports.
func applyAccess(ctx context.Context, c client.Client, namespace, account string) error {
	var objects []client.Object
	if account == RuntimeAccount {
		objects = append(objects, runtimeAccount(namespace))
	}
	objects = append(objects, runtimeBinding(namespace, account))
	for _, obj := range objects {
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
		if err != nil {
			return wrap("encode access", err)
		}
		delete(fields["metadata"].(map[string]any), "creationTimestamp")
		if err := c.Patch(ctx, obj, serverSideApply(fields), applyOptions()...); err != nil {
			return fmt.Errorf("apply %s %s/%s: %w", obj.GetObjectKind().GroupVersionKind().Kind, namespace, obj.GetName(), err)
		}
	}
	return nil
}

// create makes a child. Its name is deterministic, so an object that is already there is
// either ours (an earlier pass died before it could tell) or somebody else's.
func create(ctx context.Context, c client.Client, live client.Reader, o *Observed, obj client.Object) error {
	obj = obj.DeepCopyObject().(client.Object)
	err := c.Create(ctx, obj, FieldOwner)
	if !apierrors.IsAlreadyExists(err) {
		return wrap(fmt.Sprintf("create %T %s", obj, obj.GetName()), err)
	}
	existing := obj.DeepCopyObject().(client.Object)
	if err := live.Get(ctx, client.ObjectKeyFromObject(obj), existing); err != nil {
		return wrap(fmt.Sprintf("get %T %s", obj, obj.GetName()), err)
	}
	if existing.GetLabels()[v1alpha1.LabelOwnerUID] == string(o.Object.GetUID()) && existing.GetDeletionTimestamp() == nil {
		return nil
	}
	if owner := metav1.GetControllerOf(existing); existing.GetDeletionTimestamp() != nil || owner != nil && owner.Name == o.Object.GetName() && owner.UID != o.Object.GetUID() {
		return fmt.Errorf("%T %s of an earlier object of this name is still going away", obj, obj.GetName())
	}
	return &nameConflictError{kind: kindOf(obj), name: obj.GetName()}
}

func kindOf(obj client.Object) string {
	switch obj.(type) {
	case *batchv1.Job:
		return "Job"
	case *corev1.ConfigMap:
		return "ConfigMap"
	case *v1alpha1.RunReport:
		return "RunReport"
	}
	return fmt.Sprintf("%T", obj)
}

// patchJob applies parallelism and suspend of a running Job, and nothing else of it.
func patchJob(ctx context.Context, c client.Client, o *Observed, p JobPatch) error {
	var job *batchv1.Job
	for i := range o.Jobs {
		if o.Jobs[i].Name == p.Name {
			job = o.Jobs[i].DeepCopy()
		}
	}
	if job == nil {
		return nil
	}
	fields := map[string]any{"parallelism": ptr.Deref(p.Parallelism, ptr.Deref(job.Spec.Parallelism, 1))}
	if job.Labels[v1alpha1.LabelQueueName] == "" {
		fields["suspend"] = ptr.Deref(p.Suspend, ptr.Deref(job.Spec.Suspend, false))
	}
	err := c.Patch(ctx, job, serverSideApply{
		"apiVersion": "batch/v1", "kind": "Job", "spec": fields,
		"metadata": map[string]any{"name": job.Name, "namespace": job.Namespace, "uid": string(job.UID)},
	}, applyOptions()...)
	return wrap("patch Job "+p.Name, err)
}

// remove deletes a child and lets the garbage collector take what it owns. Conflict means
// that a namesake has taken its place.
func remove(ctx context.Context, c client.Client, obj client.Object) error {
	opts := []client.DeleteOption{client.PropagationPolicy(metav1.DeletePropagationBackground)}
	if uid := obj.GetUID(); uid != "" {
		opts = append(opts, client.Preconditions{UID: &uid})
	}
	err := c.Delete(ctx, obj.DeepCopyObject().(client.Object), opts...)
	return wrap(fmt.Sprintf("delete %s %s", kindOf(obj), obj.GetName()), client.IgnoreNotFound(err))
}

// WriteStatus applies the status of an object. It names the observed
// resourceVersion: a decision on old data fails instead of overwriting.
func WriteStatus(ctx context.Context, c client.Client, obj client.Object, kind string) error {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return wrap("encode status", err)
	}
	err = c.Status().Patch(ctx, obj, serverSideApply{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": kind, "status": fields["status"],
		"metadata": map[string]any{
			"name": obj.GetName(), "namespace": obj.GetNamespace(), "uid": string(obj.GetUID()), "resourceVersion": obj.GetResourceVersion(),
		},
	}, FieldOwner, client.ForceOwnership)
	return wrap("write status", err)
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
