package plan_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

func dataset(edit ...func(*v1alpha1.DatasetSpec)) *v1alpha1.DatasetSpec {
	validation := int32(10000)
	d := &v1alpha1.DatasetSpec{
		Format:        v1alpha1.DatasetFormatIDX,
		Splits:        v1alpha1.DatasetSplits{Train: 50000, Validation: &validation, Test: 10000},
		Limit:         v1alpha1.DatasetLimit{Train: 5000, Validation: 1000, Test: 1000},
		Normalization: v1alpha1.Normalization{Mean: []v1alpha1.Decimal{"0.1307"}, Std: []v1alpha1.Decimal{"0.3081"}},
	}
	for i, role := range []v1alpha1.FileRole{"trainImages", "trainLabels", "testImages", "testLabels"} {
		d.Files = append(d.Files, v1alpha1.DatasetFile{Role: role, URL: "store:mnist/" + string(role), SHA256: strings.Repeat(string('a'+rune(i)), 64)})
	}
	for _, e := range edit {
		e(d)
	}
	return d
}

func TestDatasetPlan(t *testing.T) {
	in := plan.Inputs{Namespace: "ns", Name: "mnist", StoreURL: "pvc://c/p"}
	s, err := plan.Dataset(dataset(), in)
	if err != nil {
		t.Fatal(err)
	}
	if s.ArtifactPath != "ns/dataset/mnist" || len(s.Stages) != 2 || s.Dataset.Splits.Seed != 42 {
		t.Errorf("unexpected plan: %+v", s)
	}
	shuffled := dataset(func(d *v1alpha1.DatasetSpec) { d.Files[0], d.Files[3] = d.Files[3], d.Files[0] })
	if plan.DatasetSpecDigest(shuffled) != s.SpecDigest {
		t.Error("the order of spec.files, a map by role, moved the digest")
	}
	if _, err := plan.Unmarshal(plan.Marshal(s)); err != nil {
		t.Error(err)
	}
}

func TestDatasetErrorsNameTheField(t *testing.T) {
	for field, edit := range map[string]func(*v1alpha1.DatasetSpec){
		"spec.format":                func(d *v1alpha1.DatasetSpec) { d.Format = "arff" },
		"spec.files":                 func(d *v1alpha1.DatasetSpec) { d.Files = d.Files[:3] },
		"spec.limit.train":           func(d *v1alpha1.DatasetSpec) { d.Limit.Train = 60000 },
		"spec.splits.test":           func(d *v1alpha1.DatasetSpec) { d.Splits.Test = 0; d.Limit = v1alpha1.DatasetLimit{} },
		"spec.splits.validation":     func(d *v1alpha1.DatasetSpec) { d.Splits.Validation = nil },
		"spec.normalization":         func(d *v1alpha1.DatasetSpec) { d.Normalization.Std = nil },
		"spec.normalization.std[0]":  func(d *v1alpha1.DatasetSpec) { d.Normalization.Std[0] = "0" },
		"spec.normalization.mean[0]": func(d *v1alpha1.DatasetSpec) { d.Normalization.Mean[0] = "1e999" },
	} {
		_, err := plan.Dataset(dataset(edit), plan.Inputs{})
		var fe *plan.FieldError
		if !errors.As(err, &fe) || fe.Field != field {
			t.Errorf("got %v, want a FieldError for %s", err, field)
		}
	}
}

// The command line applies defaults itself; the API server applies those of the CRD. They
// must be the same, or one manifest would give two digests.
func TestDefaultsEqualTheCRDs(t *testing.T) {
	z := &v1alpha1.ModelZooSpec{Population: v1alpha1.Population{Seeds: v1alpha1.Seeds{Random: v1alpha1.RandomSeeds{Count: 1}}}}
	plan.DefaultModelZoo(z)
	zs := crdSpec(t, "../../config/crd/bases/weightspace.dev_modelzoos.yaml")
	// A preset fills in what the recipe leaves open: the API server must not.
	for _, part := range []apiextensions.JSONSchemaProps{zs.Properties["population"].Properties["grid"], zs.Properties["training"]} {
		for name, p := range part.Properties {
			if p.Default != nil || part.Default != nil {
				t.Errorf("%s has a default, so that a ModelZoo with a preset would carry it", name)
			}
		}
	}
	seeds := zs.Properties["population"].Properties["seeds"].Properties
	sameDefault(t, "rootSeed", seeds["random"].Properties["rootSeed"], z.Population.Seeds.Random.RootSeed)
	sameDefault(t, "parallelism", zs.Properties["parallelism"], z.Parallelism)
	sameDefault(t, "suspend", zs.Properties["suspend"], z.Suspend)
	sameDefault(t, "deletionPolicy", zs.Properties["deletionPolicy"], z.DeletionPolicy)
	sameDefault(t, "cpu", zs.Properties["compute"].Properties["cpu"], z.Compute.CPU)

	d := &v1alpha1.DatasetSpec{}
	plan.DefaultDataset(d)
	ds := crdSpec(t, "../../config/crd/bases/weightspace.dev_datasets.yaml")
	sameDefault(t, "splits.seed", ds.Properties["splits"].Properties["seed"], d.Splits.Seed)
}

// What is set in a union gets the CRD's defaults for its members, and nothing else.
func TestDefaultsOfUnionsEqualTheCRDs(t *testing.T) {
	zs := crdSpec(t, "../../config/crd/bases/weightspace.dev_modelzoos.yaml")
	for field, c := range map[string]struct {
		schema apiextensions.JSONSchemaProps
		// set is each member with what is required of it.
		set map[string]string
	}{
		"layers": {*zs.Properties["architecture"].Properties["layers"].Items.Schema, map[string]string{
			"name": "", "conv2d": "{out: 1, kernel: 1}", "linear": "{out: 1}", "batchNorm": "{}", "layerNorm": "{}", "activation": "{}", "dropout": "{}",
			"maxPool": "{kernel: 2}", "avgPool": "{kernel: 2}", "globalAvgPool": "{}", "flatten": "{}", "basicBlock": "{out: 1}",
			"patchEmbedding": "{patch: 1, dim: 1}", "transformer": "{depth: 1, heads: 1, mlp: 1}", "tokenEmbedding": "{vocabulary: 1, positions: 1, dim: 1}",
			"tokenLogits": "{}", "firstToken": "{}",
		}},
		"schedule": {zs.Properties["training"].Properties["schedule"], map[string]string{
			"warmupEpochs": "", "step": "{size: 1}", "multiStep": "{milestones: [1]}", "exponential": "{gamma: '0.5'}", "cosine": "{}", "oneCycle": "{}", "reduceOnPlateau": "{}",
		}},
	} {
		for member, schema := range c.schema.Properties {
			required, known := c.set[member]
			if !known {
				t.Errorf("%s.%s is not tested", field, member)
			}
			if required == "" {
				continue
			}
			var z v1alpha1.ModelZooSpec
			var into any = &z.Training.Schedule
			if field == "layers" {
				z.Architecture.Layers = make([]v1alpha1.Layer, 1)
				into = &z.Architecture.Layers[0]
			}
			if err := yaml.UnmarshalStrict([]byte("{"+member+": "+required+"}"), into); err != nil {
				t.Fatal(err)
			}
			var want map[string]any
			if err := yaml.Unmarshal([]byte(required), &want); err != nil {
				t.Fatal(err)
			}
			for name, p := range schema.Properties {
				var value any
				if p.Default != nil && json.Unmarshal(p.Default.Raw, &value) == nil {
					want[name] = value
				}
			}
			plan.DefaultModelZoo(&z)
			var have map[string]map[string]any
			if b, err := json.Marshal(into); err != nil || json.Unmarshal(b, &have) != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]map[string]any{member: want}, have); diff != "" {
				t.Errorf("%s.%s: the CRD's defaults (-) are not the command line's (+):\n%s", field, member, diff)
			}
		}
	}
}

func crdSpec(t *testing.T, path string) apiextensions.JSONSchemaProps {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensions.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(b, &crd); err != nil {
		t.Fatal(err)
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
}

func sameDefault(t *testing.T, field string, schema apiextensions.JSONSchemaProps, got any) {
	t.Helper()
	if schema.Default == nil {
		t.Errorf("%s: the CRD has no default", field)
		return
	}
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var want, have any
	if json.Unmarshal(schema.Default.Raw, &want) != nil || json.Unmarshal(b, &have) != nil {
		t.Fatalf("%s: unreadable default", field)
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("%s: the CRD's default (-) is not the command line's (+):\n%s", field, diff)
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(`{"planVersion":1,"numerics":"` + spec.NumericsVersion + `","zoo":{}}`))
	stack := "{layers: [{patchEmbedding: {patch: 4, dim: 8}}, {transformer: {depth: 2, heads: 2, mlp: 8}}, {firstToken: {}}, {linear: {out: 10}}]}"
	for _, a := range []v1alpha1.Architecture{{Preset: "resnet18"}, mlp("20", ""), architecture(stack)} {
		s, err := plan.ModelZoo(small(func(z *v1alpha1.ModelZooSpec) {
			z.Architecture, z.Training.Schedule.Cosine = a, &v1alpha1.CosineSchedule{}
		}), inputs("z"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(plan.Marshal(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := plan.Unmarshal(b)
		if err != nil {
			return
		}
		if (s.Dataset == nil) == (s.Zoo == nil) {
			t.Error("accepted a plan of no kind")
		}
		if s.Zoo != nil {
			// A network that does not fit is an error, no panic.
			_, _, _ = plan.Work(s.Zoo)
		}
	})
}
