package kernel

import "fmt"

// Sizes of constant buffers: zeros for the channels of a block, ones for a row of positions.
const (
	maxBlock = 8
	maxOnes  = 64
)

type (
	convRowFunc  func(dst, x, w, bias *float32, dstChan, xRow, xChan, wOut, wCol, wRow, wChan, nc, nky, nkx, n int)
	convGradFunc func(acc, x, dy *float32, accChan, accRow, xKernel, xChan, xRow, dyChan, dyRow, fresh, nc, nky, rows, cols int)
	poolFunc     func(dst *float32, code *uint32, x *float32, xRow, xStep, dstStep, outer, n int)
	unpoolFunc   func(dx, dy *float32, code *uint32, xRow, xStep, dyStep, outer, n int)
	unaryFunc    func(y, d, x *float32, n int)
	reduceFunc   func(dst, src *float32, n int)
	pixelsFunc   func(dst *float32, src *[]uint8, table *float32, n int)
	softmaxFunc  func(e, sum, top *float64, logits *float32, classes int)
	dropoutFunc  func(y, d *float32, lanes *uint32, n int)
	adamFunc     func(w, m, v, g, rates *float32, n int, rate1, beta2, rate2, root, eps float32)
	normalsFunc  func(dst *float32, lanes *uint32, table *float32, block, skip, rows, cols int)
	sgdFunc      func(w, m, g, rates *float32, n int, momentum float32)
)

// convVariant is a convolution kernel for a register block: with one weight for all lanes and
// with one per lane. Unless columns is 0 it is for that many kernel columns.
type convVariant struct {
	channels, positions, columns int
	one, perLane                 convRowFunc
}

// gradVariant is a weight-gradient kernel for a register block.
type gradVariant struct {
	channels, columns int
	f                 convGradFunc
}

// table is the assembly of one level; every function has a pure-Go twin.
type table struct {
	// lanes is what one call handles: 8 (called twice) or 16.
	lanes      int
	conv       []convVariant
	grad       []gradVariant
	pool       poolFunc
	unpool     unpoolFunc
	mul, add   unaryFunc
	activation [activations]unaryFunc
	dropout    dropoutFunc
	normals    normalsFunc
	perturb    unaryFunc
	pick       poolFunc
	softmax    softmaxFunc
	reduce     reduceFunc
	pixels     pixelsFunc
	check      reduceFunc
	adam       adamFunc
	sgd        sgdFunc
}

// Kernels are the kernels of one level. They hold constants only: any number of goroutines
// may share them.
type Kernels struct {
	level Level
	// t is nil for Ref.
	t *table
	// conv is indexed by the channels of the block, then by falling positions, special columns
	// first.
	conv [maxBlock + 1][]convVariant
	// gradOf is indexed by channels and columns.
	gradOf      [maxBlock + 1][6]convGradFunc
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
	k := &Kernels{level: l, t: levelTable(l), zeros: make([]float32, maxBlock*Lanes), ones: make([]float32, maxOnes*Lanes)}
	for i := range k.ones {
		k.ones[i] = 1
	}
	if k.t == nil {
		return k, nil
	}
	for _, v := range k.t.conv {
		k.conv[v.channels] = append(k.conv[v.channels], v)
	}
	for _, v := range k.t.grad {
		k.gradOf[v.channels][v.columns] = v.f
	}
	return k, nil
}

// Level is the level these kernels were made for.
func (k *Kernels) Level() Level { return k.level }

// convBlock is the number of channels of the next block when n are left. It decides the order
// of work, never a result.
func (k *Kernels) convBlock(n int) int {
	switch {
	case k.t == nil:
		return min(n, maxBlock)
	case k.t.lanes == 8:
		// AVX2 has too few registers for 8 channels: 4+4, and 6 only if that finishes.
		switch {
		case n >= 4 && n != 6:
			return 4
		case n == 3:
			return 2
		}
		return n
	case n >= 2*maxBlock:
		return maxBlock
	case n > maxBlock:
		return (n + 1) / 2
	}
	return n
}

// positions is the positions of the widest kernel for a block of channels and a row.
func (k *Kernels) positions(channels, width int) int {
	for _, v := range k.conv[channels] {
		if v.positions <= width {
			return v.positions
		}
	}
	return 1
}

// gradBlock is the number of channels of the next weight-gradient block.
func (k *Kernels) gradBlock(n, columns int) int {
	if k.t == nil {
		return min(n, maxBlock)
	}
	best := 1
	for a := 2; a <= min(n, maxBlock); a++ {
		if k.gradOf[a][columns] != nil {
			best = a
		}
	}
	return best
}

// rowArgs are strides in floats and counts of a convolution row. w is read from wAt on; a
// stride may be negative. A nil bias resumes the chains that dst holds.
type rowArgs struct {
	w, bias                 []float32
	wAt                     int
	dstChan, xRow, xChan    int
	wOut, wCol, wRow, wChan int
	nc, nky, nkx, n         int
	perLane                 bool
}

// convRow computes a row for a block of channels.
func (k *Kernels) convRow(channels int, dst, x []float32, r *rowArgs) {
	if k.t == nil {
		convRowRef(channels, dst, x, r)
		return
	}
	for h := 0; h < Lanes; h += k.t.lanes {
		var bias *float32
		hw := 0
		if r.perLane {
			hw = h
		}
		if r.bias != nil {
			bias = &r.bias[hw]
		}
		w := &r.w[r.wAt+hw]
		at, left := h, r.n
		for _, v := range k.conv[channels] {
			blocks := left / v.positions
			if blocks == 0 || v.columns > 0 && v.columns != r.nkx {
				continue
			}
			f := v.one
			if r.perLane {
				f = v.perLane
			}
			f(&dst[at], &x[at], w, bias, 4*r.dstChan, 4*(r.xRow-r.nkx*Lanes), 4*(r.xChan-r.nky*r.xRow),
				4*r.wOut, 4*r.wCol, 4*(r.wRow-r.nkx*r.wCol), 4*(r.wChan-r.nky*r.wRow), r.nc, r.nky, r.nkx, blocks)
			at += blocks * v.positions * Lanes
			left -= blocks * v.positions
		}
	}
}

// gradArgs are strides in floats and counts of a weight gradient.
type gradArgs struct {
	accChan, accRow, xKernel, xChan, xRow, dyChan, dyRow int
	nc, nky, rows, cols                                  int
	fresh                                                bool
}

// convGrad accumulates a block of channels times kernel columns.
func (k *Kernels) convGrad(channels, columns int, acc, x, dy []float32, g *gradArgs) {
	if k.t == nil {
		convGradRef(channels, columns, acc, x, dy, g)
		return
	}
	fresh := 0
	if g.fresh {
		fresh = 1
	}
	f := k.gradOf[channels][columns]
	for h := 0; h < Lanes; h += k.t.lanes {
		f(&acc[h], &x[h], &dy[h], 4*g.accChan, 4*g.accRow, 4*g.xKernel, 4*(g.xChan-g.nky*g.xKernel), 4*(g.xRow-g.cols*Lanes),
			4*g.dyChan, 4*(g.dyRow-g.cols*Lanes), fresh, g.nc, g.nky, g.rows, g.cols)
	}
}

// poolArgs describe one pooled row of several channels: floats between the two rows of a
// window, between channels of the full and of the pooled plane, and counts.
type poolArgs struct{ row, channel, pooled, channels, n int }

func (k *Kernels) poolRows(dst []float32, code []uint32, x []float32, a poolArgs) {
	if k.t == nil {
		poolRowsRef(dst, code, x, a)
		return
	}
	for h := 0; h < Lanes; h += k.t.lanes {
		k.t.pool(&dst[h], &code[h], &x[h], 4*a.row, 4*(a.channel-2*a.n*Lanes), 4*(a.pooled-a.n*Lanes), a.channels, a.n)
	}
}

func (k *Kernels) unpoolRows(dx, dy []float32, code []uint32, a poolArgs) {
	if k.t == nil {
		unpoolRowsRef(dx, dy, code, a)
		return
	}
	for h := 0; h < Lanes; h += k.t.lanes {
		k.t.unpool(&dx[h], &dy[h], &code[h], 4*a.row, 4*(a.channel-2*a.n*Lanes), 4*(a.pooled-a.n*Lanes), a.channels, a.n)
	}
}
