package staged

import (
	"fmt"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

const (
	// PlanKey is the key of the plan in its ConfigMap.
	PlanKey = "plan.json"
	// labelManagedBy marks everything the manager made, so that caches can select it.
	labelManagedBy = "app.kubernetes.io/managed-by"
	managedByValue = "weightspace"
	// retriesPerShard bounds how often a pod of one shard may fail.
	retriesPerShard = 3
	// failedShardsAllowed ends a stage early when many shards fail.
	failedShardsAllowed = 10
	// cleanupDeadlineSeconds ends a cleanup that cannot run, so that deletion is not held.
	cleanupDeadlineSeconds = 600
	// maxJobName leaves room for "-<shard>" in the pods' host names (63 characters).
	maxJobName = 57
)

var managed = client.MatchingLabels{labelManagedBy: managedByValue}

// planLabel is the short digest of a plan.
func planLabel(s *spec.Snapshot) string {
	return strings.TrimPrefix(plan.Digest(s), "sha256:")[:10]
}

func childLabels(kind string, o client.Object) map[string]string {
	return map[string]string{
		labelManagedBy: managedByValue, v1alpha1.LabelKind: kind,
		v1alpha1.LabelName: o.GetName(), v1alpha1.LabelOwnerUID: string(o.GetUID()),
	}
}

func ownedBy(kind string, o client.Object) []metav1.OwnerReference {
	return []metav1.OwnerReference{*metav1.NewControllerRef(o, v1alpha1.GroupVersion.WithKind(kind))}
}

// planConfigMap holds a frozen plan.
func planConfigMap(kind string, o client.Object, s *spec.Snapshot) *corev1.ConfigMap {
	labels := childLabels(kind, o)
	labels[v1alpha1.LabelPlan] = planLabel(s)
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: o.GetNamespace(), Name: o.GetName() + "-" + planLabel(s), Labels: labels, OwnerReferences: ownedBy(kind, o),
		},
		Immutable: ptr.To(true),
		Data:      map[string]string{PlanKey: string(plan.Marshal(s))},
	}
}

// jobName is deterministic: creating it twice fails, which is the lock.
func jobName(name, stage, planLabel string, attempt int32) string {
	suffix := fmt.Sprintf("-%s-%.6s-%d", stage, planLabel, attempt)
	if room := maxJobName - len(suffix); len(name) > room {
		name = strings.TrimRight(name[:room], "-")
	}
	return name + suffix
}

// jobInput is what a Job of one stage is made of.
type jobInput struct {
	kind        string
	object      client.Object
	execution   *v1alpha1.Execution
	snapshot    *spec.Snapshot
	stage       *spec.Stage
	planName    string // the plan's ConfigMap
	attempt     int32
	image       string
	store       *v1alpha1.ArtifactStore
	sourceStore *v1alpha1.ArtifactStore // of the upstream artifact, nil when the same
}

// stageJob is the Indexed Job of one stage: a completion per shard.
func stageJob(in *jobInput) *batchv1.Job {
	labels := childLabels(in.kind, in.object)
	labels[v1alpha1.LabelStage] = in.stage.Name
	labels[v1alpha1.LabelPlan] = planLabel(in.snapshot)
	labels[v1alpha1.LabelAttempt] = strconv.Itoa(int(in.attempt))
	shards := int32(len(in.stage.Shards))
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: in.object.GetNamespace(), Labels: labels, OwnerReferences: ownedBy(in.kind, in.object),
			Name: jobName(in.object.GetName(), in.stage.Name, labels[v1alpha1.LabelPlan], in.attempt),
		},
		Spec: batchv1.JobSpec{
			CompletionMode:       ptr.To(batchv1.IndexedCompletion),
			Completions:          ptr.To(shards),
			Parallelism:          ptr.To(jobParallelism(in.execution, shards)),
			BackoffLimitPerIndex: ptr.To(int32(retriesPerShard)),
			MaxFailedIndexes:     ptr.To(min(shards, failedShardsAllowed)),
			PodReplacementPolicy: ptr.To(batchv1.Failed),
			PodFailurePolicy:     podFailurePolicy(),
			Template:             corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: podLabels(labels)}, Spec: podSpec(in)},
		},
	}
	if queue := string(in.execution.Compute.QueueName); queue != "" {
		job.Labels[v1alpha1.LabelQueueName] = queue
		job.Spec.Suspend = ptr.To(true)
	}
	return job
}

// cleanupJob removes an artifact. The object is going, so it cannot own the Job: a foreground
// deletion would take the Job first. The manager deletes it before it releases the object.
func cleanupJob(in *jobInput) *batchv1.Job {
	job := stageJob(in)
	job.OwnerReferences = nil
	job.Spec.ActiveDeadlineSeconds = ptr.To(int64(cleanupDeadlineSeconds))
	delete(job.Labels, v1alpha1.LabelQueueName)
	job.Spec.Suspend = nil
	return job
}

func podLabels(job map[string]string) map[string]string {
	out := make(map[string]string, len(job))
	for k, v := range job {
		out[k] = v
	}
	return out
}

func jobParallelism(e *v1alpha1.Execution, shards int32) int32 {
	return min(ptr.Deref(e.Parallelism, 2), shards)
}

// podFailurePolicy: a disruption or a checkpoint is no failure, wrong input and missing work
// end the stage at once, anything else is retried per shard.
func podFailurePolicy() *batchv1.PodFailurePolicy {
	onExit := func(action batchv1.PodFailurePolicyAction, code int32) batchv1.PodFailurePolicyRule {
		return batchv1.PodFailurePolicyRule{Action: action, OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{
			ContainerName: ptr.To(containerName), Operator: batchv1.PodFailurePolicyOnExitCodesOpIn, Values: []int32{code},
		}}
	}
	return &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{
		{Action: batchv1.PodFailurePolicyActionIgnore, OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{
			{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue},
		}},
		onExit(batchv1.PodFailurePolicyActionFailJob, spec.ExitInvalidInput),
		onExit(batchv1.PodFailurePolicyActionIgnore, spec.ExitCheckpointed),
		onExit(batchv1.PodFailurePolicyActionFailJob, spec.ExitIncomplete),
	}}
}

// runReport is the progress slot of a running pod.
func runReport(kind string, o client.Object, p *corev1.Pod) *v1alpha1.RunReport {
	labels := childLabels(kind, o)
	labels[v1alpha1.LabelStage] = p.Labels[v1alpha1.LabelStage]
	return &v1alpha1.RunReport{
		ObjectMeta: metav1.ObjectMeta{Namespace: o.GetNamespace(), Name: p.Name, Labels: labels, OwnerReferences: ownedBy(kind, o)},
		Spec: v1alpha1.RunReportSpec{
			OwnerKind: kind, OwnerName: v1alpha1.ObjectName(o.GetName()), Stage: p.Labels[v1alpha1.LabelStage],
			Shard: ptr.To(podShard(p)), PodName: p.Name,
		},
	}
}

// podShard is the completion index that the Job controller gave the pod.
func podShard(p *corev1.Pod) int32 {
	text := p.Labels[batchv1.JobCompletionIndexAnnotation]
	if text == "" {
		text = p.Annotations[batchv1.JobCompletionIndexAnnotation]
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0
	}
	return int32(n)
}
