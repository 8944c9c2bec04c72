package pop

import (
	"testing"

	"github.com/weightspace/weightspace/runtime/check"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/optim"
)

// compare fails unless two members have the same bits.
func compare(t *testing.T, what string, got, want memberState) {
	t.Helper()
	for _, x := range []struct {
		name string
		a, b []float32
	}{{"weight", got.weights, want.weights}, {"state", got.states, want.states}, {"moment", got.first, want.first}, {"second moment", got.second, want.second}} {
		if i := check.FirstDifference(x.a, x.b); i >= 0 {
			t.Fatalf("%s: %s %d is %v, want %v", what, x.name, i, x.a[i], x.b[i])
		}
	}
	if got.result != want.result {
		t.Fatalf("%s: result %+v, want %+v", what, got.result, want.result)
	}
}

// Whole training steps have the same bits on every instruction set, for any number of workers, whether workers share the members
// or the parts of one member, and for any division of the population.
func TestStepsHaveTheSameBits(t *testing.T) {
	ms := members(4)
	const steps = 3
	for label, net := range networks {
		t.Run(label, func(t *testing.T) {
			p := populate(t, newDevice(t, isa.Ref, 1), net, ms, optim.AdamW)
			results := train(t, p, 0, steps)
			for m, r := range results {
				if r.Bad || r.Loss == 0 {
					t.Fatalf("member %d: %+v", m, r)
				}
			}
			for _, l := range []isa.Level{isa.Ref, isa.AVX2, isa.AVX512} {
				if !isa.Supported(l) {
					t.Logf("%s is not available here", l)
					continue
				}
				t.Run(l.String(), func(t *testing.T) {
					for _, workers := range []int{1, 2, 3, 7} {
						d := newDevice(t, l, workers)
						for _, size := range []int{1, 2, 4} {
							for from := 0; from < len(ms); from += size {
								q := populate(t, d, net, ms[from:from+size], optim.AdamW)
								for i, r := range train(t, q, 0, steps) {
									compare(t, name(l, workers, size), stateOf(q, i, r), stateOf(p, from+i, results[from+i]))
								}
							}
						}
					}
				})
			}
		})
	}
}

// Layers so large that one member's instructions are cut into several parts: the parts are shared by workers.
func TestLargeLayersHaveTheSameBits(t *testing.T) {
	ms := members(2)
	var want []memberState
	for _, workers := range []int{1, 2, 3} {
		for _, size := range []int{2, 1} {
			d := newDevice(t, isa.Auto, workers)
			for from := 0; from < len(ms); from += size {
				p := populate(t, d, wide, ms[from:from+size], optim.SGD)
				for i, r := range train(t, p, 0, 2) {
					s := stateOf(p, i, r)
					if len(want) < len(ms) {
						want = append(want, s)
						continue
					}
					compare(t, name(isa.Auto, workers, size), s, want[from+i])
				}
			}
		}
	}
}

// Member 7 of 8 is member 7 of 64.
func TestMembersDoNotDependOnTheOthers(t *testing.T) {
	ms := members(64)
	d := newDevice(t, isa.Auto, 2)
	for label, net := range networks {
		few, many := populate(t, d, net, ms[:8], optim.Adam), populate(t, d, net, ms, optim.Adam)
		a, b := train(t, few, 0, 2), train(t, many, 0, 2)
		compare(t, label, stateOf(few, 7, a[7]), stateOf(many, 7, b[7]))
	}
}
