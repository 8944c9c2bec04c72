package rows

// Twins of scans and segments; see the stubs for what they compute. rows is positive.

func colCumSumRef[T Float](y, x []T, rows, n, stride, reverse int) {
	for j := range n {
		var acc T
		for r := range rows {
			if reverse != 0 {
				r = rows - 1 - r
			}
			acc += x[r*stride+j]
			y[r*stride+j] = acc
		}
	}
}

func colScanRef[T Float](h, a, b, start []T, rows, n, stride int) {
	for j := range n {
		acc := start[j]
		for r := range rows {
			at := r*stride + j
			acc = fmadd(a[at], acc, b[at])
			h[at] = acc
		}
	}
}

func colScanGradRef[T Float](da, db, carry, dh, a, h, start []T, rows, n, stride int) {
	for j := range n {
		acc := carry[j]
		for r := rows - 1; r >= 0; r-- {
			at, before := r*stride+j, start[j]
			if r > 0 {
				before = h[at-stride]
			}
			g := dh[at] + acc
			db[at] = g
			da[at] = mul(g, before)
			acc = mul(a[at], g)
		}
		carry[j] = acc
	}
}

// segment calls entry for the entries of every segment in order; start comes first.
func segment(ptr []int32, rows int, start func(i, entries int), entry func(i, k int)) {
	for i := range rows {
		start(i, int(ptr[i+1]-ptr[i]))
		for k := ptr[i]; k < ptr[i+1]; k++ {
			entry(i, int(k))
		}
	}
}

func segSumRef[T Float](y, x []T, ptr []int32, rows, n, stride, add int) {
	segment(ptr, rows, fresh(y, n, add), func(i, k int) {
		for j, v := range x[k*stride:][:n] {
			y[i*n+j] += v
		}
	})
}

func segMaxRef[T Float](y, x []T, ptr []int32, rows, n, stride int) {
	segment(ptr, rows, func(i, entries int) {
		var first T
		if entries > 0 {
			first = negInf[T]()
		}
		for j := range n {
			y[i*n+j] = first
		}
	}, func(i, k int) {
		for j, v := range x[k*stride:][:n] {
			y[i*n+j] = greater(v, y[i*n+j])
		}
	})
}

func segGatherRef[T Float](y, x []T, ptr, idx []int32, rows, n, stride, add int) {
	segment(ptr, rows, fresh(y, n, add), func(i, k int) {
		for j, v := range x[int(idx[k])*stride:][:n] {
			y[i*n+j] += v
		}
	})
}

func segProductRef[T Float](y, x, val []T, ptr, idx []int32, rows, n, stride, add int) {
	segment(ptr, rows, fresh(y, n, add), func(i, k int) {
		for j, v := range x[int(idx[k])*stride:][:n] {
			y[i*n+j] = fmadd(v, val[k], y[i*n+j])
		}
	})
}

// fresh clears a row of y unless it is added to.
func fresh[T Float](y []T, n, add int) func(i, entries int) {
	return func(i, _ int) {
		if add == 0 {
			clear(y[i*n:][:n])
		}
	}
}

func segDotRef[T Float](dst, y, x []T, ptr, idx []int32, rows, n, stride int) {
	segment(ptr, rows, func(int, int) {}, func(i, k int) {
		rowDotRef(dst[k:], y[i*n:], x[int(idx[k])*stride:], 1, n, 0)
	})
}
