package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ArtifactStoreSpec says where artifacts live and who may use the place.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.credentials) && self.url.startsWith('pvc://'))",message="credentials do not apply to a pvc:// store"
type ArtifactStoreSpec struct {
	// url of the store: s3://bucket/prefix?endpoint=...&region=..., gs://bucket/prefix,
	// azblob://container/prefix, or pvc://claim/path for a PersistentVolumeClaim of that name
	// in each workload's namespace. Every workload writes below <url>/<namespace>/<kind>/<name>/. Immutable.
	// +kubebuilder:validation:MinLength=6
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^(s3|gs|azblob|pvc)://[^\s]+$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec.url is immutable: artifacts already written there would be lost from view; create another ArtifactStore"
	// +required
	URL string `json:"url,omitempty"`

	// credentials says how pods sign in. Unset means anonymous or ambient credentials.
	// +optional
	Credentials *StoreCredentials `json:"credentials,omitempty"`

	// allowedNamespaces lists the namespaces whose workloads may use the store. Empty means
	// that namespaceSelector decides.
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +optional
	AllowedNamespaces []string `json:"allowedNamespaces,omitempty"`

	// namespaceSelector admits the namespaces that carry matching labels, beside those in
	// allowedNamespaces. An empty selector ({}) admits all. Unset admits none.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
}

// StoreCredentials says how pods sign in to the store.
//
// +kubebuilder:validation:XValidation:rule="has(self.secretName) != has(self.serviceAccountName)",message="set exactly one of secretName and serviceAccountName"
type StoreCredentials struct {
	// secretName is a Secret in the namespace of each workload. Its keys become environment
	// variables of the pod (AWS_ACCESS_KEY_ID, AZURE_STORAGE_KEY, ...). The manager never reads it.
	// +optional
	SecretName ObjectName `json:"secretName,omitempty"`

	// serviceAccountName is the ServiceAccount, in the namespace of each workload, that carries
	// a cloud identity (workload identity, IRSA).
	// +optional
	ServiceAccountName ObjectName `json:"serviceAccountName,omitempty"`
}

// ArtifactStoreStatus is the observed state of an ArtifactStore.
//
// +kubebuilder:validation:MinProperties=1
type ArtifactStoreStatus struct {
	// conditions has Ready: True when the URL is understood.
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

	// users is the number of objects that name this store.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Users *int32 `json:"users,omitempty"`
}

// ArtifactStore is a place for artifacts that an admin offers to namespaces, like a
// StorageClass. The one annotated weightspace.dev/is-default-store: "true" serves objects that name none.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,path=artifactstores,shortName=wstore,categories=weightspace
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.spec.url`
// +kubebuilder:printcolumn:name="Default",type=string,JSONPath=`.metadata.annotations.weightspace\.dev/is-default-store`
// +kubebuilder:printcolumn:name="Users",type=integer,JSONPath=`.status.users`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ArtifactStore struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says where artifacts live and who may use the place.
	// +required
	Spec ArtifactStoreSpec `json:"spec,omitzero"`

	// status is written by the operator.
	// +optional
	Status ArtifactStoreStatus `json:"status,omitzero"`
}

// ArtifactStoreList is a list of ArtifactStores.
//
// +kubebuilder:object:root=true
type ArtifactStoreList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ArtifactStore `json:"items"`
}
