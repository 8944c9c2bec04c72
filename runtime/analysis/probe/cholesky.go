package probe

import (
	"context"
	"math"

	"github.com/weightspace/weightspace/runtime/kernel/gram"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/par"
)

// panel is the number of columns that are factored together.
const panel = 96

func kernels() *gram.Kernels {
	k, err := gram.New(isa.Auto)
	if err != nil {
		panic(err) // the best level is always there
	}
	return k
}

// factor replaces the lower triangle of a [n, n] by its Cholesky factor, panel by panel, each
// panel less the product of those before it. It reports false for a matrix that is not positive
// definite as far as float64 can tell.
func factor(ctx context.Context, workers int, a []float64, n int) (bool, error) {
	k := kernels()
	product := make([]float64, n*panel)
	for j := 0; j < n; j += panel {
		w := min(panel, n-j)
		below := gram.Rows[float64]{X: a[j*n:], Stride: n}
		if err := k.Product(ctx, workers, product, n-j, w, j, below, below); err != nil {
			return false, err
		}
		for i := j; i < n; i++ {
			for c := range min(w, i-j+1) {
				a[i*n+j+c] -= product[(i-j)*w+c]
			}
		}
		if !factorDiagonal(a[j*n+j:], n, w) {
			return false, nil
		}
		const rows = 64
		err := par.For(ctx, par.Workers(workers), (n-j-w+rows-1)/rows, func(_, task int) {
			for i := j + w + task*rows; i < min(j+w+(task+1)*rows, n); i++ {
				forward(a[j*n+j:], n, a[i*n+j:][:w])
			}
		})
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// factorDiagonal factors a small block with rows stride apart.
func factorDiagonal(a []float64, stride, w int) bool {
	for i := range w {
		forward(a, stride, a[i*stride:][:i])
		d := a[i*stride+i]
		scale := d
		for _, v := range a[i*stride:][:i] {
			d -= v * v
		}
		// What is left of a pivot must be more than rounding.
		if !(d > 1e-15*scale) {
			return false
		}
		a[i*stride+i] = math.Sqrt(d)
	}
	return true
}

// forward solves L x = x for the first len(x) rows of L.
func forward(l []float64, stride int, x []float64) {
	for i := range x {
		s := x[i]
		for k, v := range l[i*stride:][:i] {
			s -= v * x[k]
		}
		x[i] = s / l[i*stride+i]
	}
}

// solve solves L L' x = x.
func solve(l []float64, n int, x []float64) {
	forward(l, n, x)
	for i := n - 1; i >= 0; i-- {
		x[i] /= l[i*n+i]
		for k, v := range l[i*n:][:i] {
			x[k] -= v * x[i]
		}
	}
}
