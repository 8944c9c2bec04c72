package kernel

import "fmt"

// maxChannels bounds channels and row widths of convolutions: sizes of constant buffers.
const maxChannels = 4096

type (
	convRowFunc     func(dst, x, w, bias *float32, dstChan, xRow, xChan, wChan, nc, nky, nkx, n int)
	convGradFunc    func(acc, x, dy *float32, accChan, xRow, dyChan, dyRow, rows, cols int)
	poolRowFunc     func(dst, x0, x1 *float32, n int)
	poolGradRowFunc func(dx0, dx1, x0, x1, dy *float32, n int)
	unaryFunc       func(y, d, x *float32, n int)
	reduceFunc      func(dst, src *float32, n int)
	adamFunc        func(w, m, v, g *float32, n int, decay, rate1, beta2, rate2, root, eps, negStep float32)
	sgdFunc         func(w, m, g *float32, n int, decay, momentum, negRate float32)
)

// convVariant is a convolution kernel for a register block.
type convVariant struct {
	channels, positions int
	f                   convRowFunc
}

// gradVariant is a weight-gradient kernel for a register block.
type gradVariant struct {
	channels, columns int
	f                 convGradFunc
}

// table is the assembly of one level; every function has a pure-Go twin.
type table struct {
	// lanes is what one call handles: 8 (called twice) or 16.
	lanes       int
	conv        []convVariant
	grad        []gradVariant
	poolRow     poolRowFunc
	poolGradRow poolGradRowFunc
	mul         unaryFunc
	activation  [activations]unaryFunc
	reduce      reduceFunc
	adam        adamFunc
	sgd         sgdFunc
}

// Kernels are the kernels of one level. They hold constants only: any number of goroutines
// may share them.
type Kernels struct {
	level Level
	// t is nil for Ref.
	t *table
	// convWide and convOne are indexed by the channels of the block.
	convWide, convOne [9]convVariant
	// gradOf is indexed by channels and columns.
	gradOf      [9][6]convGradFunc
	zeros, ones []float32
}

// New returns the kernels of a level; Auto means Best. It fails for a level that this machine
// or build cannot run.
func New(l Level) (*Kernels, error) {
	if l == Auto {
		l = Best()
	}
	if !Supported(l) {
		return nil, fmt.Errorf("kernel level %s is not available on this machine or in this build: use %s", l, Best())
	}
	k := &Kernels{level: l, t: levelTable(l), zeros: make([]float32, maxChannels), ones: make([]float32, maxChannels*Lanes)}
	for i := range k.ones {
		k.ones[i] = 1
	}
	if k.t == nil {
		return k, nil
	}
	for _, v := range k.t.conv {
		if v.positions == 1 {
			k.convOne[v.channels] = v
		} else {
			k.convWide[v.channels] = v
		}
	}
	for _, v := range k.t.grad {
		k.gradOf[v.channels][v.columns] = v.f
	}
	return k, nil
}

// Level is the level these kernels were made for.
func (k *Kernels) Level() Level { return k.level }

// convBlock is the number of channels of the next block when n are left. It decides the order
// of packed weights, never a result.
func (k *Kernels) convBlock(n int) int {
	if k.t == nil {
		return min(n, 8)
	}
	// AVX2 has too few registers for 8 channels: 4+4, and 6 only if that finishes.
	if k.t.lanes == 8 && n >= 4 && n != 6 {
		return 4
	}
	for _, v := range k.t.conv {
		if v.channels <= n {
			return v.channels
		}
	}
	return 1
}

// gradBlock is the number of channels of the next weight-gradient block.
func (k *Kernels) gradBlock(n, columns int) int {
	if k.t == nil {
		return min(n, 8)
	}
	for _, a := range [...]int{8, 4, 2} {
		if a <= n && k.gradOf[a][columns] != nil {
			return a
		}
	}
	return 1
}

// rowArgs are strides in floats and counts of a convolution row.
type rowArgs struct{ dstChan, xRow, xChan, wChan, nc, nky, nkx, n int }

// convRow computes a row for a block of channels.
func (k *Kernels) convRow(channels int, dst, x, w, bias []float32, r rowArgs) {
	if k.t == nil {
		convRowRef(channels, dst, x, w, bias, r)
		return
	}
	wide, one := &k.convWide[channels], &k.convOne[channels]
	for h := 0; h < Lanes; h += k.t.lanes {
		done := 0
		if wide.f != nil && r.n >= wide.positions {
			blocks := r.n / wide.positions
			wide.f(&dst[h], &x[h], &w[0], &bias[0], 4*r.dstChan, 4*r.xRow, 4*r.xChan, 4*r.wChan, r.nc, r.nky, r.nkx, blocks)
			done = blocks * wide.positions
		}
		if done < r.n {
			at := done*Lanes + h
			one.f(&dst[at], &x[at], &w[0], &bias[0], 4*r.dstChan, 4*r.xRow, 4*r.xChan, 4*r.wChan, r.nc, r.nky, r.nkx, r.n-done)
		}
	}
}

// gradArgs are strides in floats and counts of a weight gradient.
type gradArgs struct{ accChan, xRow, dyChan, dyRow, rows, cols int }

// convGrad accumulates a block of channels times kernel columns.
func (k *Kernels) convGrad(channels, columns int, acc, x, dy []float32, g gradArgs) {
	if k.t == nil {
		convGradRef(channels, columns, acc, x, dy, g)
		return
	}
	f := k.gradOf[channels][columns]
	for h := 0; h < Lanes; h += k.t.lanes {
		f(&acc[h], &x[h], &dy[h], 4*g.accChan, 4*g.xRow, 4*g.dyChan, 4*g.dyRow, g.rows, g.cols)
	}
}
