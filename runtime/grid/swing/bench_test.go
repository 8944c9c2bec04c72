package swing

import (
	"context"
	"fmt"
	"testing"

	"github.com/weightspace/weightspace/runtime/grid"
	"github.com/weightspace/weightspace/runtime/grid/growth"
	"github.com/weightspace/weightspace/runtime/grid/static"
)

// BenchmarkTrajectory reports milliseconds and accepted steps per decided trajectory, one worker,
// the card's options, kicks of all nodes in turn.
func BenchmarkTrajectory(b *testing.B) {
	cases := map[int]*grid.Grid{14: grids(b)["case14"], 20: grown(b, 20, 0), 100: grown(b, 100, 0)}
	for _, n := range []int{14, 20, 100} {
		b.Run(fmt.Sprintf("N=%d", n), func(b *testing.B) {
			s, k := system(b, cases[n], DefaultDamping), DefaultKicks(1)
			r := reference(b, s, Default())
			steps, i := 0, 0
			for b.Loop() {
				out := r.Trace(k.At(0, i%n, i/n), nil)
				steps += int(out.Steps)
				i++
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(i), "ms/trajectory")
			b.ReportMetric(float64(steps)/float64(i), "steps/trajectory")
		})
	}
}

// grown is the first draw of a grid that has a state.
func grown(t testing.TB, n int, index uint64) *grid.Grid {
	t.Helper()
	for draw := range 20 {
		g, err := growth.Grow(growth.Default(n), index, draw)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = static.Solve(context.Background(), g, static.Options{}); err == nil {
			return g
		}
	}
	t.Fatal("no grid with a state")
	return nil
}
