//go:build integration

package integration

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/weightspace/weightspace/api/v1alpha1"
	wt "github.com/weightspace/weightspace/controllers/testing"
	"github.com/weightspace/weightspace/runtime/spec"
)

// analysis is a ZooAnalysis whose spec is written as users write it.
func analysis(t *testing.T, namespace, name, text string) *v1alpha1.ZooAnalysis {
	t.Helper()
	a := &v1alpha1.ZooAnalysis{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if err := yaml.UnmarshalStrict([]byte(text), &a.Spec); err != nil {
		t.Fatal(err)
	}
	return a
}

func (p *place) analysisIs(name, condition, reason, text string) *v1alpha1.ZooAnalysis {
	p.t.Helper()
	a := &v1alpha1.ZooAnalysis{}
	eventually(p.t, "ZooAnalysis "+name+" is "+condition+" "+reason, func() string {
		if err := k8s.Get(p.t.Context(), client.ObjectKey{Namespace: p.ns, Name: name}, a); err != nil {
			return err.Error()
		}
		for _, c := range a.Status.Conditions {
			if c.Type == condition && c.Reason == reason && strings.Contains(c.Message, text) {
				return ""
			}
		}
		return conditions(a.Status.Conditions)
	})
	return a
}

// TestZooAnalysisLifecycle: it waits for its zoo, runs an analysis in each pod, holds the zoo while it runs, and goes stale with it.
func TestZooAnalysisLifecycle(t *testing.T) {
	p := newPlace(t)
	p.create(analysis(t, p.ns, "study", "{zoo: {name: zoo}, statistics: {}, trajectories: {}, similarity: {agreement: {}}}"))
	p.analysisIs("study", v1alpha1.ConditionReady, v1alpha1.ReasonZooNotFound, `"zoo"`)
	p.readyDataset(wt.MakeDataset(p.ns, "mnist").Obj())
	p.create(wt.MakeZoo(p.ns, "zoo").Obj())
	p.analysisIs("study", v1alpha1.ConditionReady, v1alpha1.ReasonWaiting, "zoo")
	p.completeZoo("zoo", 2, 4, 2)
	p.analysisIs("study", v1alpha1.ConditionReconciling, v1alpha1.ReasonAnalysing, "")
	p.stageSucceeds("study", spec.StageAnalyse, 3, nil)
	tau := 0.75
	p.stageSucceeds("study", spec.StageCollect, 1, spec.Termination{Reason: "Succeeded", Result: &spec.Result{
		ManifestDigest: digest("e"), ResultDigest: digest("f"), Analysis: &spec.AnalysisResult{Models: 4, Checkpoints: 12, Kendall: &tau},
	}})
	a := p.analysisIs("study", v1alpha1.ConditionComplete, v1alpha1.ReasonComplete, "")
	if s := a.Status; s.Analyses != "3/3" || *s.Models != 4 || s.Kendall != "0.75" || s.Agreement != "" || !strings.HasSuffix(s.Artifact.URI, p.ns+"/zooanalysis/study") {
		t.Errorf("status %+v", s)
	}
	// The zoo grows: the results stay and say that they are of the zoo as it was.
	p.mustPatch(p.zoo("zoo"), `{"spec":{"training":{"epochs":3}}}`)
	p.waitZoo("zoo", v1alpha1.ConditionReconciling, v1alpha1.ReasonTraining, "")
	p.stageSucceeds("zoo", spec.StageTrain, 2, nil)
	done := zooDone(4, 3)
	done.Result.ResultDigest = digest("9")
	p.stageSucceeds("zoo", spec.StageIndex, 1, done)
	p.analysisIs("study", v1alpha1.ConditionStale, v1alpha1.ReasonUpstreamChanged, "zoo")
}

// TestZooAnalysisSchema: what the API server refuses, and what cannot change.
func TestZooAnalysisSchema(t *testing.T) {
	p := newPlace(t)
	for name, c := range map[string]struct{ spec, want string }{
		"everything": {"{zoo: {name: z}, models: {limit: 3, minTestAccuracy: '0.2'}, epochs: {from: 0, to: 5, step: 1}, statistics: {}, trajectories: {linkages: [single], shuffleSeed: 2, trigger: {baselineWindow: 3, quantile: '0.9'}}, similarity: {agreement: {images: 5}, cka: {}, weightDistance: {}}, probes: {targets: [epoch]}, averaging: {models: 2}, embedding: {methods: [pca]}}", ""},
		"nothing":    {"{zoo: {name: z}}", "at least one of statistics"},
		"no-zoo":     {"{statistics: {}}", "spec.zoo"},
		"epochs":     {"{zoo: {name: z}, statistics: {}, epochs: {from: 5, to: 2}}", "spec.epochs.from"},
		"linkage":    {"{zoo: {name: z}, trajectories: {linkages: [centroid]}}", "spec.trajectories.linkages"},
		"target":     {"{zoo: {name: z}, probes: {targets: [luck]}}", "spec.probes.targets"},
		"soup":       {"{zoo: {name: z}, averaging: {models: 1}}", "spec.averaging.models"},
	} {
		err := k8s.Create(t.Context(), analysis(t, p.ns, name, c.spec))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	a := analysis(t, p.ns, "everything", "{}")
	for patch, want := range map[string]string{
		`{"spec":{"zoo":{"name":"other"}}}`:            "spec.zoo is immutable",
		`{"spec":{"statistics":null}}`:                 "spec.statistics is immutable",
		`{"spec":{"trajectories":{"shuffleSeed":3}}}`:  "spec.trajectories is immutable",
		`{"spec":{"models":{"limit":4}}}`:              "spec.models is immutable",
		`{"spec":{"similarity":{"agreement":null}}}`:   "spec.similarity is immutable",
		`{"spec":{"embedding":{"methods":["tsne"]}}}`:  "spec.embedding is immutable",
		`{"spec":{"parallelism":5,"suspend":true}}`:    "",
		`{"spec":{"ttlSecondsAfterFinished":1000000}}`: "",
	} {
		err := p.patch(a.DeepCopy(), patch)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", patch, err, want)
		}
	}
}
