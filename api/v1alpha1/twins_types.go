package v1alpha1

// TwinMethod is a way to make sparse twins.
//
// +kubebuilder:validation:Enum=magnitude;random;variationalDropout
type TwinMethod string

// Methods.
const (
	// TwinMagnitude drops the weights of smallest absolute value and trains the others on.
	TwinMagnitude TwinMethod = "magnitude"
	// TwinRandom drops weights by chance: the control of magnitude, with the same fields.
	TwinRandom TwinMethod = "random"
	// TwinVariationalDropout learns a dropout rate for every weight and drops those whose rate is high.
	TwinVariationalDropout TwinMethod = "variationalDropout"
)

// PruningScope says over what a threshold goes.
//
// +kubebuilder:validation:Enum=global;layer
type PruningScope string

// Scopes.
const (
	// PruningScopeGlobal has one threshold for the whole network.
	PruningScopeGlobal PruningScope = "global"
	// PruningScopeLayer prunes every weight tensor to the sparsity by itself.
	PruningScopeLayer PruningScope = "layer"
)

// PruningSchedule says when weights are dropped.
//
// +kubebuilder:validation:Enum=oneShot;iterative;cubic
type PruningSchedule string

// Schedules.
const (
	// PruningScheduleOneShot drops all before the first step.
	PruningScheduleOneShot PruningSchedule = "oneShot"
	// PruningScheduleIterative drops in rounds, each the same share of what is left.
	PruningScheduleIterative PruningSchedule = "iterative"
	// PruningScheduleCubic drops gradually, fast at first (Zhu and Gupta 2017).
	PruningScheduleCubic PruningSchedule = "cubic"
)

// Twin asks for sparse twins of every member: networks that start from the member's weights, lose most of them and are
// trained on with the member's optimiser settings at a constant rate.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a twin is immutable; append another to spec.twins"
// +kubebuilder:validation:XValidation:rule="self.method == 'variationalDropout' ? !has(self.sparsity) && !has(self.matchSparsity) : has(self.sparsity) != has(self.matchSparsity)",message="twins by magnitude or random need exactly one of sparsity and matchSparsity, those by variationalDropout neither"
// +kubebuilder:validation:XValidation:rule="self.method != 'variationalDropout' || (!has(self.scope) && !has(self.schedule) && !has(self.finetuneEpochs) && !has(self.pruneBias) && !has(self.iterative) && !has(self.cubic))",message="scope, schedule, finetuneEpochs, pruneBias, iterative and cubic are for the methods magnitude and random"
// +kubebuilder:validation:XValidation:rule="self.method == 'variationalDropout' || !has(self.variationalDropout)",message="variationalDropout is for the method variationalDropout"
// +kubebuilder:validation:XValidation:rule="!has(self.iterative) || (has(self.schedule) && self.schedule == 'iterative')",message="iterative is for the schedule iterative"
// +kubebuilder:validation:XValidation:rule="!has(self.cubic) || (has(self.schedule) && self.schedule == 'cubic')",message="cubic is for the schedule cubic"
// +kubebuilder:validation:XValidation:rule="!has(self.pruneBias) || !self.pruneBias || !has(self.matchSparsity)",message="matchSparsity counts weights only and does not go with pruneBias"
type Twin struct {
	// name of these twins within the zoo. It changes no result.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +required
	Name string `json:"name,omitempty"`

	// method by which weights are dropped.
	// +required
	Method TwinMethod `json:"method,omitempty"`

	// fromEpoch is the epoch whose weights the twins start from. Defaults to the last.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	// +optional
	FromEpoch *int32 `json:"fromEpoch,omitempty"`

	// sparsity lists the shares of weights to drop, in (0, 1): a twin of each member for each.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +optional
	Sparsity []Decimal `json:"sparsity,omitempty"`

	// matchSparsity names, instead of sparsity, twins by variationalDropout: each twin drops exactly as many weights as that of the
	// same member does at its end, with scope layer in every tensor.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +optional
	MatchSparsity string `json:"matchSparsity,omitempty"`

	// scope of the threshold. Defaults to global.
	// +optional
	Scope PruningScope `json:"scope,omitempty"`

	// schedule in time. Defaults to oneShot.
	// +optional
	Schedule PruningSchedule `json:"schedule,omitempty"`

	// finetuneEpochs is for how many epochs the pruned network is trained. Defaults to 15.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	// +optional
	FinetuneEpochs *int32 `json:"finetuneEpochs,omitempty"`

	// pruneBias drops biases, and scales of normalisations, like weights. Sparsity then counts them too. Defaults to false.
	// +optional
	PruneBias *bool `json:"pruneBias,omitempty"`

	// iterative is for the schedule of that name.
	// +optional
	Iterative IterativePruning `json:"iterative,omitempty,omitzero"`

	// cubic is for the schedule of that name.
	// +optional
	Cubic CubicPruning `json:"cubic,omitempty,omitzero"`

	// variationalDropout is for the method of that name. What is unset has the published value.
	// +optional
	VariationalDropout VariationalDropout `json:"variationalDropout,omitempty,omitzero"`
}

// IterativePruning drops in rounds.
//
// +kubebuilder:validation:MinProperties=1
type IterativePruning struct {
	// rounds of pruning, spread evenly over the fine-tuning, the first before it. Defaults to a third of the epochs, at least 1.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +optional
	Rounds int32 `json:"rounds,omitempty"`
}

// CubicPruning drops s_t = s_f + (s_0 - s_f)(1 - (t-t0)/(n dt))^3 at t = t0, t0+dt, ..., t0+n dt.
//
// +kubebuilder:validation:MinProperties=1
type CubicPruning struct {
	// initialSparsity is s_0, in [0, 1). Defaults to "0".
	// +optional
	InitialSparsity Decimal `json:"initialSparsity,omitempty"`

	// startStep is t0, in training steps. Defaults to 0.
	// +kubebuilder:validation:Minimum=0
	// +optional
	StartStep *int32 `json:"startStep,omitempty"`

	// everySteps is dt, in training steps. Defaults to those of an epoch.
	// +kubebuilder:validation:Minimum=1
	// +optional
	EverySteps int32 `json:"everySteps,omitempty"`

	// rounds is n. Defaults to as many as two thirds of the fine-tuning hold after startStep.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	Rounds int32 `json:"rounds,omitempty"`
}

// KLSchedule is how the weight of the KL divergence changes with the epochs.
//
// +kubebuilder:validation:Enum=linear;constant
type KLSchedule string

// Schedules of the KL divergence.
const (
	// KLLinear is max * e/E in epoch e = 0..E-1, at most 1: it starts at 0.
	KLLinear KLSchedule = "linear"
	// KLConstant is max in every epoch.
	KLConstant KLSchedule = "constant"
)

// VariationalDropout is sparse variational dropout (Molchanov et al. 2017) with the settings of the published twins.
//
// +kubebuilder:validation:MinProperties=1
type VariationalDropout struct {
	// epochs of sparsification. Defaults to 25.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +optional
	Epochs int32 `json:"epochs,omitempty"`

	// klWeight is the weight of the KL divergence beside the mean cross-entropy.
	// +optional
	KLWeight KLWeight `json:"klWeight,omitempty,omitzero"`

	// logAlphaThreshold above which a weight is dropped. Defaults to "3".
	// +optional
	LogAlphaThreshold Decimal `json:"logAlphaThreshold,omitempty"`

	// initLogSigma2 is the logarithm of every variance before training. Defaults to "-10".
	// +optional
	InitLogSigma2 Decimal `json:"initLogSigma2,omitempty"`

	// clampLinear bounds log alpha of linear layers, above 0. Defaults to "10".
	// +optional
	ClampLinear Decimal `json:"clampLinear,omitempty"`

	// clampConv bounds log alpha of convolutions, above 0. Defaults to "8".
	// +optional
	ClampConv Decimal `json:"clampConv,omitempty"`

	// variationalConvBias gives biases of convolutions variances of their own, as the published code does. Defaults to true.
	// +optional
	VariationalConvBias *bool `json:"variationalConvBias,omitempty"`

	// logSigma2LearningRate is the learning rate of the variances. Unset uses the member's. A variance travels about
	// this far in each step and has to come from -10 to above 0: with few steps it needs a rate of its own.
	// +optional
	LogSigma2LearningRate Decimal `json:"logSigma2LearningRate,omitempty"`
}

// KLWeight is the weight of the KL divergence.
//
// +kubebuilder:validation:MinProperties=1
type KLWeight struct {
	// kind is how it changes with the epochs. Defaults to linear.
	// +optional
	Kind KLSchedule `json:"kind,omitempty"`

	// max is its largest value, 0 or above. Defaults to "0.01".
	// +optional
	Max Decimal `json:"max,omitempty"`
}

// TwinStatus sums up the twins of one method and sparsity.
type TwinStatus struct {
	// name in spec.twins.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +required
	Name string `json:"name,omitempty"`

	// method by which weights were dropped.
	// +required
	Method TwinMethod `json:"method,omitempty"`

	// twins is their number.
	// +kubebuilder:validation:Minimum=0
	// +required
	Twins *int32 `json:"twins,omitempty"`

	// sparsity is the mean share of dropped weights.
	// +required
	Sparsity Decimal `json:"sparsity,omitempty"`

	// testAccuracy over the twins.
	// +optional
	TestAccuracy MetricSummary `json:"testAccuracy,omitempty,omitzero"`

	// agreement is the mean share of test images that twin and member answer alike.
	// +optional
	Agreement Decimal `json:"agreement,omitempty"`
}
