package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ModelZooSpec describes a population of networks: one architecture, one data set, and a
// grid of hyper-parameters times seeds, written out or from a preset. The scientific fields (dataset, preset,
// architecture, population, training, store) are immutable, but that seeds may be appended, a limit raised and epochs raised.
//
// +kubebuilder:validation:XValidation:rule="has(self.__import__) || has(self.dataset)",message="set spec.dataset: the data set to train and evaluate on"
// +kubebuilder:validation:XValidation:rule="!has(self.__import__) || (!has(self.preset) && !has(self.architecture) && !has(self.population) && !has(self.training) && !has(self.initialWeights) && !has(self.retention) && !has(self.twins))",message="spec.import takes architecture, population and recipe from the files; remove preset, architecture, population, training, initialWeights, retention and twins"
// +kubebuilder:validation:XValidation:rule="has(self.__import__) == has(oldSelf.__import__) && (!has(self.__import__) || self.__import__ == oldSelf.__import__)",message="spec.import is immutable; create another ModelZoo"
// +kubebuilder:validation:XValidation:rule="has(self.__import__) || has(self.preset) || (has(self.architecture) && has(self.population) && has(self.population.seeds) && has(self.training) && has(self.training.epochs))",message="set spec.preset, or spec.architecture, spec.population.seeds and spec.training.epochs, or spec.import"
// +kubebuilder:validation:XValidation:rule="!has(self.preset) || (!has(self.architecture) && (!has(self.population) || (!has(self.population.seeds) && !has(self.population.grid))))",message="spec.preset fills in architecture, seeds and grid; only population.limit and training.epochs may be set beside it"
// +kubebuilder:validation:XValidation:rule="!has(self.preset) || !has(self.training) || (!has(self.training.augmentation) && !has(self.training.objective) && !has(self.training.temperature) && !has(self.training.batchSize) && !has(self.training.momentum) && !has(self.training.momentumForm) && !has(self.training.schedule) && !has(self.training.gradientClipping) && !has(self.training.labelSmoothing))",message="spec.preset fills in the recipe; only training.epochs may be set beside it"
// +kubebuilder:validation:XValidation:rule="has(self.preset) == has(oldSelf.preset) && (!has(self.preset) || self.preset == oldSelf.preset)",message="spec.preset is immutable; create another ModelZoo"
// +kubebuilder:validation:XValidation:rule="has(self.retention) == has(oldSelf.retention) && (!has(self.retention) || self.retention == oldSelf.retention)",message="spec.retention is immutable; create another ModelZoo"
// +kubebuilder:validation:XValidation:rule="has(self.dataset) == has(oldSelf.dataset) && (!has(self.dataset) || self.dataset == oldSelf.dataset)",message="spec.dataset is immutable; create another ModelZoo"
// +kubebuilder:validation:XValidation:rule="has(self.architecture) == has(oldSelf.architecture) && (!has(self.architecture) || self.architecture == oldSelf.architecture)",message="spec.architecture is immutable; create another ModelZoo"
// +kubebuilder:validation:XValidation:rule="(has(self.population) && has(self.population.grid)) == (has(oldSelf.population) && has(oldSelf.population.grid)) && (!has(self.population) || !has(self.population.grid) || self.population.grid == oldSelf.population.grid)",message="spec.population.grid is immutable; create another ModelZoo (only seeds and epochs may grow)"
// +kubebuilder:validation:XValidation:rule="!has(self.population) || !has(self.population.limit) || (has(oldSelf.population) && has(oldSelf.population.limit) && self.population.limit >= oldSelf.population.limit)",message="spec.population.limit may be raised or removed, but not set or lowered later"
// +kubebuilder:validation:XValidation:rule="(has(self.training) && has(self.training.epochs)) == (has(oldSelf.training) && has(oldSelf.training.epochs))",message="spec.training.epochs can neither be set nor removed later; create another ModelZoo"
// +kubebuilder:validation:XValidation:rule="!has(self.training) || !has(self.training.epochs) || !has(oldSelf.training) || !has(oldSelf.training.epochs) || self.training.epochs >= oldSelf.training.epochs",message="spec.training.epochs may be raised but not lowered"
// +kubebuilder:validation:XValidation:rule="!has(self.training) || !has(oldSelf.training) || !has(self.training.epochs) || !has(oldSelf.training.epochs) || self.training.epochs == oldSelf.training.epochs || !has(oldSelf.training.schedule) || (!has(oldSelf.training.schedule.cosine) && !has(oldSelf.training.schedule.oneCycle))",message="spec.training.epochs is immutable with a cosine or oneCycle schedule, whose rates depend on it from the first step; create another ModelZoo"
// +kubebuilder:validation:XValidation:rule="!has(self.training) || !has(oldSelf.training) || (has(self.training.batchSize) == has(oldSelf.training.batchSize) && (!has(self.training.batchSize) || self.training.batchSize == oldSelf.training.batchSize) && has(self.training.momentum) == has(oldSelf.training.momentum) && (!has(self.training.momentum) || self.training.momentum == oldSelf.training.momentum))",message="spec.training.batchSize and spec.training.momentum are immutable; create another ModelZoo"
// +kubebuilder:validation:XValidation:rule="!has(self.training) || !has(oldSelf.training) || (has(self.training.schedule) == has(oldSelf.training.schedule) && (!has(self.training.schedule) || self.training.schedule == oldSelf.training.schedule))",message="spec.training.schedule is immutable; create another ModelZoo"
// +kubebuilder:validation:XValidation:rule="!has(self.training) || !has(oldSelf.training) || (has(self.training.gradientClipping) == has(oldSelf.training.gradientClipping) && (!has(self.training.gradientClipping) || self.training.gradientClipping == oldSelf.training.gradientClipping))",message="spec.training.gradientClipping is immutable; create another ModelZoo"
// +kubebuilder:validation:XValidation:rule="!has(self.training) || !has(oldSelf.training) || (has(self.training.labelSmoothing) == has(oldSelf.training.labelSmoothing) && (!has(self.training.labelSmoothing) || self.training.labelSmoothing == oldSelf.training.labelSmoothing) && has(self.training.momentumForm) == has(oldSelf.training.momentumForm) && (!has(self.training.momentumForm) || self.training.momentumForm == oldSelf.training.momentumForm))",message="spec.training.labelSmoothing and spec.training.momentumForm are immutable; create another ModelZoo"
// +kubebuilder:validation:XValidation:rule="!has(self.training) || !has(oldSelf.training) || (has(self.training.augmentation) == has(oldSelf.training.augmentation) && (!has(self.training.augmentation) || self.training.augmentation == oldSelf.training.augmentation) && has(self.training.objective) == has(oldSelf.training.objective) && (!has(self.training.objective) || self.training.objective == oldSelf.training.objective) && has(self.training.temperature) == has(oldSelf.training.temperature) && (!has(self.training.temperature) || self.training.temperature == oldSelf.training.temperature))",message="spec.training.augmentation, objective and temperature are immutable; create another ModelZoo"
// +kubebuilder:validation:XValidation:rule="!has(self.training) || !has(self.training.objective) || self.training.objective != 'contrastive' || has(self.training.augmentation)",message="spec.training.objective contrastive needs spec.training.augmentation, which makes two views of each image"
// +kubebuilder:validation:XValidation:rule="has(self.initialWeights) == has(oldSelf.initialWeights) && (!has(self.initialWeights) || self.initialWeights == oldSelf.initialWeights)",message="spec.initialWeights is immutable; create another ModelZoo"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.twins) || (has(self.twins) && oldSelf.twins.all(t, self.twins.exists(u, u.name == t.name)))",message="spec.twins may be appended to, but no entry may be removed"
// +kubebuilder:validation:XValidation:rule="has(self.store) == has(oldSelf.store) && (!has(self.store) || self.store == oldSelf.store)",message="spec.store is immutable; create another ModelZoo"
// +kubebuilder:validation:XValidation:rule="has(self.managedBy) == has(oldSelf.managedBy) && (!has(self.managedBy) || self.managedBy == oldSelf.managedBy)",message="spec.managedBy is immutable"
type ModelZooSpec struct {
	// dataset to train and evaluate on. Optional with import, where it says what the models were trained on.
	// +optional
	Dataset DatasetReference `json:"dataset,omitempty,omitzero"`

	// import makes the zoo of networks that were trained elsewhere: their architecture, hyper-parameters, weights and metrics are
	// read from files.
	// +optional
	Import ZooImport `json:"import,omitempty,omitzero"`

	// preset is a published recipe: it fills in architecture, population and training. Beside it only
	// population.limit and training.epochs may be set, to shrink it: the models that remain are unchanged.
	// +optional
	Preset ZooPreset `json:"preset,omitempty"`

	// architecture of every member.
	// +optional
	Architecture Architecture `json:"architecture,omitempty,omitzero"`

	// population says which members the zoo has: every point of the grid with every seed.
	// +optional
	Population Population `json:"population,omitempty,omitzero"`

	// training is the recipe the members share.
	// +optional
	Training Training `json:"training,omitempty,omitzero"`

	// initialWeights continues the models of another zoo with a new head: fine-tuning. Every member of the population
	// exists once for each model of that zoo. Unset draws weights by population.grid.initializer.
	// +optional
	InitialWeights InitialWeights `json:"initialWeights,omitempty,omitzero"`

	// retention says which epochs' weights stay in the store. Unset keeps all.
	// +optional
	Retention Retention `json:"retention,omitempty,omitzero"`

	// twins are sparse twins of every member. Entries may be appended later: only their twins are made.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +optional
	Twins []Twin `json:"twins,omitempty"`

	// sharding says how the population is cut for pods. It changes no result.
	// +optional
	Sharding *Sharding `json:"sharding,omitempty"`

	// store is where the artifact is kept. Unset means the default ArtifactStore.
	// +optional
	Store StoreReference `json:"store,omitempty,omitzero"`

	Execution `json:",inline"`
}

// Population is every point of the grid with every seed.
//
// +kubebuilder:validation:MinProperties=1
type Population struct {
	// limit keeps this many members, a balanced sample: seeds outermost, then the grid's points in a fixed
	// order that takes turns between the values of each hyper-parameter. The models that remain are those of
	// the whole population; raising the limit adds models and removes none. Unset keeps all.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +optional
	Limit int32 `json:"limit,omitempty"`

	// seeds of the members. A seed controls initialisation, data order and dropout.
	// +optional
	Seeds Seeds `json:"seeds,omitempty,omitzero"`

	// grid of hyper-parameters. Each list holds the values of one; the grid is their product.
	// +optional
	Grid Grid `json:"grid,omitempty,omitzero"`
}

// Seeds says which seeds each grid cell gets. Seeds may be appended later, nothing else.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:MaxProperties=1
// +kubebuilder:validation:XValidation:rule="[has(self.count), has(self.values), has(self.random)].filter(x, x).size() == 1",message="set exactly one of count, values and random in spec.population.seeds"
// +kubebuilder:validation:XValidation:rule="has(self.count) == has(oldSelf.count) && has(self.values) == has(oldSelf.values) && has(self.random) == has(oldSelf.random)",message="spec.population.seeds may grow but not change its form"
// +kubebuilder:validation:XValidation:rule="!has(self.count) || !has(oldSelf.count) || self.count >= oldSelf.count",message="spec.population.seeds.count may be raised but not lowered"
// +kubebuilder:validation:XValidation:rule="!has(self.values) || !has(oldSelf.values) || (self.values.size() >= oldSelf.values.size() && oldSelf.values.all(v, v in self.values))",message="spec.population.seeds.values may be appended to, but no seed may be removed"
// +kubebuilder:validation:XValidation:rule="!has(self.random) || !has(oldSelf.random) || (self.random.count >= oldSelf.random.count && self.random.rootSeed == oldSelf.random.rootSeed)",message="spec.population.seeds.random.count may be raised but not lowered; rootSeed is immutable"
type Seeds struct {
	// count gives every cell the seeds 1 to count.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +optional
	Count int32 `json:"count,omitempty"`

	// values gives every cell exactly these seeds.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:Minimum=0
	// +optional
	Values []int64 `json:"values,omitempty"`

	// random gives every cell seeds of its own, drawn from [0, 1000000).
	// +optional
	Random RandomSeeds `json:"random,omitempty,omitzero"`
}

// RandomSeeds draws seeds for each grid cell.
type RandomSeeds struct {
	// count of seeds in each cell.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +required
	Count int32 `json:"count,omitempty"`

	// rootSeed from which the seeds are drawn. Defaults to 7.
	// +kubebuilder:default=7
	// +kubebuilder:validation:Minimum=0
	// +optional
	RootSeed *int64 `json:"rootSeed,omitempty"`
}

// Activation is a non-linearity.
//
// +kubebuilder:validation:Enum=tanh;relu;sigmoid;gelu;silu;leakyrelu
type Activation string

// Activations. gelu is the erf form, leakyrelu has slope 0.01 below zero.
const (
	ActivationTanh      Activation = "tanh"
	ActivationReLU      Activation = "relu"
	ActivationSigmoid   Activation = "sigmoid"
	ActivationGELU      Activation = "gelu"
	ActivationSiLU      Activation = "silu"
	ActivationLeakyReLU Activation = "leakyrelu"
)

// Initializer is the law of the initial weights of linear and convolution layers; biases start at
// 0.01, embeddings from a truncated normal of deviation 0.02, normalisations as the identity.
//
// +kubebuilder:validation:Enum=uniform;normal;kaiming-uniform;kaiming-normal;xavier-uniform;xavier-normal;truncated-normal;orthogonal
type Initializer string

// Initializers.
const (
	// InitializerUniform is U(0, 1): all positive.
	InitializerUniform Initializer = "uniform"
	// InitializerNormal is N(0, 1).
	InitializerNormal Initializer = "normal"
	// InitializerKaimingUniform is U(-b, b) with b = sqrt(6 / fan_in).
	InitializerKaimingUniform Initializer = "kaiming-uniform"
	// InitializerKaimingNormal is N(0, 2 / fan_in).
	InitializerKaimingNormal Initializer = "kaiming-normal"
	// InitializerXavierUniform is U(-b, b) with b = sqrt(6 / (fan_in + fan_out)).
	InitializerXavierUniform Initializer = "xavier-uniform"
	// InitializerXavierNormal is N(0, 2 / (fan_in + fan_out)).
	InitializerXavierNormal Initializer = "xavier-normal"
	// InitializerTruncatedNormal is N(0, 0.02^2) within two deviations.
	InitializerTruncatedNormal Initializer = "truncated-normal"
	// InitializerOrthogonal has orthonormal rows or columns.
	InitializerOrthogonal Initializer = "orthogonal"
)

// Optimizer is the optimisation method, in PyTorch's conventions: adam and sgd add the weight
// decay to the gradient (L2), adamw shrinks the weights by it.
//
// +kubebuilder:validation:Enum=adam;sgd;adamw
type Optimizer string

// Optimizers.
const (
	// OptimizerAdam is Adam with beta (0.9, 0.999) and eps 1e-8.
	OptimizerAdam Optimizer = "adam"
	// OptimizerSGD is stochastic gradient descent with momentum.
	OptimizerSGD Optimizer = "sgd"
	// OptimizerAdamW is Adam with decoupled weight decay, by default without any.
	OptimizerAdamW Optimizer = "adamw"
)

// Grid lists the values of each hyper-parameter. A list that is not set has one default value.
//
// +kubebuilder:validation:MinProperties=1
type Grid struct {
	// activation values. Defaults to [tanh].
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +optional
	Activation []Activation `json:"activation,omitempty"`

	// initializer values. Defaults to [kaiming-uniform].
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +optional
	Initializer []Initializer `json:"initializer,omitempty"`

	// optimizer values. Defaults to [adam].
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +optional
	Optimizer []Optimizer `json:"optimizer,omitempty"`

	// learningRate values, above 0. Defaults to ["1e-3"].
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +optional
	LearningRate []Decimal `json:"learningRate,omitempty"`

	// weightDecay values, 0 or above: L2 added to the gradient, with adamw decoupled. Defaults to ["0"].
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +optional
	WeightDecay []Decimal `json:"weightDecay,omitempty"`

	// dropout probabilities in [0, 1). Defaults to ["0"].
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Dropout []Decimal `json:"dropout,omitempty"`
}

// Sharding says how the population is cut for pods.
type Sharding struct {
	// membersPerShard is the largest number of members that one pod trains. Unset lets the
	// plan choose. A shard holds members of one cohort only (the same architecture,
	// activation, optimizer and batch size).
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4096
	// +optional
	MembersPerShard int32 `json:"membersPerShard,omitempty"`
}

// ModelZooStatus is the observed state of a ModelZoo. It always holds at least conditions and
// observedGeneration.
//
// +kubebuilder:validation:MinProperties=2
type ModelZooStatus struct {
	WorkloadStatus `json:",inline"`

	// models counts members.
	// +optional
	Models ModelCounts `json:"models,omitempty,omitzero"`

	// architecture of the members: a preset's name, or layers.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Architecture string `json:"architecture,omitempty"`

	// parameters is the number of parameters of each member.
	// +kubebuilder:validation:Minimum=1
	// +optional
	Parameters int64 `json:"parameters,omitempty"`

	// epoch is the mean over all planned members of the epochs they have finished, rounded down,
	// and the epochs planned, such as "31/50". It does not fall while a plan runs.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +optional
	Epoch string `json:"epoch,omitempty"`

	// testAccuracy over the members: live while training, final when complete.
	// +optional
	TestAccuracy MetricSummary `json:"testAccuracy,omitempty,omitzero"`

	// twins sums up the sparse twins, one entry for each of spec.twins and each sparsity of it, once the zoo is complete.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=24
	// +optional
	Twins []TwinStatus `json:"twins,omitempty"`
}

// ModelCounts counts the members of a zoo.
type ModelCounts struct {
	// summary is done and planned, such as "212/400".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +required
	Summary string `json:"summary,omitempty"`

	// planned is the number of members of the zoo.
	// +kubebuilder:validation:Minimum=0
	// +required
	Planned *int32 `json:"planned,omitempty"`

	// done is the number of members trained to the last epoch.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Done *int32 `json:"done,omitempty"`

	// diverged is the number of members whose loss became NaN or infinite. They are results.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Diverged *int32 `json:"diverged,omitempty"`

	// failed is the number of members in shards that were given up.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Failed *int32 `json:"failed,omitempty"`
}

// MetricSummary is mean and standard deviation of a metric over the members that did not diverge.
type MetricSummary struct {
	// summary for people, such as "0.941 ± 0.032".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +required
	Summary string `json:"summary,omitempty"`

	// mean over the members.
	// +required
	Mean Decimal `json:"mean,omitempty"`

	// std is the population standard deviation over the members.
	// +required
	Std Decimal `json:"std,omitempty"`
}

// ModelZoo trains a population of networks and keeps its checkpoints.
//
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must be at most 63 lower-case letters, digits and '-', and start and end with a letter or digit: it becomes a label and part of Job names"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.initialWeights) || self.spec.initialWeights.zoo.name != self.metadata.name",message="spec.initialWeights.zoo is this zoo itself; name another"
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.parallelism,statuspath=.status.activePods,selectorpath=.status.selector
// +kubebuilder:resource:path=modelzoos,shortName=mz;zoo,categories=weightspace
// +kubebuilder:printcolumn:name="Dataset",type=string,JSONPath=`.spec.dataset.name`
// +kubebuilder:printcolumn:name="Arch",type=string,JSONPath=`.status.architecture`
// +kubebuilder:printcolumn:name="Models",type=string,JSONPath=`.status.models.summary`
// +kubebuilder:printcolumn:name="Epoch",type=string,JSONPath=`.status.epoch`
// +kubebuilder:printcolumn:name="Test-Acc",type=string,JSONPath=`.status.testAccuracy.summary`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="ETA",type=string,JSONPath=`.status.eta`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Failed",type=integer,priority=1,JSONPath=`.status.models.failed`
// +kubebuilder:printcolumn:name="GPUs",type=integer,priority=1,JSONPath=`.spec.compute.accelerator.count`
// +kubebuilder:printcolumn:name="Queue",type=string,priority=1,JSONPath=`.spec.compute.queueName`
// +kubebuilder:printcolumn:name="Artifact",type=string,priority=1,JSONPath=`.status.artifact.uri`
type ModelZoo struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec describes the population.
	// +required
	Spec ModelZooSpec `json:"spec,omitzero"` //nolint:kubeapilinter // an empty spec is refused: it needs a dataset or import

	// status is written by the operator.
	// +optional
	Status ModelZooStatus `json:"status,omitzero"`
}

// ModelZooList is a list of ModelZoos.
//
// +kubebuilder:object:root=true
type ModelZooList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ModelZoo `json:"items"`
}
