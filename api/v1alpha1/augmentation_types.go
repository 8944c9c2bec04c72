package v1alpha1

// Objective is what training minimises.
//
// +kubebuilder:validation:Enum=supervised;contrastive
type Objective string

// Objectives.
const (
	// ObjectiveSupervised is the cross-entropy with the labels.
	ObjectiveSupervised Objective = "supervised"
	// ObjectiveContrastive is InfoNCE between two augmented views of each image; labels are not used.
	ObjectiveContrastive Objective = "contrastive"
)

// Augmentation changes images while training, each member with random numbers of its own, in the order of the fields;
// evaluation sees the images as they are, resized and cropped in the centre where imageSize asks for it. Definitions and defaults are
// torchvision's (transforms v2), of mixUp and cutMix timm's.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.randomCrop) || !has(self.randomResizedCrop)",message="set at most one of randomCrop and randomResizedCrop in spec.training.augmentation"
// +kubebuilder:validation:XValidation:rule="!has(self.imageSize) || has(self.randomCrop) || has(self.randomResizedCrop)",message="spec.training.augmentation.imageSize needs randomCrop or randomResizedCrop, which make images of that size"
// +kubebuilder:validation:XValidation:rule="!has(self.evaluationResize) || (has(self.imageSize) && self.evaluationResize >= self.imageSize)",message="spec.training.augmentation.evaluationResize needs an imageSize that is not larger"
type Augmentation struct {
	// imageSize is the side of the square images that the network sees. Unset keeps the data set's.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4096
	// +optional
	ImageSize int32 `json:"imageSize,omitempty"`

	// evaluationResize is the shorter side, in pixels, that images are resized to before the centre crop
	// of imageSize for evaluation. Unset leaves them.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4096
	// +optional
	EvaluationResize int32 `json:"evaluationResize,omitempty"`

	// randomCrop takes a window of imageSize at a random place.
	// +optional
	RandomCrop *RandomCropAugmentation `json:"randomCrop,omitempty"`

	// randomResizedCrop takes a window of random area and shape and resizes it.
	// +optional
	RandomResizedCrop *RandomResizedCropAugmentation `json:"randomResizedCrop,omitempty"`

	// horizontalFlip mirrors images.
	// +optional
	HorizontalFlip *HorizontalFlipAugmentation `json:"horizontalFlip,omitempty"`

	// rotation turns images by a random angle; what comes from outside is black.
	// +optional
	Rotation RotationAugmentation `json:"rotation,omitempty,omitzero"`

	// colorJitter changes brightness, contrast, saturation and hue in random order.
	// +optional
	ColorJitter ColorJitterAugmentation `json:"colorJitter,omitempty,omitzero"`

	// grayscale makes images grey.
	// +optional
	Grayscale GrayscaleAugmentation `json:"grayscale,omitempty,omitzero"`

	// gaussianBlur blurs images.
	// +optional
	GaussianBlur GaussianBlurAugmentation `json:"gaussianBlur,omitempty,omitzero"`

	// randomErasing sets a rectangle of the normalised image to zero, the mean colour.
	// +optional
	RandomErasing *RandomErasingAugmentation `json:"randomErasing,omitempty"`

	// mixUp mixes each image and its label with another of the batch: image i with the i-th last. With cutMix
	// too, each batch takes one of the two at even odds.
	// +optional
	MixUp MixAugmentation `json:"mixUp,omitempty,omitzero"`

	// cutMix replaces a rectangle of each image by that of another of the batch, and mixes their labels by area.
	// +optional
	CutMix MixAugmentation `json:"cutMix,omitempty,omitzero"`
}

// RandomCropAugmentation is torchvision's RandomCrop.
type RandomCropAugmentation struct {
	// padding is the black pixels around the image from which the window is taken. Defaults to 0.
	// +kubebuilder:default=0
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=4096
	// +optional
	Padding *int32 `json:"padding,omitempty"`
}

// RandomResizedCropAugmentation is torchvision's RandomResizedCrop, with antialiasing.
type RandomResizedCropAugmentation struct {
	// minScale is the smallest share of the image's area, above 0. Defaults to "0.08".
	// +kubebuilder:default="0.08"
	// +optional
	MinScale Decimal `json:"minScale,omitempty"`

	// maxScale is the largest share of the image's area, at most 1. Defaults to "1".
	// +kubebuilder:default="1"
	// +optional
	MaxScale Decimal `json:"maxScale,omitempty"`

	// minRatio is the smallest width over height, above 0. Defaults to "0.75".
	// +kubebuilder:default="0.75"
	// +optional
	MinRatio Decimal `json:"minRatio,omitempty"`

	// maxRatio is the largest width over height. Defaults to "1.3333333333333333".
	// +kubebuilder:default="1.3333333333333333"
	// +optional
	MaxRatio Decimal `json:"maxRatio,omitempty"`

	// interpolation of the resizing. Defaults to bilinear.
	// +kubebuilder:default=bilinear
	// +kubebuilder:validation:Enum=bilinear;bicubic
	// +optional
	Interpolation AugmentationInterpolation `json:"interpolation,omitempty"`
}

// AugmentationInterpolation says how pixels between pixels are made.
type AugmentationInterpolation string

// Interpolations of augmentations.
const (
	AugmentationNearest  AugmentationInterpolation = "nearest"
	AugmentationBilinear AugmentationInterpolation = "bilinear"
	AugmentationBicubic  AugmentationInterpolation = "bicubic"
)

// HorizontalFlipAugmentation is torchvision's RandomHorizontalFlip.
type HorizontalFlipAugmentation struct {
	// probability of a flip, in (0, 1]. Defaults to "0.5".
	// +kubebuilder:default="0.5"
	// +optional
	Probability Decimal `json:"probability,omitempty"`
}

// RotationAugmentation is torchvision's RandomRotation.
type RotationAugmentation struct {
	// degrees is the largest angle, either way, in (0, 180].
	// +required
	Degrees Decimal `json:"degrees,omitempty"`

	// interpolation of the turned image. Defaults to nearest, as torchvision's.
	// +kubebuilder:default=nearest
	// +kubebuilder:validation:Enum=nearest;bilinear
	// +optional
	Interpolation AugmentationInterpolation `json:"interpolation,omitempty"`
}

// ColorJitterAugmentation is torchvision's ColorJitter. Factors are drawn from [max(0, 1-x), 1+x].
//
// +kubebuilder:validation:MinProperties=1
type ColorJitterAugmentation struct {
	// probability that an image is changed, in (0, 1]. Defaults to "1".
	// +kubebuilder:default="1"
	// +optional
	Probability Decimal `json:"probability,omitempty"`

	// brightness is the range of its factor, 0 or above. Defaults to "0".
	// +kubebuilder:default="0"
	// +optional
	Brightness Decimal `json:"brightness,omitempty"`

	// contrast is the range of its factor, 0 or above. Defaults to "0".
	// +kubebuilder:default="0"
	// +optional
	Contrast Decimal `json:"contrast,omitempty"`

	// saturation is the range of its factor, 0 or above. Defaults to "0".
	// +kubebuilder:default="0"
	// +optional
	Saturation Decimal `json:"saturation,omitempty"`

	// hue is the largest turn of the colour circle, either way, in [0, 0.5]. Defaults to "0".
	// +kubebuilder:default="0"
	// +optional
	Hue Decimal `json:"hue,omitempty"`
}

// GrayscaleAugmentation is torchvision's RandomGrayscale.
type GrayscaleAugmentation struct {
	// probability that an image becomes grey, in (0, 1].
	// +required
	Probability Decimal `json:"probability,omitempty"`
}

// GaussianBlurAugmentation is torchvision's GaussianBlur.
type GaussianBlurAugmentation struct {
	// kernelSize is the side of the kernel in pixels, odd.
	// +kubebuilder:validation:Minimum=3
	// +kubebuilder:validation:Maximum=255
	// +kubebuilder:validation:XValidation:rule="self % 2 == 1",message="kernelSize must be odd"
	// +required
	KernelSize int32 `json:"kernelSize,omitempty"`

	// minSigma is the smallest deviation in pixels, above 0. Defaults to "0.1".
	// +kubebuilder:default="0.1"
	// +optional
	MinSigma Decimal `json:"minSigma,omitempty"`

	// maxSigma is the largest deviation in pixels. Defaults to "2".
	// +kubebuilder:default="2"
	// +optional
	MaxSigma Decimal `json:"maxSigma,omitempty"`

	// probability that an image is blurred, in (0, 1]. Defaults to "1".
	// +kubebuilder:default="1"
	// +optional
	Probability Decimal `json:"probability,omitempty"`
}

// RandomErasingAugmentation is torchvision's RandomErasing.
type RandomErasingAugmentation struct {
	// probability that a rectangle is erased, in (0, 1]. Defaults to "0.5".
	// +kubebuilder:default="0.5"
	// +optional
	Probability Decimal `json:"probability,omitempty"`

	// minScale is the smallest share of the image's area. Defaults to "0.02".
	// +kubebuilder:default="0.02"
	// +optional
	MinScale Decimal `json:"minScale,omitempty"`

	// maxScale is the largest share of the image's area. Defaults to "0.33".
	// +kubebuilder:default="0.33"
	// +optional
	MaxScale Decimal `json:"maxScale,omitempty"`

	// minRatio is the smallest height over width, above 0. Defaults to "0.3".
	// +kubebuilder:default="0.3"
	// +optional
	MinRatio Decimal `json:"minRatio,omitempty"`

	// maxRatio is the largest height over width. Defaults to "3.3".
	// +kubebuilder:default="3.3"
	// +optional
	MaxRatio Decimal `json:"maxRatio,omitempty"`
}

// MixAugmentation mixes the images of a batch.
type MixAugmentation struct {
	// alpha of the law Beta(alpha, alpha) of an image's share, above 0.
	// +required
	Alpha Decimal `json:"alpha,omitempty"`
}

// InitialWeights lets members continue from the models of another zoo: each member of the population exists once for every
// model of that zoo. The last layer is a new head; everything else is copied.
//
// +kubebuilder:validation:XValidation:rule="!has(self.hidden) || (has(self.head) && self.head == 'mlp')",message="spec.initialWeights.hidden is for head mlp"
type InitialWeights struct {
	// zoo whose models are continued, in the namespace of this object.
	// +required
	Zoo ZooReference `json:"zoo,omitempty,omitzero"`

	// epoch of the checkpoint: last, or its number. Defaults to last.
	// +kubebuilder:default=last
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=6
	// +kubebuilder:validation:Pattern=`^(last|[0-9]{1,6})$`
	// +optional
	Epoch string `json:"epoch,omitempty"`

	// head that replaces the last layer: linear, or mlp, which is linear, relu, linear. Defaults to linear.
	// +kubebuilder:default=linear
	// +kubebuilder:validation:Enum=linear;mlp
	// +optional
	Head InitialHead `json:"head,omitempty"`

	// hidden is the features between the layers of an mlp head. Defaults to 384 there.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65536
	// +optional
	Hidden int32 `json:"hidden,omitempty"`
}

// InitialHead is a form of the new last layer.
type InitialHead string

// Forms of the new last layer.
const (
	HeadLinear InitialHead = "linear"
	HeadMLP    InitialHead = "mlp"
)
