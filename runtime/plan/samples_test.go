package plan_test

import (
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// The sample zoos can be planned, with the parameters that their comments tell.
func TestSamplesArePlanned(t *testing.T) {
	want := map[string]int{
		"modelzoo-published.yaml":   0, // the files will tell
		"modelzoo-mnist-twins.yaml": 2464, "modelzoo-mnist-small.yaml": 2464, "modelzoo-mnist-layers.yaml": 15034, "modelzoo-mnist-hyp-slice.yaml": 2464,
		"modelzoo-vit-supervised.yaml": 5362762, "modelzoo-vit-contrastive.yaml": 5362762, "modelzoo-vit-finetuned.yaml": 5438794,
	}
	for _, pattern := range []string{"modelzoo-*.yaml", "*/modelzoo-*.yaml"} {
		files, err := filepath.Glob("../../config/samples/" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var z v1alpha1.ModelZoo
			if err := yaml.UnmarshalStrict(b, &z); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			s, err := plan.ModelZoo(&z.Spec, sampleInputs(t, &z, file))
			if err != nil || s.Zoo.Parameters != want[filepath.Base(file)] {
				t.Errorf("%s: %v, want a plan of %d parameters", file, err, want[filepath.Base(file)])
			}
			delete(want, filepath.Base(file))
		}
	}
	if len(want) != 0 {
		t.Errorf("no such samples: %v", want)
	}
}

// sampleInputs are those of MNIST, for vision transformers of CIFAR-10, and the zoo that a sample continues.
func sampleInputs(t *testing.T, z *v1alpha1.ModelZoo, file string) plan.Inputs {
	t.Helper()
	in := inputs(z.Name)
	if z.Spec.Dataset.Name != "cifar10" {
		return in
	}
	d := *in.Dataset
	d.Channels, d.Height, d.Width = 3, 32, 32
	in.Dataset = &d
	parent := z.Spec.InitialWeights.Zoo.Name
	if parent == "" {
		return in
	}
	b, err := os.ReadFile(filepath.Join(filepath.Dir(file), "modelzoo-"+string(parent)+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var p v1alpha1.ModelZoo
	if err := yaml.UnmarshalStrict(b, &p); err != nil {
		t.Fatal(err)
	}
	s, err := plan.ModelZoo(&p.Spec, in)
	if err != nil {
		t.Fatal(err)
	}
	in.Zoo, in.ZooPlan = &spec.ZooInput{Name: string(parent), Epochs: s.Zoo.Epochs}, s.Zoo
	return in
}
