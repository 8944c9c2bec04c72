package report

import (
	"cmp"
	"math"
	"slices"
	"strconv"
)

// curveMetrics are the learning curves the report draws, in order.
var curveMetrics = []struct {
	name, title string
	loss        bool
	get         func(Metrics) float64
}{
	{"testAccuracy", "Test accuracy", false, func(m Metrics) float64 { return m.TestAccuracy }},
	{"testLoss", "Test loss", true, func(m Metrics) float64 { return m.TestLoss }},
	{"trainLoss", "Train loss", true, func(m Metrics) float64 { return m.TrainLoss }},
}

// summary holds every number the page and the figures show.
type summary struct {
	// ranked are indices of models with a test accuracy that did not diverge, best first.
	ranked   []int
	diverged []int
	// unscored counts models that neither diverged nor have a test accuracy.
	unscored      int
	accuracy, gap stats
	curves        []curve
	factors       []factor
	// fixed are the hyper-parameters that do not vary.
	fixed []Fact
	seeds int
}

// curve is one metric by epoch, over the models that did not diverge.
type curve struct {
	Name, Title string
	loss        bool
	// Unit labels the axis of what is neither an accuracy nor a loss.
	Unit   string
	Epochs []int
	// At[i] describes the metric at Epochs[i].
	At []stats
}

// factor is a hyper-parameter that varies.
type factor struct {
	Name   string
	column int
	Levels []level
	// Binned says that the levels are ranges of a value that hardly repeats.
	Binned bool
}

// level is one value of a factor, or a range of values.
type level struct {
	Label    string
	Diverged int
	Accuracy stats
}

// summariseInput computes the summary of a checked input.
func summariseInput(in *Input) summary {
	var s summary
	var acc, gap []float64
	seeds := map[uint64]bool{}
	for i, m := range in.Models {
		seeds[m.Seed] = true
		switch {
		case m.DivergedEpoch >= 0:
			s.diverged = append(s.diverged, i)
		case !finite(m.Final.TestAccuracy):
			s.unscored++
		default:
			s.ranked = append(s.ranked, i)
			acc = append(acc, m.Final.TestAccuracy)
			gap = append(gap, m.Final.gap())
		}
	}
	s.seeds = len(seeds)
	s.accuracy, s.gap = summarise(acc), summarise(gap)
	byID := func(a, b int) int { return cmp.Compare(in.Models[a].ID, in.Models[b].ID) }
	slices.SortFunc(s.ranked, func(a, b int) int {
		return cmp.Or(cmp.Compare(in.Models[b].Final.TestAccuracy, in.Models[a].Final.TestAccuracy), byID(a, b))
	})
	slices.SortFunc(s.diverged, func(a, b int) int {
		return cmp.Or(cmp.Compare(in.Models[a].DivergedEpoch, in.Models[b].DivergedEpoch), byID(a, b))
	})
	s.curves = curves(in)
	for k, name := range in.Hyper {
		f := makeFactor(in, name, k)
		switch len(f.Levels) {
		case 0:
		case 1:
			s.fixed = append(s.fixed, Fact{name, f.Levels[0].Label})
		default:
			s.factors = append(s.factors, f)
		}
	}
	return s
}

// curves groups the rows of members that did not diverge by epoch. One metric is held at a
// time: a large zoo has tens of millions of values.
func curves(in *Input) []curve {
	left := make(map[string]bool)
	for _, m := range in.Models {
		if m.DivergedEpoch >= 0 {
			left[m.ID] = true
		}
	}
	rows := map[int][]int{}
	for i, r := range in.Rows {
		if !left[r.ModelID] {
			rows[r.Epoch] = append(rows[r.Epoch], i)
		}
	}
	epochs := make([]int, 0, len(rows))
	for e := range rows {
		epochs = append(epochs, e)
	}
	slices.Sort(epochs)
	out := make([]curve, 0, len(curveMetrics))
	for _, cm := range curveMetrics {
		c := curve{Name: cm.name, Title: cm.title, loss: cm.loss}
		for _, e := range epochs {
			values := make([]float64, len(rows[e]))
			for k, i := range rows[e] {
				values[k] = cm.get(in.Rows[i].Metrics)
			}
			at := summarise(values)
			at.sorted = nil
			if at.N > 0 {
				c.Epochs = append(c.Epochs, e)
				c.At = append(c.At, at)
			}
		}
		out = append(out, c)
	}
	return out
}

// maxLevels is how many values a factor may have before its values are shown as ranges.
const maxLevels = 12

// makeFactor groups the models by their value in column k.
func makeFactor(in *Input, name string, k int) factor {
	members := map[string][]int{}
	for i, m := range in.Models {
		members[m.Hyper[k]] = append(members[m.Hyper[k]], i)
	}
	values := sortedValues(members)
	f := factor{Name: name, column: k}
	groups := make([][]string, 0, len(values))
	for _, v := range values {
		groups = append(groups, []string{v})
	}
	if len(values) > maxLevels {
		f.Binned = true
		groups = groups[:0]
		for b := range maxLevels {
			groups = append(groups, values[b*len(values)/maxLevels:(b+1)*len(values)/maxLevels])
		}
	}
	for _, g := range groups {
		l := level{Label: g[0]}
		if len(g) > 1 {
			l.Label = g[0] + " … " + g[len(g)-1]
		}
		var acc []float64
		for _, v := range g {
			for _, i := range members[v] {
				if in.Models[i].DivergedEpoch >= 0 {
					l.Diverged++
				} else {
					acc = append(acc, in.Models[i].Final.TestAccuracy)
				}
			}
		}
		l.Accuracy = summarise(acc)
		f.Levels = append(f.Levels, l)
	}
	return f
}

// sortedValues orders values as numbers where all of them are, otherwise as text.
func sortedValues(members map[string][]int) []string {
	values := make([]string, 0, len(members))
	number := map[string]float64{}
	for v := range members {
		values = append(values, v)
		if x, err := strconv.ParseFloat(v, 64); err == nil && !math.IsNaN(x) {
			number[v] = x
		}
	}
	slices.SortFunc(values, func(a, b string) int {
		if len(number) == len(values) {
			return cmp.Or(cmp.Compare(number[a], number[b]), cmp.Compare(a, b))
		}
		return cmp.Compare(a, b)
	})
	return values
}
