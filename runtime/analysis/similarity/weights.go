package similarity

import (
	"context"
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/analysis/points"
	"github.com/weightspace/weightspace/runtime/par"
	"github.com/weightspace/weightspace/runtime/rng"
)

// Pair names two models, I < J.
type Pair struct{ I, J int }

// AllPairs are the n(n-1)/2 pairs of n models: (0,1), (0,2), ...
func AllPairs(n int) []Pair {
	pairs := make([]Pair, 0, n*(n-1)/2)
	for i := range n {
		for j := i + 1; j < n; j++ {
			pairs = append(pairs, Pair{i, j})
		}
	}
	return pairs
}

// SamplePairs draws count different pairs of n models, in ascending order of their draws; all
// pairs if there are no more than count.
func SamplePairs(n, count int, seed uint64) ([]Pair, error) {
	total := n * (n - 1) / 2
	if total <= count {
		return AllPairs(n), nil
	}
	if count < 1 || total >= 1<<31 {
		return nil, fmt.Errorf("similarity: cannot draw %d of %d pairs", count, total)
	}
	permutation := rng.New(seed, "analysis/similarity/pairs").Permutation(total, 0)
	pairs := make([]Pair, count)
	for k := range pairs {
		pairs[k] = pairAt(n, permutation.At(k))
	}
	return pairs, nil
}

// pairAt is pair k of AllPairs.
func pairAt(n, k int) Pair {
	// Row i begins at i(2n-i-1)/2; the root may be off by rounding.
	b := float64(2*n - 1)
	i := int((b - math.Sqrt(b*b-8*float64(k))) / 2)
	start := func(i int) int { return i * (2*n - i - 1) / 2 }
	for i > 0 && start(i) > k {
		i--
	}
	for start(i+1) <= k {
		i++
	}
	return Pair{i, i + 1 + k - start(i)}
}

// WeightDistances are distances of pairs of models in weight space.
type WeightDistances struct {
	// L2 is |x-y|, Cosine 1 - <x,y>/(|x||y|) in [0, 2]; NaN if a vector is 0. One value per pair.
	L2, Cosine []float64
	// MeanL2 and MeanCosine average over the pairs; NaN for none.
	MeanL2, MeanCosine float64
}

// Weights computes distances of pairs of points in float64. They compare raw coordinates: networks
// that differ by an order of hidden units are far apart.
func Weights(ctx context.Context, workers int, p points.Points, pairs []Pair) (*WeightDistances, error) {
	for _, q := range pairs {
		if q.I < 0 || q.J < 0 || q.I >= p.N || q.J >= p.N {
			return nil, fmt.Errorf("similarity: pair (%d, %d) of %d models", q.I, q.J, p.N)
		}
	}
	d := &WeightDistances{L2: make([]float64, len(pairs)), Cosine: make([]float64, len(pairs))}
	err := par.For(ctx, par.Workers(workers), len(pairs), func(_, k int) {
		d.L2[k], d.Cosine[k] = distances(p.Row(pairs[k].I), p.Row(pairs[k].J))
	})
	for k := range pairs {
		d.MeanL2 += d.L2[k]
		d.MeanCosine += d.Cosine[k]
	}
	d.MeanL2 /= float64(len(pairs))
	d.MeanCosine /= float64(len(pairs))
	return d, err
}

// distances of two vectors. The cosine distance is half the squared
// distance of the directions, which loses nothing for vectors that are nearly parallel.
func distances(x, y []float32) (l2, cosine float64) {
	squares, xx, yy := 0.0, 0.0, 0.0
	for k, v := range x {
		a, b := float64(v), float64(y[k])
		squares = math.FMA(a-b, a-b, squares)
		xx = math.FMA(a, a, xx)
		yy = math.FMA(b, b, yy)
	}
	nx, ny := math.Sqrt(xx), math.Sqrt(yy)
	if nx == 0 || ny == 0 {
		return math.Sqrt(squares), math.NaN()
	}
	// |x/nx - y/ny|^2 / 2 = (|x-y|^2 - (nx-ny)^2) / (2 nx ny)
	return math.Sqrt(squares), min(max((squares-(nx-ny)*(nx-ny))/(2*nx*ny), 0), 2)
}
