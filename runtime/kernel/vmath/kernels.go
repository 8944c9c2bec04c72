package vmath

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// Float is an element type.
type Float interface{ float32 | float64 }

// block bounds the elements of one assembly call to well under 100 microseconds: assembly
// cannot be preempted.
const block = 1 << 13

type (
	unaryKernel[T Float]  func(y, x *T, n int, slope T)
	gradKernel[T Float]   func(dx, x, y, dy *T, n int, slope T)
	binaryKernel[T Float] func(dst, a, b *T, n int)
	scalarKernel[T Float] func(dst, a *T, n int, b T)
	rowsKernel[T Float]   func(y, x, b *T, m, n int)
)

// table is the assembly of one level for one type; every function has a pure-Go twin.
type table[T Float] struct {
	unary         [funcs]unaryKernel[T]
	sincos        binaryKernel[T]
	grad, gradAdd [funcs]gradKernel[T]
	binary        [ops]binaryKernel[T]
	scalar        [ops]scalarKernel[T]
	row, col      [ops]rowsKernel[T]
	fma, pick     func(dst, a, b, c *T, n int)
	axpy          scalarKernel[T]
	clip          func(dst, x *T, n int, lo, hi T)
}

// Kernels are the kernels of one level.
type Kernels struct {
	level isa.Level
	// Nil for Ref.
	f32 *table[float32]
	f64 *table[float64]
	// fromBytes is nil for Ref.
	fromBytes func(dst *float32, src *byte, n int, scale, shift float32)
}

// New returns the kernels of a level; isa.Auto means the best. It fails for a level that this
// machine or build cannot run.
func New(l isa.Level) (*Kernels, error) {
	if l == isa.Auto {
		l = isa.Best()
	}
	if !isa.Supported(l) {
		return nil, fmt.Errorf("vmath: level %s is not available on this machine or in this build: use %s", l, isa.Best())
	}
	return &Kernels{level: l, f32: table32(l), f64: table64(l), fromBytes: fromBytes(l)}, nil
}

// Level is the level these kernels were made for.
func (k *Kernels) Level() isa.Level { return k.level }

// The messages of panics.
const (
	badLength  = "vmath: slices differ in length"
	badFunc    = "vmath: unknown function"
	badOp      = "vmath: unknown operation"
	needsSlope = "vmath: LeakyReLU needs a slope: use Activate"
	noGradient = "vmath: no derivative of this function"
	badShape   = "vmath: slices do not fit the shape"
)
