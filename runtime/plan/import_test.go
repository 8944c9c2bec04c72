package plan_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

func importSpec(t *testing.T) *v1alpha1.ModelZooSpec {
	t.Helper()
	b, err := os.ReadFile("../../config/samples/import/modelzoo-published.yaml")
	if err != nil {
		t.Fatal(err)
	}
	z := &v1alpha1.ModelZoo{}
	if err := yaml.UnmarshalStrict(b, z); err != nil {
		t.Fatal(err)
	}
	return &z.Spec
}

// TestImport: an imported zoo has the stages import and index; its digest covers the bytes of the source, not where they lie.
func TestImport(t *testing.T) {
	z := importSpec(t)
	in := plan.Inputs{Namespace: "ns", Name: "z", StoreURL: "s3://b"}
	s, err := plan.ModelZoo(z, in)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Stages) != 2 || s.Stages[0].Name != spec.StageImport || s.Stages[1].Name != spec.StageIndex || s.Zoo.Import.MaxAbsWeight != "100" || plan.Total(s.Zoo) != 0 {
		t.Errorf("%+v, %+v", s.Stages, s.Zoo.Import)
	}
	b := plan.Marshal(s)
	again, err := plan.Unmarshal(b)
	if err != nil || !bytes.Equal(plan.Marshal(again), b) {
		t.Errorf("the plan does not survive: %v", err)
	}
	digest := plan.ModelZooSpecDigest(z)
	if digest != s.SpecDigest {
		t.Error("plan and spec have other digests")
	}
	moved := importSpec(t)
	moved.Import.Source.URL = "store:zoo.zip"
	moved.Import.Filter = v1alpha1.ImportFilter{NonFinite: v1alpha1.NonFiniteDrop, MaxAbsWeight: "1e2"}
	if plan.ModelZooSpecDigest(moved) != digest {
		t.Error("another place or spelling changes the digest")
	}
	moved.Import.Filter.NonFinite = v1alpha1.NonFiniteKeep
	if plan.ModelZooSpecDigest(moved) == digest {
		t.Error("the filter does not change the digest")
	}
}

// TestImportFields: what the files say cannot be set, and mistakes name their field.
func TestImportFields(t *testing.T) {
	for field, change := range map[string]func(*v1alpha1.ModelZooSpec){
		"spec.preset":                     func(z *v1alpha1.ModelZooSpec) { z.Preset = "mnist-seed" },
		"spec.architecture":               func(z *v1alpha1.ModelZooSpec) { z.Architecture.Preset = "cnn-small" },
		"spec.population":                 func(z *v1alpha1.ModelZooSpec) { z.Population.Seeds.Count = 1 },
		"spec.training":                   func(z *v1alpha1.ModelZooSpec) { z.Training.Epochs = 1 },
		"spec.retention":                  func(z *v1alpha1.ModelZooSpec) { z.Retention.Checkpoints = "last" },
		"spec.twins":                      func(z *v1alpha1.ModelZooSpec) { z.Twins = make([]v1alpha1.Twin, 1) },
		"spec.import.layout[0]":           func(z *v1alpha1.ModelZooSpec) { z.Import.Layout = "tfCheckpoint" },
		"spec.import.source.url":          func(z *v1alpha1.ModelZooSpec) { z.Import.Source.URL = "folder:here" },
		"spec.import.source.sha256":       func(z *v1alpha1.ModelZooSpec) { z.Import.Source.SHA256 = "abc" },
		"spec.import.filter.nonFinite":    func(z *v1alpha1.ModelZooSpec) { z.Import.Filter.NonFinite = "maybe" },
		"spec.import.filter.maxAbsWeight": func(z *v1alpha1.ModelZooSpec) { z.Import.Filter.MaxAbsWeight = "-1" },
	} {
		z := importSpec(t)
		change(z)
		_, err := plan.ModelZoo(z, plan.Inputs{Namespace: "ns", Name: "z"})
		var f *plan.FieldError
		if !errors.As(err, &f) || !strings.HasPrefix(f.Field, field) {
			t.Errorf("%v, want field %s", err, field)
		}
	}
}
