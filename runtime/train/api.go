package train

import (
	"github.com/weightspace/weightspace/runtime/augment"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/kernel"
)

// Member is what a member of a population has for itself.
type Member struct {
	// Seed keys every random stream of the member.
	Seed uint64
	// Initializer is uniform, normal, kaiming_uniform or kaiming_normal.
	Initializer string
	// LearningRate and WeightDecay (L2, added to the gradient) are as in PyTorch.
	LearningRate, WeightDecay float64
	// Dropout is the probability that an element is zeroed, in [0, 1).
	Dropout float64
}

// Config describes a training run. Everything but Members is shared by the population.
type Config struct {
	// Architecture is a preset: cnn-small, cnn-medium or mlp.
	Architecture string
	// Widths are the outputs of the layers of an mlp, the logits last.
	Widths []int
	// Activation is tanh, relu, sigmoid, gelu, silu or leakyrelu.
	Activation string
	// Optimizer is adam or sgd.
	Optimizer string
	// Momentum is used by sgd.
	Momentum  float64
	BatchSize int
	Members   []Member
	Data      *data.Set
	// Augmentation changes the training images, and may set the size of all images, for recorded networks only; nil leaves them.
	Augmentation *augment.Config
	// ISA forces an instruction set; it never changes results. The zero value takes the best.
	ISA kernel.Level
	// Workers is the number of goroutines; it never changes results. 0 means GOMAXPROCS.
	Workers int
	// RoundSamples is about how many samples a worker trains on between looks at the context, for networks on tiles; 1
	// makes rounds of one step. It never changes results. 0 means a fraction of a second's.
	RoundSamples int
}

// Metrics is one metric row. Losses are means over samples of the cross-entropy in nats,
// accuracies are fractions. Metrics of an empty split are NaN.
type Metrics struct {
	TrainLoss, TrainAccuracy, ValidationLoss, ValidationAccuracy, TestLoss, TestAccuracy float64
}

// Slab is a named array [P, Width].
type Slab[T float32 | float64] struct {
	Name  string
	Width int
	Data  []T
}

// State is everything needed to go on bit-identically, at any step boundary. It is a copy:
// training on does not change it.
type State struct {
	// Members is P.
	Members int
	// Epoch counts finished epochs, Step the finished steps of the current one.
	Epoch, Step int
	Float32     []Slab[float32]
	Float64     []Slab[float64]
}
