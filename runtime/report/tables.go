package report

import (
	"fmt"
	"strconv"
)

// captions says under every figure what is drawn, over which models, and what was left out.
func captions(d *pageData, in *Input, s *summary) {
	left := ""
	if n := len(s.diverged); n > 0 {
		left = fmt.Sprintf(" %s that diverged %s left out.", plural(n, "model"), verb(n))
	}
	if s.unscored > 0 {
		left += fmt.Sprintf(" %s without a test accuracy %s left out.", plural(s.unscored, "model"), verb(s.unscored))
	}
	none := "There is nothing to draw: "
	switch {
	case len(in.Models) == 0:
		none += "the zoo has no models."
	case len(s.diverged) == len(in.Models):
		none += "every model diverged."
	default:
		none += "no model has a recorded test accuracy."
	}
	if len(d.Distribution.Panels) == 0 {
		d.Distribution.Empty = none
	}
	d.Distribution.Caption = "Test accuracy: histogram over " + plural(s.accuracy.N, "model") + "; box from the 25th to the 75th percentile with the median as a bar, " +
		"the mean as a diamond, whiskers at the 5th and 95th percentile; below, one dot per model. Generalisation gap: how much better each model does on its training data; " +
		"training accuracy is the running average over the last epoch, with dropout on, so it can lie below test accuracy." + left
	if s.accuracy.N > stripDots {
		d.Distribution.Caption += fmt.Sprintf(" Histogram and box use every model; the dots are samples evenly spaced in rank, at most %d below the box and %d in the gap's plot.", stripDots, scatterDots)
	}
	if len(d.Learning.Panels) == 0 {
		d.Learning.Empty = "There are no metrics by epoch of models that did not diverge."
	}
	d.Learning.Caption = "Median over models and bands that hold the middle 50 % and 90 % of them. Epoch 0 is the initialisation. " +
		"Train loss is the running average over the epoch, with dropout on." + left
	d.ByEpoch.Caption = "Boxes at some epochs, marks as in the first figure, a dot for each of at most " + strconv.Itoa(rowDots) + " models. While a model learns fast, the running average over the epoch lags behind it, and the gap is negative." + left
	switch {
	case s.accuracy.N == 0:
		d.Factors.Empty = none
	case len(in.Models) == 1:
		d.Factors.Empty = "The zoo has one model: there is nothing to compare."
	case len(s.factors) == 0:
		d.Factors.Empty = "No hyper-parameter varies in this zoo: its models differ by their seed."
	}
	d.Factors.Caption = "Every box holds all models with that value, whatever their other hyper-parameters and seed (marks as in the first figure)." + left
	if s.accuracy.N > rowDots {
		d.Factors.Caption += fmt.Sprintf(" Boxes and tables use every model; at most %d dots are drawn per value.", rowDots)
	}
	for _, f := range s.factors {
		if f.Binned {
			d.Factors.Caption += fmt.Sprintf(" The %s has many values, which are shown as %d ranges.", words(f.Name), len(f.Levels))
		}
	}
}

func verb(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// curveTables are the numbers behind the learning curves, thinned to at most 26 epochs each.
func curveTables(s *summary) []curveTable {
	var out []curveTable
	for _, c := range s.curves {
		if len(c.Epochs) == 0 {
			continue
		}
		t := curveTable{Title: c.Title}
		step := (len(c.Epochs) + 24) / 25
		for i, e := range c.Epochs {
			if i%step != 0 && i != len(c.Epochs)-1 {
				continue
			}
			a := c.At[i]
			t.Rows = append(t.Rows, []string{
				strconv.Itoa(e), number(a.P5, 4), number(a.P25, 4), number(a.P50, 4), number(a.P75, 4), number(a.P95, 4), number(a.Mean, 4),
			})
		}
		out = append(out, t)
	}
	return out
}

// marginals are the tables of test accuracy by value of each hyper-parameter.
func marginals(s *summary) []marginal {
	var out []marginal
	for _, f := range s.factors {
		m := marginal{Name: words(f.Name)}
		for _, l := range f.Levels {
			a := l.Accuracy
			m.Rows = append(m.Rows, marginalRow{
				Value: l.Label, N: a.N, Diverged: l.Diverged,
				Mean: number(a.Mean, 4), Std: number(a.Std, 4), Median: number(a.P50, 4), Max: number(a.Max, 4),
			})
		}
		out = append(out, m)
	}
	return out
}

// tables fills the tables of models: the best and worst, and those that diverged.
func (d *pageData) tables(in *Input, s *summary) {
	var columns []int
	for _, f := range s.factors {
		d.Hyper = append(d.Hyper, words(f.Name))
		columns = append(columns, f.column)
	}
	row := func(rank, i int) modelRow {
		m := &in.Models[i]
		r := modelRow{
			Rank: rank, ID: m.ID, Seed: strconv.FormatUint(m.Seed, 10), Epoch: m.DivergedEpoch,
			Acc: number(m.Final.TestAccuracy, 4), Train: number(m.Final.TrainAccuracy, 4),
			Gap: number(m.Final.gap(), 4), Loss: significant(m.Final.TestLoss),
		}
		for _, k := range columns {
			r.Hyper = append(r.Hyper, m.Hyper[k])
		}
		return r
	}
	n := len(s.ranked)
	for k, i := range s.ranked {
		if n <= allModels || k < endModels || k >= n-endModels {
			d.Models = append(d.Models, row(k+1, i))
		}
	}
	d.ModelsCaption = "All " + plural(n, "model") + ", best first."
	switch {
	case n == 1:
		d.ModelsCaption = "The only model with a result."
	case n > allModels:
		d.ModelsCaption = fmt.Sprintf("The %d best and the %d worst of %s; models.parquet has all.", endModels, endModels, plural(n, "model"))
	}
	d.DivergedTotal = len(s.diverged)
	for k, i := range s.diverged {
		if k < divergedRows {
			d.Diverged = append(d.Diverged, row(0, i))
		}
	}
}

// python is how to load the tables and the best model's weights, made for this zoo.
func python(in *Input, s *summary) []string {
	lines := []string{"import pandas as pd; from safetensors.numpy import load_file"}
	lines = append(lines, `models, metrics = pd.read_parquet("models.parquet"), pd.read_parquet("metrics.parquet")`)
	if len(s.ranked) > 0 && in.Header.Epochs > 0 {
		m := in.Models[s.ranked[0]]
		if m.Shard != "" {
			lines = append(lines, fmt.Sprintf("best = load_file(%s)[\"weights\"][%d]  # the best model's %s",
				strconv.Quote(fmt.Sprintf("shards/%s/epoch-%04d.safetensors", m.Shard, in.Header.Epochs)), m.Index, plural(in.Header.Parameters, "weight")))
		}
	}
	return lines
}
