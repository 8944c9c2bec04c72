package staged

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/metrics"
)

// Reconciler reconciles one staged kind.
type Reconciler struct {
	// Client reads from the cache and sees its own writes.
	Client client.Client
	// Live reads from the API server; used only when a name turns out to be taken.
	Live     client.Reader
	Adapter  Adapter
	Policy   *Policy
	Recorder events.EventRecorder
	Clock    clock.PassiveClock
}

// Reconcile brings one object a step further. An object at rest costs no write and no timer.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	obj := r.Adapter.New()
	if err := r.Client.Get(ctx, req.NamespacedName, obj); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if by := r.Adapter.Parts(obj).Execution.ManagedBy; by != "" && by != v1alpha1.ManagerName {
		return ctrl.Result{}, nil
	}
	o, err := observe(ctx, r.Client, r.Adapter, obj)
	if err != nil {
		return ctrl.Result{}, err
	}
	a := decide(o, r.Policy, r.Adapter, r.Clock.Now())
	err = apply(ctx, r.Client, r.Live, o, a)
	before := obj.DeepCopyObject().(client.Object) // after apply, which may have moved resourceVersion
	a.learn(err)
	if err == nil && (a.RemoveFinalizer && obj.GetDeletionTimestamp() != nil || a.DeleteSelf) {
		r.tellAbandoned(obj, a)
		return ctrl.Result{}, nil // the object is gone, and its status with it
	}
	statusErr := r.finish(ctx, before, report(o, a, r.Adapter, err == nil, r.Clock.Now()))
	conflict := err == nil && apierrors.IsConflict(statusErr) || statusErr == nil && apierrors.IsConflict(err)
	if err = errors.Join(err, statusErr); err != nil {
		if conflict {
			log.FromContext(ctx).V(4).Info("Conflict, will retry", "error", err.Error())
			return ctrl.Result{RequeueAfter: conflictDelay}, nil
		}
		return ctrl.Result{}, fmt.Errorf("%s %s: %w", r.Adapter.Kind(), req.NamespacedName, err)
	}
	log.FromContext(ctx).V(3).Info("Reconciled", "reason", a.Verdict.Reason)
	return ctrl.Result{RequeueAfter: a.RequeueAfter}, nil
}

// conflictDelay lets the cache catch up with what we were too slow for.
const conflictDelay = 100 * time.Millisecond

// learn turns what the API server answered into a verdict, where the user has to know.
func (a *Actions) learn(err error) {
	var conflict *nameConflictError
	switch {
	case errors.As(err, &conflict):
		a.Verdict = Verdict{Stalled, v1alpha1.ReasonNameConflict, conflict.Error()}
		a.Started = false
	case err != nil && (apierrors.IsForbidden(err) || apierrors.IsInvalid(err)):
		a.Verdict.Message = shorten(err.Error(), maxFailureMessage)
	}
}

// finish writes the status if it changed, then says so in an event and in metrics.
func (r *Reconciler) finish(ctx context.Context, before, after client.Object) error {
	oldStatus, newStatus := r.Adapter.Parts(before).Status, r.Adapter.Parts(after).Status
	if sameStatus(before, after) {
		return nil
	}
	old := oldStatus.DeepCopy()
	written := newStatus.DeepCopy()
	if err := WriteStatus(ctx, r.Client, after, r.Adapter.Kind()); err != nil {
		return client.IgnoreNotFound(err)
	}
	r.tell(after, old, written)
	return nil
}

// sameStatus compares whole objects: reports differ from what was observed in status only.
func sameStatus(before, after client.Object) bool {
	return equality.Semantic.DeepEqual(before, after)
}

// tell emits events and counts what the written status newly says.
func (r *Reconciler) tell(obj client.Object, old, now *v1alpha1.WorkloadStatus) {
	was := meta.FindStatusCondition(old.Conditions, v1alpha1.ConditionReady)
	is := meta.FindStatusCondition(now.Conditions, v1alpha1.ConditionReady)
	if is != nil && (was == nil || was.Reason != is.Reason) {
		kind := corev1.EventTypeNormal
		reason := is.Reason
		if c := meta.FindStatusCondition(now.Conditions, v1alpha1.ConditionStalled); c != nil {
			kind, reason = corev1.EventTypeWarning, c.Reason
		}
		r.Recorder.Eventf(obj, nil, kind, reason, "Reconcile", "%s", is.Message)
	}
	done := map[string]bool{}
	for _, s := range old.Stages {
		done[s.Name] = s.CompletionTime != nil
	}
	for _, s := range now.Stages {
		if s.CompletionTime != nil && !done[s.Name] && now.StartTime != nil {
			metrics.StageDone(r.Adapter.Kind(), s.Name, s.CompletionTime.Sub(now.StartTime.Time))
		}
	}
	seen := map[v1alpha1.ShardFailure]bool{}
	for _, f := range old.Failures {
		seen[plain(f)] = true
	}
	for _, f := range now.Failures {
		if !seen[plain(f)] {
			metrics.ShardFailed(r.Adapter.Kind(), f.Stage, f.Reason)
		}
	}
}

// plain makes a failure comparable.
func plain(f v1alpha1.ShardFailure) v1alpha1.ShardFailure {
	shard := ""
	if f.Shard != nil {
		shard = fmt.Sprint(*f.Shard)
	}
	return v1alpha1.ShardFailure{Stage: f.Stage, Reason: f.Reason, Message: shard + " " + f.Message}
}

func (r *Reconciler) tellAbandoned(obj client.Object, a *Actions) {
	if a.Abandoned == "" {
		return
	}
	metrics.CleanupAbandoned(r.Adapter.Kind())
	r.Recorder.Eventf(obj, nil, corev1.EventTypeWarning, "ArtifactsLeft", "Delete", "the artifact could not be removed and stays at %s", a.Abandoned)
}
