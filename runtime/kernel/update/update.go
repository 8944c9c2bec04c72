// Package update has the kernels that turn gradients into new parameters: SGD, Adam and AdamW by
// PyTorch's definitions, for one row of parameters at a time, and the reductions that clipping
// and the detection of bad numbers need. Gradients are clipped on the way in, without a pass of
// their own. Every level of instruction set gives the same bits.
package update

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

//go:generate sh -c "cd ../_gen && go run ./update -out ../update/update_amd64.s -stubs ../update/update_amd64.go -pkg update"

// Float is an element type of parameters.
type Float interface{ float32 | float64 }

// block bounds one assembly call, in elements: some ten microseconds.
const block = 1 << 14

// Kernels are the float32 kernels of one level. They have no state: any number of goroutines may
// share them.
type Kernels struct{ level isa.Level }

// New returns the kernels of a level; Auto means the best. It fails for a level that this
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

// Clip is what happens to a gradient before it is used: each element is bounded to
// [-Bound, Bound], becomes 0 if it is below 1e-30 (1e-290 in float64), and is multiplied by
// Scale. NaN stays NaN. The zero value is not neutral: see Unclipped.
type Clip struct {
	// Bound is positive; infinite for no bound.
	Bound float64
	// Scale is 1 for no scaling.
	Scale float64
}

// need panics with a message that is a constant: a wrong length is a programmer's error.
func need(ok bool, message string) {
	if !ok {
		panic(message)
	}
}
