package plan_test

import (
	"errors"
	"testing"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

func analysisInputs() plan.Inputs {
	return plan.Inputs{
		Namespace: "ns", Name: "study", StoreURL: "s3://b",
		Zoo: &spec.ZooInput{Name: "zoo", Members: 100, Epochs: 50, Parameters: 2464, Dataset: &spec.DatasetInput{Name: "mnist", Channels: 1, Height: 28, Width: 28, Train: 50000, Validation: 10000, Test: 10000}},
	}
}

func TestZooAnalysis(t *testing.T) {
	a := &v1alpha1.ZooAnalysisSpec{
		Zoo: v1alpha1.ZooReference{Name: "zoo"}, Trajectories: &v1alpha1.TrajectoriesAnalysis{}, Embedding: &v1alpha1.EmbeddingAnalysis{},
	}
	s, err := plan.ZooAnalysis(a, analysisInputs())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.Stages[0].Shards); n != 2 || s.Stages[1].Name != spec.StageCollect {
		t.Errorf("stages %+v", s.Stages)
	}
	if got := plan.AnalysisCheckpoints(s.Analysis); got != 5100 {
		t.Errorf("%d checkpoints, not 5100", got)
	}
	back, err := plan.Unmarshal(plan.Marshal(s))
	if err != nil {
		t.Fatal(err)
	}
	if plan.Digest(back) != plan.Digest(s) {
		t.Error("a plan changes on its way through a ConfigMap")
	}
	if a.Trajectories.Linkages != nil {
		t.Error("planning changes the spec")
	}
}

func TestZooAnalysisDigest(t *testing.T) {
	a := &v1alpha1.ZooAnalysisSpec{Zoo: v1alpha1.ZooReference{Name: "zoo"}, Embedding: &v1alpha1.EmbeddingAnalysis{}}
	same := a.DeepCopy()
	plan.DefaultZooAnalysis(same)
	same.Embedding.Perplexity = "30.0"
	if plan.ZooAnalysisSpecDigest(a) != plan.ZooAnalysisSpecDigest(same) {
		t.Error("defaults written out move the digest")
	}
	other := a.DeepCopy()
	zero := int32(0)
	other.Epochs.To = &zero
	if plan.ZooAnalysisSpecDigest(a) == plan.ZooAnalysisSpecDigest(other) {
		t.Error("epoch 0 only has the digest of all epochs")
	}
}

func TestZooAnalysisMistakes(t *testing.T) {
	number := func(n int32) *int32 { return &n }
	for name, c := range map[string]struct {
		edit  func(a *v1alpha1.ZooAnalysisSpec, in *plan.Inputs)
		field string
	}{
		"nothing":     {func(a *v1alpha1.ZooAnalysisSpec, _ *plan.Inputs) { a.Averaging = nil }, "spec"},
		"epoch":       {func(a *v1alpha1.ZooAnalysisSpec, _ *plan.Inputs) { a.Epochs.To = number(51) }, "spec.epochs.to"},
		"order":       {func(a *v1alpha1.ZooAnalysisSpec, _ *plan.Inputs) { a.Epochs.From, a.Epochs.To = number(5), number(4) }, "spec.epochs.from"},
		"accuracy":    {func(a *v1alpha1.ZooAnalysisSpec, _ *plan.Inputs) { a.Models.MinTestAccuracy = "1.5" }, "spec.models.minTestAccuracy"},
		"no data set": {func(_ *v1alpha1.ZooAnalysisSpec, in *plan.Inputs) { in.Zoo.Dataset = nil }, "spec.averaging"},
		"perplexity": {func(a *v1alpha1.ZooAnalysisSpec, _ *plan.Inputs) {
			a.Embedding = &v1alpha1.EmbeddingAnalysis{Perplexity: "1"}
		}, "spec.embedding.perplexity"},
		"quantile": {func(a *v1alpha1.ZooAnalysisSpec, _ *plan.Inputs) {
			a.Trajectories = &v1alpha1.TrajectoriesAnalysis{Trigger: v1alpha1.DriftTrigger{Quantile: "1"}}
		}, "spec.trajectories.trigger.quantile"},
		"points": {func(a *v1alpha1.ZooAnalysisSpec, _ *plan.Inputs) {
			a.Embedding = &v1alpha1.EmbeddingAnalysis{Points: 30000}
		}, "spec.embedding.points"},
		"no test split": {func(a *v1alpha1.ZooAnalysisSpec, in *plan.Inputs) {
			in.Zoo.Dataset = nil
			a.Averaging = nil
			a.Similarity.Agreement = &v1alpha1.AgreementAnalysis{}
		}, "spec.similarity"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &v1alpha1.ZooAnalysisSpec{Zoo: v1alpha1.ZooReference{Name: "zoo"}, Averaging: &v1alpha1.AveragingAnalysis{}}
			in := analysisInputs()
			c.edit(a, &in)
			_, err := plan.ZooAnalysis(a, in)
			var field *plan.FieldError
			if !errors.As(err, &field) || field.Field != c.field {
				t.Errorf("error %v, not about %s", err, c.field)
			}
		})
	}
}
