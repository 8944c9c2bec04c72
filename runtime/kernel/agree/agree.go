// Package agree counts equal elements of rows of small integers: the answers of two networks to
// the same inputs.
//
// Method. A vector of the first row is compared with those of four other rows, so that it is loaded
// once; equal bytes are counted in bytes and added up in 64 bits before they overflow. Rows are
// taken in tiles that stay in the second-level cache. There is one kernel for AVX2; AVX-512 without
// BW, all that the level AVX512 promises, has no byte comparisons. Counts are exact.
package agree

import (
	"context"
	"fmt"
	"unsafe"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/par"
)

//go:generate sh -c "cd ../_gen && go run ./agree -out ../agree/agree_amd64.s -stubs ../agree/agree_amd64.go -pkg agree"

// Answer is an element type.
type Answer interface{ uint8 | uint16 }

const (
	// group is the number of rows that a kernel compares with one.
	group = 4
	// tile is the number of rows of a block of pairs, a multiple of group.
	tile = 32
	// vector is the bytes of a vector.
	vector = 32
)

// Kernels count at one level. They hold constants only.
type Kernels struct{ level isa.Level }

// New returns the kernels of a level; Auto means the best. It fails for a level that this machine
// or build cannot run.
func New(l isa.Level) (*Kernels, error) {
	if l == isa.Auto {
		l = isa.Best()
	}
	if !isa.Supported(l) {
		return nil, fmt.Errorf("kernel level %s is not available on this machine or in this build: use %s", l, isa.Best())
	}
	return &Kernels{l}, nil
}

// Level is the level these kernels were made for.
func (k *Kernels) Level() isa.Level { return k.level }

// CountRef is the number of positions at which x and y, of one length, are equal: the twin.
func CountRef[T Answer](x, y []T) int {
	need(len(x) == len(y), "agree: rows of different lengths")
	n := 0
	for i, v := range x {
		if v == y[i] {
			n++
		}
	}
	return n
}

// Pairs counts the equal elements of every pair of rows of x [rows, n]: counts is the upper
// triangle (0,1), (0,2), ..., rows*(rows-1)/2 values.
func Pairs[T Answer](ctx context.Context, k *Kernels, workers int, counts []uint32, x []T, rows, n int) error {
	need(len(x) >= rows*n, "agree: Pairs: x is too short")
	need(len(counts) >= rows*(rows-1)/2, "agree: Pairs: counts is too short")
	var tasks [][2]int
	for i := 0; i < rows; i += tile {
		for j := i; j < rows; j += tile {
			tasks = append(tasks, [2]int{i, j})
		}
	}
	return par.For(ctx, par.Workers(workers), len(tasks), func(_, t int) {
		i, j := tasks[t][0], tasks[t][1]
		block(k, counts, x, rows, n, i, j)
	})
}

// block counts the pairs of rows [i0, i0+tile) with rows [j0, j0+tile) that lie above the diagonal.
func block[T Answer](k *Kernels, counts []uint32, x []T, rows, n, i0, j0 int) {
	for i := i0; i < min(i0+tile, rows); i++ {
		base := i*rows - i*(i+3)/2 - 1
		a := x[i*n : (i+1)*n]
		j, end := max(j0, i+1), min(j0+tile, rows)
		for ; k.level == isa.Ref && j < end; j++ {
			counts[base+j] = uint32(CountRef(a, x[j*n:(j+1)*n]))
		}
		for ; j+group <= end; j += group {
			var c [group]int64
			k.count4(&c, bytesOf(a), bytesOf(x[j*n:(j+group)*n]), int(unsafe.Sizeof(a[0])))
			for q := range c {
				counts[base+j+q] = uint32(c[q])
			}
		}
		for ; j < end; j++ {
			counts[base+j] = uint32(k.count1(bytesOf(a), bytesOf(x[j*n:(j+1)*n]), int(unsafe.Sizeof(a[0]))))
		}
	}
}

// bytesOf are the bytes of a row.
func bytesOf[T Answer](x []T) []byte {
	if len(x) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), len(x)*int(unsafe.Sizeof(x[0])))
}

// count1 counts the equal elements of size bytes of two rows.
func (k *Kernels) count1(x, y []byte, size int) int64 {
	var c [group]int64
	whole := k.vectors(&c, x, y, 0, size)
	return c[0] + tail(x[whole:], y[whole:], size)
}

// count4 counts the equal elements of x and of each of the four rows of y.
func (k *Kernels) count4(c *[group]int64, x, y []byte, size int) {
	whole := k.vectors(c, x, y, len(x), size)
	for q := range c {
		c[q] += tail(x[whole:], y[q*len(x)+whole:(q+1)*len(x)], size)
	}
}

// tail counts byte by byte.
func tail(x, y []byte, size int) int64 {
	n := int64(0)
	for i := 0; i < len(x); i += size {
		if x[i] == y[i] && x[i+size-1] == y[i+size-1] {
			n++
		}
	}
	return n
}

// need panics with a message that is a constant: a wrong length is a programmer's error.
func need(ok bool, message string) {
	if !ok {
		panic(message)
	}
}
