package swing

import (
	"context"
	"math"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/kernel/vmath"
)

// Solver integrates trajectories of one System. It is for one goroutine at a time.
type Solver interface {
	// Run writes the outcome of kicks[k] to out[k]; both have one length. Kicks are of nodes of the
	// system. It stops between trajectories when ctx is done, with its error.
	Run(ctx context.Context, kicks []Kick, out []Outcome) error
}

// Reference integrates one trajectory after another: the definition of what a Solver computes.
type Reference struct {
	s     *System
	o     Options
	k     *vmath.Kernels
	saved []float64
	// State vectors are [2N]: theta, then omega.
	y, z, probe  []float64
	stage        [stages][]float64
	sine, cosine []float64
}

// NewReference returns a solver with o, which is valid. The kernels' level does not change bits.
func NewReference(s *System, o Options) (*Reference, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	k, err := vmath.New(isa.Auto)
	if err != nil {
		return nil, err
	}
	r := &Reference{s: s, o: o, k: k, saved: savedTimes(o.Horizon), sine: make([]float64, s.N), cosine: make([]float64, s.N)}
	for _, v := range []*[]float64{&r.y, &r.z, &r.probe} {
		*v = make([]float64, 2*s.N)
	}
	for j := range r.stage {
		r.stage[j] = make([]float64, 2*s.N)
	}
	return r, nil
}

// Run implements Solver.
func (r *Reference) Run(ctx context.Context, kicks []Kick, out []Outcome) error {
	for i, k := range kicks {
		if err := ctx.Err(); err != nil {
			return err
		}
		out[i] = r.Trace(k, nil)
	}
	return nil
}

// Trace integrates one trajectory. visit, if not nil, is called at t = 0 and after every accepted
// step; its slices [N] are only valid inside the call.
func (r *Reference) Trace(kick Kick, visit func(t float64, theta, omega []float64)) Outcome {
	n, o := r.s.N, &r.o
	copy(r.y, r.s.Theta)
	clear(r.y[n:])
	r.y[kick.Node] += kick.Phase
	r.y[n+kick.Node] += kick.Frequency
	if visit != nil {
		visit(0, r.y[:n], r.y[n:])
	}
	out := Outcome{}
	t, h, c, saved := 0.0, r.start(), newControl(), 0
	for tries := 1; ; tries++ {
		if tries > o.MaxSteps || !(h > smallestStepRatio*t) {
			out.Code, out.End, out.FinalFrequency = Failed, t, largest(r.y[n:])
			break
		}
		end, last := t+h, false
		if end >= o.Horizon {
			h, end, last = o.Horizon-t, o.Horizon, true
		}
		accept, size := c.next(h, r.try(h))
		if !accept {
			out.Rejected++
			h = size
			continue
		}
		out.Steps++
		for saved < len(r.saved) && r.saved[saved] <= end {
			out.MaxDeviation = max(out.MaxDeviation, r.frequencyAt((r.saved[saved]-t)/h, h))
			saved++
		}
		r.y, r.z = r.z, r.y
		r.stage[0], r.stage[stages-1] = r.stage[stages-1], r.stage[0]
		t, h = end, size
		if visit != nil {
			visit(t, r.y[:n], r.y[n:])
		}
		f := largest(r.y[n:])
		if last || !o.NoEarlyStop && t >= o.StopAfter && f <= o.Settled {
			out.Code, out.End, out.FinalFrequency = o.verdict(f), t, f
			break
		}
	}
	out.MaxDeviation = max(out.MaxDeviation, out.FinalFrequency)
	return out
}

// slope is the right-hand side at y.
func (r *Reference) slope(dst, y []float64) {
	n := r.s.N
	copy(dst[:n], y[n:])
	r.k.Sincos64(r.sine, r.cosine, y[:n])
	r.s.acceleration(dst[n:], y[n:], r.sine, r.cosine)
}

// try takes a step of size h from y to z and returns its error.
func (r *Reference) try(h float64) float64 {
	for j := 1; j < stages; j++ {
		combine(r.z, r.y, h, stageWeights[j], &r.stage)
		r.slope(r.stage[j], r.z)
	}
	n := len(r.y)
	k0, k1, k2, k3, k4, k5, k6 := r.stage[0][:n], r.stage[1][:n], r.stage[2][:n], r.stage[3][:n], r.stage[4][:n], r.stage[5][:n], r.stage[6][:n]
	w, z, sum := &errorWeights, r.z[:n], 0.0
	for i, y := range r.y {
		e := math.FMA(w[2], k2[i], math.FMA(w[1], k1[i], float64(w[0]*k0[i])))
		e = math.FMA(w[6], k6[i], math.FMA(w[5], k5[i], math.FMA(w[4], k4[i], math.FMA(w[3], k3[i], e))))
		e = float64(h*e) / math.FMA(r.o.RelTol, max(math.Abs(y), math.Abs(z[i])), r.o.AbsTol)
		sum = math.FMA(e, e, sum)
	}
	return math.Sqrt(sum / float64(n))
}

// frequencyAt is max_i |omega_i| at the fraction x of the step of size h from y.
func (r *Reference) frequencyAt(x, h float64) float64 {
	n, b, most := r.s.N, denseWeights(x), 0.0
	for i := n; i < 2*n; i++ {
		v := float64(b[0] * r.stage[0][i])
		for j := 1; j < stages; j++ {
			v = math.FMA(b[j], r.stage[j][i], v)
		}
		most = max(most, math.Abs(math.FMA(h, v, r.y[i])))
	}
	return most
}

// start fills stage 0 and returns the first step.
func (r *Reference) start() float64 {
	r.slope(r.stage[0], r.y)
	d0, d1 := r.norm(r.y), r.norm(r.stage[0])
	probe := min(startProbe(d0, d1), r.o.Horizon)
	for i, y := range r.y {
		r.probe[i] = math.FMA(probe, r.stage[0][i], y)
	}
	r.slope(r.stage[1], r.probe)
	for i, f := range r.stage[0] {
		r.probe[i] = r.stage[1][i] - f
	}
	return min(startStep(probe, d1, r.norm(r.probe)/probe), r.o.Horizon)
}

// norm is the weighted root mean square with the weights of y.
func (r *Reference) norm(v []float64) float64 {
	sum := 0.0
	for i, y := range r.y {
		e := v[i] / math.FMA(r.o.RelTol, math.Abs(y), r.o.AbsTol)
		sum = math.FMA(e, e, sum)
	}
	return math.Sqrt(sum / float64(len(v)))
}

// largest is max |v|; NaN if there is one.
func largest(v []float64) float64 {
	most := 0.0
	for _, x := range v {
		most = max(most, math.Abs(x))
	}
	return most
}
