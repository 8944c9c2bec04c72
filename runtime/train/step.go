package train

import (
	"math"

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
	labels [kernel.Lanes]uint8
	rates  kernel.Rates
}

func newWorker(net *tile.Net, k *kernel.Kernels) *worker {
	n := net.NumParams()
	return &worker{
		k: k, tape: tile.NewTape(net, k), grad: make([]float32, n), before: make([]float32, n),
		tiles: make([]float32, chunkImages*net.In().Size()),
	}
}

// memberStep trains member p on batch step of the current epoch. It touches nothing but the
// member's rows and the worker's scratch, and allocates nothing.
func (t *Trainer) memberStep(w *worker, p, step int) {
	m := &t.cfg.Members[p]
	split := &t.cfg.Data.Train
	// Epochs and steps count over the whole run, so that no draw is used twice.
	order := rng.New(m.Seed, "data/order").Permutation(split.N, uint64(t.epoch))
	from := step * t.cfg.BatchSize
	count := min(t.cfg.BatchSize, split.N-from)
	global := t.epoch*t.stepsPerEpoch + step

	row := t.row(t.weights, p)
	w.tape.Load(row, tile.Member{Seed: m.Seed, Dropout: m.Dropout}, true)
	w.tape.ZeroGrad()
	var loss float64
	correct := 0
	for at := 0; at < count; at += kernel.Lanes {
		lanes := min(kernel.Lanes, count-at)
		for l := range lanes {
			i := order.At(from + at + l)
			w.index[l], w.labels[l] = i, split.Labels[i]
		}
		t.images.tile(w.tape.Input(), split, w.index[:lanes])
		logits := w.tape.Forward(uint64(global), at)
		tileLoss, right := tile.CrossEntropy(logits, w.labels[:lanes], 1/float64(count), w.tape.OutputGrad())
		loss += tileLoss
		correct += right
		w.tape.Backward()
	}
	w.tape.Gradients(w.grad)
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		t.freeze(p)
		return
	}
	copy(w.before, row)
	t.update(w, p, global+1)
	if !finite(row) {
		copy(row, w.before)
		t.freeze(p)
		return
	}
	s := &t.sums[p]
	s.loss += loss
	s.correct += correct
	s.samples += count
}

// update does optimiser step number n (from 1) with the worker's gradient.
func (t *Trainer) update(w *worker, p, n int) {
	row, m1 := t.row(t.weights, p), t.row(t.m, p)
	for lane := range kernel.Lanes {
		t.setRates(w, lane, p, n)
	}
	if t.cfg.Optimizer == optimizerAdam {
		w.k.Adam(row, m1, t.row(t.v, p), w.grad, n, &w.rates)
		return
	}
	w.k.SGD(row, m1, w.grad, t.cfg.Momentum, &w.rates)
}

// setRates gives a lane member p's rates for step n.
func (t *Trainer) setRates(w *worker, lane, p, n int) {
	m := &t.cfg.Members[p]
	if t.cfg.Optimizer == optimizerAdam {
		w.rates.AdamRates(lane, n, m.LearningRate, m.WeightDecay)
		return
	}
	w.rates.SGDRates(lane, m.LearningRate, m.WeightDecay)
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
