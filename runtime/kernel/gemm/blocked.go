package gemm

// Products that are large in all directions are blocked: a pass packs all of the chunk's B, which
// then stays in the second-level cache, and goes down the rows of C. A row of tiles runs along
// packed B, while the rows of the next tile of A are asked for. So C is used in the order in which
// it lies in memory, and A is read once, in place if its rows are contiguous.

const (
	// Products are blocked from this size on.
	blockedRows, blockedCols, blockedDepth = 64, 128, 64
	// blockDepth x blockCols of B are packed, for at most blockRows of C: half of a second-level
	// cache of 2 MiB. A deep block saves loads and stores of C.
	blockDepth, blockCols, blockRows = 512, 512, 1024
	// slabTiles is the number of tiles whose columns of A are packed at a time.
	slabTiles = 16
)

// blocked is the tiling of a blocked product.
func (t *table) blocked(s Shape) tiling {
	return tiling{
		width: t.wide, height: t.high, depth: ceil(s.K, ceil(s.K, blockDepth)),
		packA: s.TransA, packB: true, blocked: true,
	}
}

// blocked adds the products of a pass from k on.
func (m *block) blocked(k int, packed []float32) {
	m.packBlock(m.b[offset(m.s.TransB, k, m.ldb):])
	slab := m.p.height
	if m.s.TransA {
		slab *= slabTiles
	}
	for i := 0; i < m.s.M; i += slab {
		n := min(slab, m.s.M-i)
		if !m.s.TransA {
			m.rowOfTiles(i, n, &m.a[i*m.lda+k], m.lda)
			continue
		}
		row := m.p.packedRow(m.depth)
		m.packColumns(packed, m.a[k*m.lda+i:], n, row)
		for j := 0; j < n; j += m.p.height {
			rows := min(m.p.height, n-j)
			m.rowOfTiles(i+j, rows, &packed[j*row], rows)
		}
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

// rowOfTiles computes rows of C from i on. A is the operand of the tiles, lda as in tileFunc.
func (m *block) rowOfTiles(i, rows int, a *float32, lda int) {
	tiles := &m.t.tiles.byRows
	// With every tile one row of the A below, or the same packed columns.
	next, stepNext, pace := rows*lda*word, lda*word, word
	if m.s.TransA {
		tiles = &m.t.tiles.byCols
		next, stepNext, pace = rows*m.p.packedRow(m.depth)*word, 0, rows*word
	}
	panel := m.p.width * m.t.lanes
	for j := 0; j < m.s.N; {
		width := min(m.p.width, ceil(m.s.N-j, m.t.lanes))
		for tiles[width][rows] == nil {
			width--
		}
		cols := min(width*m.t.lanes, m.s.N-j)
		count := max(1, (m.s.N-j)/panel)
		b := &m.panel[j/panel*panel*m.depth+j%panel]
		tiles[width][rows](&m.c[i*m.ldc+j], &m.start.x[i*m.start.row+j*m.start.col], a, b,
			m.ldc*word, m.start.ld*word, lda*word, panel*word, m.depth, cols-(width-1)*m.t.lanes, count,
			cols*word, cols*m.start.col*word, 0, panel*m.depth*word, next, stepNext, pace, panel*word)
		j += cols * count
	}
}
