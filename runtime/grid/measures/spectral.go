package measures

import (
	"context"
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/weightspace/weightspace/runtime/grid"
	"github.com/weightspace/weightspace/runtime/rng"
)

// Whole computes the measures of a whole grid.
func Whole(ctx context.Context, g *grid.Grid) (Global, error) {
	w := &work{ctx: ctx, g: g, done: map[string][]float64{}}
	out := w.whole()
	if _, pieces := g.Components(); pieces > 1 || g.N() < 2 {
		return out, nil
	}
	value, _, err := w.secondLaplacian()
	out.AlgebraicConnectivity = value
	return out, err
}

// eigenvector fills Eigenvector.
func (w *work) eigenvector() error {
	g, out := w.g, w.column(Eigenvector)
	if err := g.RequireConnected(); err != nil {
		return err
	}
	_, v, err := w.largest(func(y, x []float64) {
		for i := range y {
			y[i] = 0
			for _, j := range g.Neighbours(i) {
				y[i] += x[j]
			}
		}
	}, 0)
	if err != nil {
		return err
	}
	for i := range out {
		out[i] = math.Abs(v[i])
	}
	return nil
}

// fiedler fills Fiedler.
func (w *work) fiedler() error {
	out := w.column(Fiedler)
	if w.g.N() == 1 {
		return nil
	}
	_, v, err := w.secondLaplacian()
	if err != nil {
		return err
	}
	for i := range out {
		out[i] = math.Abs(v[i])
	}
	return nil
}

// secondLaplacian is the second-smallest eigenvalue of L and its vector: the largest of the
// pseudo-inverse, which is applied by the grounded factor.
func (w *work) secondLaplacian() (float64, []float64, error) {
	f, err := w.grounded(nil)
	if err != nil {
		return 0, nil, err
	}
	value, v, err := w.largest(func(y, x []float64) {
		copy(y, x)
		centre(y)
		y[0] = 0
		f.Solve(y[1:], y[1:])
		centre(y)
	}, 1)
	if err != nil {
		return 0, nil, err
	}
	return 1 / value, v, nil
}

func centre(x []float64) {
	var s float64
	for _, v := range x {
		s += v
	}
	for i := range x {
		x[i] -= s / float64(len(x))
	}
}

// largest is the algebraically largest eigenvalue and vector (norm 1) of a symmetric operator, by
// Lanczos' method with full reorthogonalisation from a fixed start; missing is the dimension that the
// operator sends to 0 and the start does not have.
func (w *work) largest(apply func(y, x []float64), missing int) (float64, []float64, error) {
	const (
		accuracy = 1e-13
		longest  = 600
	)
	n := w.g.N()
	s := rng.New(0, "grid/measures/lanczos")
	q := make([]float64, n)
	for i := range q {
		q[i] = s.Open(i)
	}
	if missing > 0 {
		centre(q)
	}
	scale(q, 1/norm(q))
	basis := [][]float64{q}
	var alpha, beta []float64
	for steps := 1; ; steps++ {
		if err := w.ctx.Err(); err != nil {
			return 0, nil, err
		}
		y := make([]float64, n)
		last := basis[len(basis)-1]
		apply(y, last)
		alpha = append(alpha, dot(y, last))
		for range 2 { // twice is enough (Kahan, Parlett)
			for _, b := range basis {
				add(y, -dot(y, b), b)
			}
		}
		rest := norm(y)
		beta = append(beta, rest)
		full := steps >= n-missing
		if !full && steps < longest && steps%20 != 0 && rest > accuracy {
			scale(y, 1/rest)
			basis = append(basis, y)
			continue
		}
		value, c, err := tridiagonal(alpha, beta)
		if err != nil {
			return 0, nil, err
		}
		if full || rest*math.Abs(c[len(c)-1]) <= accuracy*math.Abs(value) || rest <= accuracy {
			v := make([]float64, n)
			for k, b := range basis {
				add(v, c[k], b)
			}
			scale(v, 1/norm(v))
			return value, v, nil
		}
		if steps >= longest {
			return 0, nil, errors.New("the eigenvector does not converge: its eigenvalue is nearly repeated")
		}
		scale(y, 1/rest)
		basis = append(basis, y)
	}
}

// tridiagonal is the largest eigenvalue and vector of a symmetric tridiagonal matrix.
func tridiagonal(alpha, beta []float64) (float64, []float64, error) {
	k := len(alpha)
	m := mat.NewSymDense(k, nil)
	for i, a := range alpha {
		m.SetSym(i, i, a)
		if i+1 < k {
			m.SetSym(i, i+1, beta[i])
		}
	}
	var e mat.EigenSym
	if !e.Factorize(m, true) {
		return 0, nil, errors.New("eigenvalues of a tridiagonal matrix do not converge")
	}
	var vectors mat.Dense
	e.VectorsTo(&vectors)
	return e.Values(nil)[k-1], mat.Col(nil, k-1, &vectors), nil
}

func dot(x, y []float64) (s float64) {
	for i, v := range x {
		s += float64(v * y[i])
	}
	return s
}

func norm(x []float64) float64 { return math.Sqrt(dot(x, x)) }

func scale(x []float64, f float64) {
	for i := range x {
		x[i] *= f
	}
}

// add adds f*x to y.
func add(y []float64, f float64, x []float64) {
	for i := range y {
		y[i] += float64(f * x[i])
	}
}

// pageRank fills PageRank by repeated steps; each shrinks the error to 0.85 of itself.
func (w *work) pageRank() error {
	const damping, accuracy, steps = 0.85, 1e-15, 1000
	g, x := w.g, w.column(PageRank)
	n := float64(g.N())
	y := make([]float64, g.N())
	for i := range x {
		x[i] = 1 / n
	}
	for range steps {
		var isolated, change float64
		for i := range x {
			if g.Degree(i) == 0 {
				isolated += x[i]
			}
		}
		for i := range y {
			var s float64
			for _, j := range g.Neighbours(i) {
				s += x[j] / float64(g.Degree(int(j)))
			}
			y[i] = float64(damping*(s+isolated/n)) + (1-damping)/n
			change += math.Abs(y[i] - x[i])
		}
		copy(x, y)
		if change < accuracy {
			return nil
		}
	}
	return nil
}
