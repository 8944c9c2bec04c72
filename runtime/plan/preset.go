package plan

import (
	"fmt"
	"reflect"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/preset"
)

// expandPreset writes a preset's recipe out, with the limit and the epochs that shrink it, and empties spec.preset: what is
// planned and digested is the recipe, so that a manifest that spells it out is the same zoo. A spec that cannot be
// expanded stays as it is, for checkPreset to say why.
func expandPreset(z *v1alpha1.ModelZooSpec) {
	if z.Preset == "" || checkPreset(z) != nil {
		return
	}
	p, _ := preset.Get(z.Preset)
	limit, epochs := z.Population.Limit, z.Training.Epochs
	z.Preset, z.Architecture, z.Population, z.Training = "", p.Architecture, p.Population, p.Training
	z.Population.Limit = limit
	if epochs != 0 {
		z.Training.Epochs = epochs
	}
}

// checkPreset says what stands beside a preset that it fills in, or cannot be changed without changing the models.
func checkPreset(z *v1alpha1.ModelZooSpec) error {
	if z.Preset == "" {
		return nil
	}
	p, ok := preset.Get(z.Preset)
	if !ok {
		return &FieldError{"spec.preset", fmt.Sprintf("there is no preset %q", z.Preset), "use one of those that `weightspace presets` lists"}
	}
	const remedy = "remove it, or write the recipe out instead: `weightspace presets show --recipe` prints it"
	if !reflect.DeepEqual(z.Architecture, v1alpha1.Architecture{}) {
		return &FieldError{"spec.architecture", "spec.preset fills it in", remedy}
	}
	if !reflect.DeepEqual(z.Population, v1alpha1.Population{Limit: z.Population.Limit}) {
		return &FieldError{"spec.population", "spec.preset fills it in; only limit may be set", remedy}
	}
	if !reflect.DeepEqual(z.Training, v1alpha1.Training{Epochs: z.Training.Epochs}) {
		return &FieldError{"spec.training", "spec.preset fills it in; only epochs may be set", remedy}
	}
	if p.Continues && z.InitialWeights.Zoo.Name == "" {
		return &FieldError{"spec.initialWeights", fmt.Sprintf("preset %s continues the models of another zoo", z.Preset), "name it: initialWeights: {zoo: {name: ...}, head: linear} or head: mlp"}
	}
	if e := z.Training.Epochs; e != 0 && e != p.Training.Epochs && p.LengthMatters() {
		return &FieldError{
			"spec.training.epochs", fmt.Sprintf("%d, but the rates of preset %s depend on its %d epochs from the first step, so that others train other models", e, z.Preset, p.Training.Epochs),
			"keep them and shrink the zoo by spec.population.limit, or write another recipe out",
		}
	}
	return nil
}
