package conv

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// Kernels are the float32 kernels of one instruction set. They are safe for concurrent use and
// allocate nothing.
type Kernels struct {
	level   isa.Level
	vectors int // greatest width of a tile
}

// New gives the kernels of a level; isa.Auto is the best of this machine. It fails for a level
// that this machine or build cannot run.
func New(level isa.Level) (*Kernels, error) {
	if !isa.Supported(level) {
		return nil, fmt.Errorf("convolution kernels: level %s is not available on this machine or in this build", level)
	}
	if level == isa.Auto {
		level = isa.Best()
	}
	k := &Kernels{level: level, vectors: 1}
	if level == isa.AVX512 {
		k.vectors = tileVectors
	}
	return k, nil
}

// Level is the instruction set.
func (k *Kernels) Level() isa.Level { return k.level }

// rowRun is what packRows takes of a row: m runs of n floats, step apart. Those from ahead on
// will be needed next.
type rowRun struct{ n, m, step, ahead int }

// packRows writes dst[(i*n+t)*nr+r] = src[i*step+t+r*rowStep] for r < nr, i < m and t < n.
func (k *Kernels) packRows(dst, src []float32, rowStep, nr int, u rowRun) {
	if k.level == isa.AVX512 && rowStep < 1<<28 {
		k.gather(dst, src, rowStep, nr, u)
		return
	}
	for r := range nr {
		for i := range u.m {
			for t, v := range src[r*rowStep+i*u.step:][:u.n] {
				dst[(i*u.n+t)*nr+r] = v
			}
		}
	}
}

// transpose writes dst[c*dstStep+r] = src[r*srcStep+c] for r < rows and c < cols. Whole 8x8
// blocks are assembly.
func (k *Kernels) transpose(dst []float32, dstStep int, src []float32, srcStep, rows, cols int) {
	whole := 0
	if k.level != isa.Ref && rows >= 8 && cols >= 8 {
		whole = cols &^ 7
		for r := 0; r+8 <= rows; r += 8 {
			k.transpose8(dst[r:], dstStep, src[r*srcStep:], srcStep, whole)
		}
		if rest := rows & 7; rest > 0 {
			transposeRef(dst[rows-rest:], dstStep, src[(rows-rest)*srcStep:], srcStep, rest, whole)
		}
	}
	if whole < cols {
		transposeRef(dst[whole*dstStep:], dstStep, src[whole:], srcStep, rows, cols-whole)
	}
}

func transposeRef(dst []float32, dstStep int, src []float32, srcStep, rows, cols int) {
	for r := range rows {
		for c := range cols {
			dst[c*dstStep+r] = src[r*srcStep+c]
		}
	}
}
