// Package augment changes images while training: crops, flips, rotations, colour jitter, blur, erasing, mixup and cutmix, with the
// definitions of torchvision 0.29 (transforms v2 on byte tensors) and, for mixup and cutmix, timm 1.0.
//
// Every random number is a draw from the counters (member seed, label "augment/<name>", epoch, sample index): which worker makes a
// batch, how a zoo is cut and where training resumes leave no trace. Pixels are bytes [C, H, W] until they are normalised by a
// table; batches are floats [C, H, W, N].
package augment

import (
	"fmt"
	"math"
	"strconv"

	"github.com/weightspace/weightspace/runtime/spec"
)

// Config is the augmentations of a recipe, in the order in which they run. Nil and 0 leave one out.
type Config struct {
	// Size is the side of the square output, 0 for the input's size. EvaluationResize is the shorter side that images are resized
	// to (bilinear) for evaluation, before the centre crop of Size; 0 leaves them.
	Size, EvaluationResize int
	Crop                   *Crop
	ResizedCrop            *ResizedCrop
	// Flip is the probability of a horizontal flip.
	Flip     float64
	Rotation *Rotation
	Jitter   *Jitter
	// Grayscale is the probability that all channels become the luminance (ITU-R 601-2). Images of one channel stay.
	Grayscale float64
	Blur      *Blur
	Erasing   *Erasing
	// MixUp and CutMix are the parameters of Beta(a, a); with both, each batch takes one of them, at even odds.
	MixUp, CutMix float64
}

// Crop takes a window at a uniform place of the image, padded with Padding black pixels on each side.
type Crop struct{ Padding int }

// ResizedCrop takes a window whose share of the area is uniform in Scale and whose aspect ratio is log-uniform in Ratio, and resizes
// it with an antialiased filter (Szegedy et al. 2015). After ten windows that do not fit it takes the central one.
type ResizedCrop struct {
	Scale, Ratio [2]float64
	Bicubic      bool
}

// Rotation turns about the centre, anticlockwise, by an angle uniform in [-Degrees, Degrees]; what comes from outside is black. The
// nearest pixel is taken, or with Bilinear four are interpolated.
type Rotation struct {
	Degrees  float64
	Bilinear bool
}

// Jitter applies, with a probability, in random order: brightness, contrast and saturation by factors uniform in [max(0, 1-x), 1+x], hue by a
// turn uniform in [-Hue, Hue].
type Jitter struct {
	Probability                           float64
	Brightness, Contrast, Saturation, Hue float64
}

// Blur is a Gaussian of Kernel pixels (odd) and a deviation uniform in Sigma, with reflected borders.
type Blur struct {
	Probability float64
	Kernel      int
	Sigma       [2]float64
}

// Erasing sets a rectangle of the normalised image to 0, the mean colour: its share of the area is uniform in Scale, its aspect ratio log-uniform
// in Ratio (Zhong et al. 2020). After ten rectangles that do not fit the image stays.
type Erasing struct {
	Probability  float64
	Scale, Ratio [2]float64
}

// FromPlan translates the plan's augmentations, whose decimals were checked when the plan was read; nil is none.
func FromPlan(a *spec.Augmentation) *Config {
	if a == nil {
		return nil
	}
	c := &Config{Size: a.Size, EvaluationResize: a.EvaluationResize, Flip: number(a.Flip), Grayscale: number(a.Grayscale), MixUp: number(a.MixUp), CutMix: number(a.CutMix)}
	if a.Crop != nil {
		c.Crop = &Crop{a.Crop.Padding}
	}
	if r := a.ResizedCrop; r != nil {
		c.ResizedCrop = &ResizedCrop{pair(r.ScaleMin, r.ScaleMax), pair(r.RatioMin, r.RatioMax), r.Interpolation == spec.AugmentBicubic}
	}
	if r := a.Rotation; r != nil {
		c.Rotation = &Rotation{number(r.Degrees), r.Interpolation == spec.AugmentBilinear}
	}
	if j := a.Jitter; j != nil {
		c.Jitter = &Jitter{number(j.Probability), number(j.Brightness), number(j.Contrast), number(j.Saturation), number(j.Hue)}
	}
	if b := a.Blur; b != nil {
		c.Blur = &Blur{number(b.Probability), b.Kernel, pair(b.SigmaMin, b.SigmaMax)}
	}
	if e := a.Erasing; e != nil {
		c.Erasing = &Erasing{number(e.Probability), pair(e.ScaleMin, e.ScaleMax), pair(e.RatioMin, e.RatioMax)}
	}
	return c
}

// number reads a decimal; "" is 0.
func number(text string) float64 {
	v, _ := strconv.ParseFloat(text, 64)
	return v
}

func pair(low, high string) [2]float64 { return [2]float64{number(low), number(high)} }

// Mixes says that batches mix images, so that labels are distributions over classes.
func (c *Config) Mixes() bool { return c != nil && (c.MixUp > 0 || c.CutMix > 0) }

// Shape is an image's channels, rows and columns.
type Shape struct{ C, H, W int }

// size is the number of pixels of all channels.
func (s Shape) size() int { return s.C * s.H * s.W }

// Out is the shape that the network sees.
func (c *Config) Out(in Shape) Shape {
	if c != nil && c.Size > 0 {
		return Shape{in.C, c.Size, c.Size}
	}
	return in
}

// Validate says what is wrong with the configuration for images of a shape.
func (c *Config) Validate(in Shape) error {
	out := c.Out(in)
	switch {
	case in.C < 1 || in.H < 1 || in.W < 1 || c.Size < 0 || c.EvaluationResize < 0:
		return fmt.Errorf("augment: images of %dx%dx%d, size %d, evaluation resize %d", in.C, in.H, in.W, c.Size, c.EvaluationResize)
	case c.Crop != nil && c.ResizedCrop != nil:
		return fmt.Errorf("augment: a crop and a resized crop exclude each other")
	case out != in && c.Crop == nil && c.ResizedCrop == nil:
		return fmt.Errorf("augment: size %d needs a crop or a resized crop", c.Size)
	case c.Crop != nil && (c.Crop.Padding < 0 || out.H > in.H+2*c.Crop.Padding || out.W > in.W+2*c.Crop.Padding):
		return fmt.Errorf("augment: a crop of %dx%d from images of %dx%d padded by %d", out.H, out.W, in.H, in.W, c.Crop.Padding)
	case c.Blur != nil && (c.Blur.Kernel < 1 || c.Blur.Kernel%2 == 0 || c.Blur.Kernel/2 >= min(out.H, out.W)):
		return fmt.Errorf("augment: a blur of %d pixels on images of %dx%d", c.Blur.Kernel, out.H, out.W)
	case (c.Jitter != nil && c.Jitter.Saturation+c.Jitter.Hue > 0) && in.C != 1 && in.C != 3:
		return fmt.Errorf("augment: colours of %d channels", in.C)
	case c.Grayscale > 0 && in.C != 1 && in.C != 3:
		return fmt.Errorf("augment: grey images of %d channels", in.C)
	}
	for _, n := range c.numbers() {
		if !(n.value >= n.low && n.value <= n.high) {
			return fmt.Errorf("augment: %s is %v, outside [%v, %v]", n.name, n.value, n.low, n.high)
		}
	}
	return nil
}

type bounded struct {
	name             string
	value, low, high float64
}

// numbers are the parameters with their bounds.
func (c *Config) numbers() []bounded {
	const big = 1e6
	tiny := math.SmallestNonzeroFloat32
	out := []bounded{{"flip", c.Flip, 0, 1}, {"grayscale", c.Grayscale, 0, 1}, {"mixUp", c.MixUp, 0, big}, {"cutMix", c.CutMix, 0, big}}
	if r := c.ResizedCrop; r != nil {
		out = append(out, bounded{"scale", r.Scale[0], tiny, r.Scale[1]}, bounded{"scale", r.Scale[1], 0, 1},
			bounded{"ratio", r.Ratio[0], 1 / big, r.Ratio[1]}, bounded{"ratio", r.Ratio[1], 0, big})
	}
	if r := c.Rotation; r != nil {
		out = append(out, bounded{"degrees", r.Degrees, 0, 180})
	}
	if j := c.Jitter; j != nil {
		out = append(out, bounded{"jitter's probability", j.Probability, 0, 1}, bounded{"brightness", j.Brightness, 0, big},
			bounded{"contrast", j.Contrast, 0, big}, bounded{"saturation", j.Saturation, 0, big}, bounded{"hue", j.Hue, 0, 0.5})
	}
	if b := c.Blur; b != nil {
		out = append(out, bounded{"blur's probability", b.Probability, 0, 1}, bounded{"sigma", b.Sigma[0], 1 / big, b.Sigma[1]}, bounded{"sigma", b.Sigma[1], 0, big})
	}
	if e := c.Erasing; e != nil {
		out = append(out, bounded{"erasing's probability", e.Probability, 0, 1}, bounded{"scale", e.Scale[0], 0, e.Scale[1]}, bounded{"scale", e.Scale[1], 0, 1},
			bounded{"ratio", e.Ratio[0], 1 / big, e.Ratio[1]}, bounded{"ratio", e.Ratio[1], 0, big})
	}
	return out
}
