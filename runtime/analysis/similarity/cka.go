package similarity

import (
	"context"
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/kernel/gram"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// Activations are what a layer computes for n inputs: X is [n, D], row by row.
type Activations struct {
	X []float32
	D int
}

// CKA is the similarity of two layers' activations on the same inputs, at most 1. Both forms are NaN if
// a layer's activations do not vary.
type CKA struct {
	// Linear is Kornblith et al. (2019): |Y'X|^2 / (|X'X| |Y'Y|), Frobenius norms of centred activations. It is biased
	// towards 1 when D is not small against n.
	Linear float64
	// Unbiased takes the unbiased estimator of HSIC instead (Song et al. 2012; Nguyen et al. 2021); it may be slightly
	// negative, and needs four inputs: NaN with fewer.
	Unbiased float64
}

// LinearCKA compares two layers in float64. Cost is O(n D^2) or O(n^2 D), whichever is less.
// Activations must be finite.
func LinearCKA(ctx context.Context, workers int, x, y Activations) (CKA, error) {
	m, err := Population(ctx, workers, []Activations{x, y})
	if err != nil {
		return CKA{}, err
	}
	return m.At(0, 1), nil
}

// CKAs are the similarities of all pairs of a population, [Models, Models].
type CKAs struct {
	Models           int
	Linear, Unbiased []float64
}

// At is the similarity of models i and j.
func (c *CKAs) At(i, j int) CKA { return CKA{c.Linear[i*c.Models+j], c.Unbiased[i*c.Models+j]} }

// Mean averages over all pairs of different models.
func (c *CKAs) Mean() CKA {
	var s CKA
	for i := range c.Models {
		for j := range i {
			a := c.At(i, j)
			s.Linear += a.Linear
			s.Unbiased += a.Unbiased
		}
	}
	pairs := float64(c.Models*(c.Models-1)) / 2
	return CKA{s.Linear / pairs, s.Unbiased / pairs}
}

// Population compares the activations of every two models on the same inputs.
func Population(ctx context.Context, workers int, layers []Activations) (*CKAs, error) {
	features := make([]*centred, len(layers))
	for i, l := range layers {
		if l.D <= 0 || len(l.X) == 0 || len(l.X)%l.D != 0 {
			return nil, fmt.Errorf("similarity: %d activations are not rows of %d", len(l.X), l.D)
		}
		features[i] = centre(l)
		if features[i].n != features[0].n {
			return nil, fmt.Errorf("similarity: layers were given %d and %d inputs: they must be the same", features[0].n, features[i].n)
		}
	}
	n := len(layers)
	c := &CKAs{n, make([]float64, n*n), make([]float64, n*n)}
	biased, unbiased := make([]float64, n*n), make([]float64, n*n)
	for i := range n {
		for j := range i + 1 {
			b, u, err := hsic(ctx, workers, features[i], features[j])
			if err != nil {
				return nil, err
			}
			biased[i*n+j], unbiased[i*n+j] = b, u
			biased[j*n+i], unbiased[j*n+i] = b, u
		}
	}
	for i := range n {
		for j := range n {
			c.Linear[i*n+j] = normalised(biased, i, j, n)
			c.Unbiased[i*n+j] = normalised(unbiased, i, j, n)
		}
	}
	return c, nil
}

func normalised(h []float64, i, j, n int) float64 {
	if !(h[i*n+i] > 0 && h[j*n+j] > 0) {
		return math.NaN()
	}
	return h[i*n+j] / (math.Sqrt(h[i*n+i]) * math.Sqrt(h[j*n+j]))
}

// centred are activations with their mean, which is taken off on the way, and with the squared norms
// of their centred rows: the diagonal of their kernel.
type centred struct {
	Activations
	n    int
	mean []float64
	diag []float64
}

func centre(l Activations) *centred {
	c := &centred{Activations: l, n: len(l.X) / l.D, mean: make([]float64, l.D)}
	for i, v := range l.X {
		c.mean[i%l.D] += float64(v)
	}
	for k := range c.mean {
		c.mean[k] /= float64(c.n)
	}
	c.diag = make([]float64, c.n)
	for i, v := range l.X {
		d := float64(v) - c.mean[i%l.D]
		c.diag[i/l.D] = math.FMA(d, d, c.diag[i/l.D])
	}
	return c
}

// hsic gives |Y'X|^2 and the unbiased estimate, both without common factors. With linear kernels of
// centred rows the rows of K sum to 0, so the sums of K without its diagonal k are those of -k:
//
//	tr(K~L~) = |Y'X|^2 - sum k_i l_i,  1'K~1 = -sum k_i,  1'K~L~1 = sum k_i l_i
func hsic(ctx context.Context, workers int, x, y *centred) (biased, unbiased float64, err error) {
	biased, err = crossNorm(ctx, workers, x, y)
	if err != nil {
		return 0, 0, err
	}
	if x.n < 4 {
		return biased, math.NaN(), nil
	}
	var k, l, kl float64
	for i, v := range x.diag {
		k += v
		l += y.diag[i]
		kl += v * y.diag[i]
	}
	n := float64(x.n)
	unbiased = (biased - kl) + k*l/((n-1)*(n-2)) - 2/(n-2)*kl
	return biased, unbiased / (n * (n - 3)), nil
}

// crossNorm is the squared Frobenius norm of Y'X, from the features or, if there are more of them
// than inputs, as tr(KL).
func crossNorm(ctx context.Context, workers int, x, y *centred) (float64, error) {
	g, err := gram.New(isa.Auto)
	if err != nil {
		return 0, err
	}
	if float64(x.n)*float64(x.D)*float64(y.D) <= float64(x.n)*float64(x.n)*float64(x.D+y.D)/2 {
		c := make([]float64, x.D*y.D)
		if err := g.Product(ctx, workers, c, x.D, y.D, x.n, x.columns(), y.columns()); err != nil {
			return 0, err
		}
		return dot(c, c), nil
	}
	k, l := make([]float64, x.n*x.n), make([]float64, x.n*x.n)
	if err := g.Symmetric(ctx, workers, k, x.n, x.D, x.rows()); err != nil {
		return 0, err
	}
	if err := g.Symmetric(ctx, workers, l, y.n, y.D, y.rows()); err != nil {
		return 0, err
	}
	return dot(k, l), nil
}

func (c *centred) columns() gram.Source {
	return gram.Columns[float32]{X: c.X, Stride: c.D, Mean: c.mean}
}

func (c *centred) rows() gram.Source {
	return gram.Rows[float32]{X: c.X, Stride: c.D, Mean: c.mean}
}

func dot(x, y []float64) float64 {
	s := 0.0
	for i, v := range x {
		s = math.FMA(v, y[i], s)
	}
	return s
}
