package spec

import "fmt"

// Retention says which epochs' weights of a zoo stay in the store. The last epoch's always do.
type Retention struct {
	// Checkpoints is RetainLast, RetainBest or RetainEvery.
	Checkpoints string `json:"checkpoints"`
	// Every is the distance of RetainEvery.
	Every int `json:"every,omitempty"`
}

// Choices of epochs.
const (
	RetainLast  = "last"
	RetainBest  = "best"
	RetainEvery = "every"
)

// Keeps says whether the weights of a whole epoch stay; last is the last epoch of the recipe. With RetainBest single members' rows
// of other epochs stay beside it.
func (r *Retention) Keeps(epoch, last int) bool {
	return r == nil || epoch == last || r.Checkpoints == RetainEvery && epoch%r.Every == 0
}

// Best says that each member's best epoch stays.
func (r *Retention) Best() bool { return r != nil && r.Checkpoints == RetainBest }

// Epochs is the number of epochs whose weights stay of epochs 0 to last, the best ones counted as one.
func (r *Retention) Epochs(last int) int {
	switch {
	case r == nil:
		return last + 1
	case r.Checkpoints == RetainBest:
		return 2
	case r.Checkpoints == RetainEvery:
		n := last/r.Every + 1
		if last%r.Every != 0 {
			n++
		}
		return n
	}
	return 1
}

// Check says what is wrong with a choice.
func (r *Retention) Check() error {
	switch {
	case r == nil:
		return nil
	case r.Checkpoints == RetainEvery && r.Every < 1, r.Checkpoints != RetainEvery && r.Every != 0:
		return fmt.Errorf("retention %s with a distance of %d", r.Checkpoints, r.Every)
	case r.Checkpoints != RetainLast && r.Checkpoints != RetainBest && r.Checkpoints != RetainEvery:
		return fmt.Errorf("unknown retention %q", r.Checkpoints)
	}
	return nil
}
