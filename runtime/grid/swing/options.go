package swing

import (
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/grid"
	"github.com/weightspace/weightspace/runtime/kernel/detmath"
)

// Options of an integration.
type Options struct {
	RelTol, AbsTol float64 // of the local error
	Horizon        float64 // end of a trajectory that does not settle
	// A trajectory ends early after an accepted step with t >= StopAfter and all |omega| <= Settled,
	// unless NoEarlyStop. At its end it counts as settled if all |omega| < Settled.
	StopAfter, Settled float64
	NoEarlyStop        bool
	MaxSteps           int // tried steps after which a trajectory counts as failed
}

// Default are the published ensembles' options.
func Default() Options {
	return Options{RelTol: 1e-6, AbsTol: 1e-6, Horizon: 500, StopAfter: 1, Settled: 0.1, MaxSteps: 1_000_000}
}

// Validate says which option is wrong, as a *grid.FieldError.
func (o Options) Validate() error {
	for _, f := range []struct {
		name       string
		value, low float64
	}{{"relTol", o.RelTol, 1e-14}, {"absTol", o.AbsTol, 1e-14}, {"tEnd", o.Horizon, 1e-3}, {"earlyStop.minTime", o.StopAfter, 0}, {"earlyStop.maxFreq", o.Settled, 1e-12}} {
		if !(f.value >= f.low) || f.value > 1e6 {
			return &grid.FieldError{Field: f.name, Problem: fmt.Sprintf("%v is outside [%g, 1e6]", f.value, f.low)}
		}
	}
	if o.MaxSteps < 1 {
		return &grid.FieldError{Field: "maxSteps", Problem: fmt.Sprintf("%d steps are too few: use 1000000", o.MaxSteps)}
	}
	return nil
}

// Code says how a trajectory ended.
type Code uint8

const (
	// Settled trajectories end with all |omega| below Options.Settled.
	Settled Code = iota + 1
	// Drifting trajectories reached the horizon and had not settled.
	Drifting
	// Failed trajectories needed a step too small to advance time, or too many steps.
	Failed
)

func (c Code) String() string {
	switch c {
	case Settled:
		return "settled"
	case Drifting:
		return "drifting"
	case Failed:
		return "stepFailure"
	}
	return "none"
}

// Outcome is the end of a trajectory.
type Outcome struct {
	Code           Code
	End            float64 // time
	FinalFrequency float64 // max_i |omega_i| at the end
	MaxDeviation   float64 // max over nodes, saved times and the end of |omega_i|
	Steps          int32   // accepted
	Rejected       int32
}

// verdict is the code of a trajectory that ended at a valid state.
func (o *Options) verdict(frequency float64) Code {
	if frequency < o.Settled {
		return Settled
	}
	return Drifting
}

// control is the step-size controller's state.
type control struct{ before float64 }

const (
	beta1, beta2      = 7.0 / 50, 2.0 / 25
	safety            = 0.9
	qLeast, qMost     = 0.1, 5.0
	errorLeast        = 1e-4
	startOrder        = 5
	smallestStepRatio = 1e-15 // of time
)

func newControl() control { return control{errorLeast} }

// next judges a step of size h with the given error: whether it is accepted, and the size of the
// next try. A NaN is rejected.
func (c *control) next(h, e float64) (accept bool, size float64) {
	p := 0.0
	switch {
	case e != e || e > 1e300:
		return false, h / qMost
	case e > 0:
		p = power(e, beta1)
	}
	if e > 1 {
		return false, h / min(qMost, p/safety)
	}
	q := max(qLeast, min(qMost, p/power(c.before, beta2)/safety))
	c.before = max(e, errorLeast)
	return true, h / q
}

// power is x^y for positive x.
func power(x, y float64) float64 { return detmath.Exp(float64(y * detmath.Log(x))) }

// startStep is Hairer's first step from the norms of y, y' and y” (the latter at startProbe).
func startStep(probe, d1, d2 float64) float64 {
	d := max(d1, d2)
	if d <= 1e-15 {
		return min(100*probe, max(1e-6, probe*1e-3))
	}
	return min(100*probe, power(0.01/d, 1.0/startOrder))
}

// startProbe is the Euler step that y” is estimated over.
func startProbe(d0, d1 float64) float64 {
	if d0 < 1e-10 || d1 < 1e-10 {
		return 1e-6
	}
	return 0.01 * d0 / d1
}

// savedTimes are the 1,000 logarithmically spaced times 10^-2 .. 10^2.7 up to the horizon.
func savedTimes(horizon float64) []float64 {
	t := make([]float64, 0, 1000)
	for i := range 1000 {
		v := detmath.Exp(float64(math.FMA(4.7/999, float64(i), -2) * math.Ln10))
		if v <= horizon {
			t = append(t, v)
		}
	}
	return t
}
