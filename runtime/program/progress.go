package program

import (
	"sync"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// Progress is what a running shard says of itself. It is advisory: final numbers come from
// the store.
type Progress struct {
	// Stage and Shard say who speaks.
	Stage string `json:"stage"`
	Shard int    `json:"shard"`
	// Message says what the program is doing, or what it waits for.
	Message string `json:"message"`
	// Epoch is the last epoch that all members of the shard have finished; Epochs is the goal.
	Epoch  int `json:"epoch"`
	Epochs int `json:"epochs"`
	// Fraction is the part of the epoch in progress that is done, in [0, 1].
	Fraction float64 `json:"fraction"`
	// Members of the shard, those trained to the last epoch, and those that diverged.
	Members         int `json:"members"`
	MembersDone     int `json:"membersDone"`
	MembersDiverged int `json:"membersDiverged"`
	// TestAccuracySum and TestAccuracySquares are over the members that did not diverge,
	// TestAccuracyMembers of them, at the last evaluated epoch.
	TestAccuracySum     float64 `json:"testAccuracySum"`
	TestAccuracySquares float64 `json:"testAccuracySquares"`
	TestAccuracyMembers int     `json:"testAccuracyMembers"`
	// EpochsTrained counts (member, epoch) pairs that this run computed, initialisation
	// excluded: zero for a shard that was finished already.
	EpochsTrained int `json:"epochsTrained"`
	// SecondsLeft is the program's own estimate, -1 while it has none.
	SecondsLeft int `json:"secondsLeft"`
	// Bytes of BytesTotal are fetched or checked (data stages); BytesTotal is 0 when unknown.
	Bytes      int64 `json:"bytes,omitempty"`
	BytesTotal int64 `json:"bytesTotal,omitempty"`
	// BytesPerSecond is the rate at which they come, 0 when unknown.
	BytesPerSecond int64 `json:"bytesPerSecond,omitempty"`
	// Store is Unavailable while the store does not answer.
	Store v1alpha1.StoreState `json:"store"`
}

// feed passes progress on, one call at a time, and adds whether the store answers.
type feed struct {
	mu    sync.Mutex
	send  func(Progress)
	last  Progress
	state v1alpha1.StoreState
}

func (f *feed) update(p Progress) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = p
	f.last.Store = f.state
	f.send(f.last)
}

func (f *feed) store(state v1alpha1.StoreState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state == state {
		return
	}
	f.state, f.last.Store = state, state
	f.send(f.last)
}
