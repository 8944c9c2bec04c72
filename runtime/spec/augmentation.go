package spec

// Interpolations of augmented images.
const (
	AugmentNearest  = "nearest"
	AugmentBilinear = "bilinear"
	AugmentBicubic  = "bicubic"
)

// Augmentation is what training does to images, resolved: defaults are filled in, decimals are canonical. The steps run in the
// order of the fields; nil leaves one out.
type Augmentation struct {
	// Size is the side of the square images that the network sees, 0 for the data set's own size; EvaluationResize is the shorter
	// side that images are resized to before they are evaluated, 0 for none.
	Size             int `json:"size,omitempty"`
	EvaluationResize int `json:"evaluationResize,omitempty"`

	Crop        *RandomCrop        `json:"crop,omitempty"`
	ResizedCrop *RandomResizedCrop `json:"resizedCrop,omitempty"`
	// Flip is the probability of a horizontal flip.
	Flip     string         `json:"flip,omitempty"`
	Rotation *Rotation      `json:"rotation,omitempty"`
	Jitter   *ColorJitter   `json:"jitter,omitempty"`
	Blur     *GaussianBlur  `json:"blur,omitempty"`
	Erasing  *RandomErasing `json:"erasing,omitempty"`
	// Grayscale is the probability of grey images; it runs after Jitter.
	Grayscale string `json:"grayscale,omitempty"`
	// MixUp and CutMix are the parameters of their beta laws.
	MixUp  string `json:"mixUp,omitempty"`
	CutMix string `json:"cutMix,omitempty"`
}

// RandomCrop takes a window of Augmentation.Size out of an image padded with black.
type RandomCrop struct {
	Padding int `json:"padding,omitempty"`
}

// RandomResizedCrop takes a window of random area and shape and resizes it.
type RandomResizedCrop struct {
	ScaleMin      string `json:"scaleMin"`
	ScaleMax      string `json:"scaleMax"`
	RatioMin      string `json:"ratioMin"`
	RatioMax      string `json:"ratioMax"`
	Interpolation string `json:"interpolation"`
}

// Rotation turns by up to Degrees either way.
type Rotation struct {
	Degrees       string `json:"degrees"`
	Interpolation string `json:"interpolation"`
}

// ColorJitter changes brightness, contrast, saturation and hue in random order.
type ColorJitter struct {
	Probability string `json:"probability"`
	Brightness  string `json:"brightness"`
	Contrast    string `json:"contrast"`
	Saturation  string `json:"saturation"`
	Hue         string `json:"hue"`
}

// GaussianBlur blurs with a kernel of an odd side and a random deviation in pixels.
type GaussianBlur struct {
	Probability string `json:"probability"`
	Kernel      int    `json:"kernel"`
	SigmaMin    string `json:"sigmaMin"`
	SigmaMax    string `json:"sigmaMax"`
}

// RandomErasing sets a random rectangle to the mean colour.
type RandomErasing struct {
	Probability string `json:"probability"`
	ScaleMin    string `json:"scaleMin"`
	ScaleMax    string `json:"scaleMax"`
	RatioMin    string `json:"ratioMin"`
	RatioMax    string `json:"ratioMax"`
}
