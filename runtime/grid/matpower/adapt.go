package matpower

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/weightspace/weightspace/runtime/grid"
)

// Reduction takes buses away.
type Reduction string

const (
	// None keeps all buses.
	None Reduction = ""
	// NoLoadNoGenLeaves deletes, in one pass after parallel branches are collapsed, the buses of
	// degree 1 without active demand and without a generator in service: it turns ACTIVSg2000 into the
	// papers' Texas grid of 1,910 nodes and 2,577 lines (card power-grid-simulation, section 6).
	NoLoadNoGenLeaves Reduction = "noLoadNoGenLeaves"
)

// Power says how nodes get their powers: line parameters and megawatts of the case are not used, as
// in the papers.
type Power string

const (
	// Alternating is +1, -1, ... in file order.
	Alternating Power = "alternating"
	// BalancedRandomSign draws floor(N/2) nodes that get -1, the others get +1.
	BalancedRandomSign Power = "balancedRandomSign"
	// NetInjectionSign is -1 where demand exceeds generation in service, one positive number that
	// balances them where it is the other way, and 0 elsewhere.
	NetInjectionSign Power = "netInjectionSign"
)

// Islands says what becomes of a case in several pieces.
type Islands string

const (
	// Refuse is an error that lists them.
	Refuse Islands = ""
	// Largest keeps the piece with most buses.
	Largest Islands = "largest"
	// Keep keeps all.
	Keep Islands = "keep"
)

// Options of the adaptation. The zero value keeps all connected buses and draws powers with seed 0.
type Options struct {
	Reduction Reduction
	Power     Power // default BalancedRandomSign
	Islands   Islands
	Coupling  float64 // of every line; default grid.DefaultCoupling
	Magnitude float64 // of every node's power; default 1
	Seed      uint64  // of BalancedRandomSign
	Draw      int     // of BalancedRandomSign, when the static state of earlier draws failed
}

// Grid makes the swing-equation grid of the papers: one node for each bus that is not isolated, in file
// order, one line of equal coupling for each pair of buses that branches in service join, whatever
// their number and kind. Errors are *Error or *grid.FieldError.
func (c *Case) Grid(o Options) (*grid.Grid, error) {
	o = o.withDefaults()
	lines := c.pairs(o.Coupling)
	all := grid.Data{Name: c.Name, Power: c.injections(), Names: c.busNames(), Lines: lines}
	g, err := grid.New(all)
	if err != nil {
		return nil, err
	}
	keep, err := c.kept(g, o.Reduction)
	if err != nil {
		return nil, err
	}
	if g, err = g.Subgrid(keep); err != nil {
		return nil, err
	}
	switch o.Islands {
	case Refuse:
		err = g.RequireConnected()
	case Largest:
		g, err = g.LargestComponent()
	case Keep:
	default:
		err = fmt.Errorf("islands: %q is none of refuse (empty), %s, %s", o.Islands, Largest, Keep)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	power, err := c.powers(g, o)
	if err != nil {
		return nil, err
	}
	return g.WithPower(grid.Scaled(power, o.Magnitude))
}

func (o Options) withDefaults() Options {
	if o.Power == "" {
		o.Power = BalancedRandomSign
	}
	if o.Coupling == 0 {
		o.Coupling = grid.DefaultCoupling
	}
	if o.Magnitude == 0 {
		o.Magnitude = 1
	}
	return o
}

// pairs are the distinct pairs of buses that branches in service join.
func (c *Case) pairs(coupling float64) []grid.Line {
	seen := make(map[[2]int]bool, len(c.Branch))
	var out []grid.Line
	for _, b := range c.Branch {
		i, j := min(b.From, b.To), max(b.From, b.To)
		isolated := c.Bus[i].Type == Isolated || c.Bus[j].Type == Isolated
		if !b.InService || i == j || isolated || seen[[2]int{i, j}] {
			continue
		}
		seen[[2]int{i, j}] = true
		out = append(out, grid.Line{From: int32(i), To: int32(j), Coupling: coupling})
	}
	return out
}

// injections are generation in service less demand, MW.
func (c *Case) injections() []float64 {
	p := make([]float64, len(c.Bus))
	for i, b := range c.Bus {
		p[i] = -b.Pd
	}
	for _, g := range c.Gen {
		if g.InService {
			p[g.Bus] += g.Pg
		}
	}
	return p
}

// busNames are the names of buses, or their numbers.
func (c *Case) busNames() []string {
	out := make([]string, len(c.Bus))
	for i, b := range c.Bus {
		if out[i] = strings.TrimSpace(b.Name); out[i] == "" {
			out[i] = strconv.FormatInt(b.Number, 10)
		}
	}
	return out
}

// kept are the positions of the buses that stay.
func (c *Case) kept(g *grid.Grid, r Reduction) ([]int, error) {
	generates := make([]bool, len(c.Bus))
	for _, gen := range c.Gen {
		generates[gen.Bus] = generates[gen.Bus] || gen.InService
	}
	var keep []int
	for i, b := range c.Bus {
		switch {
		case b.Type == Isolated:
			continue
		case r == NoLoadNoGenLeaves && g.Degree(i) == 1 && b.Pd == 0 && !generates[i]:
			continue
		case r != None && r != NoLoadNoGenLeaves:
			return nil, fmt.Errorf("reduction: %q is neither none (empty) nor %s", r, NoLoadNoGenLeaves)
		}
		keep = append(keep, i)
	}
	if len(keep) == 0 {
		return nil, &Error{File: c.Name, Problem: "no bus is left: all are isolated"}
	}
	return keep, nil
}

func (c *Case) powers(g *grid.Grid, o Options) ([]float64, error) {
	switch o.Power {
	case Alternating:
		return grid.Alternating(g.N()), nil
	case BalancedRandomSign:
		return grid.BalancedSigns(g.N(), o.Seed, 0, o.Draw), nil
	case NetInjectionSign:
		p, ok := grid.BySign(g.Power)
		if !ok {
			return nil, &Error{File: c.Name, Problem: "no bus produces or none consumes: powers by the sign of injection cannot balance"}
		}
		return p, nil
	default:
		return nil, fmt.Errorf("power: %q is none of %s, %s, %s", o.Power, Alternating, BalancedRandomSign, NetInjectionSign)
	}
}
