package initializer

import (
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/rng"
)

// Orthogonal is Gain times a (semi-)orthogonal matrix, uniform among them (Saxe et al. 2014,
// Mezzadri 2007), as in torch.nn.init.orthogonal_: the shape's axes after the first are taken as
// one, and the shorter side's vectors are orthonormal. Its cost is that of a QR factorisation.
type Orthogonal struct{ Gain float64 }

// Validate wants a finite gain.
func (l Orthogonal) Validate() error { return finite("orthogonal law", l.Gain) }

func (l Orthogonal) elements(s rng.Stream, shape []int) (func(int) float64, error) {
	columns, _, err := Fans(shape)
	if err != nil {
		return nil, err
	}
	a := make([]float64, shape[0]*columns)
	for i := range a {
		a[i] = s.Normal(i)
	}
	if err := orthonormalise(a, shape[0], columns); err != nil {
		return nil, err
	}
	return func(i int) float64 { return l.Gain * a[i] }, nil
}

// orthonormalise replaces a matrix [rows, columns] by the Q of its QR factorisation with a
// positive diagonal of R; a wide matrix by the transposed Q of its transpose. The positive
// diagonal makes Q unique, so the method does not matter: modified Gram-Schmidt, twice over each
// vector, which is orthogonal to rounding (Giraud, Langou, Rozloznik 2005).
func orthonormalise(a []float64, rows, columns int) error {
	wide := rows < columns
	count, length, at := columns, rows, a
	if wide {
		count, length = rows, columns
	} else {
		at = transposed(a, rows, columns)
	}
	for k := range count {
		v := at[k*length : (k+1)*length]
		for range 2 {
			for j := range k {
				u := at[j*length : (j+1)*length]
				subtract(v, u, dot(v, u))
			}
		}
		norm := math.Sqrt(dot(v, v))
		if !(norm > 1e-100) {
			return fmt.Errorf("orthogonal law: vector %d of %d depends on those before it", k, count)
		}
		for i := range v {
			v[i] /= norm
		}
	}
	if !wide {
		copy(a, transposed(at, columns, rows))
	}
	return nil
}

// transposed is a [rows, columns] as [columns, rows].
func transposed(a []float64, rows, columns int) []float64 {
	t := make([]float64, len(a))
	for i := range rows {
		for j := range columns {
			t[j*rows+i] = a[i*columns+j]
		}
	}
	return t
}

// dot sums products in four lanes, element i in lane i mod 4.
func dot(x, y []float64) float64 {
	var a, b, c, d float64
	y = y[:len(x)]
	i := 0
	for ; i+4 <= len(x); i += 4 {
		a += float64(x[i] * y[i])
		b += float64(x[i+1] * y[i+1])
		c += float64(x[i+2] * y[i+2])
		d += float64(x[i+3] * y[i+3])
	}
	for ; i < len(x); i++ {
		a += float64(x[i] * y[i])
	}
	return (a + c) + (b + d)
}

// subtract does v -= f u.
func subtract(v, u []float64, f float64) {
	u = u[:len(v)]
	for i := range v {
		v[i] -= float64(f * u[i])
	}
}
