// Package embed places points in the plane, for the eye: principal components and t-SNE. Pictures are
// evidence of nothing by themselves: measure on distances.
package embed

import (
	"context"
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/analysis/points"
	"github.com/weightspace/weightspace/runtime/kernel/gram"
)

// Projection is the first K principal components of points.
type Projection struct {
	K int
	// Mean [D] is taken off; Components [K, D] are orthonormal, each with its coordinate of largest size positive.
	Mean, Components []float64
	// Variance [K] is along each component, descending; Total is that of all coordinates. Both divide by N-1.
	Variance []float64
	Total    float64
	// Scores [N, K] are the points' coordinates along the components.
	Scores []float64
}

// PCA computes the first k components, k <= min(N-1, D), by a block Krylov method with restarts (Musco
// and Musco 2015) on the smaller of the spaces of points and of coordinates, in float64; no covariance
// matrix is stored. Components are accurate to 1e-8 where their variances differ. Fewer than k are
// returned if the points span fewer dimensions.
func PCA(ctx context.Context, workers int, p points.Points, k int) (*Projection, error) {
	if k < 1 || k > min(p.N-1, p.D) {
		return nil, fmt.Errorf("embed: %d components of %d points with %d coordinates: ask for 1 to %d", k, p.N, p.D, min(p.N-1, p.D))
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	o := &operator{workers: workers, p: p, mean: p.Mean(), dual: p.N < p.D}
	values, vectors, err := o.top(ctx, k)
	if err != nil {
		return nil, err
	}
	k = len(values)
	r := &Projection{K: k, Mean: o.mean, Components: vectors, Variance: make([]float64, k)}
	if o.dual {
		// X'u has the length of the singular value.
		if r.Components, err = o.toCoordinates(ctx, vectors, k); err != nil {
			return nil, err
		}
	}
	for c := range k {
		row := r.Components[c*p.D : (c+1)*p.D]
		normalise(row)
		if row[largest(row)] < 0 {
			for i := range row {
				row[i] = -row[i]
			}
		}
		r.Variance[c] = values[c] / float64(p.N-1)
	}
	for i, v := range p.Data {
		d := float64(v) - o.mean[i%p.D]
		r.Total += d * d / float64(p.N-1)
	}
	r.Scores, err = r.Project(ctx, workers, p)
	return r, err
}

// Project gives the scores of points [N, K].
func (r *Projection) Project(ctx context.Context, workers int, p points.Points) ([]float64, error) {
	if p.D != len(r.Mean) {
		return nil, fmt.Errorf("embed: points with %d coordinates, the projection is of %d", p.D, len(r.Mean))
	}
	scores := make([]float64, p.N*r.K)
	return scores, kernels().Product(ctx, workers, scores, p.N, r.K, p.D,
		gram.Rows[float32]{X: p.Data, Stride: p.D, Mean: r.Mean}, gram.Rows[float64]{X: r.Components, Stride: p.D})
}

// largest is the first index of largest size.
func largest(x []float64) int {
	best := 0
	for i, v := range x {
		if math.Abs(v) > math.Abs(x[best]) {
			best = i
		}
	}
	return best
}
