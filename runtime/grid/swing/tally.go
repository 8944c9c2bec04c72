package swing

import "math"

// Targets are the thresholds of the labels.
type Targets struct {
	Survival    float64 // rad/s: a kick survives if its maximum frequency deviation is below
	KickLimit   float64 // rad/s: the troublemaker label considers kicks of at most this frequency
	Troublesome float64 // rad/s: a troublemaker reaches at least this
}

// DefaultTargets are the card's: 15, 2.5 and 15 rad/s.
func DefaultTargets() Targets { return Targets{15, 2.5, 15} }

// ticks is the unit of summed times: integers add up to the same in any order.
const ticks = 1 << 20

// Tally is what is known about one node. Tallies of disjoint kicks add up in any order.
type Tally struct {
	Kicks, Settled, Drifting, Failed int64
	Survived                         int64
	ReturnTicks                      int64   // end times of settled trajectories, in 2^-20
	MaxDeviation                     float64 // over all kicks
	SmallKicks                       int64   // of |omega| <= Targets.KickLimit
	SmallMaxDeviation                float64 // over those
	Steps, Rejected                  int64
}

// Add counts one trajectory.
func (t *Tally) Add(g Targets, k Kick, o Outcome) {
	t.Kicks++
	switch o.Code {
	case Settled:
		t.Settled++
		t.ReturnTicks += int64(math.RoundToEven(o.End * ticks))
	case Drifting:
		t.Drifting++
	default:
		t.Failed++
	}
	if o.Code != Failed && o.MaxDeviation < g.Survival {
		t.Survived++
	}
	t.MaxDeviation = max(t.MaxDeviation, o.MaxDeviation)
	if math.Abs(k.Frequency) <= g.KickLimit {
		t.SmallKicks++
		t.SmallMaxDeviation = max(t.SmallMaxDeviation, o.MaxDeviation)
	}
	t.Steps += int64(o.Steps)
	t.Rejected += int64(o.Rejected)
}

// Merge adds the tally of other kicks of the same node.
func (t *Tally) Merge(u Tally) {
	t.Kicks += u.Kicks
	t.Settled += u.Settled
	t.Drifting += u.Drifting
	t.Failed += u.Failed
	t.Survived += u.Survived
	t.ReturnTicks += u.ReturnTicks
	t.MaxDeviation = max(t.MaxDeviation, u.MaxDeviation)
	t.SmallKicks += u.SmallKicks
	t.SmallMaxDeviation = max(t.SmallMaxDeviation, u.SmallMaxDeviation)
	t.Steps += u.Steps
	t.Rejected += u.Rejected
}

// SNBS is the single-node basin stability, the share of settled kicks, with its standard error
// sqrt(S(1-S)/kicks). Failed trajectories count as not settled. NaN without kicks.
func (t Tally) SNBS() (s, standardError float64) { return share(t.Settled, t.Kicks) }

// Survivability is the share of kicks that stayed below Targets.Survival, with its standard error.
func (t Tally) Survivability() (s, standardError float64) { return share(t.Survived, t.Kicks) }

// Troublemaker says whether a kick of at most Targets.KickLimit drove some node to at least
// Targets.Troublesome; ok is false when no such kick was made.
func (t Tally) Troublemaker(g Targets) (is, ok bool) {
	return t.SmallMaxDeviation >= g.Troublesome, t.SmallKicks > 0
}

// MeanReturnTime is the mean end time of settled trajectories; NaN without one. It is a return
// time only with early stop.
func (t Tally) MeanReturnTime() float64 {
	return float64(t.ReturnTicks) / ticks / float64(t.Settled)
}

func share(part, of int64) (s, standardError float64) {
	s = float64(part) / float64(of)
	return s, math.Sqrt(float64(s*(1-s)) / float64(of))
}

// Tallies counts Simulate's outcomes of w: one tally per node of w.Nodes.
func Tallies(g Targets, k Kicks, w Work, out []Outcome) []Tally {
	t := make([]Tally, len(w.Nodes))
	for i, n := range w.Nodes {
		for j := range w.Count {
			t[i].Add(g, k.At(w.Index, n, w.First+j), out[i*w.Count+j])
		}
	}
	return t
}
