package augment

import "math"

// attempts is how often a window is drawn before a fallback is taken.
const attempts = 10

// window is a rectangle of an image: Y, X is its first pixel.
type window struct{ Y, X, H, W int }

// window draws a window of [h, w] pixels out of an image padded on each side; Y and X may be negative.
func (c *Crop) window(d *draws, in Shape, h, w int) window {
	y := d.below(in.H + 2*c.Padding - h + 1)
	x := d.below(in.W + 2*c.Padding - w + 1)
	return window{y - c.Padding, x - c.Padding, h, w}
}

// window is torchvision's RandomResizedCrop.get_params.
func (r *ResizedCrop) window(d *draws, in Shape) window {
	area := float64(in.H * in.W)
	for range attempts {
		target := area * d.between(r.Scale[0], r.Scale[1])
		ratio := d.logBetween(r.Ratio[0], r.Ratio[1])
		w, h := math.RoundToEven(math.Sqrt(target*ratio)), math.RoundToEven(math.Sqrt(target/ratio))
		if w > 0 && w <= float64(in.W) && h > 0 && h <= float64(in.H) {
			at := window{H: int(h), W: int(w)}
			at.Y, at.X = d.below(in.H-at.H+1), d.below(in.W-at.W+1)
			return at
		}
	}
	at := window{H: in.H, W: in.W}
	switch ratio := float64(in.W) / float64(in.H); {
	case ratio < r.Ratio[0]:
		at.H = max(1, int(math.RoundToEven(float64(in.W)/r.Ratio[0])))
	case ratio > r.Ratio[1]:
		at.W = max(1, int(math.RoundToEven(float64(in.H)*r.Ratio[1])))
	}
	at.Y, at.X = (in.H-at.H)/2, (in.W-at.W)/2
	return at
}

// window is torchvision's RandomErasing.get_params; false erases nothing.
func (e *Erasing) window(d *draws, in Shape) (window, bool) {
	if !d.happens(e.Probability) {
		return window{}, false
	}
	area := float64(in.H * in.W)
	for range attempts {
		target := area * d.between(e.Scale[0], e.Scale[1])
		ratio := d.logBetween(e.Ratio[0], e.Ratio[1])
		h, w := math.RoundToEven(math.Sqrt(target*ratio)), math.RoundToEven(math.Sqrt(target/ratio))
		if h < float64(in.H) && w < float64(in.W) {
			at := window{H: int(h), W: int(w)}
			at.Y, at.X = d.below(in.H-at.H+1), d.below(in.W-at.W+1)
			return at, true
		}
	}
	return window{}, false
}

// Steps of colour jitter.
const (
	brightness = iota
	contrast
	saturation
	hue
	jitterSteps
)

// tint is a drawn colour jitter: its steps in order, a factor (for hue, turns) for each kind of step.
type tint struct {
	order  [jitterSteps]int
	factor [jitterSteps]float64
	on     [jitterSteps]bool
}

// tint is torchvision's ColorJitter.get_params; false changes nothing.
func (j *Jitter) tint(d *draws) (t tint, ok bool) {
	if !d.happens(j.Probability) {
		return t, false
	}
	t.order = [...]int{brightness, contrast, saturation, hue}
	for k := jitterSteps - 1; k > 0; k-- {
		o := d.below(k + 1)
		t.order[k], t.order[o] = t.order[o], t.order[k]
	}
	for k, x := range [...]float64{j.Brightness, j.Contrast, j.Saturation} {
		t.factor[k], t.on[k] = d.between(math.Max(0, 1-x), 1+x), x > 0
	}
	t.factor[hue], t.on[hue] = d.between(-j.Hue, j.Hue), j.Hue > 0
	return t, true
}

// mix is what a batch does to its images: image i and image n-1-i are mixed at Lambda to 1-Lambda, or swap a window.
type mix struct {
	lambda float64
	cut    bool
	window window
}

// mix is timm's Mixup in mode "batch" with probability 1 and corrected lambda.
func (c *Config) mix(d *draws, in Shape) mix {
	a, cut := c.MixUp, c.CutMix > 0
	if cut && a > 0 {
		cut = d.happens(0.5)
	}
	if cut {
		a = c.CutMix
	}
	m := mix{lambda: d.beta(a), cut: cut}
	if !cut {
		return m
	}
	share := math.Sqrt(1 - m.lambda)
	h, w := int(float64(in.H)*share), int(float64(in.W)*share)
	y, x := d.below(in.H), d.below(in.W)
	top, bottom := span(y, h, in.H)
	left, right := span(x, w, in.W)
	m.window = window{top, left, bottom - top, right - left}
	m.lambda = 1 - float64(m.window.H*m.window.W)/float64(in.H*in.W)
	return m
}

// span is n pixels around a centre, cut at the borders of an axis.
func span(centre, n, length int) (from, to int) {
	return max(0, centre-n/2), min(length, centre+(n+1)/2)
}
