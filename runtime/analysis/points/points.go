// Package points holds N points of D coordinates, such as the flattened weights of checkpoints, and
// computes what is needed between all pairs of them: Gram matrices, scatter matrices and Euclidean
// distances. Products are float64 (package kernel/gram).
package points

import (
	"context"
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/kernel/gram"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// Points are N points: Data is [N, D], row by row.
type Points struct {
	N, D int
	Data []float32
}

// New wraps data [N, d] without copying. It fails if the length is not a multiple of d.
func New(data []float32, d int) (Points, error) {
	if d <= 0 || len(data)%d != 0 {
		return Points{}, fmt.Errorf("points: %d values are not rows of %d coordinates", len(data), d)
	}
	return Points{N: len(data) / d, D: d, Data: data}, nil
}

// Row is point i; it is not a copy.
func (p Points) Row(i int) []float32 { return p.Data[i*p.D : (i+1)*p.D] }

// Select copies some points, in the given order.
func (p Points) Select(rows []int) Points {
	q := Points{N: len(rows), D: p.D, Data: make([]float32, len(rows)*p.D)}
	for i, r := range rows {
		copy(q.Row(i), p.Row(r))
	}
	return q
}

// Section copies coordinates [offset, offset+size) of all points: one layer, say.
func (p Points) Section(offset, size int) Points {
	q := Points{N: p.N, D: size, Data: make([]float32, p.N*size)}
	for i := range p.N {
		copy(q.Row(i), p.Row(i)[offset:])
	}
	return q
}

// Finite lists the points all of whose coordinates are finite. What follows in this and the other
// packages of analysis assumes that all are: select them first.
func (p Points) Finite() []int {
	keep := make([]int, 0, p.N)
	for i := range p.N {
		bad := false
		for _, v := range p.Row(i) {
			bad = bad || v-v != 0
		}
		if !bad {
			keep = append(keep, i)
		}
	}
	return keep
}

// Mean is the mean point, summed in the order of the points.
func (p Points) Mean() []float64 {
	mean := make([]float64, p.D)
	for i := range p.N {
		for k, v := range p.Row(i) {
			mean[k] += float64(v)
		}
	}
	for k := range mean {
		mean[k] /= float64(max(p.N, 1))
	}
	return mean
}

// rows are the points less a mean (nil for none) as a source of products.
func (p Points) rows(mean []float64) gram.Rows[float32] {
	return gram.Rows[float32]{X: p.Data, Stride: p.D, Mean: mean}
}

// kernels are those of the best level: all give the same bits.
func kernels() *gram.Kernels {
	k, err := gram.New(isa.Auto)
	if err != nil {
		panic(err) // the best level is always there
	}
	return k
}

// Gram is the N x N matrix of inner products of the points less mean; nil for no mean.
func (p Points) Gram(ctx context.Context, workers int, mean []float64) ([]float64, error) {
	g := make([]float64, p.N*p.N)
	return g, kernels().Symmetric(ctx, workers, g, p.N, p.D, p.rows(mean))
}

// Scatter is the D x D matrix of inner products of the coordinates less mean; nil for no mean.
func (p Points) Scatter(ctx context.Context, workers int, mean []float64) ([]float64, error) {
	s := make([]float64, p.D*p.D)
	src := gram.Columns[float32]{X: p.Data, Stride: p.D, Mean: mean}
	return s, kernels().Symmetric(ctx, workers, s, p.D, p.N, src)
}

// Distances are the Euclidean distances of all pairs, the upper triangle row by row:
// (0,1), (0,2), ... as in SciPy's condensed form.
type Distances struct {
	N int
	D []float64
}

// NewDistances wraps a condensed matrix of n points. It fails for a wrong length, and for values
// that are negative or not finite.
func NewDistances(d []float64, n int) (*Distances, error) {
	if len(d) != n*(n-1)/2 {
		return nil, fmt.Errorf("points: %d distances do not belong to %d points: want %d", len(d), n, n*(n-1)/2)
	}
	m := &Distances{n, d}
	return m, m.Check()
}

// Check fails if a distance is negative or not finite, as those of points that are not finite.
func (d *Distances) Check() error {
	for _, v := range d.D {
		if !(v >= 0) || math.IsInf(v, 1) {
			return fmt.Errorf("points: a distance is %v: exclude models that are not finite", v)
		}
	}
	return nil
}

// Check fails if a coordinate is not finite.
func (p Points) Check() error {
	for i := range p.N {
		for k, v := range p.Row(i) {
			if v-v != 0 {
				return fmt.Errorf("points: coordinate %d of point %d is %v: exclude models that are not finite", k, i, v)
			}
		}
	}
	return nil
}

// At is the distance of points i and j.
func (d *Distances) At(i, j int) float64 {
	switch {
	case i == j:
		return 0
	case i > j:
		i, j = j, i
	}
	return d.D[d.row(i)+j]
}

// row is the position in D of column 0 of row i.
func (d *Distances) row(i int) int { return i*d.N - i*(i+3)/2 - 1 }

// Select are the distances of some points, in the given order.
func (d *Distances) Select(rows []int) *Distances {
	s := &Distances{N: len(rows), D: make([]float64, 0, len(rows)*(len(rows)-1)/2)}
	for i, a := range rows {
		for _, b := range rows[i+1:] {
			s.D = append(s.D, d.At(a, b))
		}
	}
	return s
}

// Set changes the distance of points i != j.
func (d *Distances) Set(i, j int, v float64) {
	if i > j {
		i, j = j, i
	}
	d.D[d.row(i)+j] = v
}
