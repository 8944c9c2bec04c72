package gemm

// leftOf is A from k on, packed if the plan says so: rows of depth elements, or panels of columns
// of one tile each.
func (m *block) leftOf(k int, packed []float32) left {
	if !m.s.TransA && m.p.packA {
		for i := range m.s.M {
			copy(packed[i*m.depth:][:m.depth], m.a[i*m.lda+k:])
		}
		return left{tiles: &m.t.tiles.byRows, x: packed, ld: m.depth, row: m.depth}
	}
	if !m.s.TransA {
		return left{tiles: &m.t.tiles.byRows, x: m.a[k:], ld: m.lda, row: m.lda}
	}
	a := m.a[k*m.lda:]
	if !m.p.packA {
		return left{tiles: &m.t.tiles.byCols, x: a, ld: m.lda, row: 1}
	}
	// A few rows at a time, because tiles share their cache lines.
	row := m.p.packedRow(m.depth)
	for k := 0; k < m.depth; k += packRows {
		n := min(packRows, m.depth-k)
		for i := 0; i < m.s.M; i += m.p.height {
			rows := min(m.p.height, m.s.M-i)
			m.t.copyRows(&packed[i*row+k*rows], &a[k*m.lda+i], rows*word, m.lda*word, n, rows)
		}
	}
	return left{tiles: &m.t.tiles.byCols, x: packed, row: row}
}

// packRows is the number of rows that are copied at a time. They may all fall into one set of
// the first-level cache.
const packRows = 8

// packedRow is what a panel of packed columns of A takes, per row of the tile: depth elements,
// and room for the surplus of whole vectors behind the panel.
func (l *tiling) packedRow(depth int) int { return depth + ceil(line, l.height) }

// pack copies a panel of B: depth rows of width vectors, the columns that do not exist being
// anything. The panels of members are as many bytes apart as it returns.
func (m *block) pack(b []float32, width, cols int) (step int) {
	row := width * m.t.lanes
	for i := range max(1, m.members) {
		to, from := m.panel[i*row*m.depth:], b[i*m.strides.B:]
		for j := 0; j < cols; j += m.t.lanes {
			n := min(m.t.lanes, cols-j)
			if m.s.TransB {
				m.t.transpose(&to[j], &from[j*m.ldb], row*word, m.ldb*word, m.depth, n)
			} else {
				m.t.copyRows(&to[j], &from[j], row*word, m.ldb*word, m.depth, n)
			}
		}
	}
	return row * m.depth * word
}
