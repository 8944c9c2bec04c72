package plan_test

import (
	"errors"
	"strings"
	"testing"

	"k8s.io/utils/ptr"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// twinZoo is a zoo with twins on 5,000 images: 79 steps in an epoch.
func twinZoo(twins ...v1alpha1.Twin) *v1alpha1.ModelZooSpec {
	return &v1alpha1.ModelZooSpec{
		Dataset:      v1alpha1.DatasetReference{Name: "mnist"},
		Architecture: v1alpha1.Architecture{Preset: v1alpha1.ArchitectureCNNSmall},
		Population:   v1alpha1.Population{Seeds: v1alpha1.Seeds{Count: 5}},
		Training:     v1alpha1.Training{Epochs: 50},
		Twins:        twins,
	}
}

func magnitude(name string, sparsity ...v1alpha1.Decimal) v1alpha1.Twin {
	return v1alpha1.Twin{Name: name, Method: v1alpha1.TwinMagnitude, Sparsity: sparsity}
}

func dropout(name string) v1alpha1.Twin {
	return v1alpha1.Twin{Name: name, Method: v1alpha1.TwinVariationalDropout}
}

func TestTwinsAreResolved(t *testing.T) {
	cubic := magnitude("cubic", "0.90")
	cubic.Schedule = v1alpha1.PruningScheduleCubic
	iterative := magnitude("iterative", "0.8")
	iterative.Schedule, iterative.FinetuneEpochs, iterative.FromEpoch = v1alpha1.PruningScheduleIterative, ptr.To(int32(9)), ptr.To(int32(0))
	match := v1alpha1.Twin{Name: "match", Method: v1alpha1.TwinMagnitude, MatchSparsity: "vd", Scope: v1alpha1.PruningScopeLayer}
	s, err := plan.ModelZoo(twinZoo(magnitude("shot", "0.5", "7e-1"), cubic, iterative, dropout("vd"), match), inputs("zoo"))
	if err != nil {
		t.Fatal(err)
	}
	z := s.Zoo
	const steps = 79
	for i, check := range []bool{
		z.Twins[0].States() == 2 && z.Twins[0].Sparsity[1] == "0.7" && z.Twins[0].Epochs == 15 && z.Twins[0].FromEpoch == 50 && z.Twins[0].Schedule == spec.PruningOneShot,
		z.Twins[1].Every == steps && z.Twins[1].Rounds == 10 && z.Twins[1].Start == 0 && z.Twins[1].Initial == "0" && z.Twins[1].Sparsity[0] == "0.9",
		z.Twins[2].Rounds == 3 && z.Twins[2].Every == 3*steps && z.Twins[2].FromEpoch == 0,
		*z.Twins[3].Variational == spec.Variational{KL: "linear", Max: "0.01", Threshold: "3", Init: "-10", ClampLinear: "10", ClampConv: "8"} && z.Twins[3].Epochs == 25,
		z.Twins[4].Match == 4 && z.Twins[4].Layer && z.Twins[4].States() == 1,
	} {
		if !check {
			t.Errorf("set %d: %+v", i, z.Twins[i])
		}
	}
	var names []string
	twins := 0
	for _, st := range s.Stages {
		names = append(names, st.Name)
		if st.Name == spec.StageTwins {
			for _, sh := range st.Shards {
				twins += sh.To - sh.From
			}
			if st.MemoryBytes <= s.Stages[0].MemoryBytes || st.GraceSeconds < 30 {
				t.Errorf("stage of twins: %+v", st)
			}
		}
	}
	if got := strings.Join(names, " "); got != "train twins match index" || twins != 5*5 {
		t.Errorf("stages %s, %d twins", got, twins)
	}
	if _, err := plan.Unmarshal(plan.Marshal(s)); err != nil {
		t.Error(err)
	}
	if flops, err := plan.TwinWork(z, spec.StageTwins); err != nil || flops <= 0 {
		t.Errorf("work %v, %v", flops, err)
	}
}

// A twin's identity is made of what determines it, and of nothing else.
func TestTwinIdentity(t *testing.T) {
	ids := func(z *v1alpha1.ModelZooSpec, name string, set int) []string {
		t.Helper()
		s, err := plan.ModelZoo(z, inputs(name))
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, tw := range plan.Twins(s.Zoo, set, 0, 0, plan.TwinCount(s.Zoo, set, 0)) {
			out = append(out, tw.ID)
		}
		return out
	}
	base := ids(twinZoo(magnitude("a", "0.5", "0.7")), "zoo", 0)
	seen := map[string]bool{}
	for _, id := range base {
		if len(id) != 32 || seen[id] {
			t.Errorf("twin %s is there twice", id)
		}
		seen[id] = true
	}
	longer := magnitude("b", "0.50", "0.7")
	longer.FinetuneEpochs = ptr.To(int32(99))
	moved := twinZoo(dropout("vd"), longer)
	moved.Population.Seeds.Count = 9
	moved.Sharding = &v1alpha1.Sharding{MembersPerShard: 3}
	if got := ids(moved, "other", 1)[:len(base)]; strings.Join(got, " ") != strings.Join(base, " ") {
		t.Error("name, place, fine-tuning, sharding or more members change one-shot twins")
	}
	for what, change := range map[string]func(w *v1alpha1.Twin){
		"epoch":    func(w *v1alpha1.Twin) { w.FromEpoch = ptr.To(int32(49)) },
		"method":   func(w *v1alpha1.Twin) { w.Method = v1alpha1.TwinRandom },
		"scope":    func(w *v1alpha1.Twin) { w.Scope = v1alpha1.PruningScopeLayer },
		"schedule": func(w *v1alpha1.Twin) { w.Schedule = v1alpha1.PruningScheduleCubic },
		"biases":   func(w *v1alpha1.Twin) { w.PruneBias = ptr.To(true) },
		"sparsity": func(w *v1alpha1.Twin) { w.Sparsity = []v1alpha1.Decimal{"0.51", "0.71"} },
	} {
		w := magnitude("a", "0.5", "0.7")
		change(&w)
		for _, id := range ids(twinZoo(w), "zoo", 0) {
			if seen[id] {
				t.Errorf("another %s gives the same twin", what)
			}
		}
	}
	long := dropout("vd")
	long.VariationalDropout.Epochs = 26
	if ids(twinZoo(dropout("vd")), "zoo", 0)[0] == ids(twinZoo(long), "zoo", 0)[0] {
		t.Error("the epochs of variational dropout, on which its weight of the divergence depends, change nothing")
	}
	match := v1alpha1.Twin{Name: "m", Method: v1alpha1.TwinMagnitude, MatchSparsity: "vd"}
	if ids(twinZoo(dropout("vd"), match), "zoo", 1)[0] == ids(twinZoo(long, match), "zoo", 1)[0] {
		t.Error("twins that match others do not follow them")
	}
}

func TestTwinMistakes(t *testing.T) {
	edit := func(f func(w *v1alpha1.Twin)) v1alpha1.Twin {
		w := magnitude("a", "0.5")
		f(&w)
		return w
	}
	vd := func(f func(v *v1alpha1.VariationalDropout)) v1alpha1.Twin {
		w := dropout("a")
		f(&w.VariationalDropout)
		return w
	}
	many := []v1alpha1.Twin{}
	for range 17 {
		many = append(many, magnitude("x", "0.5"))
	}
	for _, tc := range []struct {
		field string
		twins []v1alpha1.Twin
	}{
		{"spec.twins", many},
		{"spec.twins", []v1alpha1.Twin{magnitude("a", ".1", ".2", ".3", ".4", ".5", ".6", ".7", ".8", ".9", ".95", ".96", ".97", ".98"), edit(func(w *v1alpha1.Twin) {
			w.Name, w.Method, w.Sparsity = "b", v1alpha1.TwinRandom, []v1alpha1.Decimal{".1", ".2", ".3", ".4", ".5", ".6", ".7", ".8", ".9", ".95", ".96", ".97"}
		})}},
		{"spec.twins[1].name", []v1alpha1.Twin{magnitude("a", "0.5"), magnitude("a", "0.6")}},
		{"spec.twins[1]", []v1alpha1.Twin{magnitude("a", "0.5"), magnitude("b", "0.6", "0.50")}},
		{"spec.twins[0].sparsity[1]", []v1alpha1.Twin{magnitude("a", "0.5", "1")}},
		{"spec.twins[0].sparsity[0]", []v1alpha1.Twin{magnitude("a", "0")}},
		{"spec.twins[0]", []v1alpha1.Twin{magnitude("a")}},
		{"spec.twins[0].method", []v1alpha1.Twin{edit(func(w *v1alpha1.Twin) { w.Method = "guess" })}},
		{"spec.twins[0].scope", []v1alpha1.Twin{edit(func(w *v1alpha1.Twin) { w.Scope = "planet" })}},
		{"spec.twins[0].schedule", []v1alpha1.Twin{edit(func(w *v1alpha1.Twin) { w.Schedule = "never" })}},
		{"spec.twins[0].fromEpoch", []v1alpha1.Twin{edit(func(w *v1alpha1.Twin) { w.FromEpoch = ptr.To(int32(51)) })}},
		{"spec.twins[0].matchSparsity", []v1alpha1.Twin{{Name: "a", Method: v1alpha1.TwinMagnitude, MatchSparsity: "b"}, magnitude("b", "0.5")}},
		{"spec.twins[0].pruneBias", []v1alpha1.Twin{{Name: "a", Method: v1alpha1.TwinMagnitude, MatchSparsity: "b", PruneBias: ptr.To(true)}, dropout("b")}},
		{"spec.twins[0].iterative.rounds", []v1alpha1.Twin{edit(func(w *v1alpha1.Twin) {
			w.Schedule, w.FinetuneEpochs = v1alpha1.PruningScheduleIterative, ptr.To(int32(0))
		})}},
		{"spec.twins[0].cubic", []v1alpha1.Twin{edit(func(w *v1alpha1.Twin) {
			w.Schedule, w.Cubic = v1alpha1.PruningScheduleCubic, v1alpha1.CubicPruning{EverySteps: 79, Rounds: 15}
		})}},
		{"spec.twins[0].cubic.initialSparsity", []v1alpha1.Twin{edit(func(w *v1alpha1.Twin) {
			w.Schedule, w.Cubic = v1alpha1.PruningScheduleCubic, v1alpha1.CubicPruning{InitialSparsity: "0.6"}
		})}},
		{"spec.twins[0].cubic", []v1alpha1.Twin{edit(func(w *v1alpha1.Twin) { w.Cubic.Rounds = 3 })}},
		{"spec.twins[0].variationalDropout", []v1alpha1.Twin{edit(func(w *v1alpha1.Twin) { w.VariationalDropout.Epochs = 3 })}},
		{"spec.twins[0]", []v1alpha1.Twin{{Name: "a", Method: v1alpha1.TwinVariationalDropout, Sparsity: []v1alpha1.Decimal{"0.5"}}}},
		{"spec.twins[0].variationalDropout.klWeight.kind", []v1alpha1.Twin{vd(func(v *v1alpha1.VariationalDropout) { v.KLWeight.Kind = "odd" })}},
		{"spec.twins[0].variationalDropout.klWeight.max", []v1alpha1.Twin{vd(func(v *v1alpha1.VariationalDropout) { v.KLWeight.Max = "-1" })}},
		{"spec.twins[0].variationalDropout.logAlphaThreshold", []v1alpha1.Twin{vd(func(v *v1alpha1.VariationalDropout) { v.LogAlphaThreshold = "9" })}},
		{"spec.twins[0].variationalDropout.initLogSigma2", []v1alpha1.Twin{vd(func(v *v1alpha1.VariationalDropout) { v.InitLogSigma2 = "20" })}},
		{"spec.twins[0].variationalDropout.logSigma2LearningRate", []v1alpha1.Twin{vd(func(v *v1alpha1.VariationalDropout) { v.LogSigma2LearningRate = "0" })}},
	} {
		_, err := plan.ModelZoo(twinZoo(tc.twins...), inputs("zoo"))
		var field *plan.FieldError
		if !errors.As(err, &field) || field.Field != tc.field {
			t.Errorf("want a mistake in %s, got %v", tc.field, err)
		}
	}
	kept := twinZoo(edit(func(w *v1alpha1.Twin) { w.FromEpoch = ptr.To(int32(10)) }))
	kept.Retention = v1alpha1.Retention{Checkpoints: v1alpha1.RetainLast}
	var field *plan.FieldError
	if _, err := plan.ModelZoo(kept, inputs("zoo")); !errors.As(err, &field) || field.Field != "spec.twins[0].fromEpoch" {
		t.Errorf("an epoch whose weights are not kept: %v", err)
	}
}

// A damaged plan is refused, not executed.
func TestDamagedTwinPlans(t *testing.T) {
	s, err := plan.ModelZoo(twinZoo(magnitude("a", "0.5"), dropout("vd")), inputs("zoo"))
	if err != nil {
		t.Fatal(err)
	}
	good := string(plan.Marshal(s))
	for _, tc := range [][2]string{
		{`"method": "magnitude"`, `"method": "hope"`},
		{`"0.5"`, `"x"`},
		{`"fromEpoch": 50`, `"fromEpoch": 51`},
		{`"twins": 1`, `"twins": 7`},
		{`"kl": "linear"`, `"match": 9`},
	} {
		bad := strings.Replace(good, tc[0], tc[1], 1)
		if bad == good {
			t.Fatalf("the plan has no %s", tc[0])
		}
		if _, err := plan.Unmarshal([]byte(bad)); err == nil {
			t.Errorf("%s is accepted", tc[1])
		}
	}
}
