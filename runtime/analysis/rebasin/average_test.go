package rebasin

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/weightspace/weightspace/runtime/analysis/points"
)

func TestAverage(t *testing.T) {
	p, err := points.New([]float32{1, 2, 3, 4, 8, 0}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if w, err := Average(p, []int{0, 1, 2, 1}); err != nil || !slices.Equal(w, []float32{15. / 4, 10. / 4}) {
		t.Errorf("average %v, %v", w, err)
	}
	for _, rows := range [][]int{nil, {3}, {-1}} {
		if _, err := Average(p, rows); err == nil {
			t.Errorf("%v is averaged", rows)
		}
	}
}

// The score is best at 5: the greedy soup starts with 4.5, takes 6 (5.25), then 4 (4.83), refuses 9 and 0.
func TestSoups(t *testing.T) {
	p, err := points.New([]float32{0, 4, 9, 4.5, 6}, 1)
	if err != nil {
		t.Fatal(err)
	}
	evaluate := func(_ context.Context, w []float32) (float64, error) { return -math.Abs(float64(w[0]) - 5), nil }
	scores := make([]float64, p.N)
	for i := range scores {
		scores[i], _ = evaluate(t.Context(), p.Row(i))
	}
	s, err := GreedySoup(t.Context(), p, scores, evaluate)
	if err != nil {
		t.Fatal(err)
	}
	// After 4.5, both 4 and 6 score -1: the lower index comes first and makes 4.25, which is worse.
	if !slices.Equal(s.Members, []int{3, 4}) || s.Weights[0] != 5.25 || s.Score != -0.25 {
		t.Errorf("greedy soup %+v", s)
	}
	u, err := UniformSoup(t.Context(), p, evaluate)
	if err != nil || u.Weights[0] != 4.7 || len(u.Members) != 5 {
		t.Errorf("uniform soup %+v, %v", u, err)
	}
	scores[3] = math.NaN()
	if s, err = GreedySoup(t.Context(), p, scores, evaluate); err != nil || s.Members[0] != 1 {
		t.Errorf("NaN is the best: %+v, %v", s, err)
	}
	broken := func(context.Context, []float32) (float64, error) { return 0, errors.New("no data") }
	if _, err := GreedySoup(t.Context(), p, scores, broken); err == nil {
		t.Error("an evaluation's error is lost")
	}
	if _, err := GreedySoup(t.Context(), p, scores[1:], evaluate); err == nil {
		t.Error("scores that do not fit are taken")
	}
}

func TestBarrier(t *testing.T) {
	// Loss 1-(2x-1)^2 between 0 and 1 rises by 1 in the middle.
	loss := func(_ context.Context, w []float32) (float64, error) {
		x := float64(w[0])
		return 1 - (2*x-1)*(2*x-1), nil
	}
	b, err := InterpolationBarrier(t.Context(), []float32{0}, []float32{1}, 10, loss)
	if err != nil || b.Height != 1 || b.At != 0.5 || len(b.Loss) != 11 {
		t.Errorf("barrier %+v, %v", b, err)
	}
	convex := func(_ context.Context, w []float32) (float64, error) { return float64(w[0] * w[0]), nil }
	if b, err = InterpolationBarrier(t.Context(), []float32{-3}, []float32{1}, 7, convex); err != nil || b.Height != 0 {
		t.Errorf("barrier of a convex loss %+v, %v", b, err)
	}
	a, c := []float32{0.1, 3e30}, []float32{0.7, -1}
	if !slices.Equal(Interpolate(a, c, 0), a) || !slices.Equal(Interpolate(a, c, 1), c) {
		t.Error("the ends are not the networks")
	}
}
