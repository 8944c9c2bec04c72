package plan

import (
	"fmt"
	"strconv"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/augment"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/spec"
)

// maxImageSize bounds imageSize and evaluationResize.
const maxImageSize = 4096

// defaultAugmentation fills in the parameters of the augmentations that are set.
func defaultAugmentation(a *v1alpha1.Augmentation) {
	if c := a.RandomCrop; c != nil {
		setPointer(&c.Padding, 0)
	}
	if c := a.RandomResizedCrop; c != nil {
		setText(&c.MinScale, "0.08")
		setText(&c.MaxScale, "1")
		setText(&c.MinRatio, "0.75")
		setText(&c.MaxRatio, "1.3333333333333333")
		setText(&c.Interpolation, v1alpha1.AugmentationBilinear)
	}
	if c := a.HorizontalFlip; c != nil {
		setText(&c.Probability, "0.5")
	}
	if c := &a.Rotation; *c != (v1alpha1.RotationAugmentation{}) {
		setText(&c.Interpolation, v1alpha1.AugmentationNearest)
	}
	if c := &a.ColorJitter; *c != (v1alpha1.ColorJitterAugmentation{}) {
		setText(&c.Probability, "1")
		for _, d := range []*v1alpha1.Decimal{&c.Brightness, &c.Contrast, &c.Saturation, &c.Hue} {
			setText(d, "0")
		}
	}
	if c := &a.GaussianBlur; *c != (v1alpha1.GaussianBlurAugmentation{}) {
		setText(&c.MinSigma, "0.1")
		setText(&c.MaxSigma, "2")
		setText(&c.Probability, "1")
	}
	if c := a.RandomErasing; c != nil {
		setText(&c.Probability, "0.5")
		setText(&c.MinScale, "0.02")
		setText(&c.MaxScale, "0.33")
		setText(&c.MinRatio, "0.3")
		setText(&c.MaxRatio, "3.3")
	}
}

// specAugmentation translates the augmentations, their defaults filled in; nil for none. It checks nothing.
func specAugmentation(a *v1alpha1.Augmentation) *spec.Augmentation {
	if *a == (v1alpha1.Augmentation{}) {
		return nil
	}
	out := &spec.Augmentation{
		Size: int(a.ImageSize), EvaluationResize: int(a.EvaluationResize),
		Grayscale: decimal(a.Grayscale.Probability), MixUp: decimal(a.MixUp.Alpha), CutMix: decimal(a.CutMix.Alpha),
	}
	if c := a.RandomCrop; c != nil {
		out.Crop = &spec.RandomCrop{Padding: orZero(c.Padding)}
	}
	if c := a.RandomResizedCrop; c != nil {
		out.ResizedCrop = &spec.RandomResizedCrop{
			ScaleMin: decimal(c.MinScale), ScaleMax: decimal(c.MaxScale), RatioMin: decimal(c.MinRatio), RatioMax: decimal(c.MaxRatio),
			Interpolation: string(c.Interpolation),
		}
	}
	if c := a.HorizontalFlip; c != nil {
		out.Flip = decimal(c.Probability)
	}
	if c := &a.Rotation; *c != (v1alpha1.RotationAugmentation{}) {
		out.Rotation = &spec.Rotation{Degrees: decimal(c.Degrees), Interpolation: string(c.Interpolation)}
	}
	if c := &a.ColorJitter; *c != (v1alpha1.ColorJitterAugmentation{}) {
		out.Jitter = &spec.ColorJitter{
			Probability: decimal(c.Probability), Brightness: decimal(c.Brightness), Contrast: decimal(c.Contrast),
			Saturation: decimal(c.Saturation), Hue: decimal(c.Hue),
		}
	}
	if c := &a.GaussianBlur; *c != (v1alpha1.GaussianBlurAugmentation{}) {
		out.Blur = &spec.GaussianBlur{Probability: decimal(c.Probability), Kernel: int(c.KernelSize), SigmaMin: decimal(c.MinSigma), SigmaMax: decimal(c.MaxSigma)}
	}
	if c := a.RandomErasing; c != nil {
		out.Erasing = &spec.RandomErasing{
			Probability: decimal(c.Probability), ScaleMin: decimal(c.MinScale), ScaleMax: decimal(c.MaxScale),
			RatioMin: decimal(c.MinRatio), RatioMax: decimal(c.MaxRatio),
		}
	}
	return out
}

// chance is a probability of something that is asked for.
var chance = bound{min: 0, max: 1, openMin: true, text: "in (0, 1]"}

// augmentationNumber is a decimal of an augmentation.
type augmentationNumber struct {
	field string
	value v1alpha1.Decimal
	bound bound
}

// augmentationNumbers lists the decimals of the augmentations that are set.
func augmentationNumbers(a *v1alpha1.Augmentation) []augmentationNumber {
	var out []augmentationNumber
	add := func(field string, v v1alpha1.Decimal, b bound) { out = append(out, augmentationNumber{field, v, b}) }
	if c := a.RandomResizedCrop; c != nil {
		add("randomResizedCrop.minScale", c.MinScale, chance)
		add("randomResizedCrop.maxScale", c.MaxScale, chance)
		add("randomResizedCrop.minRatio", c.MinRatio, positive)
		add("randomResizedCrop.maxRatio", c.MaxRatio, positive)
	}
	if c := a.HorizontalFlip; c != nil {
		add("horizontalFlip.probability", c.Probability, chance)
	}
	if c := &a.Rotation; *c != (v1alpha1.RotationAugmentation{}) {
		add("rotation.degrees", c.Degrees, bound{min: 0, max: 180, openMin: true, text: "in (0, 180]"})
	}
	if c := &a.ColorJitter; *c != (v1alpha1.ColorJitterAugmentation{}) {
		add("colorJitter.probability", c.Probability, chance)
		add("colorJitter.brightness", c.Brightness, nonNegative)
		add("colorJitter.contrast", c.Contrast, nonNegative)
		add("colorJitter.saturation", c.Saturation, nonNegative)
		add("colorJitter.hue", c.Hue, bound{min: 0, max: 0.5, text: "in [0, 0.5]"})
	}
	if c := &a.Grayscale; *c != (v1alpha1.GrayscaleAugmentation{}) {
		add("grayscale.probability", c.Probability, chance)
	}
	if c := &a.GaussianBlur; *c != (v1alpha1.GaussianBlurAugmentation{}) {
		add("gaussianBlur.minSigma", c.MinSigma, positive)
		add("gaussianBlur.maxSigma", c.MaxSigma, positive)
		add("gaussianBlur.probability", c.Probability, chance)
	}
	if c := a.RandomErasing; c != nil {
		add("randomErasing.probability", c.Probability, chance)
		add("randomErasing.minScale", c.MinScale, fraction)
		add("randomErasing.maxScale", c.MaxScale, fraction)
		add("randomErasing.minRatio", c.MinRatio, positive)
		add("randomErasing.maxRatio", c.MaxRatio, positive)
	}
	if a.MixUp != (v1alpha1.MixAugmentation{}) {
		add("mixUp.alpha", a.MixUp.Alpha, positive)
	}
	if a.CutMix != (v1alpha1.MixAugmentation{}) {
		add("cutMix.alpha", a.CutMix.Alpha, positive)
	}
	return out
}

// checkAugmentation checks the augmentations, their defaults filled in, and the objective for images of a data set.
func checkAugmentation(t *v1alpha1.Training, d *spec.DatasetInput) error {
	const at = "spec.training.augmentation"
	a := &t.Augmentation
	if err := checkObjective(t); err != nil || *a == (v1alpha1.Augmentation{}) {
		return err
	}
	for _, n := range augmentationNumbers(a) {
		if err := checkDecimal(at+"."+n.field, n.value, n.bound); err != nil {
			return err
		}
	}
	known := []v1alpha1.AugmentationInterpolation{v1alpha1.AugmentationNearest, v1alpha1.AugmentationBilinear}
	if c := &a.Rotation; *c != (v1alpha1.RotationAugmentation{}) {
		if err := word(at+".rotation.interpolation", c.Interpolation, known); err != nil {
			return err
		}
	}
	if c := a.RandomResizedCrop; c != nil {
		if err := word(at+".randomResizedCrop.interpolation", c.Interpolation, []v1alpha1.AugmentationInterpolation{v1alpha1.AugmentationBilinear, v1alpha1.AugmentationBicubic}); err != nil {
			return err
		}
	}
	if c := &a.ColorJitter; *c != (v1alpha1.ColorJitterAugmentation{}) {
		if mustFloat(string(c.Brightness))+mustFloat(string(c.Contrast))+mustFloat(string(c.Saturation))+mustFloat(string(c.Hue)) == 0 {
			return &FieldError{at + ".colorJitter", "it changes nothing", "give brightness, contrast, saturation or hue a value above 0, or remove it"}
		}
	}
	switch {
	case a.ImageSize < 0 || a.ImageSize > maxImageSize:
		return &FieldError{at + ".imageSize", fmt.Sprintf("%d pixels", a.ImageSize), fmt.Sprintf("use 1 to %d", maxImageSize)}
	case a.EvaluationResize != 0 && (a.ImageSize == 0 || a.EvaluationResize < a.ImageSize || a.EvaluationResize > maxImageSize):
		return &FieldError{at + ".evaluationResize", fmt.Sprintf("%d pixels, imageSize is %d", a.EvaluationResize, a.ImageSize), "set imageSize, and resize to at least that"}
	}
	if err := augment.FromPlan(specAugmentation(a)).Validate(augment.Shape{C: d.Channels, H: d.Height, W: d.Width}); err != nil {
		return &FieldError{at, err.Error(), "change it to fit the data set's images"}
	}
	return nil
}

// checkObjective holds the objective against the rest of the recipe.
func checkObjective(t *v1alpha1.Training) error {
	const at = "spec.training."
	if t.Objective != "" {
		if err := word(at+"objective", t.Objective, []v1alpha1.Objective{v1alpha1.ObjectiveSupervised, v1alpha1.ObjectiveContrastive}); err != nil {
			return err
		}
	}
	if t.Objective != v1alpha1.ObjectiveContrastive {
		if t.Temperature != "" {
			return &FieldError{at + "temperature", "only the contrastive objective has one", "remove it, or set spec.training.objective: contrastive"}
		}
		return nil
	}
	switch {
	case t.Augmentation == v1alpha1.Augmentation{}:
		return &FieldError{at + "objective", "contrastive, but there is no augmentation: both views of an image would be equal", "set spec.training.augmentation"}
	case t.Augmentation.MixUp != v1alpha1.MixAugmentation{} || t.Augmentation.CutMix != v1alpha1.MixAugmentation{}:
		return &FieldError{at + "augmentation", "mixUp and cutMix mix labels, which the contrastive objective has not", "remove them"}
	case mustFloat(string(t.LabelSmoothing)) != 0:
		return &FieldError{at + "labelSmoothing", "the contrastive objective has no labels", "remove it"}
	case t.BatchSize < 2:
		return &FieldError{at + "batchSize", "one image has no others to be told from", "use 2 or more"}
	}
	return checkDecimal(at+"temperature", t.Temperature, positive)
}

// checkAdditions refuses augmentations, objectives and initial weights in a plan that this package would not have made.
func checkAdditions(z *spec.Zoo) error {
	if a := z.Augmentation; a != nil {
		err := augment.FromPlan(a).Validate(augment.Shape{C: z.Dataset.Channels, H: z.Dataset.Height, W: z.Dataset.Width})
		if err != nil || a.Size > maxImageSize || a.EvaluationResize > maxImageSize {
			return damaged(fmt.Sprintf("augmentation of size %d: %v", a.Size, err))
		}
	}
	contrastive := z.Objective == spec.ObjectiveContrastive
	if z.Objective != "" && !contrastive || contrastive && (z.Augmentation == nil || !(number(z.Temperature) > 0)) {
		return damaged(fmt.Sprintf("objective %q with temperature %q", z.Objective, z.Temperature))
	}
	if w := z.Initial; w != nil {
		if len(w.Models) == 0 || len(w.Models) > maxParents || w.Epoch < 0 || w.Hidden < 0 || w.Hidden > maxHidden || w.Head != spec.HeadLinear && w.Head != spec.HeadMLP {
			return damaged(fmt.Sprintf("initial weights of %d models, epoch %d, head %q of %d", len(w.Models), w.Epoch, w.Head, w.Hidden))
		}
		if seeds := seedCount(&z.Seeds); int64(seeds)*int64(len(z.Cells))*int64(len(z.Cohorts))*int64(len(w.Models)) > MaxMembers {
			return damaged(fmt.Sprintf("%d models are continued by %d seeds, %d cells and %d cohorts", len(w.Models), seeds, len(z.Cells), len(z.Cohorts)))
		}
	}
	return nil
}

// number reads a decimal of a plan; 0 if it is none.
func number(text string) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return v
}

// augmentationMemory is what a worker needs beyond a plain zoo's: soft targets, the scratch of one image, and for pairs of views the
// similarities and their gradients.
func augmentationMemory(z *spec.Zoo) int64 {
	var n int64
	d := &z.Dataset
	if c := augment.FromPlan(z.Augmentation); c != nil {
		n += c.ScratchBytes(augment.Shape{C: d.Channels, H: d.Height, W: d.Width})
		if c.Mixes() {
			n += floatBytes * int64(z.BatchSize) * int64(d.Classes)
		}
	}
	if z.Objective == spec.ObjectiveContrastive {
		rows := 2 * int64(z.BatchSize)
		n += floatBytes * similarities * rows * rows
	}
	return n
}

// similarities is the matrices over pairs of rows that a contrastive step holds: products, scaled, masked, the softmax's gradient, its way
// back, and the mask itself.
const similarities = 6

// trainBatch is the images of a training step's program for a batch: a pair of views of each where the objective is contrastive.
func trainBatch(z *spec.Zoo, batch int) int {
	if z.Objective == spec.ObjectiveContrastive {
		return 2 * batch
	}
	return batch
}

// inputOf is a data set with the images that the network sees.
func inputOf(a *v1alpha1.Augmentation, d *spec.DatasetInput) *spec.DatasetInput {
	in := nn.Input(&spec.Zoo{Dataset: *d, Augmentation: &spec.Augmentation{Size: int(a.ImageSize)}})
	seen := *d
	seen.Height, seen.Width = in.Height, in.Width
	return &seen
}
