// Package published reads the published ensembles of grids with their targets (card
// power-grid-simulation, section 7): layout A, a file for each grid (Zenodo 5148085, 6572973), and
// layout B, all grids of a split in one file (Zenodo 8204334). Their writer was column-major, so
// matrices appear transposed, and it counts nodes from 1.
package published

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/weightspace/weightspace/runtime/grid"
	"github.com/weightspace/weightspace/runtime/hdf5"
)

// Sample is a grid with its targets.
type Sample struct {
	Index   int // the number of the publication, from 1
	Grid    *grid.Grid
	Targets map[string][]float64 // snbs, surv, mfd, tm: [N] each
}

// MaxFile bounds one file of an ensemble. The packed input of 10,000 grids has some 50 MB.
const MaxFile = 2 << 30

// Targets are the names of targets; a file <name>.h5 (B) or <name>_<id>.h5 (A) holds them.
var Targets = []string{"snbs", "surv", "mfd", "tm"}

// Read reads the grids of a folder, by ascending index: of layout B if it has an input_data.h5, else of layout A,
// whose files it finds in the folder itself or in grids, 4Pytorch and dynamics below it.
func Read(dir fs.FS) ([]Sample, error) {
	if _, err := fs.Stat(dir, "input_data.h5"); err == nil {
		return packed(dir)
	}
	return single(dir)
}

// open is the root of a file. It returns nil for one that does not exist.
func open(dir fs.FS, name string) (*hdf5.Group, error) {
	info, err := fs.Stat(dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // absence is no error
	}
	if err != nil {
		return nil, err
	}
	if info.Size() > MaxFile {
		return nil, fmt.Errorf("%s: %d bytes, at most %d are accepted", name, info.Size(), MaxFile)
	}
	b, err := fs.ReadFile(dir, name)
	if err != nil {
		return nil, err
	}
	f, err := hdf5.Open(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	g, err := f.Root()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return g, nil
}

// packed reads layout B.
func packed(dir fs.FS) ([]Sample, error) {
	root, err := open(dir, "input_data.h5")
	if err != nil {
		return nil, err
	}
	grids, err := root.Group("grids")
	if err != nil {
		return nil, fmt.Errorf("input_data.h5: %w", err)
	}
	targets := map[string]*hdf5.Group{}
	for _, t := range Targets {
		g, err := open(dir, t+".h5")
		if err != nil {
			return nil, err
		}
		if g != nil {
			targets[t] = g
		}
	}
	var out []Sample
	for _, name := range grids.Names() {
		index, err := strconv.Atoi(name)
		if err != nil || index < 1 {
			return nil, fmt.Errorf("input_data.h5: group grids/%.40q is not a number from 1", name)
		}
		g, err := grids.Group(name)
		if err != nil {
			return nil, fmt.Errorf("input_data.h5: %w", err)
		}
		s := Sample{Index: index, Targets: map[string][]float64{}}
		if s.Grid, err = edges(g, "node_features", name); err != nil {
			return nil, fmt.Errorf("input_data.h5, grid %d: %w", index, err)
		}
		for _, t := range Targets {
			if targets[t] == nil {
				continue
			}
			if err := s.target(targets[t], t, name); err != nil {
				return nil, fmt.Errorf("%s.h5, grid %d: %w", t, index, err)
			}
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Sample) int { return a.Index - b.Index })
	return out, nil
}

// target reads one target of a sample from a group.
func (s *Sample) target(g *hdf5.Group, target, member string) error {
	d, err := g.Dataset(member)
	if err != nil {
		return err
	}
	v, err := d.Float64s()
	if err != nil {
		return err
	}
	if len(v) != s.Grid.N() {
		return fmt.Errorf("%d values for %d nodes", len(v), s.Grid.N())
	}
	for i, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("node %d has %v", i+1, x)
		}
	}
	s.Targets[target] = v
	return nil
}

// edges makes the grid of edge_index, edge_attr and the powers.
func edges(g *hdf5.Group, power, name string) (*grid.Grid, error) {
	p, err := numbers(g, power)
	if err != nil {
		return nil, err
	}
	d, err := g.Dataset("edge_index")
	if err != nil {
		return nil, err
	}
	index, err := d.Int64s()
	if err != nil {
		return nil, err
	}
	weight, err := numbers(g, "edge_attr")
	if err != nil {
		return nil, err
	}
	from, to, err := columns(index, d.Shape())
	if err != nil {
		return nil, fmt.Errorf("edge_index: %w", err)
	}
	lines, err := undirected(from, to, weight, len(p))
	if err != nil {
		return nil, err
	}
	return grid.New(grid.Data{Name: name, Power: p, Lines: lines})
}

func numbers(g *hdf5.Group, name string) ([]float64, error) {
	d, err := g.Dataset(name)
	if err != nil {
		return nil, err
	}
	return d.Float64s()
}

// columns are the two ends of directed edges: E x 2 as the publication appears here, or 2 x E.
func columns[T any](v []T, shape []int) (a, b []T, err error) {
	switch {
	case len(shape) == 2 && shape[1] == 2:
		for i := 0; i < len(v); i += 2 {
			a, b = append(a, v[i]), append(b, v[i+1])
		}
	case len(shape) == 2 && shape[0] == 2:
		a, b = v[:shape[1]], v[shape[1]:]
	default:
		return nil, nil, fmt.Errorf("shape %v, want E x 2 or 2 x E", shape)
	}
	return a, b, nil
}

// undirected joins the two directions of each line, which must both be there with one weight.
func undirected(from, to []int64, weight []float64, n int) ([]grid.Line, error) {
	if len(weight) != len(from) {
		return nil, fmt.Errorf("edge_attr has %d weights for %d directed edges", len(weight), len(from))
	}
	type pair struct{ from, to int64 }
	of := make(map[pair]float64, len(from))
	for k := range from {
		if from[k] < 1 || from[k] > int64(n) || to[k] < 1 || to[k] > int64(n) {
			return nil, fmt.Errorf("edge_index: edge %d joins %d and %d, nodes are 1 to %d", k, from[k], to[k], n)
		}
		e := pair{from[k], to[k]}
		if _, twice := of[e]; twice {
			return nil, fmt.Errorf("edge_index: the edge from %d to %d is there twice", from[k], to[k])
		}
		of[e] = weight[k]
	}
	var lines []grid.Line
	for k := range from {
		back, ok := of[pair{to[k], from[k]}]
		if !ok || back != weight[k] {
			return nil, fmt.Errorf("edge_index: the edge from %d to %d has no counterpart of equal weight", from[k], to[k])
		}
		if from[k] < to[k] {
			lines = append(lines, grid.Line{From: int32(from[k] - 1), To: int32(to[k] - 1), Coupling: weight[k]})
		} else if from[k] == to[k] {
			return nil, fmt.Errorf("edge_index: node %d is joined with itself", from[k])
		}
	}
	return lines, nil
}

// single reads layout A: grid_data_<id>.h5 (or, without it, grid_<id>.h5) and the targets' files.
func single(dir fs.FS) ([]Sample, error) {
	found := map[string]map[int]string{}
	for _, below := range []string{".", "grids", "4Pytorch", "dynamics"} {
		entries, err := fs.ReadDir(dir, below)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			kind, id, ok := numbered(e.Name())
			if !ok || e.IsDir() {
				continue
			}
			if found[kind] == nil {
				found[kind] = map[int]string{}
			}
			found[kind][id] = path.Join(below, e.Name())
		}
	}
	ids := map[int]bool{}
	for _, kind := range []string{"grid_data", "grid"} {
		for id := range found[kind] {
			ids[id] = true
		}
	}
	if len(ids) == 0 {
		return nil, errors.New("the folder has neither input_data.h5 nor files grid_data_<id>.h5 or grid_<id>.h5")
	}
	var out []Sample
	for id := range ids {
		s, err := one(dir, found, id)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Sample) int { return a.Index - b.Index })
	return out, nil
}

// numbered splits grid_data_00017.h5 into grid_data and 17.
func numbered(name string) (kind string, id int, ok bool) {
	stem, ok := strings.CutSuffix(name, ".h5")
	i := strings.LastIndexByte(stem, '_')
	if !ok || i < 0 {
		return "", 0, false
	}
	id, err := strconv.Atoi(stem[i+1:])
	return stem[:i], id, err == nil && id > 0
}

func one(dir fs.FS, found map[string]map[int]string, id int) (Sample, error) {
	s := Sample{Index: id, Targets: map[string][]float64{}}
	data, raw := found["grid_data"][id], found["grid"][id]
	name := strconv.Itoa(id)
	if raw != "" {
		g, err := open(dir, raw)
		if err == nil {
			s.Grid, err = vertices(g, name)
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", raw, err)
		}
	}
	if data != "" {
		g, err := open(dir, data)
		var made *grid.Grid
		if err == nil {
			made, err = edges(g, "P", name)
		}
		if err == nil && s.Grid != nil {
			made, err = placed(made, s.Grid)
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", data, err)
		}
		s.Grid = made
	}
	for _, t := range Targets {
		file := found[t][id]
		if file == "" {
			continue
		}
		g, err := open(dir, file)
		if err == nil {
			err = s.target(g, t, t)
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", file, err)
		}
	}
	return s, nil
}

// placed is g with the positions of the generator's own file, whose topology must be the same.
func placed(g, raw *grid.Grid) (*grid.Grid, error) {
	same := slices.EqualFunc(g.Lines, raw.Lines, func(a, b grid.Line) bool { return a.From == b.From && a.To == b.To })
	if g.N() != raw.N() || !same {
		return nil, errors.New("has another topology than the grid's own file")
	}
	d := g.Data()
	d.X, d.Y = raw.X, raw.Y
	return grid.New(d)
}

// vertices makes the grid of the generator's own file: positions, powers and a compressed-column
// adjacency counted from 1. The file has no weights: lines get grid.DefaultCoupling.
func vertices(g *hdf5.Group, name string) (*grid.Grid, error) {
	p, err := numbers(g, "P")
	if err != nil {
		return nil, err
	}
	n := len(p)
	d, err := g.Dataset("grids_vertices")
	if err != nil {
		return nil, err
	}
	v, err := d.Float64s()
	if err != nil {
		return nil, err
	}
	shape := d.Shape()
	data := grid.Data{Name: name, Power: p}
	if len(shape) == 2 && shape[0] == 2 && shape[1] == n {
		data.X, data.Y = v[:n], v[n:]
	} else if data.X, data.Y, err = columns(v, shape); err != nil || len(data.X) != n {
		return nil, fmt.Errorf("grids_vertices: shape %v for %d nodes", shape, n)
	}
	if data.Lines, err = compressed(g, n); err != nil {
		return nil, err
	}
	return grid.New(data)
}

// compressed reads the adjacency.
func compressed(g *hdf5.Group, n int) ([]grid.Line, error) {
	var parts [2][]int64
	for i, name := range []string{"grids_weights_col_ptr", "grids_weights_row_val"} {
		d, err := g.Dataset(name)
		if err != nil {
			return nil, err
		}
		if parts[i], err = d.Int64s(); err != nil {
			return nil, err
		}
	}
	pointer, row := parts[0], parts[1]
	if len(pointer) != n+1 || pointer[0] != 1 || pointer[n] != int64(len(row))+1 || !slices.IsSorted(pointer) {
		return nil, fmt.Errorf("grids_weights_col_ptr does not divide %d elements among %d nodes", len(row), n)
	}
	var from, to []int64
	for c := range n {
		for _, r := range row[pointer[c]-1 : pointer[c+1]-1] {
			from, to = append(from, r), append(to, int64(c+1))
		}
	}
	weight := make([]float64, len(from))
	for i := range weight {
		weight[i] = grid.DefaultCoupling
	}
	return undirected(from, to, weight, n)
}
