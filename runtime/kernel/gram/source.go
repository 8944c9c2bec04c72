package gram

import "math"

// fmadd is x*y+z, rounded once.
func fmadd(x, y, z float64) float64 { return math.FMA(x, y, z) }

// Rows are the rows of a matrix X [., Stride] less Mean, if there is one: Fill(i, k) is
// X[i, k] - Mean[k].
type Rows[T float32 | float64] struct {
	X      []T
	Stride int
	Mean   []float64
}

// Fill implements Source.
func (r Rows[T]) Fill(dst []float64, i, k0 int) {
	for k, v := range r.X[i*r.Stride+k0:][:len(dst)] {
		dst[k] = float64(v)
	}
	if r.Mean != nil {
		for k, v := range r.Mean[k0:][:len(dst)] {
			dst[k] -= v
		}
	}
}

// Columns are the columns of a matrix X [., Stride] less Mean, if there is one: Fill(i, k) is
// X[k, i] - Mean[i].
type Columns[T float32 | float64] struct {
	X      []T
	Stride int
	Mean   []float64
}

// Fill implements Source.
func (c Columns[T]) Fill(dst []float64, i, k0 int) {
	mean := 0.0
	if c.Mean != nil {
		mean = c.Mean[i]
	}
	for k := range dst {
		dst[k] = float64(c.X[(k0+k)*c.Stride+i]) - mean
	}
}
