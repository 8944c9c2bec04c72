package study

import (
	"context"

	"github.com/weightspace/weightspace/runtime/analysis/points"
	"github.com/weightspace/weightspace/runtime/analysis/statistics"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/par"
)

// Box are the numbers of a box plot.
type Box struct {
	Count  int      `json:"count"`
	Mean   Number   `json:"mean"`
	Std    Number   `json:"std"`
	Min    Number   `json:"min"`
	Q1     Number   `json:"q1"`
	Median Number   `json:"median"`
	Q3     Number   `json:"q3"`
	Max    Number   `json:"max"`
	Low    Number   `json:"low"`
	High   Number   `json:"high"`
	Outer  []Number `json:"outliers,omitempty"`
}

func box(values []float64) Box {
	s := statistics.Summarise(values)
	return Box{
		Count: s.Count, Mean: Number(s.Mean), Std: Number(s.Deviation), Min: Number(s.Min), Q1: Number(s.Q1),
		Median: Number(s.Median), Q3: Number(s.Q3), Max: Number(s.Max), Low: Number(s.Low), High: Number(s.High), Outer: numbers(s.Outliers),
	}
}

// StatisticsSummary says which statistics of weights there are, and how the models do.
type StatisticsSummary struct {
	// Features names the columns of statistics.parquet.
	Features []string `json:"features"`
	// TestAccuracy and GeneralizationGap (train less test accuracy) are of the last selected epoch.
	TestAccuracy      Box `json:"testAccuracy"`
	GeneralizationGap Box `json:"generalizationGap"`
	// Excluded models diverged.
	Excluded int `json:"excluded"`
}

// statisticsName holds s(W), a row for each model and epoch.
const statisticsName = "statistics.parquet"

func runStatistics(ctx context.Context, c *Config, s *selection) (*Output, error) {
	names := statistics.Names(s.layout)
	t := &artifact.WideTable{Columns: names}
	weights := make([]float32, len(s.ids)*s.width)
	for i, epoch := range s.epochs {
		if err := c.Zoo.Weights(ctx, epoch, s.ids, s.width, weights); err != nil {
			return nil, err
		}
		features, err := s.statistics(ctx, c, weights)
		if err != nil {
			return nil, err
		}
		t.Values = append(t.Values, features...)
		for _, id := range s.ids {
			t.Model, t.Epoch = append(t.Model, id), append(t.Epoch, int32(epoch))
		}
		c.Say("Computing statistics", i+1, len(s.epochs))
	}
	accuracy, gap := s.outcomes()
	out := s.output(&StatisticsSummary{
		Features: names, TestAccuracy: box(accuracy), GeneralizationGap: box(gap), Excluded: s.excluded,
	})
	var err error
	out.Files[statisticsName], err = wide(t)
	return out, err
}

// statistics are s(W) of rows of weights [N, width].
func (s *selection) statistics(ctx context.Context, c *Config, weights []float32) ([]float64, error) {
	p, err := points.New(weights, s.width)
	if err != nil {
		return nil, err
	}
	return statistics.Weights(ctx, par.Workers(c.Workers), p, s.layout)
}

// outcomes are test accuracy and generalisation gap of the last selected epoch.
func (s *selection) outcomes() (accuracy, gap []float64) {
	for m := range s.ids {
		r := s.metrics[m][len(s.epochs)-1]
		accuracy, gap = append(accuracy, r.TestAccuracy), append(gap, r.TrainAccuracy-r.TestAccuracy)
	}
	return accuracy, gap
}
