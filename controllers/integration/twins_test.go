//go:build integration

package integration

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	wt "github.com/weightspace/weightspace/controllers/testing"
)

// TestTwinSchema: fields belong to their method, entries are immutable and may only be appended.
func TestTwinSchema(t *testing.T) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "twins-"}}
	if err := k8s.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	const vd = "{name: vd, method: variationalDropout}"
	for name, c := range map[string]struct{ twins, want string }{
		"magnitude":     {"[{name: mp, method: magnitude, sparsity: ['0.5', '0.9'], scope: layer, schedule: cubic, cubic: {rounds: 3}}]", ""},
		"match":         {"[" + vd + ", {name: mp, method: magnitude, matchSparsity: vd}]", ""},
		"dropout":       {"[{name: vd, method: variationalDropout, variationalDropout: {epochs: 3, klWeight: {max: '0.1'}}}]", ""},
		"no-name":       {"[{method: variationalDropout}]", "spec.twins[0].name"},
		"twice":         {"[" + vd + "," + vd + "]", "Duplicate value"},
		"method":        {"[{name: a, method: hope}]", "spec.twins[0].method"},
		"no-sparsity":   {"[{name: a, method: magnitude}]", "exactly one of sparsity and matchSparsity"},
		"both":          {"[" + vd + ", {name: a, method: magnitude, sparsity: ['0.5'], matchSparsity: vd}]", "exactly one of sparsity and matchSparsity"},
		"vd-sparsity":   {"[{name: a, method: variationalDropout, sparsity: ['0.5']}]", "those by variationalDropout neither"},
		"vd-scope":      {"[{name: a, method: variationalDropout, scope: layer}]", "are for the methods magnitude and random"},
		"mp-vd":         {"[{name: a, method: random, sparsity: ['0.5'], variationalDropout: {epochs: 3}}]", "variationalDropout is for"},
		"cubic-shot":    {"[{name: a, method: magnitude, sparsity: ['0.5'], cubic: {rounds: 3}}]", "cubic is for"},
		"iterative":     {"[{name: a, method: magnitude, sparsity: ['0.5'], schedule: cubic, iterative: {rounds: 3}}]", "iterative is for"},
		"match-biases":  {"[" + vd + ", {name: a, method: magnitude, matchSparsity: vd, pruneBias: true}]", "does not go with pruneBias"},
		"negative-tune": {"[{name: a, method: magnitude, sparsity: ['0.5'], finetuneEpochs: -1}]", "finetuneEpochs"},
	} {
		z := wt.MakeZoo(ns.Name, name).Obj()
		if err := yaml.UnmarshalStrict([]byte(c.twins), &z.Spec.Twins); err != nil {
			t.Fatal(err)
		}
		err := k8s.Create(t.Context(), z)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	z := wt.MakeZoo(ns.Name, "growing").Obj()
	if err := k8s.Create(t.Context(), z); err != nil {
		t.Fatal(err)
	}
	const one, two = `{"name":"a","method":"magnitude","sparsity":["0.5"]}`, `{"name":"b","method":"variationalDropout"}`
	for _, c := range []struct{ twins, want string }{
		{"[" + one + "]", ""},
		{"[" + two + "," + one + "]", ""},
		{"[" + one + "]", "no entry may be removed"},
		{"null", "no entry may be removed"},
		{`[{"name":"a","method":"magnitude","sparsity":["0.6"]},` + two + "]", "a twin is immutable"},
	} {
		err := k8s.Patch(t.Context(), z.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"twins":`+c.twins+`}}`)))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.twins, err, c.want)
		}
	}
}
