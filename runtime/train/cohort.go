package train

import (
	"math"
	"math/bits"

	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/rng"
	"github.com/weightspace/weightspace/runtime/tile"
)

// cohort is a worker's scratch for up to 16 members that train side by side, a member in every
// lane and one sample of each in a tile.
//
// A batch gives the same bits as with samples in the lanes. There, lane l sums over samples l,
// l+16, ... in one chain, and the lanes are summed by the tree of adjacent pairs. Here the 16
// chains are run one after another, and levels[j] holds the sum of a finished subtree of 2^j of
// them: a binary counter. Chains without samples would add zeros. They are left out, which can
// only turn a gradient of +0 into one of -0, and the optimisers treat the two alike.
type cohort struct {
	members []int
	// Lane layouts [nParams][16] of weights, moments, and the weights before the update.
	w, m, v, before []float32
	levels          [levels + 1][]float32
	orders          [kernel.Lanes]rng.Permutation
	lanes           [kernel.Lanes]tile.Member
	// dead lanes hold frozen members; they go on computing, and their weights are put back.
	dead [kernel.Lanes]bool
	// bad is NaN in lanes with weights that are not finite.
	bad [kernel.Lanes]float32
	// losses are those of every sample of the batch, correct is the number of right predictions.
	losses  [][kernel.Lanes]float64
	correct [kernel.Lanes]int
}

// levels is the depth of the tree over 16 lanes.
const levels = 4

func newCohort(params, batch int, adam bool) *cohort {
	slab := func() []float32 { return make([]float32, params*kernel.Lanes) }
	c := &cohort{w: slab(), m: slab(), before: slab(), losses: make([][kernel.Lanes]float64, batch)}
	if adam {
		c.v = slab()
	}
	for j := range c.levels {
		c.levels[j] = slab()
	}
	return c
}

// cohortRound trains members, at most 16, from one step to another.
func (t *Trainer) cohortRound(w *worker, members []int, from, to int) {
	if w.cohort == nil {
		w.cohort = newCohort(t.width, t.cfg.BatchSize, t.v != nil)
	}
	c := w.cohort
	c.members = members
	for lane, p := range members {
		m := &t.cfg.Members[p]
		c.dead[lane], c.orders[lane] = false, t.order(m)
		c.lanes[lane] = tile.Member{Seed: m.Seed, Dropout: m.Dropout}
	}
	t.gather(c.w, t.weights, members)
	t.gather(c.m, t.m, members)
	if t.v != nil {
		t.gather(c.v, t.v, members)
	}
	w.tape.LoadLanes(c.w, c.lanes[:len(members)], true)
	for s := from; s < to; s++ {
		t.cohortStep(w, c, s)
	}
	t.scatter(t.weights, c.w, c, true)
	t.scatter(t.m, c.m, c, false)
	if t.v != nil {
		t.scatter(t.v, c.v, c, false)
	}
}

// cohortStep trains the cohort on batch step of the current epoch. It allocates nothing.
func (t *Trainer) cohortStep(w *worker, c *cohort, step int) {
	b := t.batch(step)
	if t.noise != nil {
		w.laneNoise.load(w.tape, c.w, c.lanes[:len(c.members)]...)
	}
	c.correct = [kernel.Lanes]int{}
	chains := min(kernel.Lanes, b.count)
	for chain := range chains {
		w.tape.SetSums(c.target(w, chain))
		w.tape.ZeroGrad()
		for i := chain; i < b.count; i += kernel.Lanes {
			t.cohortTile(w, c, b, i)
		}
		c.merge(w, chain)
	}
	grad := c.root(w.k, chains)
	if t.noise != nil {
		w.laneNoise.gradient(grad, c.w, t.noise.weight(t.epoch))
	}
	t.cohortUpdate(w, c, b, grad)
}

// cohortTile runs sample i of the batch of every member.
func (t *Trainer) cohortTile(w *worker, c *cohort, b batch, i int) {
	split, n := &t.cfg.Data.Train, len(c.members)
	for lane := range n {
		at := c.orders[lane].At(b.from + i)
		w.index[lane], w.labels[lane] = at, split.Labels[at]
	}
	t.images.tile(w.k, &w.src, w.tape.Input(), split, w.index[:n])
	logits := w.tape.Forward(uint64(b.global), i)
	right := w.loss.CrossEntropy(w.k, logits, w.labels[:n], 1/float64(b.count), w.tape.OutputGrad())
	c.losses[i] = w.loss.Losses
	for ; right != 0; right &= right - 1 {
		c.correct[bits.TrailingZeros16(right)]++
	}
	w.tape.Backward()
}

// target is where the gradient of a chain goes: an even one waits for the next at level 0.
func (c *cohort) target(w *worker, chain int) []float32 {
	if chain%2 == 0 {
		return c.levels[0]
	}
	return w.sums
}

// merge adds a finished chain to the subtrees that it completes.
func (c *cohort) merge(w *worker, chain int) {
	node := w.sums
	complete := bits.TrailingZeros(^uint(chain))
	for j := range complete {
		to := c.levels[j]
		if j == complete-1 {
			to = c.levels[complete]
		}
		w.k.Add(to, c.levels[j], node)
		node = to
	}
}

// root is the sum of all chains.
func (c *cohort) root(k *kernel.Kernels, chains int) []float32 {
	var node []float32
	for j := range c.levels {
		if chains>>j&1 == 0 {
			continue
		}
		if node != nil {
			k.Add(c.levels[j], c.levels[j], node)
		}
		node = c.levels[j]
	}
	return node
}

// cohortUpdate does the optimiser step and freezes members that diverged.
func (t *Trainer) cohortUpdate(w *worker, c *cohort, b batch, grad []float32) {
	copy(c.before, c.w)
	for lane, p := range c.members {
		t.setRates(w, lane, p, b.global+1)
		t.masking.clearLane(p, lane, grad)
	}
	t.move(w, c.w, c.m, c.v, grad, b.global+1)
	for lane, p := range c.members {
		t.masking.clearLane(p, lane, c.w)
	}
	w.k.Check(&c.bad, c.w)
	for lane, p := range c.members {
		loss := c.loss(lane, b.count)
		if !c.dead[lane] && c.bad[lane] == 0 && !math.IsNaN(loss) && !math.IsInf(loss, 0) {
			t.sums[p].add(loss, c.correct[lane], b.count)
			continue
		}
		for i := lane; i < len(c.w); i += kernel.Lanes {
			c.w[i] = c.before[i]
		}
		if !c.dead[lane] {
			c.dead[lane] = true
			t.freeze(p)
		}
	}
}

// loss adds up a member's losses as memberStep does: tile by tile.
func (c *cohort) loss(lane, count int) float64 {
	total := 0.0
	for at := 0; at < count; at += kernel.Lanes {
		sum := 0.0
		for i := at; i < min(at+kernel.Lanes, count); i++ {
			sum += c.losses[i][lane]
		}
		total += sum
	}
	return total
}

// gather brings rows of a slab into lanes. Lanes without a member become 0.
func (t *Trainer) gather(dst, slab []float32, members []int) {
	if len(members) < kernel.Lanes {
		clear(dst)
	}
	for lane, p := range members {
		for i, v := range t.row(slab, p) {
			dst[i*kernel.Lanes+lane] = v
		}
	}
}

// scatter brings lanes back into rows of a slab, those of frozen members only if asked to.
func (t *Trainer) scatter(slab, src []float32, c *cohort, frozen bool) {
	for lane, p := range c.members {
		if c.dead[lane] && !frozen {
			continue
		}
		row := t.row(slab, p)
		for i := range row {
			row[i] = src[i*kernel.Lanes+lane]
		}
	}
}
