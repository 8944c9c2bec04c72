package conv

import "unsafe"

// sumBlock bounds the terms of a block of the weight gradient: rows x columns x samples. A
// block is one chain of multiply-adds per weight; sums of blocks are added in order.
const sumBlock = 128

// sumBlocks cuts the positions and samples of dy into blocks. It decides the order of the sums
// and depends on nothing but the shape.
type sumBlocks struct{ rows, cols, samples cut }

func newSumBlocks(c *Conv2D) sumBlocks {
	oh, ow := c.OH(), c.OW()
	b := sumBlocks{rows: cut{oh, oh}, samples: cutBy(c.N, sumBlock)}
	b.cols = cutBy(ow, max(1, sumBlock/c.N))
	if b.cols.parts == 1 {
		b.rows = cutBy(oh, max(1, sumBlock/(c.N*ow)))
	}
	return b
}

// terms is the greatest number of terms of a block.
func (b *sumBlocks) terms() int { return b.rows.size() * b.cols.size() * b.samples.size() }

// block is one of them: ranges of output rows, columns and samples.
type block struct{ row0, row1, col0, col1, n0, n1 int }

func (b *sumBlocks) count() int { return b.rows.parts * b.cols.parts * b.samples.parts }

func (b *sumBlocks) at(i int) (k block) {
	k.n0, k.n1 = b.samples.at(i % b.samples.parts)
	i /= b.samples.parts
	k.col0, k.col1 = b.cols.at(i % b.cols.parts)
	k.row0, k.row1 = b.rows.at(i / b.cols.parts)
	return k
}

// reach is the part of from..to of output positions for which tap k of an axis is in the image.
func reach(from, to, k, in, stride, pad, dilation int) (lo, hi int) {
	at := k*dilation - pad // source index = position*stride + at
	lo, hi = from, to
	if at < 0 {
		lo = max(lo, (-at+stride-1)/stride)
	}
	if at >= in {
		return lo, lo
	}
	return lo, max(lo, min(hi, (in-1-at)/stride+1))
}

// weightArgs are the arguments of a weight gradient kernel; the generator has the same list.
// Steps are in bytes. Those of d over rows and of x over columns and rows are jumps from where
// the loop inside left off.
type weightArgs struct {
	total         unsafe.Pointer
	totalR        int // input channel
	d             unsafe.Pointer
	pitch, dRow   int
	x             unsafe.Pointer
	xR, xP, xRow  int // input channel, column, row
	rows, cols, n int
}

// Greatest numbers of channels in a chunk of the weight gradient: of the output, four vectors;
// of the input, so many that the transposition of dy is a small part of the work.
const (
	weightChannels = tileVectors * lanesPerVector
	weightTaps     = 288
	weightChunks   = 16
)

// weightPlan cuts the gradient of the weights into chunks.
type weightPlan struct {
	Conv2D
	k       *Kernels
	blocks  sumBlocks
	outputs cut // channels of a group
	inputs  cut
}

func newWeightPlan(k *Kernels, c Conv2D) weightPlan {
	p := weightPlan{Conv2D: c, k: k, blocks: newSumBlocks(&c)}
	p.outputs = cutBy(c.O/c.Groups, weightChannels)
	in := c.C / c.Groups
	parts := min(in, in*c.KH*c.KW/weightTaps, weightChunks/(c.Groups*p.outputs.parts))
	p.inputs = cut{in, max(1, parts)}
	return p
}

func (p *weightPlan) chunks() int { return p.Groups * p.outputs.parts * p.inputs.parts }

// pitch is the number of floats of a row of transposed dy: output channels in whole vectors.
func (p *weightPlan) pitch() int {
	return (p.outputs.size() + lanesPerVector - 1) / lanesPerVector * lanesPerVector
}

// scratch holds transposed dy, the sums of the chunk and of its bias, and ones.
func (p *weightPlan) scratch() int {
	return p.pitch()*(p.blocks.terms()+p.inputs.size()*p.KH*p.KW+1) + p.blocks.terms()
}

// weightPart is one chunk.
type weightPart struct {
	*weightPlan
	group          int
	o0, o1, i0, i1 int // channels, in the group
	dw, db, x, dy  []float32
	d, total, bias []float32
	ones           []float32
	args           weightArgs
}

func (p *weightPlan) locate(chunk int) weightPart {
	w := weightPart{weightPlan: p}
	chunk, i := chunk/p.inputs.parts, chunk%p.inputs.parts
	w.i0, w.i1 = p.inputs.at(i)
	w.group, i = chunk/p.outputs.parts, chunk%p.outputs.parts
	w.o0, w.o1 = p.outputs.at(i)
	return w
}

// run computes a chunk.
func (w *weightPart) run(scratch []float32, accumulate bool) {
	pitch, taps := w.pitch(), w.KH*w.KW
	split := func(n int) (s []float32) {
		s, scratch = scratch[:n], scratch[n:]
		return s
	}
	w.d, w.total = split(pitch*w.blocks.terms()), split(pitch*w.inputs.size()*taps)
	w.bias, w.ones = split(pitch), split(w.blocks.terms())
	clear(w.d)
	clear(w.total)
	clear(w.bias)
	for i := range w.ones {
		w.ones[i] = 1
	}
	in := w.C / w.Groups
	first := (w.group*(w.O/w.Groups)+w.o0)*in*taps + w.i0*taps
	bias := w.db
	if w.db != nil {
		bias = w.db[w.group*(w.O/w.Groups)+w.o0:][:w.o1-w.o0]
	}
	if accumulate {
		w.k.transpose(w.total, pitch, w.dw[first:], in*taps, w.o1-w.o0, (w.i1-w.i0)*taps)
		copy(w.bias, bias)
	}
	w.args = weightArgs{pitch: pitch * floatBytes, totalR: taps * pitch * floatBytes}
	for i := range w.blocks.count() {
		w.block(w.blocks.at(i))
	}
	w.k.transpose(w.dw[first:], in*taps, w.total, pitch, (w.i1-w.i0)*taps, w.o1-w.o0)
	if w.i0 == 0 {
		copy(bias, w.bias)
	}
}

// block adds the sums of a block.
func (w *weightPart) block(b block) {
	w.transposeD(b)
	if w.db != nil && w.i0 == 0 {
		a := &w.args
		a.total, a.d, a.x = ptr(w.bias, 0), ptr(w.d, 0), ptr(w.ones, 0)
		a.xR, a.xP, a.xRow, a.dRow = 0, 0, 0, 0
		a.rows, a.cols, a.n = 1, 1, (b.row1-b.row0)*(b.col1-b.col0)*(b.n1-b.n0)
		w.vectors(1)
	}
	tiles := cutBy(w.i1-w.i0, tileRows)
	for t := range tiles.parts {
		from, to := tiles.at(t)
		for ky := range w.KH {
			for kx := range w.KW {
				w.tap(b, from, to-from, ky, kx)
			}
		}
	}
}

// vectors runs the kernel for nr input channels over all output channels.
func (w *weightPart) vectors(nr int) {
	nv := (w.o1 - w.o0 + lanesPerVector - 1) / lanesPerVector
	total, d := w.args.total, w.args.d
	for v := 0; v < nv; v += w.k.vectors {
		step := v * lanesPerVector * floatBytes
		w.args.total, w.args.d = unsafe.Add(total, step), unsafe.Add(d, step)
		w.k.weights(nr, min(w.k.vectors, nv-v), &w.args)
	}
}

// transposeD brings dy of a block into the order [row][column][sample][channel].
func (w *weightPart) transposeD(b block) {
	pitch := w.pitch()
	plane := w.OH() * w.OW() * w.N
	samples, runs, cols := b.n1-b.n0, b.col1-b.col0, 1
	if samples == w.N {
		// Neighbouring columns are one run of samples.
		samples, runs, cols = samples*runs, 1, runs
	}
	d := w.d
	for row := b.row0; row < b.row1; row++ {
		for i := range runs {
			at := (w.group*(w.O/w.Groups)+w.o0)*plane + (row*w.OW()+b.col0+i*cols)*w.N + b.n0
			w.k.transpose(d, pitch, w.dy[at:], plane, w.o1-w.o0, samples)
			d = d[samples*pitch:]
		}
	}
}

// tap adds the sums of one tap for nr input channels.
func (w *weightPart) tap(b block, from, nr, ky, kx int) {
	row0, row1 := reach(b.row0, b.row1, ky, w.H, w.StrideH, w.PadH, w.DilationH)
	col0, col1 := reach(b.col0, b.col1, kx, w.W, w.StrideW, w.PadW, w.DilationW)
	if row0 >= row1 || col0 >= col1 {
		return
	}
	samples, cols := b.n1-b.n0, b.col1-b.col0
	y, x := row0*w.StrideH+ky*w.DilationH-w.PadH, col0*w.StrideW+kx*w.DilationW-w.PadW
	a := &w.args
	a.d = ptr(w.d, ((row0-b.row0)*cols+col0-b.col0)*samples*w.pitch())
	a.x = ptr(w.x, (((w.group*(w.C/w.Groups)+w.i0+from)*w.H+y)*w.W+x)*w.N+b.n0)
	a.total = ptr(w.total, (from*w.KH*w.KW+ky*w.KW+kx)*w.pitch())
	a.xR = w.H * w.W * w.N * floatBytes
	a.rows, a.cols, a.n = row1-row0, col1-col0, samples
	a.dRow = (cols - a.cols) * samples * a.pitch
	a.xRow = (w.StrideH*w.W - a.cols*w.StrideW) * w.N * floatBytes
	a.xP = (w.StrideW*w.N - samples) * floatBytes
	if a.xP == 0 {
		a.n, a.cols = a.n*a.cols, 1
	}
	w.vectors(nr)
}
