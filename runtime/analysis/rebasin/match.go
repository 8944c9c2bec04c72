package rebasin

import (
	"context"
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/analysis/points"
	"github.com/weightspace/weightspace/runtime/kernel/gram"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/rng"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// Matching is the outcome of weight matching.
type Matching struct {
	// Permutations of B that bring it to A: apply them with Spec.Apply.
	Permutations Permutations
	// Objective is the inner product of the weights of A and of the permuted B: at the start, and after every group that was
	// looked at. It never falls.
	Objective []float64
	// Passes counts the passes over all groups, the last one changing nothing. Converged is false if the limit was reached.
	Passes    int
	Converged bool
}

// Options of Match.
type Options struct {
	// Seed draws the order of the groups in each pass.
	Seed uint64
	// Passes limits the passes; 0 means 100.
	Passes  int
	Workers int
}

// Match finds permutations of the units of network b under which its weights have the largest inner
// product with those of a, group by group by linear assignment until a pass changes nothing
// (git re-basin, algorithm 1). That is a local optimum. Running statistics play no part. Inner products
// are float64; the objective is non-decreasing, since a group is changed only if that gains more than
// rounding.
func (s *Spec) Match(ctx context.Context, a, b []float32, o Options) (*Matching, error) {
	n := tensor.Total(s.Params)
	if len(a) < n || len(b) < n {
		return nil, fmt.Errorf("rebasin: rows of %d and %d weights for a layout of %d", len(a), len(b), n)
	}
	for i := range n {
		if a[i]-a[i] != 0 || b[i]-b[i] != 0 {
			return nil, fmt.Errorf("rebasin: weight %d is not finite", i)
		}
	}
	if o.Passes == 0 {
		o.Passes = 100
	}
	k, err := gram.New(isa.Auto)
	if err != nil {
		return nil, err
	}
	m := &Matching{Permutations: s.Identity()}
	w := &matcher{Spec: s, a: a, b: b, kernels: k, workers: o.Workers, p: m.Permutations}
	total := w.objective()
	m.Objective = append(m.Objective, total)
	for m.Passes < o.Passes && !m.Converged {
		m.Converged = true
		for _, g := range order(len(s.Groups), o.Seed, m.Passes) {
			gain, err := w.improve(ctx, g)
			if err != nil {
				return nil, err
			}
			m.Converged = m.Converged && gain == 0
			total += gain
			m.Objective = append(m.Objective, total)
		}
		m.Passes++
	}
	return m, nil
}

func order(n int, seed uint64, pass int) []int {
	p := rng.New(seed, "analysis/rebasin/order").Permutation(n, uint64(pass))
	out := make([]int, n)
	for i := range out {
		out[i] = p.At(i)
	}
	return out
}

type matcher struct {
	*Spec
	a, b    []float32
	kernels *gram.Kernels
	workers int
	p       Permutations
}

// improve assigns the units of a group anew, all others staying, and returns what the objective gains.
func (w *matcher) improve(ctx context.Context, g int) (float64, error) {
	n := w.Groups[g].Size
	match := make([]float64, n*n)
	part := make([]float64, n*n)
	maps := w.maps(w.p, g)
	for _, x := range w.Groups[g].Axes {
		t := w.Params[x.Param]
		if points.Statistic(t.Name) {
			continue
		}
		length := t.Size() / n
		left := units(w.a[t.Offset:][:t.Size()], t, x, n)
		other := w.b[t.Offset:][:t.Size()]
		if m := maps[x.Param]; m != nil {
			moved := make([]float32, t.Size())
			gather(moved, other, t, m)
			other = moved
		}
		right := units(other, t, x, n)
		err := w.kernels.Product(ctx, w.workers, part, n, n, length, gram.Rows[float32]{X: left, Stride: length}, gram.Rows[float32]{X: right, Stride: length})
		if err != nil {
			return 0, err
		}
		for i, v := range part {
			match[i] += v
		}
	}
	before, scale := 0.0, 0.0
	cost := make([]float64, n*n)
	for i, v := range match {
		cost[i] = -v
	}
	for i, u := range w.p[g] {
		before += match[i*n+u]
		scale += math.Abs(match[i*n+u])
	}
	best, err := Assign(cost, n, n)
	if err != nil {
		return 0, err
	}
	after := 0.0
	for i, u := range best {
		after += match[i*n+u]
	}
	if gain := after - before; gain > 1e-12*scale {
		copy(w.p[g], best)
		return gain, nil
	}
	return 0, nil
}

// units lays a parameter out unit by unit: [n, rest].
func units(x []float32, t tensor.Param, a Axis, n int) []float32 {
	if a.Axis == 0 {
		return x
	}
	rows, rest := t.Shape[0], len(x)/t.Shape[0]
	length := rest / n // of a unit in a row
	out := make([]float32, len(x))
	for u := range n {
		for r := range rows {
			copy(out[(u*rows+r)*length:][:length], x[r*rest+u*length:])
		}
	}
	return out
}

// objective is the inner product of the trained parameters.
func (w *matcher) objective() float64 {
	s := 0.0
	maps := w.maps(w.p, -1)
	for i, t := range w.Params {
		if points.Statistic(t.Name) {
			continue
		}
		right := w.b[t.Offset:][:t.Size()]
		if maps[i] != nil {
			right = make([]float32, t.Size())
			gather(right, w.b[t.Offset:], t, maps[i])
		}
		for k, v := range w.a[t.Offset:][:t.Size()] {
			s = math.FMA(float64(v), float64(right[k]), s)
		}
	}
	return s
}
