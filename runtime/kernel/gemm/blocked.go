package gemm

// Products that are large in all directions are blocked: a pass packs all of the chunk's B, which
// then stays in the second-level cache, and goes down the rows of C. A row of tiles runs along
// packed B, while the rows of the next tile of A are asked for. So C is used in the order in which
// it lies in memory, and A is read once, in place if its rows are contiguous.

const (
	// Products are blocked if no side is less than blockedSide and they take blockedWork
	// multiply-adds: smaller ones pay more for packing than they gain.
	blockedSide, blockedWork = 128, 1 << 28
	// blockDepth x blockCols of B are packed, for at most blockRows of C: half of a second-level
	// cache of 2 MiB. A deep block saves loads and stores of C.
	blockDepth, blockCols, blockRows = 512, 512, 1024
)

// blocked is the tiling of a blocked product.
func (t *table) blocked(s Shape) tiling {
	return tiling{
		width: t.wide, height: t.high, depth: ceil(s.K, ceil(s.K, blockDepth)),
		packA: s.TransA, packB: true, blocked: true,
	}
}

// blocked adds the products of a pass.
func (m *block) blocked(b []float32) {
	m.packBlock(b)
	for i := 0; i < m.s.M; i += m.p.height {
		m.rowOfTiles(i, min(m.p.height, m.s.M-i))
	}
}

// packBlock copies depth rows of B to panels of the width of a tile; columns that do not exist
// are anything.
func (m *block) packBlock(b []float32) {
	panel := m.p.width * m.t.lanes
	at := func(j int) []float32 { return m.panel[j/panel*panel*m.depth+j%panel:] }
	if m.s.TransB {
		for j := 0; j < m.s.N; j += m.t.lanes {
			m.t.transpose(&at(j)[0], &b[j*m.ldb], panel*word, m.ldb*word, m.depth, min(m.t.lanes, m.s.N-j))
		}
		return
	}
	// A few rows at a time, because rows are pages apart.
	for k := 0; k < m.depth; k += packRows {
		depth := min(packRows, m.depth-k)
		for j := 0; j < m.s.N; j += m.t.lanes {
			m.t.copyRows(&at(j)[k*panel], &b[k*m.ldb+j], panel*word, m.ldb*word, depth, min(m.t.lanes, m.s.N-j))
		}
	}
}

// rowOfTiles computes rows of C from i on.
func (m *block) rowOfTiles(i, rows int) {
	// While the first tile is computed, the first row of the A below is asked for, and so on.
	lda, stepNext, pace := m.left.ld, m.left.ld*word, word
	if lda == 0 { // Packed columns: all of them, again and again.
		lda, pace = rows, rows*word
	}
	next := rows * m.left.row * word
	panel := m.p.width * m.t.lanes
	for j := 0; j < m.s.N; {
		width := min(m.p.width, ceil(m.s.N-j, m.t.lanes))
		for m.left.tiles[width][rows] == nil {
			width--
		}
		cols := min(width*m.t.lanes, m.s.N-j)
		count := max(1, (m.s.N-j)/panel)
		b := &m.panel[j/panel*panel*m.depth+j%panel]
		m.left.tiles[width][rows](&m.c[i*m.ldc+j], &m.start.x[i*m.start.row+j*m.start.col], &m.left.x[i*m.left.row], b,
			m.ldc*word, m.start.ld*word, lda*word, panel*word, m.depth, cols-(width-1)*m.t.lanes, count,
			cols*word, cols*m.start.col*word, 0, panel*m.depth*word, next, stepNext, pace, panel*word)
		j += cols * count
	}
}
