package conv

import "unsafe"

// correlation is what the forward pass and the gradient of x have in common: every element of
// the result is one chain of multiply-adds over (summed channel, kernel row, kernel column).
//
//	result[g*results+r, pos, n] = start + sum over c, taps of w * source[g*sums+c, tap(pos), n]
type correlation struct {
	groups, results, sums int // channels of the result and of the sum in a group
	kh, kw                int
	wGroup, wR, wC        int // steps of the weights in elements
	srcH, srcW            int
	dstH, dstW            int
	n                     int
	rows, cols            []taps
	class                 int // columns of the result that see the same taps are class apart
	advance               int // of the source from one such column to the next
	pickH, pickW          int // only every pick-th source row and column from the first is read
}

func (c Conv2D) forward() correlation {
	k := c.KH * c.KW
	t := correlation{
		groups: c.Groups, results: c.O / c.Groups, sums: c.C / c.Groups, kh: c.KH, kw: c.KW,
		wGroup: c.WSize() / c.Groups, wR: c.C / c.Groups * k, wC: k,
		srcH: c.H, srcW: c.W, dstH: c.OH(), dstW: c.OW(), n: c.N,
		rows:  forwardTaps(c.H, c.OH(), c.KH, c.StrideH, c.PadH, c.DilationH),
		cols:  forwardTaps(c.W, c.OW(), c.KW, c.StrideW, c.PadW, c.DilationW),
		class: 1, advance: c.StrideW, pickH: 1, pickW: 1,
	}
	if c.KH == 1 {
		t.pickH = c.StrideH
	}
	if c.KW == 1 {
		t.pickW = c.StrideW
	}
	return t
}

func (c Conv2D) gradInput() correlation {
	k := c.KH * c.KW
	return correlation{
		groups: c.Groups, results: c.C / c.Groups, sums: c.O / c.Groups, kh: c.KH, kw: c.KW,
		wGroup: c.WSize() / c.Groups, wR: k, wC: c.C / c.Groups * k,
		srcH: c.OH(), srcW: c.OW(), dstH: c.H, dstW: c.W, n: c.N,
		rows:  gradTaps(c.H, c.OH(), c.KH, c.StrideH, c.PadH, c.DilationH),
		cols:  gradTaps(c.W, c.OW(), c.KW, c.StrideW, c.PadW, c.DilationW),
		class: c.StrideW, advance: 1, pickH: 1, pickW: 1,
	}
}

// Blocking of the AVX-512 kernels; it moves no rounding.
const (
	lanesPerVector  = 16
	tileRows        = 6 // channels of a tile
	tileVectors     = 4 // vectors of a tile
	unrolledRows    = 4 // tiles of so many channels and vectors, or more, have loops for 3x3 kernels
	unrolledVectors = 2
	manyChannels    = 22 * tileRows // of the result in a chunk, if there are manyChunks
	fewChannels     = 11 * tileRows
	manyChunks      = 8
	windowBytes     = 160 << 10 // source seen from one position in a pass
	patchBytes      = 1 << 20   // source seen from a chunk in a pass: half of L2
	chunkPositions  = 32
	chunkColumns    = 8 // or more, if there are few rows
)

// blocks cuts a correlation into chunks.
type blocks struct {
	correlation
	k        *Kernels
	channels cut // of the result, in a group
	vectors  cut // of samples, into groups of at most tileVectors
	rowCut   cut
	colCut   cut
	sumCut   cut     // of the summed channels: passes over the result
	colRuns  [][]run // for every part of colCut
	maxH     int     // greatest number of packed source rows and columns
	maxW     int
	byPlace  bool // vectors of a tile are neighbouring positions: there are at most 16 samples
}

func newBlocks(k *Kernels, t correlation) blocks {
	b := blocks{correlation: t, k: k}
	b.channels = cutBy(t.results, manyChannels)
	b.vectors = cutBy((t.n+lanesPerVector-1)/lanesPerVector, tileVectors)
	b.byPlace = t.n <= lanesPerVector
	b.colCut = cutBy(t.dstW, max(chunkColumns, chunkPositions/t.dstH))
	b.rowCut = cutBy(t.dstH, max(1, chunkPositions/b.colCut.size()))
	if b.chunks() < manyChunks {
		b.channels = cutBy(t.results, fewChannels)
	}
	for i := range b.colCut.parts {
		from, to := b.colCut.at(i)
		b.colRuns = append(b.colRuns, runs(t.cols, from, to, t.class, t.advance))
		b.maxW = max(b.maxW, patchSize(t.cols, from, to, t.pickW))
	}
	for i := range b.rowCut.parts {
		from, to := b.rowCut.at(i)
		b.maxH = max(b.maxH, patchSize(t.rows, from, to, t.pickH))
	}
	place := b.lanes() * floatBytes
	size := min(windowBytes/(t.kh*t.kw*place), patchBytes/max(1, b.maxH*b.maxW*place))
	b.sumCut = cutBy(t.sums, max(1, min(size, t.sums)))
	return b
}

// patchSize is the number of source indices that positions from..to read.
func patchSize(all []taps, from, to, pick int) int {
	lo, hi := span(all, from, to)
	if lo > hi {
		return 0
	}
	return (hi-lo)/pick + 1
}

// lanes is the number of floats of one channel at one position in scratch.
func (b *blocks) lanes() int { return b.vectors.size() * lanesPerVector }

// chunks is the number of independent parts.
func (b *blocks) chunks() int {
	return b.groups * b.channels.parts * b.vectors.parts * b.rowCut.parts * b.colCut.parts
}

// scratchParts are the sizes of the packed source, the packed weights and the accumulators.
func (b *blocks) scratchParts() (src, w, acc int) {
	src = b.sumCut.size() * b.maxH * b.maxW * b.lanes()
	w = tileRows * (b.sumCut.size()*b.kh*b.kw + 1)
	if b.sumCut.parts > 1 {
		acc = b.channels.size() * b.rowCut.size() * b.colCut.size() * b.lanes()
	}
	return src, w, acc
}

// scratch is the number of floats a chunk needs.
func (b *blocks) scratch() int {
	src, w, acc := b.scratchParts()
	return src + w + acc
}

// place is where a chunk is.
type place struct {
	group          int
	r0, r1         int // channels of the result, in the group
	v0, v1         int // vectors of samples
	row0, row1     int
	col0, col1     int
	runs           []run
	rowLo, colLo   int // first packed source row and column
	patchH, patchW int // packed source rows and columns
}

// locate is the place of a chunk.
func (b *blocks) locate(chunk int) (p place) {
	chunk, i := chunk/b.colCut.parts, chunk%b.colCut.parts
	p.col0, p.col1 = b.colCut.at(i)
	p.runs = b.colRuns[i]
	chunk, i = chunk/b.rowCut.parts, chunk%b.rowCut.parts
	p.row0, p.row1 = b.rowCut.at(i)
	chunk, i = chunk/b.vectors.parts, chunk%b.vectors.parts
	p.v0, p.v1 = b.vectors.at(i)
	p.group, i = chunk/b.channels.parts, chunk%b.channels.parts
	p.r0, p.r1 = b.channels.at(i)
	p.rowLo, _ = span(b.rows, p.row0, p.row1)
	p.colLo, _ = span(b.cols, p.col0, p.col1)
	p.patchH = patchSize(b.rows, p.row0, p.row1, b.pickH)
	p.patchW = patchSize(b.cols, p.col0, p.col1, b.pickW)
	return p
}

// part is one chunk at work.
type part struct {
	*blocks
	place
	dst, src, w, bias  []float32
	accumulate         bool
	packed, wPack, acc []float32
	c0, c1             int // summed channels of this pass
	ahead              lines
	args               tileArgs
}

// run computes a chunk: dst = (bias, or dst, or zero) + correlation of src with w.
func (p *part) run(chunk int, scratch []float32) {
	src, w, _ := p.scratchParts()
	p.packed, p.wPack, p.acc = scratch[:src], scratch[src:src+w], scratch[src+w:]
	p.place = p.locate(chunk)
	next := p.locate(min(chunk+1, p.chunks()-1))
	p.setMasks()
	for i := range p.sumCut.parts {
		p.c0, p.c1 = p.sumCut.at(i)
		p.packSource()
		if i+1 < p.sumCut.parts {
			p.lookAhead(&p.place, i+1)
		} else {
			p.lookAhead(&next, 0)
		}
		p.setSteps()
		p.eachTileRow(i)
	}
}

// lines are cache lines of the source, the same in every channel of a pass, as runs along
// columns: one for every row and vector of samples.
type lines struct {
	at, left         int // next line of the run, and how many
	base, row, v     int // first line of the row, rows left, vector
	cols, nv         int
	colStep, rowStep int
}

// lookAhead sets what tiles prefetch: the source at a place in a pass.
func (p *part) lookAhead(at *place, pass int) {
	c0, _ := p.sumCut.at(pass)
	first := (((at.group*p.sums+c0)*p.srcH+at.rowLo)*p.srcW+at.colLo)*p.n + at.v0*lanesPerVector
	p.ahead = lines{
		at: first, left: at.patchW, base: first, row: at.patchH, cols: at.patchW, nv: at.v1 - at.v0,
		colStep: p.pickW * p.n, rowStep: p.pickH * p.srcW * p.n,
	}
	if at.patchH*at.patchW == 0 {
		p.ahead.row = 0
	}
}

// take returns the index of a run of the next count lines, some of which may be past the last
// column; ok is false if there are no more.
func (l *lines) take(count int) (at int, ok bool) {
	if l.row == 0 {
		return 0, false
	}
	at = l.at
	l.at += count * l.colStep
	if l.left -= count; l.left <= 0 {
		if l.v++; l.v == l.nv {
			l.v = 0
			l.base += l.rowStep
			l.row--
		}
		l.at, l.left = l.base+l.v*lanesPerVector, l.cols
	}
	return at, true
}

// eachTileRow computes the tiles of a pass, a few channels after the other.
func (p *part) eachTileRow(pass int) {
	tiles := cutBy(p.r1-p.r0, tileRows)
	for i := range tiles.parts {
		from, to := tiles.at(i)
		w, bias := p.packWeights(p.r0+from, to-from)
		p.args.w, p.args.bias = unsafe.Pointer(&w[0]), unsafe.Pointer(&bias[0])
		acc := from * (p.row1 - p.row0) * (p.col1 - p.col0) * p.lanes()
		for row := p.row0; row < p.row1; row++ {
			for j := range p.runs {
				acc += p.tiles(pass, p.r0+from, to-from, row, &p.runs[j], acc)
			}
		}
	}
}
