package rebasin

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/weightspace/weightspace/runtime/analysis/points"
)

// Average is the mean of the given rows of weights: of models (align them first if they do not share
// a start), or of the epochs of one model. Sums are float64 in the given order. A row may be named more
// than once.
func Average(p points.Points, rows []int) ([]float32, error) {
	if len(rows) == 0 {
		return nil, fmt.Errorf("rebasin: an average of no models")
	}
	sum := make([]float64, p.D)
	for _, r := range rows {
		if r < 0 || r >= p.N {
			return nil, fmt.Errorf("rebasin: model %d of %d", r, p.N)
		}
		for k, v := range p.Row(r) {
			sum[k] += float64(v)
		}
	}
	mean := make([]float32, p.D)
	for k, s := range sum {
		mean[k] = float32(s / float64(len(rows)))
	}
	return mean, nil
}

// Evaluate says how good weights are on held-out data: larger is better. It may keep nothing of
// weights.
type Evaluate func(ctx context.Context, weights []float32) (float64, error)

// Soup is an average of models with its score.
type Soup struct {
	// Members are the rows that were averaged, in the order in which they were taken.
	Members []int
	Weights []float32
	Score   float64
}

// UniformSoup averages all models.
func UniformSoup(ctx context.Context, p points.Points, evaluate Evaluate) (*Soup, error) {
	s := &Soup{Members: make([]int, p.N)}
	for i := range s.Members {
		s.Members[i] = i
	}
	var err error
	if s.Weights, err = Average(p, s.Members); err != nil {
		return nil, err
	}
	s.Score, err = evaluate(ctx, s.Weights)
	return s, err
}

// GreedySoup (Wortsman et al. 2022, recipe 1) takes the models from the best score to the worst, ties by
// index, and keeps each with which the average scores no worse than without. scores are those of the
// models by the same evaluation; NaN counts as the worst.
func GreedySoup(ctx context.Context, p points.Points, scores []float64, evaluate Evaluate) (*Soup, error) {
	if len(scores) != p.N || p.N == 0 {
		return nil, fmt.Errorf("rebasin: %d scores for %d models", len(scores), p.N)
	}
	order := make([]int, p.N)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	best := order[0]
	s := &Soup{Members: []int{best}, Weights: slices.Clone(p.Row(best)), Score: scores[best]}
	for _, i := range order[1:] {
		members := append(slices.Clone(s.Members), i)
		w, err := Average(p, members)
		if err != nil {
			return nil, err
		}
		score, err := evaluate(ctx, w)
		if err != nil {
			return nil, err
		}
		if score >= s.Score {
			s.Members, s.Weights, s.Score = members, w, score
		}
	}
	return s, nil
}

// Interpolate is (1-t) a + t b, in float64 and rounded: a itself at 0, b at 1.
func Interpolate(a, b []float32, t float64) []float32 {
	out := make([]float32, len(a))
	for k, v := range a {
		out[k] = float32((1-t)*float64(v) + t*float64(b[k]))
	}
	return out
}

// Barrier describes the loss on the segment between two networks.
type Barrier struct {
	// T are the places in [0, 1], Loss the losses there.
	T, Loss []float64
	// Height is the largest excess of the loss over the line between the ends' losses (Frankle et al. 2020), at At; at
	// least 0. NaN if a loss is.
	Height, At float64
}

// InterpolationBarrier evaluates steps+1 evenly spaced points between a and b; loss gives the loss
// of weights, smaller being better.
func InterpolationBarrier(ctx context.Context, a, b []float32, steps int, loss Evaluate) (*Barrier, error) {
	if len(a) != len(b) || steps < 1 {
		return nil, fmt.Errorf("rebasin: rows of %d and %d weights, %d steps", len(a), len(b), steps)
	}
	r := &Barrier{}
	for i := range steps + 1 {
		t := float64(i) / float64(steps)
		l, err := loss(ctx, Interpolate(a, b, t))
		if err != nil {
			return nil, err
		}
		r.T, r.Loss = append(r.T, t), append(r.Loss, l)
	}
	for i, t := range r.T {
		excess := r.Loss[i] - ((1-t)*r.Loss[0] + t*r.Loss[steps])
		if math.IsNaN(excess) {
			r.Height, r.At = excess, t
			break
		}
		if excess > r.Height {
			r.Height, r.At = excess, t
		}
	}
	return r, nil
}
