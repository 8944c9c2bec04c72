package optim

import (
	"errors"
	"fmt"
	"math"
)

// Schedule gives the learning rate of step or epoch t = 0, 1, ... from a member's base rate. It
// is a pure function: a resumed run needs no state. All follow the class of the same name in
// torch.optim.lr_scheduler, in closed form.
type Schedule interface {
	// Rate is the learning rate at t.
	Rate(base float64, t int) float64
	// DependsOnTotal reports that the rate at t depends on how long the training will be, so
	// that a longer training is another training.
	DependsOnTotal() bool
	// Validate says what is wrong with the parameters.
	Validate() error
}

// MomentumSchedule is a schedule that moves the momentum (beta1 of the Adam kinds) as well.
type MomentumSchedule interface {
	Schedule
	// Momentum is the momentum at t.
	Momentum(t int) float64
}

// Constant keeps the base rate.
type Constant struct{}

// Rate is the base rate.
func (Constant) Rate(base float64, _ int) float64 { return base }

// DependsOnTotal is false.
func (Constant) DependsOnTotal() bool { return false }

// Validate finds nothing.
func (Constant) Validate() error { return nil }

// StepDecay multiplies the rate by Gamma every Size steps (StepLR).
type StepDecay struct {
	Size  int
	Gamma float64
}

// Rate is base Gamma^floor(t/Size).
func (s StepDecay) Rate(base float64, t int) float64 { return base * power(s.Gamma, t/s.Size) }

// DependsOnTotal is false.
func (StepDecay) DependsOnTotal() bool { return false }

// Validate wants a positive Size.
func (s StepDecay) Validate() error {
	return positive("step decay: size", s.Size, checkGamma(s.Gamma))
}

// MultiStepDecay multiplies the rate by Gamma at each milestone (MultiStepLR). A milestone that
// occurs twice counts twice.
type MultiStepDecay struct {
	Milestones []int
	Gamma      float64
}

// Rate is base Gamma^k with k milestones at or before t.
func (s MultiStepDecay) Rate(base float64, t int) float64 {
	k := 0
	for _, m := range s.Milestones {
		if m <= t {
			k++
		}
	}
	return base * power(s.Gamma, k)
}

// DependsOnTotal is false.
func (MultiStepDecay) DependsOnTotal() bool { return false }

// Validate wants milestones in rising order.
func (s MultiStepDecay) Validate() error {
	for i, m := range s.Milestones {
		if m < 0 || i > 0 && m < s.Milestones[i-1] {
			return fmt.Errorf("multi-step decay: milestones %v are not in rising order", s.Milestones)
		}
	}
	return checkGamma(s.Gamma)
}

// ExponentialDecay multiplies the rate by Gamma at every step (ExponentialLR).
type ExponentialDecay struct{ Gamma float64 }

// Rate is base Gamma^t.
func (s ExponentialDecay) Rate(base float64, t int) float64 { return base * power(s.Gamma, t) }

// DependsOnTotal is false.
func (ExponentialDecay) DependsOnTotal() bool { return false }

// Validate wants a finite Gamma that is not negative.
func (s ExponentialDecay) Validate() error { return checkGamma(s.Gamma) }

// CosineDecay goes from the base rate to Min in Total steps along half a cosine
// (CosineAnnealingLR with T_max = Total). Past Total the rate rises again.
type CosineDecay struct {
	Total int
	Min   float64
}

// Rate is Min + (base-Min) (1 + cos(pi t/Total))/2.
func (s CosineDecay) Rate(base float64, t int) float64 {
	return s.Min + float64(float64((base-s.Min)*(1+cosPi(t%(2*s.Total), s.Total)))/2)
}

// DependsOnTotal is true.
func (CosineDecay) DependsOnTotal() bool { return true }

// Validate wants a positive Total.
func (s CosineDecay) Validate() error {
	if !(s.Min >= 0) || math.IsInf(s.Min, 1) {
		return fmt.Errorf("cosine decay: lowest rate %v", s.Min)
	}
	return positive("cosine decay: total", s.Total, nil)
}

// WarmUp rises linearly from Start times to the whole base rate in Steps steps, and then
// follows another schedule, which counts from 0 there (LinearLR before another one in a
// SequentialLR).
type WarmUp struct {
	Steps int
	Start float64
	Then  Schedule
}

// Rate is base (Start + (1-Start) t/Steps) up to Steps.
func (s WarmUp) Rate(base float64, t int) float64 {
	if t < s.Steps {
		return base * (s.Start + float64((1-s.Start)*float64(t))/float64(s.Steps))
	}
	return s.Then.Rate(base, t-s.Steps)
}

// DependsOnTotal is that of the schedule that follows.
func (s WarmUp) DependsOnTotal() bool { return s.Then.DependsOnTotal() }

// Validate wants Steps that are not negative, Start in [0, 1] and a valid schedule to follow,
// other than one that starts low itself and moves the momentum.
func (s WarmUp) Validate() error {
	switch {
	case s.Steps < 0:
		return fmt.Errorf("warm-up: %d steps", s.Steps)
	case !(s.Start >= 0 && s.Start <= 1):
		return fmt.Errorf("warm-up: start %v is not in [0, 1]", s.Start)
	case s.Then == nil:
		return errors.New("warm-up: no schedule follows")
	}
	if _, ok := s.Then.(MomentumSchedule); ok {
		return errors.New("warm-up: the one-cycle schedule has a warm-up of its own")
	}
	return s.Then.Validate()
}

// power is b^k by squaring: products only, so its bits do not depend on the platform.
func power(b float64, k int) float64 {
	p := 1.0
	for ; k > 0; k >>= 1 {
		if k&1 == 1 {
			p = float64(p * b)
		}
		b = float64(b * b)
	}
	return p
}

func checkGamma(g float64) error {
	if !(g >= 0) || math.IsInf(g, 1) {
		return fmt.Errorf("decay factor %v", g)
	}
	return nil
}

// positive checks a count before passing another error on.
func positive(what string, n int, other error) error {
	if n <= 0 {
		return fmt.Errorf("%s %d: must be positive", what, n)
	}
	return other
}
