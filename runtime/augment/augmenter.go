package augment

import (
	"fmt"
	"sync"

	"github.com/weightspace/weightspace/runtime/rng"
)

// Augmenter makes batches of one data set. Its methods may be called by several goroutines at a time, and allocate nothing once each
// has had its scratch.
type Augmenter struct {
	cfg     Config
	in, out Shape
	// value[c] maps a pixel of channel c to its normalised value.
	value [][256]float32

	mu   sync.Mutex
	free []*scratch
}

// Streams are the random streams of a member, "augment/<name>".
type Streams struct {
	crop, flip, rotation, jitter, grayscale, blur, erasing, mix rng.Stream
}

// NewStreams derives a member's streams from its seed.
func NewStreams(seed uint64) *Streams {
	of := func(name string) rng.Stream { return rng.New(seed, "augment/"+name) }
	return &Streams{
		crop: of("crop"), flip: of("flip"), rotation: of("rotation"), jitter: of("jitter"), grayscale: of("grayscale"),
		blur: of("blur"), erasing: of("erasing"), mix: of("mix"),
	}
}

// lanes is how many images are made before they are interleaved: a cache line of the batch.
const lanes = 16

// scratch is the memory of one worker.
type scratch struct {
	// images are finished, a and b take turns.
	images [lanes]image
	a, b   image
	resizer
	blurrer
	erased [lanes]window
}

// New prepares augmentation of images of a shape; value[c] is the table that normalises channel c.
func New(cfg Config, in Shape, value [][256]float32) (*Augmenter, error) {
	if err := cfg.Validate(in); err != nil {
		return nil, err
	}
	if len(value) != in.C {
		return nil, fmt.Errorf("augment: normalisation of %d channels for images of %d", len(value), in.C)
	}
	return &Augmenter{cfg: cfg, in: in, out: cfg.Out(in), value: value}, nil
}

// Out is the shape of what it makes.
func (a *Augmenter) Out() Shape { return a.out }

func (a *Augmenter) get() *scratch {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.free); n > 0 {
		s := a.free[n-1]
		a.free = a.free[:n-1]
		return s
	}
	size := max(a.in.size(), a.out.size(), a.resized().size())
	s := &scratch{a: image{pix: make([]uint8, size)}, b: image{pix: make([]uint8, size)}}
	for i := range s.images {
		s.images[i].pix = make([]uint8, a.out.size())
	}
	return s
}

func (a *Augmenter) put(s *scratch) {
	a.mu.Lock()
	a.free = append(a.free, s)
	a.mu.Unlock()
}

// ScratchBytes is the memory of one worker, near enough.
func (c *Config) ScratchBytes(in Shape) int64 {
	out := c.Out(in)
	size := max(in.size(), out.size())
	rows := in.H*max(in.W, out.W) + 4*out.H*out.W
	return int64(2*size+lanes*out.size()) + int64(rows) + 4*int64(out.H+out.W)*int64(maxTaps(max(in.H, in.W), min(out.H, out.W), bicubicRadius))
}

// Batch says which images to make: columns From, From+1, ... of a batch of N are images Index of the data set, as View sees them in
// an epoch.
type Batch struct {
	// Images is the data set, [., C, H, W].
	Images []uint8
	Index  []int32
	From,
	N int
	Epoch uint64
	// View tells several versions of the same image apart.
	View uint32
}

// Train writes augmented, normalised images into columns of dst [C, H, W, N].
func (a *Augmenter) Train(dst []float32, b Batch, m *Streams) {
	s := a.get()
	for at := 0; at < len(b.Index); at += lanes {
		index := b.Index[at:min(at+lanes, len(b.Index))]
		for l, i := range index {
			src := image{a.in, b.Images[int(i)*a.in.size():][:a.in.size()]}
			a.one(&s.images[l], src, s, m, uint32(i), &b)
			s.erased[l] = window{}
			if a.cfg.Erasing != nil {
				d := draw(m.erasing, uint32(i), b.View, b.Epoch)
				s.erased[l], _ = a.cfg.Erasing.window(&d, a.out)
			}
		}
		a.interleave(dst, s, len(index), b.From+at, b.N)
	}
	a.put(s)
}

// one makes one image of bytes.
func (a *Augmenter) one(dst *image, src image, s *scratch, m *Streams, i uint32, b *Batch) {
	c := &a.cfg
	flip := false
	if c.Flip > 0 {
		d := draw(m.flip, i, b.View, b.Epoch)
		flip = d.happens(c.Flip)
	}
	d := draw(m.crop, i, b.View, b.Epoch)
	switch {
	case c.ResizedCrop != nil:
		s.resize(dst, src, c.ResizedCrop.window(&d, a.in), a.out.H, a.out.W, c.ResizedCrop.Bicubic, flip)
	case c.Crop != nil:
		crop(dst, src, c.Crop.window(&d, a.in, a.out.H, a.out.W), flip)
	default:
		crop(dst, src, window{H: a.in.H, W: a.in.W}, flip)
	}
	if r := c.Rotation; r != nil {
		d := draw(m.rotation, i, b.View, b.Epoch)
		rotate(&s.a, *dst, d.between(-r.Degrees, r.Degrees), r.Bilinear)
		copy(dst.pix, s.a.pix)
	}
	if c.Jitter != nil {
		d := draw(m.jitter, i, b.View, b.Epoch)
		if t, ok := c.Jitter.tint(&d); ok {
			colour(dst, &t)
		}
	}
	if c.Grayscale > 0 {
		d := draw(m.grayscale, i, b.View, b.Epoch)
		if d.happens(c.Grayscale) {
			gray(dst)
		}
	}
	if c.Blur != nil {
		d := draw(m.blur, i, b.View, b.Epoch)
		if d.happens(c.Blur.Probability) {
			s.blur(dst, c.Blur.Kernel, d.between(c.Blur.Sigma[0], c.Blur.Sigma[1]))
		}
	}
}

// interleave normalises n finished images into columns from, from+1, ... of dst [C, H, W, stride], and erases.
func (a *Augmenter) interleave(dst []float32, s *scratch, n, from, stride int) {
	plane := a.out.H * a.out.W
	for c := range a.out.C {
		table := &a.value[c]
		var src [lanes][]uint8
		for l := range n {
			src[l] = s.images[l].plane(c)
		}
		rows := dst[c*plane*stride:]
		if n == lanes {
			fullLanes(rows, &src, table, plane, from, stride)
			continue
		}
		for p := range plane {
			row := rows[p*stride+from:][:n]
			for l := range row {
				row[l] = table[src[l][p]]
			}
		}
	}
	for l := range n {
		a.erase(dst, s.erased[l], from+l, stride)
	}
}

// fullLanes is interleave's inner loop where no lane is empty.
func fullLanes(rows []float32, src *[lanes][]uint8, table *[256]float32, plane, from, stride int) {
	for p := range plane {
		row := (*[lanes]float32)(rows[p*stride+from:])
		row[0], row[1], row[2], row[3] = table[src[0][p]], table[src[1][p]], table[src[2][p]], table[src[3][p]]
		row[4], row[5], row[6], row[7] = table[src[4][p]], table[src[5][p]], table[src[6][p]], table[src[7][p]]
		row[8], row[9], row[10], row[11] = table[src[8][p]], table[src[9][p]], table[src[10][p]], table[src[11][p]]
		row[12], row[13], row[14], row[15] = table[src[12][p]], table[src[13][p]], table[src[14][p]], table[src[15][p]]
	}
}

// erase sets a window of a column to 0.
func (a *Augmenter) erase(dst []float32, at window, column, stride int) {
	for c := range a.out.C {
		for y := at.Y; y < at.Y+at.H; y++ {
			row := dst[((c*a.out.H+y)*a.out.W+at.X)*stride+column:]
			for x := range at.W {
				row[x*stride] = 0
			}
		}
	}
}

// resized is the shape of images before the centre crop of evaluation.
func (a *Augmenter) resized() Shape {
	s := a.in
	if short := a.cfg.EvaluationResize; short > 0 {
		// torchvision: the longer side is rounded down.
		if s.H <= s.W {
			s.H, s.W = short, short*s.W/s.H
		} else {
			s.H, s.W = short*s.H/s.W, short
		}
	}
	return s
}

// Evaluate writes normalised images, resized and cropped in the centre, into columns of dst [C, H, W, N].
func (a *Augmenter) Evaluate(dst []float32, b Batch) {
	s := a.get()
	for at := 0; at < len(b.Index); at += lanes {
		index := b.Index[at:min(at+lanes, len(b.Index))]
		for l, i := range index {
			src := image{a.in, b.Images[int(i)*a.in.size():][:a.in.size()]}
			if r := a.resized(); r != a.in {
				s.resize(&s.a, src, window{H: a.in.H, W: a.in.W}, r.H, r.W, false, false)
				src = s.a
			}
			crop(&s.images[l], src, centre(src.Shape, a.out.H, a.out.W), false)
			s.erased[l] = window{}
		}
		a.interleave(dst, s, len(index), b.From+at, b.N)
	}
	a.put(s)
}

// centre is torchvision's CenterCrop, black where the image is smaller.
func centre(in Shape, h, w int) window {
	return window{halfEven(in.H - h), halfEven(in.W - w), h, w}
}

// halfEven is n/2 rounded to an even number; with padding, torchvision rounds the other way than without, towards the same pixel.
func halfEven(n int) int {
	if n < 0 {
		return -((-n) / 2)
	}
	h := n / 2
	if n%2 == 1 && h%2 == 1 {
		h++
	}
	return h
}

// Mix mixes a batch dst [C, H, W, n] in place, image i with image n-1-i, and returns the share that each image keeps. It does nothing
// to a batch, and returns 1, without mixup and cutmix.
func (a *Augmenter) Mix(dst []float32, n int, m *Streams, epoch uint64, step int) (lambda float64) {
	if !a.cfg.Mixes() {
		return 1
	}
	d := draw(m.mix, uint32(step), 0, epoch)
	x := a.cfg.mix(&d, a.out)
	if x.cut {
		a.swap(dst, n, x.window)
	} else {
		share(dst[:a.out.size()*n], n, float32(x.lambda))
	}
	return x.lambda
}

// swap exchanges a window of images i and n-1-i.
func (a *Augmenter) swap(dst []float32, n int, at window) {
	for c := range a.out.C {
		for y := at.Y; y < at.Y+at.H; y++ {
			for x := at.X; x < at.X+at.W; x++ {
				row := dst[((c*a.out.H+y)*a.out.W+x)*n:][:n]
				for i, j := 0, n-1; i < j; i, j = i+1, j-1 {
					row[i], row[j] = row[j], row[i]
				}
			}
		}
	}
}

// share makes every image lambda of itself and the rest of its partner.
func share(dst []float32, n int, lambda float32) {
	rest := 1 - lambda
	for at := 0; at < len(dst); at += n {
		row := dst[at : at+n]
		for i, j := 0, n-1; i < j; i, j = i+1, j-1 {
			p, q := row[i], row[j]
			row[i], row[j] = float32(p*lambda)+float32(q*rest), float32(q*lambda)+float32(p*rest)
		}
	}
}

// Targets writes the distributions over classes that a mixed batch is trained on: dst [classes, n] with classesFirst, else [n,
// classes]. Each label has 1 - smoothing of its share, and smoothing is spread over all classes.
func Targets(dst []float32, labels []int32, classes int, classesFirst bool, lambda, smoothing float64) {
	n := len(labels)
	off := smoothing / float64(classes)
	for i := range dst[:n*classes] {
		dst[i] = float32(off)
	}
	at := func(i int, label int32) *float32 {
		if classesFirst {
			return &dst[int(label)*n+i]
		}
		return &dst[i*classes+int(label)]
	}
	for i, l := range labels {
		partner := labels[n-1-i]
		if l == partner {
			*at(i, l) = float32(1 - smoothing + off)
			continue
		}
		*at(i, l) = float32(float64((1-smoothing)*lambda) + off)
		*at(i, partner) = float32(float64((1-smoothing)*(1-lambda)) + off)
	}
}
