package rows

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// Float is what the twins compute in.
type Float interface{ float32 | float64 }

const (
	// Block is the number of elements of a row that are summed in lanes; sums of blocks are
	// added in float64.
	Block = 4096
	// group bounds the blocks or rows of one step, and with them the scratch on the stack.
	group = 32
	// callFloats bounds the floats that one call into assembly touches: assembly cannot be
	// preempted.
	callFloats = 1 << 17
)

// Kernels are the float32 kernels of one level. Any number of goroutines may share them.
type Kernels struct{ level isa.Level }

// New returns the kernels of a level; isa.Auto means the best. It fails for a level that this
// machine or build cannot run.
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

// need panics unless every length is as it must be.
func need(ok bool) {
	if !ok {
		panic("rows: length of a slice does not fit the shape")
	}
}

// as32 is the identity for float32; only that has assembly.
func as32[T Float](x []T) []float32 {
	s, ok := any(x).([]float32)
	if !ok {
		panic("rows: assembly is for float32")
	}
	return s
}

// short is the length of rows that one virtual vector holds.
const short = lanes

// tile is the number of rows of n floats that are handled in one step, so that several passes
// over them find them in the first-level cache.
func tile(m, n int) int { return min(m, group, max(1, 2*Block/max(n, 1))) }

// strip is the number of columns of one call if n rows are touched.
func strip(l, n int) int { return min(l, max(16, callFloats/max(n, 1)&^15)) }
