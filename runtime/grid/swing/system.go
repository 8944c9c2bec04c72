package swing

import (
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/grid"
	"github.com/weightspace/weightspace/runtime/grid/static"
)

// DefaultDamping is alpha of the published ensembles.
const DefaultDamping = 0.1

// System is a grid with its synchronous state and damping. It is read only, and may be shared.
type System struct {
	N       int
	Power   []float64 // [N], less its mean
	Theta   []float64 // [N], the synchronous state, rad
	Damping float64   // alpha, in units of inertia
	// Row i of the couplings: Column and Coupling at Pointer[i] to Pointer[i+1].
	Pointer, Column []int32
	Coupling        []float64
}

// NewSystem joins a grid with its state (static.Solve). damping is not negative. The error is a
// *grid.FieldError.
func NewSystem(g *grid.Grid, s *static.State, damping float64) (*System, error) {
	n := g.N()
	if !(damping >= 0) || math.IsInf(damping, 0) {
		return nil, &grid.FieldError{Field: "damping", Problem: fmt.Sprintf("%v is not a damping: use 0 or a positive number", damping)}
	}
	if len(s.Theta) != n {
		return nil, &grid.FieldError{Field: "theta", Problem: fmt.Sprintf("the state has %d nodes and the grid %d: solve for this grid's state", len(s.Theta), n)}
	}
	p := make([]float64, n)
	for i, v := range g.Power {
		p[i] = v - s.Mean
	}
	return &System{
		N: n, Power: p, Theta: s.Theta, Damping: damping,
		Pointer: g.Adjacency.Pointer, Column: g.Adjacency.Column, Coupling: g.Coupling,
	}, nil
}

// acceleration is d omega/dt. sin(a-b) = sin a cos b - cos a sin b takes one sine and cosine per
// node: with C = sum_j K_ij cos_j and S = sum_j K_ij sin_j, each by fused multiply-adds from 0 in
// the order of the adjacency, it is ((P_i - alpha omega_i) - sin_i C) + cos_i S, every step fused.
func (s *System) acceleration(dst, omega, sine, cosine []float64) {
	omega, sine, cosine = omega[:s.N], sine[:s.N], cosine[:s.N]
	begin := s.Pointer[0]
	for i := range dst[:s.N] {
		end := s.Pointer[i+1]
		cols := s.Column[begin:end]
		ks := s.Coupling[begin:end]
		ks = ks[:len(cols)]
		begin = end
		var c, d float64
		for e, j := range cols {
			c = math.FMA(ks[e], cosine[j], c)
			d = math.FMA(ks[e], sine[j], d)
		}
		a := math.FMA(-s.Damping, omega[i], s.Power[i])
		a = math.FMA(-sine[i], c, a)
		dst[i] = math.FMA(cosine[i], d, a)
	}
}

// Energy is the energy function 1/2 sum omega^2 - sum P theta - sum_lines K cos(theta_i - theta_j).
// Its derivative along a trajectory is -alpha sum omega^2. It is for checks: it is not part of the
// promise of equal bits.
func (s *System) Energy(theta, omega []float64) float64 {
	e := 0.0
	for i := range s.N {
		e += omega[i]*omega[i]/2 - s.Power[i]*theta[i]
		for k := s.Pointer[i]; k < s.Pointer[i+1]; k++ {
			if j := int(s.Column[k]); j > i {
				e -= s.Coupling[k] * math.Cos(theta[i]-theta[j])
			}
		}
	}
	return e
}
