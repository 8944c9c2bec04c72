// Package probe predicts properties of networks from features by linear models, by the protocol of
// the method card "model zoos", section 6: ridge regression for numbers, a multinomial logistic layer
// for categories. Rows are states of models; split them by model (Split), never by state, or states of
// a model lie on both sides and the probe merely recognises it.
package probe

import (
	"context"
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/kernel/gram"
	"github.com/weightspace/weightspace/runtime/par"
)

// Float is an element type of features.
type Float interface{ float32 | float64 }

// Table is features X [n, D], row by row.
type Table[F Float] struct {
	X []F
	D int
}

// Rows is n.
func (t Table[F]) Rows() int { return len(t.X) / t.D }

// Select copies some rows.
func (t Table[F]) Select(rows []int) Table[F] {
	s := Table[F]{make([]F, 0, len(rows)*t.D), t.D}
	for _, r := range rows {
		s.X = append(s.X, t.X[r*t.D:(r+1)*t.D]...)
	}
	return s
}

// Penalties are the card's choices of r.
var Penalties = []float64{1e3, 3e2, 1e2, 3e1, 1e1, 3, 1, .3, .1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5}

// Regression is the ridge probe of one target.
type Regression struct {
	// Penalty is the r with the best R2 on the validation rows, the first of equals.
	Penalty float64
	// Coefficients are of the D features and the constant.
	Coefficients []float64
	// TrainR2, ValidationR2 and TestR2 are coefficients of determination, 1 - SSE/SS about the mean of the same rows; NaN
	// for a target without variance.
	TrainR2, ValidationR2, TestR2 float64
	// Trials are the validation R2 of every penalty; NaN where the equations are singular in float64.
	Trials []float64
}

// Split names the rows of a probe's three parts.
type Split struct{ Train, Validation, Test []int }

// Ridge fits one regression per target: targets[t] is [n]. It solves (X'X + r I) b = X'y, X with a
// constant column that is penalised too, for every penalty (nil for Penalties), in float64, and takes
// the penalty that is best on the validation rows. Of the equations in the features and those in the
// rows, the smaller system is solved: cost is O(n d min(n, d)) and one Cholesky factor of
// min(n, d) per penalty, shared by all targets. Features must be finite.
func Ridge[F Float](ctx context.Context, workers int, x Table[F], targets [][]float64, split Split, penalties []float64) ([]Regression, error) {
	if penalties == nil {
		penalties = Penalties
	}
	if err := check(x, split); err != nil {
		return nil, err
	}
	for t, y := range targets {
		if len(y) != x.Rows() {
			return nil, fmt.Errorf("probe: target %d has %d values for %d rows", t, len(y), x.Rows())
		}
		for i, v := range y {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("probe: target %d of row %d is %v: leave the row out", t, i, v)
			}
		}
	}
	for _, r := range penalties {
		if !(r > 0) || math.IsInf(r, 0) {
			return nil, fmt.Errorf("probe: penalty %v: it must be positive", r)
		}
	}
	s, err := newSystem(ctx, workers, x.Select(split.Train), pick(targets, split.Train))
	if err != nil {
		return nil, err
	}
	fits := make([]Regression, len(targets))
	validation, truth := x.Select(split.Validation), pick(targets, split.Validation)
	for _, r := range penalties {
		b, err := s.solve(ctx, r)
		if err != nil {
			return nil, err
		}
		for t := range fits {
			f, score := &fits[t], math.NaN()
			if b != nil {
				score = R2(predict(ctx, workers, validation, b[t]), truth[t])
			}
			// A target that does not vary among the validation rows takes the first penalty that can be solved.
			better := f.Coefficients == nil || score > f.ValidationR2
			if f.Trials = append(f.Trials, score); b != nil && better {
				f.Penalty, f.Coefficients, f.ValidationR2 = r, b[t], score
			}
		}
	}
	for t := range fits {
		if fits[t].Coefficients == nil {
			return nil, fmt.Errorf("probe: the equations of target %d are singular for every penalty: features differ too much in scale", t)
		}
		fits[t].TrainR2 = R2(predict(ctx, workers, s.x, fits[t].Coefficients), s.y[t])
		fits[t].TestR2 = R2(predict(ctx, workers, x.Select(split.Test), fits[t].Coefficients), pick(targets[t:t+1], split.Test)[0])
	}
	return fits, ctx.Err()
}

func check[F Float](x Table[F], s Split) error {
	if x.D <= 0 || len(x.X)%x.D != 0 {
		return fmt.Errorf("probe: %d values are not rows of %d features", len(x.X), x.D)
	}
	if len(s.Train) == 0 || len(s.Validation) == 0 || len(s.Test) == 0 {
		return fmt.Errorf("probe: %d train, %d validation and %d test rows: each part needs some", len(s.Train), len(s.Validation), len(s.Test))
	}
	for _, part := range [][]int{s.Train, s.Validation, s.Test} {
		for _, i := range part {
			if i < 0 || i >= x.Rows() {
				return fmt.Errorf("probe: the split names row %d of %d", i, x.Rows())
			}
			for _, v := range x.X[i*x.D : (i+1)*x.D] {
				if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
					return fmt.Errorf("probe: a feature of row %d is not finite: leave the row out", i)
				}
			}
		}
	}
	return nil
}

func pick[V any](columns [][]V, rows []int) [][]V {
	picked := make([][]V, len(columns))
	for t, y := range columns {
		for _, i := range rows {
			picked[t] = append(picked[t], y[i])
		}
	}
	return picked
}

// system holds the equations of the training rows: matrix [n, n] is X'X or, dual, XX'.
type system[F Float] struct {
	workers int
	x       Table[F]
	y       [][]float64
	dual    bool
	n       int
	matrix  []float64
	right   [][]float64
}

func newSystem[F Float](ctx context.Context, workers int, x Table[F], y [][]float64) (*system[F], error) {
	s := &system[F]{workers: workers, x: x, y: y, dual: x.Rows() < x.D+1, n: min(x.Rows(), x.D+1)}
	s.matrix = make([]float64, s.n*s.n)
	if s.dual {
		s.right = y
		return s, kernels().Symmetric(ctx, workers, s.matrix, s.n, x.D+1, rowsWithOne[F]{x})
	}
	for _, t := range y {
		s.right = append(s.right, transposed(ctx, workers, x, t))
	}
	return s, kernels().Symmetric(ctx, workers, s.matrix, s.n, x.Rows(), columnsWithOne[F]{x})
}

// solve gives the coefficients of every target, nil if the equations are singular.
func (s *system[F]) solve(ctx context.Context, r float64) ([][]float64, error) {
	a := append([]float64(nil), s.matrix...)
	for i := range s.n {
		a[i*s.n+i] += r
	}
	if ok, err := factor(ctx, s.workers, a, s.n); !ok {
		return nil, err
	}
	b := make([][]float64, len(s.right))
	for t, y := range s.right {
		b[t] = append([]float64(nil), y...)
		solve(a, s.n, b[t])
		if s.dual {
			b[t] = transposed(ctx, s.workers, s.x, b[t])
		}
	}
	return b, ctx.Err()
}

// transposed is X'v with the constant column.
func transposed[F Float](ctx context.Context, workers int, x Table[F], v []float64) []float64 {
	out := make([]float64, x.D+1)
	const columns = 512
	_ = par.For(ctx, par.Workers(workers), (x.D+columns-1)/columns, func(_, task int) {
		from, to := task*columns, min((task+1)*columns, x.D)
		for i, w := range v {
			for k, e := range x.X[i*x.D+from : i*x.D+to] {
				out[from+k] = math.FMA(float64(e), w, out[from+k])
			}
		}
	})
	for _, w := range v {
		out[x.D] += w
	}
	return out
}

// predict is X b with the constant.
func predict[F Float](ctx context.Context, workers int, x Table[F], b []float64) []float64 {
	out := make([]float64, x.Rows())
	_ = par.For(ctx, par.Workers(workers), x.Rows(), func(_, i int) {
		s := b[x.D]
		for k, e := range x.X[i*x.D : (i+1)*x.D] {
			s = math.FMA(float64(e), b[k], s)
		}
		out[i] = s
	})
	return out
}

// Predict applies the regression to rows of features.
func Predict[F Float](ctx context.Context, workers int, x Table[F], r Regression) ([]float64, error) {
	if len(r.Coefficients) != x.D+1 {
		return nil, fmt.Errorf("probe: %d coefficients do not fit %d features and a constant", len(r.Coefficients), x.D)
	}
	return predict(ctx, workers, x, r.Coefficients), ctx.Err()
}

// R2 is 1 - SSE / SS of truth about its mean; NaN if truth does not vary.
func R2(predicted, truth []float64) float64 {
	mean := 0.0
	for _, v := range truth {
		mean += v / float64(len(truth))
	}
	errors, total := 0.0, 0.0
	for i, v := range truth {
		errors += (v - predicted[i]) * (v - predicted[i])
		total += (v - mean) * (v - mean)
	}
	if !(total > 1e-24*mean*mean*float64(len(truth))) {
		return math.NaN()
	}
	return 1 - errors/total
}

// rowsWithOne are the rows of a table, each with a 1 at its end.
type rowsWithOne[F Float] struct{ t Table[F] }

// Fill implements gram.Source.
func (r rowsWithOne[F]) Fill(dst []float64, i, k0 int) {
	if k0+len(dst) == r.t.D+1 {
		dst[len(dst)-1] = 1
		dst = dst[:len(dst)-1]
	}
	gram.Rows[F]{X: r.t.X, Stride: r.t.D}.Fill(dst, i, k0)
}

// columnsWithOne are the columns of a table and a column of ones.
type columnsWithOne[F Float] struct{ t Table[F] }

// Fill implements gram.Source.
func (c columnsWithOne[F]) Fill(dst []float64, i, k0 int) {
	if i < c.t.D {
		gram.Columns[F]{X: c.t.X, Stride: c.t.D}.Fill(dst, i, k0)
		return
	}
	for k := range dst {
		dst[k] = 1
	}
}
