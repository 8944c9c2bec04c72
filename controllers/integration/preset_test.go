//go:build integration

package integration

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// TestPresetSchema: a preset stands alone but for what shrinks it, the API server adds no recipe to it, and it grows.
func TestPresetSchema(t *testing.T) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "preset-"}}
	if err := k8s.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	build := func(name, spec string) *v1alpha1.ModelZoo {
		z := &v1alpha1.ModelZoo{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: name}}
		if err := yaml.UnmarshalStrict([]byte(spec), &z.Spec); err != nil {
			t.Fatal(err)
		}
		return z
	}
	for name, c := range map[string]struct{ spec, want string }{
		"alone":        {"{dataset: {name: mnist}, preset: mnist-seed}", ""},
		"shrunk":       {"{dataset: {name: mnist}, preset: mnist-hyp-10-rand, population: {limit: 32}, training: {epochs: 2}, retention: {checkpoints: every, every: 5}, sharding: {membersPerShard: 8}}", ""},
		"limited":      {"{dataset: {name: mnist}, architecture: {preset: cnn-small}, population: {limit: 3, seeds: {count: 4}}, training: {epochs: 2}}", ""},
		"unknown":      {"{dataset: {name: mnist}, preset: mnist}", "spec.preset"},
		"nothing":      {"{dataset: {name: mnist}}", "set spec.preset, or"},
		"no-seeds":     {"{dataset: {name: mnist}, architecture: {preset: cnn-small}, population: {limit: 3}, training: {epochs: 2}}", "set spec.preset, or"},
		"architecture": {"{dataset: {name: mnist}, preset: mnist-seed, architecture: {preset: cnn-small}}", "only population.limit and training.epochs"},
		"seeds":        {"{dataset: {name: mnist}, preset: mnist-seed, population: {seeds: {count: 3}}}", "only population.limit and training.epochs"},
		"batch":        {"{dataset: {name: mnist}, preset: mnist-seed, training: {batchSize: 3}}", "only training.epochs"},
		"every":        {"{dataset: {name: mnist}, preset: mnist-seed, retention: {checkpoints: every}}", "spec.retention.every"},
		"distance":     {"{dataset: {name: mnist}, preset: mnist-seed, retention: {checkpoints: last, every: 2}}", "spec.retention.every"},
	} {
		err := k8s.Create(t.Context(), build(name, c.spec))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	zoo := build("grown", "{dataset: {name: mnist}, preset: mnist-seed, population: {limit: 3}, training: {epochs: 2}}")
	if err := k8s.Create(t.Context(), zoo); err != nil {
		t.Fatal(err)
	}
	if zoo.Spec.Training.BatchSize != 0 || len(zoo.Spec.Population.Grid.Activation) != 0 {
		t.Errorf("the API server added to a preset: %+v %+v", zoo.Spec.Training, zoo.Spec.Population)
	}
	for patch, want := range map[string]string{
		`{"spec":{"population":{"limit":2}}}`:           "spec.population.limit",
		`{"spec":{"training":{"epochs":1}}}`:            "spec.training.epochs",
		`{"spec":{"training":null}}`:                    "spec.training.epochs",
		`{"spec":{"preset":"usps-seed"}}`:               "spec.preset is immutable",
		`{"spec":{"retention":{"checkpoints":"last"}}}`: "spec.retention is immutable",
	} {
		err := k8s.Patch(t.Context(), zoo.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(patch)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want a refusal that names %s", patch, err, want)
		}
	}
	grow := `{"spec":{"population":{"limit":5},"training":{"epochs":3}}}`
	if err := k8s.Patch(t.Context(), zoo, client.RawPatch("application/merge-patch+json", []byte(grow))); err != nil {
		t.Errorf("%s: %v", grow, err)
	}
	if err := k8s.Patch(t.Context(), zoo, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"population":null}}`))); err != nil {
		t.Errorf("a limit cannot be removed: %v", err)
	}
}
