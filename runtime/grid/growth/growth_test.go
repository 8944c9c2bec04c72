package growth

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weightspace/weightspace/runtime/grid"
)

// moments are sums over grids of one statistic.
type moments struct{ n, sum, square float64 }

func (m *moments) add(v float64) { m.n++; m.sum += v; m.square += v * v }

func (m moments) mean() float64 { return m.sum / m.n }

// se is the standard error of the mean over grids.
func (m moments) se() float64 {
	return math.Sqrt((m.square/m.n - m.mean()*m.mean()) / (m.n - 1))
}

// statistics of the card's table.
func statistics(t *testing.T, p Params, grids int) map[string]*moments {
	t.Helper()
	out := map[string]*moments{}
	add := func(name string, v float64) {
		if out[name] == nil {
			out[name] = &moments{}
		}
		out[name].add(v)
	}
	names := []string{"", "degree 1", "degree 2", "degree 3", "degree 4", "degree 5", "degree 6"}
	for i := range grids {
		g, err := Grow(p, uint64(i), 0)
		if err != nil {
			t.Fatal(err)
		}
		n := float64(g.N())
		var count [8]float64
		var most int
		for v := range g.Power {
			d := g.Degree(v)
			most = max(most, d)
			count[min(d, 7)]++
		}
		for d := 1; d < 7; d++ {
			add(names[d], count[d]/n)
		}
		add("degree >= 7", count[7]/n)
		add("edges", float64(len(g.Lines)))
		add("max degree", float64(most))
		add("clustering", clustering(g))
		path, diameter := paths(g)
		add("path", path)
		add("diameter", diameter)
	}
	return out
}

func clustering(g *grid.Grid) (mean float64) {
	for v := range g.Power {
		nb := g.Neighbours(v)
		var triangles float64
		for k, a := range nb {
			for _, b := range nb[k+1:] {
				for _, c := range g.Neighbours(int(a)) {
					if c == b {
						triangles++
					}
				}
			}
		}
		if d := float64(len(nb)); d > 1 {
			mean += 2 * triangles / (d * (d - 1))
		}
	}
	return mean / float64(g.N())
}

func paths(g *grid.Grid) (mean, diameter float64) {
	n := g.N()
	for i := range n {
		hops := make([]int, n)
		queue := []int32{int32(i)}
		for len(queue) > 0 {
			v := queue[0]
			queue = queue[1:]
			for _, w := range g.Neighbours(int(v)) {
				if hops[w] == 0 && int(w) != i {
					hops[w] = hops[v] + 1
					queue = append(queue, w)
				}
			}
		}
		for _, h := range hops {
			mean += float64(h)
			diameter = max(diameter, float64(h))
		}
	}
	return mean / float64(n*(n-1)), diameter
}

// want is a value of the card's table and the resolution it is given with (half its last digit, or its
// standard error).
type want struct{ value, resolution float64 }

func compare(t *testing.T, got map[string]*moments, table map[string]want) {
	t.Helper()
	for name, w := range table {
		m := got[name]
		if bar := 4*m.se() + w.resolution; math.Abs(m.mean()-w.value) > bar {
			t.Errorf("%s: %.4f, want %.4f +- %.4f", name, m.mean(), w.value, bar)
		}
	}
}

// The card's reference table, section 2. n=20 stands on 100,000 grids, n=100 on 10,000.
func TestStatistics20(t *testing.T) {
	compare(t, statistics(t, Default(20), 20000), map[string]want{
		"edges": {26.915, 4 * 0.008}, "degree 1": {0.2438, 0.00025}, "degree 2": {0.2957, 0.00025}, "degree 3": {0.2001, 0.00025},
		"degree 4": {0.1289, 0.0002}, "degree 5": {0.0751, 0.0002}, "degree 6": {0.0368, 0.00015}, "degree >= 7": {0.0195, 0.0001},
		"clustering": {0.2035, 0.0005}, "path": {3.010, 0.003}, "diameter": {6.45, 0.01}, "max degree": {6.16, 0.01},
	})
}

func TestStatistics100(t *testing.T) {
	compare(t, statistics(t, Default(100), 1200), map[string]want{
		"edges": {142.885, 4 * 0.059}, "degree 1": {0.2410, 0.0005}, "degree 2": {0.288, 0.001}, "degree 3": {0.190, 0.001},
		"degree 4": {0.118, 0.001}, "degree 5": {0.072, 0.001}, "degree 6": {0.043, 0.001}, "degree >= 7": {0.051, 0.001},
		"clustering": {0.1642, 0.0005}, "path": {5.064, 0.01}, "diameter": {11.51, 0.02}, "max degree": {9.18, 0.02},
	})
}

// The hops variant has its own clustering.
func TestStatisticsHops(t *testing.T) {
	p := Default(20)
	p.Metric = Hops
	compare(t, statistics(t, p, 10000), map[string]want{"edges": {26.915, 4 * 0.008}, "degree 1": {0.2420, 0.0003}, "clustering": {0.2046, 0.0005}})
	p = Default(100)
	p.Metric = Hops
	compare(t, statistics(t, p, 600), map[string]want{"clustering": {0.1734, 0.0005}})
}

// A grid is a function of parameters, seed, index and draw.
func TestRepeats(t *testing.T) {
	p := Default(40)
	a, _ := Grow(p, 17, 0)
	b, _ := Grow(p, 17, 0)
	if d := cmp.Diff(a, b); d != "" {
		t.Error(d)
	}
	seed := p
	seed.Seed = 1
	for name, f := range map[string]func() (*grid.Grid, error){
		"index": func() (*grid.Grid, error) { return Grow(p, 18, 0) },
		"draw":  func() (*grid.Grid, error) { return Grow(p, 17, 1) },
		"seed":  func() (*grid.Grid, error) { return Grow(seed, 17, 0) },
	} {
		if c, err := f(); err != nil || c.X[0] == a.X[0] {
			t.Errorf("another %s gives the same grid (%v)", name, err)
		}
	}
}

// Draws are frozen: a change here changes every ensemble and every label.
func TestFrozen(t *testing.T) {
	p := Default(20)
	p.Seed = 3
	g, err := Grow(p, 7, 0)
	if err != nil {
		t.Fatal(err)
	}
	var lines [][2]int32
	for _, l := range g.Lines {
		lines = append(lines, [2]int32{l.From, l.To})
	}
	got := fmt.Sprint(lines, g.Power, math.Float64bits(g.X[19]), math.Float64bits(g.Y[0]))
	if got != frozen {
		t.Errorf("%s, want %s", got, frozen)
	}
}

// A grid of an initial tree is connected, has floor(n0 (1-s)(p+q)) more lines, and with r, s, p, q = 0 is a tree.
func TestInitial(t *testing.T) {
	p := Default(30)
	p.N0, p.Split = 30, Midpoint
	g, err := Grow(p, 3, 0)
	if err != nil || g.RequireConnected() != nil || len(g.Lines) != 29+13 {
		t.Errorf("%d lines, %v", len(g.Lines), err)
	}
	p.N0, p.P, p.Q, p.S, p.R = 5, 0, 0, 0, 0
	if g, err = Grow(p, 4, 0); err != nil || g.RequireConnected() != nil || len(g.Lines) != 29 {
		t.Errorf("%d lines, %v", len(g.Lines), err)
	}
	// Splitting only keeps the first line's direction: all nodes lie on it.
	p.N0, p.S = 2, 1
	if g, err = Grow(p, 5, 0); err != nil || len(g.Lines) != 29 {
		t.Fatalf("%d lines, %v", len(g.Lines), err)
	}
	for i := range g.Power {
		cross := (g.X[1]-g.X[0])*(g.Y[i]-g.Y[0]) - (g.Y[1]-g.Y[0])*(g.X[i]-g.X[0])
		if math.Abs(cross) > 1e-12 {
			t.Errorf("node %d is off the line", i)
		}
	}
	for _, n := range []int{1, 2, 3} {
		if g, err := Grow(Default(n), 0, 0); err != nil || g.N() != n || g.RequireConnected() != nil {
			t.Error(n, err)
		}
	}
}

func TestValidate(t *testing.T) {
	for want, f := range map[string]func(*Params){
		"growth.n: 0":           func(p *Params) { p.N = 0 },
		"growth.n0: 21":         func(p *Params) { p.N0 = 21 },
		"growth.p: 1.5":         func(p *Params) { p.P = 1.5 },
		"growth.q: NaN":         func(p *Params) { p.Q = math.NaN() },
		"growth.s: -1":          func(p *Params) { p.S = -1 },
		"growth.r: -1":          func(p *Params) { p.R = -1 },
		`growth.metric: "x"`:    func(p *Params) { p.Metric = "x" },
		`growth.split: ""`:      func(p *Params) { p.Split = "" },
		"growth.coupling: 0":    func(p *Params) { p.Coupling = 0 },
		"growth.magnitude: NaN": func(p *Params) { p.Magnitude = math.NaN() },
	} {
		p := Default(20)
		f(&p)
		if _, err := Grow(p, 0, 0); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func BenchmarkGrow(b *testing.B) {
	for _, n := range []struct {
		name string
		n    int
	}{{"N=20", 20}, {"N=100", 100}, {"N=2000", 2000}} {
		b.Run(n.name, func(b *testing.B) {
			p := Default(n.n)
			for i := range b.N {
				if _, err := Grow(p, uint64(i), 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// frozen are lines, powers, and bits of two coordinates.
const frozen = `[[0 1] [0 2] [0 4] [0 5] [1 2] [1 3] [1 4] [1 5] [1 6] [1 13] [2 6] [2 17] [2 19] [3 4] [3 6] [3 7] [3 9] [3 11] [3 12] [3 14] [3 16] [4 7] [4 8] [4 10] [4 12] [6 11] [7 9] [8 10] [9 11] [9 18] [11 14] [11 15] [14 16]] [1 -1 -1 -1 1 -1 -1 1 -1 1 1 1 1 1 -1 1 -1 1 -1 -1] 4605323378974071502 13827879350460292450`
