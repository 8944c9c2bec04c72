package v1alpha1

// ArchitecturePreset names a network of the method cards.
//
// +kubebuilder:validation:Enum=cnn-small;cnn-medium;resnet18;vit-s;vit-tiny
type ArchitecturePreset string

// Presets.
const (
	// ArchitectureCNNSmall is the small CNN of the model-zoo papers: 2,464 parameters for
	// 1x28x28 inputs and 10 classes.
	ArchitectureCNNSmall ArchitecturePreset = "cnn-small"
	// ArchitectureCNNMedium is their larger CNN: 10,853 parameters for 3x32x32 inputs and 10 classes.
	ArchitectureCNNMedium ArchitecturePreset = "cnn-medium"
	// ArchitectureResNet18 is ResNet-18 with the stem for small images: 11,173,962 parameters for
	// 3 channels and 10 classes at width 64.
	ArchitectureResNet18 ArchitecturePreset = "resnet18"
	// ArchitectureViTSmall is ViT-S: 12 blocks of 384 features.
	ArchitectureViTSmall ArchitecturePreset = "vit-s"
	// ArchitectureViTTiny is ViT-Ti: 12 blocks of 192 features.
	ArchitectureViTTiny ArchitecturePreset = "vit-tiny"
)

// Architecture is the network that every member has: a preset or a list of layers.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="has(self.preset) != has(self.layers)",message="set exactly one of preset and layers in spec.architecture"
// +kubebuilder:validation:XValidation:rule="!has(self.width) || (has(self.preset) && self.preset == 'resnet18')",message="spec.architecture.width is for preset resnet18"
type Architecture struct {
	// preset names a built-in network.
	// +optional
	Preset ArchitecturePreset `json:"preset,omitempty"`

	// width of preset resnet18: the channels of its first stage; the others have 2, 4 and 8 times
	// as many. Defaults to 64.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1024
	// +optional
	Width int32 `json:"width,omitempty"`

	// layers of an own network, first to last. The last one gives one output for each class.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=128
	// +optional
	Layers []Layer `json:"layers,omitempty"`
}

// Layer is one step of a network: exactly one of its members beside name.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:MaxProperties=2
// +kubebuilder:validation:ExactlyOneOf=conv2d;linear;batchNorm;layerNorm;activation;dropout;maxPool;avgPool;globalAvgPool;flatten;basicBlock;patchEmbedding;transformer;tokenEmbedding;tokenLogits;firstToken
type Layer struct {
	// name before the names of the layer's parameters, such as "fc1" for "fc1.weight". It names
	// their random streams too, and those of dropout. Defaults to the position from 0, as in
	// PyTorch's nn.Sequential.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$`
	// +optional
	Name string `json:"name,omitempty"`

	// conv2d is a convolution of images.
	// +optional
	Conv2D Conv2DLayer `json:"conv2d,omitempty,omitzero"`

	// linear is a fully connected layer on features.
	// +optional
	Linear LinearLayer `json:"linear,omitempty,omitzero"`

	// batchNorm normalises each channel over the batch.
	// +optional
	BatchNorm *BatchNormLayer `json:"batchNorm,omitempty"`

	// layerNorm normalises the features of each position.
	// +optional
	LayerNorm *LayerNormLayer `json:"layerNorm,omitempty"`

	// activation is a non-linearity.
	// +optional
	Activation *ActivationLayer `json:"activation,omitempty"`

	// dropout zeroes elements with the member's probability (spec.population.grid.dropout) while training.
	// +optional
	Dropout *DropoutLayer `json:"dropout,omitempty"`

	// maxPool takes maxima over square windows.
	// +optional
	MaxPool PoolLayer `json:"maxPool,omitempty,omitzero"`

	// avgPool averages square windows.
	// +optional
	AvgPool PoolLayer `json:"avgPool,omitempty,omitzero"`

	// globalAvgPool averages each channel: images to features.
	// +optional
	GlobalAvgPool *GlobalAvgPoolLayer `json:"globalAvgPool,omitempty"`

	// flatten turns images into features, channel by channel and row by row.
	// +optional
	Flatten *FlattenLayer `json:"flatten,omitempty"`

	// basicBlock is ResNet's block of two 3x3 convolutions with batch norm and a shortcut.
	// +optional
	BasicBlock BasicBlockLayer `json:"basicBlock,omitempty,omitzero"`

	// patchEmbedding turns images into sequences: patches, a class token before them, learned positions.
	// +optional
	PatchEmbedding PatchEmbeddingLayer `json:"patchEmbedding,omitempty,omitzero"`

	// transformer is a stack of transformer blocks.
	// +optional
	Transformer TransformerLayer `json:"transformer,omitempty,omitzero"`

	// tokenEmbedding turns tokens into sequences: a table and learned positions.
	// +optional
	TokenEmbedding TokenEmbeddingLayer `json:"tokenEmbedding,omitempty,omitzero"`

	// tokenLogits gives a logit for each token of the vocabulary at each position, with the table of
	// the tokenEmbedding as its matrix.
	// +optional
	TokenLogits *TokenLogitsLayer `json:"tokenLogits,omitempty"`

	// firstToken takes the first position of each sequence, the class token: sequences to features.
	// +optional
	FirstToken *FirstTokenLayer `json:"firstToken,omitempty"`
}

// BiasForm says whether a layer adds a bias.
//
// +kubebuilder:validation:Enum=learned;none
type BiasForm string

// Forms of a bias.
const (
	// BiasLearned adds a learned bias.
	BiasLearned BiasForm = "learned"
	// BiasNone adds none.
	BiasNone BiasForm = "none"
)

// Conv2DLayer is a convolution of images.
type Conv2DLayer struct {
	// out is the number of output channels.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65536
	// +required
	Out int32 `json:"out,omitempty"`

	// kernel is the side of the square kernel.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	// +required
	Kernel int32 `json:"kernel,omitempty"`

	// stride in both directions. Defaults to 1.
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	// +optional
	Stride int32 `json:"stride,omitempty"`

	// padding with zeros on each side. Defaults to 0.
	// +kubebuilder:default=0
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=64
	// +optional
	Padding *int32 `json:"padding,omitempty"`

	// groups of channels that are convolved apart. Defaults to 1.
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65536
	// +optional
	Groups int32 `json:"groups,omitempty"`

	// bias is learned or none. Defaults to learned.
	// +kubebuilder:default=learned
	// +optional
	Bias BiasForm `json:"bias,omitempty"`
}

// LinearLayer is a fully connected layer.
type LinearLayer struct {
	// out is the number of output features.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1048576
	// +required
	Out int32 `json:"out,omitempty"`

	// bias is learned or none. Defaults to learned.
	// +kubebuilder:default=learned
	// +optional
	Bias BiasForm `json:"bias,omitempty"`
}

// BatchNormLayer has PyTorch's epsilon 1e-5 and momentum 0.1, a learned scale and a learned shift.
type BatchNormLayer struct{}

// LayerNormLayer has a learned scale and a learned shift.
type LayerNormLayer struct {
	// epsilon is added to the variance. Defaults to "1e-5".
	// +kubebuilder:default="1e-5"
	// +optional
	Epsilon Decimal `json:"epsilon,omitempty"`
}

// LayerActivation is a non-linearity inside an architecture.
//
// +kubebuilder:validation:Enum=member;tanh;relu;sigmoid;gelu;gelu-tanh;silu;leakyrelu
type LayerActivation string

// LayerActivationMember is the member's non-linearity, spec.population.grid.activation.
const LayerActivationMember LayerActivation = "member"

// ActivationLayer is a non-linearity.
type ActivationLayer struct {
	// function is "member", which is the member's of spec.population.grid.activation, or one for all
	// members. Defaults to member.
	// +kubebuilder:default=member
	// +optional
	Function LayerActivation `json:"function,omitempty"`
}

// DropoutLayer has no options: the probability is the member's.
type DropoutLayer struct{}

// PoolLayer is a square window that moves over images.
type PoolLayer struct {
	// kernel is the side of the window.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	// +required
	Kernel int32 `json:"kernel,omitempty"`

	// stride in both directions. Defaults to the kernel.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	// +optional
	Stride int32 `json:"stride,omitempty"`

	// padding on each side, at most half the kernel. Defaults to 0.
	// +kubebuilder:default=0
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=32
	// +optional
	Padding *int32 `json:"padding,omitempty"`
}

// GlobalAvgPoolLayer has no options.
type GlobalAvgPoolLayer struct{}

// FlattenLayer has no options.
type FlattenLayer struct{}

// BasicBlockLayer is ResNet's block. Where it changes the shape its shortcut is a 1x1 convolution.
type BasicBlockLayer struct {
	// out is the number of output channels.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65536
	// +required
	Out int32 `json:"out,omitempty"`

	// stride of the first convolution. Defaults to 1.
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	// +optional
	Stride int32 `json:"stride,omitempty"`
}

// PatchEmbeddingLayer cuts images into square patches.
type PatchEmbeddingLayer struct {
	// patch is the side of a patch; it divides the sides of the images.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	// +required
	Patch int32 `json:"patch,omitempty"`

	// dim is the number of features of each position.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65536
	// +required
	Dim int32 `json:"dim,omitempty"`
}

// NormPosition says where a transformer block normalises.
//
// +kubebuilder:validation:Enum=first;last
type NormPosition string

// Positions of the normalisation.
const (
	// NormFirst is x + f(norm(x)), as ViT and GPT-2.
	NormFirst NormPosition = "first"
	// NormLast is norm(x + f(x)), as BERT.
	NormLast NormPosition = "last"
)

// AttentionMask says which positions a position sees.
//
// +kubebuilder:validation:Enum=none;causal
type AttentionMask string

// Masks.
const (
	// AttentionMaskNone lets every position see all.
	AttentionMaskNone AttentionMask = "none"
	// AttentionMaskCausal lets a position see itself and what is before it.
	AttentionMaskCausal AttentionMask = "causal"
)

// TransformerLayer is a stack of blocks, each attention and then a perceptron.
type TransformerLayer struct {
	// depth is the number of blocks.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=128
	// +required
	Depth int32 `json:"depth,omitempty"`

	// heads of the attention; they divide the number of features.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1024
	// +required
	Heads int32 `json:"heads,omitempty"`

	// mlp is the width of the hidden layer of each block's perceptron.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1048576
	// +required
	MLP int32 `json:"mlp,omitempty"`

	// norm says whether the normalisation comes first (ViT, GPT) or last (BERT). Defaults to first.
	// +kubebuilder:default=first
	// +optional
	Norm NormPosition `json:"norm,omitempty"`

	// mask is none or causal. Defaults to none.
	// +kubebuilder:default=none
	// +optional
	Mask AttentionMask `json:"mask,omitempty"`

	// activation of the perceptrons; "member" is the member's. Defaults to gelu.
	// +kubebuilder:default=gelu
	// +optional
	Activation LayerActivation `json:"activation,omitempty"`

	// epsilon of the normalisations. Defaults to "1e-5".
	// +kubebuilder:default="1e-5"
	// +optional
	Epsilon Decimal `json:"epsilon,omitempty"`
}

// TokenEmbeddingLayer looks tokens up in a table.
type TokenEmbeddingLayer struct {
	// vocabulary is the number of different tokens.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1048576
	// +required
	Vocabulary int32 `json:"vocabulary,omitempty"`

	// positions is the length of the longest sequence.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1048576
	// +required
	Positions int32 `json:"positions,omitempty"`

	// dim is the number of features of each position.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65536
	// +required
	Dim int32 `json:"dim,omitempty"`
}

// TokenLogitsLayer has no options.
type TokenLogitsLayer struct{}

// FirstTokenLayer has no options.
type FirstTokenLayer struct{}
