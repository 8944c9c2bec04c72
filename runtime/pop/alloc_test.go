package pop

import (
	"fmt"
	"maps"
	"testing"

	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/optim"
)

// A step allocates nothing once every worker has had its rows.
func TestStepsAllocateNothing(t *testing.T) {
	nets := maps.Clone(networks)
	nets["broad"] = broad
	if isa.Best() != isa.Ref {
		nets["wide"] = wide // pure Go takes too long
	}
	for label, net := range nets {
		for _, n := range []int{1, 4} {
			for _, workers := range []int{1, 2} {
				t.Run(fmt.Sprintf("%s/P=%d/workers=%d", label, n, workers), func(t *testing.T) {
					p := populate(t, newDevice(t, isa.Auto, workers), net, members(n), optim.AdamW)
					results := make([]Result, n)
					feed := func(m int, in device.Feed[float32]) {
						for i := range in.Floats {
							in.Floats[i] = float32((i+m)%7) - 3
						}
						for i := range in.Ints {
							in.Ints[i] = int32(i % classes)
						}
					}
					step := uint64(0)
					run := func(f func() error) {
						if err := f(); err != nil {
							t.Fatal(err)
						}
						step++
					}
					ctx := t.Context()
					train := func() error { return p.Step(ctx, batch, step, feed, results) }
					evaluate := func() error { return p.Evaluate(ctx, batch, feed, results) }
					for range 10 {
						run(train)
						run(evaluate)
					}
					if n := testing.AllocsPerRun(20, func() { run(train) }); n > 0 {
						t.Errorf("%v allocations per step", n)
					}
					if n := testing.AllocsPerRun(20, func() { run(evaluate) }); n > 0 {
						t.Errorf("%v allocations per evaluation", n)
					}
				})
			}
		}
	}
}
