package rows

// Twins of the backward passes of normalisations; see twin_rows.go.

func rowBackSumsRef[T Float](s1, s2, dy, x, a []T, rows, n, stride int) {
	backSums(s1, s2, dy, x, nil, nil, a, rows, n, stride)
}

func rowBackSumsGainRef[T Float](s1, s2, dy, x, gain, a []T, rows, n, stride int) {
	backSums(s1, s2, dy, x, nil, gain, a, rows, n, stride)
}

func rowBackSumsReLURef[T Float](s1, s2, dy, x, y, a []T, rows, n, stride int) {
	backSums(s1, s2, dy, x, y, nil, a, rows, n, stride)
}

func rowBackDxRef[T Float](dx, dy, x, a, k, c1, c2 []T, rows, n, stride int) {
	backDx(dx, dy, x, nil, nil, a, k, c1, c2, rows, n, stride)
}

func rowBackDxGainRef[T Float](dx, dy, x, gain, a, k, c1, c2 []T, rows, n, stride int) {
	backDx(dx, dy, x, nil, gain, a, k, c1, c2, rows, n, stride)
}

func rowBackDxReLURef[T Float](dx, dy, x, y, a, k, c1, c2 []T, rows, n, stride int) {
	backDx(dx, dy, x, y, nil, a, k, c1, c2, rows, n, stride)
}

// seen is the gradient before the ReLU with outcome y (nil: none) or the gain (nil: none).
func seen[T Float](dy T, y, gain []T, i, at int) T {
	switch {
	case gain != nil:
		return mul(dy, gain[i])
	case y == nil || y[at] > 0:
		return dy
	}
	return 0
}

func backSums[T Float](s1, s2, dy, x, y, gain, a []T, rows, n, stride int) {
	for r := range rows {
		var acc1, acc2 accumulators[T]
		for i := range n {
			at := r*stride + i
			d, l := seen(dy[at], y, gain, i, at), lane(i, n, 2)
			acc1[l] += d
			acc2[l] = fmadd(d, x[at]-a[r], acc2[l])
		}
		s1[r], s2[r] = acc1.sum(2), acc2.sum(2)
	}
}

func backDx[T Float](dx, dy, x, y, gain, a, k, c1, c2 []T, rows, n, stride int) {
	for r := range rows {
		for i := range n {
			at := r*stride + i
			v := seen(dy[at], y, gain, i, at) - c1[r]
			v = fmadd(-(x[at] - a[r]), c2[r], v)
			dx[at] = mul(v, k[r])
		}
	}
}
