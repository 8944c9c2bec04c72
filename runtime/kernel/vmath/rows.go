package vmath

// AddRow computes y[M,N] = x[M,N] + row[N]. y may be x. M and N follow from the lengths:
// N = len(row), which must divide len(x).
func (k *Kernels) AddRow(y, x, row []float32) { rows(k.f32, Add, y, x, row) }

// AddRow64 is AddRow in float64.
func (k *Kernels) AddRow64(y, x, row []float64) { rows(k.f64, Add, y, x, row) }

// AddRowRef is the twin of AddRow and AddRow64.
func AddRowRef[T Float](y, x, row []T) { rows(nil, Add, y, x, row) }

// MulRow computes y[M,N] = x[M,N] * row[N]; see AddRow.
func (k *Kernels) MulRow(y, x, row []float32) { rows(k.f32, Mul, y, x, row) }

// MulRow64 is MulRow in float64.
func (k *Kernels) MulRow64(y, x, row []float64) { rows(k.f64, Mul, y, x, row) }

// MulRowRef is the twin of MulRow and MulRow64.
func MulRowRef[T Float](y, x, row []T) { rows(nil, Mul, y, x, row) }

// AddCol computes y[M,N] = x[M,N] + col[M,1]. y may be x. M = len(col) must divide len(x).
func (k *Kernels) AddCol(y, x, col []float32) { cols(k.f32, Add, y, x, col) }

// AddCol64 is AddCol in float64.
func (k *Kernels) AddCol64(y, x, col []float64) { cols(k.f64, Add, y, x, col) }

// AddColRef is the twin of AddCol and AddCol64.
func AddColRef[T Float](y, x, col []T) { cols(nil, Add, y, x, col) }

// MulCol computes y[M,N] = x[M,N] * col[M,1]; see AddCol.
func (k *Kernels) MulCol(y, x, col []float32) { cols(k.f32, Mul, y, x, col) }

// MulCol64 is MulCol in float64.
func (k *Kernels) MulCol64(y, x, col []float64) { cols(k.f64, Mul, y, x, col) }

// MulColRef is the twin of MulCol and MulCol64.
func MulColRef[T Float](y, x, col []T) { cols(nil, Mul, y, x, col) }

// divides checks a matrix against the length of its row or column and gives the other length.
func divides(y, x, b int) int {
	if y != x {
		panic(badLength)
	}
	if b == 0 {
		if x != 0 {
			panic(badShape)
		}
		return 0
	}
	if x%b != 0 {
		panic(badShape)
	}
	return x / b
}

func rows[T Float](t *table[T], op Op, y, x, row []T) {
	n := len(row)
	m := divides(len(y), len(x), n)
	if t == nil {
		f := twinsOf[T]().binary[op]
		for i := range x {
			y[i] = f(x[i], row[i%n])
		}
		return
	}
	if m == 0 || n == 0 {
		return
	}
	if n > block {
		for i := range m {
			binary(t, op, y[i*n:(i+1)*n], x[i*n:(i+1)*n], row)
		}
		return
	}
	for step := max(1, block/n); m > 0; m -= step {
		step = min(step, m)
		t.row[op](&y[0], &x[0], &row[0], step, n)
		y, x = y[step*n:], x[step*n:]
	}
}

func cols[T Float](t *table[T], op Op, y, x, col []T) {
	m := len(col)
	n := divides(len(y), len(x), m)
	if t == nil {
		f := twinsOf[T]().binary[op]
		for i := range x {
			y[i] = f(x[i], col[i/n])
		}
		return
	}
	if m == 0 || n == 0 {
		return
	}
	if n > block {
		for i, b := range col {
			scalar(t, op, y[i*n:(i+1)*n], x[i*n:(i+1)*n], b)
		}
		return
	}
	for step := max(1, block/n); len(col) > 0; col = col[step:] {
		step = min(step, len(col))
		t.col[op](&y[0], &x[0], &col[0], step, n)
		y, x = y[step*n:], x[step*n:]
	}
}
