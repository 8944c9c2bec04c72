package points

import (
	"context"
	"math"

	"github.com/weightspace/weightspace/runtime/kernel/gram"
)

// nearness is the part of |x|^2 + |y|^2 below which a squared distance is not taken from the Gram
// matrix but summed directly.
const nearness = 1e-6

// Distances computes all pairs by blocks of the Gram matrix of the points less their mean:
// D^2 = g_ii + g_jj - 2 g_ij.
//
// Error. A Gram element is off by at most D u |x||y|, u = 2^-53, so D^2 is off by at most
// 2 D u (g_ii + g_jj); where D^2 < 1e-6 (g_ii + g_jj), or even negative, it is summed again from
// differences. Squared distances therefore have a relative error below 2e6 D u: 1e-6 for D = 2,464
// in the worst case, and some 1e-9 typically. Equal points have distance 0.
func (p Points) Distances(ctx context.Context, workers int) (*Distances, error) {
	d := &Distances{N: p.N, D: make([]float64, p.N*(p.N-1)/2)}
	err := p.Visit(ctx, workers, func(_, i, j int, part []float64) { copy(d.D[d.row(i)+j:], part) })
	return d, err
}

// Visit computes the same distances without storing them: f gets those of point i to the points j,
// j+1, ... > i. Every pair is visited once, from many goroutines; calls with the same worker
// never overlap. part is reused afterwards.
func (p Points) Visit(ctx context.Context, workers int, f func(worker, i, j int, part []float64)) error {
	mean := p.Mean()
	norms := p.squaredNorms(mean)
	return kernels().SymmetricBlocks(ctx, workers, p.N, p.D, p.rows(mean), func(w int, t gram.Block) {
		for i := range t.Rows {
			a := t.Row + i
			first := max(a+1-t.Col, 0)
			if first >= t.Cols {
				continue
			}
			part := t.C[i*gram.Stride:][first:t.Cols]
			for j, g := range part {
				part[j] = math.Sqrt(p.squared(a, t.Col+first+j, norms, g))
			}
			f(w, a, t.Col+first, part)
		}
	})
}

// squared is the squared distance of points a and b from their Gram element.
func (p Points) squared(a, b int, norms []float64, g float64) float64 {
	sum := norms[a] + norms[b]
	if s := sum - 2*g; s >= nearness*sum {
		return s
	}
	return SquaredDistance(p.Row(a), p.Row(b))
}

// squaredNorms are the diagonal of the Gram matrix: the same chains.
func (p Points) squaredNorms(mean []float64) []float64 {
	norms := make([]float64, p.N)
	for i := range norms {
		for k, v := range p.Row(i) {
			x := float64(v) - mean[k]
			norms[i] = math.FMA(x, x, norms[i])
		}
	}
	return norms
}

// SquaredDistance is |x-y|^2, summed from differences in float64.
func SquaredDistance(x, y []float32) float64 {
	s := 0.0
	for k, v := range x {
		d := float64(v) - float64(y[k])
		s = math.FMA(d, d, s)
	}
	return s
}
