package conv

import "unsafe"

// tileArgs are the arguments of a tile kernel; the generator has the same list. Steps are in
// bytes. Those of x and w over columns, rows and channels are jumps from where the loop inside
// left off.
type tileArgs struct {
	out, in, x, w, bias unsafe.Pointer // in nil: start from the bias
	outR, outP, outV    int            // channel, position, vector
	inR, inP, inV       int
	xP, xV              int
	xB, xA, xC          int // column, row, channel
	wB, wA, wC          int
	nC, nA, nB, nP      int // channels, rows, columns, positions
	ahead               unsafe.Pointer
	aheadC, aheadP      int // a line to prefetch: per channel, and per position
	window              int // which loop for 3x3 kernels, or zero
	last, rest          *laneMask
	_                   [5]int // of the kernel
}

// laneMask selects the first lanes of a vector: as words of ones, and as bits.
type laneMask struct {
	lanes [lanesPerVector]int32
	bits  int32
}

// laneMasks are the masks of 0 to 16 lanes.
var laneMasks = func() (m [lanesPerVector + 1]laneMask) {
	for n := range m {
		for i := range n {
			m[n].lanes[i] = -1
		}
		m[n].bits = int32(1<<n - 1)
	}
	return m
}()

// tailMask is the mask of the last vector of n samples.
func tailMask(n int) *laneMask { return &laneMasks[(n-1)%lanesPerVector+1] }

const floatBytes = 4

// ptr points to an element.
func ptr(x []float32, i int) unsafe.Pointer { return unsafe.Pointer(&x[i]) }

// setMasks says which lanes hold samples.
func (p *part) setMasks() {
	p.args.rest = &laneMasks[lanesPerVector]
	p.args.last = p.args.rest
	if p.v1*lanesPerVector >= p.n {
		p.args.last = tailMask(p.n)
	}
	if p.byPlace {
		p.args.rest = p.args.last
	}
}

// packedSteps are the distances in the packed source, in floats: [column][row][channel][lanes].
func (p *part) packedSteps() (col, row int) {
	row = (p.c1 - p.c0) * p.lanes()
	return p.patchH * row, row
}

// packSource copies what the chunk reads of the source, so that a window is close together.
func (p *part) packSource() {
	if p.patchH*p.patchW == 0 {
		return
	}
	col, row := p.packedSteps()
	a := poolArgs{
		xP: p.pickW * p.n * floatBytes, yP: col * floatBytes, nP: p.patchW, nV: p.v1 - p.v0,
		last: p.args.last, rest: p.args.rest,
	}
	for c := p.c0; c < p.c1; c++ {
		plane := (p.group*p.sums + c) * p.srcH
		for r := range p.patchH {
			a.x = ptr(p.src, ((plane+p.rowLo+r*p.pickH)*p.srcW+p.colLo)*p.n+p.v0*lanesPerVector)
			a.y = ptr(p.packed, r*row+(c-p.c0)*p.lanes())
			p.k.pool(copyVectors, &a)
		}
	}
}

// packWeights brings the weights of nr channels from r0 into the order of the chain, [c][a][b][r],
// and returns them with the values that the chains start from.
func (p *part) packWeights(r0, nr int) (w, bias []float32) {
	w, bias = p.wPack[:(p.c1-p.c0)*p.kh*p.kw*nr], p.wPack[len(p.wPack)-nr:]
	first := p.group*p.wGroup + r0*p.wR
	taps := p.kh * p.kw
	run := rowRun{n: taps, m: p.c1 - p.c0, step: p.wC, ahead: nr * taps}
	if p.wC == taps {
		run = rowRun{n: taps * (p.c1 - p.c0), m: 1}
	}
	p.k.packRows(w, p.w[first+p.c0*p.wC:], p.wR, nr, run)
	if p.bias == nil {
		clear(bias)
	} else {
		copy(bias, p.bias[p.group*p.results+r0:])
	}
	return w, bias
}

// setSteps sets what tiles of this pass have in common.
func (p *part) setSteps() {
	a := &p.args
	col, _ := p.packedSteps()
	a.nC = p.c1 - p.c0
	a.xV = lanesPerVector * floatBytes
	if p.byPlace {
		a.xV = p.advance / p.pickW * col * floatBytes
	}
}

// tiles computes nr channels from r at the positions of a run in a row, and returns the number
// of accumulators it has in scratch from acc.
func (p *part) tiles(pass, r, nr, row int, u *run, acc int) int {
	t := &p.rows[row]
	used := nr * u.count * p.lanes()
	if t.n == 0 || u.n == 0 {
		if pass == 0 {
			p.fill(r, nr, row, u)
		}
		return used
	}
	p.setTaps(t, u, nr)
	a := &p.args
	dst := (((p.group*p.results+r)*p.dstH+row)*p.dstW+u.at)*p.n + p.v0*lanesPerVector
	position := u.apart * p.n * floatBytes
	p.setOutput(pass, nr, dst, acc, position)
	wide := p.k.vectors
	if p.byPlace {
		p.places(u.count, nr, wide)
		return used
	}
	a.nP = u.count
	p.look(a.nP)
	last := a.last
	x, out, in := a.x, a.out, a.in
	for v := 0; v < p.v1-p.v0; v += wide {
		nv := min(wide, p.v1-p.v0-v)
		a.last = a.rest
		if v+nv == p.v1-p.v0 {
			a.last = last
		}
		step := v * lanesPerVector * floatBytes
		a.x, a.out = unsafe.Add(x, step), unsafe.Add(out, step)
		if in != nil {
			a.in = unsafe.Add(in, step)
		}
		p.k.tile(nr, nv, a)
	}
	a.last = last
	return used
}

// look has the tiles of count positions prefetch what will be packed next: at each position one
// line of every channel.
func (p *part) look(count int) {
	a := &p.args
	at, ok := p.ahead.take(count)
	if !ok {
		a.ahead, a.aheadC, a.aheadP = unsafe.Pointer(&p.packed[0]), 0, 0
		return
	}
	plane := p.srcH * p.srcW * p.n * floatBytes
	a.ahead, a.aheadC, a.aheadP = ptr(p.src, at), plane, p.ahead.colStep*floatBytes-a.nC*plane
}

// places computes the positions of a run as the vectors of tiles.
func (p *part) places(count, nr, wide int) {
	a := &p.args
	outP, inP, xV := a.outP, a.inP, a.xV
	a.outV, a.inV = outP, inP
	for done := 0; done < count; {
		nv := min(wide, count-done)
		a.nP = (count - done) / nv
		n := a.nP * nv
		a.outP, a.inP, a.xP = outP*nv, inP*nv, xV*nv
		p.look(a.nP)
		p.k.tile(nr, nv, a)
		if done += n; done == count {
			return
		}
		a.x, a.out = unsafe.Add(a.x, n*xV), unsafe.Add(a.out, n*outP)
		if a.in != nil {
			a.in = unsafe.Add(a.in, n*inP)
		}
	}
}

// setTaps sets where the tiles of a run read the source and the weights.
func (p *part) setTaps(t *taps, u *run, nr int) {
	a := &p.args
	col, row := p.packedSteps()
	a.nA, a.nB = t.n, u.n
	a.x = ptr(p.packed, (u.src-p.colLo)/p.pickW*col+(t.src-p.rowLo)/p.pickH*row)
	col, row = col*floatBytes, row*floatBytes
	a.xP = u.advance / p.pickW * col
	a.xB, a.xA = u.srcStep*col, t.srcStep*row
	a.xC = p.lanes()*floatBytes - t.n*a.xA
	if a.window = p.window(t, u, nr); a.window > 0 {
		// Its steps are over whole rows and channels.
		a.xC = p.lanes() * floatBytes
	} else {
		a.xA -= u.n * a.xB
	}
	w := nr * floatBytes
	a.w = unsafe.Add(unsafe.Pointer(&p.wPack[0]), (t.first*p.kw+u.first)*w)
	a.wB, a.wA = u.step*w, t.step*p.kw*w
	a.wC = p.kh*p.kw*w - t.n*a.wA
	a.wA -= u.n * a.wB
}

// window is the loop for 3x3 kernels, whole or cut by an edge, or zero if there is none for a
// run.
func (p *part) window(t *taps, u *run, nr int) int {
	if p.kh != 3 || p.kw != 3 || t.n < 2 || u.n < 2 || t.step != 1 || u.step != 1 {
		return 0
	}
	if nr < unrolledRows || p.v1-p.v0 < unrolledVectors || p.k.vectors < unrolledVectors {
		return 0
	}
	return 2*(t.n-2) + u.n - 1
}

// setOutput sets where the chains of a run start and end.
func (p *part) setOutput(pass, nr, dst, acc, position int) {
	a := &p.args
	vector := lanesPerVector * floatBytes
	plane := p.dstH * p.dstW * p.n * floatBytes
	lanes := p.lanes() * floatBytes
	a.in = nil
	a.inV, a.outV = vector, vector
	if pass > 0 {
		a.in, a.inR, a.inP = ptr(p.acc, acc), lanes, nr*lanes
	} else if p.accumulate {
		a.in, a.inR, a.inP = ptr(p.dst, dst), plane, position
	}
	if pass < p.sumCut.parts-1 {
		a.out, a.outR, a.outP = ptr(p.acc, acc), lanes, nr*lanes
	} else {
		a.out, a.outR, a.outP = ptr(p.dst, dst), plane, position
	}
}

// fill sets positions that no tap reaches.
func (p *part) fill(r, nr, row int, u *run) {
	if p.accumulate {
		return
	}
	from, to := p.v0*lanesPerVector, min(p.v1*lanesPerVector, p.n)
	for i := r; i < r+nr; i++ {
		for j := range u.count {
			at := (((p.group*p.results+i)*p.dstH+row)*p.dstW + u.at + j*u.apart) * p.n
			out := p.dst[at+from : at+to]
			clear(out)
			if p.bias != nil {
				for n := range out {
					out[n] = p.bias[p.group*p.results+i]
				}
			}
		}
	}
}
