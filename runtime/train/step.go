package train

import (
	"math"
	"math/bits"

	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/rng"
	"github.com/weightspace/weightspace/runtime/tile"
)

// worker is the scratch memory of one goroutine.
type worker struct {
	k    *kernel.Kernels
	tape *tile.Tape
	// grad and before are [nParams]: the batch's gradient, the weights before the update.
	grad, before []float32
	// tiles are the images of a chunk of an evaluation.
	tiles  []float32
	index  [kernel.Lanes]int
	src    lanes
	labels [kernel.Lanes]uint16
	rates  kernel.Rates
	// noiseRates are those of log sigma^2.
	noiseRates kernel.Rates
	loss       tile.Loss
	// sums are the tape's own gradient sums; cohort is nil unless members may share tiles.
	sums   []float32
	cohort *cohort
	// noise and laneNoise are for variational twins; the second is the cohort's.
	noise, laneNoise *noiseScratch
}

func newWorker(net *tile.Net, k *kernel.Kernels) *worker {
	n := net.NumParams()
	w := &worker{
		k: k, tape: tile.NewTape(net, k), grad: make([]float32, n), before: make([]float32, n),
		tiles: make([]float32, chunkImages*net.In().Size()),
	}
	w.sums = w.tape.Sums()
	return w
}

// memberStep trains member p on batch step of the current epoch, with samples in the lanes. It
// touches nothing but the member's rows and the worker's scratch, and allocates nothing.
func (t *Trainer) memberStep(w *worker, p, step int) {
	m := &t.cfg.Members[p]
	split := &t.cfg.Data.Train
	b := t.batch(step)
	order := t.order(m)

	row := t.row(t.weights, p)
	w.tape.SetSums(w.sums)
	who := tile.Member{Seed: m.Seed, Dropout: m.Dropout}
	w.tape.Load(row, who, true)
	if t.noise != nil {
		w.noise.load(w.tape, row, who)
	}
	w.tape.ZeroGrad()
	var loss float64
	correct := 0
	for at := 0; at < b.count; at += kernel.Lanes {
		lanes := min(kernel.Lanes, b.count-at)
		for l := range lanes {
			i := order.At(b.from + at + l)
			w.index[l], w.labels[l] = i, split.Labels[i]
		}
		t.images.tile(w.k, &w.src, w.tape.Input(), split, w.index[:lanes])
		logits := w.tape.Forward(uint64(b.global), at)
		right := w.loss.CrossEntropy(w.k, logits, w.labels[:lanes], 1/float64(b.count), w.tape.OutputGrad())
		loss += tile.Sum(w.loss.Losses[:lanes])
		correct += bits.OnesCount16(right)
		w.tape.Backward()
	}
	w.tape.Gradients(w.grad)
	if t.noise != nil {
		w.noise.gradient(w.grad, row, t.noise.weight(t.epoch))
	}
	t.masking.clear(p, w.grad)
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		t.freeze(p)
		return
	}
	copy(w.before, row)
	t.update(w, p, b.global+1)
	t.masking.clear(p, row)
	if !finite(row) {
		copy(row, w.before)
		t.freeze(p)
		return
	}
	t.sums[p].add(loss, correct, b.count)
}

// batch is a minibatch: count samples from a place in the epoch's order on. Steps count over the
// whole run in global, so that no draw is used twice.
type batch struct{ from, count, global int }

func (t *Trainer) batch(step int) batch {
	from := step * t.cfg.BatchSize
	return batch{from, min(t.cfg.BatchSize, t.cfg.Data.Train.N-from), t.epoch*t.stepsPerEpoch + step}
}

// order is a member's order of the training split in the current epoch.
func (t *Trainer) order(m *Member) rng.Permutation {
	return rng.New(m.Seed, "data/order").Permutation(t.cfg.Data.Train.N, uint64(t.epoch))
}

// add counts an accepted step.
func (s *runningSums) add(loss float64, correct, samples int) {
	s.loss += loss
	s.correct += correct
	s.samples += samples
}

// update does optimiser step number n (from 1) with the worker's gradient.
func (t *Trainer) update(w *worker, p, n int) {
	row, m1 := t.row(t.weights, p), t.row(t.m, p)
	for lane := range kernel.Lanes {
		t.setRates(w, lane, p, n)
	}
	var m2 []float32
	if t.v != nil {
		m2 = t.row(t.v, p)
	}
	t.move(w, row, m1, m2, w.grad, n)
}

// move does optimiser step number n with the worker's rates.
func (t *Trainer) move(w *worker, row, m1, m2, grad []float32, n int) {
	half := len(row)
	if t.noise != nil {
		half /= 2
		t.part(&w.noiseRates, w, row[half:], m1[half:], m2[min(half, len(m2)):], grad[half:], n)
	}
	t.part(&w.rates, w, row[:half], m1[:half], m2[:min(half, len(m2))], grad[:half], n)
}

// part does the step for a part of a row.
func (t *Trainer) part(rates *kernel.Rates, w *worker, row, m1, m2, grad []float32, n int) {
	if t.v != nil {
		w.k.Adam(row, m1, m2, grad, n, rates)
		return
	}
	w.k.SGD(row, m1, grad, t.cfg.Momentum, rates)
}

// setRates gives a lane member p's rates for step n.
func (t *Trainer) setRates(w *worker, lane, p, n int) {
	m := &t.cfg.Members[p]
	t.setPart(&w.rates, lane, n, m.LearningRate, m.WeightDecay)
	if t.noise != nil {
		rate, decay := t.noise.rates(m)
		t.setPart(&w.noiseRates, lane, n, rate, decay)
	}
}

func (t *Trainer) setPart(r *kernel.Rates, lane, n int, rate, decay float64) {
	if t.cfg.Optimizer == optimizerAdam {
		r.AdamRates(lane, n, rate, decay)
		return
	}
	r.SGDRates(lane, rate, decay)
}

// freeze stops a member for good. Its moments no longer matter and become 0.
func (t *Trainer) freeze(p int) {
	t.diverged[p] = t.epoch + 1
	clear(t.row(t.m, p))
	if t.v != nil {
		clear(t.row(t.v, p))
	}
}

// finite reports whether no element is NaN or infinite: adding one exponent step to an
// exponent of all ones reaches the sign bit.
func finite(x []float32) bool {
	const exponent, one = 0x7f800000, 0x00800000
	var bad uint32
	for _, v := range x {
		bad |= math.Float32bits(v)&exponent + one
	}
	return bad>>31 == 0
}
