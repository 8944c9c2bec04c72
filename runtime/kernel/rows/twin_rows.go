package rows

// Twins of the assembly over rows; see the stubs for what they compute. rows is positive.

// lanes of a virtual vector.
const lanes = 16

// accumulators are the lanes of a row's reduction.
type accumulators[T Float] [4 * lanes]T

// lane of element i of n, with unroll virtual vectors in a block.
func lane(i, n, unroll int) int {
	w := lanes * unroll
	if full := n - n%w; i >= full {
		return (i - full) % lanes
	}
	return i % w
}

// sum is the fixed tree.
func (a *accumulators[T]) sum(unroll int) T {
	for h := lanes * unroll / 2; h > 0; h /= 2 {
		for i := range h {
			a[i] += a[i+h]
		}
	}
	return a[0]
}

// max is the fixed tree.
func (a *accumulators[T]) max(unroll int) T {
	for h := lanes * unroll / 2; h > 0; h /= 2 {
		for i := range h {
			a[i] = greater(a[i], a[i+h])
		}
	}
	return a[0]
}

func (a *accumulators[T]) start() {
	for i := range a {
		a[i] = negInf[T]()
	}
}

func rowSumRef[T Float](dst, x []T, rows, n, stride int) {
	for r := range rows {
		var acc accumulators[T]
		for i, v := range x[r*stride:][:n] {
			acc[lane(i, n, 4)] += v
		}
		dst[r] = acc.sum(4)
	}
}

func rowDotRef[T Float](dst, x, y []T, rows, n, stride int) {
	for r := range rows {
		var acc accumulators[T]
		yr := y[r*stride:]
		for i, v := range x[r*stride:][:n] {
			p := &acc[lane(i, n, 4)]
			*p = fmadd(v, yr[i], *p)
		}
		dst[r] = acc.sum(4)
	}
}

func rowMaxRef[T Float](dst, x []T, rows, n, stride int) {
	for r := range rows {
		var acc accumulators[T]
		acc.start()
		for i, v := range x[r*stride:][:n] {
			p := &acc[lane(i, n, 4)]
			*p = greater(v, *p)
		}
		dst[r] = acc.max(4)
	}
}

func rowDevSquaresRef[T Float](dst, x, a []T, rows, n, stride int) {
	for r := range rows {
		var acc accumulators[T]
		for i, v := range x[r*stride:][:n] {
			p, d := &acc[lane(i, n, 4)], v-a[r]
			*p = fmadd(d, d, *p)
		}
		dst[r] = acc.sum(4)
	}
}

func rowDotShiftRef[T Float](dst, q, x, a []T, rows, n, stride int) {
	for r := range rows {
		var acc accumulators[T]
		xr := x[r*stride:]
		for i, v := range q[r*stride:][:n] {
			p := &acc[lane(i, n, 4)]
			*p = fmadd(v, xr[i]-a[r], *p)
		}
		dst[r] = acc.sum(4)
	}
}

func rowScaleMaskRef[T Float](dst, y, x, mask []T, s T, rows, n, stride int) {
	for r := range rows {
		var acc accumulators[T]
		acc.start()
		yr := y[r*stride:]
		for i, v := range x[r*stride:][:n] {
			v = fmadd(v, s, mask[i])
			yr[i] = v
			p := &acc[lane(i, n, 2)]
			*p = greater(v, *p)
		}
		dst[r] = acc.max(2)
	}
}

func rowExpRef[T Float](dst, y, x, a []T, s T, rows, n, stride int) {
	for r := range rows {
		var acc accumulators[T]
		yr := y[r*stride:]
		for i, v := range x[r*stride:][:n] {
			v = expRef(fmadd(v, s, -a[r]))
			yr[i] = v
			acc[lane(i, n, 2)] += v
		}
		dst[r] = acc.sum(2)
	}
}

func rowExpSumRef[T Float](dst, x, a []T, s T, rows, n, stride int) {
	for r := range rows {
		var acc accumulators[T]
		for i, v := range x[r*stride:][:n] {
			acc[lane(i, n, 2)] += expRef(fmadd(v, s, -a[r]))
		}
		dst[r] = acc.sum(2)
	}
}

func rowAffineRef[T Float](y, x, a, c, b []T, rows, n, stride int) {
	for r := range rows {
		yr := y[r*stride:]
		for i, v := range x[r*stride:][:n] {
			yr[i] = fmadd(v-a[r], c[r], b[r])
		}
	}
}

func rowAffineReLURef[T Float](y, x, a, c, b []T, rows, n, stride int) {
	for r := range rows {
		yr := y[r*stride:]
		for i, v := range x[r*stride:][:n] {
			yr[i] = greater(0, fmadd(v-a[r], c[r], b[r]))
		}
	}
}

func rowNormRef[T Float](y, x, gain, bias, a, c []T, rows, n, stride int) {
	for r := range rows {
		yr := y[r*stride:]
		for i, v := range x[r*stride:][:n] {
			yr[i] = fmadd(mul(v-a[r], c[r]), gain[i], bias[i])
		}
	}
}

func rowNormGainRef[T Float](y, x, gain, c []T, rows, n, stride int) {
	for r := range rows {
		yr := y[r*stride:]
		for i, v := range x[r*stride:][:n] {
			yr[i] = mul(mul(v, c[r]), gain[i])
		}
	}
}

func rowMixRef[T Float](y, x, q, c []T, s T, rows, n, stride int) {
	for r := range rows {
		yr, qr := y[r*stride:], q[r*stride:]
		for i, v := range x[r*stride:][:n] {
			yr[i] = fmadd(-qr[i], s, mul(v, c[r]))
		}
	}
}

func rowSoftmaxGradRef[T Float](dx, y, dy, a []T, s T, rows, n, stride int) {
	for r := range rows {
		dr, dyr := dx[r*stride:], dy[r*stride:]
		for i, v := range y[r*stride:][:n] {
			dr[i] = mul(mul(v, s), dyr[i]-a[r])
		}
	}
}

func rowLogSoftmaxGradRef[T Float](dx, y, dy, a []T, rows, n, stride int) {
	for r := range rows {
		dr, dyr := dx[r*stride:], dy[r*stride:]
		for i, v := range y[r*stride:][:n] {
			dr[i] = fmadd(-expRef(v), a[r], dyr[i])
		}
	}
}

func rowLogRef[T Float](y, x []T, rows, n, stride int) {
	for r := range rows {
		yr := y[r*stride:]
		for i, v := range x[r*stride:][:n] {
			yr[i] = logRef(v)
		}
	}
}

func rowSoftmaxShortRef[T Float](top, sums, y, x []T, rows, n, stride int, scale, gain, base T) {
	rowMaxRef(top, x, rows, n, stride)
	shiftOf(top[:rows], scale)
	rowExpRef(sums, y, x, top, scale, rows, n, stride)
	for r := range rows {
		f := inverse(gain, sums[r])
		for i, v := range y[r*stride:][:n] {
			y[r*stride+i] = fmadd(v, f, base)
		}
	}
}
