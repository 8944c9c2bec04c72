package program

import (
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/weightspace/weightspace/runtime/spec"
)

// twinSummary is twins.json.
type twinSummary struct {
	Version int              `json:"version"`
	Groups  []twinGroup      `json:"groups"`
	Matches []twinComparison `json:"matches,omitempty"`
}

// twinGroup sums up the twins of one set and sparsity. Twins that diverged, or whose parents had, are counted and left out.
type twinGroup struct {
	Name           string   `json:"name"`
	Method         string   `json:"method"`
	FromEpoch      int      `json:"fromEpoch"`
	Epochs         int      `json:"epochs"`
	TargetSparsity *number6 `json:"targetSparsity,omitempty"`
	Twins          int      `json:"twins"`
	Diverged       int      `json:"diverged"`
	// The last epoch.
	Sparsity           spread `json:"sparsity"`
	TestAccuracy       spread `json:"testAccuracy"`
	ParentTestAccuracy spread `json:"parentTestAccuracy"`
	Agreement          spread `json:"agreement"`
	// Pearson and Spearman are between the test accuracies of parents and twins; null if either is constant.
	Pearson  number6 `json:"pearson"`
	Spearman number6 `json:"spearman"`
	// Layers are in the order of the network; Rank 1 has the highest mean sparsity.
	Layers []twinLayer `json:"layers"`
	// ByEpoch is the trajectory, epoch 0 before training.
	ByEpoch []twinMoment `json:"byEpoch"`
}

// twinLayer is one weight tensor over the twins of a group.
type twinLayer struct {
	Name     string `json:"name"`
	Prunable int    `json:"prunable"`
	Rank     int    `json:"rank"`
	Sparsity spread `json:"sparsity"`
}

// twinMoment is an epoch over the twins of a group. GeneralizationGap is train minus test accuracy with the noise of training on,
// EvaluatedGap without.
type twinMoment struct {
	Epoch             int    `json:"epoch"`
	Sparsity          spread `json:"sparsity"`
	TestAccuracy      spread `json:"testAccuracy"`
	GeneralizationGap spread `json:"generalizationGap"`
	EvaluatedGap      spread `json:"evaluatedGap"`
	Agreement         spread `json:"agreement"`
}

// twinComparison holds twins against the twins of the same parents whose sparsity they have.
type twinComparison struct {
	Name    string `json:"name"`
	Matched string `json:"matched"`
	Pairs   int    `json:"pairs"`
	// Difference is the test accuracy of a twin minus the matched one's, Better the pairs in which it is above 0.
	Difference spread `json:"difference"`
	Better     int    `json:"better"`
}

// spread is a distribution in six digits; standard deviation in population form, quartiles by linear interpolation.
type spread struct {
	Mean   number6 `json:"mean"`
	Std    number6 `json:"std"`
	Min    number6 `json:"min"`
	Q1     number6 `json:"q1"`
	Median number6 `json:"median"`
	Q3     number6 `json:"q3"`
	Max    number6 `json:"max"`
}

// number6 is a number in six digits; null stands for NaN.
type number6 float64

// MarshalJSON implements json.Marshaler.
func (n number6) MarshalJSON() ([]byte, error) {
	if f := float64(n); math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'g', 6, 64), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *number6) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = number6(math.NaN())
		return nil
	}
	f, err := strconv.ParseFloat(string(b), 64)
	*n = number6(f)
	return err
}

// six rounds to six digits.
func six(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0 // JSON has neither
	}
	r, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 6, 64), 64)
	return r
}

// writeSummary writes twins.json.
func (c *twinCatalog) writeSummary(w io.Writer) error {
	s := twinSummary{Version: 1}
	for _, g := range c.groups() {
		s.Groups = append(s.Groups, groupOf(g))
	}
	s.Matches = c.comparisons()
	b, err := encodeJSON(s)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// groups are the twins by set and sparsity, in the order of the spec; within, by parent's ID, so that sums have one order.
func (c *twinCatalog) groups() [][]*twinEntry {
	var out [][]*twinEntry
	for set := range c.zoo.Twins {
		for state := range c.zoo.Twins[set].States() {
			var g []*twinEntry
			for i := range c.twins {
				if t := &c.twins[i]; t.Set == set && t.State == state {
					g = append(g, t)
				}
			}
			slices.SortFunc(g, func(a, b *twinEntry) int { return compareText(a.Parent.ID, b.Parent.ID) })
			out = append(out, g)
		}
	}
	return out
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// groupOf sums a group up; it has at least one twin.
func groupOf(all []*twinEntry) twinGroup {
	set := all[0].set
	g := twinGroup{Name: set.Name, Method: set.Method, FromEpoch: set.FromEpoch, Epochs: set.Epochs, Twins: len(all)}
	if len(set.Sparsity) > 0 {
		target := number6(number(set.Sparsity[all[0].State]))
		g.TargetSparsity = &target
	}
	good := goodOnes(all)
	for _, t := range all {
		if t.diverged >= 0 {
			g.Diverged++
		}
	}
	of := func(f func(t *twinEntry) float64) []float64 {
		out := make([]float64, len(good))
		for i, t := range good {
			out[i] = f(t)
		}
		return out
	}
	accuracy := of(func(t *twinEntry) float64 { return t.last().metrics.testAccuracy() })
	parents := of(func(t *twinEntry) float64 { return t.parent.testAccuracy() })
	g.Sparsity = spreadOf(of(func(t *twinEntry) float64 { return t.sparsity(t.last()) }))
	g.TestAccuracy, g.ParentTestAccuracy = spreadOf(accuracy), spreadOf(parents)
	g.Agreement = spreadOf(of(func(t *twinEntry) float64 { return t.last().agreement() }))
	g.Pearson, g.Spearman = number6(pearson(parents, accuracy)), number6(pearson(ranks(parents), ranks(accuracy)))
	g.Layers = layersOf(all[0].tensors, of)
	for e := range set.Epochs + 1 {
		m := twinMoment{Epoch: e}
		m.Sparsity = spreadOf(of(func(t *twinEntry) float64 { return t.sparsity(&t.epochs[e]) }))
		m.TestAccuracy = spreadOf(of(func(t *twinEntry) float64 { return t.epochs[e].metrics.testAccuracy() }))
		m.GeneralizationGap = spreadOf(of(func(t *twinEntry) float64 { return t.epochs[e].metrics[1] - t.epochs[e].metrics.testAccuracy() }))
		m.EvaluatedGap = spreadOf(of(func(t *twinEntry) float64 { return t.epochs[e].Values[1] - t.epochs[e].metrics.testAccuracy() }))
		m.Agreement = spreadOf(of(func(t *twinEntry) float64 { return t.epochs[e].agreement() }))
		g.ByEpoch = append(g.ByEpoch, m)
	}
	return g
}

func goodOnes(all []*twinEntry) []*twinEntry {
	var out []*twinEntry
	for _, t := range all {
		if t.good() {
			out = append(out, t)
		}
	}
	return out
}

// layersOf sums up layers with their ranks by mean sparsity; equal ones share the better rank.
func layersOf(tensors []twinTensor, of func(f func(t *twinEntry) float64) []float64) []twinLayer {
	out := make([]twinLayer, len(tensors))
	means := make([]float64, len(tensors))
	for k, tensor := range tensors {
		values := of(func(t *twinEntry) float64 { return float64(t.last().Dropped[k]) / float64(tensor.Total) })
		out[k] = twinLayer{Name: tensor.Name, Prunable: tensor.Total, Rank: 1, Sparsity: spreadOf(values)}
		means[k] = mean(values)
	}
	for k := range out {
		for _, m := range means {
			if m > means[k] {
				out[k].Rank++
			}
		}
	}
	return out
}

// comparisons hold matched twins against those that they match.
func (c *twinCatalog) comparisons() []twinComparison {
	byID := map[string]*twinEntry{}
	for i := range c.twins {
		byID[c.twins[i].ID] = &c.twins[i]
	}
	var out []twinComparison
	for _, g := range c.groups() {
		if g[0].set.Match == 0 {
			continue
		}
		cmp := twinComparison{Name: g[0].set.Name, Matched: c.zoo.Twins[g[0].set.Match-1].Name}
		var differences []float64
		for _, t := range g {
			other := byID[t.Match]
			if !t.good() || !other.good() {
				continue
			}
			d := t.last().metrics.testAccuracy() - other.last().metrics.testAccuracy()
			if differences = append(differences, d); d > 0 {
				cmp.Better++
			}
		}
		cmp.Pairs, cmp.Difference = len(differences), spreadOf(differences)
		out = append(out, cmp)
	}
	return out
}

// results are the summaries for the termination message.
func (c *twinCatalog) results() []spec.TwinResult {
	var out []spec.TwinResult
	for _, all := range c.groups() {
		g := groupOf(all)
		out = append(out, spec.TwinResult{
			Name: g.Name, Method: g.Method, Twins: g.Twins, Sparsity: six(float64(g.Sparsity.Mean)), TestAccuracyMean: six(float64(g.TestAccuracy.Mean)),
			TestAccuracyStd: six(float64(g.TestAccuracy.Std)), Agreement: six(float64(g.Agreement.Mean)),
		})
	}
	return out
}
