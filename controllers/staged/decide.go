package staged

import (
	"errors"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Outcome is what a pass concluded.
type Outcome int

// Outcomes.
const (
	// Waiting: something referenced is not ready; a watch wakes us.
	Waiting Outcome = iota
	// Stalled: nothing progresses without a change.
	Stalled
	// Working: a stage runs or is about to.
	Working
	// Suspending: suspend is asked for and pods remain.
	Suspending
	// Suspended: suspend is honoured.
	Suspended
	// Complete: the artifact exists.
	Complete
	// Failed: the workload was given up.
	Failed
	// Deleting: the object is going.
	Deleting
)

// Verdict is the outcome with the words users see.
type Verdict struct {
	Outcome Outcome
	Reason  string
	Message string
}

// JobPatch changes a running Job. Nil fields stay as they are.
type JobPatch struct {
	Name        string
	Parallelism *int32
	Suspend     *bool
}

// Actions is what one pass decided: what to write, and what to report.
type Actions struct {
	Verdict Verdict
	// Stale is set when upstream changed after the artifact was made.
	Stale string

	// What status remembers.
	SpecDigest string
	PlanName   string
	Image      string
	Snapshot   *spec.Snapshot
	Stages     []v1alpha1.StageStatus
	Failures   []v1alpha1.ShardFailure
	Reset      bool // the scientific spec moved
	Started    bool
	Terminal   bool // nothing but steering may change
	Progress   Progress
	StoreAway  bool

	// What to write.
	AddFinalizer    bool
	RemoveFinalizer bool
	DeleteSelf      bool
	Account         string // the ServiceAccount that needs access, or ""
	Create          []client.Object
	Patch           []JobPatch
	Delete          []client.Object
	RequeueAfter    time.Duration
	// folding names reports whose numbers go into status in this pass: they are deleted in the next.
	folding map[string]bool
	// Abandoned is the artifact that stays although it should have gone.
	Abandoned string
}

// decide is pure: equal observations give equal actions.
func decide(o *Observed, p *Policy, ad Adapter, now time.Time) *Actions {
	st := o.Parts.Status
	a := &Actions{SpecDigest: string(st.SpecDigest), PlanName: st.PlanConfigMap, Image: st.RuntimeImage, Failures: st.Failures, folding: map[string]bool{}}
	for i := range st.Stages {
		a.Stages = append(a.Stages, *st.Stages[i].DeepCopy())
	}
	if o.Object.GetDeletionTimestamp() != nil {
		decideDeletion(o, p, ad, a)
		return a
	}
	if o.NamespaceTerminating {
		decideTerminatingNamespace(o, a)
		return a
	}
	wantFinalizer := o.Parts.Execution.DeletionPolicy == v1alpha1.DeletionPolicyDelete
	hasFinalizer := controllerutil.ContainsFinalizer(o.Object, v1alpha1.FinalizerArtifacts)
	a.AddFinalizer, a.RemoveFinalizer = wantFinalizer && !hasFinalizer, !wantFinalizer && hasFinalizer

	if specMoved(o, ad) {
		a.SpecDigest, a.Reset = ad.SpecDigest(o.Object), st.SpecDigest != ""
		a.PlanName, a.Image, a.Stages, a.Failures = "", "", nil, nil
	} else if terminal(st.Conditions) != nil {
		decideTerminal(o, ad, a, now)
		return a
	}
	if ptr.Deref(o.Parts.Execution.Suspend, false) {
		decideSuspended(o, a)
		return a
	}
	decideWork(o, p, ad, a, now)
	if a.Verdict.Outcome == Complete || a.Verdict.Outcome == Failed {
		// Once the end is stored, one more pass stops what still runs and starts the TTL.
		a.RequeueAfter = time.Millisecond
	}
	if len(a.folding) > 0 {
		a.RequeueAfter = time.Millisecond // our own status write wakes nobody
	}
	return a
}

// specMoved says whether the user changed the scientific fields. An unchanged generation
// cannot have: a default that a newer schema or manager fills in moves nothing.
func specMoved(o *Observed, ad Adapter) bool {
	st := o.Parts.Status
	if st.SpecDigest == "" {
		return true
	}
	return st.ObservedGeneration != o.Object.GetGeneration() && ad.SpecDigest(o.Object) != string(st.SpecDigest)
}

// terminal returns the condition that ended the object's work, if any. It is read before
// anything else and never recomputed from children, which may be gone.
func terminal(conditions []metav1.Condition) *metav1.Condition {
	for _, t := range []string{v1alpha1.ConditionComplete, v1alpha1.ConditionFailed} {
		if c := meta.FindStatusCondition(conditions, t); c != nil && c.Status == metav1.ConditionTrue {
			return c
		}
	}
	return nil
}

// decideTerminal keeps a finished object as it is, removes what is left over, and honours TTL.
func decideTerminal(o *Observed, ad Adapter, a *Actions, now time.Time) {
	c := terminal(o.Parts.Status.Conditions)
	a.Terminal, a.Snapshot = true, o.Snapshot
	a.Verdict = Verdict{Outcome: Complete, Reason: c.Reason, Message: c.Message}
	if c.Type == v1alpha1.ConditionFailed {
		a.Verdict.Outcome = Failed
	} else if o.Snapshot != nil {
		a.Stale = ad.Stale(o.Snapshot, o.Upstream)
	}
	a.deleteReports(o, nil)
	for i := range o.Jobs {
		j := &o.Jobs[i]
		if j.DeletionTimestamp == nil && (!jobFinished(j) || o.Snapshot != nil && j.Labels[v1alpha1.LabelPlan] != planOf(a.PlanName)) {
			a.Delete = append(a.Delete, j) // stops what still runs; finished Jobs of this plan stay for their logs
		}
	}
	a.deleteOldPlans(o)
	ttl := o.Parts.Execution.TTLSecondsAfterFinished
	if ttl == nil || o.Parts.Status.CompletionTime == nil {
		return
	}
	left := o.Parts.Status.CompletionTime.Add(time.Duration(*ttl) * time.Second).Sub(now)
	if left <= 0 {
		a.DeleteSelf = true
		return
	}
	a.RequeueAfter = left
}

// decideSuspended stops Jobs. Jobs of a queue belong to Kueue, so they are removed instead.
func decideSuspended(o *Observed, a *Actions) {
	a.Snapshot = o.Snapshot
	if a.PlanName == "" {
		a.Snapshot = nil
	}
	a.deleteOther(o)
	running := o.livePods(func(*corev1.Pod) bool { return true })
	for i := range o.Jobs {
		j := &o.Jobs[i]
		if jobFinished(j) || j.DeletionTimestamp != nil || a.deletes(j) {
			continue
		}
		if j.Labels[v1alpha1.LabelQueueName] != "" {
			a.Delete = append(a.Delete, j)
		} else if !ptr.Deref(j.Spec.Suspend, false) {
			running++
			a.Patch = append(a.Patch, JobPatch{Name: j.Name, Suspend: ptr.To(true)})
		}
	}
	a.deleteReports(o, nil)
	if running > 0 {
		a.Verdict = Verdict{Suspending, v1alpha1.ReasonSuspending, "pods checkpoint and go away"}
		return
	}
	a.Verdict = Verdict{Suspended, v1alpha1.ReasonSuspended, "spec.suspend is true; set it to false to resume from the checkpoints"}
}

// decideWork makes the plan if there is none and runs its next stage.
func decideWork(o *Observed, p *Policy, ad Adapter, a *Actions, now time.Time) {
	store, problem := checkStore(o, frozenStore(o, a))
	if problem == nil {
		a.Snapshot = o.Snapshot
		if a.PlanName == "" || o.Snapshot == nil {
			problem = makePlan(o, p, ad, a, store)
		}
	}
	if problem == nil {
		problem = checkStages(o, a, store)
	}
	if problem != nil {
		a.deleteReports(o, nil)
		a.deleteOther(o)
		a.Verdict = Verdict{Waiting, problem.Reason, problem.Message}
		if problem.Stalled {
			a.Verdict.Outcome = Stalled
		}
		return
	}
	a.deleteOther(o)
	a.deleteOldPlans(o)
	decideStages(o, ad, a, store, now)
}

func frozenStore(o *Observed, a *Actions) string {
	if a.PlanName != "" && o.Snapshot != nil {
		return o.Snapshot.Store
	}
	return ""
}

// makePlan freezes a plan from what is known now.
func makePlan(o *Observed, p *Policy, ad Adapter, a *Actions, store *v1alpha1.ArtifactStore) *Problem {
	image := a.Image
	if image == "" {
		if image = o.Parts.Execution.Compute.RuntimeImage; image == "" {
			image = p.RuntimeImage
		}
		if !p.ImageAllowed(image) {
			return &Problem{
				Reason: v1alpha1.ReasonImageNotAllowed, Stalled: true,
				Message: fmt.Sprintf("spec.compute.runtimeImage: %q is not among the images that the admin allows; remove the field or ask the admin", image),
			}
		}
	}
	if problem := ad.Check(o.Object, p); problem != nil {
		return problem
	}
	if o.Upstream.Problem != nil {
		return o.Upstream.Problem
	}
	s, err := ad.Plan(o.Object, plan.Inputs{
		Namespace: o.Object.GetNamespace(), Name: o.Object.GetName(), StoreURL: store.Spec.URL, Dataset: o.Upstream.Dataset, Zoo: o.Upstream.Zoo, ZooPlan: o.Upstream.ZooPlan,
	})
	if err != nil {
		var field *plan.FieldError
		msg := err.Error()
		if errors.As(err, &field) {
			msg = field.Error()
		}
		return &Problem{Reason: v1alpha1.ReasonInvalidSpec, Message: shorten(msg, maxFailureMessage), Stalled: true}
	}
	cm := planConfigMap(ad.Kind(), o.Object, s)
	if cm.Name != a.PlanName {
		a.Stages = nil // another plan: what was done for the old one is found in the store
	}
	a.Snapshot, a.PlanName, a.Image = s, cm.Name, image
	if !contains(o.Plans, cm.Name) {
		a.Create = append(a.Create, cm)
	}
	return nil
}

// checkStages refuses what no pod could run.
func checkStages(o *Observed, a *Actions, store *v1alpha1.ArtifactStore) *Problem {
	for i := range a.Snapshot.Stages {
		s := &a.Snapshot.Stages[i]
		done := i < len(a.Stages) && a.Stages[i].CompletionTime != nil
		if problem := checkMemory(&o.Parts.Execution.Compute, s.Name, plannedMemory(&o.Parts.Execution.Compute, s)); problem != nil && !done {
			a.dropPlan(o)
			return problem
		}
	}
	if z := a.Snapshot.Zoo; z != nil {
		own, _ := pvcClaim(store.Spec.URL)
		if source, ok := pvcClaim(z.Dataset.Store); ok && source != own {
			a.dropPlan(o)
			return &Problem{Reason: v1alpha1.ReasonInvalidSpec, Stalled: true, Message: fmt.Sprintf(
				"spec.store.name: Dataset %s lives on volume claim %q, and pods mount one claim only; use a store on the same claim, or an object store for the Dataset", z.Dataset.Name, source)}
		}
	}
	return nil
}

// dropPlan forgets a plan made in this pass that cannot run, so that it is made afresh.
func (a *Actions) dropPlan(o *Observed) {
	if o.Parts.Status.PlanConfigMap != a.PlanName || a.Reset {
		a.Snapshot, a.PlanName, a.Image, a.Create = nil, "", "", nil
	}
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// planOf returns the plan label from a plan ConfigMap's name.
func planOf(configMap string) string {
	if len(configMap) < 10 {
		return ""
	}
	return configMap[len(configMap)-10:]
}

// deleteOther removes Jobs of other plans and of earlier attempts.
func (a *Actions) deleteOther(o *Observed) {
	for i := range o.Jobs {
		j := &o.Jobs[i]
		if j.DeletionTimestamp == nil && !a.deletes(j) && !a.current(o, j) {
			a.Delete = append(a.Delete, j)
		}
	}
}

// current says whether a Job belongs to this plan and, by what status already remembers, to
// the latest attempt: evidence is removed only after its conclusion was stored.
func (a *Actions) current(o *Observed, j *batchv1.Job) bool {
	if a.PlanName == "" {
		return o.LostPlan != "" && j.Labels[v1alpha1.LabelPlan] == planOf(o.LostPlan)
	}
	if j.Labels[v1alpha1.LabelPlan] != planOf(a.PlanName) {
		return false
	}
	if o.Parts.Status.PlanConfigMap != a.PlanName {
		return true
	}
	for _, s := range o.Parts.Status.Stages {
		if s.Name == j.Labels[v1alpha1.LabelStage] {
			return jobAttempt(j) >= s.Attempt
		}
	}
	return j.Labels[v1alpha1.LabelStage] != spec.StageCleanup
}

func (a *Actions) deletes(obj client.Object) bool {
	for _, d := range a.Delete {
		if d.GetUID() == obj.GetUID() && d.GetName() == obj.GetName() {
			return true
		}
	}
	return false
}

// deleteOldPlans removes plan ConfigMaps that no Job mounts any more.
func (a *Actions) deleteOldPlans(o *Observed) {
	if a.PlanName == "" {
		return
	}
	for _, name := range o.Plans {
		used := name == a.PlanName || name == o.Parts.Status.PlanConfigMap && a.Terminal
		for i := range o.Jobs {
			used = used || o.Jobs[i].Labels[v1alpha1.LabelPlan] == planOf(name)
		}
		if !used {
			a.Delete = append(a.Delete, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: o.Object.GetNamespace(), Name: name}})
		}
	}
}

// deleteReports removes the RunReports of pods not in keep, once their numbers are stored.
func (a *Actions) deleteReports(o *Observed, keep map[string]bool) {
	for i := range o.Reports {
		if r := &o.Reports[i]; !keep[r.Name] && !a.folding[r.Name] && r.DeletionTimestamp == nil && !a.deletes(r) {
			a.Delete = append(a.Delete, r)
		}
	}
}
