package cholesky

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// A x = b for random sparse matrices: the residual is small, and an indefinite matrix is refused.
func TestSolve(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		m := rapid.IntRange(0, 3*n).Draw(t, "elements")
		var el []Element
		var off []float64
		diag := make([]float64, n)
		for range m {
			i, j := rapid.IntRange(0, n-1).Draw(t, "row"), rapid.IntRange(0, n-1).Draw(t, "column")
			if i == j {
				continue
			}
			v := rapid.Float64Range(-1, 1).Draw(t, "value")
			el, off = append(el, Element{int32(i), int32(j)}), append(off, v)
			diag[i] += math.Abs(v)
			diag[j] += math.Abs(v)
		}
		b := make([]float64, n)
		for i := range b {
			diag[i] += 0.1 // diagonally dominant
			b[i] = rapid.Float64Range(-1, 1).Draw(t, "b")
		}
		p := Analyse(n, el)
		f := p.NewFactor()
		for range 2 { // a factor is used again
			if err := f.Set(diag, off); err != nil {
				t.Fatal(err)
			}
			x := make([]float64, n)
			f.Solve(x, b)
			for i := range x {
				r := diag[i]*x[i] - b[i]
				for e, at := range el {
					if int(at.Row) == i {
						r += off[e] * x[at.Col]
					} else if int(at.Col) == i {
						r += off[e] * x[at.Row]
					}
				}
				// |x| <= 10 |b| by dominance; rows have at most 3n terms.
				if math.Abs(r) > 1e-12*float64(3*n+2) {
					t.Fatalf("residual %v in row %d", r, i)
				}
			}
			diag[0] += 1
		}
		diag[n/2] = -1
		if err := f.Set(diag, off); !errors.Is(err, ErrNotPositive) {
			t.Fatalf("an indefinite matrix: %v", err)
		}
		diag[n/2] = math.NaN()
		if err := f.Set(diag, off); !errors.Is(err, ErrNotPositive) {
			t.Fatalf("NaN: %v", err)
		}
	})
}

// A tree needs no fill, a ring one entry for each of n-3 rows.
func TestFill(t *testing.T) {
	var tree, ring []Element
	const n = 50
	for i := 1; i < n; i++ {
		tree = append(tree, Element{int32(i / 2), int32(i)})
		ring = append(ring, Element{int32(i - 1), int32(i)})
	}
	ring = append(ring, Element{0, n - 1})
	if a, b := Analyse(n, tree).NNZ(), Analyse(n, ring).NNZ(); a != n-1 || b != 2*n-3 {
		t.Errorf("tree %d, ring %d", a, b)
	}
}
