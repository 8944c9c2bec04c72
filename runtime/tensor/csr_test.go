package tensor

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// dense writes the positions of stored elements, plus one, into a matrix.
func dense(m *CSR, value func(k int) int) []int {
	d := make([]int, m.Rows*m.Cols)
	for r := range m.Rows {
		for k := m.Pointer[r]; k < m.Pointer[r+1]; k++ {
			d[r*m.Cols+int(m.Column[k])] = 1 + value(int(k))
		}
	}
	return d
}

// drawEdges draws distinct elements of a matrix, in any order.
func drawEdges(t *rapid.T) (rows, cols int, edges []Edge) {
	rows, cols = rapid.IntRange(0, 7).Draw(t, "rows"), rapid.IntRange(0, 7).Draw(t, "columns")
	if rows*cols == 0 {
		return rows, cols, nil
	}
	at := rapid.SliceOfNDistinct(rapid.IntRange(0, rows*cols-1), 0, -1, rapid.ID[int]).Draw(t, "elements")
	for _, i := range at {
		edges = append(edges, Edge{int32(i / cols), int32(i % cols)})
	}
	return rows, cols, edges
}

// A matrix holds its edges, rows and columns ascending; its transpose holds the same, and twice transposed it is itself.
func TestCSR(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, cols, edges := drawEdges(t)
		m, order, err := NewCSR(rows, cols, edges)
		if err != nil {
			t.Fatal(err)
		}
		if m.NNZ() != len(edges) || len(m.Pointer) != rows+1 || int(m.Pointer[rows]) != len(edges) {
			t.Fatalf("%d elements, pointer %v", m.NNZ(), m.Pointer)
		}
		want := make([]int, rows*cols)
		for i, e := range edges {
			want[int(e.Row)*cols+int(e.Col)] = 1 + i
		}
		if got := dense(m, func(k int) int { return int(order[k]) }); !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
		for r := range rows {
			if !slices.IsSorted(m.Column[m.Pointer[r]:m.Pointer[r+1]]) {
				t.Fatalf("row %d: %v", r, m.Column)
			}
		}
		tr, from := m.Transposed()
		got := dense(tr, func(k int) int { return int(from[k]) })
		for i, v := range dense(m, func(k int) int { return k }) {
			if w := got[i%cols*rows+i/cols]; w != v {
				t.Fatalf("element %d of the transpose is %d, want %d", i, w, v)
			}
		}
		back, again := tr.Transposed()
		if !slices.Equal(back.Pointer, m.Pointer) || !slices.Equal(back.Column, m.Column) {
			t.Fatalf("twice transposed: %+v", back)
		}
		for k, j := range again {
			if from[j] != int32(k) {
				t.Fatalf("orders %v and %v", from, again)
			}
		}
	})
}

func TestCSRErrors(t *testing.T) {
	for want, e := range map[string][]Edge{
		"element 1 is at (2, 0)":        {{0, 0}, {2, 0}},
		"element 0 is at (0, 3)":        {{0, 3}},
		"element 0 is at (-1, 0)":       {{-1, 0}},
		"element 0 is at (0, -1)":       {{0, -1}},
		"element (1, 2) is there twice": {{1, 2}, {0, 0}, {1, 2}},
	} {
		if _, _, err := NewCSR(2, 3, e); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
