// Package study runs the analyses of a ZooAnalysis on a stored zoo: it reads with package zoo, computes with the packages below
// analysis and returns tables and summaries. It writes nothing.
package study

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/tensor"
	"github.com/weightspace/weightspace/runtime/zoo"
)

// Config is what an analysis works on.
type Config struct {
	Zoo  *zoo.Zoo
	Spec *spec.Analysis
	// Data loads the data set that the zoo was trained on; it is called by the analyses that run models.
	Data func(ctx context.Context) (*data.Set, error)
	// ISA and Workers change no result. 0 workers are all there are.
	ISA     kernel.Level
	Workers int
	// Say is told what is being done, and how much of it; nil is fine.
	Say func(message string, done, of int)
}

// Output is what an analysis found.
type Output struct {
	// Files by name, without folder. summary.json is the summary.
	Files map[string][]byte
	// Models and Checkpoints were looked at.
	Models, Checkpoints int
	// Summary is what summary.json holds.
	Summary any
}

// InputError is the user's mistake.
type InputError struct {
	// Field is a path in the manifest; Problem says what is wrong, Remedy what to do.
	Field, Problem, Remedy string
}

// Error implements error.
func (e *InputError) Error() string { return e.Field + ": " + e.Problem + "; " + e.Remedy }

// SummaryName is the file of an analysis's summary.
const SummaryName = "summary.json"

// Run runs one of spec.Analysis's parts. Equal zoos and settings give equal bytes on one kind of processor.
func Run(ctx context.Context, part string, c Config) (*Output, error) {
	if c.Say == nil {
		c.Say = func(string, int, int) {}
	}
	s, err := newSelection(ctx, &c)
	if err != nil {
		return nil, err
	}
	run := map[string]func(context.Context, *Config, *selection) (*Output, error){
		spec.AnalysisStatistics:   runStatistics,
		spec.AnalysisTrajectories: runTrajectories,
		spec.AnalysisSimilarity:   runSimilarity,
		spec.AnalysisProbes:       runProbes,
		spec.AnalysisAveraging:    runAveraging,
		spec.AnalysisEmbedding:    runEmbedding,
	}[part]
	if run == nil {
		return nil, fmt.Errorf("there is no analysis %q; the plan was made by another release", part)
	}
	out, err := run(ctx, &c, s)
	if err != nil {
		return nil, err
	}
	b, err := encode(out.Summary)
	if err != nil {
		return nil, err
	}
	out.Files[SummaryName] = b
	return out, nil
}

// selection is the models and epochs that an analysis looks at.
type selection struct {
	models []artifact.ModelRow
	ids    []string
	epochs []int
	layout []tensor.Param
	width  int
	// metrics are [model][epoch of the selection].
	metrics [][]artifact.MetricRow
	// excluded counts models that diverged.
	excluded int
}

// newSelection takes the models that did not diverge, in the order of their IDs.
func newSelection(ctx context.Context, c *Config) (*selection, error) {
	s := &selection{epochs: plan.AnalysisEpochs(c.Spec), width: c.Zoo.Plan.Zoo.Parameters}
	least, _ := strconv.ParseFloat(c.Spec.MinTestAccuracy, 64) // checked when the plan was made; "" is 0
	for _, m := range c.Zoo.Models {
		if m.DivergedEpoch != nil {
			s.excluded++
			continue
		}
		if c.Spec.MinTestAccuracy != "" && !(m.TestAccuracy >= least) {
			continue
		}
		s.models = append(s.models, m)
	}
	slices.SortFunc(s.models, func(a, b artifact.ModelRow) int { return cmp.Compare(a.ModelID, b.ModelID) })
	if c.Spec.Limit > 0 && len(s.models) > c.Spec.Limit {
		s.models = s.models[:c.Spec.Limit]
	}
	if len(s.models) == 0 {
		return nil, &InputError{"spec.models", fmt.Sprintf("none of the %d models of the zoo is left (%d diverged)", len(c.Zoo.Models), s.excluded), "lower minTestAccuracy"}
	}
	// Imported models may have different epochs, and a zoo may keep some only: what all have is studied.
	for _, m := range s.models {
		kept := c.Zoo.Epochs(m.ModelID)
		s.epochs = slices.DeleteFunc(s.epochs, func(e int) bool { return !slices.Contains(kept, e) })
	}
	if len(s.epochs) == 0 {
		return nil, &InputError{"spec.epochs", "the zoo keeps no weights of the epochs that are selected for all of the models (its spec.retention, or an import of unequal models)", "select epochs that it keeps"}
	}
	for _, m := range s.models {
		s.ids = append(s.ids, m.ModelID)
	}
	var err error
	if s.layout, err = c.Zoo.Layout(ctx); err != nil {
		return nil, err
	}
	return s, s.readMetrics(ctx, c)
}

func (s *selection) readMetrics(ctx context.Context, c *Config) error {
	rows, err := c.Zoo.Metrics(ctx)
	if err != nil {
		return err
	}
	model, epoch := map[string]int{}, map[int]int{}
	for i, id := range s.ids {
		model[id] = i
	}
	for i, e := range s.epochs {
		epoch[e] = i
	}
	s.metrics = make([][]artifact.MetricRow, len(s.ids))
	for i := range s.metrics {
		s.metrics[i] = make([]artifact.MetricRow, len(s.epochs))
	}
	for _, r := range rows {
		m, ok := model[r.ModelID]
		e, in := epoch[int(r.Epoch)]
		if ok && in {
			s.metrics[m][e] = r
		}
	}
	return nil
}

// last is the last selected epoch.
func (s *selection) last() int { return s.epochs[len(s.epochs)-1] }

// trajectories reads all weights of the selection: [models, epochs, width].
func (s *selection) trajectories(ctx context.Context, c *Config) ([]float32, error) {
	return c.Zoo.Trajectories(ctx, s.ids, s.epochs, func(done int) { c.Say("Reading weights", done, len(s.epochs)) })
}

// output starts an Output for the whole selection.
func (s *selection) output(summary any) *Output {
	return &Output{Files: map[string][]byte{}, Models: len(s.ids), Checkpoints: len(s.ids) * len(s.epochs), Summary: summary}
}
