package gemm

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/check"
	"github.com/weightspace/weightspace/runtime/kernel/fma"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// levels are the kernels that this machine can run.
func levels(t testing.TB) (all []*Kernels) {
	t.Helper()
	for _, l := range []isa.Level{isa.Ref, isa.AVX2, isa.AVX512} {
		if !isa.Supported(l) {
			continue
		}
		k, err := New(l)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, k)
	}
	return all
}

// fill draws from [-1, 1).
func fill(r *rand.Rand, x []float32) []float32 {
	for i := range x {
		x[i] = 2*r.Float32() - 1
	}
	return x
}

// problem is a product with its operands between guard words.
type problem struct {
	Shape
	a, b, c       []float32
	lda, ldb, ldc int
	opt           Options[float32]
	guards        check.Guards
}

// starts names what chains may start from.
var starts = []string{"zero", "accumulate", "row bias", "column bias"}

// newProblem draws operands whose rows are pad elements longer than needed.
func newProblem(r *rand.Rand, s Shape, pad int, start string) *problem {
	p := &problem{Shape: s, lda: s.K + pad, ldb: s.N + pad, ldc: s.N + pad}
	rowsA, rowsB := s.M, s.K
	if s.TransA {
		p.lda, rowsA = s.M+pad, s.K
	}
	if s.TransB {
		p.ldb, rowsB = s.K+pad, s.N
	}
	matrix := func(rows, cols, ld int) []float32 {
		return fill(r, p.guards.New(extent(rows, cols, ld), r.IntN(16)))
	}
	p.a, p.b, p.c = matrix(rowsA, p.lda-pad, p.lda), matrix(rowsB, p.ldb-pad, p.ldb), matrix(s.M, s.N, p.ldc)
	switch start {
	case "accumulate":
		p.opt.Accumulate = true
	case "row bias":
		p.opt.RowBias = fill(r, p.guards.New(s.M, r.IntN(16)))
	case "column bias":
		p.opt.ColBias = fill(r, p.guards.New(s.N, r.IntN(16)))
	}
	return p
}

func (p *problem) String() string {
	return fmt.Sprintf("%+v lda %d ldb %d ldc %d", p.Shape, p.lda, p.ldb, p.ldc)
}

// naive is the definition, element by element, on a copy of C.
func (p *problem) naive() []float32 {
	c := append([]float32(nil), p.c...)
	for i := range p.M {
		for j := range p.N {
			var sum float32
			switch {
			case p.opt.Accumulate:
				sum = c[i*p.ldc+j]
			case p.opt.RowBias != nil:
				sum = p.opt.RowBias[i]
			case p.opt.ColBias != nil:
				sum = p.opt.ColBias[j]
			}
			for k := range p.K {
				sum = fma.F32(p.a[offset(p.TransA, i, p.lda)+offset(!p.TransA, k, p.lda)],
					p.b[offset(!p.TransB, j, p.ldb)+offset(p.TransB, k, p.ldb)], sum)
			}
			c[i*p.ldc+j] = sum
		}
	}
	return c
}

// expect compares the bits of C, the padding included, and the guard words.
func (p *problem) expect(t *testing.T, what string, want []float32) {
	t.Helper()
	if i := check.FirstDifference(p.c, want); i >= 0 {
		t.Errorf("%s: %s: element [%d, %d] is %v, want %v", what, p, i/p.ldc, i%p.ldc, p.c[i], want[i])
	}
	if err := p.guards.Check(); err != nil {
		t.Errorf("%s: %s: %v", what, p, err)
	}
}
