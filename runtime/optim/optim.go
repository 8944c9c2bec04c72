// Package optim turns gradients into new parameters for a whole population: SGD, Adam and AdamW
// by PyTorch's definitions, gradient clipping, and schedules of the learning rate.
//
// Parameters, gradients and moments are slabs [P, n]: member p owns row p. Each member has its
// own learning rate, weight decay, momentum and step counter, and can be frozen. Members do not
// interact, so the result of one does not depend on P or on who steps the others.
package optim

import (
	"fmt"
	"math"
	"slices"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/kernel/update"
)

// Kind names an optimiser.
type Kind string

// The optimisers, as in torch.optim. Adam adds weight decay to the gradient (L2), AdamW shrinks
// the weights (decoupled).
const (
	SGD   Kind = "sgd"
	Adam  Kind = "adam"
	AdamW Kind = "adamw"
)

// Range is the elements [From, To) of a member's row.
type Range struct{ From, To int }

// Config describes an optimiser. Zero values of the coefficients mean what they say; Default
// gives PyTorch's.
type Config struct {
	// Members is P, Params is n.
	Members, Params int
	// Stride is the distance between rows of all slabs in elements; 0 means Params.
	Stride int
	// Rate, Decay and Momentum are what every member starts with. Momentum is Beta1 for the
	// Adam kinds.
	Rate, Decay, Momentum float64
	// Nesterov is for SGD only.
	Nesterov bool
	// Beta2 and Eps are for the Adam kinds only.
	Beta2, Eps float64
	// NoDecay lists the elements without weight decay, such as biases and norms.
	NoDecay []Range
	// Second lists the elements that follow SecondRate instead of Rate.
	Second []Range
	// ClipNorm bounds the norm of a member's gradient, as torch.nn.utils.clip_grad_norm_ does;
	// ClipValue bounds each element, as clip_grad_value_ does. 0 means no bound; not both.
	ClipNorm, ClipValue float64
	// ISA is the instruction set; every one gives the same bits.
	ISA isa.Level
}

// Default is PyTorch's configuration of a kind: rates 1e-3, Adam's betas (0.9, 0.999) and eps
// 1e-8, weight decay 0 except 0.01 for AdamW, no momentum for SGD.
func Default(kind Kind, members, params int) Config {
	c := Config{Members: members, Params: params, Rate: 1e-3}
	if kind != SGD {
		c.Momentum, c.Beta2, c.Eps = 0.9, 0.999, 1e-8
	}
	if kind == AdamW {
		c.Decay = 0.01
	}
	return c
}

// span is a part of the row with or without weight decay, with one of the two rates.
type span struct {
	Range
	decays, second bool
}

// Optimizer is the state of one optimiser over a population. Different members may be stepped
// at the same time; one member must not be.
type Optimizer[T update.Float] struct {
	// Rate, Decay and Momentum [P] may be set between steps, by a schedule for example. Momentum
	// is Beta1 for the Adam kinds.
	Rate, Decay, Momentum []float64
	// SecondRate [P] is for the elements of Config.Second; nil unless there are any. It starts as Rate does.
	SecondRate []float64

	kind    Kind
	c       Config
	kernels row[T]
	spans   []span
	// first [P, n] is SGD's momentum buffer or Adam's first moment, second [P, n] its second.
	first, second []T
	steps         []int
	frozen        []bool
	norms         []float64

	// What Try shares among workers, kept so that it allocates nothing.
	try     trial[T]
	tryPart func(task int)
}

// New returns an optimiser whose moments are 0. SGD has a momentum buffer even if the momentum
// starts at 0, because it may be raised later.
func New[T update.Float](kind Kind, c Config) (*Optimizer[T], error) {
	if c.Stride == 0 {
		c.Stride = c.Params
	}
	if err := c.check(kind); err != nil {
		return nil, fmt.Errorf("optimizer %s: %w", kind, err)
	}
	spans, err := spansOf(c.NoDecay, c.Second, c.Params)
	if err != nil {
		return nil, fmt.Errorf("optimizer %s: %w", kind, err)
	}
	k, err := rowOf[T](c.ISA)
	if err != nil {
		return nil, fmt.Errorf("optimizer %s: %w", kind, err)
	}
	o := &Optimizer[T]{
		Rate: repeat(c.Rate, c.Members), Decay: repeat(c.Decay, c.Members), Momentum: repeat(c.Momentum, c.Members),
		kind: kind, c: c, kernels: k, spans: spans,
		first: make([]T, c.Members*c.Stride),
		steps: make([]int, c.Members), frozen: make([]bool, c.Members), norms: make([]float64, c.Members),
	}
	if kind != SGD {
		o.second = make([]T, c.Members*c.Stride)
	}
	if len(c.Second) > 0 {
		o.SecondRate = repeat(c.Rate, c.Members)
	}
	o.tryPart = func(task int) { o.attempt(&o.try, task) }
	return o, nil
}

func repeat(x float64, n int) []float64 { return slices.Repeat([]float64{x}, n) }

// check says what is wrong with a configuration.
func (c *Config) check(kind Kind) error {
	adam := kind == Adam || kind == AdamW
	switch {
	case !adam && kind != SGD:
		return fmt.Errorf("unknown kind: use %s, %s or %s", SGD, Adam, AdamW)
	case c.Members < 0 || c.Params < 0:
		return fmt.Errorf("a slab of %d x %d", c.Members, c.Params)
	case c.Stride < c.Params:
		return fmt.Errorf("stride %d of rows of %d", c.Stride, c.Params)
	case !(c.Rate >= 0) || !(c.Decay >= 0):
		return fmt.Errorf("learning rate %v, weight decay %v: neither may be negative", c.Rate, c.Decay)
	case !(c.Momentum >= 0) || adam && !(c.Momentum < 1):
		return fmt.Errorf("momentum %v: must not be negative, and beta1 must be below 1", c.Momentum)
	case adam && !(c.Beta2 >= 0 && c.Beta2 < 1):
		return fmt.Errorf("beta2 %v: must be in [0, 1)", c.Beta2)
	case adam && !(c.Eps >= 0):
		return fmt.Errorf("eps %v: must not be negative", c.Eps)
	case adam && c.Nesterov:
		return fmt.Errorf("nesterov is for %s", SGD)
	case !(c.ClipNorm >= 0) || !(c.ClipValue >= 0) || c.ClipNorm > 0 && c.ClipValue > 0:
		return fmt.Errorf("clip norm %v, clip value %v: one of them may be positive", c.ClipNorm, c.ClipValue)
	}
	return nil
}

// spansOf cuts a row of n elements at the borders of the ranges without weight decay and of those with the second rate.
func spansOf(noDecay, second []Range, n int) ([]span, error) {
	borders := []int{0, n}
	for _, list := range [][]Range{noDecay, second} {
		at := 0
		for _, r := range slices.SortedFunc(slices.Values(list), func(a, b Range) int { return a.From - b.From }) {
			if r.From < at || r.To < r.From || r.To > n {
				return nil, fmt.Errorf("range [%d, %d) without decay or with the second rate leaves the row of %d or overlaps another", r.From, r.To, n)
			}
			at = r.To
			borders = append(borders, r.From, r.To)
		}
	}
	slices.Sort(borders)
	var out []span
	for i, from := range borders[:len(borders)-1] {
		s := span{Range{from, borders[i+1]}, !within(noDecay, from), within(second, from)}
		last := len(out) - 1
		switch {
		case s.From == s.To:
		case last >= 0 && out[last].decays == s.decays && out[last].second == s.second:
			out[last].To = s.To
		default:
			out = append(out, s)
		}
	}
	return out, nil
}

// within reports that one of the ranges has element i.
func within(ranges []Range, i int) bool {
	return slices.ContainsFunc(ranges, func(r Range) bool { return r.From <= i && i < r.To })
}

// Step does one step of the members [from, to) on parameters w and gradients g, slabs [P, n].
// Gradients are not changed, nor is any other member. Frozen members are passed over: neither
// their parameters, moments nor counters move. It allocates nothing.
func (o *Optimizer[T]) Step(w, g []T, from, to int) {
	need(len(w) >= o.extent() && len(g) >= o.extent(), "optim: Step: slabs too short")
	need(0 <= from && from <= to && to <= o.c.Members, "optim: Step: no such members")
	for p := from; p < to; p++ {
		if !o.frozen[p] {
			o.step(w[p*o.c.Stride:], g[p*o.c.Stride:], p)
		}
	}
}

// step does one step of a member whose rows start w and g.
func (o *Optimizer[T]) step(w, g []T, p int) {
	o.steps[p]++
	o.part(w, g, p, o.clip(g[:o.c.Params], p), 0, o.c.Params)
}

// part does the elements [from, to) of a step that has been counted.
func (o *Optimizer[T]) part(w, g []T, p int, clip update.Clip, from, to int) {
	base := p * o.c.Stride
	for _, s := range o.spans {
		lo, hi := max(s.From, from), min(s.To, to)
		if lo >= hi {
			continue
		}
		decay := 0.0
		if s.decays {
			decay = o.Decay[p]
		}
		rate := o.Rate[p]
		if s.second {
			rate = o.SecondRate[p]
		}
		rw, rg, m := w[lo:hi], g[lo:hi], o.first[base+lo:base+hi]
		if o.kind == SGD {
			o.kernels.sgd(rw, m, rg, update.SGD{Rate: rate, Decay: decay, Momentum: o.Momentum[p], Nesterov: o.c.Nesterov, Clip: clip})
			continue
		}
		o.kernels.adam(rw, m, o.second[base+lo:base+hi], rg, update.Adam{
			Rate: rate, Beta1: o.Momentum[p], Beta2: o.c.Beta2, Eps: o.c.Eps, Decay: decay,
			Decoupled: o.kind == AdamW, Step: o.steps[p], Clip: clip,
		})
	}
}

// normEps is what PyTorch adds to the norm.
const normEps = 1e-6

// clip is what happens to the gradient g of member p. Like PyTorch, a norm that is not finite
// is not repaired: NaN makes the whole gradient NaN.
func (o *Optimizer[T]) clip(g []T, p int) update.Clip {
	c := update.Unclipped()
	switch {
	case o.c.ClipValue > 0:
		c.Bound = o.c.ClipValue
	case o.c.ClipNorm > 0:
		o.norms[p] = math.Sqrt(o.kernels.squaredNorm(g))
		if s := o.c.ClipNorm / (o.norms[p] + normEps); !(s > 1) {
			c.Scale = s
		}
	}
	return c
}

// extent is the length of a slab up to the last element in use.
func (o *Optimizer[T]) extent() int {
	if o.c.Members == 0 {
		return 0
	}
	return (o.c.Members-1)*o.c.Stride + o.c.Params
}

// Follow sets the learning rate of member p, and its momentum if the schedule moves it, to what
// a schedule says for step or epoch t = 0, 1, ... and the member's base rate.
func (o *Optimizer[T]) Follow(s Schedule, p int, base float64, t int) {
	o.Rate[p] = s.Rate(base, t)
	if m, ok := s.(MomentumSchedule); ok {
		o.Momentum[p] = m.Momentum(t)
	}
}

// Norm is the norm that member p's last gradient had before clipping; 0 without ClipNorm.
func (o *Optimizer[T]) Norm(p int) float64 { return o.norms[p] }

// Steps is the number of steps member p has done.
func (o *Optimizer[T]) Steps(p int) int { return o.steps[p] }

// Freeze makes Step pass over member p, or not any more.
func (o *Optimizer[T]) Freeze(p int, frozen bool) { o.frozen[p] = frozen }

// Frozen reports that Step passes over member p.
func (o *Optimizer[T]) Frozen(p int) bool { return o.frozen[p] }

// Finite reports that row p of a slab [P, n], of parameters or gradients, has no NaN and no
// infinity.
func (o *Optimizer[T]) Finite(slab []T, p int) bool {
	return o.kernels.finite(slab[p*o.c.Stride : p*o.c.Stride+o.c.Params])
}

// need panics with a message that is a constant: it is a programmer's error.
func need(ok bool, message string) {
	if !ok {
		panic(message)
	}
}
