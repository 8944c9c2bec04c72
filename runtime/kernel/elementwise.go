package kernel

// Activation is an elementwise non-linearity.
type Activation int

// The activations.
const (
	Tanh Activation = iota
	ReLU
	Sigmoid
	GELU
	activations
)

var activationRef = [activations]func(y, d, x []float32){tanhRef, reluRef, sigmoidRef, geluRef}

// Activate computes y = f(x) and d = f'(x) for whole vectors: lengths are multiples of 16.
// y or d may equal x. Errors: tanh and sigmoid within 4 ULP, gelu within 3e-7 absolute for
// |x| <= 10; e^x is bounded to |x| <= 87.
func (k *Kernels) Activate(f Activation, y, d, x []float32) {
	n := len(x)
	need(len(y) == n && len(d) == n && n%Lanes == 0, "kernel: Activate: wrong length")
	if n == 0 {
		return
	}
	if k.t == nil {
		activationRef[f](y, d, x)
		return
	}
	k.t.activation[f](&y[0], &d[0], &x[0], n)
}

// Mul computes dst = a*b for whole vectors. dst may equal a or b.
func (k *Kernels) Mul(dst, a, b []float32) {
	n := len(dst)
	need(len(a) == n && len(b) == n && n%Lanes == 0, "kernel: Mul: wrong length")
	if n == 0 {
		return
	}
	if k.t == nil {
		mulRef(dst, a, b)
		return
	}
	k.t.mul(&dst[0], &a[0], &b[0], n)
}

// Reduce sums the 16 lanes of each of len(dst) vectors with one fixed tree.
func (k *Kernels) Reduce(dst, src []float32) {
	n := len(dst)
	need(len(src) == n*Lanes, "kernel: Reduce: wrong length")
	if n == 0 {
		return
	}
	if k.t == nil {
		reduceRef(dst, src, n)
		return
	}
	k.t.reduce(&dst[0], &src[0], n)
}

// MaxPool takes the maximum of 2x2 windows, stride 2, of c planes h x w; an odd last row or
// column is dropped. y is [c][h/2][w/2][16].
func (k *Kernels) MaxPool(y, x []float32, c, h, w int) {
	oh, ow := h/2, w/2
	need(oh > 0 && ow > 0 && len(x) >= c*h*w*Lanes && len(y) >= c*oh*ow*Lanes, "kernel: MaxPool: slice too short")
	for i := range c {
		for r := range oh {
			at := (i*h + 2*r) * w * Lanes
			dst, x0, x1 := y[(i*oh+r)*ow*Lanes:], x[at:], x[at+w*Lanes:]
			if k.t == nil {
				poolRowRef(dst, x0, x1, ow)
				continue
			}
			for l := 0; l < Lanes; l += k.t.lanes {
				k.t.poolRow(&dst[l], &x0[l], &x1[l], ow)
			}
		}
	}
}

// MaxPoolGrad gives dy to the first largest element of each window (row by row) and 0 to all
// others.
func (k *Kernels) MaxPoolGrad(dx, x, dy []float32, c, h, w int) {
	oh, ow := h/2, w/2
	need(oh > 0 && ow > 0 && len(x) >= c*h*w*Lanes && len(dx) >= c*h*w*Lanes && len(dy) >= c*oh*ow*Lanes,
		"kernel: MaxPoolGrad: slice too short")
	if h%2 == 1 || w%2 == 1 {
		clear(dx[:c*h*w*Lanes])
	}
	for i := range c {
		for r := range oh {
			at := (i*h + 2*r) * w * Lanes
			d0, d1, x0, x1, g := dx[at:], dx[at+w*Lanes:], x[at:], x[at+w*Lanes:], dy[(i*oh+r)*ow*Lanes:]
			if k.t == nil {
				poolGradRowRef(d0, d1, x0, x1, g, ow)
				continue
			}
			for l := 0; l < Lanes; l += k.t.lanes {
				k.t.poolGradRow(&d0[l], &d1[l], &x0[l], &x1[l], &g[l], ow)
			}
		}
	}
}
