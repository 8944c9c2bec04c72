// Package static solves for the synchronous state of a grid: omega = 0 and
//
//	P_i = sum_j K_ij sin(theta_i - theta_j),   theta_0 = 0
//
// by Newton's method on the Jacobian without node 0, which is symmetric and positive definite while
// all lines have |theta_i - theta_j| < pi/2, with continuation in the load (card
// power-grid-simulation, sections 3 and 4). The state inside that region is unique and stable.
package static

import (
	"context"
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/grid"
	"github.com/weightspace/weightspace/runtime/grid/cholesky"
)

// Options of a solution; the zero value means the defaults.
type Options struct {
	Tolerance     float64 // on the residual's largest element, in units of max(1, |P|); default 1e-10
	MaxIterations int     // Newton steps in all; default 200
	MaxLineAngle  float64 // every |theta_i - theta_j| must stay below; default and largest pi/2
}

// State is a synchronous state.
type State struct {
	Theta      []float64 // [N], rad; Theta[0] = 0, the others in [-pi, pi)
	Flow       []float64 // [L], K sin(theta_from - theta_to), by line
	Residual   float64   // largest |P_i - sum_j K_ij sin(theta_i - theta_j)|
	MaxAngle   float64   // largest |theta_i - theta_j| over lines, rad
	MaxLine    int       // the line that has it; -1 without lines
	Iterations int       // Newton steps
	// Mean is the mean power that was taken from every node: 0 in a balanced grid. The whole grid
	// then turns with frequency Mean/alpha.
	Mean float64
}

// Reason tells why a grid has no state here.
type Reason string

const (
	// Disconnected grids have no common frequency.
	Disconnected Reason = "disconnected"
	// Overloaded grids have no state with |theta_i - theta_j| < pi/2 at their full load.
	Overloaded Reason = "overloaded"
	// AngleTooLarge is a state with a line at or beyond MaxLineAngle.
	AngleTooLarge Reason = "angleTooLarge"
	// NotConverged is a residual above the tolerance after MaxIterations.
	NotConverged Reason = "notConverged"
)

// Rejection says why a grid was rejected.
type Rejection struct {
	Reason  Reason
	Load    float64 // largest share of the powers that was solved, in [0, 1]
	Problem string
}

func (r *Rejection) Error() string { return "static state: " + r.Problem }

// Solve finds the synchronous state. The error is a *Rejection, or the context's. Cost: a sparse factorisation
// for every Newton step, 3 to 5 of them for grids like the published ones. The same grid gives the same bits on
// every machine.
func Solve(ctx context.Context, g *grid.Grid, o Options) (*State, error) {
	o = o.withDefaults()
	if err := g.RequireConnected(); err != nil {
		return nil, &Rejection{Reason: Disconnected, Problem: err.Error()}
	}
	s := newSolver(g, o)
	load, step := 0.0, 1.0
	for load < 1 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		next := math.Min(1, load+step)
		why := s.newton(next)
		switch {
		case why == "":
			load = next
			copy(s.solved, s.theta)
			step *= 2
		case s.steps >= o.MaxIterations:
			return nil, &Rejection{NotConverged, load, fmt.Sprintf("residual above the tolerance after %d Newton steps, solved up to %.4g of the load", s.steps, load)}
		case step < 1e-3:
			return nil, &Rejection{Overloaded, load, fmt.Sprintf("no state with all line angles below pi/2 beyond %.4g of the load (%s): the lines are too weak for these powers", load, why)}
		default:
			copy(s.theta, s.solved)
			step /= 4
		}
	}
	return s.state()
}

func (o Options) withDefaults() Options {
	if o.Tolerance <= 0 {
		o.Tolerance = 1e-10
	}
	if o.MaxIterations <= 0 {
		o.MaxIterations = 200
	}
	if o.MaxLineAngle <= 0 || o.MaxLineAngle > math.Pi/2 {
		o.MaxLineAngle = math.Pi / 2
	}
	return o
}

type solver struct {
	o             Options
	g             *grid.Grid
	power         []float64 // less their mean
	mean, scale   float64
	theta, solved []float64
	residual      []float64
	delta         []float64 // [N-1]
	diag, off     []float64
	inner         []int32 // lines that do not touch node 0
	factor        *cholesky.Factor
	steps         int
}

func newSolver(g *grid.Grid, o Options) *solver {
	n := g.N()
	s := &solver{
		o: o, g: g, power: make([]float64, n), theta: make([]float64, n), solved: make([]float64, n), scale: 1,
		residual: make([]float64, n), delta: make([]float64, n-1), diag: make([]float64, n-1),
	}
	for _, p := range g.Power {
		s.mean += p
	}
	s.mean /= float64(n)
	for i, p := range g.Power {
		s.power[i] = p - s.mean
		s.scale = math.Max(s.scale, math.Abs(s.power[i]))
	}
	var el []cholesky.Element
	for k, l := range g.Lines {
		if l.From > 0 { // From < To
			el = append(el, cholesky.Element{Row: l.From - 1, Col: l.To - 1})
			s.inner = append(s.inner, int32(k))
		}
	}
	s.off = make([]float64, len(el))
	s.factor = cholesky.Analyse(n-1, el).NewFactor()
	return s
}

// misfit fills residual and returns its largest element and the largest line angle.
func (s *solver) misfit(load float64) (worst, angle float64) {
	for i, p := range s.power {
		s.residual[i] = float64(load * p)
	}
	for _, l := range s.g.Lines {
		d := s.theta[l.From] - s.theta[l.To]
		sin, _ := sincos(d)
		f := float64(l.Coupling * sin)
		s.residual[l.From] -= f
		s.residual[l.To] += f
		angle = math.Max(angle, math.Abs(d))
	}
	for _, r := range s.residual {
		worst = math.Max(worst, math.Abs(r))
	}
	return worst, angle
}

// newton solves at a load from the present theta. It returns why it failed, or nothing.
func (s *solver) newton(load float64) string {
	worst, _ := s.misfit(load)
	goal := float64(s.o.Tolerance * s.scale)
	polished := false
	for s.steps < s.o.MaxIterations {
		// One step more than the tolerance asks for, which costs little, squares the error.
		if worst <= goal {
			if polished {
				return ""
			}
			polished = true
		}
		s.steps++
		if !s.jacobian() {
			return "the state loses its stability"
		}
		s.factor.Solve(s.delta, s.residual[1:])
		before := worst
		worst = s.advance(load, before)
		if math.IsNaN(worst) {
			return "a Newton step leaves the region of stability"
		}
		if polished {
			return ""
		}
	}
	return "too many steps"
}

// jacobian factors the grounded Jacobian at theta.
func (s *solver) jacobian() bool {
	clear(s.diag)
	k := 0
	for _, l := range s.g.Lines {
		_, cos := sincos(s.theta[l.From] - s.theta[l.To])
		c := float64(l.Coupling * cos)
		s.diag[l.To-1] += c
		if l.From > 0 {
			s.diag[l.From-1] += c
			s.off[k] = -c
			k++
		}
	}
	return s.factor.Set(s.diag, s.off) == nil
}

// advance takes the step delta, halved until all lines stay below pi/2 and the misfit does not
// grow beyond rounding. It returns the new misfit, or NaN if no part of the step does.
func (s *solver) advance(load, before float64) float64 {
	for part, tries := 1.0, 0; tries < 12; part, tries = part/2, tries+1 {
		for i, d := range s.delta {
			s.theta[i+1] += float64(part * d)
		}
		worst, angle := s.misfit(load)
		if angle < math.Pi/2 && (worst < before || worst <= s.o.Tolerance*s.scale) {
			return worst
		}
		for i, d := range s.delta {
			s.theta[i+1] -= float64(part * d)
		}
	}
	return math.NaN()
}

// state checks and wraps the solution.
func (s *solver) state() (*State, error) {
	st := &State{Theta: make([]float64, s.g.N()), Flow: make([]float64, len(s.g.Lines)), MaxLine: -1, Iterations: s.steps, Mean: s.mean}
	st.Residual, _ = s.misfit(1)
	for k, l := range s.g.Lines {
		d := s.theta[l.From] - s.theta[l.To]
		sin, _ := sincos(d)
		st.Flow[k] = float64(l.Coupling * sin)
		if a := math.Abs(d); a > st.MaxAngle || st.MaxLine < 0 {
			st.MaxAngle, st.MaxLine = a, k
		}
	}
	if !(st.Residual <= s.o.Tolerance*s.scale) {
		return nil, &Rejection{NotConverged, 1, fmt.Sprintf("residual %g is above %g", st.Residual, s.o.Tolerance*s.scale)}
	}
	if st.MaxAngle >= s.o.MaxLineAngle {
		l := s.g.Lines[st.MaxLine]
		return nil, &Rejection{AngleTooLarge, 1, fmt.Sprintf("the line between %q and %q has angle %.4f, not below %.4f", s.g.NodeName(int(l.From)), s.g.NodeName(int(l.To)), st.MaxAngle, s.o.MaxLineAngle)}
	}
	for i, t := range s.theta {
		st.Theta[i] = wrap(t)
	}
	return st, nil
}

// wrap brings an angle into [-pi, pi).
func wrap(t float64) float64 {
	if t >= -math.Pi && t < math.Pi {
		return t
	}
	turns := math.Floor((t + math.Pi) / (2 * math.Pi))
	return t - float64(turns*(2*math.Pi))
}
