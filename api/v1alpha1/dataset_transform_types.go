package v1alpha1

// DatasetInterpolation is how pixels between pixels are made. All follow Pillow and torchvision: where an image shrinks, the filter is
// widened by the factor.
//
// +kubebuilder:validation:Enum=bilinear;bicubic;nearest
type DatasetInterpolation string

const (
	// DatasetInterpolationBilinear weighs linearly by distance.
	DatasetInterpolationBilinear DatasetInterpolation = "bilinear"
	// DatasetInterpolationBicubic weighs by a cubic of distance, with a = -0.5.
	DatasetInterpolationBicubic DatasetInterpolation = "bicubic"
	// DatasetInterpolationNearest takes the nearest pixel.
	DatasetInterpolationNearest DatasetInterpolation = "nearest"
)

// DatasetTransform changes every image while the data set is made, in the order resize, centerCrop, grayscale.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="has(self.resize) || !has(self.interpolation)",message="spec.transform.interpolation is of use with spec.transform.resize only"
// +kubebuilder:validation:XValidation:rule="!has(self.resize) || !has(self.centerCrop) || self.centerCrop <= self.resize",message="spec.transform.centerCrop is larger than spec.transform.resize"
type DatasetTransform struct {
	// resize scales images so that the shorter edge has this many pixels; the longer keeps the ratio.
	// Unset keeps the size.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4096
	// +optional
	Resize int32 `json:"resize,omitempty"`

	// interpolation of resize. Unset means bilinear.
	// +optional
	Interpolation DatasetInterpolation `json:"interpolation,omitempty"`

	// centerCrop keeps the square of this many pixels in the middle. Unset keeps all.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4096
	// +optional
	CenterCrop int32 `json:"centerCrop,omitempty"`

	// grayscale turns three channels into one, as ITU-R 601 weighs them. Unset means false.
	// +optional
	Grayscale *bool `json:"grayscale,omitempty"`
}

// DatasetLabels says which labels of CIFAR-100 are read.
//
// +kubebuilder:validation:Enum=fine;coarse
type DatasetLabels string

const (
	// DatasetLabelsFine are the 100 classes.
	DatasetLabelsFine DatasetLabels = "fine"
	// DatasetLabelsCoarse are the 20 classes above them.
	DatasetLabelsCoarse DatasetLabels = "coarse"
)

// DatasetOptions are choices that only some formats know.
//
// +kubebuilder:validation:MinProperties=1
type DatasetOptions struct {
	// labels of format cifar100: fine, the 100 classes, or coarse, the 20 above them. Unset means fine.
	// +optional
	Labels DatasetLabels `json:"labels,omitempty"`

	// imageColumn of format parquet. Unset means image or else img, whichever is there.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +optional
	ImageColumn string `json:"imageColumn,omitempty"`

	// labelColumn of format parquet. Unset means label or else fine_label, whichever is there.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +optional
	LabelColumn string `json:"labelColumn,omitempty"`
}
