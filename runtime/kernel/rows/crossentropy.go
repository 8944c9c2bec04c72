package rows

import "github.com/weightspace/weightspace/runtime/kernel/isa"

// CrossEntropy is the loss -log softmax(x)[label] of M rows of C logits: loss [M], dx and x
// [M,C], labels [M]. dx is the gradient of the losses times scale (1/M for a mean). With
// smooth = s the target is 1-s at the label plus s/C everywhere. A row with label -1 has loss
// and gradient 0. dx may be x. It panics if a label is not below C.
func (k *Kernels) CrossEntropy(loss, dx, x []float32, labels []int32, m, c int, scale, smooth float32) {
	crossEntropy(k.level, loss, dx, x, labels, m, c, scale, smooth)
}

// CrossEntropyRef is the twin of CrossEntropy.
func CrossEntropyRef[T Float](loss, dx, x []T, labels []int32, m, c int, scale, smooth T) {
	crossEntropy(isa.Ref, loss, dx, x, labels, m, c, scale, smooth)
}

func checkLabels(labels []int32, c int) {
	for _, v := range labels {
		if int(v) >= c {
			panic("rows: label is not below the number of classes")
		}
	}
}

func crossEntropy[T Float](l isa.Level, loss, dx, x []T, labels []int32, m, c int, scale, smooth T) {
	need(len(loss) == m && len(dx) == m*c && len(x) == m*c && len(labels) == m)
	checkLabels(labels, c)
	if c == 0 {
		clear(loss)
		return
	}
	step := tile(m, c)
	for at := 0; at < m; at += step {
		rows, i := min(step, m-at), at*c
		crossEntropyTile(l, loss[at:], dx[i:], x[i:], labels[at:], rows, c, scale, smooth)
	}
}

// crossEntropyTile is for at most group rows.
func crossEntropyTile[T Float](l isa.Level, loss, dx, x []T, labels []int32, rows, c int, scale, smooth T) {
	var sums, logs, even [group]T
	if smooth != 0 {
		rowSums(l, termX, even[:], x, nil, nil, rows, c)
	}
	// The label's logit is kept where the gradient may overwrite it.
	for r, label := range labels[:rows] {
		if label >= 0 {
			loss[r] = x[r*c+int(label)]
		}
	}
	var top [group]T
	probabilities(l, &top, &sums, dx, x, scale, -mul(scale, smooth)/T(c), rows, c)
	logsOf(l, logs[:], sums[:], rows)
	for r, label := range labels[:rows] {
		if label < 0 {
			loss[r] = 0
			clear(dx[r*c:][:c])
			continue
		}
		dx[r*c+int(label)] -= mul(scale, 1-smooth)
		if loss[r] = logs[r] - (loss[r] - top[r]); smooth != 0 {
			loss[r] = fmadd(smooth, logs[r]+(top[r]-even[r]/T(c)), mul(1-smooth, loss[r]))
		}
	}
}

// probabilities is y = softmax(x)*gain+base for at most group rows, with what is subtracted
// from x and the sums of exponentials.
func probabilities[T Float](l isa.Level, top, sums *[group]T, y, x []T, gain, base T, rows, n int) {
	if n <= short {
		rowSoftmaxShort(l, top[:], sums[:], y, x, rows, n, n, 1, gain, base)
		return
	}
	maximaTile(l, top[:], x, rows, n, n)
	shiftOf(top[:rows], 1)
	expTile(l, sums[:], y, x, top[:], 1, rows, n, n)
	var c, b [group]T
	for r := range rows {
		c[r], b[r] = inverse(gain, sums[r]), base
	}
	scaleInPlace(l, y, &c, &b, rows, n, n)
}

// SoftCrossEntropy is the loss -sum q*log softmax(x) of M rows of C logits with targets q (of
// any mass): loss [M], dx, x and q [M,C]. dx is the gradient of the losses times scale. dx may
// be x.
func (k *Kernels) SoftCrossEntropy(loss, dx, x, q []float32, m, c int, scale float32) {
	softCrossEntropy(k.level, loss, dx, x, q, m, c, scale)
}

// SoftCrossEntropyRef is the twin of SoftCrossEntropy.
func SoftCrossEntropyRef[T Float](loss, dx, x, q []T, m, c int, scale T) {
	softCrossEntropy(isa.Ref, loss, dx, x, q, m, c, scale)
}

func softCrossEntropy[T Float](l isa.Level, loss, dx, x, q []T, m, c int, scale T) {
	need(len(loss) == m && len(dx) == m*c && len(x) == m*c && len(q) == m*c)
	if c == 0 {
		clear(loss)
		return
	}
	step := tile(m, c)
	for at := 0; at < m; at += step {
		rows, i := min(step, m-at), at*c
		var top, sums, logs, mass, inv [group]T
		maximaTile(l, top[:], x[i:], rows, c, c)
		shiftOf(top[:rows], 1)
		rowSums(l, termX, mass[:], q[i:], nil, nil, rows, c)
		rowSums(l, termDotShift, loss[at:], q[i:], x[i:], top[:], rows, c)
		expTile(l, sums[:], dx[i:], x[i:], top[:], 1, rows, c, c)
		for r := range rows {
			inv[r] = inverse(mul(scale, mass[r]), sums[r])
		}
		logsOf(l, logs[:], sums[:], rows)
		for r := range rows {
			loss[at+r] = fmadd(logs[r], mass[r], -loss[at+r])
		}
		rowMix(l, dx[i:], dx[i:], q[i:], inv[:], scale, rows, c, c)
	}
}

// CrossEntropyCols is CrossEntropy with the classes first: loss and labels [L], dx and x [C,L].
func (k *Kernels) CrossEntropyCols(loss, dx, x []float32, labels []int32, s Columns, scale, smooth float32) {
	crossEntropyCols(k.level, loss, dx, x, labels, s, scale, smooth)
}

// CrossEntropyColsRef is the twin of CrossEntropyCols.
func CrossEntropyColsRef[T Float](loss, dx, x []T, labels []int32, s Columns, scale, smooth T) {
	crossEntropyCols(isa.Ref, loss, dx, x, labels, s, scale, smooth)
}

func crossEntropyCols[T Float](l isa.Level, loss, dx, x []T, labels []int32, s Columns, scale, smooth T) {
	need(len(loss) == s.L && len(labels) == s.L && fits(s, dx, x))
	checkLabels(labels, s.C)
	if s.C == 0 {
		clear(loss)
	}
	w, n := s.strips()
	for j := 0; j < n; j += w {
		cols := min(w, n-j)
		if smooth == 0 {
			colCrossEntropy(l, loss[j:], dx[j:], x[j:], labels[j:], s.C, cols, s.Stride, scale)
		} else {
			colCrossEntropySmooth(l, loss[j:], dx[j:], x[j:], labels[j:], s.C, cols, s.Stride, scale, smooth, 1/T(s.C))
		}
	}
}

// SoftCrossEntropyCols is SoftCrossEntropy with the classes first: loss [L], dx, x and q [C,L].
func (k *Kernels) SoftCrossEntropyCols(loss, dx, x, q []float32, s Columns, scale float32) {
	softCrossEntropyCols(k.level, loss, dx, x, q, s, scale)
}

// SoftCrossEntropyColsRef is the twin of SoftCrossEntropyCols.
func SoftCrossEntropyColsRef[T Float](loss, dx, x, q []T, s Columns, scale T) {
	softCrossEntropyCols(isa.Ref, loss, dx, x, q, s, scale)
}

func softCrossEntropyCols[T Float](l isa.Level, loss, dx, x, q []T, s Columns, scale T) {
	need(len(loss) == s.L && fits(s, dx, x, q))
	if s.C == 0 {
		clear(loss)
	}
	w, n := s.strips()
	for j := 0; j < n; j += w {
		colSoftCrossEntropy(l, loss[j:], dx[j:], x[j:], q[j:], s.C, min(w, n-j), s.Stride, scale)
	}
}
