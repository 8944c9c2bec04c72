package program

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/train"
)

// watchInterval is how often the progress within an epoch is reported.
const watchInterval = time.Second

// reporter keeps the progress of a planned shard by member and passes it on.
type reporter struct {
	mu   sync.Mutex
	send func(Progress)
	p    Progress
	// Per member of the planned shard: last finished epoch, test accuracy at it (NaN while
	// unknown or diverged), and whether it diverged.
	epochs   []int
	accuracy []float64
	diverged []bool
	// running members, their epochs left and the mean time of an epoch so far.
	seconds     float64
	epochsTimed int
	epochsLeft  int
}

func newReporter(env *Env, s *spec.Snapshot, stage string, shard, members int) *reporter {
	r := &reporter{send: env.Progress, epochs: make([]int, members), accuracy: make([]float64, members), diverged: make([]bool, members)}
	r.p = Progress{Stage: stage, Shard: shard, Epochs: s.Zoo.Epochs, Members: members, SecondsLeft: -1}
	for i := range r.accuracy {
		r.accuracy[i], r.epochs[i] = math.NaN(), -1
	}
	return r
}

// say reports a message.
func (r *reporter) say(message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.p.Message = message
	r.emit()
}

// adopt notes the members that the store holds to the last epoch. A shard whose metrics
// are damaged is dropped from the ledger, and with it what it holds of the members.
func (r *reporter) adopt(ctx context.Context, s *spec.Snapshot, env *Env, led *ledger, members []spec.Member) error {
	tables := map[string]*shardMetrics{}
	for _, m := range members {
		for _, sp := range slices.Clone(led.spans[m.ID]) {
			if tables[sp.shard] != nil || led.shards[sp.shard] == nil {
				continue
			}
			t, err := readMetrics(ctx, s, env, led.shards[sp.shard])
			var bad *damagedError
			switch {
			case errors.As(err, &bad):
				led.drop(env, bad)
			case err != nil:
				return err
			default:
				tables[sp.shard] = t
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, m := range members {
		if done, _ := led.finished(m.ID); done < s.Zoo.Epochs {
			continue
		}
		sp, _ := led.at(m.ID, s.Zoo.Epochs)
		r.note(i, s.Zoo.Epochs, tables[sp.shard].Rows[s.Zoo.Epochs-sp.first][sp.row], led.shards[sp.shard].divergedBy(sp.row, s.Zoo.Epochs))
	}
	return nil
}

func (r *reporter) note(slot, epoch int, row sixRow, diverged bool) {
	r.epochs[slot], r.diverged[slot], r.accuracy[slot] = epoch, diverged, row.testAccuracy()
}

// start notes where a group begins.
func (r *reporter) start(g *workGroup, rec *record, at int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, slot := range g.slots {
		r.epochs[slot] = max(rec.next()-1, 0)
		if n := len(rec.Rows); n > 0 {
			r.accuracy[slot] = rec.Rows[n-1][i].testAccuracy()
		}
	}
	r.seconds, r.epochsTimed, r.epochsLeft = 0, 0, rec.LastEpoch-at
	for _, t := range rec.Times {
		if t.Epoch > 0 {
			r.seconds += t.TrainSeconds + t.EvaluateSeconds
			r.epochsTimed++
		}
	}
	r.p.Message = "Training"
	r.emit()
}

// epoch notes an evaluated epoch of a group.
func (r *reporter) epoch(g *workGroup, epoch int, rows []sixRow, divergedEpoch []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, slot := range g.slots {
		r.note(slot, epoch, rows[i], divergedEpoch[i] >= 0)
	}
	if epoch > 0 {
		r.p.EpochsTrained += len(g.slots)
	}
	r.epochsLeft = r.p.Epochs - epoch
	r.p.Message, r.p.Fraction = "Training", 0
	r.emit()
}

// timed notes the wall time of an epoch, for the estimate of the time left.
func (r *reporter) timed(seconds float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seconds += seconds
	r.epochsTimed++
}

// watch reports the progress within an epoch until the returned function is called. spent is
// the time already spent in this epoch, in seconds.
func (r *reporter) watch(t train.Engine, spent float64) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(watchInterval)
		defer tick.Stop()
		start := time.Now()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				step, steps := t.Progress()
				r.within(step, steps, spent+time.Since(start).Seconds())
			}
		}
	}()
	return func() { close(done); <-ended }
}

func (r *reporter) within(step, steps int, seconds float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if steps > 0 {
		r.p.Fraction = float64(step) / float64(steps)
	}
	r.p.Message = "Training"
	r.emit()
	if r.epochsTimed == 0 && r.p.Fraction > 0 {
		r.p.SecondsLeft = int(math.Ceil(seconds / r.p.Fraction * (float64(r.epochsLeft) - r.p.Fraction)))
	}
}

// emit derives the counts and sends. The caller holds mu.
func (r *reporter) emit() {
	p := &r.p
	p.Epoch, p.MembersDone, p.MembersDiverged, p.TestAccuracyMembers = p.Epochs, 0, 0, 0
	p.TestAccuracySum, p.TestAccuracySquares = 0, 0
	for i, e := range r.epochs {
		p.Epoch = min(p.Epoch, max(e, 0))
		if e >= p.Epochs {
			p.MembersDone++
		}
		if r.diverged[i] {
			p.MembersDiverged++
		} else if a := r.accuracy[i]; !math.IsNaN(a) {
			p.TestAccuracySum += a
			p.TestAccuracySquares += a * a
			p.TestAccuracyMembers++
		}
	}
	if r.epochsTimed > 0 {
		p.SecondsLeft = int(math.Ceil(r.seconds / float64(r.epochsTimed) * max(float64(r.epochsLeft)-p.Fraction, 0)))
	}
	r.send(*p)
}
