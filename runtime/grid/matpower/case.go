// Package matpower reads MATPOWER case files (format version 2: the mpc.bus, mpc.branch and mpc.gen
// matrices; MATPOWER User's Manual, appendix B) and makes swing-equation grids of them. A case file is
// a program of MATLAB; only assignments of literal data are read and nothing of it is run.
package matpower

import (
	"fmt"
	"math"
)

// BusType of a bus.
type BusType int

// The types of MATPOWER.
const (
	PQ BusType = iota + 1
	PV
	Reference
	Isolated
)

// Bus is a row of mpc.bus.
type Bus struct {
	Line   int // of the file
	Number int64
	Type   BusType
	Pd, Qd float64 // demand, MW and MVAr
	BaseKV float64
	Name   string // of mpc.bus_name, if there
}

// Branch is a row of mpc.branch: a line or a transformer.
type Branch struct {
	Line      int
	From, To  int // positions in Bus
	R, X      float64
	Ratio     float64 // of a transformer; 0 for a line
	Shift     float64 // degrees
	InService bool
}

// Transformer reports whether the branch has a ratio or a phase shift.
func (b Branch) Transformer() bool { return b.Ratio != 0 || b.Shift != 0 }

// Gen is a row of mpc.gen.
type Gen struct {
	Line      int
	Bus       int     // position in Bus
	Pg        float64 // MW
	InService bool
}

// Case is a case file.
type Case struct {
	Name     string
	BaseMVA  float64
	Bus      []Bus
	Branch   []Branch
	Gen      []Gen
	Warnings []string // statements that were skipped
}

// ReadOptions of Read.
type ReadOptions struct {
	// SkipCode passes over statements that are not data, with a warning for each, instead of failing: they may change
	// units (kW to MW), but not which buses are joined.
	SkipCode bool
}

// Read reads a case file; file names it in errors, which are *Error. Memory is bounded by a small
// multiple of len(src).
func Read(file string, src []byte, o ReadOptions) (*Case, error) {
	if len(src) > MaxBytes {
		return nil, &Error{File: file, Problem: fmt.Sprintf("%d bytes, at most %d are accepted", len(src), MaxBytes)}
	}
	p := &parser{file: file, s: scanner{src: string(src), line: 1, lineStart: true}, lax: o.SkipCode, v: map[string]any{}}
	if err := p.statements(); err != nil {
		return nil, err
	}
	c := &Case{Name: p.caseID, Warnings: p.warn}
	for _, f := range []func(*Case) error{p.scalars, p.buses, p.branches, p.generators, p.names} {
		if err := f(c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (p *parser) scalars(c *Case) error {
	switch v := p.v["version"].(type) {
	case nil:
		return p.fail(0, "mpc.version is missing: only format version 2 is read")
	case string:
		if v != "2" {
			return p.fail(0, "mpc.version is %.20q: only '2' is read", v)
		}
	case float64:
		if v != 2 {
			return p.fail(0, "mpc.version is %v: only 2 is read", v)
		}
	default:
		return p.fail(0, "mpc.version is not a text")
	}
	base, ok := p.v["baseMVA"].(float64)
	if !ok || !(base > 0) || math.IsInf(base, 0) {
		return p.fail(0, "mpc.baseMVA is missing or not a positive number")
	}
	c.BaseMVA = base
	return nil
}

// block is a matrix of at least the given columns.
func (p *parser) block(field string, columns int) (*matrix, error) {
	m, ok := p.v[field].(*matrix)
	if !ok {
		return nil, p.fail(0, "the matrix mpc.%s is missing", field)
	}
	if len(m.rows) > 0 && len(m.rows[0]) < columns {
		return nil, p.fail(m.at[0], "mpc.%s has %d columns, want at least %d", field, len(m.rows[0]), columns)
	}
	return m, nil
}

func (p *parser) finite(field string, line int, column string, v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return p.fail(line, "mpc.%s: %s is %v", field, column, v)
	}
	return nil
}

func (p *parser) buses(c *Case) error {
	m, err := p.block("bus", 13)
	if err != nil {
		return err
	}
	if len(m.rows) == 0 {
		return p.fail(m.line, "mpc.bus is empty")
	}
	for i, r := range m.rows {
		line := m.at[i]
		id, ok := whole(r[0])
		if !ok || id <= 0 {
			return p.fail(line, "mpc.bus: bus number %v is not a positive integer", r[0])
		}
		if r[1] != 1 && r[1] != 2 && r[1] != 3 && r[1] != 4 {
			return p.fail(line, "mpc.bus: bus %d has type %v, known are 1 (PQ), 2 (PV), 3 (reference), 4 (isolated)", id, r[1])
		}
		for _, v := range []struct {
			name string
			v    float64
		}{{"Pd", r[2]}, {"Qd", r[3]}, {"baseKV", r[9]}} {
			if err := p.finite("bus", line, v.name, v.v); err != nil {
				return err
			}
		}
		c.Bus = append(c.Bus, Bus{Line: line, Number: id, Type: BusType(r[1]), Pd: r[2], Qd: r[3], BaseKV: r[9]})
	}
	return nil
}

// positions of bus numbers; a number that is there twice is an error.
func (p *parser) positions(c *Case) (map[int64]int, error) {
	at := make(map[int64]int, len(c.Bus))
	for i, b := range c.Bus {
		if j, twice := at[b.Number]; twice {
			return nil, p.fail(b.Line, "mpc.bus: bus %d is there twice (first in line %d)", b.Number, c.Bus[j].Line)
		}
		at[b.Number] = i
	}
	return at, nil
}

// bus is the position of a bus number.
func (p *parser) bus(field string, at map[int64]int, line int, v float64) (int, error) {
	if id, ok := whole(v); ok {
		if i, ok := at[id]; ok {
			return i, nil
		}
	}
	return 0, p.fail(line, "mpc.%s: there is no bus %v", field, v)
}

func (p *parser) branches(c *Case) error {
	m, err := p.block("branch", 11)
	if err != nil {
		return err
	}
	at, err := p.positions(c)
	if err != nil {
		return err
	}
	for i, r := range m.rows {
		line := m.at[i]
		from, err := p.bus("branch", at, line, r[0])
		if err != nil {
			return err
		}
		to, err := p.bus("branch", at, line, r[1])
		if err != nil {
			return err
		}
		for k, name := range map[int]string{2: "r", 3: "x", 8: "ratio", 9: "angle", 10: "status"} {
			if err := p.finite("branch", line, name, r[k]); err != nil {
				return err
			}
		}
		c.Branch = append(c.Branch, Branch{Line: line, From: from, To: to, R: r[2], X: r[3], Ratio: r[8], Shift: r[9], InService: r[10] > 0})
	}
	return nil
}

func (p *parser) generators(c *Case) error {
	m, err := p.block("gen", 10)
	if err != nil {
		return err
	}
	at, err := p.positions(c)
	if err != nil {
		return err
	}
	for i, r := range m.rows {
		line := m.at[i]
		bus, err := p.bus("gen", at, line, r[0])
		if err != nil {
			return err
		}
		if err := p.finite("gen", line, "Pg", r[1]); err != nil {
			return err
		}
		if err := p.finite("gen", line, "status", r[7]); err != nil {
			return err
		}
		c.Gen = append(c.Gen, Gen{Line: line, Bus: bus, Pg: r[1], InService: r[7] > 0})
	}
	return nil
}

// names takes mpc.bus_name when it has one text for each bus.
func (p *parser) names(c *Case) error {
	v, ok := p.v["bus_name"].([]string)
	if !ok {
		return nil
	}
	if len(v) != len(c.Bus) {
		c.Warnings = append(c.Warnings, fmt.Sprintf("mpc.bus_name has %d names for %d buses and is not used", len(v), len(c.Bus)))
		return nil
	}
	for i := range v {
		c.Bus[i].Name = v[i]
	}
	return nil
}
