package augment

import (
	"math"

	"github.com/weightspace/weightspace/runtime/kernel/detmath"
)

// luminance is torchvision's, rounded down.
func luminance(r, g, b uint8) uint8 {
	return uint8(float32(0.2989*float32(r)) + float32(0.587*float32(g)) + float32(0.114*float32(b)))
}

// gray makes all channels of a colour image the luminance.
func gray(m *image) {
	if m.C != 3 {
		return
	}
	r, g, b := m.plane(0), m.plane(1), m.plane(2)
	for i := range r {
		l := luminance(r[i], g[i], b[i])
		r[i], g[i], b[i] = l, l, l
	}
}

// colour applies a tint in place.
func colour(m *image, t *tint) {
	for _, k := range t.order {
		if !t.on[k] {
			continue
		}
		switch f := float32(t.factor[k]); k {
		case brightness:
			var table [256]uint8
			for p := range table {
				table[p] = clip(float32(p) * f)
			}
			replace(m.pix, &table)
		case contrast:
			adjustContrast(m, f)
		case saturation:
			adjustSaturation(m, f)
		case hue:
			adjustHue(m, f)
		}
	}
}

func replace(pix []uint8, table *[256]uint8) {
	for i, p := range pix {
		pix[i] = table[p]
	}
}

// blend is p*f + other*(1-f), rounded down.
func blend(p, other, f float32) uint8 { return clip(float32(p*f) + float32(other*float32(1-f))) }

// adjustContrast blends with the mean luminance.
func adjustContrast(m *image, f float32) {
	sum := int64(0)
	n := m.H * m.W
	if m.C == 3 {
		r, g, b := m.plane(0), m.plane(1), m.plane(2)
		for i := range r {
			sum += int64(luminance(r[i], g[i], b[i]))
		}
	} else {
		n *= m.C
		for _, p := range m.pix {
			sum += int64(p)
		}
	}
	mean := float32(float64(sum) / float64(n))
	var table [256]uint8
	for p := range table {
		table[p] = blend(float32(p), mean, f)
	}
	replace(m.pix, &table)
}

// adjustSaturation blends each pixel with its luminance.
func adjustSaturation(m *image, f float32) {
	if m.C != 3 {
		return
	}
	r, g, b := m.plane(0), m.plane(1), m.plane(2)
	for i := range r {
		l := float32(luminance(r[i], g[i], b[i]))
		r[i], g[i], b[i] = blend(float32(r[i]), l, f), blend(float32(g[i]), l, f), blend(float32(b[i]), l, f)
	}
}

// adjustHue turns the hue of each pixel (HSV of Smith 1978) by a share of a whole turn.
func adjustHue(m *image, turn float32) {
	if m.C != 3 {
		return
	}
	r, g, b := m.plane(0), m.plane(1), m.plane(2)
	for i := range r {
		h, s, v := toHSV(float32(r[i])/255, float32(g[i])/255, float32(b[i])/255)
		h += turn
		h -= float32(math.Floor(float64(h)))
		r[i], g[i], b[i] = fromHSV(h, s, v)
	}
}

// toHSV has hues in turns.
func toHSV(r, g, b float32) (h, s, v float32) {
	v, low := max(r, g, b), min(r, g, b)
	if v == low {
		return 0, 0, v
	}
	span := v - low
	rc, gc, bc := (v-r)/span, (v-g)/span, (v-b)/span
	switch v {
	case r:
		h = bc - gc
	case g:
		h = rc + 2 - bc
	default:
		h = gc + 4 - rc
	}
	h = float32(h*(1.0/6)) + 1
	if h >= 1 {
		h--
	}
	return h, span / v, v
}

// fromHSV gives bytes as torchvision does: each is the share of 256 that it covers.
func fromHSV(h, s, v float32) (r, g, b uint8) {
	h6 := float32(h * 6)
	sector := float32(math.Floor(float64(h6)))
	f := h6 - sector
	sf := float32(s * f)
	p, q, t := toByte(float32((1-s)*v)), toByte(float32((1-sf)*v)), toByte(float32((sf+(1-s))*v))
	full := toByte(v)
	switch int(sector) % 6 {
	case 0:
		return full, t, p
	case 1:
		return q, full, p
	case 2:
		return p, full, t
	case 3:
		return p, q, full
	case 4:
		return t, p, full
	}
	return full, p, q
}

func toByte(v float32) uint8 { return clip(float32(v * (256 - 1e-3))) }

// blurrer is the scratch of blurring.
type blurrer struct {
	kernel, rows []float32
}

// blur convolves with a Gaussian of n pixels (odd, n/2 below both sides) in both directions, borders reflected about the outermost
// pixels, rounded once.
func (b *blurrer) blur(m *image, n int, sigma float64) {
	b.kernel, b.rows = grow(b.kernel, n), grow(b.rows, m.H*m.W)
	sum := 0.0
	for k := range n {
		sum += gauss(k-n/2, sigma)
	}
	for k := range n {
		b.kernel[k] = float32(gauss(k-n/2, sigma) / sum)
	}
	for c := range m.C {
		pix := m.plane(c)
		for y := range m.H {
			b.across(b.rows[y*m.W:(y+1)*m.W], pix[y*m.W:(y+1)*m.W])
		}
		for y := range m.H {
			b.down(pix[y*m.W:(y+1)*m.W], y, m.H)
		}
	}
}

func gauss(x int, sigma float64) float64 {
	z := float64(x) / sigma
	return detmath.Exp(float64(-0.5 * float64(z*z)))
}

// reflect is i if it is on an axis of n pixels, else its mirror image.
func reflect(i, n int) int {
	if i < 0 {
		return -i
	}
	if i >= n {
		return 2*(n-1) - i
	}
	return i
}

func (b *blurrer) across(dst []float32, src []uint8) {
	half := len(b.kernel) / 2
	for x := range dst {
		sum := float32(0)
		for k, w := range b.kernel {
			sum += float32(w * float32(src[reflect(x+k-half, len(src))]))
		}
		dst[x] = sum
	}
}

func (b *blurrer) down(dst []uint8, y, h int) {
	half := len(b.kernel) / 2
	for x := range dst {
		sum := float32(0)
		for k, w := range b.kernel {
			sum += float32(w * b.rows[reflect(y+k-half, h)*len(dst)+x])
		}
		dst[x] = clip(float32(math.RoundToEven(float64(sum))))
	}
}
