package spec

// ArchitectureLayers is the Architecture of a zoo whose network is a list of layers.
const ArchitectureLayers = "layers"

// DefaultWidth is the width of preset resnet18 when none is given.
const DefaultWidth = 64

// Kinds of layers, the names of their members in manifests.
const (
	LayerConv2D         = "conv2d"
	LayerLinear         = "linear"
	LayerBatchNorm      = "batchNorm"
	LayerLayerNorm      = "layerNorm"
	LayerActivation     = "activation"
	LayerDropout        = "dropout"
	LayerMaxPool        = "maxPool"
	LayerAvgPool        = "avgPool"
	LayerGlobalAvgPool  = "globalAvgPool"
	LayerFlatten        = "flatten"
	LayerBasicBlock     = "basicBlock"
	LayerPatchEmbedding = "patchEmbedding"
	LayerTransformer    = "transformer"
	LayerTokenEmbedding = "tokenEmbedding"
	LayerTokenLogits    = "tokenLogits"
	LayerFirstToken     = "firstToken"
)

// FunctionMember is the Function of a layer that applies the member's non-linearity.
const FunctionMember = "member"

// Layer is one layer of a network, resolved: defaults are filled in. Kind says which fields count.
type Layer struct {
	// Name is before the names of the layer's parameters and random streams; "" for layers without.
	Name string `json:"name,omitempty"`
	Kind string `json:"kind"`
	// Out is channels or features.
	Out int `json:"out,omitempty"`
	// Kernel, Stride and Padding are those of convolutions and pools, Stride a block's too.
	Kernel  int `json:"kernel,omitempty"`
	Stride  int `json:"stride,omitempty"`
	Padding int `json:"padding,omitempty"`
	Groups  int `json:"groups,omitempty"`
	// NoBias leaves the bias out.
	NoBias bool `json:"noBias,omitempty"`
	// Function is an activation or FunctionMember.
	Function string `json:"function,omitempty"`
	// Epsilon of a normalisation; decimals keep their canonical text.
	Epsilon string `json:"epsilon,omitempty"`
	// Depth, Heads and MLP (hidden features) are a transformer's; NormLast and Causal its form.
	Depth    int  `json:"depth,omitempty"`
	Heads    int  `json:"heads,omitempty"`
	MLP      int  `json:"mlp,omitempty"`
	NormLast bool `json:"normLast,omitempty"`
	Causal   bool `json:"causal,omitempty"`
	// Patch is the side of a patch, Dim the features of an embedding.
	Patch int `json:"patch,omitempty"`
	Dim   int `json:"dim,omitempty"`
	// Vocabulary and Positions size a table of tokens.
	Vocabulary int `json:"vocabulary,omitempty"`
	Positions  int `json:"positions,omitempty"`
}

// Types of schedules, the names of their members in manifests.
const (
	// ScheduleConstant keeps the rate after a warm-up.
	ScheduleConstant        = "constant"
	ScheduleStep            = "step"
	ScheduleMultiStep       = "multiStep"
	ScheduleExponential     = "exponential"
	ScheduleCosine          = "cosine"
	ScheduleOneCycle        = "oneCycle"
	ScheduleReduceOnPlateau = "reduceOnPlateau"
)

// Schedule moves the learning rate, resolved: defaults are filled in, decimals are canonical.
// Type says which fields count.
//
// The step, multiStep, exponential and reduceOnPlateau schedules move at the end of an epoch;
// the warm-up, cosine and oneCycle at every step, over the steps of their epochs.
type Schedule struct {
	Type string `json:"type"`
	// WarmupEpochs raise the rate from 0; Type counts from their end.
	WarmupEpochs int `json:"warmupEpochs,omitempty"`
	// Size and Milestones are epochs, Gamma the factor of step, multiStep and exponential.
	Size       int    `json:"size,omitempty"`
	Milestones []int  `json:"milestones,omitempty"`
	Gamma      string `json:"gamma,omitempty"`
	// Min is the lowest rate of cosine and reduceOnPlateau.
	Min string `json:"min,omitempty"`
	// Rise, Div, FinalDiv, HighMomentum and LowMomentum are oneCycle's.
	Rise         string `json:"rise,omitempty"`
	Div          string `json:"div,omitempty"`
	FinalDiv     string `json:"finalDiv,omitempty"`
	HighMomentum string `json:"highMomentum,omitempty"`
	LowMomentum  string `json:"lowMomentum,omitempty"`
	// Factor, Patience, Threshold and Cooldown are reduceOnPlateau's.
	Factor    string `json:"factor,omitempty"`
	Patience  int    `json:"patience,omitempty"`
	Threshold string `json:"threshold,omitempty"`
	Cooldown  int    `json:"cooldown,omitempty"`
}
