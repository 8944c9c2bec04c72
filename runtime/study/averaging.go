package study

import (
	"context"
	"fmt"
	"slices"

	"github.com/weightspace/weightspace/runtime/analysis/points"
	"github.com/weightspace/weightspace/runtime/analysis/rebasin"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/rng"
)

// AveragingSummary says how averages of weights do on the test images.
type AveragingSummary struct {
	// Members are the accuracies of the models that went into soups, Last those of all models at the last epoch.
	Members Box `json:"members"`
	Last    Box `json:"last"`
	// Epochs are the averages of the last AveragedEpochs checkpoints of each model.
	AveragedEpochs int `json:"averagedEpochs"`
	Epochs         Box `json:"epochs"`
	// Soups are of Models models each, of one activation.
	Models int    `json:"models"`
	Soups  []Soup `json:"soups"`
	// Barriers are between the first two models of each soup.
	Barriers []Barrier `json:"barriers"`
	// Matching says why there is no weight matching, "" if there is.
	Matching string `json:"matching,omitempty"`
	// RunningStatistics tells of batch norms, whose averaged statistics do not fit averaged weights.
	RunningStatistics bool `json:"runningStatistics,omitempty"`
}

// Soup are the results of one way to average, a value for each soup.
type Soup struct {
	// Method is uniform or greedy; Matched models were aligned with the first by weight matching.
	Method  string `json:"method"`
	Matched bool   `json:"matched"`
	// TestAccuracy is over soups; Kept is the mean number of models that a soup is made of.
	TestAccuracy Box    `json:"testAccuracy"`
	Kept         Number `json:"kept"`
}

// Barrier is the excess of the loss on the line between two models over the line between their losses.
type Barrier struct {
	Matched bool `json:"matched"`
	Height  Box  `json:"height"`
}

// barrierSteps and barrierImages bound the cost of a barrier.
const (
	barrierSteps  = 10
	barrierImages = 2000
)

// kitchen is what soups are made with.
type kitchen struct {
	*answers
	s     *selection
	rows  []float32
	width int
	// judge is the split that greedy soups look at: never the test images if there are others.
	judge *data.Split
	// symmetries are nil where matching does not apply.
	symmetries *rebasin.Spec
}

func runAveraging(ctx context.Context, c *Config, s *selection) (*Output, error) {
	a, err := c.answers(ctx)
	if err != nil {
		return nil, err
	}
	k := &kitchen{answers: a, s: s, width: s.rowWidth(), judge: &a.set.Validation}
	if k.judge.N == 0 {
		k.judge = &a.set.Test
	}
	if a.set.Test.N == 0 {
		return nil, &InputError{"spec.averaging", "the data set has no test images", "study a zoo whose data set has a test split"}
	}
	if k.rows, err = s.rows(ctx, c, s.last(), s.ids); err != nil {
		return nil, err
	}
	m := &AveragingSummary{Models: c.Spec.Averaging.Models}
	if k.symmetries, err = rebasin.SpecOf(s.layout); err != nil {
		m.Matching = err.Error()
	}
	m.RunningStatistics = k.width > s.width
	last, err := k.accuracies(ctx, s.models, k.rows, &a.set.Test, a.set.Test.N, "Evaluating models")
	if err != nil {
		return nil, err
	}
	m.Last = box(last)
	if err := k.epochs(ctx, m); err != nil {
		return nil, err
	}
	out := s.output(m)
	return out, k.soups(ctx, m, last)
}

// epochs averages the last checkpoints of each model.
func (k *kitchen) epochs(ctx context.Context, m *AveragingSummary) error {
	tail := k.s.epochs[max(0, len(k.s.epochs)-k.c.Spec.Averaging.Epochs):]
	m.AveragedEpochs = len(tail)
	sums := make([]float64, len(k.rows))
	for i, e := range tail {
		rows, err := k.s.rows(ctx, k.c, e, k.s.ids)
		if err != nil {
			return err
		}
		for j, v := range rows {
			sums[j] += float64(v)
		}
		k.c.Say("Averaging epochs", i+1, len(tail))
	}
	mean := make([]float32, len(sums))
	for j, v := range sums {
		mean[j] = float32(v / float64(len(tail)))
	}
	accuracy, err := k.accuracies(ctx, k.s.models, mean, &k.set.Test, k.set.Test.N, "Evaluating averages of epochs")
	m.Epochs = box(accuracy)
	return err
}

// draw picks the models of a soup: those of the activation of one drawn at random, in random order.
func (k *kitchen) draw(soup, count int) []int {
	r := rng.New(uint64(k.c.Spec.Averaging.Seed), fmt.Sprintf("analysis/averaging/soup/%d", soup))
	order := make([]int, len(k.s.ids))
	for i := range order {
		order[i] = i
	}
	for i := len(order) - 1; i > 0; i-- {
		j := int(r.Open(i) * float64(i+1))
		order[i], order[j] = order[j], order[i]
	}
	first := k.s.models[order[0]].Activation
	order = slices.DeleteFunc(order, func(i int) bool { return k.s.models[i].Activation != first })
	return order[:min(count, len(order))]
}

// result collects the soups of one method.
type result struct {
	accuracy []float64
	kept     int
}

func (k *kitchen) soups(ctx context.Context, m *AveragingSummary, last []float64) error {
	set := k.c.Spec.Averaging
	var members []float64
	results := map[string]*result{}
	heights := map[bool][]float64{}
	for soup := range set.Soups {
		chosen := k.draw(soup, set.Models)
		if len(chosen) < 2 {
			continue // the only model of its activation
		}
		for _, i := range chosen {
			members = append(members, last[i])
		}
		for _, matched := range []bool{false, true} {
			if matched && k.symmetries == nil {
				continue
			}
			p, err := k.gather(ctx, chosen, matched)
			if err != nil {
				return err
			}
			if err := k.cook(ctx, p, &k.s.models[chosen[0]], matched, results); err != nil {
				return err
			}
			height, err := k.barrier(ctx, p, &k.s.models[chosen[0]])
			if err != nil {
				return err
			}
			heights[matched] = append(heights[matched], height)
		}
		k.c.Say("Making soups", soup+1, set.Soups)
	}
	m.Members = box(members)
	for _, method := range []string{"uniform", "greedy"} {
		for _, matched := range []bool{false, true} {
			if r := results[name(method, matched)]; r != nil {
				m.Soups = append(m.Soups, Soup{method, matched, box(r.accuracy), Number(float64(r.kept) / float64(len(r.accuracy)))})
			}
		}
	}
	for _, matched := range []bool{false, true} {
		if h := heights[matched]; h != nil {
			m.Barriers = append(m.Barriers, Barrier{matched, box(h)})
		}
	}
	return nil
}

func name(method string, matched bool) string { return fmt.Sprint(method, matched) }

// gather collects the rows of a soup, aligned with the first if matched.
func (k *kitchen) gather(ctx context.Context, chosen []int, matched bool) (points.Points, error) {
	out := make([]float32, 0, len(chosen)*k.width)
	row := func(i int) []float32 { return k.rows[i*k.width : (i+1)*k.width] }
	for n, i := range chosen {
		if n == 0 || !matched {
			out = append(out, row(i)...)
			continue
		}
		found, err := k.symmetries.Match(ctx, row(chosen[0]), row(i), rebasin.Options{Seed: uint64(k.c.Spec.Averaging.Seed), Workers: k.workers})
		if err != nil {
			return points.Points{}, err
		}
		aligned, err := k.symmetries.Apply(found.Permutations, row(i))
		if err != nil {
			return points.Points{}, err
		}
		out = append(out, aligned...)
	}
	return points.New(out, k.width)
}

// cook makes a uniform and a greedy soup. Greedy chooses by the judging split; both are reported on test images.
func (k *kitchen) cook(ctx context.Context, p points.Points, model *artifact.ModelRow, matched bool, results map[string]*result) error {
	models := make([]artifact.ModelRow, p.N)
	for i := range models {
		models[i] = *model
	}
	accuracy := func(split *data.Split) rebasin.Evaluate {
		return func(ctx context.Context, weights []float32) (float64, error) {
			found, err := k.accuracies(ctx, models[:1], weights, split, split.N, "")
			if err != nil {
				return 0, err
			}
			return found[0], nil
		}
	}
	scores, err := k.accuracies(ctx, models, p.Data, k.judge, k.judge.N, "")
	if err != nil {
		return err
	}
	for _, method := range []string{"uniform", "greedy"} {
		var soup *rebasin.Soup
		if method == "uniform" {
			soup, err = rebasin.UniformSoup(ctx, p, accuracy(&k.set.Test))
		} else if soup, err = rebasin.GreedySoup(ctx, p, scores, accuracy(k.judge)); err == nil {
			soup.Score, err = accuracy(&k.set.Test)(ctx, soup.Weights)
		}
		if err != nil {
			return err
		}
		r := results[name(method, matched)]
		if r == nil {
			r = &result{}
			results[name(method, matched)] = r
		}
		r.accuracy, r.kept = append(r.accuracy, soup.Score), r.kept+len(soup.Members)
	}
	return nil
}

func (k *kitchen) barrier(ctx context.Context, p points.Points, model *artifact.ModelRow) (float64, error) {
	n := min(barrierImages, k.set.Test.N)
	b, err := rebasin.InterpolationBarrier(ctx, p.Row(0), p.Row(1), barrierSteps, func(ctx context.Context, weights []float32) (float64, error) {
		return k.loss(ctx, model, weights, &k.set.Test, n)
	})
	if err != nil {
		return 0, err
	}
	return b.Height, nil
}
