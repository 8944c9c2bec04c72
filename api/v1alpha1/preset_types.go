package v1alpha1

// ZooPreset names a published recipe: architecture, population and training of a zoo. `weightspace presets` lists
// them, `weightspace presets show NAME` prints the data set they ask for and what they stand for.
//
// +kubebuilder:validation:Enum=mnist-seed;mnist-hyp-10-fix;mnist-hyp-10-rand;fashion-mnist-seed;fashion-mnist-hyp-10-fix;fashion-mnist-hyp-10-rand;svhn-seed;svhn-hyp-10-fix;svhn-hyp-10-rand;usps-seed;usps-hyp-10-fix;usps-hyp-10-rand;cifar10-small-seed;cifar10-small-hyp-10-fix;cifar10-small-hyp-10-rand;cifar10-medium-seed;cifar10-medium-hyp-10-fix;cifar10-medium-hyp-10-rand;stl10-small-seed;stl10-small-hyp-10-fix;stl10-small-hyp-10-rand;stl10-medium-seed;stl10-medium-hyp-10-fix;stl10-medium-hyp-10-rand;cifar10-resnet18-seed;cifar100-resnet18-seed;tiny-imagenet-resnet18-seed;vit-supervised;vit-contrastive;vit-finetune
type ZooPreset string

// Retention says which epochs' weights stay in the store. Metrics and the sha256 of the weights of every
// epoch always stay, so that the result's digest does not depend on it. It applies to what is trained after it is
// set: nothing that is in the store is removed.
//
// +kubebuilder:validation:XValidation:rule="(has(self.checkpoints) && self.checkpoints == 'every') == has(self.every)",message="spec.retention.every goes with checkpoints: every, and only with it"
type Retention struct {
	// checkpoints that stay: all; last, the last epoch; every, each epoch that every divides (the initialisation
	// too) and the last; best, each member's epoch of highest validation accuracy (test accuracy where
	// there is no validation split) and the last.
	// +kubebuilder:validation:Enum=all;last;best;every
	// +required
	Checkpoints RetainedCheckpoints `json:"checkpoints,omitempty"`

	// every is the distance in epochs, with checkpoints: every.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +optional
	Every int32 `json:"every,omitempty"`
}

// RetainedCheckpoints is a choice of epochs.
type RetainedCheckpoints string

// Choices of epochs whose weights stay.
const (
	RetainAll   RetainedCheckpoints = "all"
	RetainLast  RetainedCheckpoints = "last"
	RetainBest  RetainedCheckpoints = "best"
	RetainEvery RetainedCheckpoints = "every"
)
