package study

import (
	"context"
	"math"
	"slices"

	"github.com/weightspace/weightspace/runtime/analysis/probe"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/par"
	"github.com/weightspace/weightspace/runtime/spec"
)

// ProbesSummary says how well properties can be read from weights.
type ProbesSummary struct {
	// Models are counted by part; a model's checkpoints are all in one part.
	TrainModels      int `json:"trainModels"`
	ValidationModels int `json:"validationModels"`
	TestModels       int `json:"testModels"`
	// Regressions are of numbers, Classifications of categories.
	Regressions     []RegressionProbe     `json:"regressions"`
	Classifications []ClassificationProbe `json:"classifications,omitempty"`
	// Constant targets are the same for all checkpoints and were left out.
	Constant []string `json:"constant,omitempty"`
}

// RegressionProbe is a ridge regression of a number.
type RegressionProbe struct {
	Target   string `json:"target"`
	Features string `json:"features"`
	// Penalty is r, chosen on the validation part.
	Penalty      Number `json:"penalty"`
	TrainR2      Number `json:"trainR2"`
	ValidationR2 Number `json:"validationR2"`
	TestR2       Number `json:"testR2"`
	// ShuffledR2 is the control: the test R2 with targets given to other checkpoints.
	ShuffledR2 Number `json:"shuffledR2"`
}

// ClassificationProbe is a multinomial logistic regression of a category.
type ClassificationProbe struct {
	Target       string   `json:"target"`
	Features     string   `json:"features"`
	Classes      []string `json:"classes"`
	TestAccuracy Number   `json:"testAccuracy"`
	// Majority is the accuracy of always answering the most frequent class; ShuffledAccuracy is the control.
	Majority         Number `json:"majority"`
	ShuffledAccuracy Number `json:"shuffledAccuracy"`
}

// problem is what the probes of one analysis share.
type problem struct {
	c     *Config
	split probe.Split
	// numbers and categories are the targets by name, a value for each checkpoint.
	names      []string
	numbers    [][]float64
	categories []category
}

type category struct {
	name    string
	classes []string
	label   []int
}

func runProbes(ctx context.Context, c *Config, s *selection) (*Output, error) {
	m := &ProbesSummary{}
	p := &problem{c: c}
	n := len(s.ids) * len(s.epochs)
	model := make([]int, n)
	for i := range model {
		model[i] = i / len(s.epochs)
	}
	var err error
	if p.split, err = probe.ByModel(model, uint64(c.Spec.Probes.SplitSeed)); err != nil {
		return nil, &InputError{"spec.probes", err.Error(), "select more models"}
	}
	count := func(rows []int) int { return len(rows) / len(s.epochs) }
	m.TrainModels, m.ValidationModels, m.TestModels = count(p.split.Train), count(p.split.Validation), count(p.split.Test)
	for _, t := range c.Spec.Probes.Targets {
		if !p.add(s, t) {
			m.Constant = append(m.Constant, t)
		}
	}
	weights, err := s.trajectories(ctx, c)
	if err != nil {
		return nil, err
	}
	for i, f := range c.Spec.Probes.Features {
		c.Say("Fitting probes", i, len(c.Spec.Probes.Features))
		if f == string(spec.AnalysisStatistics) {
			x, err := s.statistics(ctx, c, weights)
			if err != nil {
				return nil, err
			}
			err = probeAll(ctx, p, m, f, probe.Table[float64]{X: x, D: len(x) / n})
			if err != nil {
				return nil, err
			}
			continue
		}
		if err := probeAll(ctx, p, m, f, probe.Table[float32]{X: weights, D: s.width}); err != nil {
			return nil, err
		}
	}
	return s.output(m), nil
}

// add collects the values of a target; false when they are all the same.
func (p *problem) add(s *selection, target string) bool {
	number := func(of func(m, e int) float64) bool {
		values := make([]float64, 0, len(s.ids)*len(s.epochs))
		varies := false
		for m := range s.ids {
			for e := range s.epochs {
				v := of(m, e)
				if math.IsNaN(v) || math.IsInf(v, 0) {
					v = 0 // a split without images has no accuracy
				}
				values = append(values, v)
				varies = varies || v != values[0]
			}
		}
		if varies {
			p.names, p.numbers = append(p.names, target), append(p.numbers, values)
		}
		return varies
	}
	text := func(of func(r *artifact.ModelRow) string) bool {
		c := category{name: target}
		for m := range s.ids {
			if v := of(&s.models[m]); !slices.Contains(c.classes, v) {
				c.classes = append(c.classes, v)
			}
		}
		slices.Sort(c.classes)
		for m := range s.ids {
			for range s.epochs {
				c.label = append(c.label, slices.Index(c.classes, of(&s.models[m])))
			}
		}
		if len(c.classes) > 1 {
			p.categories = append(p.categories, c)
		}
		return len(c.classes) > 1
	}
	switch target {
	case "testAccuracy":
		return number(func(m, e int) float64 { return s.metrics[m][e].TestAccuracy })
	case "epoch":
		return number(func(_, e int) float64 { return float64(s.epochs[e]) })
	case "generalizationGap":
		return number(func(m, e int) float64 { return s.metrics[m][e].TrainAccuracy - s.metrics[m][e].TestAccuracy })
	case "learningRate":
		return number(func(m, _ int) float64 { return s.models[m].LearningRate })
	case "weightDecay":
		return number(func(m, _ int) float64 { return s.models[m].WeightDecay })
	case "dropout":
		return number(func(m, _ int) float64 { return s.models[m].Dropout })
	case "activation":
		return text(func(r *artifact.ModelRow) string { return r.Activation })
	case "initializer":
		return text(func(r *artifact.ModelRow) string { return r.Initializer })
	}
	return text(func(r *artifact.ModelRow) string { return r.Optimizer })
}

// probeAll fits every target from one kind of features, and the controls.
func probeAll[F probe.Float](ctx context.Context, p *problem, m *ProbesSummary, features string, x probe.Table[F]) error {
	seed := uint64(p.c.Spec.Probes.SplitSeed)
	if len(p.numbers) > 0 {
		targets := slices.Clone(p.numbers)
		for _, t := range p.numbers {
			targets = append(targets, probe.Shuffled(t, seed))
		}
		fits, err := probe.Ridge(ctx, par.Workers(p.c.Workers), x, targets, p.split, probe.Penalties)
		if err != nil {
			return err
		}
		for i, name := range p.names {
			f := fits[i]
			m.Regressions = append(m.Regressions, RegressionProbe{
				Target: name, Features: features, Penalty: Number(f.Penalty), TrainR2: Number(f.TrainR2), ValidationR2: Number(f.ValidationR2),
				TestR2: Number(f.TestR2), ShuffledR2: Number(fits[len(p.names)+i].TestR2),
			})
		}
	}
	for _, c := range p.categories {
		if err := classify(ctx, p, m, features, x, c); err != nil {
			return err
		}
	}
	return nil
}

func classify[F probe.Float](ctx context.Context, p *problem, m *ProbesSummary, features string, x probe.Table[F], c category) error {
	wide := probe.Table[float64]{D: x.D, X: make([]float64, len(x.X))}
	for i, v := range x.X {
		wide.X[i] = float64(v)
	}
	seed := uint64(p.c.Spec.Probes.SplitSeed)
	fit, err := probe.Logistic{Seed: seed}.Fit(ctx, wide, c.label, len(c.classes), p.split)
	if err != nil {
		return err
	}
	control, err := probe.Logistic{Seed: seed}.Fit(ctx, wide, probe.Shuffled(c.label, seed), len(c.classes), p.split)
	if err != nil {
		return err
	}
	m.Classifications = append(m.Classifications, ClassificationProbe{
		Target: c.name, Features: features, Classes: c.classes, TestAccuracy: Number(fit.TestAccuracy), ShuffledAccuracy: Number(control.TestAccuracy), Majority: Number(fit.Majority),
	})
	return nil
}
