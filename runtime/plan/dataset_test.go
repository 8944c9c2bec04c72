package plan_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/data/catalog"
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

// Digests and plans of data sets made before there were other formats stay.
func TestOldDatasetsStay(t *testing.T) {
	in := plan.Inputs{Namespace: "ns", Name: "mnist", StoreURL: "pvc://c/p"}
	for name, tc := range map[string]struct {
		d            *v1alpha1.DatasetSpec
		digest, plan string
	}{
		"test":   {dataset(), "sha256:1b543c4b23ef40bd485af7fa94c32b02d7253a6c60ded21e3fcd583866f14610", "sha256:19253db22e6d67af884d518dc20e383756e684d0d7dc5d41588ce3a0f3a943f9"},
		"sample": {sampleDataset(t, "dataset-mnist.yaml"), "sha256:d4fafa1f8448f5cbdf0bebf1fdb73a2d26b8f242436d1527d1a59ffa57a7dd39", "sha256:d8fc6ac2c5e3145624aec838fb2e514f5a8d646d9dd5e901564c70009c683be5"},
	} {
		s, err := plan.Dataset(tc.d, in)
		if err != nil {
			t.Fatal(err)
		}
		if got := plan.DatasetSpecDigest(tc.d); got != tc.digest || s.SpecDigest != got || plan.Digest(s) != tc.plan {
			t.Errorf("%s: digest %s, plan %s; want %s, %s", name, got, plan.Digest(s), tc.digest, tc.plan)
		}
	}
}

func sampleDataset(t *testing.T, file string) *v1alpha1.DatasetSpec {
	t.Helper()
	b, err := os.ReadFile("../../config/samples/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var d v1alpha1.Dataset
	if err := yaml.UnmarshalStrict(b, &d); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return &d.Spec
}

// files gives a data set files with these roles.
func files(roles ...v1alpha1.FileRole) []v1alpha1.DatasetFile {
	var out []v1alpha1.DatasetFile
	for i, role := range roles {
		out = append(out, v1alpha1.DatasetFile{Role: role, URL: fmt.Sprintf("s3://bucket/%s/%d", role, i), SHA256: strings.Repeat(string('a'+rune(i%6)), 64)})
	}
	return out
}

// Every format takes the roles it says, and no others.
func TestDatasetRoles(t *testing.T) {
	for _, tc := range []struct {
		format string
		roles  string
		fine   bool
	}{
		{"idx", "testLabels trainImages trainLabels testImages", true},
		{"idx", "archive", false},
		{"cifar10", "train train test train train train", true},
		{"cifar10", "archive", true},
		{"cifar10", "archive test", false},
		{"cifar100", "train test", true},
		{"cifar100", "train", false},
		{"svhn", "test train", true},
		{"svhn", "train train test", false},
		{"usps", "train test", true},
		{"stl10", "archive", true},
		{"stl10", "trainImages trainLabels testImages testLabels", true},
		{"stl10", "train test", false},
		{"imageFolder", "archive", true},
		{"imageFolder", "train validation test", true},
		{"imageFolder", "train test test", false},
		{"npz", "archive", true},
		{"npz", "train test", false},
		{"parquet", "train train validation test", true},
		{"parquet", "train validation", false},
	} {
		d := dataset(func(d *v1alpha1.DatasetSpec) {
			var roles []v1alpha1.FileRole
			for _, r := range strings.Fields(tc.roles) {
				roles = append(roles, v1alpha1.FileRole(r))
			}
			d.Format, d.Files = v1alpha1.DatasetFormat(tc.format), files(roles...)
		})
		s, err := plan.Dataset(d, plan.Inputs{})
		var fe *plan.FieldError
		switch {
		case tc.fine && (err != nil || len(s.Dataset.Files) != len(d.Files)):
			t.Errorf("%s with %s: %v", tc.format, tc.roles, err)
		case !tc.fine && (!errors.As(err, &fe) || fe.Field != "spec.files"):
			t.Errorf("%s with %s: %v, want a FieldError for spec.files", tc.format, tc.roles, err)
		}
	}
}

// The order of files of one role is the order of their images; that of roles means nothing.
func TestDatasetFilesInOrder(t *testing.T) {
	digest := func(order ...int) string {
		f := files("train", "train", "test")
		d := dataset(func(d *v1alpha1.DatasetSpec) {
			d.Format, d.Files = "cifar10", nil
			for _, i := range order {
				d.Files = append(d.Files, f[i])
			}
		})
		return plan.DatasetSpecDigest(d)
	}
	if digest(0, 1, 2) != digest(2, 0, 1) || digest(0, 1, 2) == digest(1, 0, 2) {
		t.Error("the digest must follow the order within a role only")
	}
}

// What has its default is no part of the digest; what has not, is.
func TestDatasetTransformInDigest(t *testing.T) {
	digest := func(edit func(*v1alpha1.DatasetSpec)) string {
		return plan.DatasetSpecDigest(dataset(func(d *v1alpha1.DatasetSpec) { d.Format, d.Files = "cifar100", files("archive") }, edit))
	}
	plain := digest(func(*v1alpha1.DatasetSpec) {})
	seen := map[string]bool{plain: true}
	for name, edit := range map[string]func(*v1alpha1.DatasetSpec){
		"coarse":    func(d *v1alpha1.DatasetSpec) { d.Options.Labels = "coarse" },
		"resize":    func(d *v1alpha1.DatasetSpec) { d.Transform.Resize = 28 },
		"bicubic":   func(d *v1alpha1.DatasetSpec) { d.Transform.Resize, d.Transform.Interpolation = 28, "bicubic" },
		"crop":      func(d *v1alpha1.DatasetSpec) { d.Transform.CenterCrop = 28 },
		"grayscale": func(d *v1alpha1.DatasetSpec) { d.Transform.Grayscale = ptr.To(true) },
	} {
		if got := digest(edit); seen[got] {
			t.Errorf("%s does not move the digest", name)
		} else {
			seen[got] = true
		}
	}
	for name, edit := range map[string]func(*v1alpha1.DatasetSpec){
		"fine":  func(d *v1alpha1.DatasetSpec) { d.Options.Labels = "fine" },
		"color": func(d *v1alpha1.DatasetSpec) { d.Transform.Grayscale = ptr.To(false) },
	} {
		if digest(edit) != plain {
			t.Errorf("%s, a default, moves the digest", name)
		}
	}
	if !seen[digest(func(d *v1alpha1.DatasetSpec) { d.Transform.Resize, d.Transform.Interpolation = 28, "bilinear" })] {
		t.Error("bilinear, the default, moves the digest")
	}
}

// Memory and disk follow the shape that is known before anything is read.
func TestDatasetSizes(t *testing.T) {
	of := func(edit func(*v1alpha1.DatasetSpec)) *spec.Snapshot {
		s, err := plan.Dataset(dataset(edit), plan.Inputs{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	color := of(func(d *v1alpha1.DatasetSpec) { d.Format, d.Files = "stl10", files("archive") })
	small := of(func(d *v1alpha1.DatasetSpec) {
		d.Format, d.Files, d.Transform = "stl10", files("archive"), v1alpha1.DatasetTransform{Resize: 28, Grayscale: ptr.To(true)}
	})
	if color.DiskBytes != 70_000*3*96*96 || small.DiskBytes != 70_000*28*28 || small.Stages[0].MemoryBytes >= color.Stages[0].MemoryBytes {
		t.Errorf("disk %d and %d, memory %d and %d", color.DiskBytes, small.DiskBytes, color.Stages[0].MemoryBytes, small.Stages[0].MemoryBytes)
	}
}

// The sample data sets can be planned; those of known data sets are what the catalogue says.
func TestSampleDatasetsArePlanned(t *testing.T) {
	files, err := filepath.Glob("../../config/samples/datasets/dataset-*.yaml")
	if err != nil || len(files) < 9 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	formats := map[string]bool{}
	for _, file := range files {
		d := sampleDataset(t, "datasets/"+filepath.Base(file))
		s, err := plan.Dataset(d, plan.Inputs{Namespace: "ns", Name: "x", StoreURL: "pvc://c/p"})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		formats[s.Dataset.Format] = true
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "dataset-"), ".yaml")
		e, err := catalog.Find(name)
		if err != nil {
			continue
		}
		if diff := cmp.Diff(e.Normalization, s.Dataset.Normalization); diff != "" || e.Splits != s.Dataset.Splits || e.Format != s.Dataset.Format {
			t.Errorf("%s: the catalogue says %+v, the sample %+v", file, e, s.Dataset)
		}
		if diff := cmp.Diff(e.Transform, s.Dataset.Transform); diff != "" {
			t.Errorf("%s: transform of the catalogue (-) and the sample (+):\n%s", file, diff)
		}
	}
	for _, f := range spec.Formats {
		if !formats[f] {
			t.Errorf("no sample has format %s", f)
		}
	}
}

// The shape that a plan of a zoo may assume before the data set is there.
func TestDatasetShape(t *testing.T) {
	for _, tc := range []struct {
		d    spec.Dataset
		want [4]int
	}{
		{spec.Dataset{Format: "idx"}, [4]int{1, 28, 28, 10}},
		{spec.Dataset{Format: "cifar10"}, [4]int{3, 32, 32, 10}},
		{spec.Dataset{Format: "cifar10", Transform: &spec.Transform{Resize: 28}}, [4]int{3, 28, 28, 10}},
		{spec.Dataset{Format: "cifar100", Options: &spec.FormatOptions{Labels: "coarse"}}, [4]int{3, 32, 32, 20}},
		{spec.Dataset{Format: "svhn", Transform: &spec.Transform{CenterCrop: 28, Grayscale: true}}, [4]int{1, 28, 28, 10}},
		{spec.Dataset{Format: "usps", Transform: &spec.Transform{Resize: 28}}, [4]int{1, 28, 28, 10}},
		{spec.Dataset{Format: "imageFolder"}, [4]int{3, 64, 64, 200}},
	} {
		var got [4]int
		if got[0], got[1], got[2], got[3] = plan.DatasetShape(&tc.d); got != tc.want {
			t.Errorf("%+v: %v, want %v", tc.d, got, tc.want)
		}
	}
}

func TestDatasetErrorsNameTheField(t *testing.T) {
	parquet := func(edit func(*v1alpha1.DatasetSpec)) func(*v1alpha1.DatasetSpec) {
		return func(d *v1alpha1.DatasetSpec) { d.Format, d.Files = "parquet", files("train", "test"); edit(d) }
	}
	for _, tc := range []struct {
		field string
		edit  func(*v1alpha1.DatasetSpec)
	}{
		{"spec.format", func(d *v1alpha1.DatasetSpec) { d.Format = "arff" }},
		{"spec.files", func(d *v1alpha1.DatasetSpec) { d.Files = d.Files[:3] }},
		{"spec.files[1].role", func(d *v1alpha1.DatasetSpec) { d.Files[1].Role = "images" }},
		{"spec.files[1].url", func(d *v1alpha1.DatasetSpec) { d.Files[1].URL = d.Files[0].URL }},
		{"spec.files[0].url", func(d *v1alpha1.DatasetSpec) { d.Files[0].URL = "s3://bucket/x?endpoint=http://evil.example.com" }},
		{"spec.files[0].url", func(d *v1alpha1.DatasetSpec) { d.Files[0].URL = "s3://user:secret@bucket/x" }},
		{"spec.files[0].url", func(d *v1alpha1.DatasetSpec) { d.Files[0].URL = "gs://bucket/../x" }},
		{"spec.files[0].url", func(d *v1alpha1.DatasetSpec) { d.Files[0].URL = "azblob://bucket/" }},
		{"spec.files[0].url", func(d *v1alpha1.DatasetSpec) { d.Files[0].URL = "file:///etc/passwd" }},
		{"spec.files[0].url", func(d *v1alpha1.DatasetSpec) { d.Files[0].URL = "ftp://host/x" }},
		{"spec.limit.train", func(d *v1alpha1.DatasetSpec) { d.Limit.Train = 60000 }},
		{"spec.splits.test", func(d *v1alpha1.DatasetSpec) { d.Splits.Test = 0; d.Limit = v1alpha1.DatasetLimit{} }},
		{"spec.splits.validation", func(d *v1alpha1.DatasetSpec) { d.Splits.Validation = nil }},
		{"spec.normalization", func(d *v1alpha1.DatasetSpec) { d.Normalization.Std = nil }},
		{"spec.normalization.std[0]", func(d *v1alpha1.DatasetSpec) { d.Normalization.Std[0] = "0" }},
		{"spec.normalization.mean[0]", func(d *v1alpha1.DatasetSpec) { d.Normalization.Mean[0] = "1e999" }},
		{"spec.normalization", func(d *v1alpha1.DatasetSpec) {
			d.Transform.Grayscale, d.Normalization.Mean, d.Normalization.Std = ptr.To(true), []v1alpha1.Decimal{"0", "0", "0"}, []v1alpha1.Decimal{"1", "1", "1"}
		}},
		{"spec.transform.resize", func(d *v1alpha1.DatasetSpec) { d.Transform.Resize = 5000 }},
		{"spec.transform.centerCrop", func(d *v1alpha1.DatasetSpec) { d.Transform.CenterCrop = -1 }},
		{"spec.transform.centerCrop", func(d *v1alpha1.DatasetSpec) { d.Transform.Resize, d.Transform.CenterCrop = 28, 32 }},
		{"spec.transform.interpolation", func(d *v1alpha1.DatasetSpec) { d.Transform.Interpolation = "bicubic" }},
		{"spec.transform.interpolation", func(d *v1alpha1.DatasetSpec) { d.Transform.Resize, d.Transform.Interpolation = 28, "lanczos" }},
		{"spec.options.labels", func(d *v1alpha1.DatasetSpec) { d.Options.Labels = "coarse" }},
		{"spec.options.labels", func(d *v1alpha1.DatasetSpec) {
			d.Format, d.Files, d.Options.Labels = "cifar100", files("archive"), "both"
		}},
		{"spec.options.labels", parquet(func(d *v1alpha1.DatasetSpec) { d.Options.Labels = "fine" })},
		{"spec.options.imageColumn", func(d *v1alpha1.DatasetSpec) { d.Options.ImageColumn = "x" }},
		{"spec.options.labelColumn", func(d *v1alpha1.DatasetSpec) { d.Options.LabelColumn = "x" }},
	} {
		_, err := plan.Dataset(dataset(tc.edit), plan.Inputs{})
		var fe *plan.FieldError
		if !errors.As(err, &fe) || fe.Field != tc.field {
			t.Errorf("got %v, want a FieldError for %s", err, tc.field)
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
