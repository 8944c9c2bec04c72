package plan_test

import (
	"encoding/json"
	"testing"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Digests and model IDs stand in artifacts, Jobs and papers: a change of Go types or of the
// code that derives them must leave these values alone. Never edit them to make a change pass; a
// new numerics version alone moves model IDs. Other numerics are other
// models: a new version adds a column and keeps the old one.
func TestFrozenIdentities(t *testing.T) {
	random := zoo(func(z *v1alpha1.ModelZooSpec) {
		z.Population.Seeds = v1alpha1.Seeds{Random: v1alpha1.RandomSeeds{Count: 3}}
	})
	frozen := func(z *v1alpha1.ModelZooSpec) string {
		s := mustZoo(t, z, "zoo")
		return plan.Members(s.Zoo, 0, 0, 1)[0].ID
	}
	model := map[string][2]string{
		"n1": {"ade60feb252cc3bb42b7f3aaa54617ab", "1f3639bcf92a6f6eb61cc17507e4712b"},
		"n2": {"ffd400752f9b0907782c0a02a895b83b", "a7a25e07e2d92b38af8f4a7c96ece257"},
	}[spec.NumericsVersion]
	for what, c := range map[string]struct{ got, want string }{
		"dataset digest":           {plan.DatasetSpecDigest(dataset()), "sha256:1b543c4b23ef40bd485af7fa94c32b02d7253a6c60ded21e3fcd583866f14610"},
		"zoo digest":               {plan.ModelZooSpecDigest(zoo()), "sha256:c3b5bfb6170e32d16ae27f1c61d76cdf31aa2f8db60b36af6146f7650fe99ef1"},
		"zoo digest, random seeds": {plan.ModelZooSpecDigest(random), "sha256:ace442e934fad8b9cfb78b9564d7b0e9f7e91b46c1937cc830932c04cb87d674"},
		"model ID":                 {frozen(zoo()), model[0]},
		"model ID, random seeds":   {frozen(random), model[1]},
	} {
		if c.got != c.want {
			t.Errorf("%s is %s, was %s", what, c.got, c.want)
		}
	}
}

// What is unset must not be sent: an empty store or limit would be refused, and moves digests.
func TestUnsetFieldsAreAbsentFromJSON(t *testing.T) {
	for what, o := range map[string]any{
		"seeds": v1alpha1.Seeds{}, "dataset status": v1alpha1.DatasetStatus{}, "zoo status": v1alpha1.ModelZooStatus{},
	} {
		if b, err := json.Marshal(o); err != nil || string(b) != "{}" {
			t.Errorf("%s: %s %v, want {}", what, b, err)
		}
	}
	for what, o := range map[string]any{"dataset": v1alpha1.DatasetSpec{}, "zoo": v1alpha1.ModelZooSpec{}} {
		var fields map[string]any
		b, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &fields); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"limit", "store"} {
			if v, ok := fields[name]; ok {
				t.Errorf("an unset %s of a %s is sent as %v", name, what, v)
			}
		}
	}
}
