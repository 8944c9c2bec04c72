package data

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
)

// maxPicture is the largest encoded image file, in bytes.
const maxPicture = 64 << 20

// pixelsPerByte bounds what a compressed image may unfold to: PNG reaches about 8,000 pixels a byte (one bit a
// pixel, one colour), JPEG about 500.
const pixelsPerByte = 16384

// pictures decodes PNG and JPEG files into planes red, green, blue. Gray images get three equal planes,
// transparency is dropped, as Pillow's convert("RGB") does; 16 bits a channel are refused. JPEG's chroma is
// interpolated and turned to RGB as libjpeg does by default. It is not for concurrent use.
type pictures struct {
	limits Limits
	planes []uint8
	rows   [4][]uint8
}

// decode gives the planes, which are its own until the next call.
func (p *pictures) decode(b []byte) ([]uint8, shape, error) {
	var config image.Config
	var err error
	isPNG := bytes.HasPrefix(b, []byte("\x89PNG"))
	switch {
	case isPNG:
		config, err = png.DecodeConfig(bytes.NewReader(b))
	case bytes.HasPrefix(b, []byte("\xff\xd8")):
		config, err = jpeg.DecodeConfig(bytes.NewReader(b))
	default:
		return nil, shape{}, &FormatError{0, fmt.Sprintf("the image starts with % x; PNG and JPEG are read", b[:min(len(b), 4)]), nil}
	}
	if err != nil {
		return nil, shape{}, &FormatError{0, "the image's header is damaged", err}
	}
	s := shape{3, config.Height, config.Width}
	switch pixels := int64(s.h) * int64(s.w); {
	case s.h < 1 || s.w < 1 || s.h > 1<<16 || s.w > 1<<16 || pixels > p.limits.Pixels:
		return nil, s, &FormatError{0, fmt.Sprintf("the image has %dx%d pixels; at most %d are read", s.h, s.w, p.limits.Pixels), nil}
	case pixels > pixelsPerByte*int64(len(b)):
		return nil, s, &FormatError{0, fmt.Sprintf("the image claims %dx%d pixels in %d bytes", s.h, s.w, len(b)), nil}
	}
	var img image.Image
	if isPNG {
		img, err = png.Decode(bytes.NewReader(b))
	} else {
		img, err = jpeg.Decode(bytes.NewReader(b))
	}
	if err != nil {
		return nil, s, &FormatError{0, "the image is damaged", err}
	}
	if img.Bounds().Dx() != s.w || img.Bounds().Dy() != s.h {
		return nil, s, &FormatError{0, fmt.Sprintf("the image is %v, its header says %v", img.Bounds(), s), nil}
	}
	if cap(p.planes) < s.size() {
		p.planes = make([]uint8, s.size())
	}
	p.planes = p.planes[:s.size()]
	return p.planes, s, p.convert(img, s)
}

// convert fills the planes.
func (p *pictures) convert(img image.Image, s shape) error {
	n := s.h * s.w
	r, g, b := p.planes[:n], p.planes[n:2*n], p.planes[2*n:]
	switch img := img.(type) {
	case *image.Gray:
		for y := range s.h {
			copy(r[y*s.w:(y+1)*s.w], img.Pix[y*img.Stride:])
		}
		copy(g, r)
		copy(b, r)
	case *image.RGBA:
		interleaved(r, g, b, img.Pix, img.Stride, s)
	case *image.NRGBA:
		interleaved(r, g, b, img.Pix, img.Stride, s)
	case *image.Paletted:
		return paletted(r, g, b, img, s)
	case *image.YCbCr:
		p.fromYCbCr(r, g, b, img, s)
	case *image.CMYK:
		fromCMYK(r, g, b, img, s)
	case *image.Gray16, *image.RGBA64, *image.NRGBA64:
		return &FormatError{0, "the image has 16 bits a channel; save it with 8", nil}
	default:
		to := image.NewNRGBA(image.Rect(0, 0, s.w, s.h))
		draw.Draw(to, to.Rect, img, img.Bounds().Min, draw.Src)
		interleaved(r, g, b, to.Pix, to.Stride, s)
	}
	return nil
}

func interleaved(r, g, b, pix []uint8, stride int, s shape) {
	for y := range s.h {
		row := pix[y*stride:]
		for x := range s.w {
			at := y*s.w + x
			r[at], g[at], b[at] = row[4*x], row[4*x+1], row[4*x+2]
		}
	}
}

func paletted(r, g, b []uint8, img *image.Paletted, s shape) error {
	colors := make([]color.NRGBA, len(img.Palette))
	for i, c := range img.Palette {
		colors[i], _ = color.NRGBAModel.Convert(c).(color.NRGBA)
	}
	for y := range s.h {
		for x := range s.w {
			i := int(img.Pix[y*img.Stride+x])
			if i >= len(colors) {
				return &FormatError{0, fmt.Sprintf("pixel (%d, %d) has colour %d of %d", x, y, i, len(colors)), nil}
			}
			at := y*s.w + x
			r[at], g[at], b[at] = colors[i].R, colors[i].G, colors[i].B
		}
	}
	return nil
}

// fromCMYK is Pillow's cmyk2rgb.
func fromCMYK(r, g, b []uint8, img *image.CMYK, s shape) {
	for y := range s.h {
		row := img.Pix[y*img.Stride:]
		for x := range s.w {
			at, white := y*s.w+x, 255-int(row[4*x+3])
			for c, to := range [][]uint8{r, g, b} {
				v := int(row[4*x+c])*white + 128
				to[at] = uint8(max(0, white-((v>>8)+v)>>8))
			}
		}
	}
}
