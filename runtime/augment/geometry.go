package augment

import "math"

// image is bytes [C, H, W].
type image struct {
	Shape
	pix []uint8
}

func (m image) plane(c int) []uint8 { return m.pix[c*m.H*m.W : (c+1)*m.H*m.W] }

// crop copies a window of src to dst, black outside, mirrored if flip is set. dst.pix is large enough.
func crop(dst *image, src image, at window, flip bool) {
	dst.Shape = Shape{src.C, at.H, at.W}
	dst.pix = dst.pix[:dst.size()]
	left, right := max(0, -at.X), min(at.W, src.W-at.X)
	for c := range src.C {
		in, out := src.plane(c), dst.plane(c)
		for y := range at.H {
			row := out[y*at.W : (y+1)*at.W]
			if sy := at.Y + y; sy < 0 || sy >= src.H || left >= right {
				clear(row)
				continue
			}
			clear(row[:left])
			copy(row[left:right], in[(at.Y+y)*src.W+at.X+left:])
			clear(row[right:])
			if flip {
				mirror(row)
			}
		}
	}
}

func mirror(row []uint8) {
	for i, j := 0, len(row)-1; i < j; i, j = i+1, j-1 {
		row[i], row[j] = row[j], row[i]
	}
}

// axis is the weights of a resampled axis: output i is the sum of weight[i*taps+k] times input first[i]+k.
type axis struct {
	first, count []int32
	weight       []float32
	taps         int
}

// Radii of the resampling filters, in input pixels when images grow.
const (
	bilinearRadius = 1
	bicubicRadius  = 2
)

// maxTaps is the most inputs of an output when in pixels become out.
func maxTaps(in, out, radius int) int {
	return int(math.Ceil(float64(radius)*math.Max(1, float64(in)/float64(out))))*2 + 1
}

// set computes the weights that make out pixels of in, with an antialiasing filter as wide as an output pixel where images shrink.
func (a *axis) set(in, out int, bicubic bool) {
	radius, filter := bilinearRadius, triangle
	if bicubic {
		radius, filter = bicubicRadius, cubic
	}
	scale := float64(in) / float64(out)
	wide := math.Max(1, scale)
	support := float64(float64(radius) * wide)
	a.taps = maxTaps(in, out, radius)
	a.first, a.count, a.weight = grow(a.first, out), grow(a.count, out), grow(a.weight, out*a.taps)
	for i := range out {
		centre := float64((float64(i) + 0.5) * scale)
		from, to := max(0, int(centre-support+0.5)), min(in, int(centre+support+0.5))
		sum := 0.0
		for k := from; k < to; k++ {
			sum += filter((float64(k) - centre + 0.5) / wide)
		}
		for k := from; k < to; k++ {
			a.weight[i*a.taps+k-from] = float32(filter((float64(k)-centre+0.5)/wide) / sum)
		}
		a.first[i], a.count[i] = int32(from), int32(to-from)
	}
}

// grow returns a slice of n elements, s if it is large enough.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

func triangle(x float64) float64 { return math.Max(0, 1-math.Abs(x)) }

// cubic is the convolution kernel of Keys (1981) with a = -0.5.
func cubic(x float64) float64 {
	x = math.Abs(x)
	switch {
	case x < 1:
		return float64(float64(float64(1.5*x)-2.5)*float64(x*x)) + 1
	case x < 2:
		return float64(float64(float64(float64(-0.5*x)+2.5)*x)-4)*x + 2
	}
	return 0
}

// resizer is the scratch of resizing.
type resizer struct {
	x, y axis
	rows []uint8
}

// resize resamples a window of src to [h, w], mirrored if flip is set: rows first, rounded to bytes after each direction, as Pillow.
func (r *resizer) resize(dst *image, src image, at window, h, w int, bicubic, flip bool) {
	dst.Shape = Shape{src.C, h, w}
	dst.pix = dst.pix[:dst.size()]
	r.x.set(at.W, w, bicubic)
	r.y.set(at.H, h, bicubic)
	r.rows = grow(r.rows, at.H*w)
	for c := range src.C {
		in := src.plane(c)
		for y := range at.H {
			r.x.row(r.rows[y*w:(y+1)*w], in[(at.Y+y)*src.W+at.X:][:at.W])
		}
		out := dst.plane(c)
		for y := range h {
			row := out[y*w : (y+1)*w]
			r.y.column(row, r.rows, y)
			if flip {
				mirror(row)
			}
		}
	}
}

// row resamples a row of pixels. Two and three taps, as where images grow, are the common cases.
func (a *axis) row(dst, src []uint8) {
	for i := range dst {
		weights := a.weight[i*a.taps:][:a.count[i]]
		in := src[a.first[i]:][:len(weights)]
		var sum float32
		switch len(weights) {
		case 2:
			sum = float32(weights[0]*float32(in[0])) + float32(weights[1]*float32(in[1]))
		case 3:
			sum = float32(weights[0]*float32(in[0])) + float32(weights[1]*float32(in[1])) + float32(weights[2]*float32(in[2]))
		default:
			for k, p := range in {
				sum += float32(weights[k] * float32(p))
			}
		}
		dst[i] = clip(sum + 0.5)
	}
}

// column makes output row y of rows as wide as dst.
func (a *axis) column(dst, rows []uint8, y int) {
	weights := a.weight[y*a.taps:][:a.count[y]]
	n := len(dst)
	in := rows[int(a.first[y])*n:]
	switch len(weights) {
	case 2:
		u, v := in[:n], in[n:2*n]
		for x := range dst {
			dst[x] = clip(float32(weights[0]*float32(u[x])) + float32(weights[1]*float32(v[x])) + 0.5)
		}
		return
	case 3:
		u, v, w := in[:n], in[n:2*n], in[2*n:3*n]
		for x := range dst {
			dst[x] = clip(float32(weights[0]*float32(u[x])) + float32(weights[1]*float32(v[x])) + float32(weights[2]*float32(w[x])) + 0.5)
		}
		return
	}
	for x := range dst {
		sum := float32(0)
		for k, w := range weights {
			sum += float32(w * float32(in[k*n+x]))
		}
		dst[x] = clip(sum + 0.5)
	}
}

// clip cuts off the fraction of a number and limits it to a byte.
func clip(v float32) uint8 {
	switch {
	case v <= 0:
		return 0
	case v >= 255:
		return 255
	}
	return uint8(v)
}

// rotate turns src about its centre, anticlockwise.
func rotate(dst *image, src image, degrees float64, bilinear bool) {
	dst.Shape = src.Shape
	dst.pix = dst.pix[:dst.size()]
	sine, cosine := sincos(degrees)
	for y := range src.H {
		v := float64(y) - float64(src.H-1)/2
		for x := range src.W {
			u := float64(x) - float64(src.W-1)/2
			fromX := float64(cosine*u) - float64(sine*v) + float64(src.W-1)/2
			fromY := float64(sine*u) + float64(cosine*v) + float64(src.H-1)/2
			at := y*src.W + x
			if bilinear {
				between(dst, src, at, fromX, fromY)
			} else {
				nearest(dst, src, at, fromX, fromY)
			}
		}
	}
}

// nearest sets pixel at to that nearest to (x, y), an even one of two.
func nearest(dst *image, src image, at int, x, y float64) {
	fx, fy := int(math.RoundToEven(x)), int(math.RoundToEven(y))
	inside := fx >= 0 && fx < src.W && fy >= 0 && fy < src.H
	for c := range src.C {
		p := uint8(0)
		if inside {
			p = src.plane(c)[fy*src.W+fx]
		}
		dst.plane(c)[at] = p
	}
}

// between interpolates the four pixels around (x, y).
func between(dst *image, src image, at int, x, y float64) {
	left, top := math.Floor(x), math.Floor(y)
	wx, wy := float32(x-left), float32(y-top)
	fx, fy := int(left), int(top)
	pixel := func(in []uint8, y, x int) float32 {
		if y < 0 || y >= src.H || x < 0 || x >= src.W {
			return 0
		}
		return float32(in[y*src.W+x])
	}
	for c := range src.C {
		in := src.plane(c)
		a := float32(pixel(in, fy, fx)*(1-wx)) + float32(pixel(in, fy, fx+1)*wx)
		b := float32(pixel(in, fy+1, fx)*(1-wx)) + float32(pixel(in, fy+1, fx+1)*wx)
		dst.plane(c)[at] = clip(float32(a*(1-wy)) + float32(b*wy) + 0.5)
	}
}
