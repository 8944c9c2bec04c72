package kernel

// Activation is an elementwise non-linearity.
type Activation int

// The activations.
const (
	// Identity does nothing; it has no kernel.
	Identity Activation = iota
	Tanh
	ReLU
	Sigmoid
	GELU
	SiLU
	// LeakyReLU has slope 0.01 below zero.
	LeakyReLU
	activations
)

var activationRef = [activations]func(y, d, x []float32){
	Tanh: tanhRef, ReLU: reluRef, Sigmoid: sigmoidRef, GELU: geluRef, SiLU: siluRef, LeakyReLU: leakyRef,
}

// Activate computes y = f(x) and d = f'(x) for whole vectors: lengths are multiples of 16.
// y or d may equal x; f is not Identity. Errors: tanh and sigmoid within 4 ULP, silu within
// 6 ULP, gelu within 3e-7 absolute for |x| <= 10; e^x is bounded to |x| <= 87.
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

// Add computes dst = a+b for whole vectors. dst may equal a or b.
func (k *Kernels) Add(dst, a, b []float32) {
	n := len(dst)
	need(len(a) == n && len(b) == n && n%Lanes == 0, "kernel: Add: wrong length")
	if n == 0 {
		return
	}
	if k.t == nil {
		addRef(dst, a, b)
		return
	}
	k.t.add(&dst[0], &a[0], &b[0], n)
}

// Check sets each lane of bad to 0, or to NaN if a lane of x [n][16] holds anything that is not
// finite.
func (k *Kernels) Check(bad *[Lanes]float32, x []float32) {
	need(len(x)%Lanes == 0, "kernel: Check: wrong length")
	if k.t == nil || len(x) == 0 {
		checkRef(bad, x)
		return
	}
	k.t.check(&bad[0], &x[0], len(x)/Lanes)
}

// Reduce sums the 16 lanes of each of len(dst) vectors by the tree of adjacent pairs,
// ((0+1)+(2+3))+((4+5)+(6+7)) and so on.
func (k *Kernels) Reduce(dst, src []float32) {
	n := len(dst)
	need(len(src) == n*Lanes, "kernel: Reduce: wrong length")
	if n == 0 {
		return
	}
	whole := 0
	if k.t != nil {
		whole = n / reduceGroup * reduceGroup
	}
	if whole > 0 {
		k.t.reduce(&dst[0], &src[0], whole/reduceGroup)
	}
	reduceRef(dst[whole:], src[whole*Lanes:])
}

// reduceGroup is the vectors that the assembly of Reduce takes at a time.
const reduceGroup = 4
