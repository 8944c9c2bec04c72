package train

import (
	"errors"
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/prune"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// PruneSchedule says when the mask of pruned twins grows.
type PruneSchedule string

// The schedules; see package prune.
const (
	PruneOneShot   PruneSchedule = "oneShot"
	PruneIterative PruneSchedule = "iterative"
	PruneCubic     PruneSchedule = "cubic"
)

// Pruning is how twins are pruned (card sparse-twins, section 2). Everything but Targets is shared by the population.
type Pruning struct {
	// Targets [P] is what each twin ends with.
	Targets []PruneTarget
	// Layer prunes every tensor to the target by itself; otherwise one threshold goes over all.
	Layer bool
	// Bias prunes biases, and scales of normalisations, like weights.
	Bias bool
	// Random drops weights by chance instead of magnitude: the control.
	Random   bool
	Schedule PruneSchedule
	// Start, Rounds and Every are steps: iterative prunes Rounds times, cubic at Start and Rounds times more, every Every steps.
	Start, Rounds, Every int
	// Initial is the sparsity that cubic starts from.
	Initial float64
}

// PruneTarget is the end of one twin's pruning.
type PruneTarget struct {
	// Sparsity is the share that is dropped, in [0, 1).
	Sparsity float64
	// Dropped, instead, is the exact number for every prunable weight tensor, as Sparsity of another twin gives it. With one
	// threshold over all tensors the sum counts.
	Dropped []int
}

// host is an engine that pruning can keep weights of at 0.
type host interface {
	Engine
	// load puts rows of a slab as Weights gives it in the place of the initial weights.
	load(rows []float32) error
	// mutable is the parameters of member p themselves.
	mutable(p int) []float32
	// forget zeroes the optimiser's moments of member p at indices.
	forget(p int, dropped []int32)
	// mask makes the engine keep to a mask.
	mask(m *masking)
	seed(p int) uint64
}

// masking keeps dropped weights at 0. A nil masking does nothing.
type masking struct {
	// dropped [P] are the indices of dropped parameters, ascending.
	dropped [][]int32
	// before is told the number of the step that comes next, over the whole run, and returns that of the next step that it wants to
	// be told of.
	before func(step int) (next int)
}

// clear zeroes dropped elements of a row of member p.
func (m *masking) clear(p int, row []float32) {
	if m == nil {
		return
	}
	for _, i := range m.dropped[p] {
		row[i] = 0
	}
}

// Pruned trains pruned twins of a population: a TwinEngine. Gradients of dropped weights are zeroed before every step and weights
// after it, so that neither momentum nor weight decay moves them; their moments are zeroed when they are dropped and stay 0.
type Pruned struct {
	host
	p       Pruning
	members int
	// weights are the prunable weight tensors, parts all that is pruned.
	weights, parts []prune.Part
	events         []prune.Event
	masking        masking
}

// NewPruned makes a twin of each of the parents, rows of [P, row] as an Engine's Weights gives them, pruned as far as the schedule
// says before the first step. r is nil for networks on tiles. Twins train with the members' optimiser settings at a constant rate.
func NewPruned(c Config, r *Recipe, parents []float32, p Pruning) (TwinEngine, error) {
	h, err := newHost(c, r)
	if err != nil {
		return nil, err
	}
	t := &Pruned{host: h, p: p, members: len(c.Members)}
	layout := parametersOf(h)
	t.weights = prune.Parts(layout, Prunable)
	t.parts = t.weights
	if p.Bias {
		t.parts = prune.Parts(layout, func(tensor.Param) bool { return true })
	}
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("train: pruning: %w", err)
	}
	if t.events, err = p.schedule(); err != nil {
		return nil, fmt.Errorf("train: pruning: %w", err)
	}
	if err := h.load(parents); err != nil {
		return nil, err
	}
	t.masking = masking{dropped: make([][]int32, t.members), before: t.before}
	h.mask(&t.masking)
	t.before(0)
	return t, nil
}

// newHost makes the engine of the parents.
func newHost(c Config, r *Recipe) (host, error) {
	if r == nil {
		return New(c)
	}
	constant := *r
	constant.Schedule, constant.Plateau = nil, nil
	return NewRecorded(c, constant)
}

// parametersOf is the layout without running statistics.
func parametersOf(e Engine) []tensor.Param {
	var out []tensor.Param
	for _, p := range e.Layout() {
		if p.Offset < e.Parameters() {
			out = append(out, p)
		}
	}
	return out
}

func (t *Pruned) check() error {
	if len(t.p.Targets) != t.members {
		return fmt.Errorf("%d targets for %d members", len(t.p.Targets), t.members)
	}
	if !within(t.p.Initial, 0, 1) {
		return fmt.Errorf("initial sparsity %v must be in [0, 1)", t.p.Initial)
	}
	if len(t.weights) == 0 {
		return errors.New("the network has no weights that can be pruned")
	}
	for m, g := range t.p.Targets {
		if !within(g.Sparsity, 0, 1) {
			return fmt.Errorf("member %d: sparsity %v must be in [0, 1)", m, g.Sparsity)
		}
		if g.Dropped == nil {
			continue
		}
		if t.p.Bias || len(g.Dropped) != len(t.weights) {
			return fmt.Errorf("member %d: %d counts for %d weight tensors; counts go with weights only", m, len(g.Dropped), len(t.weights))
		}
		for i, n := range g.Dropped {
			if n < 0 || n > t.weights[i].Size() {
				return fmt.Errorf("member %d: %d of the %d elements of %s", m, n, t.weights[i].Size(), t.weights[i].Name)
			}
		}
	}
	return nil
}

// schedule are the events with the share of the target, which is 1, that each has reached. The schedules are not linear in their
// target, so that a member's own are made from these steps; see counts.
func (p *Pruning) schedule() ([]prune.Event, error) {
	return p.eventsOf(max(p.Initial, 0.5))
}

// eventsOf are the events of a target.
func (p *Pruning) eventsOf(sparsity float64) ([]prune.Event, error) {
	switch p.Schedule {
	case PruneOneShot:
		return prune.OneShot(sparsity), nil
	case PruneIterative:
		return prune.Iterative(sparsity, p.Rounds, p.Every)
	case PruneCubic:
		// A twin whose target is below the start of the others starts at its target.
		return prune.Cubic(min(p.Initial, sparsity), sparsity, p.Start, p.Rounds, p.Every)
	}
	return nil, fmt.Errorf("schedule %q is unknown: use %s, %s or %s", p.Schedule, PruneOneShot, PruneIterative, PruneCubic)
}

// before grows the masks before a step if an event is due.
func (t *Pruned) before(step int) (next int) {
	next = math.MaxInt
	for e, event := range t.events {
		if event.Step > step {
			return event.Step
		}
		if event.Step < step {
			continue
		}
		for p, diverged := range t.DivergedEpoch() {
			if diverged < 0 {
				t.grow(p, e)
			}
		}
	}
	return next
}

// grow drops what event number e asks for of member p.
func (t *Pruned) grow(p, e int) {
	row := t.mutable(p)
	score := prune.Magnitude(row)
	if t.p.Random {
		score = prune.Random(t.seed(p))
	}
	var dropped []int32
	for i, group := range t.groups() {
		dropped = append(dropped, prune.Drop(group, t.count(p, e, i, group), score, t.masking.dropped[p])...)
	}
	t.masking.dropped[p] = dropped
	t.masking.clear(p, row)
	t.forget(p, dropped)
}

// groups are the parts that share a threshold.
func (t *Pruned) groups() [][]prune.Part {
	if !t.p.Layer {
		return [][]prune.Part{t.parts}
	}
	out := make([][]prune.Part, len(t.parts))
	for i, p := range t.parts {
		out[i] = []prune.Part{p}
	}
	return out
}

// count is how many elements of group number i member p has dropped after event e.
func (t *Pruned) count(p, e, i int, group []prune.Part) int {
	target, total := &t.p.Targets[p], prune.Total(group)
	end, sparsity := prune.Count(target.Sparsity, total), target.Sparsity
	if target.Dropped != nil {
		end = 0
		for j, n := range target.Dropped {
			if !t.p.Layer || i == j {
				end += n
			}
		}
		sparsity = float64(end) / float64(total)
	}
	if e == len(t.events)-1 {
		return end
	}
	// The steps were checked when the schedule was made; they do not depend on the sparsity.
	own, err := t.p.eventsOf(sparsity)
	if err != nil {
		return end
	}
	return min(end, prune.Count(own[e].Sparsity, total))
}

// Sparsity implements TwinEngine.
func (t *Pruned) Sparsity() []Sparsity {
	out := make([]Sparsity, t.members)
	for p := range out {
		for _, w := range t.weights {
			out[p].Add(w.Name, prune.Within(t.masking.dropped[p], w), w.Size())
		}
	}
	return out
}
