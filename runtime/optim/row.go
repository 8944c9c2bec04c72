package optim

import (
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/kernel/update"
)

// row are the kernels for one row in T: vector kernels for float32, pure Go for float64.
type row[T update.Float] interface {
	sgd(w, m, g []T, s update.SGD)
	adam(w, m, v, g []T, a update.Adam)
	squaredNorm(g []T) float64
	finite(x []T) bool
}

func rowOf[T update.Float](l isa.Level) (row[T], error) {
	k, err := update.New(l)
	if err != nil {
		return nil, err
	}
	if r, ok := any(vectors{k}).(row[T]); ok {
		return r, nil
	}
	return scalars[T]{}, nil
}

// vectors are the float32 kernels.
type vectors struct{ k *update.Kernels }

func (v vectors) sgd(w, m, g []float32, s update.SGD)      { v.k.SGD(w, m, g, s) }
func (v vectors) adam(w, m, s, g []float32, a update.Adam) { v.k.Adam(w, m, s, g, a) }
func (v vectors) squaredNorm(g []float32) float64          { return v.k.SquaredNorm(g) }
func (v vectors) finite(x []float32) bool                  { return v.k.Finite(x) }

// scalars are the kernels in pure Go.
type scalars[T update.Float] struct{}

func (scalars[T]) sgd(w, m, g []T, s update.SGD)      { update.SGDRef(w, m, g, s) }
func (scalars[T]) adam(w, m, v, g []T, a update.Adam) { update.AdamRef(w, m, v, g, a) }
func (scalars[T]) squaredNorm(g []T) float64          { return update.SquaredNormRef(g) }
func (scalars[T]) finite(x []T) bool                  { return update.FiniteRef(x) }
