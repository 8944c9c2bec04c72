package rebasin

import (
	"fmt"
	"math"
	"slices"
)

// Assign solves the linear assignment problem: it returns the column of every row so that the sum of
// cost [rows, cols] is smallest, rows <= cols, each column taken at most once. Method: shortest
// augmenting paths with dual variables (Jonker and Volgenant 1987, in the form of Crouse 2016), O(rows^2
// cols). Of equal columns the lowest is taken. Costs must be finite.
func Assign(cost []float64, rows, cols int) ([]int, error) {
	if rows > cols || rows < 0 || len(cost) != rows*cols {
		return nil, fmt.Errorf("rebasin: %d costs for %d rows and %d columns", len(cost), rows, cols)
	}
	for _, c := range cost {
		if c-c != 0 {
			return nil, fmt.Errorf("rebasin: a cost is %v", c)
		}
	}
	a := assignment{
		cost: cost, cols: cols,
		u: make([]float64, rows), v: make([]float64, cols),
		column: slices.Repeat([]int{-1}, rows), row: slices.Repeat([]int{-1}, cols),
		shortest: make([]float64, cols), from: make([]int, cols), done: make([]bool, cols),
	}
	for i := range rows {
		a.augment(i)
	}
	return a.column, nil
}

// assignment is a partial assignment with duals u, v: cost - u - v is at least 0, and 0 where assigned.
type assignment struct {
	cost        []float64
	cols        int
	u, v        []float64
	column, row []int
	// Of the current path tree: the length of the shortest path to each column, the row before it,
	// and whether it is final.
	shortest []float64
	from     []int
	done     []bool
}

// augment assigns one more row along the shortest path to a free column.
func (a *assignment) augment(start int) {
	for j := range a.done {
		a.done[j], a.shortest[j] = false, math.Inf(1)
	}
	visited := []int{start}
	length, sink := 0.0, -1
	for i := start; sink < 0; {
		next := -1
		for j, done := range a.done {
			if done {
				continue
			}
			if r := length + a.cost[i*a.cols+j] - a.u[i] - a.v[j]; r < a.shortest[j] {
				a.shortest[j], a.from[j] = r, i
			}
			// Among equals a free column ends the search.
			if next < 0 || a.shortest[j] < a.shortest[next] || a.shortest[j] == a.shortest[next] && a.row[j] < 0 && a.row[next] >= 0 {
				next = j
			}
		}
		length = a.shortest[next]
		a.done[next] = true
		if a.row[next] < 0 {
			sink = next
			break
		}
		i = a.row[next]
		visited = append(visited, i)
	}
	a.u[start] += length
	for _, i := range visited[1:] {
		a.u[i] += length - a.shortest[a.column[i]]
	}
	for j, done := range a.done {
		if done {
			a.v[j] -= length - a.shortest[j]
		}
	}
	for j := sink; ; {
		i := a.from[j]
		a.row[j] = i
		a.column[i], j = j, a.column[i]
		if i == start {
			return
		}
	}
}
