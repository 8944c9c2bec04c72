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

// Tape is the scratch memory of one worker: it runs one tile at a time. Its size depends on the
// network alone, not on the batch or the population.
type Tape struct {
	net *Net
	k   *kernel.Kernels
	// input is the tile the caller fills.
	input  []float32
	frames []frame
	// sums are gradients per lane, [nParams][16]. fresh says that they are yet to be overwritten.
	sums  []float32
	fresh bool
	// scratch is the bands of a pooled convolution.
	scratch []float32
	// perLane says that the lanes are members and not samples.
	perLane, dropping bool
	// drawn is the member whose streams all lanes have, if it is one.
	drawn Member
	// noise is nil for networks without variances.
	noise *variation
}

// frame is what a stage has on a tape.
type frame struct {
	p kernel.Params
	// y is the output, d its derivative by what pooling left, dy the gradient of y.
	y, d, dy []float32
	// code is where pooling found its maxima.
	code []uint32
	// padded is the gradient of the convolution's output with zero borders.
	padded []float32
	// dw and db are this stage's share of the sums.
	dw, db []float32
	draws  kernel.Draws
}

// NewTape allocates a tape.
func NewTape(n *Net, k *kernel.Kernels) *Tape {
	t := &Tape{net: n, k: k, frames: make([]frame, len(n.stages)), sums: make([]float32, n.size*kernel.Lanes)}
	t.input = make([]float32, n.in.Size()*kernel.Lanes)
	scratch := 0
	for i := range n.stages {
		s, f := &n.stages[i], &t.frames[i]
		size := s.out.Size() * kernel.Lanes
		f.y, f.dy = make([]float32, size), make([]float32, size)
		if s.Activation != kernel.Identity || s.Dropout != "" {
			f.d = make([]float32, size)
		}
		if s.Pool {
			f.code = make([]uint32, size)
			scratch = max(scratch, k.PoolScratch(s.g))
		}
		if i > 0 && (s.Pool || s.g.KW > 1) {
			f.padded = make([]float32, s.g.PaddedSize())
		}
	}
	t.scratch = make([]float32, scratch)
	t.SetSums(t.sums)
	return t
}

// SetSums makes the tape keep its gradient sums elsewhere, in [nParams][16], twice as many for a variational tape.
func (t *Tape) SetSums(sums []float32) {
	t.sums = sums
	for i := range t.frames {
		s, f := &t.net.stages[i], &t.frames[i]
		at := (s.offset + s.g.Weights()) * kernel.Lanes
		f.dw, f.db = sums[s.offset*kernel.Lanes:at], sums[at:][:s.Out*kernel.Lanes]
	}
	if t.noise != nil {
		t.noise.setSums(t.net, sums[t.net.size*kernel.Lanes:])
	}
}

// Load takes a member's parameters [nParams] for tiles of 16 samples; row must not change before
// the next Load. With training, gradients can follow.
func (t *Tape) Load(row []float32, m Member, training bool) {
	t.load(row, false)
	t.dropping = training && m.Dropout > 0
	if !t.dropping || t.drawn == m {
		return
	}
	t.drawn = m
	t.setLanes(0, kernel.Lanes, m)
}

// LoadLanes takes the parameters [nParams][16] of up to 16 members for tiles with one sample of
// each; rows must not change before the next Load.
func (t *Tape) LoadLanes(rows []float32, members []Member, training bool) {
	t.load(rows, true)
	t.dropping = false
	for _, m := range members {
		t.dropping = t.dropping || training && m.Dropout > 0
	}
	t.drawn = Member{}
	t.setLanes(len(members), kernel.Lanes, Member{})
	for lane, m := range members {
		t.setLanes(lane, lane+1, m)
	}
}

// load points the frames at their parameters.
func (t *Tape) load(p []float32, perLane bool) {
	t.perLane = perLane
	if t.noise != nil {
		t.noise.on = false
	}
	step := 1
	if perLane {
		step = kernel.Lanes
	}
	for i := range t.frames {
		s := &t.net.stages[i]
		from, at := s.offset*step, (s.offset+s.g.Weights())*step
		t.frames[i].p = kernel.Params{W: p[from:at], B: p[at : at+s.Out*step], PerLane: perLane}
	}
}

// setLanes gives lanes a member's dropout streams.
func (t *Tape) setLanes(from, to int, m Member) {
	for i := range t.frames {
		s := &t.net.stages[i]
		if s.Dropout == "" {
			continue
		}
		key := rng.New(m.Seed, s.Dropout).Key()
		for lane := from; lane < to; lane++ {
			t.frames[i].draws.SetLane(lane, key, m.Dropout)
		}
	}
}

// Input is the tile [C][H][W][16] to fill before Forward.
func (t *Tape) Input() []float32 { return t.input }

// SetInput makes the tape read another tile, which it does not change.
func (t *Tape) SetInput(x []float32) { t.input = x[:t.net.in.Size()*kernel.Lanes] }

// Forward runs the network on the input tile and returns the logits [classes][16]. In training,
// step and firstSample key the dropout masks: the position in the batch of lane 0, or, if lanes
// are members, of the sample of all of them.
func (t *Tape) Forward(step uint64, firstSample int) []float32 {
	x := t.input
	for i := range t.frames {
		s, f := &t.net.stages[i], &t.frames[i]
		switch {
		case t.noisy():
			t.noise.forward(t, i, x, step, firstSample)
		case s.Pool:
			t.k.ConvPoolForward(s.g, f.y, f.code, x, f.p, t.scratch)
		default:
			t.k.ConvForward(s.g, f.y, x, f.p)
		}
		switch {
		case s.Activation != kernel.Identity:
			t.k.Activate(s.Activation, f.y, f.d, f.y)
		case s.Dropout != "":
			for j := range f.d {
				f.d[j] = 1
			}
		}
		if t.dropping && s.Dropout != "" {
			stride := 1
			if t.perLane {
				stride = 0
			}
			f.draws.SetSample(step, firstSample, stride)
			t.k.Dropout(f.y, f.d, &f.draws)
		}
		x = f.y
	}
	return x
}

// OutputGrad is where the caller puts the gradient of the logits [classes][16] before
// Backward: zero in lanes without a sample.
func (t *Tape) OutputGrad() []float32 { return t.frames[len(t.frames)-1].dy }

// ZeroGrad clears the gradient sums: the start of a batch or, if lanes are members, of one of
// its 16 chains.
func (t *Tape) ZeroGrad() { t.fresh = true }

// Backward adds the tile's gradients to the sums.
func (t *Tape) Backward() {
	for i := len(t.frames) - 1; i >= 0; i-- {
		s, f := &t.net.stages[i], &t.frames[i]
		x, dx := t.input, []float32(nil)
		if i > 0 {
			x, dx = t.frames[i-1].y, t.frames[i-1].dy
		}
		if f.d != nil {
			t.k.Mul(f.dy, f.dy, f.d)
		}
		t.k.ConvGradBias(f.db, f.dy, s.Out, s.out.H*s.out.W, t.fresh)
		if s.Pool && dx == nil {
			t.k.ConvPoolGradWeights(s.g, f.dw, x, f.dy, f.code, t.scratch, t.fresh)
		} else {
			dy, width := t.spread(s, f, f.padded, f.dy)
			t.k.ConvGradWeights(s.g, f.dw, x, dy[(width-s.g.OW())/2*kernel.Lanes:], width, t.fresh)
			if dx != nil {
				t.k.ConvGradInput(s.g, dx, dy, f.p)
			}
		}
		if t.noisy() {
			t.noise.backward(t, i, x, dx)
		}
	}
	t.fresh = false
}

// noisy says that weights have variances.
func (t *Tape) noisy() bool { return t.noise != nil && t.noise.on }

// spread undoes pooling of a gradient and puts it in the middle of padded, if the stage has it. It returns the gradient of the
// convolution's output and the positions of a row of it.
func (t *Tape) spread(s *stage, f *frame, padded, dy []float32) ([]float32, int) {
	switch {
	case padded == nil:
		return dy, s.g.OW()
	case s.Pool:
		t.k.UnpoolGrad(s.g, padded, dy, f.code)
	default:
		t.k.PadGrad(s.g, padded, dy)
	}
	return padded, s.g.PaddedWidth()
}

// Sums are the gradients per lane since ZeroGrad, [nParams][16].
func (t *Tape) Sums() []float32 { return t.sums }

// Gradients sums the lanes into dst [nParams], twice as many for a variational tape.
func (t *Tape) Gradients(dst []float32) { t.k.Reduce(dst, t.sums) }
