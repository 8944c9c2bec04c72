package plan_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/data/catalog"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/preset"
	"github.com/weightspace/weightspace/runtime/spec"
)

func limited(n int32) func(*v1alpha1.ModelZooSpec) {
	return func(z *v1alpha1.ModelZooSpec) { z.Population.Limit = n }
}

func fromPreset(name v1alpha1.ZooPreset, edit ...func(*v1alpha1.ModelZooSpec)) *v1alpha1.ModelZooSpec {
	z := &v1alpha1.ModelZooSpec{Dataset: v1alpha1.DatasetReference{Name: "mnist"}, Preset: name}
	for _, e := range edit {
		e(z)
	}
	return z
}

// A limited zoo holds models of the whole one; a higher limit appends to every cohort; the counts are exact.
func TestLimitKeepsModelsAndNests(t *testing.T) {
	whole := zoo(func(z *v1alpha1.ModelZooSpec) {
		z.Population.Seeds = v1alpha1.Seeds{Random: v1alpha1.RandomSeeds{Count: 4}}
		z.Population.Grid.Optimizer = []v1alpha1.Optimizer{"adam", "sgd"}
		z.Population.Grid.Dropout = []v1alpha1.Decimal{"0", "0.3", "0.5"}
	})
	all := set(ids(t, mustZoo(t, whole, "z")))
	var before [][]spec.Member
	for n := int32(1); n <= 200; n += 7 {
		z := whole.DeepCopy()
		z.Population.Limit = n
		s := mustZoo(t, z, "z")
		members := ids(t, s)
		if want := min(int(n), 192); len(members) != want || plan.Total(s.Zoo) != want {
			t.Fatalf("limit %d: %d members, want %d", n, len(members), want)
		}
		for _, id := range members {
			if !all[id] {
				t.Fatalf("limit %d: model %s is none of the whole zoo", n, id)
			}
		}
		var now [][]spec.Member
		for c := range s.Zoo.Cohorts {
			now = append(now, plan.Members(s.Zoo, c, 0, plan.CohortSize(s.Zoo, c)))
		}
		for c := range before {
			if !slices.Equal(before[c], now[c][:len(before[c])]) {
				t.Fatalf("limit %d moves members of cohort %d", n, c)
			}
		}
		before = now
	}
}

// Any limited zoo holds each activation equally often up to one, and each optimizer within an activation; half of a grid is
// no corner of it.
func TestLimitBalances(t *testing.T) {
	for _, n := range []int32{8, 33, 96, 200, 300} {
		s := mustZoo(t, fromPreset("mnist-hyp-10-rand", limited(n)), "z")
		counts := map[string]map[string]int{}
		count := func(factor, value string) {
			if counts[factor] == nil {
				counts[factor] = map[string]int{}
			}
			counts[factor][value]++
		}
		for _, sh := range s.Stages[0].Shards {
			for _, m := range plan.Members(s.Zoo, sh.Cohort, sh.From, sh.To) {
				count("activation", m.Activation)
				count("activation, optimizer", m.Activation+m.Optimizer)
				count("initializer", m.Initializer)
				count("rest", m.Initializer+string(rune(int(m.LearningRate*1e6)))+string(rune(int(m.Dropout*10))))
			}
		}
		spread := func(factor string) int {
			low, high := 1<<30, 0
			for _, k := range counts[factor] {
				low, high = min(low, k), max(high, k)
			}
			return high - low
		}
		if spread("activation") > 1 || spread("activation, optimizer") > 1 || len(counts["activation"]) != 4 {
			t.Errorf("limit %d: %v", n, counts)
		}
		if n >= 32 && (spread("initializer") > 8 || len(counts["rest"]) < 12) {
			t.Errorf("limit %d: initializers %v, %d combinations", n, counts["initializer"], len(counts["rest"]))
		}
	}
}

// The digest of a zoo covers its limit and not how its recipe was written.
func TestPresetIsItsRecipe(t *testing.T) {
	for _, p := range preset.All() {
		if p.Continues {
			continue
		}
		written := &v1alpha1.ModelZooSpec{Dataset: v1alpha1.DatasetReference{Name: "mnist"}, Architecture: p.Architecture, Population: p.Population, Training: p.Training}
		if a, b := plan.ModelZooSpecDigest(written), plan.ModelZooSpecDigest(fromPreset(p.Name)); a != b {
			t.Errorf("%s: digest %s, written out %s", p.Name, b, a)
		}
	}
	if plan.ModelZooSpecDigest(fromPreset("mnist-seed")) == plan.ModelZooSpecDigest(fromPreset("mnist-seed", limited(5))) {
		t.Error("the digest does not cover the limit")
	}
	short := mustZoo(t, fromPreset("mnist-seed", limited(3), func(z *v1alpha1.ModelZooSpec) { z.Training.Epochs = 2 }), "z")
	long := mustZoo(t, fromPreset("mnist-seed"), "z")
	if a, b := ids(t, short), ids(t, long)[:3]; !slices.Equal(a, b) || short.Zoo.Epochs != 2 || long.Zoo.Epochs != 50 {
		t.Errorf("a shrunk preset has models %v, not %v", a, b)
	}
}

func TestPresetMistakes(t *testing.T) {
	for field, z := range map[string]*v1alpha1.ModelZooSpec{
		"spec.preset":                fromPreset("mnist"),
		"spec.architecture":          fromPreset("mnist-seed", func(z *v1alpha1.ModelZooSpec) { z.Architecture.Preset = "cnn-small" }),
		"spec.population":            fromPreset("mnist-seed", func(z *v1alpha1.ModelZooSpec) { z.Population.Seeds.Count = 3 }),
		"spec.training":              fromPreset("mnist-seed", func(z *v1alpha1.ModelZooSpec) { z.Training.BatchSize = 3 }),
		"spec.training.epochs":       fromPreset("cifar10-resnet18-seed", func(z *v1alpha1.ModelZooSpec) { z.Training.Epochs = 3 }),
		"spec.population.limit":      zoo(limited(-1)),
		"spec.retention.every":       zoo(func(z *v1alpha1.ModelZooSpec) { z.Retention.Checkpoints = "every" }),
		"spec.retention.checkpoints": zoo(func(z *v1alpha1.ModelZooSpec) { z.Retention.Checkpoints = "some" }),
	} {
		_, err := plan.ModelZoo(z, inputs("z"))
		fieldError(t, err, field)
		plan.ModelZooSpecDigest(z) // of any spec
	}
}

// What is kept costs less; the identity of models and zoo stays.
func TestRetentionCostsDiskOnly(t *testing.T) {
	all := mustZoo(t, zoo(), "z")
	disk := all.DiskBytes
	for _, r := range []v1alpha1.Retention{{Checkpoints: "every", Every: 5}, {Checkpoints: "best"}, {Checkpoints: "last"}} {
		z := zoo(func(z *v1alpha1.ModelZooSpec) { z.Retention = r })
		s := mustZoo(t, z, "z")
		if s.DiskBytes >= disk || s.SpecDigest != all.SpecDigest || ids(t, s)[7] != ids(t, all)[7] {
			t.Errorf("%s: %d bytes after %d, digest %s", r.Checkpoints, s.DiskBytes, disk, s.SpecDigest)
		}
		disk = s.DiskBytes
	}
	if s := mustZoo(t, zoo(func(z *v1alpha1.ModelZooSpec) { z.Retention.Checkpoints = "all" }), "z"); s.Zoo.Retention != nil {
		t.Errorf("retention all is %+v in the plan", s.Zoo.Retention)
	}
}

func fieldError(t *testing.T, err error, field string) {
	t.Helper()
	var fe *plan.FieldError
	if !errors.As(err, &fe) || fe.Field != field {
		t.Errorf("got %v, want a FieldError for %s", err, field)
	}
}

// A model's cost is its share; a row is what trainers write (2,464 parameters; ResNet-18's 9,600 running statistics beside its parameters).
func TestCostOfAModel(t *testing.T) {
	s := mustZoo(t, zoo(), "z")
	disk, memory, err := plan.PerModel(s)
	if err != nil || disk != s.DiskBytes/400 || memory < 2464*4*7 || memory > 2464*4*12 {
		t.Errorf("a model costs %d on disk, %d in memory, %v", disk, memory, err)
	}
	if n, err := plan.RowBytes(s.Zoo); n != 2464*4 || err != nil {
		t.Errorf("a row of cnn-small has %d bytes, %v", n, err)
	}
	in := inputs("z")
	in.Dataset.Channels, in.Dataset.Height, in.Dataset.Width = 3, 32, 32
	r, err := plan.ModelZoo(fromPreset("cifar10-resnet18-seed"), in)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := plan.RowBytes(r.Zoo); n != (11_173_962+9_600)*4 || err != nil {
		t.Errorf("a row of resnet18 has %d bytes, %v", n, err)
	}
}

// Every preset can be planned on its data set, with the parameters of the card.
func TestEveryPresetIsPlanned(t *testing.T) {
	want := map[string]int{
		"cnn-small 1": 2464, "cnn-small 3": 2864, "cnn-medium 3": 10853, "cifar10-resnet": 11_173_962, "cifar100-resnet": 11_220_132, "tiny-imagenet": 11_271_432, "imagenet": 22_050_664,
	}
	for _, p := range preset.All() {
		if p.Continues {
			continue // it needs the plan of another zoo
		}
		in := inputs("z")
		d := in.Dataset
		d.Channels, d.Height, d.Width, d.Classes = 3, 256, 256, 1000
		key := p.Dataset
		if e, err := catalog.Find(p.Dataset); err == nil {
			d.Channels, d.Height, d.Width, d.Classes = e.Channels, e.Height, e.Width, e.Classes
			if want[key] == 0 {
				key = fmt.Sprint(p.Architecture.Preset, " ", e.Channels)
			}
		}
		s, err := plan.ModelZoo(fromPreset(p.Name, limited(3)), in)
		if err != nil || s.Zoo.Parameters != want[key] || plan.Total(s.Zoo) != 3 {
			t.Errorf("%s: %v; want a plan of %d parameters", p.Name, err, want[key])
		}
	}
}
