package gemm

// Plan is how a product of one shape is computed: its chunks are independent, and cut by the
// shape alone. Make it with Kernels.Plan. A plan is a value without buffers: any number of
// goroutines may run chunks of it, each with its own scratch.
type Plan struct {
	k *Kernels
	s Shape
	// rows and cols of C make a chunk; there are across chunks side by side.
	rows, cols, chunks, across int
	tiling
}

// tiling is how a chunk is computed.
type tiling struct {
	// width and height bound tiles, in vectors and rows.
	width, height int
	// depth is how much of k one pass takes.
	depth int
	// packA and packB say what is copied.
	packA, packB bool
	// blocked says that B is packed as a whole for each pass; see blocked.go.
	blocked bool
}

// Limits of chunks and passes.
const (
	// A chunk is at most chunkRows x chunkCols: its part of A stays in the second-level cache
	// for one pass over k.
	chunkRows, chunkCols = 504, 512
	// A product is cut further if that keeps chunkWork multiply-adds per chunk, some ten
	// microseconds, to get fewChunks.
	chunkWork, fewChunks = 1 << 20, 2
	// skinnyDepth is for products with so few rows that B is read once, along its rows.
	skinnyDepth = 32
	// smallSize is a matrix, in elements, that stays in the first-level cache as it is; bigB is a B
	// that should be read once.
	smallSize, bigB = 8 << 10, 64 << 10
	// Rows of A longer than scattered, that are used once, may all fall into one set of the
	// first-level cache: a tile of eight rows leaves it enough ways.
	scattered = 256
	// Rows of A longer than distant, that are used often, compete for sets of the second-level
	// cache: they are copied.
	distant = 1024
	// Chunks are not cut below leastRows x leastCols: each packs for itself.
	leastRows, leastCols = 32, 128
)

// Plan decides how to compute a shape. It allocates nothing.
func (k *Kernels) Plan(s Shape) Plan {
	p := Plan{k: k, s: s}
	lanes := 16
	if k.t != nil {
		lanes = k.t.lanes
	}
	p.tiling = tilingOf(k.t, s)
	p.cut(p.height, p.width*lanes)
	return p
}

// tilingOf chooses tiles and copies.
func tilingOf(t *table, s Shape) tiling {
	if t == nil || s.M == 0 || s.N == 0 {
		return tiling{width: 2, height: 14, depth: 192}
	}
	if min(s.M, s.N, s.K) >= blockedSide && s.M*s.N*s.K >= t.large {
		return t.blocked(s)
	}
	l := tiling{depth: t.depth}
	// The widest of the tiles that cost the least.
	for w, least := 1, 0; w <= maxWidth; w++ {
		h := t.tiles.height(w)
		if h == 0 || w > 1 && (w-1)*t.lanes >= s.N || w > 1 && s.K*s.N > bigB && s.M <= l.height && s.M > h {
			continue
		}
		if s.N <= t.lanes && s.M > h && s.K > scattered && !s.TransA {
			h = min(h, 8)
		}
		h = ceil(s.M, ceil(s.M, h))
		if c := t.cost(s, w, h); l.width == 0 || c <= least {
			l.width, l.height, least = w, h, c
		}
	}
	panel := l.width * t.lanes
	once, small := s.M <= l.height, s.K*s.N <= smallSize
	l.packB = s.TransB || !once && !small && s.N > panel
	if s.TransA {
		l.packA = !once && s.M*s.K > smallSize
	} else {
		l.packA = !once && s.K > distant && s.N > 4*panel
	}
	if once && !l.packB && !small {
		l.depth = skinnyDepth
	}
	if s.K > 0 {
		l.depth = ceil(s.K, ceil(s.K, l.depth))
	}
	return l
}

// cost estimates the time per k of a product cut into tiles of a width and height, in 1/128
// cycles: the multiply-adds, two per cycle; the loads, somewhat less than two per cycle; the
// latency of one multiply-add, four cycles. Among equals fewer loads are better.
func (t *table) cost(s Shape, width, height int) (c int) {
	tile := func(h, w int) int { return max(64*h*w, 73*(h+w), 64*8) + h + w }
	for n := ceil(s.N, t.lanes); n > 0; {
		for width > n || t.tiles.height(width) == 0 {
			width--
		}
		c += n / width * (s.M/height*tile(height, width) + min(1, s.M%height)*tile(s.M%height, width))
		n %= width
	}
	return c
}

// height is the number of rows of the tallest tile of a width.
func (t *tileTable) height(width int) int {
	h := 0
	for h < maxHeight && t.byRows[width][h+1] != nil {
		h++
	}
	return h
}

// cut chooses chunks of multiples of the tile, height x width elements. Blocked products are cut
// across first, because that packs nothing twice, unless A is packed, too.
func (p *Plan) cut(height, width int) {
	if p.s.M <= 0 || p.s.N <= 0 {
		return
	}
	down, across := ceil(p.s.M, chunkRows), ceil(p.s.N, chunkCols)
	if p.blocked {
		down, across = ceil(p.s.M, blockRows), ceil(p.s.N, blockCols)
	}
	work := p.s.M * p.s.N * max(p.s.K, 1)
	for down*across < fewChunks && work/(2*down*across) >= chunkWork {
		rows, cols := ceil(p.s.M, down), ceil(p.s.N, across)
		switch {
		case rows >= 2*leastRows && (rows >= cols && (!p.blocked || p.s.TransA) || cols < 2*leastCols):
			down *= 2
		case cols >= 2*leastCols:
			across *= 2
		default:
			work = 0
		}
	}
	p.rows = min(p.s.M, height*ceil(ceil(p.s.M, down), height))
	p.cols = min(p.s.N, width*ceil(ceil(p.s.N, across), width))
	p.across = ceil(p.s.N, p.cols)
	p.chunks = ceil(p.s.M, p.rows) * p.across
}

func ceil(n, d int) int { return (n + d - 1) / d }

// Shape is the shape that the plan was made for.
func (p *Plan) Shape() Shape { return p.s }

// Chunks is the number of independent parts of the product; 0 if C is empty.
func (p *Plan) Chunks() int { return p.chunks }

// Scratch is the number of elements of scratch that a worker needs. Scratch is fastest if it
// begins with a cache line.
func (p *Plan) Scratch() int {
	if p.k.t == nil || p.chunks == 0 {
		return 0
	}
	return p.offsets().size
}

// offsets are the places in the scratch of packed A, a packed panel of B, and tiles of the row
// bias.
type offsets struct{ a, b, bias, size int }

func (p *Plan) offsets() offsets {
	var o offsets
	panel := p.width * p.k.t.lanes
	o.b = o.a
	if p.packA {
		o.b += roundUp(p.rows*p.packedRow(p.depth)+line, line)
	}
	o.bias = o.b
	switch {
	case p.blocked:
		o.bias += roundUp(p.cols, panel) * p.depth
	case p.packB:
		o.bias += panel * p.depth
	}
	o.size = o.bias + p.rows*panel
	return o
}

// line is a cache line in floats.
const line = 16

func roundUp(n, unit int) int { return ceil(n, unit) * unit }

// Run computes chunk 0 <= chunk < Chunks() of C = op(A) op(B) plus what opt adds. C must not
// overlap A or B. Slices that are too short panic. Scratch holds anything afterwards.
func (p *Plan) Run(chunk int, c []float32, ldc int, a []float32, lda int, b []float32, ldb int, opt Options[float32], scratch []float32) {
	validate(p.s, c, ldc, a, lda, b, ldb, opt)
	if chunk < 0 || chunk >= p.chunks {
		panic("gemm: no such chunk")
	}
	if len(scratch) < p.Scratch() {
		panic("gemm: scratch is too short")
	}
	p.run(chunk, c, ldc, a, lda, b, ldb, opt, scratch)
}

// run is Run of arguments that were checked.
func (p *Plan) run(chunk int, c []float32, ldc int, a []float32, lda int, b []float32, ldb int, opt Options[float32], scratch []float32) {
	i, j := chunk/p.across*p.rows, chunk%p.across*p.cols
	s := p.s
	s.M, s.N = min(p.rows, s.M-i), min(p.cols, s.N-j)
	c = c[i*ldc+j:]
	if opt.RowBias != nil {
		opt.RowBias = opt.RowBias[i:]
	}
	if opt.ColBias != nil {
		opt.ColBias = opt.ColBias[j:]
	}
	if s.K > 0 {
		a, b = a[offset(s.TransA, i, lda):], b[offset(!s.TransB, j, ldb):]
	}
	if p.k.t == nil || s.K == 0 {
		refBlock(s, c, ldc, a, lda, b, ldb, opt)
		return
	}
	m := block{p: *p, t: p.k.t, s: s, c: c, ldc: ldc, a: a, lda: lda, b: b, ldb: ldb}
	m.run(opt, scratch)
}

// offset is where row i of a matrix begins, or column i if its columns are contiguous.
func offset(contiguous bool, i, ld int) int {
	if contiguous {
		return i
	}
	return i * ld
}
