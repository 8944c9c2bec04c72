package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/analysis/statistics"
	"github.com/weightspace/weightspace/runtime/study"
	"github.com/weightspace/weightspace/runtime/zoo"
)

const folder = "default/"

// open reads a finished zoo and prints what identifies it.
func (l *lab) open(ctx context.Context, name string) (*zoo.Zoo, error) {
	z, err := zoo.Open(ctx, l.store, folder+"modelzoo/"+name)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(l.out, "%d models, %d epochs, resultDigest `%s`\n\n", len(z.Models), z.Plan.Zoo.Epochs, z.Manifest.ResultDigest)
	return z, nil
}

// row prints the distribution of a number beside the published one.
func (l *lab) row(name string, values []float64, published string) {
	s := statistics.Summarise(values)
	fmt.Fprintf(l.out, "| %s | %.4f | %.4f / %.4f | %.4f to %.4f | %s |\n", name, s.Median, s.Q1, s.Q3, s.Min, s.Max, published)
}

func (l *lab) header() {
	fmt.Fprintln(l.out, "| number | median | quartiles | range | published |\n|---|---|---|---|---|")
}

// outcomes are final test accuracy and generalisation gap of all models that did not diverge.
func outcomes(z *zoo.Zoo) (accuracy, gap []float64) {
	for _, m := range z.Models {
		if m.DivergedEpoch == nil {
			accuracy, gap = append(accuracy, m.TestAccuracy), append(gap, m.TrainAccuracy-m.TestAccuracy)
		}
	}
	return accuracy, gap
}

func tellSeed(ctx context.Context, l *lab) error {
	z, err := l.open(ctx, "mnist-seed")
	if err != nil {
		return err
	}
	accuracy, gap := outcomes(z)
	l.header()
	l.row("test accuracy", accuracy, "median .911, quartiles .905/.917, range .855-.937")
	l.row("generalisation gap", gap, "median .006")
	return nil
}

func tellHyper(ctx context.Context, l *lab) error {
	z, err := l.open(ctx, "mnist-hyp")
	if err != nil {
		return err
	}
	accuracy, gap := outcomes(z)
	l.header()
	l.row("test accuracy", accuracy, "bimodal (mean 79.9, std 30.7, from memory)")
	l.row("generalisation gap", gap, "")
	low, high := 0, 0
	for _, a := range accuracy {
		switch {
		case a < 0.2:
			low++
		case a > 0.8:
			high++
		}
	}
	s := statistics.Summarise(accuracy)
	fmt.Fprintf(l.out, "\n%d models below 0.2, %d above 0.8, %d between; %d diverged; mean %.3f, std %.3f\n",
		low, high, len(accuracy)-low-high, len(z.Models)-len(accuracy), s.Mean, s.Deviation)
	return nil
}

// analysis reads analysis.json of a ZooAnalysis.
func (l *lab) analysis(ctx context.Context, name string, into any) error {
	b, err := l.store.Get(ctx, folder+"zooanalysis/"+name+"/analysis.json")
	if err != nil {
		return err
	}
	m, _, err := l.store.ReadManifest(ctx, folder+"zooanalysis/"+name)
	if err != nil {
		return err
	}
	fmt.Fprintf(l.out, "resultDigest `%s`\n\n", m.ResultDigest)
	return json.Unmarshal(b, &struct {
		Analyses any `json:"analyses"`
	}{into})
}

func tellTrajectories(ctx context.Context, l *lab) error {
	var a struct {
		Trajectories study.TrajectoriesSummary `json:"trajectories"`
		Similarity   study.SimilaritySummary   `json:"similarity"`
		Averaging    study.AveragingSummary    `json:"averaging"`
		Probes       study.ProbesSummary       `json:"probes"`
	}
	if err := l.analysis(ctx, "mnist-seed-study", &a); err != nil {
		return err
	}
	t := &a.Trajectories
	fmt.Fprintf(l.out, "separation %.2f (claim: above 1), silhouette %.3f, Spearman of step length and training loss %.3f (above 0.6), straightness %.3f\n\n",
		t.Separation, t.Silhouette, t.StepLoss, t.Straightness.Median)
	fmt.Fprintln(l.out, "| linkage | adjusted Rand index | purity |\n|---|---|---|")
	for _, c := range t.Clustering {
		fmt.Fprintf(l.out, "| %s | %.4f | %.4f |\n", c.Linkage, c.AdjustedRand, c.Purity)
	}
	fmt.Fprintln(l.out, "\n| order by | Kendall | Spearman | exact |\n|---|---|---|---|")
	for _, o := range t.Ordering {
		fmt.Fprintf(l.out, "| %s | %.3f | %.3f | %.3f |\n", o.Method, o.Kendall, o.Spearman, o.Exact)
	}
	if g := a.Similarity.Agreement; g != nil {
		fmt.Fprintf(l.out, "\nmean pairwise agreement on %d test images %.4f", g.Images, g.Mean)
	}
	if d := a.Similarity.WeightDistance; d != nil {
		fmt.Fprintf(l.out, "; weight distance L2 %.2f, cosine %.3f", d.MeanL2, d.MeanCosine)
	}
	fmt.Fprintf(l.out, "\n\n| average | test accuracy |\n|---|---|\n| models | %.4f |\n| last %d epochs of each | %.4f |\n", a.Averaging.Last.Mean, a.Averaging.AveragedEpochs, a.Averaging.Epochs.Mean)
	for _, s := range a.Averaging.Soups {
		fmt.Fprintf(l.out, "| %s soup of %.1f models, matched: %v | %.4f |\n", s.Method, s.Kept, s.Matched, s.TestAccuracy.Mean)
	}
	l.probes(&a.Probes)
	return nil
}

func (l *lab) probes(p *study.ProbesSummary) {
	fmt.Fprintln(l.out, "\n| target | features | penalty | test R2 | shuffled |\n|---|---|---|---|---|")
	for _, r := range p.Regressions {
		fmt.Fprintf(l.out, "| %s | %s | %g | %.3f | %.3f |\n", r.Target, r.Features, r.Penalty, r.TestR2, r.ShuffledR2)
	}
	for _, c := range p.Classifications {
		fmt.Fprintf(l.out, "| %s | %s | | accuracy %.3f (majority %.3f) | %.3f |\n", c.Target, c.Features, c.TestAccuracy, c.Majority, c.ShuffledAccuracy)
	}
}

func tellProbes(ctx context.Context, l *lab) error {
	var a struct {
		Probes study.ProbesSummary `json:"probes"`
	}
	if err := l.analysis(ctx, "mnist-hyp-study", &a); err != nil {
		return err
	}
	fmt.Fprintf(l.out, "models for fitting, choosing and testing: %d, %d, %d (bar: R2 of test accuracy above 0.9, shuffled below 0.1)\n", a.Probes.TrainModels, a.Probes.ValidationModels, a.Probes.TestModels)
	l.probes(&a.Probes)
	return nil
}

// published are the medians of the published figure of variational dropout on the MNIST seed zoo, by epoch.
var published = map[int][3]float64{
	1: {.00, .911, .003}, 2: {.26, .912, .003}, 3: {.43, .909, .000}, 4: {.515, .905, -.006}, 5: {.56, .901, -.018}, 8: {.63, .890, -.050},
	10: {.665, .885, -.054}, 15: {.725, .878, -.048}, 20: {.76, .8755, -.042}, 25: {.785, .8745, -.039},
}

type spread struct {
	Mean, Q1, Median, Q3 study.Number
}

type twins struct {
	Groups []struct {
		Name, Method                                          string
		TargetSparsity                                        *float64
		Twins                                                 int
		Sparsity, TestAccuracy, ParentTestAccuracy, Agreement spread
		Pearson, Spearman                                     study.Number
		ByEpoch                                               []moment
		Layers                                                []struct {
			Name     string
			Rank     int
			Sparsity spread
		}
	}
	Matches []struct {
		Name, Matched string
		Pairs, Better int
		Difference    spread
	}
}

type moment struct {
	Epoch                                                              int
	Sparsity, TestAccuracy, GeneralizationGap, EvaluatedGap, Agreement spread
}

func tellTwins(ctx context.Context, l *lab) error {
	if _, err := l.open(ctx, "mnist-seed-twins"); err != nil {
		return err
	}
	b, err := l.store.Get(ctx, folder+"modelzoo/mnist-seed-twins/twins.json")
	if err != nil {
		return err
	}
	t := &twins{}
	if err := json.Unmarshal(b, t); err != nil {
		return err
	}
	fmt.Fprintln(l.out, "| twins | sparsity, median | test accuracy, median (quartiles) | parents | agreement | Pearson / Spearman |\n|---|---|---|---|---|---|")
	for _, g := range t.Groups {
		name := g.Name
		if g.TargetSparsity != nil {
			name += fmt.Sprintf(" %g", *g.TargetSparsity)
		}
		fmt.Fprintf(l.out, "| %s (%d) | %.3f | %.4f (%.4f/%.4f) | %.4f | %.4f | %.2f / %.2f |\n", name, g.Twins, g.Sparsity.Median,
			g.TestAccuracy.Median, g.TestAccuracy.Q1, g.TestAccuracy.Q3, g.ParentTestAccuracy.Median, g.Agreement.Median, g.Pearson, g.Spearman)
	}
	for _, m := range t.Matches {
		fmt.Fprintf(l.out, "\n%s against %s at equal sparsity: %+.4f in test accuracy (mean), better in %d of %d pairs\n", m.Name, m.Matched, m.Difference.Mean, m.Better, m.Pairs)
	}
	for _, g := range t.Groups {
		if g.Name != "dropout" {
			continue
		}
		fmt.Fprintln(l.out, "\n| epoch | sparsity (published) | test accuracy (published) | gap with noise (published) |\n|---|---|---|---|")
		for _, m := range g.ByEpoch {
			if p, ok := published[m.Epoch]; ok {
				fmt.Fprintf(l.out, "| %d | %.3f (%.3f) | %.4f (%.4f) | %.3f (%.3f) |\n", m.Epoch, m.Sparsity.Median, p[0], m.TestAccuracy.Median, p[1], m.GeneralizationGap.Median, p[2])
			}
		}
		fmt.Fprintln(l.out, "\n| layer | mean sparsity | rank |\n|---|---|---|")
		for _, y := range g.Layers {
			if !math.IsNaN(float64(y.Sparsity.Mean)) {
				fmt.Fprintf(l.out, "| %s | %.3f | %d |\n", y.Name, y.Sparsity.Mean, y.Rank)
			}
		}
	}
	return nil
}
