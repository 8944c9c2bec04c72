package train

import (
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/kernel"
)

// imageLoader turns bytes into normalised tiles.
type imageLoader struct {
	// value[c] maps a pixel of channel c to (pixel/255 - mean)/std.
	value [][256]float32
}

func newImageLoader(d *data.Set) *imageLoader {
	l := &imageLoader{value: make([][256]float32, len(d.Mean))}
	for c := range l.value {
		for p := range l.value[c] {
			// One rounding per operation, as PyTorch's ToTensor and Normalize do.
			x := float32(float32(p) / 255)
			l.value[c][p] = float32(float32(x-d.Mean[c]) / d.Std[c])
		}
	}
	return l
}

// tile fills dst [C][H][W][16] with the images at index, one per lane; unused lanes are 0.
func (l *imageLoader) tile(dst []float32, s *data.Split, index []int) {
	plane := s.H * s.W
	size := s.C * plane
	if len(index) < kernel.Lanes {
		clear(dst[:size*kernel.Lanes])
	}
	// A few pixels of all lanes at a time: the part of dst in hand stays in the first-level
	// cache.
	const pixels = 16
	for c := range s.C {
		value := &l.value[c]
		for from := 0; from < plane; from += pixels {
			n := min(pixels, plane-from)
			out := dst[(c*plane+from)*kernel.Lanes:][:n*kernel.Lanes]
			for lane, i := range index {
				in := s.Images[i*size+c*plane+from:][:n]
				for j, k := 0, lane; j < len(in) && k < len(out); j, k = j+1, k+kernel.Lanes {
					out[k] = value[in[j]]
				}
			}
		}
	}
}
