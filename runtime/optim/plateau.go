package optim

import (
	"fmt"
	"math"
)

// PlateauConfig are the parameters of ReduceLROnPlateau in torch.optim.lr_scheduler.
type PlateauConfig struct {
	// Max says that larger metrics are better.
	Max bool
	// Factor multiplies the rate, below 1.
	Factor float64
	// Patience is how many bad epochs in a row are let pass.
	Patience int
	// Threshold is what an improvement must exceed: a fraction of the best, or with Absolute a
	// difference.
	Threshold float64
	Absolute  bool
	// Cooldown is how many epochs after a reduction are not counted as bad.
	Cooldown int
	// Min is the lowest rate; reductions by less than Eps are not made.
	Min, Eps float64
}

// DefaultPlateau is PyTorch's: factor 0.1 after more than 10 bad epochs, threshold 1e-4 relative.
func DefaultPlateau() PlateauConfig {
	return PlateauConfig{Factor: 0.1, Patience: 10, Threshold: 1e-4, Eps: 1e-8}
}

// Plateau lowers each member's learning rate when its metric stops getting better. Unlike a
// Schedule it has state. Different members may be observed at the same time.
type Plateau struct {
	c PlateauConfig
	// rate, best, bad and cooldown are [P].
	rate, best, bad, cooldown []float64
}

// NewPlateau starts members at their base rates.
func NewPlateau(c PlateauConfig, base []float64) (*Plateau, error) {
	switch {
	case !(c.Factor >= 0 && c.Factor < 1):
		return nil, fmt.Errorf("plateau: factor %v is not in [0, 1)", c.Factor)
	case c.Patience < 0 || c.Cooldown < 0:
		return nil, fmt.Errorf("plateau: patience %d, cooldown %d", c.Patience, c.Cooldown)
	case !(c.Threshold >= 0) || !(c.Min >= 0) || !(c.Eps >= 0):
		return nil, fmt.Errorf("plateau: threshold %v, lowest rate %v, eps %v", c.Threshold, c.Min, c.Eps)
	}
	n := len(base)
	worst := math.Inf(1)
	if c.Max {
		worst = math.Inf(-1)
	}
	return &Plateau{c, append([]float64(nil), base...), repeat(worst, n), make([]float64, n), make([]float64, n)}, nil
}

// DependsOnTotal is false.
func (*Plateau) DependsOnTotal() bool { return false }

// Rate is member p's learning rate.
func (s *Plateau) Rate(p int) float64 { return s.rate[p] }

// Observe takes member p's metric of an epoch and returns the learning rate of the next. NaN is
// a bad metric.
func (s *Plateau) Observe(p int, metric float64) float64 {
	if s.better(metric, s.best[p]) {
		s.best[p], s.bad[p] = metric, 0
	} else {
		s.bad[p]++
	}
	if s.cooldown[p] > 0 {
		s.cooldown[p]--
		s.bad[p] = 0
	}
	if s.bad[p] > float64(s.c.Patience) {
		if lower := math.Max(float64(s.rate[p]*s.c.Factor), s.c.Min); s.rate[p]-lower > s.c.Eps {
			s.rate[p] = lower
		}
		s.cooldown[p], s.bad[p] = float64(s.c.Cooldown), 0
	}
	return s.rate[p]
}

func (s *Plateau) better(x, best float64) bool {
	switch {
	case s.c.Absolute && s.c.Max:
		return x > best+s.c.Threshold
	case s.c.Absolute:
		return x < best-s.c.Threshold
	case s.c.Max:
		return x > float64(best*(1+s.c.Threshold))
	}
	return x < float64(best*(1-s.c.Threshold))
}

// State is what must be kept to go on, as slabs [P]; they are the plateau's own memory. "best" is
// infinite before the first metric.
func (s *Plateau) State() []Slab[float64] {
	return []Slab[float64]{{"rate", s.rate}, {"best", s.best}, {"bad", s.bad}, {"cooldown", s.cooldown}}
}

// Restore copies a state of the same number of members. When it fails nothing has changed.
func (s *Plateau) Restore(state []Slab[float64]) error {
	own := s.State()
	if err := match(own, state); err != nil {
		return fmt.Errorf("plateau: %w", err)
	}
	for i := range own {
		copy(own[i].Data, state[i].Data)
	}
	return nil
}
