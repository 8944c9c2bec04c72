// Package ensemble makes the grids of an ensemble together with their synchronous states: a grid
// without one is drawn again as a whole (card power-grid-simulation, section 1).
package ensemble

import (
	"context"
	"errors"
	"fmt"

	"github.com/weightspace/weightspace/runtime/grid"
	"github.com/weightspace/weightspace/runtime/grid/growth"
	"github.com/weightspace/weightspace/runtime/grid/static"
)

// Member is a grid with its state.
type Member struct {
	Grid  *grid.Grid
	State *static.State
	Draw  int // draws that were rejected before this one
}

// DefaultDraws is how often a grid is drawn before its source is held to be unable to give one.
const DefaultDraws = 20

// Redraw calls draw with 0, 1, ... until its grid has a synchronous state. After most draws (0:
// DefaultDraws) it returns an error that wraps the last *static.Rejection.
func Redraw(ctx context.Context, draw func(draw int) (*grid.Grid, error), o static.Options, most int) (*Member, error) {
	if most <= 0 {
		most = DefaultDraws
	}
	var last *static.Rejection
	for k := range most {
		g, err := draw(k)
		if err != nil {
			return nil, err
		}
		s, err := static.Solve(ctx, g, o)
		if err == nil {
			return &Member{g, s, k}, nil
		}
		if !errors.As(err, &last) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("none of %d draws has a synchronous state; the last: %w", most, last)
}

// Grown is grid index of a grown ensemble: a function of its arguments alone.
func Grown(ctx context.Context, p growth.Params, index uint64, o static.Options) (*Member, error) {
	m, err := Redraw(ctx, func(draw int) (*grid.Grid, error) { return growth.Grow(p, index, draw) }, o, 0)
	if err != nil {
		return nil, fmt.Errorf("grid %d: %w", index, err)
	}
	return m, nil
}
