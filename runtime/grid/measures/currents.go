package measures

import (
	"math"
	"slices"

	"github.com/weightspace/weightspace/runtime/grid/cholesky"
	"github.com/weightspace/weightspace/runtime/grid/static"
)

// grounded is the factored Laplacian without node 0. weight is of lines, nil for 1.
func (w *work) grounded(weight func(line int) float64) (*cholesky.Factor, error) {
	g := w.g
	if err := g.RequireConnected(); err != nil {
		return nil, err
	}
	diag := make([]float64, g.N()-1)
	var el []cholesky.Element
	var off []float64
	for k, l := range g.Lines {
		v := 1.0
		if weight != nil {
			v = weight(k)
		}
		diag[l.To-1] += v
		if l.From > 0 {
			diag[l.From-1] += v
			el, off = append(el, cholesky.Element{Row: l.From - 1, Col: l.To - 1}), append(off, -v)
		}
	}
	f := cholesky.Analyse(g.N()-1, el).NewFactor()
	return f, f.Set(diag, off)
}

// currents fills CurrentFlowBetweenness. For line uv, r_s is the potential difference over it when 1 A flows from s to
// ground, so that |r_s - r_t| is the current through it when 1 A flows from s to t. Sorted, the
// sum over pairs is sum_k (2k - n + 1) r_(k).
func (w *work) currents() error {
	f, err := w.grounded(nil)
	if err != nil {
		return err
	}
	n := w.g.N()
	out := w.column(CurrentFlowBetweenness)
	r := make([]float64, n)
	for _, l := range w.g.Lines {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		clear(r)
		r[l.To] = -1
		if l.From > 0 {
			r[l.From] = 1
		}
		r[0] = 0
		f.Solve(r[1:], r[1:])
		slices.Sort(r)
		var sum float64
		for k, v := range r {
			sum += float64(float64(2*k-n+1) * v)
		}
		out[l.From] += sum / 2
		out[l.To] += sum / 2
	}
	for i := range out {
		if n <= 2 {
			out[i] = 0
			continue
		}
		// Half an ampere of each of the n-1 pairs that i ends itself is in the sum.
		out[i] = (out[i] - float64(n-1)/2) * 2 / (float64(n-1) * float64(n-2))
	}
	return nil
}

// resistances fills the measures of R(i,j) = G_ii + G_jj - 2 G_ij, G the inverse of the grounded Laplacian.
func (w *work) resistances() error {
	f, err := w.grounded(nil)
	if err != nil {
		return err
	}
	n := w.g.N()
	closeness, mean := w.column(CurrentFlowCloseness), w.column(ResistanceDistance)
	diag, sum, x := make([]float64, n), make([]float64, n), make([]float64, n-1)
	var trace float64
	for i := range x {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		clear(x)
		x[i] = 1
		f.Solve(x, x)
		diag[i+1] = x[i]
		trace += x[i]
	}
	for i := range x {
		x[i] = 1
	}
	f.Solve(x, x)
	copy(sum[1:], x)
	if n == 1 {
		return nil
	}
	for i := range n {
		total := float64(float64(n)*diag[i]) + trace - float64(2*sum[i])
		closeness[i], mean[i] = 1/total, total/float64(n-1)
	}
	return nil
}

// linear fills the loads of the linear flow.
func (w *work) linear() error {
	g := w.g
	f, err := w.grounded(func(line int) float64 { return g.Lines[line].Coupling })
	if err != nil {
		return err
	}
	var mean float64
	for _, p := range g.Power {
		mean += p / float64(g.N())
	}
	theta := make([]float64, g.N())
	for i, p := range g.Power[1:] {
		theta[i+1] = p - mean
	}
	f.Solve(theta[1:], theta[1:])
	w.loads(DCMaxLoad, DCMeanLoad, func(line int) float64 {
		l := g.Lines[line]
		return math.Abs(theta[l.From] - theta[l.To])
	})
	return nil
}

// nonlinear fills the loads of the synchronous state.
func (w *work) nonlinear() error {
	s, err := static.Solve(w.ctx, w.g, static.Options{})
	if err != nil {
		return err
	}
	w.loads(FlowMaxLoad, FlowMeanLoad, func(line int) float64 { return math.Abs(s.Flow[line]) / w.g.Lines[line].Coupling })
	return nil
}

func (w *work) loads(largest, mean string, load func(line int) float64) {
	top, sum := w.column(largest), w.column(mean)
	for k, l := range w.g.Lines {
		v := load(k)
		for _, i := range []int32{l.From, l.To} {
			top[i] = math.Max(top[i], v)
			sum[i] += v / float64(w.g.Degree(int(i)))
		}
	}
}
