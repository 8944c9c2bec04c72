package vmath

// Unary computes y = f(x) for every element. y may be x.
func (k *Kernels) Unary(f Func, y, x []float32) { unary(k.f32, Activation{Func: f}, y, x, true) }

// Unary64 is Unary in float64.
func (k *Kernels) Unary64(f Func, y, x []float64) { unary(k.f64, Activation{Func: f}, y, x, true) }

// UnaryRef is the twin of Unary and Unary64.
func UnaryRef[T Float](f Func, y, x []T) { unary(nil, Activation{Func: f}, y, x, true) }

// Activation is a function with its parameter.
type Activation struct {
	Func Func
	// Slope is LeakyReLU's for negative arguments.
	Slope float64
}

// Activate computes y = f(x) for every element. y may be x, but see ActivateGrad.
func (k *Kernels) Activate(f Activation, y, x []float32) { unary(k.f32, f, y, x, false) }

// Activate64 is Activate in float64.
func (k *Kernels) Activate64(f Activation, y, x []float64) { unary(k.f64, f, y, x, false) }

// ActivateRef is the twin of Activate and Activate64.
func ActivateRef[T Float](f Activation, y, x []T) { unary(nil, f, y, x, false) }

func unary[T Float](t *table[T], f Activation, y, x []T, plain bool) {
	if len(x) != len(y) {
		panic(badLength)
	}
	if f.Func < 0 || f.Func >= funcs {
		panic(badFunc)
	}
	if plain && f.Func == LeakyReLU {
		panic(needsSlope)
	}
	if t == nil {
		unaryRef(f.Func, y, x, T(f.Slope))
		return
	}
	kernel := t.unary[f.Func]
	for len(x) > 0 {
		n := min(len(x), block)
		kernel(&y[0], &x[0], n, T(f.Slope))
		y, x = y[n:], x[n:]
	}
}

// ActivateGrad computes dx = dy*f'(x), or with accumulate dx += dy*f'(x) by a fused
// multiply-add. y must be f(x); Tanh and Sigmoid read only y and the others only x, so that the
// one that is not read may have been overwritten. dx may be dy, x or y. It panics unless
// f.Func.Differentiable().
//
// At 0, ReLU and LeakyReLU have the derivative of the negative side.
func (k *Kernels) ActivateGrad(f Activation, dx, x, y, dy []float32, accumulate bool) {
	grad(k.f32, f, dx, x, y, dy, accumulate)
}

// ActivateGrad64 is ActivateGrad in float64.
func (k *Kernels) ActivateGrad64(f Activation, dx, x, y, dy []float64, accumulate bool) {
	grad(k.f64, f, dx, x, y, dy, accumulate)
}

// ActivateGradRef is the twin of ActivateGrad and ActivateGrad64.
func ActivateGradRef[T Float](f Activation, dx, x, y, dy []T, accumulate bool) {
	grad(nil, f, dx, x, y, dy, accumulate)
}

func grad[T Float](t *table[T], f Activation, dx, x, y, dy []T, accumulate bool) {
	if len(x) != len(dx) || len(y) != len(dx) || len(dy) != len(dx) {
		panic(badLength)
	}
	if !f.Func.Differentiable() {
		panic(noGradient)
	}
	if t == nil {
		gradRef(f.Func, dx, x, y, dy, T(f.Slope), accumulate)
		return
	}
	kernel := t.grad[f.Func]
	if accumulate {
		kernel = t.gradAdd[f.Func]
	}
	for len(x) > 0 {
		n := min(len(x), block)
		kernel(&dx[0], &x[0], &y[0], &dy[0], n, T(f.Slope))
		dx, x, y, dy = dx[n:], x[n:], y[n:], dy[n:]
	}
}

// Sincos computes sine = sin(x) and cosine = cos(x) with the bits of Unary at little more than
// the cost of one. sine or cosine may be x.
func (k *Kernels) Sincos(sine, cosine, x []float32) { sincos(k.f32, sine, cosine, x) }

// Sincos64 is Sincos in float64.
func (k *Kernels) Sincos64(sine, cosine, x []float64) { sincos(k.f64, sine, cosine, x) }

// SincosRef is the twin of Sincos and Sincos64.
func SincosRef[T Float](sine, cosine, x []T) { sincos(nil, sine, cosine, x) }

func sincos[T Float](t *table[T], sine, cosine, x []T) {
	if len(sine) != len(x) || len(cosine) != len(x) {
		panic(badLength)
	}
	if t == nil {
		c := constantsOf[T]()
		for i, v := range x {
			q, s, co := angle(c, v)
			sine[i], cosine[i] = rotate(c, v, q, s, co), rotate(c, v, q+1, s, co)
		}
		return
	}
	for len(x) > 0 {
		n := min(len(x), block)
		t.sincos(&sine[0], &cosine[0], &x[0], n)
		sine, cosine, x = sine[n:], cosine[n:], x[n:]
	}
}
