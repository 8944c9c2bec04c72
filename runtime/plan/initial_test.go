package plan_test

import (
	"errors"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// The published zoo of vision transformers: grids of the card's section 7 (model-zoo.md).
const (
	pretrainGrid = `
architecture: {preset: vit-s}
population:
  seeds: {count: %}
  grid: {activation: [gelu], optimizer: [adamw], initializer: [kaiming-normal], learningRate: ["1e-3"], weightDecay: ["1e-4"]}
`
	supervisedRecipe = `
training:
  epochs: 90
  batchSize: 256
  labelSmoothing: "0.1"
  augmentation: {imageSize: 224, randomResizedCrop: {}, horizontalFlip: {}, randomErasing: {probability: "0.25"}, mixUp: {alpha: "0.8"}, cutMix: {alpha: "1"}}
`
	contrastiveRecipe = `
training:
  epochs: 90
  batchSize: 96
  objective: contrastive
  augmentation:
    imageSize: 224
    horizontalFlip: {}
    randomResizedCrop: {}
    colorJitter: {brightness: "0.5", contrast: "0.5", saturation: "0.5", hue: "0.1", probability: "0.8"}
    grayscale: {probability: "0.2"}
    gaussianBlur: {kernelSize: 9}
`
	finetuneRecipe = `
architecture: {preset: vit-s}
initialWeights: {zoo: {name: parent}, head: %}
population:
  seeds: {count: 2}
  grid: {activation: [gelu], optimizer: [adamw, sgd], initializer: [kaiming-normal], learningRate: ["3e-3", "1e-3", "1e-4"]}
training:
  epochs: 50
  batchSize: 256
  labelSmoothing: "0.1"
  augmentation: {imageSize: 224, randomCrop: {}, horizontalFlip: {}, rotation: {degrees: "10"}, mixUp: {alpha: "0.8"}, cutMix: {alpha: "1"}}
`
)

func zooSpec(t *testing.T, text, value string) *v1alpha1.ModelZooSpec {
	t.Helper()
	z := &v1alpha1.ModelZooSpec{}
	if err := yaml.UnmarshalStrict([]byte(strings.ReplaceAll(text, "%", value)), z); err != nil {
		t.Fatal(err)
	}
	z.Dataset.Name = "images"
	return z
}

func images(classes int) *spec.DatasetInput {
	return &spec.DatasetInput{Name: "images", ResultDigest: "sha256:1", Channels: 3, Height: 256, Width: 256, Classes: classes, Train: 1000, Validation: 100, Test: 100}
}

// continued are the inputs of a zoo that continues another.
func continued(s *spec.Snapshot, d *spec.DatasetInput) plan.Inputs {
	return plan.Inputs{Namespace: "ns", Name: "child", Dataset: d, ZooPlan: s.Zoo, Zoo: &spec.ZooInput{Name: "parent", ResultDigest: "sha256:2", Epochs: s.Zoo.Epochs}}
}

// 7 supervised and 3 contrastive models are pre-trained; each is fine-tuned 24 times.
func TestVisionTransformerZooExpands(t *testing.T) {
	pretrained, finetuned := map[string]bool{}, map[string]bool{}
	for recipe, seeds := range map[string]string{supervisedRecipe: "7", contrastiveRecipe: "3"} {
		parent, err := plan.ModelZoo(zooSpec(t, pretrainGrid+recipe, seeds), plan.Inputs{Namespace: "ns", Name: "parent", Dataset: images(1000)})
		if err != nil {
			t.Fatal(err)
		}
		if parent.Zoo.Parameters != 22_050_664 {
			t.Errorf("%d parameters, want 22,050,664", parent.Zoo.Parameters)
		}
		for _, m := range plan.Members(parent.Zoo, 0, 0, plan.CohortSize(parent.Zoo, 0)) {
			pretrained[m.ID] = true
		}
		for head, params := range map[string]int{"linear": 21_704_164, "mlp": 21_704_164 + 384*384 + 384} {
			child, err := plan.ModelZoo(zooSpec(t, finetuneRecipe, head), continued(parent, images(100)))
			if err != nil {
				t.Fatal(err)
			}
			if child.Zoo.Parameters != params || child.Zoo.Initial.Epoch != 90 {
				t.Errorf("%s: %d parameters from epoch %d, want %d from 90", head, child.Zoo.Parameters, child.Zoo.Initial.Epoch, params)
			}
			back, err := plan.Unmarshal(plan.Marshal(child))
			if err != nil || plan.Total(back.Zoo) != plan.Total(child.Zoo) {
				t.Errorf("%s: the plan does not survive: %v", head, err)
			}
			for c := range child.Zoo.Cohorts {
				for _, m := range plan.Members(child.Zoo, c, 0, plan.CohortSize(child.Zoo, c)) {
					if finetuned[m.ID] = true; !pretrained[m.Parent] {
						t.Fatalf("model %s continues %q, which is none of the pre-trained", m.ID, m.Parent)
					}
				}
			}
		}
	}
	if len(pretrained) != 10 || len(finetuned) != 240 {
		t.Errorf("%d pre-trained and %d fine-tuned models, want 10 and 240", len(pretrained), len(finetuned))
	}
}

// What identifies a model: its parent, the epoch, the head, the augmentation, the objective.
func TestAdditionsIdentify(t *testing.T) {
	of := func(z *v1alpha1.ModelZooSpec, in plan.Inputs) (id, digest string) {
		t.Helper()
		s, err := plan.ModelZoo(z, in)
		if err != nil {
			t.Fatal(err)
		}
		return plan.Members(s.Zoo, 0, 0, 1)[0].ID, s.SpecDigest
	}
	seen, digests := map[string]string{}, map[string]string{}
	check := func(name string, z *v1alpha1.ModelZooSpec, in plan.Inputs) {
		t.Helper()
		id, digest := of(z, in)
		if other, ok := seen[id]; ok {
			t.Errorf("%s has the model of %s", name, other)
		}
		if other, ok := digests[digest]; ok {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[id], digests[digest] = name, name
	}
	base := plan.Inputs{Namespace: "ns", Name: "zoo", Dataset: images(1000)}
	plain := func() *v1alpha1.ModelZooSpec {
		z := zooSpec(t, pretrainGrid+supervisedRecipe, "1")
		z.Training.Augmentation.CutMix = v1alpha1.MixAugmentation{}
		return z
	}
	check("plain", plain(), base)
	for name, edit := range map[string]func(a *v1alpha1.Augmentation){
		"cutmix":        func(a *v1alpha1.Augmentation) { a.CutMix.Alpha = "1" },
		"alpha":         func(a *v1alpha1.Augmentation) { a.MixUp.Alpha = "0.7" },
		"no flip":       func(a *v1alpha1.Augmentation) { a.HorizontalFlip = nil },
		"interpolation": func(a *v1alpha1.Augmentation) { a.RandomResizedCrop.Interpolation = v1alpha1.AugmentationBicubic },
		"blur":          func(a *v1alpha1.Augmentation) { a.GaussianBlur.KernelSize = 3 },
		"resize":        func(a *v1alpha1.Augmentation) { a.EvaluationResize = 240 },
	} {
		z := plain()
		edit(&z.Training.Augmentation)
		check(name, z, base)
	}
	z := zooSpec(t, pretrainGrid+contrastiveRecipe, "1")
	check("contrastive", z, base)
	z = z.DeepCopy()
	z.Training.Temperature = "0.1"
	check("temperature", z, base)
	parent, err := plan.ModelZoo(plain(), base)
	if err != nil {
		t.Fatal(err)
	}
	check("linear", zooSpec(t, finetuneRecipe, "linear"), continued(parent, images(100)))
	check("mlp", zooSpec(t, finetuneRecipe, "mlp"), continued(parent, images(100)))
	check("wide mlp", zooSpec(t, finetuneRecipe, "mlp, hidden: 256"), continued(parent, images(100)))
	check("earlier", zooSpec(t, finetuneRecipe, `linear, epoch: "10"`), continued(parent, images(100)))
	// Defaults written out are the same model.
	z = zooSpec(t, finetuneRecipe, "mlp, hidden: 384, epoch: last")
	id, digest := of(z, continued(parent, images(100)))
	if seen[id] != "mlp" || digests[digest] != "mlp" {
		t.Errorf("defaults written out are %q and %q", seen[id], digests[digest])
	}
}

func TestAdditionsAreChecked(t *testing.T) {
	base := plan.Inputs{Namespace: "ns", Name: "zoo", Dataset: images(1000)}
	parent, err := plan.ModelZoo(zooSpec(t, pretrainGrid+supervisedRecipe, "1"), base)
	if err != nil {
		t.Fatal(err)
	}
	small := func(z *v1alpha1.ModelZooSpec) { z.Architecture.Preset = v1alpha1.ArchitectureViTTiny }
	for field, e := range map[string]struct {
		text, value string
		edit        func(z *v1alpha1.ModelZooSpec)
	}{
		"spec.initialWeights.epoch":                             {finetuneRecipe, `linear, epoch: "91"`, nil},
		"spec.initialWeights.hidden":                            {finetuneRecipe, "linear, hidden: 5", nil},
		"spec.initialWeights.head":                              {finetuneRecipe, "big", nil},
		"spec.initialWeights.zoo":                               {finetuneRecipe, "linear", small},
		"spec.training.augmentation.rotation.degrees":           {finetuneRecipe, "linear", func(z *v1alpha1.ModelZooSpec) { z.Training.Augmentation.Rotation.Degrees = "200" }},
		"spec.training.augmentation.mixUp.alpha":                {finetuneRecipe, "linear", func(z *v1alpha1.ModelZooSpec) { z.Training.Augmentation.MixUp.Alpha = "0" }},
		"spec.training.augmentation.evaluationResize":           {finetuneRecipe, "linear", func(z *v1alpha1.ModelZooSpec) { z.Training.Augmentation.EvaluationResize = 100 }},
		"spec.training.augmentation.horizontalFlip.probability": {finetuneRecipe, "linear", func(z *v1alpha1.ModelZooSpec) { z.Training.Augmentation.HorizontalFlip.Probability = "2" }},
		"spec.training.augmentation":                            {finetuneRecipe, "linear", func(z *v1alpha1.ModelZooSpec) { z.Training.Augmentation.ImageSize = 300 }},
		"spec.training.augmentation.colorJitter":                {finetuneRecipe, "linear", func(z *v1alpha1.ModelZooSpec) { z.Training.Augmentation.ColorJitter.Probability = "1" }},
		"spec.training.temperature":                             {finetuneRecipe, "linear", func(z *v1alpha1.ModelZooSpec) { z.Training.Temperature = "1" }},
		"spec.training.objective":                               {finetuneRecipe, "linear", func(z *v1alpha1.ModelZooSpec) { z.Training.Objective = "none" }},
		"spec.training.labelSmoothing":                          {pretrainGrid + contrastiveRecipe, "1", func(z *v1alpha1.ModelZooSpec) { z.Training.LabelSmoothing = "0.1" }},
		"spec.training.batchSize":                               {pretrainGrid + contrastiveRecipe, "1", func(z *v1alpha1.ModelZooSpec) { z.Training.BatchSize = 1 }},
	} {
		z := zooSpec(t, e.text, e.value)
		if e.edit != nil {
			e.edit(z)
		}
		in := base
		if z.InitialWeights.Zoo.Name != "" {
			in = continued(parent, images(100))
		}
		var wrong *plan.FieldError
		if _, err := plan.ModelZoo(z, in); !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: error %v", field, err)
		}
	}
}

// Augmented zoos never train on tiles.
func TestAugmentedZoosAreRecorded(t *testing.T) {
	z := &spec.Zoo{Architecture: "cnn-small"}
	c := spec.Cohort{Activation: "tanh", Optimizer: "adam"}
	if !plan.OnTiles(z, c) {
		t.Error("the plain zoo is not on tiles")
	}
	for name, edit := range map[string]func(z *spec.Zoo){
		"augmentation": func(z *spec.Zoo) { z.Augmentation = &spec.Augmentation{Flip: "0.5"} },
		"objective":    func(z *spec.Zoo) { z.Objective = spec.ObjectiveContrastive },
		"initial":      func(z *spec.Zoo) { z.Initial = &spec.InitialWeights{} },
	} {
		other := *z
		if edit(&other); plan.OnTiles(&other, c) {
			t.Errorf("a zoo with %s is on tiles", name)
		}
	}
}
