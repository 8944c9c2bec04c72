package train

import (
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/kernel"
)

// imageLoader turns bytes into normalised tiles.
type imageLoader struct {
	// value[c] maps a pixel of channel c to (pixel/255 - mean)/std.
	value [][256]float32
	// black is a plane of zeros.
	black []uint8
}

func newImageLoader(d *data.Set) *imageLoader {
	l := &imageLoader{value: make([][256]float32, len(d.Mean)), black: make([]uint8, d.Train.H*d.Train.W)}
	for c := range l.value {
		for p := range l.value[c] {
			// One rounding per operation, as PyTorch's ToTensor and Normalize do.
			x := float32(float32(p) / 255)
			l.value[c][p] = float32(float32(x-d.Mean[c]) / d.Std[c])
		}
	}
	return l
}

// lanes are the sources of a tile's lanes: a worker's scratch.
type lanes [kernel.Lanes][]uint8

// tile fills dst [C][H][W][16] with the images at index, one per lane; unused lanes see black.
func (l *imageLoader) tile(k *kernel.Kernels, src *lanes, dst []float32, s *data.Split, index []int) {
	plane := s.H * s.W
	size := s.C * plane
	for c := range s.C {
		for lane := range src {
			src[lane] = l.black
			if lane < len(index) {
				src[lane] = s.Images[index[lane]*size+c*plane:][:plane]
			}
		}
		k.Pixels(dst[c*plane*kernel.Lanes:][:plane*kernel.Lanes], (*[kernel.Lanes][]uint8)(src), &l.value[c])
	}
}
