package gemm

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

//go:generate sh -c "cd ../_gen && go run ./gemm -table ../gemm/tiles_amd64.go -out ../gemm/kernels_amd64.s -stubs ../gemm/kernels_amd64.go -pkg gemm"

// Float is an element type.
type Float interface{ float32 | float64 }

// Shape is a product [M, K] times [K, N].
type Shape struct {
	// TransA says that A is stored as [K, M], TransB that B is stored as [N, K].
	TransA, TransB bool
	M, N, K        int
}

// Options say what the chains of C start from: 0, the old C or a bias. At most one of the three
// may be set.
type Options[T Float] struct {
	// Accumulate adds to C.
	Accumulate bool
	// RowBias is added to C by row: M elements.
	RowBias []T
	// ColBias is added to C by column: N elements.
	ColBias []T
}

// Kernels multiply at one level. They hold constants only: any number of goroutines may share
// them.
type Kernels struct {
	level isa.Level
	// t is nil for Ref.
	t *table
}

// table is the assembly of one level.
type table struct {
	// lanes is the width of a vector in floats.
	lanes int
	// depth keeps a panel of B close: k of one pass.
	depth int
	tiles *tileTable
	// wide and high are the tile of blocked products, in vectors and rows.
	wide, high int
	// large is the number of multiply-adds from which products are blocked.
	large int
	// copyRows and transpose pack one vector of columns; see pack.go.
	copyRows  func(dst, src *float32, lddst, ldsrc, k, last int)
	transpose func(dst, src *float32, lddst, ldsrc, k, n int)
}

// maxWidth and maxHeight bound tiles, in vectors and in rows.
const (
	maxWidth  = 8
	maxHeight = 16
)

// tileTable holds tiles by order of A: byRows if its rows are contiguous, byCols if its columns
// are.
type tileTable struct{ byRows, byCols tileGrid }

// tileGrid holds tiles by width in vectors and rows.
type tileGrid [maxWidth + 1][maxHeight + 1]tileFunc

// tileFunc computes count tiles one after another, each of some rows and vectors of columns of
// C, all of them whole but the last, which has last columns. The chains start from a tile at
// start. Strides are in bytes. B is loaded in whole vectors, unless its stride is negated: then
// no column that does not exist is touched.
//
// The rest is about the future: tile t asks the cache for A from next + t*stepNext bytes after its
// own A on, pace bytes further with each k, and for the row of B that is ahead bytes away.
type tileFunc func(c, start, a, b *float32, ldc, ldstart, lda, ldb, k, last, count, stepC, stepStart, stepA, stepB, next, stepNext, pace, ahead int)

// New returns the kernels of a level; Auto means the best. It fails for a level that this
// machine or build cannot run.
func New(l isa.Level) (*Kernels, error) {
	if l == isa.Auto {
		l = isa.Best()
	}
	if !isa.Supported(l) {
		return nil, fmt.Errorf("kernel level %s is not available on this machine or in this build: use %s", l, isa.Best())
	}
	return &Kernels{level: l, t: levelTable(l)}, nil
}

// Level is the level these kernels were made for.
func (k *Kernels) Level() isa.Level { return k.level }

// Gemm is C = op(A) op(B) plus what opt adds, all of it on the calling goroutine. It is the plan
// of the shape, run chunk by chunk: scratch needs Plan(s).Scratch() elements and holds anything
// afterwards. C must not overlap A or B. Slices that are too short panic.
func (k *Kernels) Gemm(s Shape, c []float32, ldc int, a []float32, lda int, b []float32, ldb int, opt Options[float32], scratch []float32) {
	p := k.Plan(s)
	for i := range p.Chunks() {
		p.Run(i, c, ldc, a, lda, b, ldb, opt, scratch)
	}
}

// validate panics unless the matrices are as large as the shape says.
func validate[T Float](s Shape, c []T, ldc int, a []T, lda int, b []T, ldb int, opt Options[T]) {
	if s.M < 0 || s.N < 0 || s.K < 0 {
		panic("gemm: negative dimension")
	}
	rowsA, colsA, rowsB, colsB := s.M, s.K, s.K, s.N
	if s.TransA {
		rowsA, colsA = colsA, rowsA
	}
	if s.TransB {
		rowsB, colsB = colsB, rowsB
	}
	if lda < colsA || ldb < colsB || ldc < s.N {
		panic("gemm: leading dimension shorter than a row")
	}
	if len(a) < extent(rowsA, colsA, lda) {
		panic("gemm: A is too short")
	}
	if len(b) < extent(rowsB, colsB, ldb) {
		panic("gemm: B is too short")
	}
	if len(c) < extent(s.M, s.N, ldc) {
		panic("gemm: C is too short")
	}
	starts := 0
	if opt.Accumulate {
		starts++
	}
	if opt.RowBias != nil {
		if starts++; len(opt.RowBias) < s.M {
			panic("gemm: row bias is too short")
		}
	}
	if opt.ColBias != nil {
		if starts++; len(opt.ColBias) < s.N {
			panic("gemm: column bias is too short")
		}
	}
	if starts > 1 {
		panic("gemm: chains start from one thing only: C, a row bias or a column bias")
	}
}

// extent is the number of elements from the first to the last of a matrix.
func extent(rows, cols, ld int) int {
	if rows == 0 || cols == 0 {
		return 0
	}
	return (rows-1)*ld + cols
}
