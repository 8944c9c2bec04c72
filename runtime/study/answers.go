package study

import (
	"context"
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/augment"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/par"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/train"
)

// answers runs models of a zoo on images, each on the engine that trained it: its answers have the arithmetic of the metrics.
type answers struct {
	c       *Config
	set     *data.Set
	workers int
	// networks are the workers' own, by cohort.
	networks []map[spec.Cohort]train.Answerer
}

func (c *Config) answers(ctx context.Context) (*answers, error) {
	c.Say("Loading the data set", 0, 1)
	set, err := c.Data(ctx)
	if err != nil {
		return nil, err
	}
	a := &answers{c: c, set: set, workers: par.Workers(c.Workers)}
	for range a.workers {
		a.networks = append(a.networks, map[spec.Cohort]train.Answerer{})
	}
	return a, nil
}

func cohortOf(m *artifact.ModelRow) spec.Cohort {
	return spec.Cohort{Activation: m.Activation, Optimizer: m.Optimizer}
}

// network is a worker's network of a cohort.
func (a *answers) network(worker int, c spec.Cohort) (train.Answerer, error) {
	if f, ok := a.networks[worker][c]; ok {
		return f, nil
	}
	z := a.c.Zoo.Plan.Zoo
	conf := train.Config{Architecture: z.Architecture, Activation: c.Activation, Data: a.set, Augmentation: augment.FromPlan(z.Augmentation), ISA: a.c.ISA, Workers: 1}
	var f train.Answerer
	var err error
	if plan.OnTiles(z, c) {
		f, err = train.NewForward(conf)
	} else {
		var layers nn.Sequential
		if layers, err = nn.FromPlan(z); err == nil {
			f, err = train.NewRecordedForward(conf, layers)
		}
	}
	if err != nil {
		return nil, err
	}
	a.networks[worker][c] = f
	return f, nil
}

// each gives use the logits [n, classes] of rows of weights [len(models), row] for the first n images of a split. use is called by several
// goroutines, once for each model.
func (a *answers) each(ctx context.Context, models []artifact.ModelRow, weights []float32, split *data.Split, n int, say string, use func(i int, logits []float32, classes int)) error {
	row := len(weights) / len(models)
	errs := make([]error, len(models))
	const round = 32 // models between two words of progress
	for from := 0; from < len(models); from += round * a.workers {
		count := min(round*a.workers, len(models)-from)
		err := par.For(ctx, a.workers, count, func(w, k int) {
			i := from + k
			f, err := a.network(w, cohortOf(&models[i]))
			if err == nil {
				var logits []float32
				if logits, err = f.Logits(weights[i*row:(i+1)*row], split, n); err == nil {
					use(i, logits, f.Outputs())
				}
			}
			errs[i] = err
		})
		if err != nil {
			return err
		}
		if say != "" {
			a.c.Say(say, from+count, len(models))
		}
	}
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("model %s: %w", models[i].ModelID, err)
		}
	}
	return nil
}

// predictions are the classes that models answer: [len(models), n].
func (a *answers) predictions(ctx context.Context, models []artifact.ModelRow, weights []float32, n int) ([]uint16, error) {
	out := make([]uint16, len(models)*n)
	err := a.each(ctx, models, weights, &a.set.Test, n, "Asking models", func(i int, logits []float32, classes int) {
		for j := range n {
			out[i*n+j] = uint16(largest(logits[j*classes : (j+1)*classes]))
		}
	})
	return out, err
}

// accuracies are the fractions of the first n images of a split that models answer rightly.
func (a *answers) accuracies(ctx context.Context, models []artifact.ModelRow, weights []float32, split *data.Split, n int, say string) ([]float64, error) {
	out := make([]float64, len(models))
	err := a.each(ctx, models, weights, split, n, say, func(i int, logits []float32, classes int) {
		right := 0
		for j := range n {
			if largest(logits[j*classes:(j+1)*classes]) == int(split.Labels[j]) {
				right++
			}
		}
		out[i] = float64(right) / float64(n)
	})
	return out, err
}

// loss is the mean cross-entropy, in nats, of one model on the first n images of a split.
func (a *answers) loss(ctx context.Context, model *artifact.ModelRow, weights []float32, split *data.Split, n int) (float64, error) {
	sum := 0.0
	err := a.each(ctx, []artifact.ModelRow{*model}, weights, split, n, "", func(_ int, logits []float32, classes int) {
		for j := range n {
			sum += crossEntropy(logits[j*classes:(j+1)*classes], int(split.Labels[j]))
		}
	})
	return sum / float64(n), err
}

func crossEntropy(logits []float32, label int) float64 {
	most := float64(logits[largest(logits)])
	total := 0.0
	for _, v := range logits {
		total += math.Exp(float64(v) - most)
	}
	return math.Log(total) + most - float64(logits[label])
}

// largest is the index of the largest value, the first of equals.
func largest(values []float32) int {
	best := 0
	for i, v := range values {
		if v > values[best] {
			best = i
		}
	}
	return best
}

// rowWidth is the length of a whole row: parameters and running statistics.
func (s *selection) rowWidth() int {
	n := 0
	for i := range s.layout {
		n += s.layout[i].Size()
	}
	return n
}

// rows reads whole rows of the models at an epoch: [len(ids), rowWidth].
func (s *selection) rows(ctx context.Context, c *Config, epoch int, ids []string) ([]float32, error) {
	width := s.rowWidth()
	out := make([]float32, len(ids)*width)
	return out, c.Zoo.Weights(ctx, epoch, ids, width, out)
}
