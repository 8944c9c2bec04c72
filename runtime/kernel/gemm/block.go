package gemm

// block is one chunk while it is computed.
type block struct {
	p             Plan
	t             *table
	s             Shape // of the chunk
	c, a, b       []float32
	ldc, lda, ldb int

	// One pass over k: the chains' starts, A as the tiles see it, and room for a panel of B.
	start start
	left  left
	panel []float32
	depth int

	// members of a population, 0 if there is none, are computed together; matrices are strides
	// apart and starts stepStart.
	members   int
	strides   Strides
	stepStart int
}

// start is where chains begin: element [i, j] at x[i*row+j*col], for the first i and j of a tile;
// within a tile rows are ld apart.
type start struct {
	x            []float32
	ld, row, col int
}

// left is the operand A of a pass: row i of a tile at x[i*row] for the first i of the tile; ld is
// as in tileFunc, 0 for the height of the tile.
type left struct {
	tiles   *tileGrid
	x       []float32
	ld, row int
}

// zeros is a row of the widest tile.
var zeros [maxWidth * 16]float32

const word = 4 // bytes of a float32

// run computes the chunk, pass by pass over k.
func (m *block) run(opt Options[float32], scratch []float32) {
	at := m.p.offsets()
	m.panel = scratch[at.b:at.bias]
	for k := 0; k < m.s.K; k += m.p.depth {
		m.depth = min(m.p.depth, m.s.K-k)
		switch {
		case k > 0 || opt.Accumulate:
			m.start = start{m.c, m.ldc, m.ldc, 1}
		case opt.ColBias != nil:
			m.start = start{opt.ColBias, 0, 0, 1}
		case opt.RowBias != nil:
			m.start = m.rowBias(opt.RowBias, scratch[at.bias:])
		default:
			m.start = start{x: zeros[:]}
		}
		m.left = m.leftOf(k, scratch[at.a:])
		if b := m.b[offset(m.s.TransB, k, m.ldb):]; m.p.blocked {
			m.blocked(b)
		} else {
			m.pass(b)
		}
	}
}

// rowBias spreads the bias over rows of the widest panel.
func (m *block) rowBias(bias, tile []float32) start {
	width := m.p.width * m.t.lanes
	for i, v := range bias[:m.s.M] {
		row := tile[i*width:][:width]
		for j := range row {
			row[j] = v
		}
	}
	return start{tile, width, width, 0}
}

// pass adds the products of depth elements of k, panel by panel of B.
func (m *block) pass(b []float32) {
	for j := 0; j < m.s.N; {
		width := min(m.p.width, ceil(m.s.N-j, m.t.lanes))
		for m.t.tiles.byRows[width][1] == nil {
			width--
		}
		cols := min(width*m.t.lanes, m.s.N-j)
		count := 1
		if !m.p.packB && m.s.M <= m.p.height && m.members == 0 {
			// One row of tiles: B is read along its rows.
			count = max(1, (m.s.N-j)/(width*m.t.lanes))
		}
		m.column(j, width, cols, count, b[offset(!m.s.TransB, j, m.ldb):])
		j += cols * count
	}
}

// column computes count panels of width vectors from column j on, b being the first column of B.
func (m *block) column(j, width, cols, count int, b []float32) {
	last := cols - (width-1)*m.t.lanes
	p, ldb, stepB := &b[0], m.ldb*word, m.strides.B*word
	switch {
	case m.p.packB:
		ldb = width * m.t.lanes * word
		stepB = m.pack(b, width, cols)
		p = &m.panel[0]
	case last < m.t.lanes:
		ldb = -ldb
	}
	f := &m.left.tiles[width]
	pace := 0
	// The next tile of A is one run of lines; wide tiles have no need to ask.
	if width <= 2 && (m.p.packA || m.lda == m.depth) {
		pace = line * word
	}
	for i := 0; i < m.s.M; {
		rows := min(m.p.height, m.s.M-i)
		tiles := 1
		c := &m.c[i*m.ldc+j]
		s, a := &m.start.x[i*m.start.row+j*m.start.col], &m.left.x[i*m.left.row]
		lda := m.left.ld
		if lda == 0 {
			lda = rows
		}
		switch {
		case m.members > 0: // the same tile of all members
			f[rows](c, s, a, p, m.ldc*word, m.start.ld*word, lda*word, ldb, m.depth, last, m.members,
				m.strides.C*word, m.stepStart*word, m.strides.A*word, stepB, m.strides.A*word, 0, line*word, stepB)
		case count > 1: // a row of tiles
			f[rows](c, s, a, p, m.ldc*word, m.start.ld*word, lda*word, ldb, m.depth, last, count,
				cols*word, cols*m.start.col*word, 0, cols*word, 0, 0, 0, cols*word)
		default: // a column of tiles
			tiles = (m.s.M - i) / rows
			f[rows](c, s, a, p, m.ldc*word, m.start.ld*word, lda*word, ldb, m.depth, last, tiles,
				rows*m.ldc*word, rows*m.start.row*word, rows*m.left.row*word, 0, rows*m.left.row*word, 0, pace, 0)
		}
		i += rows * tiles
	}
}
