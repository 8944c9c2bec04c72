package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Decimal is a decimal number written as a string, such as "3e-4", "0.5" or "10".
// Strings keep every digit a user wrote: two objects with the same text have the same
// digest on every client.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:Pattern=`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$`
type Decimal string

// ObjectName is the name of another Kubernetes object (an RFC 1123 subdomain).
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
type ObjectName string

// Digest is a content digest, "sha256:" and 64 lower-case hexadecimal digits.
//
// +kubebuilder:validation:MinLength=71
// +kubebuilder:validation:MaxLength=71
// +kubebuilder:validation:Pattern=`^sha256:[0-9a-f]{64}$`
type Digest string

// StoreReference names the ArtifactStore in which artifacts live.
type StoreReference struct {
	// name of the ArtifactStore, a cluster-scoped object owned by the cluster's admin.
	// +required
	Name ObjectName `json:"name,omitempty"`
}

// DatasetReference names a Dataset in the same namespace.
type DatasetReference struct {
	// name of the Dataset in the namespace of this object.
	// +required
	Name ObjectName `json:"name,omitempty"`
}

// DeletionPolicy says what happens to artifacts when the object is deleted.
//
// +kubebuilder:validation:Enum=Retain;Delete
type DeletionPolicy string

const (
	// DeletionPolicyRetain keeps the artifacts. An object re-created with the same spec adopts them.
	DeletionPolicyRetain DeletionPolicy = "Retain"
	// DeletionPolicyDelete removes the artifacts with a cleanup Job before the object goes.
	DeletionPolicyDelete DeletionPolicy = "Delete"
)

// Compute says what each pod of a workload gets and where it may run. None of it
// changes results; pods already running keep what they started with.
//
// +kubebuilder:validation:MinProperties=1
type Compute struct {
	// accelerator requests a device for each pod. Without it pods compute on the CPU.
	// +optional
	Accelerator *Accelerator `json:"accelerator,omitempty"`

	// cpu is the number of whole CPU cores of each pod, used as request and as limit. Defaults to 1.
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1024
	// +optional
	CPU int32 `json:"cpu,omitempty"`

	// memory of each pod, used as request and as limit, such as "2Gi". When unset the plan
	// computes it from the shard's size; a value below what the plan needs is refused.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^[1-9][0-9]*(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$`
	// +optional
	Memory string `json:"memory,omitempty"`

	// nodeSelector restricts pods to nodes that carry these labels.
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// tolerations let pods run on tainted nodes.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// runtimeImage replaces the runtime image the manager was installed with. The admin
	// limits which images are allowed (manager flag --allowed-runtime-images).
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +optional
	RuntimeImage string `json:"runtimeImage,omitempty"`

	// queueName is the Kueue LocalQueue of the Jobs. With it Jobs are created suspended and
	// Kueue admits them.
	// +optional
	QueueName ObjectName `json:"queueName,omitempty"`
}

// Accelerator requests a device by extended resource or by dynamic resource allocation.
//
// +kubebuilder:validation:XValidation:rule="has(self.resource) != has(self.resourceClaimTemplateName)",message="set exactly one of resource and resourceClaimTemplateName"
type Accelerator struct {
	// resource is an extended resource such as "nvidia.com/gpu" or "nvidia.com/mig-1g.10gb".
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	// +optional
	Resource string `json:"resource,omitempty"`

	// count of devices for each pod with resource. Defaults to 1.
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=16
	// +optional
	Count int32 `json:"count,omitempty"`

	// resourceClaimTemplateName names a ResourceClaimTemplate (DRA) in this namespace.
	// +optional
	ResourceClaimTemplateName ObjectName `json:"resourceClaimTemplateName,omitempty"`
}

// Execution holds the fields by which a user steers a workload without changing its
// results. All of them may change at any time.
type Execution struct {
	// suspend stops the workload: pods checkpoint and are deleted, artifacts stay. Setting it
	// back to false resumes from the checkpoints. Defaults to false.
	// +kubebuilder:default=false
	// +optional
	Suspend *bool `json:"suspend,omitempty"`

	// managedBy names the controller that reconciles this object. Unset or
	// "weightspace.dev/manager" means this operator; with any other value the operator leaves
	// the object alone. Immutable.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +optional
	ManagedBy string `json:"managedBy,omitempty"`

	// parallelism is how many shards may run at the same time. Defaults to 2. The scale
	// subresource sets it.
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	// +optional
	Parallelism *int32 `json:"parallelism,omitempty"`

	// ttlSecondsAfterFinished deletes the object this many seconds after it completed or
	// failed. Artifacts follow the deletion policy. Unset keeps the object.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=315360000
	// +optional
	TTLSecondsAfterFinished *int32 `json:"ttlSecondsAfterFinished,omitempty"`

	// deletionPolicy says whether artifacts stay (Retain, the default) or go (Delete) with the object.
	// +kubebuilder:default=Retain
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// compute says what each pod gets and where it may run.
	// +optional
	Compute Compute `json:"compute,omitempty,omitzero"`
}

// WorkloadStatus is the part of the status that every staged kind shares. Its size does
// not grow with the number of models.
type WorkloadStatus struct {
	// conditions are Ready, Reconciling, Stalled, Suspended, Complete and Failed. The reason
	// of Ready is what the STATUS column shows.
	// +listType=map
	// +listMapKey=type
	// +patchStrategy=merge
	// +patchMergeKey=type
	// +kubebuilder:validation:MaxItems=16
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty" patchStrategy:"merge" patchMergeKey:"type"`

	// observedGeneration is the generation of the spec that this status describes.
	// +kubebuilder:validation:Minimum=1
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// specDigest is the digest of the scientific fields this status answers for. Complete and
	// Failed hold for it, not for the generation.
	// +optional
	SpecDigest Digest `json:"specDigest,omitempty"`

	// planConfigMap is the name of the immutable ConfigMap that holds the plan being executed.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	PlanConfigMap string `json:"planConfigMap,omitempty"`

	// runtimeImage is the image the plan was frozen with.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +optional
	RuntimeImage string `json:"runtimeImage,omitempty"`

	// startTime is when the first Job of this plan was created.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// completionTime is when the workload completed or failed.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`

	// eta is the estimated time left, such as "4m". Empty when unknown or finished.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +optional
	ETA string `json:"eta,omitempty"`

	// stages in the order they run.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	// +optional
	Stages []StageStatus `json:"stages,omitempty"`

	// failures are up to ten sampled shard failures.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	// +optional
	Failures []ShardFailure `json:"failures,omitempty"`

	// artifact is what the workload left in the store.
	// +optional
	Artifact ArtifactStatus `json:"artifact,omitempty,omitzero"`

	// activePods is the number of pods that run now, the scale subresource's replicas.
	// +kubebuilder:validation:Minimum=0
	// +optional
	ActivePods *int32 `json:"activePods,omitempty"`

	// selector is the label selector of the pods, for the scale subresource.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +optional
	Selector string `json:"selector,omitempty"`
}

// StageStatus counts the shards of one stage.
type StageStatus struct {
	// name of the stage, such as train or index.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +required
	Name string `json:"name,omitempty"`

	// job is the name of the stage's current Job.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Job string `json:"job,omitempty"`

	// attempt counts how often the stage was started again as a whole, from 1.
	// +kubebuilder:validation:Minimum=1
	// +optional
	Attempt int32 `json:"attempt,omitempty"`

	// shards is the number of shards of the stage.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Shards *int32 `json:"shards,omitempty"`

	// succeeded is the number of shards whose pods ended well.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Succeeded *int32 `json:"succeeded,omitempty"`

	// failed is the number of shards that were given up.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Failed *int32 `json:"failed,omitempty"`

	// completionTime is when the stage was done. A stage with it is never run again for this plan.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`

	// live sums up the last reports of finished shards, for the numbers shown while the stage
	// runs. It is advisory: final numbers come from the store.
	// +optional
	Live LiveSums `json:"live,omitempty,omitzero"`
}

// LiveSums are sums over the members of finished shards. A shard is counted once: its number
// and its sums are stored in the same write.
type LiveSums struct {
	// shards are the numbers of the shards that are in the sums, such as "0-3,7".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +required
	Shards string `json:"shards,omitempty"`

	// members is the number of members of these shards that did not diverge.
	// +kubebuilder:validation:Minimum=0
	// +required
	Members *int32 `json:"members,omitempty"`

	// diverged is the number of members of these shards that diverged.
	// +kubebuilder:validation:Minimum=0
	// +required
	Diverged *int32 `json:"diverged,omitempty"`

	// testAccuracySum is the sum of test accuracy over members.
	// +required
	TestAccuracySum Decimal `json:"testAccuracySum,omitempty"`

	// testAccuracySquares is the sum of squared test accuracy over members.
	// +required
	TestAccuracySquares Decimal `json:"testAccuracySquares,omitempty"`
}

// ShardFailure is one sampled failure.
type ShardFailure struct {
	// stage in which the shard failed.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +required
	Stage string `json:"stage,omitempty"`

	// shard is the shard's number in the stage.
	// +kubebuilder:validation:Minimum=0
	// +required
	Shard *int32 `json:"shard,omitempty"`

	// exitCode of the pod's container.
	// +optional
	ExitCode *int32 `json:"exitCode,omitempty"`

	// reason is a CamelCase word such as OutOfMemory or InvalidInput.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +optional
	Reason string `json:"reason,omitempty"`

	// message is what the pod said, shortened.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Message string `json:"message,omitempty"`
}

// ArtifactStatus says where the artifact is and what it holds.
type ArtifactStatus struct {
	// uri of the artifact's folder in the store.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +required
	URI string `json:"uri,omitempty"`

	// manifestDigest is the digest of manifest.json, which lists every file with its own digest.
	// +required
	ManifestDigest Digest `json:"manifestDigest,omitempty"`

	// resultDigest identifies the results: equal for equal specs whatever the sharding, the
	// restarts and the machine.
	// +required
	ResultDigest Digest `json:"resultDigest,omitempty"`

	// sizeBytes is the total size of the artifact's files in bytes.
	// +kubebuilder:validation:Minimum=0
	// +optional
	SizeBytes *int64 `json:"sizeBytes,omitempty"`
}
