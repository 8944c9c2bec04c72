package data

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/spec"
)

// transformer applies a spec.Transform to one image after the other; it is not for concurrent use.
type transformer struct {
	spec.Transform
	resizer *resizer
	crop    []uint8
	gray    []uint8
}

func newTransformer(t *spec.Transform) *transformer {
	out := &transformer{}
	if t != nil {
		out.Transform = *t
	}
	if out.Interpolation == "" {
		out.Interpolation = spec.ResizeBilinear
	}
	out.resizer = newResizer(out.Interpolation)
	return out
}

// checkTransform wants sizes within reach and a known interpolation.
func checkTransform(t *spec.Transform) error {
	if t == nil {
		return nil
	}
	for _, v := range []struct {
		field string
		size  int
	}{{"transform.resize", t.Resize}, {"transform.centerCrop", t.CenterCrop}} {
		if v.size < 0 || v.size > spec.LargestEdge {
			return &SourceError{v.field, fmt.Sprintf("%d is not from 1 to %d pixels", v.size, spec.LargestEdge), nil}
		}
	}
	switch t.Interpolation {
	case "", spec.ResizeBilinear, spec.ResizeBicubic, spec.ResizeNearest:
		return nil
	}
	return &SourceError{"transform.interpolation", fmt.Sprintf("%q is unknown; use bilinear, bicubic or nearest", t.Interpolation), nil}
}

// largestResized is the most pixels of a resized image.
const largestResized = 64 << 20

// apply gives the transformed planes, which are the transformer's own (or pixels itself) until the next call.
func (t *transformer) apply(pixels []uint8, s shape) ([]uint8, shape, error) {
	if t.Resize > 0 {
		h, w := shorterEdge(s.h, s.w, t.Resize)
		if h*w > largestResized {
			return nil, s, &FormatError{Problem: fmt.Sprintf("an image of %v resized to %d has %dx%d pixels; its edges differ too much", s, t.Resize, h, w)}
		}
		pixels = t.resizer.planes(pixels, s, h, w)
		s.h, s.w = h, w
	}
	if size := t.CenterCrop; size > 0 && (s.h != size || s.w != size) {
		if s.h < size || s.w < size {
			return nil, s, &FormatError{Problem: fmt.Sprintf("an image of %v cannot be cropped to %dx%d; resize it first with transform.resize", s, size, size)}
		}
		pixels = t.cropped(pixels, s, size)
		s.h, s.w = size, size
	}
	if t.Grayscale && s.c != 1 {
		if s.c != 3 {
			return nil, s, &FormatError{Problem: fmt.Sprintf("an image of %d channels cannot be turned gray; 3 are needed", s.c)}
		}
		pixels = t.luma(pixels, s)
		s.c = 1
	}
	return pixels, s, nil
}

// shorterEdge scales h x w so that the shorter becomes size; the longer is rounded down, as torchvision's.
func shorterEdge(h, w, size int) (int, int) {
	if h <= w {
		return size, max(1, int(float64(size)*float64(w)/float64(h)))
	}
	return max(1, int(float64(size)*float64(h)/float64(w))), size
}

// cropped is the square of the given size in the middle.
func (t *transformer) cropped(pixels []uint8, s shape, size int) []uint8 {
	top, left := middle(s.h-size), middle(s.w-size)
	t.crop = t.crop[:0]
	for c := range s.c {
		for y := range size {
			at := (c*s.h+top+y)*s.w + left
			t.crop = append(t.crop, pixels[at:at+size]...)
		}
	}
	return t.crop
}

// middle is half of rest, rounded to even, as torchvision's center_crop.
func middle(rest int) int {
	half := rest / 2
	if rest%2 == 1 && half%2 == 1 {
		half++
	}
	return half
}

// luma is Pillow's conversion to L.
func (t *transformer) luma(pixels []uint8, s shape) []uint8 {
	n := s.h * s.w
	if cap(t.gray) < n {
		t.gray = make([]uint8, n)
	}
	out := t.gray[:n]
	r, g, b := pixels[:n], pixels[n:2*n], pixels[2*n:3*n]
	for i := range out {
		out[i] = uint8((19595*uint32(r[i]) + 38470*uint32(g[i]) + 7471*uint32(b[i]) + 0x8000) >> 16)
	}
	return out
}
