package gemm

// rowsOf is A from k on, packed if the plan says so: rows of depth elements, or panels of
// columns of one tile each.
func (m *block) rowsOf(k int, packed []float32) left {
	if !m.s.TransA {
		if !m.p.packA {
			return left{tiles: &m.t.tiles.byRows, p: &m.a[k], ld: m.lda * word, row: m.lda * word}
		}
		for i := range m.s.M {
			copy(packed[i*m.depth:][:m.depth], m.a[i*m.lda+k:])
		}
		return left{tiles: &m.t.tiles.byRows, p: &packed[0], ld: m.depth * word, row: m.depth * word}
	}
	a := m.a[k*m.lda:]
	if !m.p.packA {
		return left{tiles: &m.t.tiles.byCols, p: &a[0], ld: m.lda * word, row: word}
	}
	for i := 0; i < m.s.M; i += m.p.height {
		// Whole vectors are written, the surplus of the last row beyond the panel.
		rows := min(m.p.height, m.s.M-i)
		m.t.copyRows(&packed[i*m.depth], &a[i], rows*word, m.lda*word, m.depth, rows)
	}
	return left{tiles: &m.t.tiles.byCols, p: &packed[0], row: m.depth * word}
}

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
