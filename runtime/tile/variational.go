package tile

import (
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/rng"
)

// NoiseLabel is the label of the random stream of a layer's noise; see kernel.Normals for the draws of an element.
func NoiseLabel(layer string) string { return "variational/" + layer }

// variation is what a tape needs for networks whose weights have a normal posterior. The output of a layer before pooling then is
// conv(x, w)+b + sqrt(conv(x^2, s)+bs + 1e-15) e with variances s, bs of the weights and biases and a draw e of its own for every element
// and sample (local reparameterisation).
type variation struct {
	// on says that the loaded networks have variances.
	on     bool
	frames []noisyFrame
	// scratch is bands or whole outputs of draws.
	scratch []float32
	// drawn is the seed that all lanes have, if known.
	drawn   uint64
	uniform bool
}

// noisyFrame is a stage's part.
type noisyFrame struct {
	// q are the variances, xx is the input's square, dxx the gradient by it.
	q       kernel.Params
	xx, dxx []float32
	// slope is the derivative of the output by its variance where pooling found its maxima, dv the gradient of that variance.
	slope, dv []float32
	// padded is as in frame, dw and db are the gradients by the variances.
	padded, dw, db []float32
	draws          kernel.Normals
}

// NewVariationalTape allocates a tape that can also train with noise. Its sums are [2 nParams][16]: gradients by the parameters, then by
// their variances.
func NewVariationalTape(n *Net, k *kernel.Kernels) *Tape {
	t := NewTape(n, k)
	v := &variation{frames: make([]noisyFrame, len(n.stages))}
	scratch := 0
	for i := range n.stages {
		s, f := &n.stages[i], &v.frames[i]
		in, out := s.in.Size()*kernel.Lanes, s.out.Size()*kernel.Lanes
		f.xx, f.slope, f.dv = make([]float32, in), make([]float32, out), make([]float32, out)
		if i > 0 {
			f.dxx = make([]float32, in)
		}
		if t.frames[i].padded != nil {
			f.padded = make([]float32, s.g.PaddedSize())
		}
		if s.Pool {
			scratch = max(scratch, k.NoiseScratch(s.g))
		} else {
			scratch = max(scratch, s.g.OutSize())
		}
	}
	v.scratch = make([]float32, scratch)
	t.noise = v
	t.SetSums(make([]float32, 2*n.size*kernel.Lanes))
	return t
}

// setSums points the frames at the second half of the sums.
func (v *variation) setSums(n *Net, sums []float32) {
	for i := range v.frames {
		s, f := &n.stages[i], &v.frames[i]
		at := (s.offset + s.g.Weights()) * kernel.Lanes
		f.dw, f.db = sums[s.offset*kernel.Lanes:at], sums[at:][:s.Out*kernel.Lanes]
	}
}

// LoadVariances gives the network of the last Load, or those of the last LoadLanes, the variances of its parameters, laid out as they
// are. They must not change before the next call. Members bring the seeds of the noise: the one, or one per lane.
func (t *Tape) LoadVariances(variances []float32, members []Member) {
	v := t.noise
	v.on = true
	step := 1
	if t.perLane {
		step = kernel.Lanes
	}
	for i := range v.frames {
		s := &t.net.stages[i]
		from, at := s.offset*step, (s.offset+s.g.Weights())*step
		v.frames[i].q = kernel.Params{W: variances[from:at], B: variances[at : at+s.Out*step], PerLane: t.perLane}
	}
	switch {
	case t.perLane:
		v.uniform = false
		for lane, m := range members {
			v.setLanes(t.net, lane, lane+1, m.Seed)
		}
	case !v.uniform || v.drawn != members[0].Seed:
		v.uniform, v.drawn = true, members[0].Seed
		v.setLanes(t.net, 0, kernel.Lanes, v.drawn)
	}
}

func (v *variation) setLanes(n *Net, from, to int, seed uint64) {
	for i := range v.frames {
		key := rng.New(seed, NoiseLabel(n.stages[i].Name)).Key()
		for lane := from; lane < to; lane++ {
			v.frames[i].draws.SetLane(lane, key)
		}
	}
}

// forward is a stage up to its pooling.
func (v *variation) forward(t *Tape, i int, x []float32, step uint64, firstSample int) {
	s, f, w := &t.net.stages[i], &t.frames[i], &v.frames[i]
	stride := 1
	if t.perLane {
		stride = 0
	}
	w.draws.SetSample(step, firstSample, stride)
	t.k.Mul(w.xx, x, x)
	if s.Pool {
		t.k.VariationalPoolForward(s.g, f.y, w.slope, f.code, x, w.xx, f.p, w.q, &w.draws, v.scratch)
		return
	}
	t.k.VariationalForward(s.g, f.y, w.slope, x, w.xx, f.p, w.q, &w.draws, v.scratch)
}

// backward adds the gradients by the variances and, to dx, what the input gets through them; f.dy is the gradient of the stage's output
// before its non-linearity.
func (v *variation) backward(t *Tape, i int, x, dx []float32) {
	s, f, w := &t.net.stages[i], &t.frames[i], &v.frames[i]
	t.k.Mul(w.dv, f.dy, w.slope)
	t.k.ConvGradBias(w.db, w.dv, s.Out, s.out.H*s.out.W, t.fresh)
	if s.Pool && dx == nil {
		t.k.ConvPoolGradWeights(s.g, w.dw, w.xx, w.dv, f.code, t.scratch, t.fresh)
		return
	}
	dv, width := t.spread(s, f, w.padded, w.dv)
	t.k.ConvGradWeights(s.g, w.dw, w.xx, dv[(width-s.g.OW())/2*kernel.Lanes:], width, t.fresh)
	if dx == nil {
		return
	}
	t.k.ConvGradInput(s.g, w.dxx, dv, w.q)
	t.k.Mul(w.dxx, w.dxx, x)
	t.k.Add(w.dxx, w.dxx, w.dxx)
	t.k.Add(dx, dx, w.dxx)
}
