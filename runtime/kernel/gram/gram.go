// Package gram multiplies rows by rows in float64, C = A B', for Gram matrices, scatter matrices
// and the distances that are made of them. Rows come from a Source, which may widen float32,
// subtract a mean or read columns: no matrix is copied as a whole.
//
// Determinism. Every element of C is one chain of fused multiply-adds from 0, k = 0 to K-1. The
// bits depend neither on the instruction set nor on blocks or workers.
package gram

import (
	"context"
	"fmt"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/par"
)

//go:generate sh -c "cd ../_gen && go run ./gram -out ../gram/gram_amd64.s -stubs ../gram/gram_amd64.go -pkg gram"

const (
	// side is the extent of a block of C: a common multiple of the tiles' sides.
	side = 192
	// depth is how much of k is packed at once: two panels of side x depth lie in the second-level cache.
	depth = 256
)

// Source gives rows of a matrix: Fill writes elements k0, k0+1, ... of row i to all of dst. It is
// called from many goroutines.
type Source interface {
	Fill(dst []float64, i, k0 int)
}

// Kernels multiply at one level. They hold constants only.
type Kernels struct {
	level  isa.Level
	mr, nr int
}

// New returns the kernels of a level; Auto means the best. It fails for a level that this machine
// or build cannot run.
func New(l isa.Level) (*Kernels, error) {
	if l == isa.Auto {
		l = isa.Best()
	}
	if !isa.Supported(l) {
		return nil, fmt.Errorf("kernel level %s is not available on this machine or in this build: use %s", l, isa.Best())
	}
	k := &Kernels{level: l, mr: 4, nr: 12}
	if l == isa.AVX512 {
		k.mr, k.nr = 8, 24
	}
	return k, nil
}

// Level is the level these kernels were made for.
func (k *Kernels) Level() isa.Level { return k.level }

// tileRef is the twin of the assembly: the mr x nr tile c, rows ldc elements apart, gets
// c[i,j] = fma(a[k,i], b[k,j], c[i,j]) for every k in order.
func tileRef(c []float64, ldc int, a, b []float64, mr, nr int) {
	n := len(a) / mr
	for i := range mr {
		for j := range nr {
			s := c[i*ldc+j]
			for k := range n {
				s = fmadd(a[k*mr+i], b[k*nr+j], s)
			}
			c[i*ldc+j] = s
		}
	}
}

// Product is C = A B': c [m, n], A m rows and B n rows of length k.
func (k *Kernels) Product(ctx context.Context, workers int, c []float64, m, n, length int, a, b Source) error {
	need(len(c) >= m*n, "gram: Product: c is too short")
	return k.Blocks(ctx, workers, m, n, length, a, b, func(_ int, t Block) {
		for i := range t.Rows {
			copy(c[(t.Row+i)*n+t.Col:][:t.Cols], t.C[i*side:])
		}
	})
}

// Symmetric is C = A A': c [n, n], A n rows of length k. Only half of it is computed.
func (k *Kernels) Symmetric(ctx context.Context, workers int, c []float64, n, length int, a Source) error {
	need(len(c) >= n*n, "gram: Symmetric: c is too short")
	return k.SymmetricBlocks(ctx, workers, n, length, a, func(_ int, t Block) {
		for i := range t.Rows {
			for j := range t.Cols {
				r, s := t.Row+i, t.Col+j
				c[r*n+s], c[s*n+r] = t.C[i*side+j], t.C[i*side+j]
			}
		}
	})
}

// Block is a part of a product: C[i*Stride+j] belongs to row Row+i and column Col+j.
type Block struct {
	Row, Col, Rows, Cols int
	C                    []float64
}

// Stride is the distance between rows of a Block.
const Stride = side

// Blocks computes A B' block by block without storing it. visit is called once for each block,
// from many goroutines; calls with the same worker never overlap. The block is reused afterwards.
func (k *Kernels) Blocks(ctx context.Context, workers, m, n, length int, a, b Source, visit func(worker int, t Block)) error {
	across := (n + side - 1) / side
	tasks := make([][2]int, 0, (m+side-1)/side*across)
	for i := 0; i < m; i += side {
		for j := 0; j < n; j += side {
			tasks = append(tasks, [2]int{i, j})
		}
	}
	return k.run(ctx, workers, m, n, length, a, b, tasks, visit)
}

// SymmetricBlocks is Blocks of A A' for blocks with Row <= Col only: those on the diagonal are
// whole, the others stand for their mirror images, too.
func (k *Kernels) SymmetricBlocks(ctx context.Context, workers, n, length int, a Source, visit func(worker int, t Block)) error {
	var tasks [][2]int
	for i := 0; i < n; i += side {
		for j := i; j < n; j += side {
			tasks = append(tasks, [2]int{i, j})
		}
	}
	return k.run(ctx, workers, n, n, length, a, a, tasks, visit)
}

func (k *Kernels) run(ctx context.Context, workers, m, n, length int, a, b Source, tasks [][2]int, visit func(worker int, t Block)) error {
	workers = par.Workers(workers)
	scratch := make([]*block, workers)
	return par.For(ctx, workers, len(tasks), func(w, task int) {
		if scratch[w] == nil {
			scratch[w] = newBlock()
		}
		i, j := tasks[task][0], tasks[task][1]
		t := Block{Row: i, Col: j, Rows: min(side, m-i), Cols: min(side, n-j), C: scratch[w].c}
		k.block(scratch[w], t, length, a, b)
		visit(w, t)
	})
}

// block is what a worker needs.
type block struct{ c, a, b, row []float64 }

func newBlock() *block {
	return &block{make([]float64, side*side), make([]float64, side*depth), make([]float64, side*depth), make([]float64, depth)}
}

// block computes t.C. Tiles at the edges multiply rows of zeros.
func (k *Kernels) block(s *block, t Block, length int, a, b Source) {
	clear(s.c)
	for k0 := 0; k0 < length; k0 += depth {
		d := min(depth, length-k0)
		pack(s.a, s.row[:d], a, t.Row, t.Rows, k0, k.mr)
		pack(s.b, s.row[:d], b, t.Col, t.Cols, k0, k.nr)
		for j := 0; j < t.Cols; j += k.nr {
			for i := 0; i < t.Rows; i += k.mr {
				k.tile(s.c[i*side+j:], s.a[i*d:(i+k.mr)*d], s.b[j*d:(j+k.nr)*d], d)
			}
		}
	}
}

// pack copies rows to panels [k][width], one after another; missing rows are zeros.
func pack(dst, row []float64, src Source, first, rows, k0, width int) {
	d := len(row)
	for i := 0; i < rows; i += width {
		panel := dst[i*d : (i+width)*d]
		for r := range width {
			if i+r >= rows {
				clear(row)
			} else {
				src.Fill(row, first+i+r, k0)
			}
			for q, v := range row {
				panel[q*width+r] = v
			}
		}
	}
}

// need panics with a message that is a constant: a wrong length is a programmer's error.
func need(ok bool, message string) {
	if !ok {
		panic(message)
	}
}
