//go:build e2e

package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// TestTwinsAndStudy: a zoo with sparse twins and a study of it, pods that are killed on the way; both end as without a cluster.
func TestTwinsAndStudy(t *testing.T) {
	p := newPlace(t, "study")
	d := p.dataset(t, 500)
	finetune := int32(1)
	z := zooManifest(p.ns, "zoo", func(z *v1alpha1.ModelZoo) {
		z.Spec.Training.Epochs = 4
		z.Spec.Population.Grid.LearningRate = []v1alpha1.Decimal{"1e-3"}
		z.Spec.Twins = []v1alpha1.Twin{
			{Name: "pruned", Method: v1alpha1.TwinMagnitude, Sparsity: []v1alpha1.Decimal{"0.5"}, FinetuneEpochs: &finetune},
			{Name: "dropout", Method: v1alpha1.TwinVariationalDropout, VariationalDropout: v1alpha1.VariationalDropout{Epochs: 2}},
		}
	})
	a := &v1alpha1.ZooAnalysis{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.ns, Name: "study"},
		Spec: v1alpha1.ZooAnalysisSpec{
			Zoo: v1alpha1.ZooReference{Name: "zoo"}, Statistics: &v1alpha1.StatisticsAnalysis{}, Trajectories: &v1alpha1.TrajectoriesAnalysis{},
			Similarity: v1alpha1.SimilarityAnalysis{Agreement: &v1alpha1.AgreementAnalysis{}}, Averaging: &v1alpha1.AveragingAnalysis{Models: 2, Soups: 1, Epochs: 2},
			Store: v1alpha1.StoreReference{Name: v1alpha1.ObjectName(p.ns)},
		},
	}
	folder := undisturbed(t, d, z, a)
	p.create(t, a) // before its zoo: it waits
	p.create(t, z)
	p.training(t, "zoo")
	if killProcesses(t, "/weightspace", "task", "--stage", "train") == 0 {
		t.Log("no training process was there to kill")
	}
	p.sameResult(t, "zoo", manifestDigest(t, filepath.Join(folder, p.ns, "modelzoo", "zoo")))
	if got := p.getZoo(t, "zoo").Status.Twins; len(got) != 2 || *got[0].Twins != 4 {
		t.Errorf("status.twins %+v", got)
	}
	done := &v1alpha1.ZooAnalysis{}
	eventually(t, zooDeadline, "ZooAnalysis study completes", func() string {
		if err := p.c.client.Get(t.Context(), clientKey(p.ns, "study"), done); err != nil {
			return err.Error()
		}
		if meta.IsStatusConditionTrue(done.Status.Conditions, v1alpha1.ConditionFailed) {
			t.Fatalf("it failed: %s", readyText(done.Status.Conditions))
		}
		if meta.IsStatusConditionTrue(done.Status.Conditions, v1alpha1.ConditionComplete) && done.Status.Artifact.URI != "" {
			return ""
		}
		return readyText(done.Status.Conditions)
	})
	if got, want := string(done.Status.Artifact.ResultDigest), manifestDigest(t, filepath.Join(folder, p.ns, "zooanalysis", "study")); got != want {
		t.Errorf("resultDigest of the study: got %s, without a cluster %s", got, want)
	}
	out := p.c.kubectl(t, "get", "za", "-n", p.ns)
	t.Logf("\n%s", out)
	for _, want := range []string{"NAME", "ZOO", "ANALYSES", "SEPARATION", "TAU", "AGREEMENT", "4/4", "True", "Complete"} {
		if !strings.Contains(out, want) {
			t.Errorf("kubectl get zooanalyses lacks %q", want)
		}
	}
}
