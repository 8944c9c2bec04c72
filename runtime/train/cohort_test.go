package train

import (
	"fmt"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel"
)

// crowd is a population of n members in which everything differs.
func crowd(c Config, n int) Config {
	base := mixed(c).Members
	c.Members = nil
	for i := range n {
		m := base[i%len(base)]
		m.Seed += uint64(i / len(base) * 100)
		c.Members = append(c.Members, m)
	}
	return c
}

// allCohorts puts every member into a cohort.
func allCohorts(n, _, _ int) int { return (n + kernel.Lanes - 1) / kernel.Lanes }

// noCohorts trains every member alone.
func noCohorts(int, int, int) int { return 0 }

// Members side by side have the bits of members alone: for any population, batch, number of
// workers and instruction set.
func TestCohortsLeaveNoTrace(t *testing.T) {
	sizes := []struct{ members, batch, samples int }{{1, 10, 23}, {7, 1, 5}, {16, 10, 33}, {17, 16, 20}, {33, 10, 21}, {17, 20, 50}, {16, 64, 90}}
	if kernel.Best() == kernel.Ref {
		// Scheduling is the same in pure Go, and two hundred times slower to watch.
		sizes = sizes[:2]
		sizes = append(sizes, struct{ members, batch, samples int }{17, 3, 4})
	}
	for _, e := range sizes {
		d := synthetic(e.samples, 3, 5, 1)
		c := crowd(config(d, kernel.Auto, 0), e.members)
		c.BatchSize = e.batch
		for _, optimizer := range []string{"adam", "sgd"} {
			c.Optimizer = optimizer
			name := fmt.Sprintf("%s %+v", optimizer, e)
			alone := start(t, c)
			alone.cohorts = noCohorts
			want := history(t, alone, 2)
			together := c
			together.Workers = 2
			tr := start(t, together)
			tr.cohorts = allCohorts
			equal(t, name+" together", history(t, tr, 2), want)
			equal(t, name+" as scheduled", history(t, start(t, together), 2), want)
			if e.members == 17 && optimizer == "adam" && kernel.Supported(kernel.AVX2) {
				together.ISA = kernel.AVX2
				tr := start(t, together)
				tr.cohorts = allCohorts
				equal(t, name+" together, AVX2", history(t, tr, 2), want)
			}
		}
	}
}

// The pure-Go twins of the kernels for members side by side give the same bits as well.
func TestCohortsInPureGo(t *testing.T) {
	c := crowd(config(synthetic(3, 0, 2, 1), kernel.Ref, 0), 3)
	c.BatchSize = 2
	slow := start(t, c)
	slow.cohorts = allCohorts
	c.ISA = kernel.Auto
	fast := start(t, c)
	fast.cohorts = noCohorts
	equal(t, "pure Go", history(t, slow, 1), history(t, fast, 1))
}

// A member that diverges in a cohort keeps its last finite weights, as it does alone.
func TestCohortsFreezeMembers(t *testing.T) {
	c := crowd(config(synthetic(32, 4, 4, 1), kernel.Auto, 0), 18)
	c.BatchSize, c.Activation = 10, "relu"
	c.Members[2].LearningRate, c.Members[2].Dropout = 1e38, 0
	c.Members[9].LearningRate = 1e37
	alone, together := start(t, c), start(t, c)
	alone.cohorts, together.cohorts = noCohorts, allCohorts
	equal(t, "frozen", history(t, together, 3), history(t, alone, 3))
	a, b := alone.DivergedEpoch(), together.DivergedEpoch()
	for p := range a {
		if a[p] != b[p] {
			t.Errorf("member %d diverged in epoch %d, alone in %d", p, b[p], a[p])
		}
	}
	if a[2] < 1 {
		t.Errorf("member 2 did not diverge: %v", a)
	}
}

// The other networks: colour images of 32x32, an MLP.
func TestCohortsOfOtherNetworks(t *testing.T) {
	for _, e := range []struct {
		architecture, activation string
		widths                   []int
	}{{"cnn-medium", "silu", nil}, {"mlp", "leakyrelu", []int{33, 17, 10}}} {
		c := crowd(config(synthetic32(12), kernel.Auto, 0), 5)
		c.Architecture, c.Activation, c.Widths, c.BatchSize = e.architecture, e.activation, e.widths, 5
		alone, together := start(t, c), start(t, c)
		alone.cohorts, together.cohorts = noCohorts, allCohorts
		want := history(t, alone, 2)
		equal(t, e.architecture, history(t, together, 2), want)
		if kernel.Supported(kernel.AVX2) {
			c.ISA = kernel.AVX2
			equal(t, e.architecture+" AVX2", history(t, start(t, c), 2), want)
		}
	}
}

// A schedule holds every living member once.
func TestSchedule(t *testing.T) {
	for _, n := range []int{1, 7, 16, 17, 33, 64} {
		for _, workers := range []int{1, 2, 3, 64} {
			for _, batch := range []int{1, 10, 16, 17, 64} {
				tr := &Trainer{cfg: Config{BatchSize: batch}, diverged: make([]int, n), workers: make([]*worker, workers), cohorts: bestCohorts}
				for p := range tr.diverged {
					tr.diverged[p] = -1
				}
				tr.diverged[n/2] = 1
				tr.schedule()
				seen := 0
				for _, u := range tr.units {
					if len(u.members) < 1 || len(u.members) > kernel.Lanes || !u.perLane && len(u.members) > 1 {
						t.Fatalf("unit %+v", u)
					}
					for _, p := range u.members {
						if p == n/2 {
							t.Fatalf("frozen member %d is scheduled", p)
						}
						seen++
					}
				}
				if seen != n-1 {
					t.Fatalf("%d of %d members are scheduled", seen, n-1)
				}
			}
		}
	}
	if bestCohorts(64, 10, 2) != 4 || bestCohorts(16, 10, 2) != 0 || bestCohorts(64, 64, 1) != 0 {
		t.Error("the schedule of cnn-small zoos is not what it should be")
	}
}

func TestCohortStepDoesNotAllocate(t *testing.T) {
	for _, optimizer := range []string{"adam", "sgd"} {
		c := crowd(config(synthetic(64, 0, 0, 1), kernel.Auto, 0), 16)
		c.Optimizer, c.BatchSize = optimizer, 10
		tr := start(t, c)
		members := make([]int, 16)
		for i := range members {
			members[i] = i
		}
		tr.cohortRound(tr.workers[0], members, 0, 1)
		step := 0
		if n := testing.AllocsPerRun(10, func() {
			tr.cohortRound(tr.workers[0], members, step%tr.stepsPerEpoch, step%tr.stepsPerEpoch+1)
			step++
		}); n != 0 {
			t.Errorf("%s: %v allocations per step", optimizer, n)
		}
	}
}
