package plan

import (
	"fmt"
	"strconv"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

// maxEmbeddedPoints bounds the exact t-SNE, whose time and memory grow with the square of the points.
const maxEmbeddedPoints = 20_000

// ZooAnalysis plans the study of a population: a shard for each analysis, then a stage that gathers what they
// found. in.Zoo must be set. A *FieldError names what the user has to change.
func ZooAnalysis(a *v1alpha1.ZooAnalysisSpec, in Inputs) (*spec.Snapshot, error) {
	a = a.DeepCopy()
	DefaultZooAnalysis(a)
	if in.Zoo == nil {
		return nil, fmt.Errorf("plan ZooAnalysis %s/%s: no zoo given", in.Namespace, in.Name)
	}
	out, err := resolveAnalysis(a, in.Zoo)
	if err != nil {
		return nil, err
	}
	s := newSnapshot(spec.KindZooAnalysis, in, ZooAnalysisSpecDigest(a))
	s.Analysis = out
	shards := make([]spec.Shard, len(out.Parts))
	memory := int64(0)
	for _, part := range out.Parts {
		memory = max(memory, analysisMemory(out, part))
	}
	s.Stages = []spec.Stage{
		{Name: spec.StageAnalyse, Shards: shards, MemoryBytes: memory, GraceSeconds: graceSeconds(0)},
		{Name: spec.StageCollect, Shards: []spec.Shard{{}}, MemoryBytes: baseMemory + 64*mebibyte, GraceSeconds: graceSeconds(0)},
	}
	s.DiskBytes = int64(AnalysisCheckpoints(out)) * analysisRowBytes
	return s, nil
}

// DefaultZooAnalysis fills in defaults, for the digest and for callers without an API server.
func DefaultZooAnalysis(a *v1alpha1.ZooAnalysisSpec) {
	setPointer(&a.Epochs.From, 0)
	setNumber(&a.Epochs.Step, 1)
	if t := a.Trajectories; t != nil {
		if len(t.Linkages) == 0 {
			t.Linkages = []v1alpha1.Linkage{v1alpha1.LinkageSingle, v1alpha1.LinkageAverage, v1alpha1.LinkageWard}
		}
		setPointer(&t.ShuffleSeed, 1)
		setNumber(&t.Trigger.BaselineWindow, 10)
		setText(&t.Trigger.Quantile, "0.99")
		setText(&t.Trigger.Margin, "1.75")
	}
	if c := a.Similarity.CKA; c != nil {
		setNumber(&c.Images, 1000)
		setNumber(&c.Pairs, 200)
	}
	if w := a.Similarity.WeightDistance; w != nil {
		setNumber(&w.Pairs, 10_000)
	}
	if p := a.Probes; p != nil {
		if len(p.Features) == 0 {
			p.Features = []v1alpha1.ProbeFeature{v1alpha1.ProbeFeatureWeights, v1alpha1.ProbeFeatureStatistics}
		}
		if len(p.Targets) == 0 {
			p.Targets = []v1alpha1.ProbeTarget{v1alpha1.ProbeTargetTestAccuracy, v1alpha1.ProbeTargetEpoch, v1alpha1.ProbeTargetGeneralizationGap}
		}
		setPointer(&p.SplitSeed, 42)
	}
	if v := a.Averaging; v != nil {
		setNumber(&v.Models, 10)
		setNumber(&v.Soups, 5)
		setNumber(&v.Epochs, 5)
		setPointer(&v.Seed, 1)
	}
	if e := a.Embedding; e != nil {
		if len(e.Methods) == 0 {
			e.Methods = []v1alpha1.EmbeddingMethod{v1alpha1.EmbeddingPCA, v1alpha1.EmbeddingTSNE}
		}
		setText(&e.Perplexity, "30")
		setNumber(&e.Points, 2000)
	}
	defaultExecution(&a.Execution)
}

// resolveAnalysis checks a spec with defaults and translates it.
func resolveAnalysis(a *v1alpha1.ZooAnalysisSpec, zoo *spec.ZooInput) (*spec.Analysis, error) {
	out := translateAnalysis(a)
	out.Zoo = *zoo
	if a.Epochs.To == nil {
		out.ToEpoch = zoo.Epochs
	}
	if len(out.Parts) == 0 {
		return nil, &FieldError{"spec", "no analysis is set", "set at least one of statistics, trajectories, similarity, probes, averaging and embedding"}
	}
	if err := checkSelection(a, out, zoo); err != nil {
		return nil, err
	}
	if t := a.Trajectories; t != nil {
		if err := checkDecimal("spec.trajectories.trigger.quantile", t.Trigger.Quantile, epsilon); err != nil {
			return nil, err
		}
		if err := checkDecimal("spec.trajectories.trigger.margin", t.Trigger.Margin, atLeastOne); err != nil {
			return nil, err
		}
	}
	if zoo.Dataset == nil && out.Similarity != nil && (out.Similarity.Agreement || out.Similarity.CKAPairs > 0) {
		return nil, noDataset("spec.similarity", zoo.Name)
	}
	if zoo.Dataset == nil && out.Averaging != nil {
		return nil, noDataset("spec.averaging", zoo.Name)
	}
	if e := a.Embedding; e != nil {
		if err := checkEmbedding(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// translateAnalysis takes a spec with defaults over, unchecked and without its zoo.
func translateAnalysis(a *v1alpha1.ZooAnalysisSpec) *spec.Analysis {
	out := &spec.Analysis{Limit: int(a.Models.Limit), FromEpoch: int(*a.Epochs.From), EpochStep: int(a.Epochs.Step)}
	if a.Models.MinTestAccuracy != "" {
		out.MinTestAccuracy = canonicalDecimal(string(a.Models.MinTestAccuracy))
	}
	if a.Epochs.To != nil {
		out.ToEpoch = int(*a.Epochs.To)
	}
	if a.Statistics != nil {
		out.Parts = append(out.Parts, spec.AnalysisStatistics)
	}
	if t := a.Trajectories; t != nil {
		out.Parts = append(out.Parts, spec.AnalysisTrajectories)
		out.Trajectories = &spec.Trajectories{
			Linkages: texts(t.Linkages), ShuffleSeed: *t.ShuffleSeed,
			BaselineWindow: int(t.Trigger.BaselineWindow), Quantile: canonicalDecimal(string(t.Trigger.Quantile)),
			Margin: canonicalDecimal(string(t.Trigger.Margin)),
		}
	}
	if out.Similarity = translateSimilarity(&a.Similarity); out.Similarity != nil {
		out.Parts = append(out.Parts, spec.AnalysisSimilarity)
	}
	if p := a.Probes; p != nil {
		out.Parts = append(out.Parts, spec.AnalysisProbes)
		out.Probes = &spec.Probes{Features: texts(p.Features), Targets: texts(p.Targets), SplitSeed: *p.SplitSeed}
	}
	if v := a.Averaging; v != nil {
		out.Parts = append(out.Parts, spec.AnalysisAveraging)
		out.Averaging = &spec.Averaging{Models: int(v.Models), Soups: int(v.Soups), Epochs: int(v.Epochs), Seed: *v.Seed}
	}
	if e := a.Embedding; e != nil {
		out.Parts = append(out.Parts, spec.AnalysisEmbedding)
		out.Embedding = &spec.Embedding{Methods: texts(e.Methods), Perplexity: canonicalDecimal(string(e.Perplexity)), Points: int(e.Points)}
	}
	return out
}

func noDataset(field, zoo string) error {
	return &FieldError{field, fmt.Sprintf("ModelZoo %s has no data set to run its models on", zoo), "give the zoo a spec.dataset, or leave this analysis out"}
}

// checkSelection holds the selected models and epochs against the zoo.
func checkSelection(a *v1alpha1.ZooAnalysisSpec, out *spec.Analysis, zoo *spec.ZooInput) error {
	if out.Limit < 0 {
		return &FieldError{"spec.models.limit", fmt.Sprintf("%d models", out.Limit), "use 1 or more"}
	}
	if a.Models.MinTestAccuracy != "" {
		if err := checkDecimal("spec.models.minTestAccuracy", a.Models.MinTestAccuracy, fraction); err != nil {
			return err
		}
	}
	switch {
	case out.EpochStep < 1:
		return &FieldError{"spec.epochs.step", strconv.Itoa(out.EpochStep), "use 1 or more"}
	case out.FromEpoch < 0 || out.FromEpoch > out.ToEpoch:
		return &FieldError{"spec.epochs.from", fmt.Sprintf("epoch %d is not between 0 and %d", out.FromEpoch, out.ToEpoch), "choose a smaller one"}
	case out.ToEpoch > zoo.Epochs:
		return &FieldError{"spec.epochs.to", fmt.Sprintf("ModelZoo %s has epochs 0 to %d, not %d", zoo.Name, zoo.Epochs, out.ToEpoch), "choose a smaller one"}
	}
	return nil
}

func translateSimilarity(s *v1alpha1.SimilarityAnalysis) *spec.Similarity {
	if s.Agreement == nil && s.CKA == nil && s.WeightDistance == nil {
		return nil
	}
	out := &spec.Similarity{}
	if s.Agreement != nil {
		out.Agreement, out.AgreementImages = true, int(s.Agreement.Images)
	}
	if s.CKA != nil {
		out.CKAImages, out.CKAPairs = int(s.CKA.Images), int(s.CKA.Pairs)
	}
	if s.WeightDistance != nil {
		out.WeightPairs = int(s.WeightDistance.Pairs)
	}
	return out
}

func checkEmbedding(e *v1alpha1.EmbeddingAnalysis) error {
	if err := checkDecimal("spec.embedding.perplexity", e.Perplexity, aboveOne); err != nil {
		return err
	}
	if e.Points < 1 || e.Points > maxEmbeddedPoints {
		return &FieldError{"spec.embedding.points", strconv.Itoa(int(e.Points)), fmt.Sprintf("use 1 to %d", maxEmbeddedPoints)}
	}
	return nil
}

// analysisScience is what a ZooAnalysis's digest covers.
type analysisScience struct {
	Version int    `json:"v"`
	Zoo     string `json:"zoo"`
	// AllEpochs tells an unset last epoch from epoch 0.
	AllEpochs bool           `json:"allEpochs,omitempty"`
	Analysis  *spec.Analysis `json:"analysis"`
	Store     string         `json:"store,omitempty"`
}

// ZooAnalysisSpecDigest returns "sha256:..." of the scientific fields with defaults filled in.
func ZooAnalysisSpecDigest(a *v1alpha1.ZooAnalysisSpec) string {
	a = a.DeepCopy()
	DefaultZooAnalysis(a)
	return digestJSON(analysisScience{
		Version: 1, Zoo: string(a.Zoo.Name), AllEpochs: a.Epochs.To == nil, Analysis: translateAnalysis(a), Store: string(a.Store.Name),
	})
}

// checkAnalysis refuses a plan that ZooAnalysis would not have made.
func checkAnalysis(a *spec.Analysis) error {
	settings := map[string]bool{
		spec.AnalysisStatistics: true, spec.AnalysisTrajectories: a.Trajectories != nil, spec.AnalysisSimilarity: a.Similarity != nil,
		spec.AnalysisProbes: a.Probes != nil, spec.AnalysisAveraging: a.Averaging != nil, spec.AnalysisEmbedding: a.Embedding != nil,
	}
	for _, part := range a.Parts {
		if !settings[part] {
			return damaged(fmt.Sprintf("analysis %q is unknown or has no settings", part))
		}
	}
	if len(a.Parts) == 0 || len(a.Parts) > len(settings) || a.EpochStep < 1 || a.FromEpoch < 0 || a.ToEpoch < a.FromEpoch || a.ToEpoch > a.Zoo.Epochs {
		return damaged(fmt.Sprintf("%d analyses of epochs %d to %d in steps of %d", len(a.Parts), a.FromEpoch, a.ToEpoch, a.EpochStep))
	}
	if a.Zoo.Members < 1 || a.Zoo.Parameters < 1 || a.Limit < 0 {
		return damaged("an analysis of no models")
	}
	return nil
}
