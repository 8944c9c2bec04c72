package program

import (
	"encoding/json"
	"errors"
	"math"
	"testing"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/study"
)

// everything asks for every analysis of a small zoo.
func everything() *v1alpha1.ZooAnalysisSpec {
	return &v1alpha1.ZooAnalysisSpec{
		Zoo:          v1alpha1.ZooReference{Name: "zoo"},
		Statistics:   &v1alpha1.StatisticsAnalysis{},
		Trajectories: &v1alpha1.TrajectoriesAnalysis{Trigger: v1alpha1.DriftTrigger{BaselineWindow: 2}},
		Similarity: v1alpha1.SimilarityAnalysis{
			Agreement: &v1alpha1.AgreementAnalysis{}, CKA: &v1alpha1.CKAAnalysis{Images: 20, Pairs: 3}, WeightDistance: &v1alpha1.WeightDistanceAnalysis{},
		},
		Probes:    &v1alpha1.ProbesAnalysis{Targets: []v1alpha1.ProbeTarget{"testAccuracy", "epoch", "activation", "optimizer"}},
		Averaging: &v1alpha1.AveragingAnalysis{Models: 3, Soups: 2, Epochs: 2},
		Embedding: &v1alpha1.EmbeddingAnalysis{Perplexity: "5"},
	}
}

// zooResult trains a zoo of 2 activations and 4 seeds over 3 epochs.
func (l *lab) zooResult() *spec.ZooInput {
	l.t.Helper()
	in := l.dataset()
	s := l.planZoo(in, zooOptions{seeds: 4, epochs: 3, perShard: 3, activate: []v1alpha1.Activation{"tanh", "relu"}})
	r := l.runAll(s, l.env())
	return &spec.ZooInput{
		Name: "zoo", Store: s.Store, Path: s.ArtifactPath, ManifestDigest: r.ManifestDigest, ResultDigest: r.ResultDigest,
		Members: r.Zoo.Members, Epochs: r.Zoo.Epochs, Parameters: s.Zoo.Parameters, Dataset: in,
	}
}

func (l *lab) planAnalysis(a *v1alpha1.ZooAnalysisSpec, in *spec.ZooInput) *spec.Snapshot {
	l.t.Helper()
	s, err := plan.ZooAnalysis(a, plan.Inputs{Namespace: "default", Name: "study", StoreURL: l.store.URL(), Zoo: in})
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

func TestAnalysis(t *testing.T) {
	l := newLab(t)
	s := l.planAnalysis(everything(), l.zooResult())
	r := l.runAll(s, l.env())
	if a := r.Analysis; a.Models != 8 || a.Checkpoints != 32 || a.Kendall == nil || a.Agreement == nil {
		t.Errorf("result %+v", a)
	}
	b, err := l.store.Get(t.Context(), s.ArtifactPath+"/"+summaryName)
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Analyses struct {
			Trajectories study.TrajectoriesSummary `json:"trajectories"`
			Similarity   study.SimilaritySummary   `json:"similarity"`
			Probes       study.ProbesSummary       `json:"probes"`
			Averaging    study.AveragingSummary    `json:"averaging"`
			Statistics   study.StatisticsSummary   `json:"statistics"`
		} `json:"analyses"`
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	got := &all.Analyses
	if n := len(got.Statistics.Features); n != 70 {
		t.Errorf("s(W) has %d features, not 70", n)
	}
	if n := len(got.Trajectories.Step); n != 3 {
		t.Errorf("%d steps, not 3", n)
	}
	if n := len(got.Similarity.CKA.Stages); n != 5 || got.Similarity.Agreement.Images != 20 {
		t.Errorf("%d stages on %d images", n, got.Similarity.Agreement.Images)
	}
	for _, stage := range got.Similarity.CKA.Stages {
		if v := float64(stage.Linear); v < 0 || v > 1+1e-9 || math.IsNaN(v) {
			t.Errorf("CKA of %s is %v", stage.Layer, v)
		}
	}
	if p := got.Probes; len(p.Regressions) != 4 || len(p.Classifications) != 2 || len(p.Constant) != 1 || p.Constant[0] != "optimizer" {
		t.Errorf("probes %+v", p)
	}
	if n := len(got.Averaging.Soups); n != 4 || len(got.Averaging.Barriers) != 2 {
		t.Errorf("%d kinds of soups", n)
	}
	// The models' own accuracies, evaluated anew, are those of the zoo.
	if a, b := got.Averaging.Last.Mean, got.Statistics.TestAccuracy.Mean; a != b {
		t.Errorf("mean test accuracy %v by the analysis, %v in the zoo", a, b)
	}
}

// Another number of workers, another order of shards and a second run give the same artifact; nothing is done twice.
func TestAnalysisIsReproducible(t *testing.T) {
	l := newLab(t)
	in := l.zooResult()
	s := l.planAnalysis(everything(), in)
	first := l.runAll(s, l.env())
	again := l.runAll(s, l.env())
	if *again.Analysis.Kendall != *first.Analysis.Kendall || again.ManifestDigest != first.ManifestDigest {
		t.Error("a second run changes the manifest")
	}
	if _, err := l.store.DeletePrefix(t.Context(), s.ArtifactPath); err != nil {
		t.Fatal(err)
	}
	env := l.env()
	env.Workers = 3
	for shard := len(s.Analysis.Parts) - 1; shard >= 0; shard-- {
		if _, err := l.run(s, spec.StageAnalyse, shard, env); err != nil {
			t.Fatal(err)
		}
	}
	r, err := l.run(s, spec.StageCollect, 0, env)
	if err != nil {
		t.Fatal(err)
	}
	if r.ResultDigest != first.ResultDigest {
		t.Errorf("three workers give %s, one gives %s", r.ResultDigest, first.ResultDigest)
	}
}

func TestAnalysisNeedsEveryPart(t *testing.T) {
	l := newLab(t)
	s := l.planAnalysis(everything(), l.zooResult())
	if _, err := l.run(s, spec.StageAnalyse, 0, l.env()); err != nil {
		t.Fatal(err)
	}
	var missing *IncompleteError
	if _, err := l.run(s, spec.StageCollect, 0, l.env()); !errors.As(err, &missing) || missing.Missing != len(s.Analysis.Parts)-1 {
		t.Errorf("error %v", err)
	}
	// A damaged result is made again.
	if err := l.store.Put(t.Context(), partPath(s, spec.AnalysisStatistics, "statistics.parquet"), []byte("x")); err != nil {
		t.Fatal(err)
	}
	r := l.runAll(s, l.env())
	if r.Analysis == nil {
		t.Error("no result")
	}
}

// The plan pins the zoo: another one under the same name is refused.
func TestAnalysisOfAnotherZoo(t *testing.T) {
	l := newLab(t)
	in := l.zooResult()
	in.ManifestDigest = "sha256:" + sha([]byte("another"))
	s := l.planAnalysis(everything(), in)
	var mine *InputError
	if _, err := l.run(s, spec.StageAnalyse, 0, l.env()); !errors.As(err, &mine) || mine.Field != "spec.zoo.name" {
		t.Errorf("error %v", err)
	}
}

// Nobody is left: the user's mistake, with its field.
func TestAnalysisOfNoModels(t *testing.T) {
	l := newLab(t)
	a := everything()
	a.Models.MinTestAccuracy = "1"
	s := l.planAnalysis(a, l.zooResult())
	var mine *InputError
	if _, err := l.run(s, spec.StageAnalyse, 0, l.env()); !errors.As(err, &mine) || mine.Field != "spec.models" {
		t.Errorf("error %v", err)
	}
}
