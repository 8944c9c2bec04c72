package staged

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Bounds on running a stage again as a whole.
const (
	maxStageAttempts = 3
	maxLastAttempts  = 6
)

// stageReasons are the words of STATUS while a stage runs.
var stageReasons = map[string]string{
	spec.StageFetch: v1alpha1.ReasonFetching, spec.StageVerify: v1alpha1.ReasonVerifying,
	spec.StageImport: v1alpha1.ReasonImporting,
	spec.StageTrain:  v1alpha1.ReasonTraining, spec.StageIndex: v1alpha1.ReasonIndexing,
	spec.StageTwins: v1alpha1.ReasonSparsifying, spec.StageMatch: v1alpha1.ReasonSparsifying,
	spec.StageAnalyse: v1alpha1.ReasonAnalysing, spec.StageCollect: v1alpha1.ReasonCollecting,
}

// stageRun is one stage in one pass.
type stageRun struct {
	o     *Observed
	a     *Actions
	ad    Adapter
	store *v1alpha1.ArtifactStore
	now   time.Time
	index int
	spec  *spec.Stage
	state *v1alpha1.StageStatus
	job   *batchv1.Job
	pods  []corev1.Pod
}

func (r *stageRun) last() bool { return r.index == len(r.a.Snapshot.Stages)-1 }

// decideStages walks the stages in order and acts on the first that is not done.
func decideStages(o *Observed, ad Adapter, a *Actions, store *v1alpha1.ArtifactStore, now time.Time) {
	if len(a.Stages) != len(a.Snapshot.Stages) {
		a.Stages = make([]v1alpha1.StageStatus, len(a.Snapshot.Stages))
		for i, s := range a.Snapshot.Stages {
			a.Stages[i] = v1alpha1.StageStatus{Name: s.Name, Attempt: 1, Shards: ptr.To(int32(len(s.Shards))), Succeeded: ptr.To(int32(0)), Failed: ptr.To(int32(0))}
		}
	}
	a.Progress.Snapshot = a.Snapshot
	for i := range a.Snapshot.Stages {
		if a.Stages[i].CompletionTime != nil {
			continue
		}
		r := &stageRun{o: o, a: a, ad: ad, store: store, now: now, index: i, spec: &a.Snapshot.Stages[i], state: &a.Stages[i]}
		if !r.decide() {
			return
		}
	}
	a.deleteReports(o, nil)
}

// decide acts on a stage and says whether it is done.
func (r *stageRun) decide() (done bool) {
	r.a.Progress.Stage = r.index
	r.job = r.o.job(r.spec.Name, planOf(r.a.PlanName), r.state.Attempt)
	if r.job == nil {
		r.start()
		return false
	}
	r.a.Started = true // also when the write that would have said so failed
	r.pods = r.o.podsOf(r.job)
	r.count()
	switch {
	case r.job.DeletionTimestamp != nil:
		r.working("waits for the earlier Job " + r.job.Name + " to go")
	case r.failMemory():
	case jobCondition(r.job, batchv1.JobComplete) != nil:
		return r.complete()
	case jobCondition(r.job, batchv1.JobFailed) != nil:
		r.failed()
	default:
		r.active()
	}
	if !r.a.progressing() {
		r.a.deleteReports(r.o, nil)
	}
	return false
}

func (a *Actions) progressing() bool {
	return len(a.Progress.Reports) > 0 || a.Verdict.Outcome == Working
}

// start creates the stage's Job once nothing else of the object writes to the store.
func (r *stageRun) start() {
	label := planOf(r.a.PlanName)
	others := r.o.livePods(func(p *corev1.Pod) bool {
		return p.Labels[v1alpha1.LabelPlan] != label || p.Labels[v1alpha1.LabelStage] != r.spec.Name || r.o.owner(p) == nil
	})
	r.a.deleteReports(r.o, nil)
	if others > 0 {
		r.working(fmt.Sprintf("waits for %d pods of earlier work to end", others))
		return
	}
	job := stageJob(r.input())
	r.state.Job = job.Name
	r.a.Account = accountOf(r.store)
	r.a.Create = append(r.a.Create, job)
	r.a.Started = true
	r.working(fmt.Sprintf("%d shards to run", len(r.spec.Shards)))
}

func (r *stageRun) input() *jobInput {
	in := &jobInput{
		kind: r.ad.Kind(), object: r.o.Object, execution: r.o.Parts.Execution, snapshot: r.a.Snapshot, stage: r.spec,
		planName: r.a.PlanName, attempt: r.state.Attempt, image: r.a.Image, store: r.store,
	}
	if z := r.a.Snapshot.Zoo; z != nil && !sameStore(z.Dataset.Store, r.store.Spec.URL) {
		in.sourceStore = storeByURL(r.o.Stores, z.Dataset.Store)
	}
	return in
}

// owner is the observed Job that controls a pod.
func (o *Observed) owner(p *corev1.Pod) *batchv1.Job {
	for i := range o.Jobs {
		if metav1.IsControlledBy(p, &o.Jobs[i]) {
			return &o.Jobs[i]
		}
	}
	return nil
}

// count copies the Job's counters; its index lists say which shards they are.
func (r *stageRun) count() {
	n := len(r.spec.Shards)
	r.a.Progress.Completed = ParseIndexes(r.job.Status.CompletedIndexes, n)
	r.a.Progress.Failed = ParseIndexes(ptr.Deref(r.job.Status.FailedIndexes, ""), n)
	r.fold()
	r.state.Job = r.job.Name
	r.state.Succeeded = ptr.To(int32(r.a.Progress.Completed.Len()))
	r.state.Failed = ptr.To(int32(r.a.Progress.Failed.Len()))
	if f := failuresOf(r.spec.Name, r.pods); len(f) > 0 {
		r.a.Failures = f
	}
}

// failMemory gives up at once when a pod was killed for memory: the same pod would be killed again.
func (r *stageRun) failMemory() bool {
	e, ok := outOfMemory(r.pods)
	if !ok || jobCondition(r.job, batchv1.JobComplete) != nil {
		return false
	}
	planned := plannedMemory(&r.o.Parts.Execution.Compute, r.spec)
	got := podMemory(&r.o.Parts.Execution.Compute, planned) / mebibyte
	r.fail(v1alpha1.ReasonOutOfMemory, fmt.Sprintf(
		"stage %s, shard %d: the pod was killed for memory with a limit of %dMi (the plan computed %dMi); delete the object and create it again with spec.compute.memory: %dMi or a smaller spec.sharding.membersPerShard: finished members are adopted",
		r.spec.Name, e.shard, got, planned/mebibyte, got*2))
	return true
}

// complete ends a stage. The last stage is done only when its result was read.
func (r *stageRun) complete() bool {
	if r.last() {
		result := resultOf(r.ad.Kind(), r.pods)
		if result == nil {
			r.rerunLast()
			return false
		}
		r.a.Progress.Result = result
		r.a.Failures = nil
		r.a.Verdict = Verdict{Complete, v1alpha1.ReasonComplete, "the artifact is complete and matches the spec"}
	}
	r.state.CompletionTime = ptr.To(metav1.NewTime(r.now))
	r.state.Succeeded = r.state.Shards
	r.state.Failed = ptr.To(int32(0))
	return true
}

// rerunLast starts the last stage again: its pod, and with it the result, is gone.
func (r *stageRun) rerunLast() {
	for i := range r.pods {
		if !podEnded(&r.pods[i]) {
			r.working("waits for the last pod's end to be seen")
			return
		}
	}
	if r.state.Attempt >= maxLastAttempts {
		r.fail(v1alpha1.ReasonNoResult, fmt.Sprintf("stage %s ended well %d times, but no pod left a readable result; is the runtime image of the manager's release?", r.spec.Name, r.state.Attempt))
		return
	}
	r.state.Attempt++
	r.job, r.pods = nil, nil
	r.start()
}

// failed says why a Job failed, or runs the stage before again when work was missing.
func (r *stageRun) failed() {
	for i := range r.pods {
		if !podEnded(&r.pods[i]) {
			r.working("waits for the last pods to end")
			return
		}
	}
	if e, ok := exitOf(r.job, r.pods, spec.ExitInvalidInput); ok {
		r.fail(v1alpha1.ReasonInvalidInput, e.text())
		return
	}
	if e, ok := exitOf(r.job, r.pods, spec.ExitIncomplete); ok && r.index > 0 {
		r.rerunBefore(&e)
		return
	}
	n := r.a.Progress.Failed.Len()
	msg := fmt.Sprintf("stage %s: %d of %d shards failed", r.spec.Name, max(n, 1), len(r.spec.Shards))
	if len(r.a.Failures) > 0 {
		f := &r.a.Failures[0]
		msg += fmt.Sprintf("; shard %d: %s", ptr.Deref(f.Shard, 0), f.Message)
	} else if c := jobCondition(r.job, batchv1.JobFailed); c != nil {
		msg += "; " + c.Message
	}
	r.fail(v1alpha1.ReasonShardsFailed, msg)
}

// rerunBefore runs the stage before again, after which this one gets a fresh attempt.
func (r *stageRun) rerunBefore(e *ended) {
	before := &r.a.Stages[r.index-1]
	if before.Attempt >= maxStageAttempts {
		r.fail(v1alpha1.ReasonIncomplete, fmt.Sprintf("stage %s ran %d times and stage %s still misses work: %s", before.Name, before.Attempt, r.spec.Name, e.text()))
		return
	}
	r.state.Attempt++
	r.state.Job = ""
	before.Attempt++
	before.CompletionTime, before.Succeeded, before.Failed = nil, ptr.To(int32(0)), ptr.To(int32(0))
	b := &stageRun{o: r.o, a: r.a, ad: r.ad, store: r.store, now: r.now, index: r.index - 1, spec: &r.a.Snapshot.Stages[r.index-1], state: before}
	r.a.Progress = Progress{Snapshot: r.a.Snapshot, Stage: b.index}
	b.decide()
}

// active steers a running Job and its progress slots.
func (r *stageRun) active() {
	queued := r.job.Labels[v1alpha1.LabelQueueName] != ""
	patch := JobPatch{Name: r.job.Name}
	if want := jobParallelism(r.o.Parts.Execution, int32(len(r.spec.Shards))); ptr.Deref(r.job.Spec.Parallelism, 1) != want {
		patch.Parallelism = ptr.To(want)
	}
	suspended := ptr.Deref(r.job.Spec.Suspend, false)
	if suspended && !queued {
		patch.Suspend = ptr.To(false)
	}
	if patch.Parallelism != nil || patch.Suspend != nil {
		r.a.Patch = append(r.a.Patch, patch)
	}
	r.reports()
	if suspended && queued {
		r.a.Verdict = Verdict{Working, v1alpha1.ReasonQueued, fmt.Sprintf("Job %s waits in queue %s", r.job.Name, r.job.Labels[v1alpha1.LabelQueueName])}
		return
	}
	if r.a.StoreAway {
		r.a.Verdict = Verdict{Working, v1alpha1.ReasonStoreUnavailable, "the store does not answer; pods wait and try again"}
		return
	}
	r.working(fmt.Sprintf("%d of %d shards done", ptr.Deref(r.state.Succeeded, 0), len(r.spec.Shards)))
}

// reports keeps one RunReport for each running pod, at most parallelism, and folds them.
func (r *stageRun) reports() {
	keep, have := map[string]bool{}, map[string]*v1alpha1.RunReport{}
	for i := range r.o.Reports {
		have[r.o.Reports[i].Name] = &r.o.Reports[i]
	}
	running, limit := 0, int(jobParallelism(r.o.Parts.Execution, int32(len(r.spec.Shards))))
	for i := range r.pods {
		p := &r.pods[i]
		if ended := have[p.Name]; ended != nil && p.Status.Phase == corev1.PodSucceeded && !r.a.Progress.Completed.Has(int(podShard(p))) {
			keep[p.Name] = true // the Job counts it soon, and then it is folded
			r.a.Progress.Reports = append(r.a.Progress.Reports, *ended)
			continue
		}
		if p.Status.Phase != corev1.PodRunning || p.DeletionTimestamp != nil || running >= limit {
			continue
		}
		running++
		keep[p.Name] = true
		report := have[p.Name]
		if report == nil {
			r.a.Create = append(r.a.Create, runReport(r.ad.Kind(), r.o.Object, p))
			continue
		}
		r.a.Progress.Reports = append(r.a.Progress.Reports, *report)
		r.a.StoreAway = r.a.StoreAway || report.Status.Store == v1alpha1.StoreUnavailable
	}
	r.a.deleteReports(r.o, keep)
}

func (r *stageRun) working(message string) {
	r.a.Verdict = Verdict{Working, stageReasons[r.spec.Name], "stage " + r.spec.Name + ": " + message}
}

func (r *stageRun) fail(reason, message string) {
	r.a.Verdict = Verdict{Failed, reason, shorten(message, maxFailureMessage)}
}
