package conv

import (
	"math"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// poolChunk is about how many elements of x a chunk has.
const poolChunk = 1 << 17

// Chunks is the number of calls that make a pooling or its gradient: groups of channels, by
// shape alone.
func (p Pool2D) Chunks() int {
	return min(p.C, (p.XSize()+poolChunk-1)/poolChunk)
}

// chunk is the range of channels of a chunk.
func (p Pool2D) chunk(i int) (from, to int) { return cut{p.C, p.Chunks()}.at(i) }

// checkPool panics unless the shape is good and slices of x and y have their lengths.
func checkPool(p Pool2D, y int, xs ...int) {
	if p.Check() != nil {
		panic(badShape)
	}
	checkLengths(lengths{y, p.YSize()})
	for _, x := range xs {
		checkLengths(lengths{x, p.XSize()})
	}
}

// MaxPool computes a chunk of y [C, OH, OW, N], the maxima of windows of x [C, H, W, N].
func (k *Kernels) MaxPool(p Pool2D, chunk int, y, x []float32) {
	checkPool(p, len(y), len(x))
	from, to := p.chunk(chunk)
	if k.level == isa.Ref {
		maxPoolRef(p, from, to, y, x)
		return
	}
	pooling{k: k, Pool2D: p, x: x, y: y}.each(from, to, maxForward)
}

// MaxPoolGrad computes a chunk of dx, the gradient of x, or adds to it if accumulate is set:
// every window gives its gradient to the place of its maximum, which is found again in x.
func (k *Kernels) MaxPoolGrad(p Pool2D, chunk int, dx, x, dy []float32, accumulate bool) {
	checkPool(p, len(dy), len(x), len(dx))
	from, to := p.chunk(chunk)
	p.start(dx, from, to, accumulate)
	if k.level == isa.Ref {
		maxPoolGradRef(p, from, to, dx, x, dy)
		return
	}
	pooling{k: k, Pool2D: p, x: x, y: dy, dx: dx}.each(from, to, maxBackward)
}

// AvgPool computes a chunk of y [C, OH, OW, N], the averages of windows of x [C, H, W, N].
func (k *Kernels) AvgPool(p Pool2D, chunk int, y, x []float32) {
	checkPool(p, len(y), len(x))
	from, to := p.chunk(chunk)
	if k.level == isa.Ref {
		avgPoolRef(p, from, to, y, x)
		return
	}
	pooling{k: k, Pool2D: p, x: x, y: y}.each(from, to, avgForward)
}

// AvgPoolGrad computes a chunk of dx, the gradient of x, or adds to it if accumulate is set.
func (k *Kernels) AvgPoolGrad(p Pool2D, chunk int, dx, dy []float32, accumulate bool) {
	checkPool(p, len(dy), len(dx))
	from, to := p.chunk(chunk)
	p.start(dx, from, to, accumulate)
	if k.level == isa.Ref {
		avgPoolGradRef(p, from, to, dx, dy)
		return
	}
	pooling{k: k, Pool2D: p, x: dx, y: dy, dx: dx}.each(from, to, avgBackward)
}

// start clears the gradient of channels from..to, unless it is added to.
func (p Pool2D) start(dx []float32, from, to int, accumulate bool) {
	if !accumulate {
		plane := p.H * p.W * p.N
		clear(dx[from*plane : to*plane])
	}
}

// poolKernel names a kernel that takes poolArgs.
type poolKernel int

const (
	maxForward poolKernel = iota
	maxBackward
	avgForward
	avgBackward
	copyVectors
)

// pooling walks the output rows of a pooling.
type pooling struct {
	Pool2D
	k        *Kernels
	x, y, dx []float32
}

// each calls the kernel for every piece of a row of channels from..to whose windows lose the
// same taps to padding.
func (p pooling) each(from, to int, kernel poolKernel) {
	a := poolArgs{
		xP: p.StrideW * p.N * floatBytes, yP: p.N * floatBytes,
		nV:   (p.N + lanesPerVector - 1) / lanesPerVector,
		last: tailMask(p.N), rest: &laneMasks[lanesPerVector],
		count: int(math.Float32bits(float32(p.KH * p.KW))),
		xB:    p.N * floatBytes,
	}
	for c := from; c < to; c++ {
		for oy := range p.OH() {
			t := tapsAt(oy, p.H, p.KH, p.StrideH, p.PadH, 1)
			for ox := 0; ox < p.OW(); {
				u, count := p.windowRun(ox)
				a.nA, a.nB, a.nP = t.n, u.n, count
				a.xA = (p.W - u.n) * p.N * floatBytes
				at := ((c*p.H+t.src)*p.W + u.src) * p.N
				a.x, a.y = ptr(p.x, at), ptr(p.y, ((c*p.OH()+oy)*p.OW()+ox)*p.N)
				if p.dx != nil {
					a.dx = ptr(p.dx, at)
				}
				p.k.pool(kernel, &a)
				ox += count
			}
		}
	}
}

// windowRun is the columns of the window at ox, and how many windows from there have all of
// theirs, or one.
func (p pooling) windowRun(ox int) (u taps, count int) {
	u = tapsAt(ox, p.W, p.KW, p.StrideW, p.PadW, 1)
	if u.n < p.KW {
		return u, 1
	}
	// The last window that ends inside the image.
	end := (p.W + p.PadW - p.KW) / p.StrideW
	return u, min(end, p.OW()-1) - ox + 1
}
