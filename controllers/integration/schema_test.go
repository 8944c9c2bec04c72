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
	wt "github.com/weightspace/weightspace/controllers/testing"
)

// zooWith is a small zoo with parts of its spec replaced, as a user writes them.
func zooWith(t *testing.T, namespace, name, architecture, training string) *v1alpha1.ModelZoo {
	t.Helper()
	z := wt.MakeZoo(namespace, name).Obj()
	if architecture != "" {
		z.Spec.Architecture = v1alpha1.Architecture{}
	}
	for text, into := range map[string]any{architecture: &z.Spec.Architecture, training: &z.Spec.Training} {
		if text == "" {
			continue
		}
		if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	return z
}

// TestArchitectureAndSchedule: unions have one member, and what decides a model cannot change.
func TestArchitectureAndSchedule(t *testing.T) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "schema-"}}
	if err := k8s.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ architecture, training, want string }{
		"preset":        {"{preset: resnet18, width: 16}", "", ""},
		"layers":        {"{layers: [{conv2d: {out: 8, kernel: 3}}, {name: a, activation: {}}, {globalAvgPool: {}}, {linear: {out: 10}}]}", "", ""},
		"none":          {"{width: 3}", "", "exactly one of preset and layers"},
		"both":          {"{preset: cnn-small, layers: [{flatten: {}}]}", "", "exactly one of preset and layers"},
		"width":         {"{preset: cnn-small, width: 3}", "", "width is for preset resnet18"},
		"two-members":   {"{layers: [{flatten: {}, dropout: {}}]}", "", "spec.architecture.layers[0]"},
		"no-member":     {"{layers: [{name: a}]}", "", "spec.architecture.layers[0]"},
		"bad-name":      {"{layers: [{name: a..b, flatten: {}}]}", "", "spec.architecture.layers[0].name"},
		"schedules":     {"", "{schedule: {cosine: {}, exponential: {gamma: '0.9'}}}", "spec.training.schedule"},
		"warm-cycle":    {"", "{schedule: {oneCycle: {}, warmupEpochs: 1}}", "warmupEpochs"},
		"two-clippings": {"", "{gradientClipping: {norm: '1', value: '1'}}", "spec.training.gradientClipping"},
		"recipe":        {"", "{schedule: {step: {size: 3}, warmupEpochs: 1}, gradientClipping: {norm: '1'}, labelSmoothing: '0.1', momentumForm: nesterov}", ""},
	} {
		err := k8s.Create(t.Context(), zooWith(t, ns.Name, name, c.architecture, c.training))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	zoo := zooWith(t, ns.Name, "cosine", "{layers: [{flatten: {}}, {linear: {out: 10}}]}", "{schedule: {cosine: {}}}")
	if err := k8s.Create(t.Context(), zoo); err != nil {
		t.Fatal(err)
	}
	if got := zoo.Spec.Training; got.Schedule.Cosine == nil || got.Schedule.Cosine.Min != "0" || zoo.Spec.Architecture.Layers[1].Linear.Bias != v1alpha1.BiasLearned {
		t.Errorf("defaults are missing: %+v %+v", got, zoo.Spec.Architecture.Layers)
	}
	for patch, want := range map[string]string{
		`{"spec":{"training":{"epochs":1000}}}`:                            "cosine or oneCycle",
		`{"spec":{"training":{"schedule":null}}}`:                          "spec.training.schedule",
		`{"spec":{"training":{"schedule":{"warmupEpochs":1}}}}`:            "spec.training.schedule",
		`{"spec":{"training":{"gradientClipping":{"norm":"1"}}}}`:          "spec.training.gradientClipping",
		`{"spec":{"training":{"labelSmoothing":"0.1"}}}`:                   "spec.training.labelSmoothing",
		`{"spec":{"training":{"momentumForm":"nesterov"}}}`:                "spec.training.momentumForm",
		`{"spec":{"architecture":{"layers":[{"linear":{"out":10}}]}}}`:     "spec.architecture",
		`{"spec":{"architecture":{"layers":null,"preset":"cnn-small"}}}`:   "spec.architecture",
		`{"spec":{"population":{"grid":{"activation":["tanh","silu2"]}}}}`: "spec.population.grid.activation",
	} {
		err := k8s.Patch(t.Context(), zoo.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(patch)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want a refusal that names %s", patch, err, want)
		}
	}
}
