package program

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/zoo"
)

// A vision transformer of 28x28 images, the smallest there is, and its recipes in the form of the published zoo.
const (
	tinyTransformer = `
dataset: {name: tiny}
architecture:
  layers:
  - {patchEmbedding: {patch: 7, dim: 8}}
  - {transformer: {depth: 1, heads: 2, mlp: 12}}
  - {layerNorm: {}}
  - {firstToken: {}}
  - {linear: {out: 10}}
population:
  seeds: {count: 2}
  grid: {activation: [gelu], optimizer: [adamw], initializer: [kaiming-normal], learningRate: ["1e-3"], weightDecay: ["1e-4"]}
`
	supervised = tinyTransformer + `
training:
  epochs: 2
  batchSize: 16
  labelSmoothing: "0.1"
  augmentation:
    randomResizedCrop: {minScale: "0.5"}
    horizontalFlip: {}
    rotation: {degrees: "10"}
    randomErasing: {probability: "0.25"}
    mixUp: {alpha: "0.8"}
    cutMix: {alpha: "1"}
`
	contrastive = tinyTransformer + `
training:
  epochs: 2
  batchSize: 16
  objective: contrastive
  temperature: "0.07"
  augmentation:
    randomResizedCrop: {minScale: "0.5"}
    horizontalFlip: {}
    colorJitter: {brightness: "0.5", contrast: "0.5", saturation: "0.5", hue: "0.1", probability: "0.8"}
    grayscale: {probability: "0.2"}
    gaussianBlur: {kernelSize: 9}
`
)

func parse(t *testing.T, text string) *v1alpha1.ModelZooSpec {
	t.Helper()
	z := &v1alpha1.ModelZooSpec{}
	if err := yaml.UnmarshalStrict([]byte(text), z); err != nil {
		t.Fatal(err)
	}
	return z
}

// fineTune continues the models of a zoo with a head.
func fineTune(t *testing.T, head string) *v1alpha1.ModelZooSpec {
	z := parse(t, tinyTransformer+`
training: {epochs: 1, batchSize: 16, augmentation: {randomCrop: {padding: 2}, mixUp: {alpha: "0.8"}}}
initialWeights: {zoo: {name: parent}, head: `+head+`}
`)
	z.Population.Grid.Optimizer = []v1alpha1.Optimizer{v1alpha1.OptimizerAdamW, v1alpha1.OptimizerSGD}
	return z
}

func (l *lab) plan(z *v1alpha1.ModelZooSpec, in plan.Inputs) *spec.Snapshot {
	l.t.Helper()
	in.Namespace, in.StoreURL = "default", l.store.URL()
	s, err := plan.ModelZoo(z, in)
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

// parentOf is what a plan needs of a finished zoo.
func parentOf(s *spec.Snapshot, r *spec.Result) plan.Inputs {
	return plan.Inputs{
		Dataset: &s.Zoo.Dataset, ZooPlan: s.Zoo,
		Zoo: &spec.ZooInput{Name: s.Object.Name, Store: s.Store, Path: s.ArtifactPath, ManifestDigest: r.ManifestDigest, ResultDigest: r.ResultDigest, Members: plan.Total(s.Zoo), Epochs: s.Zoo.Epochs, Parameters: s.Zoo.Parameters},
	}
}

// Augmented, mixed and contrastive training leaves no trace of shards, workers, instruction sets and crashes.
func TestAugmentedTrainingLeavesNoTrace(t *testing.T) {
	for name, text := range map[string]string{"supervised": supervised, "contrastive": contrastive} {
		t.Run(name, func(t *testing.T) {
			var want string
			for _, tc := range []struct {
				shard   int32
				isa     kernel.Level
				workers int
			}{{0, kernel.Auto, 1}, {1, kernel.Ref, 2}} {
				l := newLab(t)
				z := parse(t, text)
				z.Sharding = &v1alpha1.Sharding{MembersPerShard: tc.shard}
				s := l.plan(z, plan.Inputs{Name: "zoo", Dataset: l.dataset()})
				env := l.env()
				env.ISA, env.Workers = tc.isa, tc.workers
				got := l.runAll(s, env).ResultDigest
				if want == "" {
					want = got
				}
				if got != want {
					t.Errorf("%d members each, %v: resultDigest %s, want %s", tc.shard, tc.isa, got, want)
				}
			}
			l := newLab(t)
			in := l.dataset()
			for n := 1; n < 6; n++ {
				s := l.plan(parse(t, text), plan.Inputs{Name: fmt.Sprintf("crash-%d", n), Dataset: in})
				env := l.env()
				env.Store, env.CheckpointEvery = &crashing{Store: l.store, left: n}, 1 // a checkpoint after every step
				if _, err := l.run(s, s.Stages[0].Name, 0, env); !errors.Is(err, errCrash) {
					t.Fatalf("crash after write %d: error %v", n, err)
				}
				if got := l.runAll(s, l.env()).ResultDigest; got != want {
					t.Errorf("crash after write %d: resultDigest %s, want %s", n, got, want)
				}
			}
		})
	}
}

// A zoo that continues another has its bodies and new heads, knows its parents, and resumes with the same bits.
func TestFineTuning(t *testing.T) {
	for _, tc := range []struct{ parent, head string }{{supervised, "linear"}, {contrastive, "mlp, hidden: 6"}} {
		l := newLab(t)
		s := l.plan(parse(t, tc.parent), plan.Inputs{Name: "parent", Dataset: l.dataset()})
		in := parentOf(s, l.runAll(s, l.env()))
		in.Name = "child"
		child := l.plan(fineTune(t, tc.head), in)
		want := l.runAll(child, l.env())
		if n := 2 * 2 * 2; want.Zoo.Members != n { // parents, seeds, optimisers
			t.Fatalf("%s: %d members, want %d", tc.head, want.Zoo.Members, n)
		}
		checkBodies(t, l, s, child)
		for n := 1; n < 4; n++ {
			in.Name = fmt.Sprintf("crash-%d", n)
			again := l.plan(fineTune(t, tc.head), in)
			env := l.env()
			env.Store, env.CheckpointEvery = &crashing{Store: l.store, left: n}, 1
			if _, err := l.run(again, again.Stages[0].Name, 0, env); !errors.Is(err, errCrash) {
				t.Fatalf("crash after write %d: error %v", n, err)
			}
			if got := l.runAll(again, l.env()).ResultDigest; got != want.ResultDigest {
				t.Errorf("%s: crash after write %d: resultDigest %s, want %s", tc.head, n, got, want.ResultDigest)
			}
		}
	}
}

// checkBodies holds every first epoch of the child against its parent's last.
func checkBodies(t *testing.T, l *lab, parent, child *spec.Snapshot) {
	t.Helper()
	b, err := l.store.Get(t.Context(), child.ArtifactPath+"/lineage.parquet")
	if err != nil {
		t.Fatal(err)
	}
	lineage, err := artifact.ReadLineage(b)
	if err != nil || len(lineage) != plan.Total(child.Zoo) {
		t.Fatalf("%d rows of lineage: %v", len(lineage), err)
	}
	parents, err := zoo.Open(t.Context(), l.store, parent.ArtifactPath)
	if err != nil {
		t.Fatal(err)
	}
	children, err := zoo.Open(t.Context(), l.store, child.ArtifactPath)
	if err != nil {
		t.Fatal(err)
	}
	layout, err := children.Layout(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	heads := map[string]bool{}
	for _, r := range lineage {
		if r.ParentZoo != "parent" || int(r.ParentEpoch) != parent.Zoo.Epochs {
			t.Errorf("lineage %+v", r)
		}
		theirs, ours := make([]float32, parent.Zoo.Parameters), make([]float32, child.Zoo.Parameters)
		if err := parents.Weights(t.Context(), parent.Zoo.Epochs, []string{r.ParentModelID}, 0, theirs); err != nil {
			t.Fatal(err)
		}
		if err := children.Weights(t.Context(), 0, []string{r.ModelID}, 0, ours); err != nil {
			t.Fatal(err)
		}
		body := 0
		for _, p := range layout {
			if !strings.HasPrefix(p.Name, "layer4.") && !strings.HasPrefix(p.Name, "4.") {
				body += p.Size()
			}
		}
		if body == 0 || body == len(ours) || !slices.Equal(ours[:body], theirs[:body]) {
			t.Errorf("model %s: the first %d of %d weights are not those of model %s", r.ModelID, body, len(ours), r.ParentModelID)
		}
		heads[fmt.Sprint(ours[body:])] = true
	}
	if len(heads) != 2 { // one for each seed
		t.Errorf("%d different heads, want 2", len(heads))
	}
}
