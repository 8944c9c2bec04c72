package v1alpha1

// Training is the recipe that the members share.
//
// +kubebuilder:validation:MinProperties=1
type Training struct {
	// epochs to train. Needed unless spec.preset says them. May be raised later, unless the schedule depends on them
	// (cosine, oneCycle).
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +optional
	Epochs int32 `json:"epochs,omitempty"`

	// batchSize in samples; the last, smaller batch of an epoch is trained too. Defaults to 64.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65536
	// +optional
	BatchSize int32 `json:"batchSize,omitempty"`

	// momentum of sgd; adam and adamw do not use it. Defaults to "0.9".
	// +optional
	Momentum Decimal `json:"momentum,omitempty"`

	// momentumForm of sgd: classical, or nesterov as PyTorch has it. Defaults to classical.
	// +optional
	MomentumForm MomentumForm `json:"momentumForm,omitempty"`

	// schedule of the learning rate. Unset keeps it constant.
	// +optional
	Schedule Schedule `json:"schedule,omitempty,omitzero"`

	// gradientClipping limits each member's gradient before every step. Unset leaves it alone.
	// +optional
	GradientClipping GradientClipping `json:"gradientClipping,omitempty,omitzero"`

	// labelSmoothing is the share of each label's probability that is spread over all classes, in
	// [0, 1). Defaults to "0".
	// +optional
	LabelSmoothing Decimal `json:"labelSmoothing,omitempty"`

	// augmentation of the training images. Unset leaves them alone.
	// +optional
	Augmentation Augmentation `json:"augmentation,omitempty,omitzero"`

	// objective of the training: supervised, or contrastive, which pre-trains without labels and needs an
	// augmentation. Defaults to supervised.
	// +optional
	Objective Objective `json:"objective,omitempty"`

	// temperature of the contrastive objective, above 0. Defaults to "0.07" there.
	// +optional
	Temperature Decimal `json:"temperature,omitempty"`
}

// MomentumForm is a form of momentum.
//
// +kubebuilder:validation:Enum=classical;nesterov
type MomentumForm string

// Forms of momentum.
const (
	// MomentumClassical is heavy-ball momentum.
	MomentumClassical MomentumForm = "classical"
	// MomentumNesterov looks ahead by one step of momentum.
	MomentumNesterov MomentumForm = "nesterov"
)

// GradientClipping limits gradients in one of two ways.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:MaxProperties=1
// +kubebuilder:validation:XValidation:rule="has(self.norm) != has(self.value)",message="set exactly one of norm and value in spec.training.gradientClipping"
type GradientClipping struct {
	// norm is the largest Euclidean norm of a member's whole gradient, above 0; a longer one is
	// scaled down.
	// +optional
	Norm Decimal `json:"norm,omitempty"`

	// value is the largest absolute value of each element, above 0.
	// +optional
	Value Decimal `json:"value,omitempty"`
}

// Schedule moves the learning rate while training, from each member's own: PyTorch's schedulers
// with PyTorch's defaults. At most one of step, multiStep, exponential, cosine, oneCycle and
// reduceOnPlateau is set; with none the rate is constant after the warm-up.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:MaxProperties=2
// +kubebuilder:validation:XValidation:rule="[has(self.step), has(self.multiStep), has(self.exponential), has(self.cosine), has(self.oneCycle), has(self.reduceOnPlateau)].filter(x, x).size() <= 1",message="set at most one of step, multiStep, exponential, cosine, oneCycle and reduceOnPlateau in spec.training.schedule"
// +kubebuilder:validation:XValidation:rule="!has(self.warmupEpochs) || (!has(self.oneCycle) && !has(self.reduceOnPlateau))",message="spec.training.schedule.warmupEpochs does not go with oneCycle, which has a warm-up of its own, nor with reduceOnPlateau"
type Schedule struct {
	// warmupEpochs raises the rate from 0 linearly, step by step, over this many epochs. The
	// schedule counts from their end.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +optional
	WarmupEpochs int32 `json:"warmupEpochs,omitempty"`

	// step multiplies the rate by gamma every few epochs.
	// +optional
	Step StepSchedule `json:"step,omitempty,omitzero"`

	// multiStep multiplies the rate by gamma after given epochs.
	// +optional
	MultiStep MultiStepSchedule `json:"multiStep,omitempty,omitzero"`

	// exponential multiplies the rate by gamma after every epoch.
	// +optional
	Exponential ExponentialSchedule `json:"exponential,omitempty,omitzero"`

	// cosine lowers the rate along half a cosine, step by step, until the last epoch ends.
	// +optional
	Cosine *CosineSchedule `json:"cosine,omitempty"`

	// oneCycle raises the rate and lowers it again, step by step, until the last epoch ends; the
	// momentum (beta1 of adam and adamw) moves the other way. The member's rate is the peak.
	// +optional
	OneCycle *OneCycleSchedule `json:"oneCycle,omitempty"`

	// reduceOnPlateau multiplies a member's rate by a factor when its mean training loss of an epoch
	// stops falling.
	// +optional
	ReduceOnPlateau *ReduceOnPlateauSchedule `json:"reduceOnPlateau,omitempty"`
}

// StepSchedule is PyTorch's StepLR.
type StepSchedule struct {
	// size is the number of epochs between two reductions.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +required
	Size int32 `json:"size,omitempty"`

	// gamma is the factor. Defaults to "0.1".
	// +kubebuilder:default="0.1"
	// +optional
	Gamma Decimal `json:"gamma,omitempty"`
}

// MultiStepSchedule is PyTorch's MultiStepLR.
type MultiStepSchedule struct {
	// milestones are the numbers of finished epochs after which the rate is reduced, rising.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:Minimum=1
	// +kubebuilder:validation:items:Maximum=100000
	// +required
	Milestones []int32 `json:"milestones,omitempty"`

	// gamma is the factor. Defaults to "0.1".
	// +kubebuilder:default="0.1"
	// +optional
	Gamma Decimal `json:"gamma,omitempty"`
}

// ExponentialSchedule is PyTorch's ExponentialLR.
type ExponentialSchedule struct {
	// gamma is the factor.
	// +required
	Gamma Decimal `json:"gamma,omitempty"`
}

// CosineSchedule is PyTorch's CosineAnnealingLR over the whole training.
type CosineSchedule struct {
	// min is the rate at the end. Defaults to "0".
	// +kubebuilder:default="0"
	// +optional
	Min Decimal `json:"min,omitempty"`
}

// OneCycleSchedule is PyTorch's OneCycleLR with cosine annealing over the whole training.
type OneCycleSchedule struct {
	// rise is the share of the training in which the rate rises, in [0, 1). Defaults to "0.3".
	// +kubebuilder:default="0.3"
	// +optional
	Rise Decimal `json:"rise,omitempty"`

	// div divides the peak to give the first rate. Defaults to "25".
	// +kubebuilder:default="25"
	// +optional
	Div Decimal `json:"div,omitempty"`

	// finalDiv divides the first rate to give the last. Defaults to "1e4".
	// +kubebuilder:default="1e4"
	// +optional
	FinalDiv Decimal `json:"finalDiv,omitempty"`

	// highMomentum is the momentum at both ends, in [0, 1). Defaults to "0.95".
	// +kubebuilder:default="0.95"
	// +optional
	HighMomentum Decimal `json:"highMomentum,omitempty"`

	// lowMomentum is the momentum at the peak of the rate. Defaults to "0.85".
	// +kubebuilder:default="0.85"
	// +optional
	LowMomentum Decimal `json:"lowMomentum,omitempty"`
}

// ReduceOnPlateauSchedule is PyTorch's ReduceLROnPlateau with a relative threshold.
type ReduceOnPlateauSchedule struct {
	// factor multiplies the rate, in [0, 1). Defaults to "0.1".
	// +kubebuilder:default="0.1"
	// +optional
	Factor Decimal `json:"factor,omitempty"`

	// patience is the number of epochs in a row without improvement that are let pass. Defaults to 10.
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	// +optional
	Patience *int32 `json:"patience,omitempty"`

	// threshold is the fraction of the best loss by which a loss must be lower to improve on it.
	// Defaults to "1e-4".
	// +kubebuilder:default="1e-4"
	// +optional
	Threshold Decimal `json:"threshold,omitempty"`

	// cooldown is the number of epochs after a reduction that are not counted. Defaults to 0.
	// +kubebuilder:default=0
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	// +optional
	Cooldown *int32 `json:"cooldown,omitempty"`

	// min is the lowest rate. Defaults to "0".
	// +kubebuilder:default="0"
	// +optional
	Min Decimal `json:"min,omitempty"`
}
