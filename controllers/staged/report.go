package staged

import (
	"fmt"
	"math"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// report is pure: it returns a copy of the object with the status that the actions conclude.
// observedGeneration advances only when everything was applied.
func report(o *Observed, a *Actions, ad Adapter, applied bool, now time.Time) client.Object {
	obj := o.Object.DeepCopyObject().(client.Object)
	st := ad.Parts(obj).Status
	if a.Reset {
		*st = v1alpha1.WorkloadStatus{Conditions: st.Conditions, ObservedGeneration: st.ObservedGeneration}
		ad.Forget(obj)
	}
	st.SpecDigest = v1alpha1.Digest(a.SpecDigest)
	st.PlanConfigMap, st.RuntimeImage = a.PlanName, a.Image
	st.Stages, st.Failures = a.Stages, a.Failures
	st.Selector = v1alpha1.LabelOwnerUID + "=" + string(obj.GetUID())
	st.ActivePods = ptr.To(int32(o.livePods(func(p *corev1.Pod) bool { return p.DeletionTimestamp == nil })))
	if applied {
		st.ObservedGeneration = obj.GetGeneration()
	}
	if a.Started && st.StartTime == nil {
		st.StartTime = ptr.To(metav1.NewTime(now))
	}
	st.ETA = ""
	if !a.Terminal && a.Verdict.Outcome != Deleting {
		reportProgress(a, ad, obj, st, now)
	}
	setConditions(st, a, obj.GetGeneration(), now)
	return obj
}

func reportProgress(a *Actions, ad Adapter, obj client.Object, st *v1alpha1.WorkloadStatus, now time.Time) {
	if a.Progress.Snapshot != nil {
		ad.Progress(obj, a.Progress)
		if a.Verdict.Outcome == Working {
			st.ETA = eta(&a.Progress, int(ptr.Deref(ad.Parts(obj).Execution.Parallelism, 2)))
		}
	}
	if a.Verdict.Outcome != Complete && a.Verdict.Outcome != Failed {
		return
	}
	st.CompletionTime = ptr.To(metav1.NewTime(now))
	if r := a.Progress.Result; r != nil {
		st.Artifact = v1alpha1.ArtifactStatus{
			URI: JoinURI(a.Snapshot.Store, a.Snapshot.ArtifactPath), ManifestDigest: v1alpha1.Digest(r.ManifestDigest),
			ResultDigest: v1alpha1.Digest(r.ResultDigest), SizeBytes: ptr.To(r.SizeBytes),
		}
	}
}

// setConditions derives every condition from the verdict; what is absent is not so.
func setConditions(st *v1alpha1.WorkloadStatus, a *Actions, generation int64, now time.Time) {
	v := a.Verdict
	want := map[string]metav1.Condition{}
	set := func(t string, status metav1.ConditionStatus, reason string) {
		want[t] = metav1.Condition{Type: t, Status: status, Reason: reason, Message: v.Message, ObservedGeneration: generation, LastTransitionTime: metav1.NewTime(now)}
	}
	ready := metav1.ConditionFalse
	switch v.Outcome {
	case Waiting, Working, Suspending, Deleting:
		set(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v.Reason)
	case Stalled:
		set(v1alpha1.ConditionStalled, metav1.ConditionTrue, v.Reason)
	case Suspended:
		set(v1alpha1.ConditionSuspended, metav1.ConditionTrue, v.Reason)
	case Complete:
		ready = metav1.ConditionTrue
		set(v1alpha1.ConditionComplete, metav1.ConditionTrue, v.Reason)
	case Failed:
		set(v1alpha1.ConditionFailed, metav1.ConditionTrue, v.Reason)
		set(v1alpha1.ConditionStalled, metav1.ConditionTrue, v.Reason)
	}
	readyReason := v.Reason
	if v.Outcome == Failed {
		readyReason = v1alpha1.ReasonFailed
	}
	set(v1alpha1.ConditionReady, ready, readyReason)
	if a.Stale != "" {
		set(v1alpha1.ConditionStale, metav1.ConditionTrue, v1alpha1.ReasonUpstreamChanged)
		c := want[v1alpha1.ConditionStale]
		c.Message = a.Stale
		want[v1alpha1.ConditionStale] = c
	}
	if v.Outcome == Working && (a.StoreAway || meta.FindStatusCondition(st.Conditions, v1alpha1.ConditionStoreReachable) != nil) {
		status, reason, message := metav1.ConditionTrue, v1alpha1.ReasonStoreAvailable, "the store answers"
		if a.StoreAway {
			status, reason, message = metav1.ConditionFalse, v1alpha1.ReasonStoreUnavailable, v.Message
		}
		set(v1alpha1.ConditionStoreReachable, status, reason)
		c := want[v1alpha1.ConditionStoreReachable]
		c.Message = message
		want[v1alpha1.ConditionStoreReachable] = c
	}
	for _, t := range ownedConditions {
		if c, ok := want[t]; ok {
			meta.SetStatusCondition(&st.Conditions, c)
		} else {
			meta.RemoveStatusCondition(&st.Conditions, t)
		}
	}
}

var ownedConditions = []string{
	v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionSuspended,
	v1alpha1.ConditionComplete, v1alpha1.ConditionFailed, v1alpha1.ConditionStale, v1alpha1.ConditionStoreReachable,
}

// eta is the time left of a stage: what the slowest running pod says, plus the rounds of shards
// that have not begun, each as long as those that run. It uses the pods' clocks only, so equal
// reports give equal text. "" when nothing is known.
func eta(p *Progress, parallelism int) string {
	left, round, known := 0.0, 0.0, false
	for i := range p.Reports {
		r := &p.Reports[i]
		if r.Status.SecondsLeft == nil {
			continue
		}
		known = true
		seconds := float64(*r.Status.SecondsLeft)
		left = max(left, seconds)
		if r.Status.UpdateTime != nil {
			seconds += max(r.Status.UpdateTime.Sub(r.CreationTimestamp.Time).Seconds(), 0)
		}
		round = max(round, seconds)
	}
	if !known {
		return ""
	}
	shards := len(p.Snapshot.Stages[p.Stage].Shards)
	waiting := shards - p.Completed.Len() - p.Failed.Len() - len(p.Reports)
	if waiting > 0 && parallelism > 0 {
		left += math.Ceil(float64(waiting)/float64(parallelism)) * round
	}
	return shortDuration(left)
}

// shortDuration is one or two units, such as "45s", "4m", "2h10m", "3d4h".
func shortDuration(seconds float64) string {
	s := int64(min(seconds, 10*365*86400))
	switch {
	case s < 60:
		return strconv.FormatInt(s, 10) + "s"
	case s < 3600:
		return strconv.FormatInt((s+30)/60, 10) + "m"
	case s < 86400:
		return fmt.Sprintf("%dh%dm", s/3600, s%3600/60)
	default:
		return fmt.Sprintf("%dd%dh", s/86400, s%86400/3600)
	}
}
