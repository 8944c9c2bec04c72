package optim

import "fmt"

// OneCycle is the one-cycle policy (Smith and Topin, arXiv:1708.07120) as OneCycleLR has it with
// cosine annealing: the rate rises from base/Div to base, then falls to base/(Div FinalDiv),
// while the momentum goes from High to Low and back. Rates beyond Total stay at the last.
type OneCycle struct {
	// Total is the number of steps.
	Total int
	// Rise is the fraction of steps in which the rate rises.
	Rise float64
	// Div and FinalDiv divide the base rate.
	Div, FinalDiv float64
	// Low and High bound the momentum.
	Low, High float64
}

// NewOneCycle has PyTorch's defaults: Rise 0.3, Div 25, FinalDiv 1e4, momentum 0.95 to 0.85.
func NewOneCycle(total int) OneCycle {
	return OneCycle{Total: total, Rise: 0.3, Div: 25, FinalDiv: 1e4, Low: 0.85, High: 0.95}
}

// phase says where t lies: rising or falling, and how far. The peak may lie before step 0 when
// the rise is shorter than a step.
func (s OneCycle) phase(t int) (rising bool, part float64) {
	last := float64(s.Total - 1)
	peak := float64(s.Rise*float64(s.Total)) - 1
	x := min(float64(t), last)
	if x <= peak && peak > 0 {
		return true, x / peak
	}
	return false, (x - peak) / (last - peak)
}

// anneal goes from a to b along half a cosine.
func anneal(a, b, part float64) float64 {
	return b + float64(float64((a-b)/2)*(cosPiOf(part)+1))
}

// Rate is the learning rate at t; base is the peak.
func (s OneCycle) Rate(base float64, t int) float64 {
	first := base / s.Div
	rising, part := s.phase(t)
	if rising {
		return anneal(first, base, part)
	}
	return anneal(base, first/s.FinalDiv, part)
}

// Momentum is the momentum at t.
func (s OneCycle) Momentum(t int) float64 {
	rising, part := s.phase(t)
	if rising {
		return anneal(s.High, s.Low, part)
	}
	return anneal(s.Low, s.High, part)
}

// DependsOnTotal is true.
func (OneCycle) DependsOnTotal() bool { return true }

// Validate wants a fraction below 1 and positive divisors.
func (s OneCycle) Validate() error {
	switch {
	case s.Total <= 0:
		return fmt.Errorf("one-cycle: total %d: must be positive", s.Total)
	case !(s.Rise >= 0 && s.Rise < 1):
		return fmt.Errorf("one-cycle: rising fraction %v is not in [0, 1)", s.Rise)
	case !(s.Div > 0) || !(s.FinalDiv > 0):
		return fmt.Errorf("one-cycle: divisors %v and %v must be positive", s.Div, s.FinalDiv)
	case !(s.Low >= 0 && s.Low <= s.High && s.High < 1):
		return fmt.Errorf("one-cycle: momentum from %v to %v", s.High, s.Low)
	}
	return nil
}
