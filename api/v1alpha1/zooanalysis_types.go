package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ZooAnalysisSpec studies a population: which analyses run on which models and epochs of one
// ModelZoo. Each analysis that is set runs in a pod of its own. All of it is immutable, but for the
// fields of execution.
//
// +kubebuilder:validation:XValidation:rule="self.zoo == oldSelf.zoo",message="spec.zoo is immutable; create another ZooAnalysis"
// +kubebuilder:validation:XValidation:rule="has(self.models) == has(oldSelf.models) && (!has(self.models) || self.models == oldSelf.models)",message="spec.models is immutable; create another ZooAnalysis"
// +kubebuilder:validation:XValidation:rule="has(self.epochs) == has(oldSelf.epochs) && (!has(self.epochs) || self.epochs == oldSelf.epochs)",message="spec.epochs is immutable; create another ZooAnalysis"
// +kubebuilder:validation:XValidation:rule="has(self.statistics) == has(oldSelf.statistics) && (!has(self.statistics) || self.statistics == oldSelf.statistics)",message="spec.statistics is immutable; create another ZooAnalysis"
// +kubebuilder:validation:XValidation:rule="has(self.trajectories) == has(oldSelf.trajectories) && (!has(self.trajectories) || self.trajectories == oldSelf.trajectories)",message="spec.trajectories is immutable; create another ZooAnalysis"
// +kubebuilder:validation:XValidation:rule="has(self.similarity) == has(oldSelf.similarity) && (!has(self.similarity) || self.similarity == oldSelf.similarity)",message="spec.similarity is immutable; create another ZooAnalysis"
// +kubebuilder:validation:XValidation:rule="has(self.probes) == has(oldSelf.probes) && (!has(self.probes) || self.probes == oldSelf.probes)",message="spec.probes is immutable; create another ZooAnalysis"
// +kubebuilder:validation:XValidation:rule="has(self.averaging) == has(oldSelf.averaging) && (!has(self.averaging) || self.averaging == oldSelf.averaging)",message="spec.averaging is immutable; create another ZooAnalysis"
// +kubebuilder:validation:XValidation:rule="has(self.embedding) == has(oldSelf.embedding) && (!has(self.embedding) || self.embedding == oldSelf.embedding)",message="spec.embedding is immutable; create another ZooAnalysis"
// +kubebuilder:validation:XValidation:rule="has(self.store) == has(oldSelf.store) && (!has(self.store) || self.store == oldSelf.store)",message="spec.store is immutable; create another ZooAnalysis"
// +kubebuilder:validation:XValidation:rule="has(self.managedBy) == has(oldSelf.managedBy) && (!has(self.managedBy) || self.managedBy == oldSelf.managedBy)",message="spec.managedBy is immutable"
// +kubebuilder:validation:XValidation:rule="has(self.statistics) || has(self.trajectories) || has(self.similarity) || has(self.probes) || has(self.averaging) || has(self.embedding)",message="set at least one of statistics, trajectories, similarity, probes, averaging and embedding"
type ZooAnalysisSpec struct {
	// zoo to study. The analysis starts once it is Ready.
	// +required
	Zoo ZooReference `json:"zoo,omitempty,omitzero"`

	// models selects members. Unset takes all that did not diverge.
	// +optional
	Models ModelSelection `json:"models,omitempty,omitzero"`

	// epochs selects checkpoints of each model. Unset takes all.
	// +optional
	Epochs EpochRange `json:"epochs,omitempty,omitzero"`

	// statistics writes s(W) of every checkpoint: for each layer, weights and biases apart, mean,
	// variance and the percentiles 1, 25, 50, 75 and 99.
	// +optional
	Statistics *StatisticsAnalysis `json:"statistics,omitempty"`

	// trajectories measures how models move through weight space.
	// +optional
	Trajectories *TrajectoriesAnalysis `json:"trajectories,omitempty"`

	// similarity compares the models of the last selected epoch with each other.
	// +optional
	Similarity SimilarityAnalysis `json:"similarity,omitempty,omitzero"`

	// probes predict properties from weights and from their statistics.
	// +optional
	Probes *ProbesAnalysis `json:"probes,omitempty"`

	// averaging evaluates averages of models: soups, averages of epochs, with and without weight matching.
	// +optional
	Averaging *AveragingAnalysis `json:"averaging,omitempty"`

	// embedding draws the checkpoints in two dimensions.
	// +optional
	Embedding *EmbeddingAnalysis `json:"embedding,omitempty"`

	// store is where the artifact is kept. Unset means the default ArtifactStore.
	// +optional
	Store StoreReference `json:"store,omitempty,omitzero"`

	Execution `json:",inline"`
}

// ZooReference names a ModelZoo in the same namespace.
type ZooReference struct {
	// name of the ModelZoo in the namespace of this object.
	// +required
	Name ObjectName `json:"name,omitempty"`
}

// ModelSelection selects members of a zoo.
//
// +kubebuilder:validation:MinProperties=1
type ModelSelection struct {
	// limit takes at most this many models, the first in the order of modelID, which is as good as random.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +optional
	Limit int32 `json:"limit,omitempty"`

	// minTestAccuracy drops models whose final test accuracy is lower, in [0, 1].
	// +optional
	MinTestAccuracy Decimal `json:"minTestAccuracy,omitempty"`
}

// EpochRange selects the checkpoints from, from+step, ... up to to.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.from) || !has(self.to) || self.from <= self.to",message="spec.epochs.from is larger than spec.epochs.to"
type EpochRange struct {
	// from is the first epoch; 0 is the initialisation. Defaults to 0.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	// +optional
	From *int32 `json:"from,omitempty"`

	// to is the last epoch. Unset means the zoo's last.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	// +optional
	To *int32 `json:"to,omitempty"`

	// step between two checkpoints. Defaults to 1.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +optional
	Step int32 `json:"step,omitempty"`
}

// StatisticsAnalysis has no settings: set it to {}.
type StatisticsAnalysis struct{}

// Linkage is a way to merge clusters.
//
// +kubebuilder:validation:Enum=single;average;ward
type Linkage string

// Linkages.
const (
	// LinkageSingle merges by the smallest distance between members.
	LinkageSingle Linkage = "single"
	// LinkageAverage merges by the mean distance.
	LinkageAverage Linkage = "average"
	// LinkageWard merges by the growth of the sum of squares.
	LinkageWard Linkage = "ward"
)

// TrajectoriesAnalysis measures step lengths, turning angles, curvature and smoothness of each
// model, how far trajectories lie apart, whether clustering finds them again, and whether the order
// of checkpoints can be read from distances.
type TrajectoriesAnalysis struct {
	// linkages of the agglomerative clustering, cut at the number of models. Defaults to [single, average, ward].
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	// +optional
	Linkages []Linkage `json:"linkages,omitempty"`

	// shuffleSeed orders the checkpoints before their order is recovered. Defaults to 1.
	// +kubebuilder:validation:Minimum=0
	// +optional
	ShuffleSeed *int64 `json:"shuffleSeed,omitempty"`

	// trigger flags steps that are unlike those before.
	// +optional
	Trigger DriftTrigger `json:"trigger,omitempty,omitzero"`
}

// DriftTrigger flags a relative step above a quantile of those in a window before it, times a margin.
//
// +kubebuilder:validation:MinProperties=1
type DriftTrigger struct {
	// baselineWindow is the number of steps before that are looked at. Defaults to 10.
	// +kubebuilder:validation:Minimum=2
	// +kubebuilder:validation:Maximum=100000
	// +optional
	BaselineWindow int32 `json:"baselineWindow,omitempty"`

	// quantile in (0, 1). Defaults to "0.99".
	// +optional
	Quantile Decimal `json:"quantile,omitempty"`

	// margin multiplies the quantile, at least 1: a high quantile of few steps is nearly their maximum,
	// which one in baselineWindow+1 steps exceeds though nothing has changed. Defaults to "1.75".
	// +optional
	Margin Decimal `json:"margin,omitempty"`
}

// SimilarityAnalysis compares models pairwise: agreement of their predictions, CKA of their
// activations, distance of their weights.
//
// +kubebuilder:validation:MinProperties=1
type SimilarityAnalysis struct {
	// agreement is the share of test images on which two models predict the same class.
	// +optional
	Agreement *AgreementAnalysis `json:"agreement,omitempty"`

	// cka is the linear centred kernel alignment of activations, layer by layer.
	// +optional
	CKA *CKAAnalysis `json:"cka,omitempty"`

	// weightDistance is the Euclidean and the cosine distance of weight vectors.
	// +optional
	WeightDistance *WeightDistanceAnalysis `json:"weightDistance,omitempty"`
}

// AgreementAnalysis says on which images models are compared.
type AgreementAnalysis struct {
	// images is the number of test images, from the first. Unset takes all.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000000
	// +optional
	Images int32 `json:"images,omitempty"`
}

// CKAAnalysis says on how many images and pairs activations are compared.
type CKAAnalysis struct {
	// images is the number of test images. Defaults to 1000.
	// +kubebuilder:validation:Minimum=16
	// +kubebuilder:validation:Maximum=100000
	// +optional
	Images int32 `json:"images,omitempty"`

	// pairs is the number of pairs of models, drawn at random when there are more. Defaults to 200.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	Pairs int32 `json:"pairs,omitempty"`
}

// WeightDistanceAnalysis says how many pairs are measured.
type WeightDistanceAnalysis struct {
	// pairs is the number of pairs of models, drawn at random when there are more. Defaults to 10000.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000000
	// +optional
	Pairs int32 `json:"pairs,omitempty"`
}

// ProbeFeature is what a probe sees of a checkpoint.
//
// +kubebuilder:validation:Enum=weights;statistics
type ProbeFeature string

// Features of probes.
const (
	// ProbeFeatureWeights is the weight vector W.
	ProbeFeatureWeights ProbeFeature = "weights"
	// ProbeFeatureStatistics is s(W).
	ProbeFeatureStatistics ProbeFeature = "statistics"
)

// ProbeTarget is a property that a probe predicts.
//
// +kubebuilder:validation:Enum=testAccuracy;epoch;generalizationGap;learningRate;weightDecay;dropout;activation;initializer;optimizer
type ProbeTarget string

// Targets of probes: numbers by ridge regression, categories by multinomial logistic regression.
const (
	ProbeTargetTestAccuracy      ProbeTarget = "testAccuracy"
	ProbeTargetEpoch             ProbeTarget = "epoch"
	ProbeTargetGeneralizationGap ProbeTarget = "generalizationGap"
	ProbeTargetLearningRate      ProbeTarget = "learningRate"
	ProbeTargetWeightDecay       ProbeTarget = "weightDecay"
	ProbeTargetDropout           ProbeTarget = "dropout"
	ProbeTargetActivation        ProbeTarget = "activation"
	ProbeTargetInitializer       ProbeTarget = "initializer"
	ProbeTargetOptimizer         ProbeTarget = "optimizer"
)

// ProbesAnalysis fits linear probes on 70 % of the models, chooses their penalty on 15 % and reports
// on the last 15 %. A control with shuffled targets stands beside each.
type ProbesAnalysis struct {
	// features to predict from. Defaults to [weights, statistics].
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	// +optional
	Features []ProbeFeature `json:"features,omitempty"`

	// targets to predict. Defaults to [testAccuracy, epoch, generalizationGap]. A target that is the same for all models is
	// left out.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=9
	// +optional
	Targets []ProbeTarget `json:"targets,omitempty"`

	// splitSeed draws which models are for fitting, choosing and testing. Defaults to 42.
	// +kubebuilder:validation:Minimum=0
	// +optional
	SplitSeed *int64 `json:"splitSeed,omitempty"`
}

// AveragingAnalysis averages the weights of models and of epochs and evaluates the results on the test images.
type AveragingAnalysis struct {
	// models in each soup, drawn at random. Defaults to 10.
	// +kubebuilder:validation:Minimum=2
	// +kubebuilder:validation:Maximum=1000
	// +optional
	Models int32 `json:"models,omitempty"`

	// soups is the number of soups. Defaults to 5.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +optional
	Soups int32 `json:"soups,omitempty"`

	// epochs averages the last so many checkpoints of each model. Defaults to 5.
	// +kubebuilder:validation:Minimum=2
	// +kubebuilder:validation:Maximum=1000
	// +optional
	Epochs int32 `json:"epochs,omitempty"`

	// seed draws the models and the order of weight matching. Defaults to 1.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Seed *int64 `json:"seed,omitempty"`
}

// EmbeddingMethod is a map of weight vectors to the plane.
//
// +kubebuilder:validation:Enum=pca;tsne
type EmbeddingMethod string

// Embeddings.
const (
	// EmbeddingPCA is the projection on the first two principal components.
	EmbeddingPCA EmbeddingMethod = "pca"
	// EmbeddingTSNE is t-distributed stochastic neighbour embedding.
	EmbeddingTSNE EmbeddingMethod = "tsne"
)

// EmbeddingAnalysis draws checkpoints in the plane.
type EmbeddingAnalysis struct {
	// methods to draw with. Defaults to [pca, tsne].
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	// +optional
	Methods []EmbeddingMethod `json:"methods,omitempty"`

	// perplexity of t-SNE, above 1. Defaults to "30".
	// +optional
	Perplexity Decimal `json:"perplexity,omitempty"`

	// points is the largest number of checkpoints drawn; more are thinned evenly. Defaults to 2000.
	// +kubebuilder:validation:Minimum=10
	// +kubebuilder:validation:Maximum=20000
	// +optional
	Points int32 `json:"points,omitempty"`
}

// ZooAnalysisStatus is the observed state of a ZooAnalysis. It always holds at least conditions and
// observedGeneration.
//
// +kubebuilder:validation:MinProperties=2
type ZooAnalysisStatus struct {
	WorkloadStatus `json:",inline"`

	// models is the number of models studied.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Models *int32 `json:"models,omitempty"`

	// checkpoints is the number of (model, epoch) pairs studied.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Checkpoints *int32 `json:"checkpoints,omitempty"`

	// analyses counts those done and planned, such as "3/6".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +optional
	Analyses string `json:"analyses,omitempty"`

	// separation is the smallest distance between two models' checkpoints over the longest step
	// within one.
	// +optional
	Separation Decimal `json:"separation,omitempty"`

	// kendall is the mean Kendall tau-b between the recovered and the true order of checkpoints.
	// +optional
	Kendall Decimal `json:"kendall,omitempty"`

	// probeR2 is the R2 of test accuracy predicted from the statistics of weights, on models held out.
	// +optional
	ProbeR2 Decimal `json:"probeR2,omitempty"`

	// agreement is the mean pairwise agreement of predictions.
	// +optional
	Agreement Decimal `json:"agreement,omitempty"`
}

// ZooAnalysis studies a population of networks.
//
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must be at most 63 lower-case letters, digits and '-', and start and end with a letter or digit: it becomes a label and part of Job names"
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.parallelism,statuspath=.status.activePods,selectorpath=.status.selector
// +kubebuilder:resource:path=zooanalyses,singular=zooanalysis,shortName=za,categories=weightspace
// +kubebuilder:printcolumn:name="Zoo",type=string,JSONPath=`.spec.zoo.name`
// +kubebuilder:printcolumn:name="Models",type=integer,JSONPath=`.status.models`
// +kubebuilder:printcolumn:name="Analyses",type=string,JSONPath=`.status.analyses`
// +kubebuilder:printcolumn:name="Separation",type=string,JSONPath=`.status.separation`
// +kubebuilder:printcolumn:name="Tau",type=string,JSONPath=`.status.kendall`
// +kubebuilder:printcolumn:name="Probe-R2",type=string,JSONPath=`.status.probeR2`
// +kubebuilder:printcolumn:name="Agreement",type=string,JSONPath=`.status.agreement`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Checkpoints",type=integer,priority=1,JSONPath=`.status.checkpoints`
// +kubebuilder:printcolumn:name="Artifact",type=string,priority=1,JSONPath=`.status.artifact.uri`
type ZooAnalysis struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what is studied.
	// +required
	Spec ZooAnalysisSpec `json:"spec,omitzero"`

	// status is written by the operator.
	// +optional
	Status ZooAnalysisStatus `json:"status,omitzero"`
}

// ZooAnalysisList is a list of ZooAnalyses.
//
// +kubebuilder:object:root=true
type ZooAnalysisList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ZooAnalysis `json:"items"`
}
