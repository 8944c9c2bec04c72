package train

import "github.com/weightspace/weightspace/runtime/kernel"

// unit is a task of a round: one member with samples in the lanes or, with perLane, up to 16
// members side by side.
type unit struct {
	members []int
	perLane bool
}

// perLaneCost is the time of a tile with a member in every lane, in tiles of one member:
// parameters are 16 times as many.
const perLaneCost = 1.15

// schedule cuts the members that still train into the units of a round. It never changes a
// result: both kinds of unit give the same bits.
func (t *Trainer) schedule() {
	t.units, t.alive = t.units[:0], t.alive[:0]
	for p, d := range t.diverged {
		if d < 0 {
			t.alive = append(t.alive, p)
		}
	}
	n := len(t.alive)
	cohorts := t.cohorts(n, t.cfg.BatchSize, len(t.workers))
	at := 0
	for range cohorts {
		to := min(at+kernel.Lanes, n)
		t.units = append(t.units, unit{t.alive[at:to], true})
		at = to
	}
	for ; at < n; at++ {
		t.units = append(t.units, unit{t.alive[at : at+1], false})
	}
}

// bestCohorts is the number of cohorts of 16 of n members, the last of which may be smaller,
// with which a round is shortest.
func bestCohorts(n, batch, workers int) int {
	single := float64((batch + kernel.Lanes - 1) / kernel.Lanes)
	cohort := perLaneCost * float64(batch)
	best, shortest := 0, 0.0
	for k := 0; (k-1)*kernel.Lanes < n; k++ {
		total := float64(k)*cohort + float64(max(0, n-k*kernel.Lanes))*single
		// No worker has less than its share, and one has the most cohorts.
		time := max(total/float64(workers), float64((k+workers-1)/workers)*cohort)
		if k == 0 || time < shortest {
			best, shortest = k, time
		}
	}
	return best
}

// run trains the members of a unit from one step to another.
func (t *Trainer) run(w *worker, u unit, from, to int) {
	if u.perLane {
		t.cohortRound(w, u.members, from, to)
		return
	}
	for s := from; s < to && t.diverged[u.members[0]] < 0; s++ {
		t.memberStep(w, u.members[0], s)
	}
}
