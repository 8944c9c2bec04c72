package conv

import "github.com/weightspace/weightspace/runtime/kernel/isa"

const (
	badShape   = "conv: invalid shape"
	badLength  = "conv: a slice has the wrong length"
	badScratch = "conv: scratch is too short"
)

// lengths are the length of a slice, and what it must be.
type lengths struct{ got, want int }

// checkLengths panics unless slices have their lengths.
func checkLengths(all ...lengths) {
	for _, l := range all {
		if l.got != l.want {
			panic(badLength)
		}
	}
}

// Forward is the plan of a forward pass:
//
//	y[o, oy, ox, n] = bias[o] + sum over i, ky, kx of w[o, i, ky, kx] * x[i, iy, ix, n]
//	iy = oy*StrideH + ky*DilationH - PadH, ix = ox*StrideW + kx*DilationW - PadW
//
// with i over the input channels of o's group. Every element is one chain of fused
// multiply-adds in the order (i, ky, kx) that starts from the bias; taps outside the image are
// not in it.
type Forward struct {
	b     blocks
	shape Conv2D
}

// Forward plans a forward pass. It panics if the shape fails Check.
func (k *Kernels) Forward(c Conv2D) *Forward {
	if c.Check() != nil {
		panic(badShape)
	}
	return &Forward{newBlocks(k, c.forward()), c}
}

// Chunks is the number of calls of Run that make the pass. It depends on the shape alone.
func (p *Forward) Chunks() int { return p.b.chunks() }

// Scratch is the number of floats that a call of Run needs for itself.
func (p *Forward) Scratch() int { return p.b.scratch() }

// Run computes a chunk of y [O, OH, OW, N] from x [C, H, W, N], w [O, C/Groups, KH, KW] and
// bias [O], or nil for none. Chunks may run at the same time, each with its own scratch, whose
// contents do not matter. y may overlap nothing else.
func (p *Forward) Run(chunk int, y, x, w, bias, scratch []float32) {
	checkLengths(lengths{len(y), p.shape.YSize()}, lengths{len(x), p.shape.XSize()}, lengths{len(w), p.shape.WSize()})
	if bias != nil {
		checkLengths(lengths{len(bias), p.shape.O})
	}
	if len(scratch) < p.Scratch() {
		panic(badScratch)
	}
	if p.b.k.level == isa.Ref {
		forwardRef(p.shape, p.b.region(chunk), y, x, w, bias)
		return
	}
	part := part{blocks: &p.b, dst: y, src: x, w: w, bias: bias}
	part.run(chunk, scratch)
}

// GradInput is the plan of the gradient of x:
//
//	dx[i, iy, ix, n] = sum over o, ky, kx of w[o, i, ky, kx] * dy[o, oy, ox, n]
//
// over the output channels o of i's group and the taps through which (iy, ix) reached (oy, ox).
// Every element is one chain of fused multiply-adds in the order (o, ky, kx) that starts from
// zero, or from dx.
type GradInput struct {
	b     blocks
	shape Conv2D
}

// GradInput plans the gradient of x. It panics if the shape fails Check.
func (k *Kernels) GradInput(c Conv2D) *GradInput {
	if c.Check() != nil {
		panic(badShape)
	}
	return &GradInput{newBlocks(k, c.gradInput()), c}
}

// Chunks is the number of calls of Run that make the pass. It depends on the shape alone.
func (p *GradInput) Chunks() int { return p.b.chunks() }

// Scratch is the number of floats that a call of Run needs for itself.
func (p *GradInput) Scratch() int { return p.b.scratch() }

// Run computes a chunk of dx, or adds to dx if accumulate is set. Chunks may run at the same
// time, each with its own scratch, whose contents do not matter. dx may overlap nothing else.
func (p *GradInput) Run(chunk int, dx, dy, w []float32, accumulate bool, scratch []float32) {
	checkLengths(lengths{len(dx), p.shape.XSize()}, lengths{len(dy), p.shape.YSize()}, lengths{len(w), p.shape.WSize()})
	if len(scratch) < p.Scratch() {
		panic(badScratch)
	}
	if p.b.k.level == isa.Ref {
		gradInputRef(p.shape, p.b.region(chunk), dx, dy, w, accumulate)
		return
	}
	part := part{blocks: &p.b, dst: dx, src: dy, w: w, accumulate: accumulate}
	part.run(chunk, scratch)
}

// GradWeights is the plan of the gradients of the weights and the bias:
//
//	dw[o, i, ky, kx] = sum over oy, ox, n of dy[o, oy, ox, n] * x[i, iy, ix, n]
//	db[o] = sum over oy, ox, n of dy[o, oy, ox, n]
//
// Positions and samples are cut into blocks of at most 128 terms: some samples of a position,
// or some columns of a row, or some rows, in this order of preference. The sum of a block is
// one chain of fused multiply-adds in the order (oy, ox, n) that starts from zero; sums of
// blocks are added in order to zero, or to dw. The error of a sum of B blocks is at most
// (128 + B + 1) * 2^-24 of the sum of magnitudes, to first order.
type GradWeights struct{ p weightPlan }

// GradWeights plans the gradient of the weights. It panics if the shape fails Check.
func (k *Kernels) GradWeights(c Conv2D) *GradWeights {
	if c.Check() != nil {
		panic(badShape)
	}
	return &GradWeights{newWeightPlan(k, c)}
}

// Chunks is the number of calls of Run that make the pass. It depends on the shape alone.
func (p *GradWeights) Chunks() int { return p.p.chunks() }

// Scratch is the number of floats that a call of Run needs for itself.
func (p *GradWeights) Scratch() int { return p.p.scratch() }

// Run computes a chunk of dw and db, or adds to them if accumulate is set; db may be nil.
// Chunks may run at the same time, each with its own scratch, whose contents do not matter. dw
// and db may overlap nothing else.
func (p *GradWeights) Run(chunk int, dw, db, x, dy []float32, accumulate bool, scratch []float32) {
	c := p.p.Conv2D
	checkLengths(lengths{len(dw), c.WSize()}, lengths{len(x), c.XSize()}, lengths{len(dy), c.YSize()})
	if db != nil {
		checkLengths(lengths{len(db), c.O})
	}
	if len(scratch) < p.Scratch() {
		panic(badScratch)
	}
	part := p.p.locate(chunk)
	if p.p.k.level == isa.Ref {
		part.ref(dw, db, x, dy, accumulate)
		return
	}
	part.dw, part.db, part.x, part.dy = dw, db, x, dy
	part.run(scratch, accumulate)
}
