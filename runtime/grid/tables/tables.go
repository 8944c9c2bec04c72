// Package tables writes ensembles of grids as two Parquet tables, nodes and lines. It is apart from
// package grid for the sake of programs that need no Parquet.
package tables

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/weightspace/weightspace/runtime/grid"
)

// NodeRow is a row of the table of nodes.
type NodeRow struct {
	Grid  int64    `parquet:"grid"` // number of the grid
	Node  int32    `parquet:"node"` // position from 0
	Name  *string  `parquet:"name,optional"`
	Power float64  `parquet:"power"`
	X     *float64 `parquet:"x,optional"`
	Y     *float64 `parquet:"y,optional"`
}

// LineRow is a row of the table of lines: From and To are positions of nodes.
type LineRow struct {
	Grid     int64   `parquet:"grid"`
	From     int32   `parquet:"from"`
	To       int32   `parquet:"to"`
	Coupling float64 `parquet:"coupling"`
}

// Writer writes grids, one after the other. Close ends it. Equal grids give equal bytes.
type Writer struct {
	nodes *parquet.GenericWriter[NodeRow]
	lines *parquet.GenericWriter[LineRow]
}

// NewWriter starts the two tables.
func NewWriter(nodes, lines io.Writer) *Writer {
	options := []parquet.WriterOption{
		parquet.Compression(&parquet.Zstd), parquet.CreatedBy("weightspace", "1", ""), parquet.MaxRowsPerRowGroup(1 << 16),
		parquet.KeyValueMetadata("schema", grid.Schema),
	}
	return &Writer{parquet.NewGenericWriter[NodeRow](nodes, options...), parquet.NewGenericWriter[LineRow](lines, options...)}
}

// Write adds a grid with its number in the ensemble.
func (w *Writer) Write(index int64, g *grid.Grid) error {
	nodes, lines := make([]NodeRow, g.N()), make([]LineRow, len(g.Lines))
	for i, p := range g.Power {
		n := &nodes[i]
		n.Grid, n.Node, n.Power = index, int32(i), p
		if g.X != nil {
			n.X, n.Y = &g.X[i], &g.Y[i]
		}
		if g.Names != nil {
			n.Name = &g.Names[i]
		}
	}
	for i, l := range g.Lines {
		lines[i] = LineRow{index, l.From, l.To, l.Coupling}
	}
	if _, err := w.nodes.Write(nodes); err != nil {
		return fmt.Errorf("nodes of grid %d: %w", index, err)
	}
	if _, err := w.lines.Write(lines); err != nil {
		return fmt.Errorf("lines of grid %d: %w", index, err)
	}
	return nil
}

// Close writes the rest of both tables.
func (w *Writer) Close() error {
	if err := w.nodes.Close(); err != nil {
		return fmt.Errorf("table of nodes: %w", err)
	}
	if err := w.lines.Close(); err != nil {
		return fmt.Errorf("table of lines: %w", err)
	}
	return nil
}
