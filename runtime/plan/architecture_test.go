package plan_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// architecture reads spec.architecture as a user writes it.
func architecture(text string) v1alpha1.Architecture {
	var a v1alpha1.Architecture
	if err := yaml.UnmarshalStrict([]byte(text), &a); err != nil {
		panic(err)
	}
	return a
}

// mlp is a network of one hidden layer; option is of its first linear layer.
func mlp(out, option string) v1alpha1.Architecture {
	return architecture(fmt.Sprintf("{layers: [{flatten: {}}, {linear: {out: %s}%s}, {activation: {}}, {linear: {out: 10}}]}", out, option))
}

// small is a zoo of one member.
func small(edit ...func(*v1alpha1.ModelZooSpec)) *v1alpha1.ModelZooSpec {
	z := zoo(func(z *v1alpha1.ModelZooSpec) {
		z.Population.Seeds = v1alpha1.Seeds{Count: 1}
		z.Population.Grid = v1alpha1.Grid{}
	})
	for _, e := range edit {
		e(z)
	}
	return z
}

func TestLayersArePlanned(t *testing.T) {
	s := mustZoo(t, small(func(z *v1alpha1.ModelZooSpec) { z.Architecture = mlp("20", ", name: hidden") }), "z")
	want := []spec.Layer{
		{Kind: "flatten"}, {Name: "hidden", Kind: "linear", Out: 20}, {Kind: "activation", Function: "member"}, {Name: "3", Kind: "linear", Out: 10},
	}
	if diff := cmp.Diff(want, s.Zoo.Layers); diff != "" || s.Zoo.Architecture != "layers" || s.Zoo.Parameters != 785*20+21*10 {
		t.Errorf("%s with %d parameters and layers\n%s", s.Zoo.Architecture, s.Zoo.Parameters, diff)
	}
	got, err := plan.Unmarshal(plan.Marshal(s))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, got); diff != "" {
		t.Errorf("round trip:\n%s", diff)
	}
}

// A ConfigMap may have been written by somebody else.
func TestUnmarshalRefusesDamagedNetworks(t *testing.T) {
	good := mustZoo(t, small(func(z *v1alpha1.ModelZooSpec) {
		z.Architecture = architecture("{layers: [{patchEmbedding: {patch: 4, dim: 8}}, {transformer: {depth: 2, heads: 2, mlp: 8}}, {firstToken: {}}, {linear: {out: 10}}]}")
		z.Training.Schedule.Cosine = &v1alpha1.CosineSchedule{}
	}), "z")
	for what, damage := range map[string]func(*spec.Zoo){
		"negative depth": func(z *spec.Zoo) { z.Layers[1].Depth = -1 },
		"deep":           func(z *spec.Zoo) { z.Layers[1].Depth = 10_000_000 },
		"no layers":      func(z *spec.Zoo) { z.Layers = nil },
		"preset":         func(z *spec.Zoo) { z.Architecture = "resnet18" },
		"width":          func(z *spec.Zoo) { z.Width = -1 },
		"schedule":       func(z *spec.Zoo) { z.Schedule.Min = "low" },
		"clipping":       func(z *spec.Zoo) { z.ClipNorm = "NaN" },
	} {
		s, err := plan.Unmarshal(plan.Marshal(good))
		if err != nil {
			t.Fatal(err)
		}
		damage(s.Zoo)
		if _, err := plan.Unmarshal(plan.Marshal(s)); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

// What is written out as its default is what is not written at all.
func TestDefaultsKeepIdentities(t *testing.T) {
	for what, pair := range map[string][2]*v1alpha1.ModelZooSpec{
		"recipe": {small(), small(func(z *v1alpha1.ModelZooSpec) {
			z.Training.LabelSmoothing, z.Training.MomentumForm = "0.0", v1alpha1.MomentumClassical
		})},
		"width": {small(func(z *v1alpha1.ModelZooSpec) { z.Architecture.Preset = "resnet18" }), small(func(z *v1alpha1.ModelZooSpec) {
			z.Architecture = v1alpha1.Architecture{Preset: "resnet18", Width: 64}
		})},
		"layers": {small(func(z *v1alpha1.ModelZooSpec) { z.Architecture = mlp("20", "") }), small(func(z *v1alpha1.ModelZooSpec) {
			z.Architecture = architecture("{layers: [{name: x, flatten: {}}, {name: '1', linear: {out: 20, bias: learned}}, {activation: {function: member}}, {linear: {out: 10}}]}")
		})},
		"schedule": {small(func(z *v1alpha1.ModelZooSpec) { z.Training.Schedule.Step.Size = 3 }), small(func(z *v1alpha1.ModelZooSpec) {
			z.Training.Schedule.Step = v1alpha1.StepSchedule{Size: 3, Gamma: "1e-1"}
		})},
	} {
		a, b := mustZoo(t, pair[0], "z"), mustZoo(t, pair[1], "z")
		if diff := cmp.Diff(ids(t, a), ids(t, b)); diff != "" || a.SpecDigest != b.SpecDigest {
			t.Errorf("%s: other models or another digest:\n%s", what, diff)
		}
	}
}

// A schedule over the whole training makes its length part of a model.
func TestEpochsIdentifyWhereTheScheduleNeedsThem(t *testing.T) {
	for name, c := range map[string]struct {
		schedule v1alpha1.Schedule
		same     bool
	}{
		"none":        {v1alpha1.Schedule{}, true},
		"warm-up":     {v1alpha1.Schedule{WarmupEpochs: 2}, true},
		"step":        {v1alpha1.Schedule{Step: v1alpha1.StepSchedule{Size: 2}}, true},
		"multiStep":   {v1alpha1.Schedule{MultiStep: v1alpha1.MultiStepSchedule{Milestones: []int32{2, 4}}}, true},
		"exponential": {v1alpha1.Schedule{Exponential: v1alpha1.ExponentialSchedule{Gamma: "0.9"}}, true},
		"plateau":     {v1alpha1.Schedule{ReduceOnPlateau: &v1alpha1.ReduceOnPlateauSchedule{}}, true},
		"cosine":      {v1alpha1.Schedule{Cosine: &v1alpha1.CosineSchedule{}, WarmupEpochs: 1}, false},
		"oneCycle":    {v1alpha1.Schedule{OneCycle: &v1alpha1.OneCycleSchedule{}}, false},
	} {
		train := func(epochs int32) string {
			return ids(t, mustZoo(t, small(func(z *v1alpha1.ModelZooSpec) { z.Training.Schedule, z.Training.Epochs = c.schedule, epochs }), "z"))[0]
		}
		if same := train(5) == train(9); same != c.same {
			t.Errorf("%s: the same model for 5 and 9 epochs: %v, want %v", name, same, c.same)
		}
	}
}

// Nesterov's form is part of the models it trains, not of those of other optimisers.
func TestNesterovIdentifiesSGD(t *testing.T) {
	both := func(form v1alpha1.MomentumForm) []string {
		return ids(t, mustZoo(t, small(func(z *v1alpha1.ModelZooSpec) {
			z.Population.Grid.Optimizer, z.Training.MomentumForm = []v1alpha1.Optimizer{"adam", "sgd"}, form
		}), "z"))
	}
	a, b := both("classical"), both("nesterov")
	if a[0] != b[0] || a[1] == b[1] {
		t.Errorf("adam and sgd: %v, with nesterov %v", a, b)
	}
}

func TestArchitectureErrorsNameTheField(t *testing.T) {
	layers := func(list string) func(*v1alpha1.ModelZooSpec) {
		return func(z *v1alpha1.ModelZooSpec) { z.Architecture = architecture("{layers: [" + list + "]}") }
	}
	for name, c := range map[string]struct {
		edit        func(*v1alpha1.ModelZooSpec)
		field, says string
	}{
		"none":        {func(z *v1alpha1.ModelZooSpec) { z.Architecture = v1alpha1.Architecture{} }, "spec.architecture", "exactly one"},
		"both":        {func(z *v1alpha1.ModelZooSpec) { z.Architecture = mlp("2", ""); z.Architecture.Preset = "vit-s" }, "spec.architecture", "exactly one"},
		"width":       {func(z *v1alpha1.ModelZooSpec) { z.Architecture.Width = 3 }, "spec.architecture.width", "resnet18"},
		"medium":      {func(z *v1alpha1.ModelZooSpec) { z.Architecture.Preset = "cnn-medium" }, "spec.architecture.preset", "32x32"},
		"two members": {layers("{flatten: {}, dropout: {}}"), "spec.architecture.layers[0]", "dropout and flatten are set"},
		"no member":   {layers("{flatten: {}}, {name: a}"), "spec.architecture.layers[1]", "no kind of layer"},
		"kernel":      {layers("{conv2d: {out: 3}}"), "spec.architecture.layers[0].conv2d.kernel", "use 1 to"},
		"out":         {layers("{flatten: {}}, {linear: {out: -1}}"), "spec.architecture.layers[1].linear.out", "it is -1"},
		"bias":        {layers("{flatten: {}}, {linear: {out: 3, bias: some}}"), "spec.architecture.layers[1].linear.bias", "unknown value"},
		"function":    {layers("{activation: {function: swish}}"), "spec.architecture.layers[0].activation.function", "unknown value"},
		"epsilon":     {layers("{layerNorm: {epsilon: '2'}}"), "spec.architecture.layers[0].layerNorm.epsilon", "out of range"},
		"shapes":      {layers("{flatten: {}}, {conv2d: {out: 3, kernel: 3}}"), "spec.architecture.layers[1]", "takes images"},
		"too small":   {layers("{conv2d: {out: 3, kernel: 3}}, {maxPool: {kernel: 40}}"), "spec.architecture.layers[1]", "does not fit images of 26x26"},
		"groups":      {layers("{conv2d: {out: 3, kernel: 3, groups: 2}}"), "spec.architecture.layers[0]", "2 groups of 1 channels"},
		"patches":     {layers("{patchEmbedding: {patch: 5, dim: 8}}"), "spec.architecture.layers[0]", "cannot be cut"},
		"heads":       {layers("{patchEmbedding: {patch: 4, dim: 8}}, {transformer: {depth: 1, heads: 3, mlp: 8}}"), "spec.architecture.layers[1]", "3 heads for width 8"},
		"deep": {
			layers("{patchEmbedding: {patch: 4, dim: 8}}, {transformer: {depth: 128, heads: 2, mlp: 8}}, {transformer: {depth: 129, heads: 2, mlp: 8}}"),
			"spec.architecture.layers[2].transformer.depth", "257 blocks",
		},
		"tokens":    {layers("{tokenEmbedding: {vocabulary: 3, positions: 4, dim: 8}}"), "spec.architecture.layers[0]", "takes tokens"},
		"no table":  {layers("{tokenLogits: {}}"), "spec.architecture.layers[0]", "needs a tokenEmbedding"},
		"same name": {layers("{name: '2', batchNorm: {}}, {flatten: {}}, {linear: {out: 10}}"), "spec.architecture.layers[2]", `"2" is that of layer 0`},
		"outputs":   {layers("{flatten: {}}, {linear: {out: 9}}"), "spec.architecture.layers[1]", "9 outputs"},
		"images":    {layers("{conv2d: {out: 10, kernel: 3}}"), "spec.architecture.layers[0]", "ends with images"},
		"huge":      {layers("{flatten: {}}, {linear: {out: 1000000}}, {linear: {out: 1000000}}"), "spec.architecture", "parameters"},
		"activation": {func(z *v1alpha1.ModelZooSpec) {
			z.Architecture.Preset, z.Population.Grid.Activation = "resnet18", []v1alpha1.Activation{"tanh", "relu"}
		}, "spec.population.grid.activation", "no layer applies"},
		"dropout": {func(z *v1alpha1.ModelZooSpec) {
			z.Architecture.Preset, z.Population.Grid.Dropout = "resnet18", []v1alpha1.Decimal{"0", "0.1"}
		}, "spec.population.grid.dropout[1]", "no dropout"},
	} {
		t.Run(name, func(t *testing.T) { wantField(t, small(c.edit), c.field, c.says) })
	}
}

func wantField(t *testing.T, z *v1alpha1.ModelZooSpec, field, says string) {
	t.Helper()
	_, err := plan.ModelZoo(z, inputs("z"))
	var fe *plan.FieldError
	if !errors.As(err, &fe) || fe.Field != field || !strings.Contains(fe.Error(), says) || fe.Remedy == "" {
		t.Errorf("got %v, want a FieldError for %s that says %q and what to do", err, field, says)
	}
}

func TestRecipeErrorsNameTheField(t *testing.T) {
	for text, want := range map[string][2]string{
		"{labelSmoothing: '1'}":                                      {"labelSmoothing", "out of range"},
		"{momentumForm: fast}":                                       {"momentumForm", "unknown value"},
		"{momentumForm: nesterov}":                                   {"momentumForm", "no member is trained by sgd"},
		"{gradientClipping: {norm: '0'}}":                            {"gradientClipping.norm", "out of range"},
		"{gradientClipping: {value: '-1'}}":                          {"gradientClipping.value", "out of range"},
		"{gradientClipping: {norm: '1', value: '1'}}":                {"gradientClipping", "set one"},
		"{schedule: {cosine: {}, oneCycle: {}}}":                     {"schedule", "at most one"},
		"{schedule: {oneCycle: {}, warmupEpochs: 1}}":                {"schedule.warmupEpochs", "warm-up"},
		"{schedule: {cosine: {}, warmupEpochs: 50}}":                 {"schedule.warmupEpochs", "nothing is left"},
		"{schedule: {warmupEpochs: -1}}":                             {"schedule.warmupEpochs", "use 1"},
		"{schedule: {step: {gamma: '0.5'}}}":                         {"schedule.step.size", "0 epochs"},
		"{schedule: {step: {size: 2, gamma: '-0.5'}}}":               {"schedule.step.gamma", "out of range"},
		"{schedule: {multiStep: {gamma: '0.5'}}}":                    {"schedule.multiStep.milestones", "there are none"},
		"{schedule: {multiStep: {milestones: [3, 3]}}}":              {"schedule.multiStep.milestones[1]", "does not rise"},
		"{schedule: {exponential: {gamma: fast}}}":                   {"schedule.exponential.gamma", "not a decimal"},
		"{schedule: {cosine: {min: '-1'}}}":                          {"schedule.cosine.min", "out of range"},
		"{schedule: {oneCycle: {rise: '1'}}}":                        {"schedule.oneCycle.rise", "out of range"},
		"{schedule: {oneCycle: {lowMomentum: '0.99'}}}":              {"schedule.oneCycle.lowMomentum", "above highMomentum"},
		"{schedule: {reduceOnPlateau: {factor: '1'}}}":               {"schedule.reduceOnPlateau.factor", "out of range"},
		"{schedule: {reduceOnPlateau: {patience: -1}}}":              {"schedule.reduceOnPlateau", "use 0 or more"},
		"{schedule: {reduceOnPlateau: {}, warmupEpochs: 1}}":         {"schedule.warmupEpochs", "remove"},
		"{schedule: {exponential: {gamma: '0.9'}, step: {size: 1}}}": {"schedule", "at most one"},
	} {
		z := small()
		if err := yaml.UnmarshalStrict([]byte(text), &z.Training); err != nil {
			t.Fatal(err)
		}
		t.Run(text, func(t *testing.T) { wantField(t, z, "spec.training."+want[0], want[1]) })
	}
	z := small(func(z *v1alpha1.ModelZooSpec) {
		z.Population.Grid.Optimizer, z.Training.Momentum, z.Training.MomentumForm = []v1alpha1.Optimizer{"sgd"}, "0", "nesterov"
	})
	wantField(t, z, "spec.training.momentumForm", "without momentum")
}

// Large networks get small shards and memory that grows with them and with cores; the zoos' stay as they were.
func TestShardsAndMemoryFollowTheNetwork(t *testing.T) {
	for name, c := range map[string]struct{ members, one, four int }{
		"cnn-small": {64, 247, 247}, "resnet18": {2, 2060, 3010}, "vit-tiny": {5, 2210, 5160},
	} {
		s := mustZoo(t, small(func(z *v1alpha1.ModelZooSpec) {
			z.Architecture.Preset = v1alpha1.ArchitecturePreset(name)
			z.Population.Seeds.Count = 100
		}), "z")
		train := s.Stages[0]
		if got := train.Shards[0].To; got != c.members {
			t.Errorf("%s: %d members in a shard, want %d", name, got, c.members)
		}
		for cores, want := range map[int]int{1: c.one, 4: c.four} {
			if got := int(plan.StageMemory(&train, cores) >> 20); got < want*9/10 || got > want*11/10 {
				t.Errorf("%s: a pod of %d cores needs %d MiB, want about %d", name, cores, got, want)
			}
		}
		if cap := plan.StageMemory(&train, c.members); plan.StageMemory(&train, 1000) != cap {
			t.Errorf("%s: cores without a member need memory", name)
		}
	}
	clipped := func(norm v1alpha1.Decimal) int64 {
		return mustZoo(t, small(func(z *v1alpha1.ModelZooSpec) { z.Training.GradientClipping.Norm = norm }), "z").Stages[0].WorkerBytes
	}
	if clipped("") != 0 || clipped("1") == 0 {
		t.Error("cnn-small needs memory for each core where its recipe is no published one, and only there")
	}
}

// The estimate of the time starts from these, two operations for each multiply-add: ResNet-18 with the small stem has 0.556e9 of them on
// 3x32x32 images, 0.456e9 on 1x28x28.
func TestWorkOfASample(t *testing.T) {
	for name, want := range map[string]float64{"cnn-small": 0.39e6, "resnet18": 0.91e9} {
		s := mustZoo(t, small(func(z *v1alpha1.ModelZooSpec) { z.Architecture.Preset = v1alpha1.ArchitecturePreset(name) }), "z")
		train, evaluate, err := plan.Work(s.Zoo)
		if err != nil || evaluate < 0.95*want || evaluate > 1.05*want || train < 2*evaluate || train > 3.2*evaluate {
			t.Errorf("%s: %v to train, %v forward (%v), want about %v forward", name, train, evaluate, err, want)
		}
	}
	s := mustZoo(t, small(func(z *v1alpha1.ModelZooSpec) { z.Architecture = mlp("100", "") }), "z")
	if _, evaluate, err := plan.Work(s.Zoo); err != nil || evaluate < 2*785*100 || evaluate > 2.2*785*100 {
		t.Errorf("a perceptron: %v forward (%v)", evaluate, err)
	}
	s.Zoo.Architecture = "vgg"
	if _, _, err := plan.Work(s.Zoo); err == nil {
		t.Error("an unknown network has a cost")
	}
}
