package plan_test

import (
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/plan"
)

// The sample zoos can be planned, with the parameters that their comments tell.
func TestSamplesArePlanned(t *testing.T) {
	want := map[string]int{"modelzoo-mnist-twins.yaml": 2464, "modelzoo-mnist-small.yaml": 2464, "modelzoo-mnist-layers.yaml": 15034}
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
			s, err := plan.ModelZoo(&z.Spec, inputs(z.Name))
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
