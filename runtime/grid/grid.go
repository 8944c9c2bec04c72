package grid

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/weightspace/weightspace/runtime/tensor"
)

// Limits of what is accepted as a grid, whoever made it. The largest synthetic transmission case
// known to us has 82,000 buses.
const (
	MaxNodes = 1 << 20
	MaxLines = 1 << 22
	// maxValue bounds powers, couplings and coordinates, so that sums over a grid stay finite.
	maxValue = 1e12
	// maxName bounds names, in bytes.
	maxName = 1 << 10
)

// Line is an undirected line between two nodes, by position. In a Grid, From < To.
type Line struct {
	From, To int32
	Coupling float64 // K_ij > 0, in the unit of power
}

// Data is what a Grid is made from. X and Y are both nil or both of length N; Names is nil or of
// length N. Parallel lines are an error: their couplings are the importer's to add or drop.
type Data struct {
	Name       string
	Power      []float64 // [N], injected: positive at a generator, negative at a consumer
	X, Y       []float64 // [N], in the plane, or longitude and latitude in degrees
	Geographic bool      // X and Y are longitude and latitude
	Names      []string  // [N]
	Lines      []Line
}

// Grid is an immutable, valid topology: finite, without self-loops and parallel lines. Its slices
// are read, never written. It need not be connected or balanced: RequireConnected and
// RequireBalanced say whether it is.
type Grid struct {
	Name       string
	Power      []float64 // [N]
	X, Y       []float64 // [N] or nil
	Geographic bool
	Names      []string // [N] or nil
	Lines      []Line   // [L], From < To, ascending by (From, To)
	// Adjacency is symmetric, [N, N]; Coupling and LineOf belong to its 2L stored elements.
	Adjacency *tensor.CSR
	Coupling  []float64
	LineOf    []int32
}

// FieldError is a defect of a grid or of a file that holds one: which field, and what is wrong.
type FieldError struct {
	Field   string // such as lines[3].to
	Problem string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

func fieldErrorf(field, format string, a ...any) error {
	return &FieldError{Field: field, Problem: fmt.Sprintf(format, a...)}
}

// New checks d and builds its adjacency. It keeps copies of all slices. The error is a *FieldError.
func New(d Data) (*Grid, error) {
	n := len(d.Power)
	if err := checkNodes(&d); err != nil {
		return nil, err
	}
	g := &Grid{
		Name: d.Name, Power: slices.Clone(d.Power), X: slices.Clone(d.X), Y: slices.Clone(d.Y), Geographic: d.Geographic,
		Names: slices.Clone(d.Names), Lines: slices.Clone(d.Lines),
	}
	if err := checkLines(g.Lines, n); err != nil {
		return nil, err
	}
	return g, g.link()
}

func checkNodes(d *Data) error {
	n := len(d.Power)
	switch {
	case n == 0:
		return fieldErrorf("nodes", "a grid has at least one node")
	case n > MaxNodes:
		return fieldErrorf("nodes", "%d nodes, at most %d are accepted", n, MaxNodes)
	case len(d.X) != len(d.Y) || (len(d.X) != 0 && len(d.X) != n):
		return fieldErrorf("nodes", "%d x and %d y coordinates for %d nodes: give all nodes both, or none", len(d.X), len(d.Y), n)
	case len(d.Names) != 0 && len(d.Names) != n:
		return fieldErrorf("nodes", "%d names for %d nodes: give all nodes one, or none", len(d.Names), n)
	case len(d.Name) > maxName:
		return fieldErrorf("name", "longer than %d bytes", maxName)
	}
	for i, p := range d.Power {
		if bad(p) {
			return fieldErrorf(fmt.Sprintf("nodes[%d].power", i), "%v is not a finite number within +-%g", p, maxValue)
		}
	}
	for i := range d.X {
		if bad(d.X[i]) || bad(d.Y[i]) {
			return fieldErrorf(fmt.Sprintf("nodes[%d]", i), "coordinates (%v, %v) are not finite numbers within +-%g", d.X[i], d.Y[i], maxValue)
		}
		if d.Geographic && (math.Abs(d.X[i]) > 360 || math.Abs(d.Y[i]) > 90) {
			return fieldErrorf(fmt.Sprintf("nodes[%d]", i), "(%v, %v) is not a longitude and a latitude in degrees", d.X[i], d.Y[i])
		}
	}
	for i, s := range d.Names {
		if len(s) > maxName {
			return fieldErrorf(fmt.Sprintf("nodes[%d].name", i), "longer than %d bytes", maxName)
		}
	}
	return nil
}

func bad(v float64) bool { return math.IsNaN(v) || math.Abs(v) > maxValue }

// checkLines orients and sorts lines in place.
func checkLines(lines []Line, n int) error {
	if len(lines) > MaxLines {
		return fieldErrorf("lines", "%d lines, at most %d are accepted", len(lines), MaxLines)
	}
	for i := range lines {
		l := &lines[i]
		for _, end := range []struct {
			name string
			at   int32
		}{{"from", l.From}, {"to", l.To}} {
			if end.at < 0 || int(end.at) >= n {
				return fieldErrorf(fmt.Sprintf("lines[%d].%s", i, end.name), "node %d of a grid with nodes 0 to %d", end.at, n-1)
			}
		}
		if l.From == l.To {
			return fieldErrorf(fmt.Sprintf("lines[%d]", i), "joins node %d with itself", l.From)
		}
		if bad(l.Coupling) || l.Coupling <= 0 {
			return fieldErrorf(fmt.Sprintf("lines[%d].coupling", i), "%v is not a positive finite number", l.Coupling)
		}
		if l.From > l.To {
			l.From, l.To = l.To, l.From
		}
	}
	slices.SortStableFunc(lines, func(a, b Line) int {
		if a.From != b.From {
			return int(a.From) - int(b.From)
		}
		return int(a.To) - int(b.To)
	})
	for i := 1; i < len(lines); i++ {
		if a, b := lines[i-1], lines[i]; a.From == b.From && a.To == b.To {
			return fieldErrorf("lines", "nodes %d and %d are joined twice: add up the couplings of parallel lines", a.From, a.To)
		}
	}
	return nil
}

// link builds the adjacency.
func (g *Grid) link() error {
	edges := make([]tensor.Edge, 0, 2*len(g.Lines))
	for _, l := range g.Lines {
		edges = append(edges, tensor.Edge{Row: l.From, Col: l.To}, tensor.Edge{Row: l.To, Col: l.From})
	}
	m, order, err := tensor.NewCSR(len(g.Power), len(g.Power), edges)
	if err != nil {
		return fmt.Errorf("grid: %w", err)
	}
	g.Adjacency, g.Coupling, g.LineOf = m, make([]float64, len(order)), make([]int32, len(order))
	for k, e := range order {
		g.LineOf[k] = e / 2
		g.Coupling[k] = g.Lines[e/2].Coupling
	}
	return nil
}

// N is the number of nodes.
func (g *Grid) N() int { return len(g.Power) }

// Degree is the number of lines at node i.
func (g *Grid) Degree(i int) int { return int(g.Adjacency.Pointer[i+1] - g.Adjacency.Pointer[i]) }

// Neighbours are the nodes joined with i, ascending; not to be written.
func (g *Grid) Neighbours(i int) []int32 {
	return g.Adjacency.Column[g.Adjacency.Pointer[i]:g.Adjacency.Pointer[i+1]]
}

// NodeName is the name of node i, or its position when the grid has no names.
func (g *Grid) NodeName(i int) string {
	if g.Names != nil && g.Names[i] != "" {
		return g.Names[i]
	}
	return fmt.Sprintf("%d", i)
}

// Data is a copy of what the grid was made from, lines in their order here.
func (g *Grid) Data() Data {
	return Data{
		Name: g.Name, Power: slices.Clone(g.Power), X: slices.Clone(g.X), Y: slices.Clone(g.Y), Geographic: g.Geographic,
		Names: slices.Clone(g.Names), Lines: slices.Clone(g.Lines),
	}
}

// WithPower is the grid with other powers.
func (g *Grid) WithPower(p []float64) (*Grid, error) {
	if len(p) != g.N() {
		return nil, fieldErrorf("nodes", "%d powers for %d nodes", len(p), g.N())
	}
	d := g.Data()
	d.Power = p
	return New(d)
}

// Components gives every node its component; components are numbered by their first node.
func (g *Grid) Components() (of []int32, count int) {
	of = make([]int32, g.N())
	for i := range of {
		of[i] = -1
	}
	var queue []int32
	for i := range of {
		if of[i] >= 0 {
			continue
		}
		of[i] = int32(count)
		queue = append(queue[:0], int32(i))
		for len(queue) > 0 {
			v := queue[len(queue)-1]
			queue = queue[:len(queue)-1]
			for _, w := range g.Neighbours(int(v)) {
				if of[w] < 0 {
					of[w] = int32(count)
					queue = append(queue, w)
				}
			}
		}
		count++
	}
	return of, count
}

// RequireConnected fails for a grid of several components and lists them.
func (g *Grid) RequireConnected() error {
	of, count := g.Components()
	if count == 1 {
		return nil
	}
	size, first := make([]int, count), make([]int, count)
	for i := len(of) - 1; i >= 0; i-- {
		size[of[i]]++
		first[of[i]] = i
	}
	const listed = 8
	var parts []string
	for c := range min(count, listed) {
		parts = append(parts, fmt.Sprintf("%d nodes with %q", size[c], g.NodeName(first[c])))
	}
	if count > listed {
		parts = append(parts, fmt.Sprintf("and %d more", count-listed))
	}
	return fieldErrorf("lines", "the grid is in %d pieces: %s; keep one of them or join them", count, strings.Join(parts, ", "))
}

// RequireBalanced fails when powers do not add up to zero within tol times the sum of their
// magnitudes: then the synchronous frequency is not zero.
func (g *Grid) RequireBalanced(tol float64) error {
	var sum, scale float64
	for _, p := range g.Power {
		sum += p
		scale += math.Abs(p)
	}
	if math.Abs(sum) > tol*max(scale, 1) {
		return fieldErrorf("nodes", "powers add up to %g, not to zero: generation must equal consumption", sum)
	}
	return nil
}

// Subgrid keeps the nodes of keep (ascending positions) and the lines between them.
func (g *Grid) Subgrid(keep []int) (*Grid, error) {
	at := make([]int32, g.N())
	for i := range at {
		at[i] = -1
	}
	d := Data{Name: g.Name, Geographic: g.Geographic}
	last := -1
	for k, i := range keep {
		if i <= last || i >= g.N() {
			return nil, errors.New("subgrid: positions must be ascending and inside the grid")
		}
		last = i
		at[i] = int32(k)
		d.Power = append(d.Power, g.Power[i])
		if g.X != nil {
			d.X, d.Y = append(d.X, g.X[i]), append(d.Y, g.Y[i])
		}
		if g.Names != nil {
			d.Names = append(d.Names, g.Names[i])
		}
	}
	for _, l := range g.Lines {
		if a, b := at[l.From], at[l.To]; a >= 0 && b >= 0 {
			d.Lines = append(d.Lines, Line{a, b, l.Coupling})
		}
	}
	return New(d)
}

// LargestComponent keeps the component with most nodes (the first of equal ones).
func (g *Grid) LargestComponent() (*Grid, error) {
	of, count := g.Components()
	if count == 1 {
		return g, nil
	}
	size := make([]int, count)
	best := 0
	for _, c := range of {
		size[c]++
	}
	for c, s := range size {
		if s > size[best] {
			best = c
		}
	}
	var keep []int
	for i, c := range of {
		if int(c) == best {
			keep = append(keep, i)
		}
	}
	return g.Subgrid(keep)
}
