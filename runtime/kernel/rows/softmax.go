package rows

import "github.com/weightspace/weightspace/runtime/kernel/isa"

// Softmax is the shape of a softmax along rows: y = softmax(Scale*x + Mask) over the columns
// that a row sees; the others are 0, and so is all of a row that sees nothing but -Inf.
type Softmax[T Float] struct {
	// M rows of N columns.
	M, N int
	// Scale is positive.
	Scale T
	// Mask is added after scaling: nil (none), N long (the same for all rows) or M*N long.
	Mask []T
	// Causal: row i sees columns 0..i+Offset only.
	Causal bool
	Offset int
}

func (o *Softmax[T]) check(y, x []T) {
	need(len(y) == o.M*o.N && len(x) == o.M*o.N && (len(o.Mask) == 0 || len(o.Mask) == o.N || len(o.Mask) == o.M*o.N))
	if positive := o.Scale > 0; !positive {
		panic("rows: the scale of a softmax must be positive")
	}
}

// Softmax is along rows; y may be x.
func (k *Kernels) Softmax(y, x []float32, o Softmax[float32]) { softmax(k.level, y, x, o) }

// SoftmaxRef is the twin of Softmax.
func SoftmaxRef[T Float](y, x []T, o Softmax[T]) { softmax(isa.Ref, y, x, o) }

func softmax[T Float](l isa.Level, y, x []T, o Softmax[T]) {
	o.check(y, x)
	n := o.N
	step := tile(o.M, n)
	if o.Causal || len(o.Mask) > n {
		step = 1
	}
	for at := 0; at < o.M && n > 0; at += step {
		rows, sees := min(step, o.M-at), n
		if o.Causal {
			sees = min(max(at+o.Offset+1, 0), n)
		}
		yt, mask := y[at*n:][:rows*n], o.Mask
		if len(mask) > n {
			mask = mask[at*n:][:n]
		}
		softmaxTile(l, yt, x[at*n:][:rows*n], mask, o.Scale, rows, sees, n)
		if sees < n {
			clear(yt[sees:])
		}
	}
}

// softmaxTile is for at most group rows that see n elements, stride apart.
func softmaxTile[T Float](l isa.Level, y, x, mask []T, scale T, rows, n, stride int) {
	if n == 0 {
		return
	}
	var top, sums, zeros [group]T
	if len(mask) == 0 && n <= short {
		rowSoftmaxShort(l, top[:], sums[:], y, x, rows, n, stride, scale, 1, 0)
		return
	}
	if len(mask) == 0 {
		maximaTile(l, top[:], x, rows, n, stride)
		shiftOf(top[:rows], scale)
	} else {
		maskTile(l, top[:], y, x, mask, scale, rows, n, stride)
		x, scale = y, 1
		shiftOf(top[:rows], 1)
	}
	expTile(l, sums[:], y, x, top[:], scale, rows, n, stride)
	for r := range rows {
		sums[r] = inverse(1, sums[r])
	}
	scaleInPlace(l, y, &sums, &zeros, rows, n, stride)
}

// scaleInPlace is y = y*c+b for at most group rows. Rows with a tail are done in two turns,
// every other row first: a row's masked store would hold up the next row's load, which
// touches the same bytes.
func scaleInPlace[T Float](l isa.Level, y []T, c, b *[group]T, rows, n, stride int) {
	var zeros [group]T
	if rows == 1 || n%lanes == 0 {
		rowAffine(l, y, y, zeros[:], c[:], b[:], rows, n, stride)
		return
	}
	half := (rows + 1) / 2
	cs, bs := *c, *b
	for r := range rows {
		at := r/2 + r%2*half
		cs[at], bs[at] = c[r], b[r]
	}
	rowAffine(l, y, y, zeros[:], cs[:], bs[:], half, n, 2*stride)
	rowAffine(l, y[stride:], y[stride:], zeros[:], cs[half:], bs[half:], rows-half, n, 2*stride)
}

// shiftOf makes maxima of x what is subtracted from scale*x.
func shiftOf[T Float](top []T, scale T) {
	for r, m := range top {
		if top[r] = mul(scale, m); m == negInf[T]() {
			top[r] = 0
		}
	}
}

// maximaTile are the maxima of some rows; a long row is one of its own.
func maximaTile[T Float](l isa.Level, top, x []T, rows, n, stride int) {
	if rows == 1 {
		rowMaxima(l, top, x, 1, n)
		return
	}
	rowMax(l, top, x, rows, n, stride)
}

// maskTile writes y = scale*x+mask and its maxima.
func maskTile[T Float](l isa.Level, top, y, x, mask []T, scale T, rows, n, stride int) {
	if rows > 1 || n <= callFloats {
		rowScaleMask(l, top, y, x, mask, scale, rows, n, stride)
		return
	}
	best := negInf[T]()
	for at := 0; at < n; at += callFloats {
		rowScaleMask(l, top, y[at:], x[at:], mask[at:], scale, 1, min(callFloats, n-at), 0)
		best = greater(top[0], best)
	}
	top[0] = best
}

// expTile writes exp(scale*x-shift) to y (nil: nowhere) and sums; a row longer than Block is
// alone.
func expTile[T Float](l isa.Level, sums, y, x, shift []T, scale T, rows, n, stride int) {
	if n <= Block {
		if y == nil {
			rowExpSum(l, sums, x, shift, scale, rows, n, stride)
		} else {
			rowExp(l, sums, y, x, shift, scale, rows, n, stride)
		}
		return
	}
	var parts, as [group]T
	for i := range as {
		as[i] = shift[0]
	}
	total := 0.
	for at := 0; at < n; {
		blocks, w := cut(n - at)
		if y == nil {
			rowExpSum(l, parts[:], x[at:], as[:], scale, blocks, w, w)
		} else {
			rowExp(l, parts[:], y[at:], x[at:], as[:], scale, blocks, w, w)
		}
		for _, p := range parts[:blocks] {
			total += float64(p)
		}
		at += blocks * w
	}
	sums[0] = T(total)
}

// SoftmaxGrad is dx = scale*y*(dy - sum of dy*y) for y = softmax(scale*x): all [M,N]; dx may be
// dy or y.
func (k *Kernels) SoftmaxGrad(dx, y, dy []float32, m, n int, scale float32) {
	softmaxGrad(k.level, dx, y, dy, m, n, scale)
}

// SoftmaxGradRef is the twin of SoftmaxGrad.
func SoftmaxGradRef[T Float](dx, y, dy []T, m, n int, scale T) {
	softmaxGrad(isa.Ref, dx, y, dy, m, n, scale)
}

func softmaxGrad[T Float](l isa.Level, dx, y, dy []T, m, n int, scale T) {
	need(len(dx) == m*n && len(y) == m*n && len(dy) == m*n)
	var dots [group]T
	step := tile(m, n)
	for at := 0; at < m && n > 0; at += step {
		rows, i := min(step, m-at), at*n
		rowSums(l, termXY, dots[:], y[i:], dy[i:], nil, rows, n)
		rowSoftmaxGrad(l, dx[i:], y[i:], dy[i:], dots[:], scale, rows, n, n)
	}
}

// LogSoftmax is along rows of [M,N]: y = x - log-sum-exp of the row. y may be x.
func (k *Kernels) LogSoftmax(y, x []float32, m, n int) { logSoftmax(k.level, y, x, m, n) }

// LogSoftmaxRef is the twin of LogSoftmax.
func LogSoftmaxRef[T Float](y, x []T, m, n int) { logSoftmax(isa.Ref, y, x, m, n) }

func logSoftmax[T Float](l isa.Level, y, x []T, m, n int) {
	need(len(y) == m*n && len(x) == m*n)
	var ones [group]T
	for i := range ones {
		ones[i] = 1
	}
	step := tile(m, n)
	for at := 0; at < m && n > 0; at += step {
		var top, logs [group]T
		rows, i := min(step, m-at), at*n
		logSums(l, top[:], logs[:], x[i:], rows, n)
		shiftOf(top[:rows], 1)
		for r := range rows {
			logs[r] = -logs[r]
		}
		rowAffine(l, y[i:], x[i:], top[:], ones[:], logs[:], rows, n, n)
	}
}

// logSums gives the maxima of some rows and the logarithms of the sums of exp(x - maximum).
func logSums[T Float](l isa.Level, top, logs, x []T, rows, n int) {
	var shift, sums [group]T
	maximaTile(l, top, x, rows, n, n)
	copy(shift[:], top[:rows])
	shiftOf(shift[:rows], 1)
	expTile(l, sums[:], nil, x, shift[:], 1, rows, n, n)
	logsOf(l, logs, sums[:], rows)
}

// logsOf are logarithms of sums of exponentials, something finite if those are 0.
func logsOf[T Float](l isa.Level, logs, sums []T, rows int) {
	for r, s := range sums[:rows] {
		if s == 0 {
			sums[r] = 1
		}
	}
	rowLog(l, logs, sums, 1, rows, 0)
}

// LogSoftmaxGrad is dx = dy - exp(y)*(sum of dy) for y = LogSoftmax(x): all [M,N]; dx may be dy.
func (k *Kernels) LogSoftmaxGrad(dx, y, dy []float32, m, n int) {
	logSoftmaxGrad(k.level, dx, y, dy, m, n)
}

// LogSoftmaxGradRef is the twin of LogSoftmaxGrad.
func LogSoftmaxGradRef[T Float](dx, y, dy []T, m, n int) { logSoftmaxGrad(isa.Ref, dx, y, dy, m, n) }

func logSoftmaxGrad[T Float](l isa.Level, dx, y, dy []T, m, n int) {
	need(len(dx) == m*n && len(y) == m*n && len(dy) == m*n)
	var sums [group]T
	step := tile(m, n)
	for at := 0; at < m && n > 0; at += step {
		rows, i := min(step, m-at), at*n
		rowSums(l, termX, sums[:], dy[i:], nil, nil, rows, n)
		rowLogSoftmaxGrad(l, dx[i:], y[i:], dy[i:], sums[:], rows, n, n)
	}
}

// LogSumExp writes log of the sums of exp along rows: dst [M], x [M,N]; -Inf for rows of -Inf,
// and empty ones.
func (k *Kernels) LogSumExp(dst, x []float32, m, n int) { logSumExp(k.level, dst, x, m, n) }

// LogSumExpRef is the twin of LogSumExp.
func LogSumExpRef[T Float](dst, x []T, m, n int) { logSumExp(isa.Ref, dst, x, m, n) }

func logSumExp[T Float](l isa.Level, dst, x []T, m, n int) {
	need(len(dst) == m && len(x) == m*n)
	if n == 0 {
		rowMaxima(l, dst, x, m, n)
	}
	step := tile(m, n)
	for at := 0; at < m && n > 0; at += step {
		var top, logs [group]T
		rows := min(step, m-at)
		logSums(l, top[:], logs[:], x[at*n:], rows, n)
		for r, v := range logs[:rows] {
			dst[at+r] = top[r] + v
		}
	}
}
