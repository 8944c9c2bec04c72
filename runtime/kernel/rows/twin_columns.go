package rows

import "math"

// Twins of the assembly over columns; see the stubs for what they compute. rows is positive.

func colSumRef[T Float](dst, x []T, rows, n, stride int) {
	r := 0
	for ; r+8 <= rows; r += 8 {
		for j := range n {
			at := func(i int) T { return x[(r+i)*stride+j] }
			dst[j] += ((at(0) + at(1)) + (at(2) + at(3))) + ((at(4) + at(5)) + (at(6) + at(7)))
		}
	}
	for ; r < rows; r++ {
		for j, v := range x[r*stride:][:n] {
			dst[j] += v
		}
	}
}

// colMaximum is the maximum of column j.
func colMaximum[T Float](x []T, j, rows, stride int) T {
	m := negInf[T]()
	for r := range rows {
		m = greater(x[r*stride+j], m)
	}
	return m
}

func colMaxRef[T Float](dst, x []T, rows, n, stride int) {
	for j := range n {
		dst[j] = colMaximum(x, j, rows, stride)
	}
}

func colArgMaxRef[T Float](dst []int32, x []T, rows, n, stride int) {
	for j := range n {
		m := negInf[T]()
		dst[j] = 0
		for r := range rows {
			if v := x[r*stride+j]; v > m {
				m, dst[j] = v, int32(r)
			}
		}
	}
}

func colNormSumsRef[T Float](dgain, dbias, dy, x, a, c []T, rows, n, stride int) {
	for j := range n {
		var g, b T
		for r := range rows {
			at := r*stride + j
			b += dy[at]
			g = fmadd(dy[at], mul(x[at]-a[r], c[r]), g)
		}
		dgain[j] += g
		dbias[j] += b
	}
}

func colScaleSumsRef[T Float](dgain, dy, x, c []T, rows, n, stride int) {
	for j := range n {
		var g T
		for r := range rows {
			at := r*stride + j
			g = fmadd(dy[at], mul(x[at], c[r]), g)
		}
		dgain[j] += g
	}
}

// finite bounds a maximum from below, so that x-m is never infinity minus infinity for masked
// logits.
func finite[T Float](m T) T {
	return greater(m, -math.MaxFloat32)
}

// inverse is a/s, and 0 where s is 0.
func inverse[T Float](a, s T) T {
	if s == 0 {
		return 0
	}
	return a / s
}

// colExp is the sum of exp(x-m) down column j; each sees x-m and the exponential.
func colExp[T Float](x []T, j, rows, stride int, m T, each func(r int, d, e T)) T {
	var s T
	for r := range rows {
		d := x[r*stride+j] - m
		e := expRef(d)
		if each != nil {
			each(r, d, e)
		}
		s += e
	}
	return s
}

func colSoftmaxRef[T Float](y, x []T, rows, n, stride int) {
	for j := range n {
		m := finite(colMaximum(x, j, rows, stride))
		s := colExp(x, j, rows, stride, m, func(r int, _, e T) { y[r*stride+j] = e })
		f := inverse(1, s)
		for r := range rows {
			y[r*stride+j] *= f
		}
	}
}

func colLogSumExpRef[T Float](dst, x []T, rows, n, stride int) {
	for j := range n {
		m := colMaximum(x, j, rows, stride)
		dst[j] = m + logSum(colExp(x, j, rows, stride, finite(m), nil))
	}
}

// logSum is the logarithm of a sum of exponentials; if that is 0 some finite number.
func logSum[T Float](s T) T {
	if s == 0 && !single[T]() {
		return 0
	}
	return logRef(s)
}

func colLogSoftmaxRef[T Float](y, x []T, rows, n, stride int) {
	for j := range n {
		m := finite(colMaximum(x, j, rows, stride))
		s := logSum(colExp(x, j, rows, stride, m, nil))
		for r := range rows {
			y[r*stride+j] = (x[r*stride+j] - m) - s
		}
	}
}

func colSoftmaxGradRef[T Float](dx, y, dy []T, rows, n, stride int) {
	for j := range n {
		var s T
		for r := range rows {
			s = fmadd(y[r*stride+j], dy[r*stride+j], s)
		}
		for r := range rows {
			at := r*stride + j
			dx[at] = mul(y[at], dy[at]-s)
		}
	}
}

func colLogSoftmaxGradRef[T Float](dx, y, dy []T, rows, n, stride int) {
	for j := range n {
		var s T
		for r := range rows {
			s += dy[r*stride+j]
		}
		for r := range rows {
			at := r*stride + j
			dx[at] = fmadd(-expRef(y[at]), s, dy[at])
		}
	}
}

func colCrossEntropyRef[T Float](loss, dx, x []T, labels []int32, rows, n, stride int, g T) {
	colCrossEntropySmoothRef(loss, dx, x, labels, rows, n, stride, g, 0, 0)
}

func colCrossEntropySmoothRef[T Float](loss, dx, x []T, labels []int32, rows, n, stride int, g, smooth, share T) {
	for j := range n {
		m := finite(colMaximum(x, j, rows, stride))
		label := int(labels[j])
		var picked, total T
		s := colExp(x, j, rows, stride, m, func(r int, d, e T) {
			if r == label {
				picked = d
			}
			total += d
			dx[r*stride+j] = e
		})
		gain, logs := g, logSum(s)
		loss[j] = logs - picked
		if smooth != 0 {
			loss[j] = fmadd(smooth, fmadd(-total, share, logs), mul(1-smooth, loss[j]))
		}
		if label < 0 {
			loss[j], gain = 0, 0
		}
		f := inverse(gain, s)
		hot, base := mul(gain, 1-smooth), mul(mul(gain, smooth), share)
		for r := range rows {
			p := &dx[r*stride+j]
			if smooth == 0 {
				*p = mul(*p, f)
			} else {
				*p = fmadd(*p, f, -base)
			}
			if r == label {
				*p -= hot
			}
		}
	}
}

func colSoftCrossEntropyRef[T Float](loss, dx, x, q []T, rows, n, stride int, g T) {
	for j := range n {
		m := finite(colMaximum(x, j, rows, stride))
		var mass, dots T
		s := colExp(x, j, rows, stride, m, func(r int, d, e T) {
			v := q[r*stride+j]
			mass += v
			dots = fmadd(v, d, dots)
			dx[r*stride+j] = e
		})
		loss[j] = fmadd(logSum(s), mass, -dots)
		f := inverse(mul(g, mass), s)
		for r := range rows {
			at := r*stride + j
			dx[at] = fmadd(-q[at], g, mul(dx[at], f))
		}
	}
}
