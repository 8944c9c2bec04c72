package plan_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

func mnist() *spec.DatasetInput {
	return &spec.DatasetInput{
		Name: "mnist", Store: "file:///s", Path: "default/dataset/mnist",
		ManifestDigest: "sha256:" + strings.Repeat("a", 64), ResultDigest: "sha256:" + strings.Repeat("b", 64),
		Channels: 1, Height: 28, Width: 28, Classes: 10, Train: 5000, Validation: 1000, Test: 1000,
	}
}

func zoo(edit ...func(*v1alpha1.ModelZooSpec)) *v1alpha1.ModelZooSpec {
	z := &v1alpha1.ModelZooSpec{
		Dataset:      v1alpha1.DatasetReference{Name: "mnist"},
		Architecture: v1alpha1.Architecture{Preset: v1alpha1.ArchitectureCNNSmall},
		Population: v1alpha1.Population{
			Seeds: v1alpha1.Seeds{Count: 50},
			Grid: v1alpha1.Grid{
				Activation:   []v1alpha1.Activation{"tanh", "relu"},
				LearningRate: []v1alpha1.Decimal{"1e-3", "3e-4"},
				WeightDecay:  []v1alpha1.Decimal{"0", "1e-4"},
			},
		},
		Training: v1alpha1.Training{Epochs: 50},
	}
	for _, e := range edit {
		e(z)
	}
	return z
}

func inputs(name string) plan.Inputs {
	return plan.Inputs{Namespace: "default", Name: name, StoreURL: "file:///s", Dataset: mnist()}
}

func mustZoo(t *testing.T, z *v1alpha1.ModelZooSpec, name string) *spec.Snapshot {
	t.Helper()
	s, err := plan.ModelZoo(z, inputs(name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ids lists every member's ID in shard order.
func ids(t *testing.T, s *spec.Snapshot) []string {
	t.Helper()
	var out []string
	seen := map[string]bool{}
	for _, sh := range s.Stages[0].Shards {
		for _, m := range plan.Members(s.Zoo, sh.Cohort, sh.From, sh.To) {
			if seen[m.ID] {
				t.Fatalf("model %s stands in the plan twice", m.ID)
			}
			seen[m.ID] = true
			out = append(out, m.ID)
		}
	}
	return out
}

func set(list []string) map[string]bool {
	out := map[string]bool{}
	for _, v := range list {
		out[v] = true
	}
	return out
}

func TestModelZooCountsAndParameters(t *testing.T) {
	s := mustZoo(t, zoo(), "mnist-small")
	if got := len(ids(t, s)); got != 400 {
		t.Errorf("members: got %d, want 400 (2 activations x 2 rates x 2 decays x 50 seeds)", got)
	}
	if s.Zoo.Parameters != 2464 {
		t.Errorf("cnn-small parameters: got %d, want 2464", s.Zoo.Parameters)
	}
	if got := len(s.Stages[0].Shards); got != 8 {
		t.Errorf("shards: got %d, want 8 (two cohorts of 200 in blocks of 64)", got)
	}
	if s.ArtifactPath != "default/modelzoo/mnist-small" {
		t.Errorf("artifact path: %q", s.ArtifactPath)
	}
	in := inputs("z")
	in.Dataset.Channels = 3
	colour, err := plan.ModelZoo(zoo(), in)
	if err != nil || colour.Zoo.Parameters != 2864 {
		t.Errorf("cnn-small on three channels: %v %v, want 2864 parameters", colour.Zoo.Parameters, err)
	}
}

// The published grids, model-zoo card section 4.
func TestPublishedExpansionCounts(t *testing.T) {
	full := v1alpha1.Grid{
		Activation:  []v1alpha1.Activation{"tanh", "relu", "sigmoid", "gelu"},
		Initializer: []v1alpha1.Initializer{"uniform", "normal", "kaiming-uniform", "kaiming-normal"},
	}
	for name, tc := range map[string]struct {
		seeds v1alpha1.Seeds
		grid  func(*v1alpha1.Grid)
		want  int
	}{
		"mnist hyp": {v1alpha1.Seeds{Count: 10}, func(g *v1alpha1.Grid) {
			g.Optimizer = []v1alpha1.Optimizer{"adam", "sgd"}
			g.LearningRate = []v1alpha1.Decimal{"1e-3", "1e-4"}
			g.WeightDecay = []v1alpha1.Decimal{"1e-3", "1e-4"}
			g.Dropout = []v1alpha1.Decimal{"0", "0.5"}
		}, 2560},
		"svhn hyp random": {v1alpha1.Seeds{Random: v1alpha1.RandomSeeds{Count: 10}}, func(g *v1alpha1.Grid) {
			g.Optimizer = []v1alpha1.Optimizer{"sgd"}
			g.LearningRate = []v1alpha1.Decimal{"1e-2", "1e-3", "1e-4"}
			g.WeightDecay = []v1alpha1.Decimal{"0", "1e-3", "1e-1"}
			g.Dropout = []v1alpha1.Decimal{"0", "0.3", "0.5"}
		}, 4320},
		"seed": {v1alpha1.Seeds{Count: 1000}, func(g *v1alpha1.Grid) { *g = v1alpha1.Grid{} }, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			z := zoo(func(z *v1alpha1.ModelZooSpec) {
				z.Population.Seeds, z.Population.Grid = tc.seeds, full
				tc.grid(&z.Population.Grid)
			})
			if got := len(ids(t, mustZoo(t, z, "z"))); got != tc.want {
				t.Errorf("got %d models, want %d", got, tc.want)
			}
		})
	}
}

func TestIdentityIgnoresNameShardingAndSteering(t *testing.T) {
	a := mustZoo(t, zoo(), "one")
	b := mustZoo(t, zoo(func(z *v1alpha1.ModelZooSpec) {
		z.Sharding = &v1alpha1.Sharding{MembersPerShard: 7}
		n := int32(9)
		z.Parallelism = &n
		z.Compute.CPU = 8
	}), "two")
	if diff := cmp.Diff(set(ids(t, a)), set(ids(t, b))); diff != "" {
		t.Errorf("modelIDs depend on name, sharding or steering:\n%s", diff)
	}
	if a.SpecDigest != b.SpecDigest {
		t.Error("the spec digest depends on sharding or steering")
	}
}

func TestEveryScientificChangeMovesIdentity(t *testing.T) {
	base := zoo(func(z *v1alpha1.ModelZooSpec) {
		z.Population.Seeds = v1alpha1.Seeds{Count: 1}
		z.Population.Grid = v1alpha1.Grid{}
	})
	want := ids(t, mustZoo(t, base, "z"))[0]
	for name, edit := range map[string]func(*v1alpha1.ModelZooSpec){
		"seed":         func(z *v1alpha1.ModelZooSpec) { z.Population.Seeds = v1alpha1.Seeds{Values: []int64{2}} },
		"activation":   func(z *v1alpha1.ModelZooSpec) { z.Population.Grid.Activation = []v1alpha1.Activation{"relu"} },
		"initializer":  func(z *v1alpha1.ModelZooSpec) { z.Population.Grid.Initializer = []v1alpha1.Initializer{"uniform"} },
		"optimizer":    func(z *v1alpha1.ModelZooSpec) { z.Population.Grid.Optimizer = []v1alpha1.Optimizer{"sgd"} },
		"learningRate": func(z *v1alpha1.ModelZooSpec) { z.Population.Grid.LearningRate = []v1alpha1.Decimal{"2e-3"} },
		"weightDecay":  func(z *v1alpha1.ModelZooSpec) { z.Population.Grid.WeightDecay = []v1alpha1.Decimal{"1e-5"} },
		"dropout":      func(z *v1alpha1.ModelZooSpec) { z.Population.Grid.Dropout = []v1alpha1.Decimal{"0.5"} },
		"batchSize":    func(z *v1alpha1.ModelZooSpec) { z.Training.BatchSize = 10 },
		"preset":       func(z *v1alpha1.ModelZooSpec) { z.Architecture.Preset = "resnet18" },
		"layers":       func(z *v1alpha1.ModelZooSpec) { z.Architecture = mlp("20", "") },
		"norm":         func(z *v1alpha1.ModelZooSpec) { z.Training.GradientClipping.Norm = "1" },
		"value":        func(z *v1alpha1.ModelZooSpec) { z.Training.GradientClipping.Value = "1" },
		"smoothing":    func(z *v1alpha1.ModelZooSpec) { z.Training.LabelSmoothing = "0.1" },
		"schedule":     func(z *v1alpha1.ModelZooSpec) { z.Training.Schedule.Step.Size = 3 },
		"warm-up":      func(z *v1alpha1.ModelZooSpec) { z.Training.Schedule.WarmupEpochs = 2 },
	} {
		z := base.DeepCopy()
		edit(z)
		s := mustZoo(t, z, "z")
		if ids(t, s)[0] == want {
			t.Errorf("%s changed, the modelID did not", name)
		}
		if s.SpecDigest == plan.ModelZooSpecDigest(base) {
			t.Errorf("%s changed, the spec digest did not", name)
		}
	}
	in := inputs("z")
	in.Dataset.ResultDigest = "sha256:" + strings.Repeat("c", 64)
	s, err := plan.ModelZoo(base, in)
	if err != nil || ids(t, s)[0] == want {
		t.Errorf("the data changed, the modelID did not (%v)", err)
	}
	longer := base.DeepCopy()
	longer.Training.Epochs = 99
	if s := mustZoo(t, longer, "z"); ids(t, s)[0] != want || s.SpecDigest == plan.ModelZooSpecDigest(base) {
		t.Error("more epochs must keep the modelID (no schedule depends on them) and move the spec digest")
	}
	sgd := base.DeepCopy()
	sgd.Training.Momentum = "0.5"
	if ids(t, mustZoo(t, sgd, "z"))[0] != want {
		t.Error("momentum moved the identity of an adam model")
	}
}

// Two texts of one number are one model: an identity by text would train it twice.
func TestNumbersNotTextsIdentify(t *testing.T) {
	a := mustZoo(t, zoo(func(z *v1alpha1.ModelZooSpec) { z.Population.Grid.LearningRate = []v1alpha1.Decimal{"1e-3"} }), "z")
	b := mustZoo(t, zoo(func(z *v1alpha1.ModelZooSpec) { z.Population.Grid.LearningRate = []v1alpha1.Decimal{"0.0010"} }), "z")
	if diff := cmp.Diff(ids(t, a), ids(t, b)); diff != "" || a.SpecDigest != b.SpecDigest {
		t.Errorf("1e-3 and 0.0010 give different models or digests:\n%s", diff)
	}
}

func TestAppendedSeedsAppendMembers(t *testing.T) {
	for name, seeds := range map[string][2]v1alpha1.Seeds{
		"count":  {{Count: 3}, {Count: 5}},
		"values": {{Values: []int64{9, 4}}, {Values: []int64{9, 4, 1}}},
		"random": {{Random: v1alpha1.RandomSeeds{Count: 3}}, {Random: v1alpha1.RandomSeeds{Count: 40}}},
	} {
		t.Run(name, func(t *testing.T) {
			small := mustZoo(t, zoo(func(z *v1alpha1.ModelZooSpec) { z.Population.Seeds = seeds[0] }), "z")
			large := mustZoo(t, zoo(func(z *v1alpha1.ModelZooSpec) { z.Population.Seeds = seeds[1] }), "z")
			for c := range small.Zoo.Cohorts {
				n := plan.CohortSize(small.Zoo, c)
				a := plan.Members(small.Zoo, c, 0, n)
				b := plan.Members(large.Zoo, c, 0, n)
				if diff := cmp.Diff(a, b); diff != "" {
					t.Errorf("cohort %d: members moved:\n%s", c, diff)
				}
			}
		})
	}
}

func TestRandomSeedsDifferBetweenCells(t *testing.T) {
	s := mustZoo(t, zoo(func(z *v1alpha1.ModelZooSpec) {
		z.Population.Seeds = v1alpha1.Seeds{Random: v1alpha1.RandomSeeds{Count: 50}}
	}), "z")
	seen := map[uint64]int{}
	for c := range s.Zoo.Cohorts {
		for _, m := range plan.Members(s.Zoo, c, 0, plan.CohortSize(s.Zoo, c)) {
			if m.Seed >= 1_000_000 {
				t.Fatalf("seed %d is outside [0, 1000000)", m.Seed)
			}
			seen[m.Seed]++
		}
	}
	// 400 draws of 10^6: expect 0.08 coincidences; equal seeds in every cell would give 50 values.
	if len(seen) < 395 {
		t.Errorf("%d distinct seeds of 400", len(seen))
	}
}

func TestErrorsNameTheField(t *testing.T) {
	for name, tc := range map[string]struct {
		edit  func(*v1alpha1.ModelZooSpec)
		field string
	}{
		"no seeds":        {func(z *v1alpha1.ModelZooSpec) { z.Population.Seeds = v1alpha1.Seeds{} }, "spec.population.seeds"},
		"two seed forms":  {func(z *v1alpha1.ModelZooSpec) { z.Population.Seeds.Values = []int64{1} }, "spec.population.seeds"},
		"same seed twice": {func(z *v1alpha1.ModelZooSpec) { z.Population.Seeds = v1alpha1.Seeds{Values: []int64{1, 1}} }, "spec.population.seeds.values[1]"},
		"ten million": {func(z *v1alpha1.ModelZooSpec) {
			z.Population.Seeds.Count = 100_000
			z.Population.Grid.Dropout = []v1alpha1.Decimal{"0", "0.1", "0.2"}
		}, "spec.population"},
		"not a number":    {func(z *v1alpha1.ModelZooSpec) { z.Population.Grid.LearningRate = []v1alpha1.Decimal{"fast"} }, "spec.population.grid.learningRate[0]"},
		"zero rate":       {func(z *v1alpha1.ModelZooSpec) { z.Population.Grid.LearningRate = []v1alpha1.Decimal{"1e-3", "0"} }, "spec.population.grid.learningRate[1]"},
		"huge rate":       {func(z *v1alpha1.ModelZooSpec) { z.Population.Grid.LearningRate = []v1alpha1.Decimal{"1e300"} }, "spec.population.grid.learningRate[0]"},
		"same rate twice": {func(z *v1alpha1.ModelZooSpec) { z.Population.Grid.LearningRate = []v1alpha1.Decimal{"1e-3", "0.001"} }, "spec.population.grid.learningRate[1]"},
		"dropout one":     {func(z *v1alpha1.ModelZooSpec) { z.Population.Grid.Dropout = []v1alpha1.Decimal{"1"} }, "spec.population.grid.dropout[0]"},
		"negative decay":  {func(z *v1alpha1.ModelZooSpec) { z.Population.Grid.WeightDecay = []v1alpha1.Decimal{"-1e-3"} }, "spec.population.grid.weightDecay[0]"},
		"activation":      {func(z *v1alpha1.ModelZooSpec) { z.Population.Grid.Activation = []v1alpha1.Activation{"swish"} }, "spec.population.grid.activation[0]"},
		"initializer":     {func(z *v1alpha1.ModelZooSpec) { z.Population.Grid.Initializer = []v1alpha1.Initializer{"zeros"} }, "spec.population.grid.initializer[0]"},
		"optimizer twice": {func(z *v1alpha1.ModelZooSpec) { z.Population.Grid.Optimizer = []v1alpha1.Optimizer{"sgd", "sgd"} }, "spec.population.grid.optimizer[1]"},
		"preset":          {func(z *v1alpha1.ModelZooSpec) { z.Architecture.Preset = "vgg" }, "spec.architecture.preset"},
		"epochs":          {func(z *v1alpha1.ModelZooSpec) { z.Training.Epochs = 0 }, "spec.training.epochs"},
		"batch":           {func(z *v1alpha1.ModelZooSpec) { z.Training.BatchSize = -1 }, "spec.training.batchSize"},
		"momentum":        {func(z *v1alpha1.ModelZooSpec) { z.Training.Momentum = "1" }, "spec.training.momentum"},
		"too many shards": {func(z *v1alpha1.ModelZooSpec) {
			z.Population.Seeds.Count = 10_000
			z.Sharding = &v1alpha1.Sharding{MembersPerShard: 1}
		}, "spec.sharding.membersPerShard"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := plan.ModelZoo(zoo(tc.edit), inputs("z"))
			var fe *plan.FieldError
			if !errors.As(err, &fe) {
				t.Fatalf("got %v, want a FieldError", err)
			}
			if fe.Field != tc.field || fe.Problem == "" || fe.Remedy == "" {
				t.Errorf("got field %q (%v), want %q with a problem and a remedy", fe.Field, fe, tc.field)
			}
		})
	}
	in := inputs("z")
	in.Dataset.Height = 32
	if _, err := plan.ModelZoo(zoo(), in); err == nil || !strings.Contains(err.Error(), "28x28") {
		t.Errorf("cnn-small on 32x32 images: %v", err)
	}
}

func TestSnapshotRoundTrip(t *testing.T) {
	s := mustZoo(t, zoo(), "z")
	got, err := plan.Unmarshal(plan.Marshal(s))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, got); diff != "" {
		t.Errorf("round trip:\n%s", diff)
	}
	if plan.Digest(s) != plan.Digest(mustZoo(t, zoo(), "z")) {
		t.Error("equal specs give different plans")
	}
	for name, bad := range map[string]string{
		"unknown field": `{"planVersion":1,"numerics":"n2","surprise":1}`,
		"newer plan":    strings.Replace(string(plan.Marshal(s)), `"planVersion": 1`, `"planVersion": 2`, 1),
		"numerics":      strings.Replace(string(plan.Marshal(s)), `"numerics": "n2"`, `"numerics": "n0"`, 1),
		"trailing":      string(plan.Marshal(s)) + "{}",
		"empty":         ``,
		"no kind":       `{"planVersion":1,"numerics":"n2"}`,
	} {
		if _, err := plan.Unmarshal([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// A plan of the largest zoo must fit a ConfigMap (1 MiB).
func TestLargestPlanFitsConfigMap(t *testing.T) {
	s := mustZoo(t, zoo(func(z *v1alpha1.ModelZooSpec) {
		z.Population.Grid = v1alpha1.Grid{}
		z.Population.Seeds = v1alpha1.Seeds{Count: 100_000}
		z.Sharding = &v1alpha1.Sharding{MembersPerShard: 10}
	}), "z")
	if n := len(plan.Marshal(s)); n > 1<<20 {
		t.Errorf("plan of %d shards has %d bytes, over a ConfigMap's 1 MiB", len(s.Stages[0].Shards), n)
	}
}

func TestMembersPanicsOutsideCohort(t *testing.T) {
	defer func() {
		if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), "cohort") {
			t.Errorf("recovered %v, want a message that names the cohort", r)
		}
	}()
	s := mustZoo(t, zoo(), "z")
	plan.Members(s.Zoo, 5, 0, 1)
}
