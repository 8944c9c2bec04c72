package vmath

// Binary computes dst = a op b for every element. dst may be a or b.
func (k *Kernels) Binary(op Op, dst, a, b []float32) { binary(k.f32, op, dst, a, b) }

// Binary64 is Binary in float64.
func (k *Kernels) Binary64(op Op, dst, a, b []float64) { binary(k.f64, op, dst, a, b) }

// BinaryRef is the twin of Binary and Binary64.
func BinaryRef[T Float](op Op, dst, a, b []T) { binary(nil, op, dst, a, b) }

func binary[T Float](t *table[T], op Op, dst, a, b []T) {
	if len(a) != len(dst) || len(b) != len(dst) {
		panic(badLength)
	}
	checkOp(op)
	if t == nil {
		f := twinsOf[T]().binary[op]
		for i := range dst {
			dst[i] = f(a[i], b[i])
		}
		return
	}
	kernel := t.binary[op]
	for len(dst) > 0 {
		n := min(len(dst), block)
		kernel(&dst[0], &a[0], &b[0], n)
		dst, a, b = dst[n:], a[n:], b[n:]
	}
}

// BinaryScalar computes dst = a op b for every element of a and one number b: scaling, adding a
// constant, comparing with a threshold. dst may be a.
func (k *Kernels) BinaryScalar(op Op, dst, a []float32, b float32) { scalar(k.f32, op, dst, a, b) }

// BinaryScalar64 is BinaryScalar in float64.
func (k *Kernels) BinaryScalar64(op Op, dst, a []float64, b float64) { scalar(k.f64, op, dst, a, b) }

// BinaryScalarRef is the twin of BinaryScalar and BinaryScalar64.
func BinaryScalarRef[T Float](op Op, dst, a []T, b T) { scalar(nil, op, dst, a, b) }

func scalar[T Float](t *table[T], op Op, dst, a []T, b T) {
	if len(a) != len(dst) {
		panic(badLength)
	}
	checkOp(op)
	if t == nil {
		f := twinsOf[T]().binary[op]
		for i := range dst {
			dst[i] = f(a[i], b)
		}
		return
	}
	kernel := t.scalar[op]
	for len(dst) > 0 {
		n := min(len(dst), block)
		kernel(&dst[0], &a[0], n, b)
		dst, a = dst[n:], a[n:]
	}
}

func checkOp(op Op) {
	if op < 0 || op >= ops {
		panic(badOp)
	}
}

// FMA computes dst = a*b+c, rounded once. dst may be any of them: FMA(y, a, b, y) accumulates.
func (k *Kernels) FMA(dst, a, b, c []float32) { fused(k.f32, dst, a, b, c) }

// FMA64 is FMA in float64.
func (k *Kernels) FMA64(dst, a, b, c []float64) { fused(k.f64, dst, a, b, c) }

// FMARef is the twin of FMA and FMA64.
func FMARef[T Float](dst, a, b, c []T) { fused(nil, dst, a, b, c) }

func fused[T Float](t *table[T], dst, a, b, c []T) {
	if len(a) != len(dst) || len(b) != len(dst) || len(c) != len(dst) {
		panic(badLength)
	}
	if t == nil {
		for i := range dst {
			dst[i] = fma(a[i], b[i], c[i])
		}
		return
	}
	for len(dst) > 0 {
		n := min(len(dst), block)
		t.fma(&dst[0], &a[0], &b[0], &c[0], n)
		dst, a, b, c = dst[n:], a[n:], b[n:], c[n:]
	}
}

// Axpy computes y += alpha x, rounded once.
func (k *Kernels) Axpy(alpha float32, x, y []float32) { axpy(k.f32, alpha, x, y) }

// Axpy64 is Axpy in float64.
func (k *Kernels) Axpy64(alpha float64, x, y []float64) { axpy(k.f64, alpha, x, y) }

// AxpyRef is the twin of Axpy and Axpy64.
func AxpyRef[T Float](alpha T, x, y []T) { axpy(nil, alpha, x, y) }

func axpy[T Float](t *table[T], alpha T, x, y []T) {
	if len(x) != len(y) {
		panic(badLength)
	}
	if t == nil {
		for i := range y {
			y[i] = fma(alpha, x[i], y[i])
		}
		return
	}
	for len(y) > 0 {
		n := min(len(y), block)
		t.axpy(&y[0], &x[0], n, alpha)
		y, x = y[n:], x[n:]
	}
}

// Clip computes dst = x bounded to [lo, hi]; NaN stays NaN. dst may be x.
func (k *Kernels) Clip(dst, x []float32, lo, hi float32) { clip(k.f32, dst, x, lo, hi) }

// Clip64 is Clip in float64.
func (k *Kernels) Clip64(dst, x []float64, lo, hi float64) { clip(k.f64, dst, x, lo, hi) }

// ClipRef is the twin of Clip and Clip64.
func ClipRef[T Float](dst, x []T, lo, hi T) { clip(nil, dst, x, lo, hi) }

func clip[T Float](t *table[T], dst, x []T, lo, hi T) {
	if len(x) != len(dst) {
		panic(badLength)
	}
	if t == nil {
		for i := range dst {
			dst[i] = lesser(hi, larger(lo, x[i]))
		}
		return
	}
	for len(dst) > 0 {
		n := min(len(dst), block)
		t.clip(&dst[0], &x[0], n, lo, hi)
		dst, x = dst[n:], x[n:]
	}
}

// Select computes dst = a where mask is not 0 (NaN is not) and b elsewhere. dst may be any of
// them.
func (k *Kernels) Select(dst, mask, a, b []float32) { pick(k.f32, dst, mask, a, b) }

// Select64 is Select in float64.
func (k *Kernels) Select64(dst, mask, a, b []float64) { pick(k.f64, dst, mask, a, b) }

// SelectRef is the twin of Select and Select64.
func SelectRef[T Float](dst, mask, a, b []T) { pick(nil, dst, mask, a, b) }

func pick[T Float](t *table[T], dst, mask, a, b []T) {
	if len(mask) != len(dst) || len(a) != len(dst) || len(b) != len(dst) {
		panic(badLength)
	}
	if t == nil {
		for i := range dst {
			dst[i] = sel(mask[i] != 0, a[i], b[i])
		}
		return
	}
	for len(dst) > 0 {
		n := min(len(dst), block)
		t.pick(&dst[0], &mask[0], &a[0], &b[0], n)
		dst, mask, a, b = dst[n:], mask[n:], a[n:], b[n:]
	}
}
