package embed

import (
	"context"
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/weightspace/weightspace/runtime/analysis/points"
	"github.com/weightspace/weightspace/runtime/kernel/gram"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/rng"
)

func kernels() *gram.Kernels {
	k, err := gram.New(isa.Auto)
	if err != nil {
		panic(err) // the best level is always there
	}
	return k
}

// operator is X X' (dual) or X'X of centred points, of which only products with vectors are formed.
type operator struct {
	workers int
	p       points.Points
	mean    []float64
	dual    bool
}

func (o *operator) size() int {
	if o.dual {
		return o.p.N
	}
	return o.p.D
}

// toCoordinates is V X for rows V [k, N]: [k, D].
func (o *operator) toCoordinates(ctx context.Context, v []float64, k int) ([]float64, error) {
	out := make([]float64, k*o.p.D)
	return out, kernels().Product(ctx, o.workers, out, k, o.p.D, o.p.N,
		gram.Rows[float64]{X: v, Stride: o.p.N}, gram.Columns[float32]{X: o.p.Data, Stride: o.p.D, Mean: o.mean})
}

// toPoints is V X' for rows V [k, D]: [k, N].
func (o *operator) toPoints(ctx context.Context, v []float64, k int) ([]float64, error) {
	out := make([]float64, k*o.p.N)
	return out, kernels().Product(ctx, o.workers, out, k, o.p.N, o.p.D,
		gram.Rows[float64]{X: v, Stride: o.p.D}, gram.Rows[float32]{X: o.p.Data, Stride: o.p.D, Mean: o.mean})
}

// apply multiplies k rows by the operator.
func (o *operator) apply(ctx context.Context, v []float64, k int) ([]float64, error) {
	first, second := o.toPoints, o.toCoordinates
	if o.dual {
		first, second = second, first
	}
	w, err := first(ctx, v, k)
	if err != nil {
		return nil, err
	}
	return second(ctx, w, k)
}

const (
	extra    = 4  // vectors beside those asked for
	blocks   = 10 // of a Krylov space
	restarts = 60
	accuracy = 1e-11 // of residuals against the largest eigenvalue
)

// top finds the largest eigenvalues, descending, and their eigenvectors as rows; those that are 0 to
// rounding are left out.
func (o *operator) top(ctx context.Context, k int) (values, vectors []float64, err error) {
	n := o.size()
	block := make([][]float64, 0, k+extra)
	stream := rng.New(1, "analysis/embed/krylov")
	for r := range min(k+extra, n) {
		v := make([]float64, n)
		for i := range v {
			v[i] = stream.Normal(r*n + i)
		}
		block = append(block, v)
	}
	for range restarts {
		var s space
		if err := o.expand(ctx, &s, block); err != nil {
			return nil, nil, err
		}
		theta, ritz, images, ok := s.ritz(min(k+extra, len(s.q)))
		if !ok {
			return nil, nil, errors.New("embed: the eigenvalues of a small matrix did not converge")
		}
		block = ritz
		if len(s.q) == n || len(theta) == 0 || converged(theta, ritz, images, k) {
			return leading(theta, ritz, k)
		}
	}
	return nil, nil, errors.New("embed: principal components did not converge: the points have no leading directions")
}

// leading takes the first k pairs that are not 0.
func leading(theta []float64, ritz [][]float64, k int) (values, vectors []float64, err error) {
	for c := range min(k, len(theta)) {
		if theta[c] <= 1e-14*theta[0] {
			break
		}
		values = append(values, theta[c])
		vectors = append(vectors, ritz[c]...)
	}
	if len(values) == 0 {
		return nil, nil, errors.New("embed: all points are equal")
	}
	return values, vectors, nil
}

func converged(theta []float64, ritz, images [][]float64, k int) bool {
	for c := range min(k, len(theta)) {
		r := 0.0
		for i, v := range ritz[c] {
			d := images[c][i] - theta[c]*v
			r += d * d
		}
		if math.Sqrt(r) > accuracy*theta[0] {
			return false
		}
	}
	return true
}

// space is an orthonormal basis q and its images.
type space struct{ q, image [][]float64 }

// expand builds the Krylov space of a block.
func (o *operator) expand(ctx context.Context, s *space, block [][]float64) error {
	for range blocks {
		from := len(s.q)
		for _, v := range block {
			s.add(v)
		}
		added := len(s.q) - from
		if added == 0 {
			return nil // the space is closed under the operator
		}
		flat := make([]float64, 0, added*len(s.q[0]))
		for _, v := range s.q[from:] {
			flat = append(flat, v...)
		}
		w, err := o.apply(ctx, flat, added)
		if err != nil {
			return err
		}
		block = nil
		n := len(s.q[0])
		for i := range added {
			s.image = append(s.image, w[i*n:(i+1)*n])
			block = append(block, append([]float64(nil), w[i*n:(i+1)*n]...))
		}
	}
	return nil
}

// add orthogonalises v, twice, and drops it if nothing is left.
func (s *space) add(v []float64) {
	if len(s.q) == len(v) {
		return
	}
	before := normalise(v)
	if before == 0 {
		return
	}
	left := 1.0
	for range 2 {
		for _, q := range s.q {
			c := dot(q, v)
			for i, x := range q {
				v[i] = math.FMA(-c, x, v[i])
			}
		}
		left *= normalise(v)
	}
	if left > 1e-10 {
		s.q = append(s.q, v)
	}
}

// ritz solves the small problem in the space: the k largest pairs and their images.
func (s *space) ritz(k int) (theta []float64, ritz, images [][]float64, ok bool) {
	n := len(s.q)
	t := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			t.SetSym(i, j, (dot(s.q[i], s.image[j])+dot(s.q[j], s.image[i]))/2)
		}
	}
	var e mat.EigenSym
	if !e.Factorize(t, true) {
		return nil, nil, nil, false
	}
	var w mat.Dense
	e.VectorsTo(&w)
	values := e.Values(nil)
	for c := range k {
		at := n - 1 - c
		theta = append(theta, values[at])
		ritz = append(ritz, combine(s.q, &w, at))
		images = append(images, combine(s.image, &w, at))
	}
	return theta, ritz, images, true
}

func combine(rows [][]float64, w *mat.Dense, column int) []float64 {
	out := make([]float64, len(rows[0]))
	for r, row := range rows {
		c := w.At(r, column)
		for i, v := range row {
			out[i] = math.FMA(c, v, out[i])
		}
	}
	return out
}

// normalise scales v to length 1 and returns its length.
func normalise(v []float64) float64 {
	n := math.Sqrt(dot(v, v))
	if n == 0 {
		return 0
	}
	for i := range v {
		v[i] /= n
	}
	return n
}

// dot sums four chains.
func dot(x, y []float64) float64 {
	var s [4]float64
	k := 0
	for ; k+4 <= len(x); k += 4 {
		s[0] = math.FMA(x[k], y[k], s[0])
		s[1] = math.FMA(x[k+1], y[k+1], s[1])
		s[2] = math.FMA(x[k+2], y[k+2], s[2])
		s[3] = math.FMA(x[k+3], y[k+3], s[3])
	}
	for ; k < len(x); k++ {
		s[0] = math.FMA(x[k], y[k], s[0])
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}
