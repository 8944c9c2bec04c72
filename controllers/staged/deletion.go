package staged

import (
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// decideDeletion removes the artifact of an object with deletionPolicy Delete, then releases
// the object. What cannot be removed is named and left: deletion is never held for ever.
func decideDeletion(o *Observed, p *Policy, ad Adapter, a *Actions) {
	a.Snapshot = o.Snapshot
	a.Verdict = Verdict{Deleting, v1alpha1.ReasonDeleting, "the artifact is being removed"}
	if !controllerutil.ContainsFinalizer(o.Object, v1alpha1.FinalizerArtifacts) {
		return
	}
	if a.PlanName == "" {
		a.PlanName = o.LostPlan // work may have begun although the write that said so failed
	}
	if a.Image == "" {
		a.Image = p.RuntimeImage
	}
	if o.Parts.Execution.DeletionPolicy != v1alpha1.DeletionPolicyDelete || a.PlanName == "" {
		a.release(o)
		return
	}
	if o.NamespaceTerminating {
		a.deleteJobs(o)
		a.abandon(o, ad)
		return
	}
	if len(o.Consumers) > 0 {
		a.Verdict.Message = "waits while in use by " + strings.Join(o.Consumers[:min(len(o.Consumers), maxFailures)], ", ") + "; delete these first"
		return
	}
	a.deleteReports(o, nil)
	working := o.livePods(func(p *corev1.Pod) bool { return p.Labels[v1alpha1.LabelStage] != spec.StageCleanup })
	var cleanup *batchv1.Job
	for i := range o.Jobs {
		j := &o.Jobs[i]
		switch {
		case j.Labels[v1alpha1.LabelStage] == spec.StageCleanup:
			cleanup = j
		case j.DeletionTimestamp == nil:
			working++
			a.Delete = append(a.Delete, j)
		default:
			working++
		}
	}
	if working > 0 {
		a.Verdict.Message = "waits for running pods to end"
		return
	}
	decideCleanup(o, ad, a, cleanup)
}

func decideCleanup(o *Observed, ad Adapter, a *Actions, job *batchv1.Job) {
	switch {
	case job == nil:
		a.startCleanup(o, ad)
	case jobCondition(job, batchv1.JobComplete) != nil:
		a.release(o)
	case jobCondition(job, batchv1.JobFailed) != nil:
		a.abandon(o, ad)
	case job.DeletionTimestamp != nil:
		a.Verdict.Message = "waits for a cleanup Job that somebody deleted to go; then it runs again"
	}
}

// startCleanup runs a pod that removes the artifact. The plan is made again when its ConfigMap
// went before the object, as a foreground deletion does.
func (a *Actions) startCleanup(o *Observed, ad Adapter) {
	store, problem := checkStore(o, frozenStore(o, a))
	if problem != nil {
		a.abandon(o, ad)
		return
	}
	s := o.Snapshot
	if s == nil {
		var err error
		s, err = ad.Plan(o.Object, plan.Inputs{Namespace: o.Object.GetNamespace(), Name: o.Object.GetName(), StoreURL: store.Spec.URL, Dataset: o.Upstream.Dataset, Zoo: o.Upstream.Zoo, ZooPlan: o.Upstream.ZooPlan})
		if err != nil {
			a.abandon(o, ad)
			return
		}
		cm := planConfigMap(ad.Kind(), o.Object, s)
		a.PlanName = cm.Name
		if !contains(o.Plans, cm.Name) {
			a.Create = append(a.Create, cm)
		}
	}
	memory := s.Stages[len(s.Stages)-1].MemoryBytes
	a.Account = accountOf(store)
	a.Create = append(a.Create, cleanupJob(&jobInput{
		kind: ad.Kind(), object: o.Object, execution: cleanupExecution(o.Parts.Execution), snapshot: s, planName: a.PlanName, attempt: 1, image: a.Image, store: store,
		stage: &spec.Stage{Name: spec.StageCleanup, Shards: []spec.Shard{{}}, MemoryBytes: memory, GraceSeconds: 30},
	}))
}

// cleanupExecution drops accelerators: removing files needs none.
func cleanupExecution(e *v1alpha1.Execution) *v1alpha1.Execution {
	c := e.DeepCopy()
	c.Parallelism, c.Compute.Accelerator, c.Compute.QueueName = ptr.To(int32(1)), nil, ""
	return c
}

// decideTerminatingNamespace stops the work of an object whose namespace goes, before the object
// itself is deleted. A namespace deletes its pods first and waits for them, while the Job
// controller keeps a failed pod of an Indexed Job until it has made the pod's replacement, which
// a terminating namespace refuses: without the Job both would wait for ever.
func decideTerminatingNamespace(o *Observed, a *Actions) {
	a.Snapshot = o.Snapshot
	a.Verdict = Verdict{Deleting, v1alpha1.ReasonDeleting, "the namespace is being deleted"}
	a.deleteJobs(o)
}

func (a *Actions) deleteJobs(o *Observed) {
	for i := range o.Jobs {
		if j := &o.Jobs[i]; j.DeletionTimestamp == nil && !a.deletes(j) {
			a.Delete = append(a.Delete, j)
		}
	}
}

func (a *Actions) release(o *Observed) {
	a.RemoveFinalizer = true
	for i := range o.Jobs {
		if j := &o.Jobs[i]; j.Labels[v1alpha1.LabelStage] == spec.StageCleanup && j.DeletionTimestamp == nil && !a.deletes(j) {
			a.Delete = append(a.Delete, j)
		}
	}
}

// abandon releases the object and says what stays in the store.
func (a *Actions) abandon(o *Observed, ad Adapter) {
	a.Abandoned = strings.ToLower("<store>/" + o.Object.GetNamespace() + "/" + ad.Kind() + "/" + o.Object.GetName())
	switch {
	case o.Parts.Status.Artifact.URI != "":
		a.Abandoned = o.Parts.Status.Artifact.URI
	case o.Snapshot != nil:
		a.Abandoned = JoinURI(o.Snapshot.Store, o.Snapshot.ArtifactPath)
	}
	a.release(o)
}
