package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RunReportSpec ties a progress slot to the one pod that may write it.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec is immutable: a RunReport belongs to one pod"
type RunReportSpec struct {
	// ownerKind is the kind of the workload, such as ModelZoo.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +required
	OwnerKind string `json:"ownerKind,omitempty"`

	// ownerName is the name of the workload.
	// +required
	OwnerName ObjectName `json:"ownerName,omitempty"`

	// stage the pod runs.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +required
	Stage string `json:"stage,omitempty"`

	// shard the pod runs.
	// +kubebuilder:validation:Minimum=0
	// +required
	Shard *int32 `json:"shard,omitempty"`

	// podName is the pod that may write status. An admission policy compares it with the
	// pod name in the writer's token.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	PodName string `json:"podName,omitempty"`
}

// RunReportStatus is what a pod says of its progress. It is advisory: final numbers come
// from the store.
//
// +kubebuilder:validation:MinProperties=1
type RunReportStatus struct {
	// message says what the pod is doing, or what it waits for.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Message string `json:"message,omitempty"`

	// store is Unavailable while the store does not answer.
	// +optional
	Store StoreState `json:"store,omitempty"`

	// epoch that the shard's members have finished.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Epoch *int32 `json:"epoch,omitempty"`

	// epochs to train.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Epochs *int32 `json:"epochs,omitempty"`

	// members of the shard.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Members *int32 `json:"members,omitempty"`

	// membersDone is the number of members trained to the last epoch.
	// +kubebuilder:validation:Minimum=0
	// +optional
	MembersDone *int32 `json:"membersDone,omitempty"`

	// membersDiverged is the number of members whose loss became NaN or infinite.
	// +kubebuilder:validation:Minimum=0
	// +optional
	MembersDiverged *int32 `json:"membersDiverged,omitempty"`

	// testAccuracySum is the sum of test accuracy over the members that did not diverge.
	// +optional
	TestAccuracySum Decimal `json:"testAccuracySum,omitempty"`

	// testAccuracySquares is the sum of squared test accuracy over the same members.
	// +optional
	TestAccuracySquares Decimal `json:"testAccuracySquares,omitempty"`

	// secondsLeft is the pod's own estimate.
	// +kubebuilder:validation:Minimum=0
	// +optional
	SecondsLeft *int32 `json:"secondsLeft,omitempty"`

	// updateTime is when the pod wrote this.
	// +optional
	UpdateTime *metav1.Time `json:"updateTime,omitempty"`
}

// StoreState says whether the store answers.
//
// +kubebuilder:validation:Enum=Available;Unavailable
type StoreState string

const (
	// StoreAvailable means that the store answers.
	StoreAvailable StoreState = "Available"
	// StoreUnavailable means that the pod waits and retries.
	StoreUnavailable StoreState = "Unavailable"
)

// RunReport is an internal progress slot: the manager creates it for a running pod and
// deletes it once its numbers are folded into the workload's status.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=runreports,shortName=wrr,categories=weightspace-internal
// +kubebuilder:printcolumn:name="Kind",type=string,JSONPath=`.spec.ownerKind`
// +kubebuilder:printcolumn:name="Owner",type=string,JSONPath=`.spec.ownerName`
// +kubebuilder:printcolumn:name="Stage",type=string,JSONPath=`.spec.stage`
// +kubebuilder:printcolumn:name="Shard",type=integer,JSONPath=`.spec.shard`
// +kubebuilder:printcolumn:name="Epoch",type=integer,JSONPath=`.status.epoch`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type RunReport struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec ties the slot to a pod.
	// +required
	Spec RunReportSpec `json:"spec,omitzero"`

	// status is written by the pod.
	// +optional
	Status RunReportStatus `json:"status,omitzero"`
}

// RunReportList is a list of RunReports.
//
// +kubebuilder:object:root=true
type RunReportList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []RunReport `json:"items"`
}
