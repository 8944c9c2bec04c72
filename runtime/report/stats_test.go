package report

import (
	"math"
	"testing"

	"gonum.org/v1/plot"
)

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12*math.Max(1, math.Abs(b)) }

// The expected values are numpy's: np.quantile([15, 20, 35, 40, 50], p), method linear.
func TestQuantile(t *testing.T) {
	values := []float64{15, 20, 35, 40, 50}
	for p, want := range map[float64]float64{0: 15, 0.05: 16, 0.25: 20, 0.4: 29, 0.5: 35, 0.75: 40, 0.95: 48, 1: 50} {
		if got := quantile(values, p); !near(got, want) {
			t.Errorf("quantile %v: %v, want %v", p, got, want)
		}
	}
	if got := quantile([]float64{3}, 0.3); got != 3 {
		t.Errorf("quantile of one value: %v", got)
	}
	if got := quantile(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("quantile of nothing: %v, want NaN", got)
	}
}

func TestSummarise(t *testing.T) {
	s := summarise([]float64{9, math.NaN(), 2, 4, 4, math.Inf(1), 4, 5, 5, 7})
	if s.N != 8 || !near(s.Mean, 5) || !near(s.Std, 2) || s.Min != 2 || s.Max != 9 || !near(s.P50, 4.5) {
		t.Errorf("%+v, want 8 values, mean 5, population standard deviation 2, median 4.5", s)
	}
}

func TestThinKeepsQuantiles(t *testing.T) {
	values := make([]float64, 10001)
	for i := range values {
		values[i] = math.Sqrt(float64(i))
	}
	few := thin(values, 101)
	if len(few) != 101 {
		t.Fatalf("%d values, want 101", len(few))
	}
	for _, p := range []float64{0, 0.25, 0.5, 0.95, 1} {
		if got, want := quantile(few, p), quantile(values, p); math.Abs(got-want) > 1e-9 {
			t.Errorf("quantile %v of the sample is %v, of all %v", p, got, want)
		}
	}
}

func TestBinsHoldEveryValue(t *testing.T) {
	for name, values := range map[string][]float64{
		"one":       {0.5},
		"equal":     {0.25, 0.25, 0.25},
		"all zero":  {0, 0},
		"far apart": {0.1, 0.95, 0.951, 0.952, 0.953, 0.954},
		"on edges":  {0.1, 0.2, 0.3, 0.4, 0.5, 0.6},
		"tiny":      {1e-12, 2e-12, 9e-12},
	} {
		start, width, counts := bins(summarise(values))
		sum := 0
		for _, n := range counts {
			sum += n
		}
		end := start + width*float64(len(counts))
		if sum != len(values) || len(counts) > 82 || start > values[0]+1e-15 || end < values[len(values)-1] {
			t.Errorf("%s: start %v, width %v, counts %v", name, start, width, counts)
		}
	}
}

func TestTicks(t *testing.T) {
	labels := func(ticks []plot.Tick) (out []string) {
		for _, tick := range ticks {
			out = append(out, tick.Label)
		}
		return out
	}
	cases := []struct {
		ticker plot.Ticker
		lo, hi float64
		want   []string
	}{
		{linearTicks(5, false), 0, 1, []string{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}},
		{linearTicks(5, false), 0.91, 0.99, []string{"0.92", "0.94", "0.96", "0.98"}},
		{linearTicks(5, false), -0.01, 0.11, []string{"0.000", "0.025", "0.050", "0.075", "0.100"}},
		{linearTicks(6, true), 0, 3, []string{"0", "1", "2", "3"}},
		{linearTicks(6, true), 0, 50, []string{"0", "10", "20", "30", "40", "50"}},
		{logTicks(), -1.1, 0.4, []string{"0.1", "0.2", "0.5", "1", "2"}},
		{logTicks(), -3, 2, []string{"0.001", "0.01", "0.1", "1", "10", "100"}},
	}
	for _, c := range cases {
		got := labels(c.ticker.Ticks(c.lo, c.hi))
		if len(got) != len(c.want) {
			t.Errorf("ticks of %v..%v: %q, want %q", c.lo, c.hi, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("ticks of %v..%v: %q, want %q", c.lo, c.hi, got, c.want)
				break
			}
		}
	}
}

func TestSummaryOfAKnownZoo(t *testing.T) {
	model := func(id, lr string, acc, train float64, diverged int) Model {
		return Model{ID: id, Hyper: []string{lr, "adam"}, DivergedEpoch: diverged, Final: Metrics{TestAccuracy: acc, TrainAccuracy: train}}
	}
	in := Input{
		Hyper: []string{"learningRate", "optimizer"},
		Models: []Model{
			model("a", "1e-2", 0.9, 0.95, -1), model("b", "1e-3", 0.8, 0.85, -1), model("c", "1e-2", 0.7, 0.80, -1), model("d", "1e-1", 0.1, 0.1, 2),
		},
		Rows: []Row{
			{"a", 1, Metrics{TestAccuracy: 0.9}},
			{"b", 1, Metrics{TestAccuracy: 0.8}},
			{"c", 1, Metrics{TestAccuracy: 0.7}},
			{"d", 1, Metrics{TestAccuracy: 0.1}},
		},
	}
	s := summariseInput(&in)
	if s.accuracy.N != 3 || !near(s.accuracy.Mean, 0.8) || !near(s.gap.Mean, 0.2/3) {
		t.Errorf("accuracy %+v, gap %+v", s.accuracy, s.gap)
	}
	if len(s.ranked) != 3 || in.Models[s.ranked[0]].ID != "a" || len(s.diverged) != 1 {
		t.Errorf("ranked %v, diverged %v", s.ranked, s.diverged)
	}
	if len(s.factors) != 1 || len(s.fixed) != 1 || s.fixed[0] != (Fact{"optimizer", "adam"}) {
		t.Fatalf("factors %v, fixed %v", s.factors, s.fixed)
	}
	levels := s.factors[0].Levels
	if len(levels) != 3 || levels[0].Label != "1e-3" || levels[2].Label != "1e-1" || levels[2].Diverged != 1 || !near(levels[1].Accuracy.Mean, 0.8) {
		t.Errorf("levels %+v: want 1e-3, 1e-2, 1e-1 as the user wrote them, in order of size", levels)
	}
	if c := s.curves[0]; len(c.At) != 1 || c.At[0].N != 3 || !near(c.At[0].P50, 0.8) {
		t.Errorf("curve %+v: the diverged model must not be in it", c)
	}
}
