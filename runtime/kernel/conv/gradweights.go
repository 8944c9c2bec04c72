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
type block struct {
	row, col                       int // parts of the cuts
	row0, row1, col0, col1, n0, n1 int
}

func (b *sumBlocks) count() int { return b.rows.parts * b.cols.parts * b.samples.parts }

func (b *sumBlocks) at(i int) (k block) {
	k.n0, k.n1 = b.samples.at(i % b.samples.parts)
	i /= b.samples.parts
	k.row, k.col = i/b.cols.parts, i%b.cols.parts
	k.col0, k.col1 = b.cols.at(k.col)
	k.row0, k.row1 = b.rows.at(k.row)
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
	ahead         unsafe.Pointer // lines of x to prefetch in aheadN channels, at least one
	aheadN        int
	aheadD        unsafe.Pointer // lines of dy to prefetch
	lines         int            // at least one
}

// A chunk of the weight gradient has so many output channels at most, four vectors, and so many
// input channels times taps at least that the transposition of dy is a small part of the work,
// unless there are enough chunks without.
const (
	weightChannels = tileVectors * lanesPerVector
	weightTaps     = 288
	weightChunks   = 16
)

// weightPlan cuts the gradient of the weights into chunks.
type weightPlan struct {
	Conv2D
	k                  *Kernels
	blocks             sumBlocks
	rowReach, colReach []reached // [part of the blocks][tap]
	outputs            cut       // channels of a group
	tiles              cut       // input channels of a group
	inputs             cut       // tiles
	lines              int       // cache lines of dy, or of new columns of x, in a block
}

func newWeightPlan(k *Kernels, c Conv2D) weightPlan {
	p := weightPlan{Conv2D: c, k: k, blocks: newSumBlocks(&c)}
	p.outputs = cutBy(c.O/c.Groups, weightChannels)
	in := c.C / c.Groups
	p.tiles = cutBy(in, tileRows)
	parts := min(p.tiles.parts, in*c.KH*c.KW/weightTaps, weightChunks/(c.Groups*p.outputs.parts))
	p.inputs = cut{p.tiles.parts, max(1, parts)}
	p.rowReach = reaches(p.blocks.rows, c.KH, c.H, c.StrideH, c.PadH, c.DilationH)
	p.colReach = reaches(p.blocks.cols, c.KW, c.W, c.StrideW, c.PadW, c.DilationW)
	p.lines = (p.blocks.cols.size()*p.blocks.samples.size() + lanesPerVector - 1) / lanesPerVector
	return p
}

// reaches are the reached positions of every part of an axis and every tap.
func reaches(parts cut, kernel, in, stride, pad, dilation int) []reached {
	var all []reached
	for i := range parts.parts {
		from, to := parts.at(i)
		for k := range kernel {
			lo, hi := reach(from, to, k, in, stride, pad, dilation)
			all = append(all, reached{lo, hi - lo, lo*stride + k*dilation - pad})
		}
	}
	return all
}

// reached are n output positions of an axis from at that see the image through a tap, the first
// at src.
type reached struct{ at, n, src int }

func (p *weightPlan) chunks() int { return p.Groups * p.outputs.parts * p.inputs.parts }

// pitch is the number of floats of a row of transposed dy: output channels in whole vectors.
func (p *weightPlan) pitch() int {
	return (p.outputs.size() + lanesPerVector - 1) / lanesPerVector * lanesPerVector
}

// inputSize bounds the input channels of a chunk.
func (p *weightPlan) inputSize() int { return p.inputs.size() * p.tiles.size() }

// scratch holds transposed dy, the sums of the chunk and of its bias, and ones.
func (p *weightPlan) scratch() int {
	return p.pitch()*(p.blocks.terms()+p.inputSize()*p.KH*p.KW+1) + p.blocks.terms()
}

// weightPart is one chunk.
type weightPart struct {
	*weightPlan
	group          int
	o0, o1, i0, i1 int // channels, in the group
	t0, t1         int // tiles of input channels
	next           block
	call           int // of the kernel in this block
	dw, db, x, dy  []float32
	d, total, bias []float32
	ones           []float32
	args           weightArgs
}

func (p *weightPlan) locate(chunk int) weightPart {
	w := weightPart{weightPlan: p}
	chunk, i := chunk/p.inputs.parts, chunk%p.inputs.parts
	w.t0, w.t1 = p.inputs.at(i)
	w.i0, _ = p.tiles.at(w.t0)
	_, w.i1 = p.tiles.at(w.t1 - 1)
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
	w.d, w.total = split(pitch*w.blocks.terms()), split(pitch*w.inputSize()*taps)
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
		w.next = w.blocks.at(min(i+1, w.blocks.count()-1))
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
	w.call = 0
	if w.db != nil && w.i0 == 0 {
		a := &w.args
		a.total, a.d, a.x = ptr(w.bias, 0), ptr(w.d, 0), ptr(w.ones, 0)
		a.xR, a.xP, a.xRow, a.dRow = 0, 0, 0, 0
		a.ahead, a.aheadN, a.aheadD, a.lines = a.x, 1, a.x, 1
		a.rows, a.cols, a.n = 1, 1, (b.row1-b.row0)*(b.col1-b.col0)*(b.n1-b.n0)
		w.vectors(1)
	}
	for t := w.t0; t < w.t1; t++ {
		from, to := w.tiles.at(t)
		for ky := range w.KH {
			for kx := range w.KW {
				w.tap(&b, from, to-from, ky, kx)
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

// tap adds the sums of one tap for nr input channels from a channel of the group.
func (w *weightPart) tap(b *block, from, nr, ky, kx int) {
	row, col := &w.rowReach[b.row*w.KH+ky], &w.colReach[b.col*w.KW+kx]
	if row.n <= 0 || col.n <= 0 {
		return
	}
	samples, cols := b.n1-b.n0, b.col1-b.col0
	plane := w.H * w.W * w.N
	a := &w.args
	a.d = ptr(w.d, ((row.at-b.row0)*cols+col.at-b.col0)*samples*w.pitch())
	x := (w.group*(w.C/w.Groups)+from)*plane + (row.src*w.W+col.src)*w.N + b.n0
	a.x = ptr(w.x, x)
	a.total = ptr(w.total, ((from-w.i0)*w.KH*w.KW+ky*w.KW+kx)*w.pitch())
	a.xR = plane * floatBytes
	a.rows, a.cols, a.n = row.n, col.n, samples
	a.dRow = (cols - a.cols) * samples * a.pitch
	a.xRow = (w.StrideH*w.W - a.cols*w.StrideW) * w.N * floatBytes
	a.xP = (w.StrideW*w.N - samples) * floatBytes
	if a.xP == 0 {
		a.n, a.cols = a.n*a.cols, 1
	}
	w.lookAhead(x, nr, kx)
	w.vectors(nr)
}

// lookAhead has the kernel prefetch what the next tile and the next block will need first: a
// share of the channels of x, where the window moves on, and one channel of dy.
func (w *weightPart) lookAhead(x, nr, kx int) {
	a := &w.args
	plane := w.H * w.W * w.N
	first, end := kx*nr/w.KW, (kx+1)*nr/w.KW
	x += (nr+first)*plane + (w.KW-1-kx)*w.DilationW*w.N
	a.ahead, a.aheadN, a.lines = ptr(w.x, min(x, len(w.x)-1)), max(1, end-first), w.lines
	o := min(w.call, w.o1-w.o0-1)
	w.call++
	n := &w.next
	at := (w.group*(w.O/w.Groups)+w.o0+o)*w.OH()*w.OW() + n.row0*w.OW() + n.col0
	a.aheadD = ptr(w.dy, at*w.N+n.n0)
}
