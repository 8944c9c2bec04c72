package tile

import (
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/rng"
)

// Member is what a member brings besides its parameters.
type Member struct {
	Seed    uint64
	Dropout float64
}

// Tape is the scratch memory of one worker: it runs one member on one tile at a time. Its size
// depends on the network alone, not on the batch or the population.
type Tape struct {
	net   *Net
	k     *kernel.Kernels
	slots []slot
	// input is the tile the caller fills; values[i] and grads[i] are output and output
	// gradient of operation i (shared with its input where it works in place).
	input         []float32
	values, grads [][]float32
	// sums are gradients per lane, [nParams][16].
	sums        []float32
	member      Member
	training    bool
	step        uint64
	firstSample int
}

// slot is what an operation has on a tape.
type slot struct {
	packed, packedGrad, aux []float32
	// row is the operation's share of the member's parameters, grad of the sums.
	row, grad      []float32
	stream         rng.Stream
	needsInputGrad bool
}

// NewTape allocates a tape.
func NewTape(n *Net, k *kernel.Kernels) *Tape {
	t := &Tape{net: n, k: k, slots: make([]slot, len(n.ops)), sums: make([]float32, n.size*kernel.Lanes)}
	t.input = make([]float32, n.in.Size()*kernel.Lanes)
	last, lastGrad := t.input, []float32(nil)
	for i, o := range n.ops {
		b := o.buffers()
		t.slots[i] = slot{
			packed: make([]float32, b.packed), packedGrad: make([]float32, b.packedGrad), aux: make([]float32, b.aux),
			needsInputGrad: i > n.firstTrained,
		}
		if !o.inPlace() {
			last = make([]float32, n.shapes[i].Size()*kernel.Lanes)
			if i >= n.firstTrained {
				lastGrad = make([]float32, len(last))
			}
		}
		t.values, t.grads = append(t.values, last), append(t.grads, lastGrad)
	}
	return t
}

// Load takes a member's parameters; row must not change before the next Load. With training,
// gradients can follow.
func (t *Tape) Load(row []float32, m Member, training bool) {
	t.member, t.training = m, training
	for i, o := range t.net.ops {
		from, to := t.net.offsets[i], t.net.size
		if i+1 < len(t.net.offsets) {
			to = t.net.offsets[i+1]
		}
		s := &t.slots[i]
		s.row, s.grad = row[from:to], t.sums[from*kernel.Lanes:to*kernel.Lanes]
		o.load(t, s)
	}
}

// Input is the tile [C][H][W][16] to fill before Forward.
func (t *Tape) Input() []float32 { return t.input }

// SetInput makes the tape read another tile, which it does not change unless the network
// begins with an in-place layer.
func (t *Tape) SetInput(x []float32) { t.input = x[:t.net.in.Size()*kernel.Lanes] }

// Forward runs the network on the input tile and returns the logits [classes][16]. In training, step and
// firstSample (the position in the batch of lane 0) key the dropout masks.
func (t *Tape) Forward(step uint64, firstSample int) []float32 {
	t.step, t.firstSample = step, firstSample
	x := t.input
	for i, o := range t.net.ops {
		o.forward(t, &t.slots[i], t.values[i], x)
		x = t.values[i]
	}
	return x
}

// OutputGrad is where the caller puts the gradient of the logits [classes][16] before
// Backward: zero in lanes without a sample.
func (t *Tape) OutputGrad() []float32 { return t.grads[len(t.grads)-1] }

// ZeroGrad clears the gradient sums: the start of a batch.
func (t *Tape) ZeroGrad() { clear(t.sums) }

// Backward adds the tile's gradients to the sums.
func (t *Tape) Backward() {
	for i := len(t.net.ops) - 1; i >= t.net.firstTrained; i-- {
		x, dx := t.input, []float32(nil)
		if i > 0 {
			x = t.values[i-1]
		}
		if t.slots[i].needsInputGrad {
			dx = t.grads[i-1]
		}
		t.net.ops[i].backward(t, &t.slots[i], dx, t.grads[i], x)
	}
}

// Gradients sums the lanes into dst [nParams].
func (t *Tape) Gradients(dst []float32) { t.k.Reduce(dst, t.sums) }
