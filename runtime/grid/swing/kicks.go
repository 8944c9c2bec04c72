package swing

import (
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/grid"
	"github.com/weightspace/weightspace/runtime/rng"
)

// Kick takes one node off the synchronous state.
type Kick struct {
	Node      int
	Phase     float64 // added to theta, rad
	Frequency float64 // omega
}

// Kicks are the perturbations of an ensemble. The kick is a function of (Seed, grid, node, number)
// alone; the label "swing/kick" is frozen.
type Kicks struct {
	Seed             uint64
	Phase, Frequency [2]float64 // bounds of the uniform laws
}

// DefaultKicks are the published ensembles' laws: the full circle, and +-15 rad/s.
func DefaultKicks(seed uint64) Kicks {
	return Kicks{seed, [2]float64{-math.Pi, math.Pi}, [2]float64{-15, 15}}
}

// Validate says which bounds are wrong, as a *grid.FieldError.
func (k Kicks) Validate() error {
	for name, b := range map[string][2]float64{"perturbation.phase": k.Phase, "perturbation.frequency": k.Frequency} {
		if !(b[0] <= b[1]) || math.Abs(b[0]) > 1e6 || math.Abs(b[1]) > 1e6 {
			return &grid.FieldError{Field: name, Problem: fmt.Sprintf("[%v, %v] is not an interval inside +-1e6", b[0], b[1])}
		}
	}
	return nil
}

// At is kick number of a node of grid index.
func (k Kicks) At(index uint64, node, number int) Kick {
	b := rng.New(k.Seed, "swing/kick").Block(uint32(node), uint32(number), index)
	return Kick{node, between(k.Phase, b[0], b[1]), between(k.Frequency, b[2], b[3])}
}

// between is uniform in [b_0, b_1) with 53 bits.
func between(b [2]float64, high, low uint32) float64 {
	u := float64((uint64(high)<<32|uint64(low))>>11) * (1.0 / (1 << 53))
	return math.FMA(b[1]-b[0], u, b[0])
}
