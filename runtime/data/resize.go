package data

import (
	"math"

	"github.com/weightspace/weightspace/runtime/spec"
)

// resizer scales planes as Pillow does 8-bit images (Resample.c), bit for bit: the filter is stretched by
// the factor when shrinking, its weights are rounded to 22 fractional bits, rows come before columns, and
// what lies between is rounded to bytes.
type resizer struct {
	filter  func(x float64) float64
	support float64
	// taps are the weights by (from, to) sizes.
	taps   map[[2]int]*taps
	kept   int // weights in taps
	middle []uint8
	sums   []int32
	out    []uint8
}

// weightBits are the fractional bits of a weight.
const weightBits = 32 - 8 - 2

// taps are the weights of one direction: output i is the sum of weights[i*most:][:count[i]] times the inputs
// from first[i].
type taps struct {
	first, count []int
	weights      []int32
	most         int
}

func newResizer(interpolation string) *resizer {
	r := &resizer{taps: map[[2]int]*taps{}}
	switch interpolation {
	case spec.ResizeBicubic:
		r.filter, r.support = cubic, 2
	case spec.ResizeBilinear:
		r.filter, r.support = triangle, 1
	}
	return r // nearest has no filter
}

func triangle(x float64) float64 {
	if x = math.Abs(x); x < 1 {
		return 1 - x
	}
	return 0
}

// cubic is Keys' kernel with a = -0.5. The conversions keep the compiler from fusing operations.
func cubic(x float64) float64 {
	const a = -0.5
	x = math.Abs(x)
	switch {
	case x < 1:
		return float64(float64(float64(float64((a+2)*x)-(a+3))*x)*x) + 1
	case x < 2:
		return float64(float64(float64(float64(float64(x-5)*x)+8)*x)-4) * a
	}
	return 0
}

// planes scales every plane of s to h x w. The result is the resizer's own until the next call.
func (r *resizer) planes(pixels []uint8, s shape, h, w int) []uint8 {
	if s.h == h && s.w == w {
		return pixels
	}
	if cap(r.out) < s.c*h*w {
		r.out = make([]uint8, s.c*h*w)
	}
	out := r.out[:s.c*h*w]
	for c := range s.c {
		from, to := pixels[c*s.h*s.w:(c+1)*s.h*s.w], out[c*h*w:(c+1)*h*w]
		if r.filter == nil {
			nearest(to, from, s.h, s.w, h, w)
		} else {
			r.plane(to, from, s.h, s.w, h, w)
		}
	}
	return out
}

func (r *resizer) plane(to, from []uint8, fromH, fromW, h, w int) {
	rows := from
	if fromW != w {
		if cap(r.middle) < fromH*w {
			r.middle = make([]uint8, fromH*w)
		}
		rows = r.middle[:fromH*w]
		t := r.get(fromW, w)
		for y := range fromH {
			t.row(rows[y*w:(y+1)*w], from[y*fromW:(y+1)*fromW])
		}
	}
	if fromH == h {
		copy(to, rows)
		return
	}
	t := r.get(fromH, h)
	if cap(r.sums) < w {
		r.sums = make([]int32, w)
	}
	for y := range h {
		t.column(to[y*w:(y+1)*w], rows, y, r.sums[:w])
	}
}

// row filters one line.
func (t *taps) row(to, from []uint8) {
	for x := range to {
		n := t.count[x]
		in := from[t.first[x]:][:n]
		k := t.weights[x*t.most:][:len(in)]
		sum := int32(1 << (weightBits - 1))
		for i, v := range in {
			sum += int32(v) * k[i]
		}
		to[x] = clip(sum)
	}
}

// column filters line y of the result from all lines.
func (t *taps) column(to, rows []uint8, y int, sums []int32) {
	w := len(to)
	sums = sums[:w]
	for x := range sums {
		sums[x] = 1 << (weightBits - 1)
	}
	for i, k := range t.weights[y*t.most:][:t.count[y]] {
		in := rows[(t.first[y]+i)*w:][:len(sums)]
		for x, v := range in {
			sums[x] += int32(v) * k
		}
	}
	for x, sum := range sums {
		to[x] = clip(sum)
	}
}

func clip(sum int32) uint8 { return uint8(max(0, min(255, sum>>weightBits))) }

// get gives the weights from one size to another.
func (r *resizer) get(from, to int) *taps {
	key := [2]int{from, to}
	if t := r.taps[key]; t != nil {
		return t
	}
	t := r.make(from, to)
	if r.kept += len(t.weights); r.kept > 1<<20 { // folders with images of every size
		clear(r.taps)
		r.kept = len(t.weights)
	}
	r.taps[key] = t
	return t
}

func (r *resizer) make(from, to int) *taps {
	scale := float64(from) / float64(to)
	stretch := max(scale, 1)
	support := r.support * stretch
	t := &taps{most: int(math.Ceil(support))*2 + 1, first: make([]int, to), count: make([]int, to)}
	t.weights = make([]int32, to*t.most)
	raw := make([]float64, t.most)
	for i := range to {
		center := float64((float64(i) + 0.5) * scale) // rounded here: no fused operation
		lo := max(0, int(center-support+0.5))
		hi := min(from, int(center+support+0.5))
		sum := 0.0
		for x := range hi - lo {
			raw[x] = r.filter(float64((float64(x+lo) - center + 0.5) * (1 / stretch)))
			sum += raw[x]
		}
		t.first[i], t.count[i] = lo, hi-lo
		for x := range hi - lo {
			v := raw[x]
			if sum != 0 {
				v /= sum
			}
			t.weights[i*t.most+x] = int32(float64(v*(1<<weightBits)) + math.Copysign(0.5, v))
		}
	}
	return t
}

// nearest takes the input pixel that holds the middle of the output pixel. The position is a running sum,
// as Pillow's.
func nearest(to, from []uint8, fromH, fromW, h, w int) {
	stepX, stepY := float64(fromW)/float64(w), float64(fromH)/float64(h)
	columns := make([]int, w)
	for x, at := 0, stepX*0.5; x < w; x, at = x+1, at+stepX {
		columns[x] = min(int(at), fromW-1)
	}
	for y, at := 0, stepY*0.5; y < h; y, at = y+1, at+stepY {
		row := from[min(int(at), fromH-1)*fromW:][:fromW]
		for x, column := range columns {
			to[y*w+x] = row[column]
		}
	}
}
