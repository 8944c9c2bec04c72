package study

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/weightspace/weightspace/runtime/analysis/cluster"
	"github.com/weightspace/weightspace/runtime/analysis/points"
	"github.com/weightspace/weightspace/runtime/analysis/statistics"
	"github.com/weightspace/weightspace/runtime/analysis/trajectory"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/par"
	"github.com/weightspace/weightspace/runtime/plan"
)

// TrajectoriesSummary says how models move through weight space and whether their paths can be told apart and ordered.
type TrajectoriesSummary struct {
	Models int   `json:"models"`
	Epochs []int `json:"epochs"`
	// Step and Relative are means over models of each step's length, and of it over |w|; TrainLoss is the models' mean after it.
	Step      []Number `json:"step"`
	Relative  []Number `json:"relative"`
	TrainLoss []Number `json:"trainLoss"`
	// The following are over models.
	Length       Box `json:"length"`
	Straightness Box `json:"straightness"`
	MeanCosine   Box `json:"meanCosine"`
	Energy       Box `json:"energy"`
	Curvature    Box `json:"curvature"`
	// StepLoss is the mean Spearman correlation of step length and training loss.
	StepLoss Number `json:"stepLoss"`
	// Layers are the path lengths of each layer, means over models.
	Layers []LayerPath `json:"layers"`
	// ClusteredModels are the models whose checkpoints were clustered: all, or as many as distances are held for.
	ClusteredModels int `json:"clusteredModels"`
	// Separation is Between (the least distance of two models' checkpoints) over LongestStep.
	Separation  Number `json:"separation"`
	Between     Number `json:"between"`
	LongestStep Number `json:"longestStep"`
	// Silhouette is the mean with the model as the group.
	Silhouette Number       `json:"silhouette"`
	Clustering []Clustering `json:"clustering"`
	Ordering   []Ordering   `json:"ordering"`
	// Triggered models had a relative step above the quantile of those before, times the margin.
	Triggered int `json:"triggered"`
}

// LayerPath is the mean length of the path of a layer.
type LayerPath struct {
	Layer  string `json:"layer"`
	Length Number `json:"length"`
}

// Clustering says how well a cut into as many clusters as models finds the models.
type Clustering struct {
	Linkage string `json:"linkage"`
	// AdjustedRand is 1 when it finds them exactly and about 0 by chance.
	AdjustedRand Number `json:"adjustedRand"`
	Purity       Number `json:"purity"`
}

// Ordering says how well a method recovers the order of epochs, as means over models.
type Ordering struct {
	Method     string `json:"method"`
	Kendall    Number `json:"kendall"`
	Spearman   Number `json:"spearman"`
	Exact      Number `json:"exact"`
	Reversible Number `json:"reversible"`
}

// Files of the analysis.
const (
	pathsName = "paths.parquet"
	stepsName = "steps.parquet"
)

func runTrajectories(ctx context.Context, c *Config, s *selection) (*Output, error) {
	if len(s.epochs) < 3 {
		return nil, &InputError{"spec.epochs", fmt.Sprintf("%d checkpoints of a model make no trajectory", len(s.epochs)), "select at least 3 epochs"}
	}
	weights, err := s.trajectories(ctx, c)
	if err != nil {
		return nil, err
	}
	m := &TrajectoriesSummary{Models: len(s.ids), Epochs: s.epochs}
	out := s.output(m)
	c.Say("Measuring paths", 0, len(s.ids))
	paths, err := s.measure(ctx, c, weights)
	if err != nil {
		return nil, err
	}
	if err := m.describe(c, s, paths); err != nil {
		return nil, err
	}
	if err := m.layers(s, weights); err != nil {
		return nil, err
	}
	if err := pathTables(out, s, paths); err != nil {
		return nil, err
	}
	c.Say("Clustering", 0, len(c.Spec.Trajectories.Linkages))
	if err := m.cluster(ctx, c, s, weights); err != nil {
		return nil, err
	}
	c.Say("Recovering the order of epochs", 0, len(s.ids))
	return out, m.order(ctx, c, s, weights)
}

// path is [epochs, width]: one model's.
func (s *selection) path(weights []float32, model int) []float32 {
	n := len(s.epochs) * s.width
	return weights[model*n : (model+1)*n]
}

func (s *selection) measure(ctx context.Context, c *Config, weights []float32) ([]trajectory.Quantities, error) {
	paths, errs := make([]trajectory.Quantities, len(s.ids)), make([]error, len(s.ids))
	err := par.For(ctx, par.Workers(c.Workers), len(s.ids), func(_, i int) {
		paths[i], errs[i] = trajectory.Measure(s.path(weights, i), s.width)
	})
	if err != nil {
		return nil, err
	}
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("model %s: %w", s.ids[i], err)
		}
	}
	return paths, nil
}

// describe summarises the paths.
func (m *TrajectoriesSummary) describe(c *Config, s *selection, paths []trajectory.Quantities) error {
	trigger := trajectory.Trigger{Window: c.Spec.Trajectories.BaselineWindow}
	// Both were checked when the plan was made.
	trigger.Quantile, _ = strconv.ParseFloat(c.Spec.Trajectories.Quantile, 64)
	trigger.Margin, _ = strconv.ParseFloat(c.Spec.Trajectories.Margin, 64)
	var length, straight, cosine, energy, curvature, coupling []float64
	for i, q := range paths {
		length, straight = append(length, q.Length), append(straight, q.Straightness)
		cosine, energy = append(cosine, q.MeanCosine), append(energy, q.Energy)
		curvature = append(curvature, statistics.Mean(slices.DeleteFunc(slices.Clone(q.Curvature), math.IsNaN)))
		coupling = append(coupling, trajectory.Spearman(q.Step, s.losses(i)))
		fired, _, err := trigger.Watch(q.Relative)
		if err != nil {
			return err
		}
		if slices.Contains(fired, true) {
			m.Triggered++
		}
	}
	for t := range len(s.epochs) - 1 {
		var step, relative, loss []float64
		for i, q := range paths {
			step, relative, loss = append(step, q.Step[t]), append(relative, q.Relative[t]), append(loss, s.losses(i)[t])
		}
		m.Step, m.Relative = append(m.Step, Number(statistics.Mean(step))), append(m.Relative, Number(statistics.Mean(relative)))
		m.TrainLoss = append(m.TrainLoss, Number(statistics.Mean(loss)))
	}
	m.Length, m.Straightness, m.MeanCosine = box(length), box(straight), box(cosine)
	m.Energy, m.Curvature = box(energy), box(curvature)
	m.StepLoss = Number(statistics.Mean(slices.DeleteFunc(coupling, math.IsNaN)))
	return nil
}

// losses are a model's training losses at the end of each step.
func (s *selection) losses(model int) []float64 {
	out := make([]float64, len(s.epochs)-1)
	for t := range out {
		out[t] = s.metrics[model][t+1].TrainLoss
	}
	return out
}

func (m *TrajectoriesSummary) layers(s *selection, weights []float32) error {
	layers := points.Layers(s.layout)
	sums := make([]float64, len(layers))
	for i := range s.ids {
		q, err := trajectory.MeasureLayers(s.path(weights, i), s.width, layers)
		if err != nil {
			return fmt.Errorf("model %s: %w", s.ids[i], err)
		}
		for l := range q {
			sums[l] += q[l].Length
		}
	}
	for l, layer := range layers {
		m.Layers = append(m.Layers, LayerPath{layer.Name, Number(sums[l] / float64(len(s.ids)))})
	}
	return nil
}

// pathTables writes a row for each model and one for each of its steps.
func pathTables(out *Output, s *selection, paths []trajectory.Quantities) error {
	models := &artifact.WideTable{Columns: []string{"length", "straightness", "meanCosine", "energy"}}
	steps := &artifact.WideTable{Columns: []string{"step", "relative", "displacement", "angle", "curvature"}}
	for i, q := range paths {
		models.Model, models.Epoch = append(models.Model, s.ids[i]), append(models.Epoch, int32(s.last()))
		models.Values = append(models.Values, q.Length, q.Straightness, q.MeanCosine, q.Energy)
		for t := range q.Step {
			// A turn and a curvature belong to the state between two steps.
			angle, curvature := math.NaN(), math.NaN()
			if t < len(q.Angle) {
				angle, curvature = q.Angle[t], q.Curvature[t]
			}
			steps.Model, steps.Epoch = append(steps.Model, s.ids[i]), append(steps.Epoch, int32(s.epochs[t+1]))
			steps.Values = append(steps.Values, q.Step[t], q.Relative[t], q.Displacement[t+1], angle, curvature)
		}
	}
	var err error
	if out.Files[pathsName], err = wide(models); err != nil {
		return err
	}
	out.Files[stepsName], err = wide(steps)
	return err
}

// cluster groups the checkpoints of the first models, as many as distances are held for, and compares the groups with the models.
func (m *TrajectoriesSummary) cluster(ctx context.Context, c *Config, s *selection, weights []float32) error {
	m.ClusteredModels = min(len(s.ids), max(2, plan.MaxDistancePoints/len(s.epochs)))
	n := m.ClusteredModels * len(s.epochs)
	p, err := points.New(weights[:n*s.width], s.width)
	if err != nil {
		return err
	}
	d, err := p.Distances(ctx, par.Workers(c.Workers))
	if err != nil {
		return err
	}
	model, epoch := make([]int, n), make([]int, n)
	for i := range n {
		model[i], epoch[i] = i/len(s.epochs), s.epochs[i%len(s.epochs)]
	}
	sep, err := trajectory.Separate(d, model, epoch)
	if err != nil {
		return err
	}
	m.Separation, m.Between, m.LongestStep = Number(sep.Ratio), Number(sep.Between), Number(sep.Step)
	m.Silhouette = Number(math.NaN())
	if m.ClusteredModels < 2 {
		return nil
	}
	widths, err := trajectory.Silhouette(d, model)
	if err != nil {
		return err
	}
	m.Silhouette = Number(statistics.Mean(widths))
	for _, l := range c.Spec.Trajectories.Linkages {
		if err := ctx.Err(); err != nil {
			return err
		}
		found, err := compare(d, cluster.Linkage(l), m.ClusteredModels, model)
		if err != nil {
			return err
		}
		m.Clustering = append(m.Clustering, found)
	}
	return nil
}

func compare(d *points.Distances, l cluster.Linkage, k int, model []int) (Clustering, error) {
	tree, err := cluster.Agglomerate(d, l)
	if err != nil {
		return Clustering{}, err
	}
	groups, err := tree.Cut(k)
	if err != nil {
		return Clustering{}, err
	}
	rand, err := cluster.AdjustedRand(groups, model)
	if err != nil {
		return Clustering{}, err
	}
	purity, err := cluster.Purity(groups, model)
	return Clustering{string(l), Number(rand), Number(purity)}, err
}

// order recovers the order of each model's checkpoints, which are shuffled first so that their order in memory tells nothing.
func (m *TrajectoriesSummary) order(ctx context.Context, c *Config, s *selection, weights []float32) error {
	n := len(s.epochs)
	shuffle := trajectory.Shuffled(n, uint64(c.Spec.Trajectories.ShuffleSeed))
	epoch, last := make([]int, n), 0
	for i, from := range shuffle {
		epoch[i] = s.epochs[from]
		if from == n-1 {
			last = i
		}
	}
	methods := []struct {
		name string
		find func(d *points.Distances, norms []float64) ([]int, error)
	}{
		{"shrinkingChain", func(d *points.Distances, _ []float64) ([]int, error) { return trajectory.ShrinkingChain(d).Order, nil }},
		{"twoEndedChain", func(d *points.Distances, _ []float64) ([]int, error) { return trajectory.TwoEndedChain(d).Order, nil }},
		{"dendrogram", func(d *points.Distances, _ []float64) ([]int, error) { return trajectory.Dendrogram(d), nil }},
		{"pca", func(d *points.Distances, _ []float64) ([]int, error) { return trajectory.PCA(d) }},
		{"fiedler", func(d *points.Distances, _ []float64) ([]int, error) { return trajectory.Fiedler(d) }},
		{"endpoint", func(d *points.Distances, _ []float64) ([]int, error) { return trajectory.ByEndpoint(d, last) }},
		{"norm", func(_ *points.Distances, norms []float64) ([]int, error) { return trajectory.ByNorm(norms), nil }},
		{"random", func(*points.Distances, []float64) ([]int, error) {
			return trajectory.Shuffled(n, uint64(c.Spec.Trajectories.ShuffleSeed)+1), nil
		}},
	}
	scores := make([][]trajectory.Score, len(methods))
	for i := range s.ids {
		p, err := points.New(s.path(weights, i), s.width)
		if err != nil {
			return err
		}
		p = p.Select(shuffle)
		d, err := p.Distances(ctx, par.Workers(c.Workers))
		if err != nil {
			return err
		}
		norms := make([]float64, n)
		zero := make([]float32, s.width)
		for j := range norms {
			norms[j] = points.SquaredDistance(p.Row(j), zero)
		}
		for k, method := range methods {
			found, err := method.find(d, norms)
			if err != nil {
				return fmt.Errorf("model %s: %w", s.ids[i], err)
			}
			score, err := trajectory.ScoreOrder(found, epoch)
			if err != nil {
				return fmt.Errorf("model %s: %w", s.ids[i], err)
			}
			scores[k] = append(scores[k], score)
		}
		c.Say("Recovering the order of epochs", i+1, len(s.ids))
	}
	for k, method := range methods {
		m.Ordering = append(m.Ordering, meanScore(method.name, scores[k]))
	}
	return nil
}

func meanScore(method string, scores []trajectory.Score) Ordering {
	mean := func(of func(trajectory.Score) float64) Number {
		var values []float64
		for _, s := range scores {
			if v := of(s); !math.IsNaN(v) {
				values = append(values, v)
			}
		}
		return Number(statistics.Mean(values))
	}
	return Ordering{
		Method:  method,
		Kendall: mean(func(s trajectory.Score) float64 { return s.Kendall }), Spearman: mean(func(s trajectory.Score) float64 { return s.Spearman }),
		Exact: mean(func(s trajectory.Score) float64 { return s.Exact }), Reversible: mean(func(s trajectory.Score) float64 { return s.Reversible }),
	}
}
