package tensor

import (
	"fmt"
	"slices"
)

// CSR is the structure of a sparse matrix in compressed sparse rows: the columns of row i are
// Column[Pointer[i]:Pointer[i+1]], ascending. It is immutable; values lie elsewhere.
type CSR struct {
	Rows, Cols      int
	Pointer, Column []int32
}

// Edge is a stored element of a sparse matrix.
type Edge struct{ Row, Col int32 }

// NewCSR sorts edges into rows. order[k] is the position in edges of stored element k, so that
// values can follow. It fails for indices outside the matrix and for duplicates.
func NewCSR(rows, cols int, edges []Edge) (m *CSR, order []int32, err error) {
	order = make([]int32, len(edges))
	m = &CSR{Rows: rows, Cols: cols, Pointer: make([]int32, rows+1), Column: make([]int32, len(edges))}
	for i, e := range edges {
		order[i] = int32(i)
		if e.Row < 0 || int(e.Row) >= rows || e.Col < 0 || int(e.Col) >= cols {
			return nil, nil, fmt.Errorf("sparse matrix %dx%d: element %d is at (%d, %d)", rows, cols, i, e.Row, e.Col)
		}
		m.Pointer[e.Row+1]++
	}
	slices.SortFunc(order, func(a, b int32) int {
		x, y := edges[a], edges[b]
		if x.Row != y.Row {
			return int(x.Row) - int(y.Row)
		}
		return int(x.Col) - int(y.Col)
	})
	for k, i := range order {
		m.Column[k] = edges[i].Col
		if k > 0 && edges[order[k-1]] == edges[i] {
			return nil, nil, fmt.Errorf("sparse matrix: element (%d, %d) is there twice", edges[i].Row, edges[i].Col)
		}
	}
	for i := range rows {
		m.Pointer[i+1] += m.Pointer[i]
	}
	return m, order, nil
}

// NNZ is the number of stored elements.
func (m *CSR) NNZ() int { return len(m.Column) }

// Transposed is the transpose; order[k] is the position in m of its stored element k.
func (m *CSR) Transposed() (t *CSR, order []int32) {
	t = &CSR{Rows: m.Cols, Cols: m.Rows, Pointer: make([]int32, m.Cols+1), Column: make([]int32, m.NNZ())}
	order = make([]int32, m.NNZ())
	for _, c := range m.Column {
		t.Pointer[c+1]++
	}
	for i := range m.Cols {
		t.Pointer[i+1] += t.Pointer[i]
	}
	next := slices.Clone(t.Pointer)
	for r := range m.Rows {
		for k := m.Pointer[r]; k < m.Pointer[r+1]; k++ {
			c := m.Column[k]
			t.Column[next[c]], order[next[c]] = int32(r), k
			next[c]++
		}
	}
	return t, order
}
