// Package cholesky factors sparse symmetric positive definite matrices with the pattern of a grid:
// A = L L^T after a minimum-degree ordering (Davis, Direct Methods for Sparse Linear Systems, 2006,
// sections 4.1 and 4.8). One analysis serves many factorisations of the same pattern, as Newton's
// method needs. Grids are nearly planar, so L stays small: a few entries per row.
package cholesky

import (
	"errors"
	"math"
	"slices"
)

// ErrNotPositive says that a matrix is not positive definite.
var ErrNotPositive = errors.New("the matrix is not positive definite")

// Pattern is the analysed structure of a symmetric matrix.
type Pattern struct {
	n int
	// order[k] is the row that is eliminated k-th, place its inverse.
	order, place []int32
	// The rows of L without the diagonal, in the order of elimination: row k has the columns
	// column[pointer[k]:pointer[k+1]], ascending. Column-wise the same: down.
	pointer, column []int32
	// below[at[k]:at[k+1]] are the positions in column/value of column k of L, by ascending row.
	at, below, row []int32
	// slot[e] is the position in column and value of element e of the caller.
	slot []int32
}

// Element is an off-diagonal element of a symmetric matrix; it stands for both halves.
type Element struct{ Row, Col int32 }

// Analyse orders a symmetric matrix of n rows with the given off-diagonal elements, each given
// once or more often (values of repeated elements are added up) and in range.
func Analyse(n int, elements []Element) *Pattern {
	p := &Pattern{n: n, order: make([]int32, 0, n), place: make([]int32, n)}
	rows := p.eliminate(elements)
	p.lower(rows)
	p.slot = make([]int32, len(elements))
	for e, el := range elements {
		i, j := p.place[el.Row], p.place[el.Col]
		if i < j {
			i, j = j, i
		}
		k, _ := slices.BinarySearch(p.column[p.pointer[i]:p.pointer[i+1]], j)
		p.slot[e] = p.pointer[i] + int32(k)
	}
	return p
}

// eliminate picks the row of least degree again and again (the first of equal ones) and joins its neighbours. It
// returns the columns of L, as rows of the caller.
func (p *Pattern) eliminate(elements []Element) [][]int32 {
	adj := make([][]int32, p.n)
	for _, e := range elements {
		adj[e.Row] = append(adj[e.Row], e.Col)
		adj[e.Col] = append(adj[e.Col], e.Row)
	}
	buckets := make([][]int32, p.n+1)
	for i := range adj {
		slices.Sort(adj[i])
		adj[i] = slices.Compact(adj[i])
	}
	for i := p.n - 1; i >= 0; i-- {
		buckets[len(adj[i])] = append(buckets[len(adj[i])], int32(i))
	}
	done := make([]bool, p.n)
	least := 0
	var merged []int32
	for len(p.order) < p.n {
		for len(buckets[least]) == 0 {
			least++
		}
		b := buckets[least]
		v := b[len(b)-1]
		buckets[least] = b[:len(b)-1]
		if done[v] || len(adj[v]) != least { // an old entry
			continue
		}
		done[v] = true
		p.place[v] = int32(len(p.order))
		p.order = append(p.order, v)
		for _, w := range adj[v] {
			merged = merge(merged[:0], adj[w], adj[v], w, v)
			adj[w] = append(adj[w][:0], merged...)
			buckets[len(merged)] = append(buckets[len(merged)], w)
			least = min(least, len(merged))
		}
	}
	return adj
}

// merge is the union of two ascending lists without x and y.
func merge(dst, a, b []int32, x, y int32) []int32 {
	for len(a) > 0 || len(b) > 0 {
		var v int32
		switch {
		case len(b) == 0 || (len(a) > 0 && a[0] < b[0]):
			v, a = a[0], a[1:]
		case len(a) == 0 || b[0] < a[0]:
			v, b = b[0], b[1:]
		default:
			v, a, b = a[0], a[1:], b[1:]
		}
		if v != x && v != y {
			dst = append(dst, v)
		}
	}
	return dst
}

// lower writes the columns of L, given as neighbours at elimination, as rows and columns.
func (p *Pattern) lower(columns [][]int32) {
	p.pointer, p.at = make([]int32, p.n+1), make([]int32, p.n+1)
	total := 0
	for _, c := range columns {
		total += len(c)
	}
	p.column, p.below, p.row = make([]int32, total), make([]int32, total), make([]int32, total)
	for v, c := range columns {
		p.at[p.place[v]+1] = int32(len(c))
		for _, w := range c {
			p.pointer[p.place[w]+1]++
		}
	}
	for k := range p.n {
		p.pointer[k+1] += p.pointer[k]
		p.at[k+1] += p.at[k]
	}
	next := slices.Clone(p.pointer)
	var rows []int32
	for k, v := range p.order { // ascending columns, so rows come out ascending
		rows = rows[:0]
		for _, w := range columns[v] {
			rows = append(rows, p.place[w])
		}
		slices.Sort(rows)
		for m, i := range rows {
			p.column[next[i]] = int32(k)
			p.below[int(p.at[k])+m], p.row[int(p.at[k])+m] = next[i], i
			next[i]++
		}
	}
}

// NNZ is the number of elements of L below its diagonal.
func (p *Pattern) NNZ() int { return len(p.column) }

// Factor is L of one matrix.
type Factor struct {
	p     *Pattern
	value []float64 // of the rows of L
	diag  []float64
	work  []float64
}

// NewFactor has room for a factorisation.
func (p *Pattern) NewFactor() *Factor {
	return &Factor{p: p, value: make([]float64, len(p.column)), diag: make([]float64, p.n), work: make([]float64, p.n)}
}

// Set factors the matrix with diagonal [n] and off-diagonal values in the order of Analyse's elements.
// It returns ErrNotPositive for a matrix that is not positive definite, and f is then of no use.
func (f *Factor) Set(diagonal, off []float64) error {
	p := f.p
	clear(f.value)
	for e, s := range p.slot {
		f.value[s] += off[e]
	}
	// Up-looking by rows: row k of L solves L[:k,:k] l = A[:k,k].
	for k := range p.n {
		lo, hi := p.pointer[k], p.pointer[k+1]
		for e := lo; e < hi; e++ {
			f.work[p.column[e]] = f.value[e]
		}
		d := diagonal[p.order[k]]
		for e := lo; e < hi; e++ {
			j := p.column[e]
			l := f.work[j] / f.diag[j]
			f.work[j] = 0
			f.value[e] = l
			d -= float64(l * l)
			// Column j of L below row j, up to row k.
			for m := p.at[j]; m < p.at[j+1] && int(p.row[m]) < k; m++ {
				f.work[p.row[m]] -= float64(f.value[p.below[m]] * l)
			}
		}
		if !(d > 0) {
			clear(f.work)
			return ErrNotPositive
		}
		f.diag[k] = math.Sqrt(d)
	}
	return nil
}

// Solve writes the solution of A x = b; x may be b.
func (f *Factor) Solve(x, b []float64) {
	p, y := f.p, f.work
	for k, v := range p.order {
		s := b[v]
		for e := p.pointer[k]; e < p.pointer[k+1]; e++ {
			s -= float64(f.value[e] * y[p.column[e]])
		}
		y[k] = s / f.diag[k]
	}
	for k := p.n - 1; k >= 0; k-- {
		s := y[k]
		for m := p.at[k]; m < p.at[k+1]; m++ {
			s -= float64(f.value[p.below[m]] * y[p.row[m]])
		}
		y[k] = s / f.diag[k]
		x[p.order[k]] = y[k]
	}
	clear(y)
}
