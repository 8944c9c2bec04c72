package preset_test

import (
	"os"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/data/catalog"
	"github.com/weightspace/weightspace/runtime/preset"
)

// The counts of the card's table, section 4.
func TestPublishedCounts(t *testing.T) {
	want := map[string]int{
		"mnist-hyp": 2560, "fashion-mnist-hyp": 2560, "svhn-hyp": 4320, "usps-hyp": 2560, "cifar10-small-hyp": 1280, "cifar10-medium-hyp": 1280,
		"stl10-small-hyp": 2560, "stl10-medium-hyp": 2560,
	}
	zoos, models, cnns, states := 0, 0, 0, 0
	for _, p := range preset.All() {
		if strings.HasPrefix(string(p.Name), "vit-") {
			continue
		}
		name, _, hyp := strings.Cut(string(p.Name), "-10-")
		n := 1000
		if hyp {
			n = want[name]
		}
		if got := p.Models(); got != n {
			t.Errorf("%s: %d models, want %d", p.Name, got, n)
		}
		zoos++
		models += p.Models()
		states += p.Models() * int(p.Training.Epochs+1)
		if p.Architecture.Preset == v1alpha1.ArchitectureResNet18 {
			states -= p.Models() // the published count leaves their initialisation out
		} else {
			cnns += p.Models()
		}
	}
	if zoos != 27 || models != 50_360 || cnns != 47_360 || states != 2_585_360 {
		t.Errorf("%d zoos, %d models, %d of them CNNs, %d states; published: 27, 50360, 47360, 2585360", zoos, models, cnns, states)
	}
}

// Every data set is in the catalogue, with the shape that the architecture takes, or tells how it is made.
func TestDatasetsAreKnown(t *testing.T) {
	sides := map[v1alpha1.ArchitecturePreset]int{v1alpha1.ArchitectureCNNSmall: 28, v1alpha1.ArchitectureCNNMedium: 32}
	for _, p := range preset.All() {
		if p.Import != "" {
			continue
		}
		e, err := catalog.Find(p.Dataset)
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		if side := sides[p.Architecture.Preset]; side != 0 && (e.Height != side || e.Classes != 10) {
			t.Errorf("%s: %d classes of images of side %d", p.Name, e.Classes, e.Height)
		}
	}
}

// The API server's list of names is that of this package.
func TestNamesAreThoseOfTheAPI(t *testing.T) {
	b, err := os.ReadFile("../../api/v1alpha1/preset_types.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range preset.All() {
		names = append(names, string(p.Name))
	}
	if !strings.Contains(string(b), "Enum="+strings.Join(names, ";")+"\n") {
		t.Errorf("the enum of ZooPreset must be %s", strings.Join(names, ";"))
	}
}

// Rows of the card, spelled out a second time.
func TestRecipesOfTheCard(t *testing.T) {
	for name, want := range map[v1alpha1.ZooPreset]string{
		"mnist-seed":            "cnn-small tanh uniform adam 3e-4 0 0 batch 10 epochs 50",
		"fashion-mnist-seed":    "cnn-small tanh uniform adam 3e-4 0 0 batch 10 epochs 50",
		"svhn-seed":             "cnn-small tanh uniform adam 3e-3 0 0 batch 10 epochs 50",
		"usps-seed":             "cnn-small tanh uniform adam 3e-4 1e-3 0 batch 10 epochs 50",
		"cifar10-small-seed":    "cnn-small gelu kaiming-uniform adam 1e-4 1e-2 0 batch 10 epochs 50",
		"cifar10-medium-seed":   "cnn-medium gelu kaiming-uniform adam 1e-4 1e-2 0 batch 10 epochs 50",
		"stl10-small-seed":      "cnn-small tanh kaiming-uniform adam 1e-4 1e-3 0 batch 10 epochs 50",
		"stl10-medium-seed":     "cnn-medium tanh kaiming-uniform adam 1e-4 1e-3 0 batch 10 epochs 50",
		"cifar10-resnet18-seed": "resnet18 relu kaiming-uniform sgd 0.05 5e-4 0 batch 256 epochs 50", "cifar100-resnet18-seed": "resnet18 relu kaiming-uniform sgd 0.1 5e-4 0 batch 128 epochs 60",
		"tiny-imagenet-resnet18-seed": "resnet18 relu kaiming-uniform sgd 0.1 5e-4 0 batch 128 epochs 60",
		"mnist-hyp-10-rand":           "cnn-small tanh,relu,sigmoid,gelu uniform,normal,kaiming-uniform,kaiming-normal adam,sgd 1e-3,1e-4 1e-3,1e-4 0,0.5 batch 10 epochs 50",
		"svhn-hyp-10-fix":             "cnn-small tanh,relu,sigmoid,gelu uniform,normal,kaiming-uniform,kaiming-normal sgd 1e-2,1e-3,1e-4 0,1e-3,1e-1 0,0.3,0.5 batch 10 epochs 50",
		"cifar10-medium-hyp-10-rand":  "cnn-medium tanh,relu,sigmoid,gelu uniform,normal,kaiming-uniform,kaiming-normal adam,sgd 1e-3 1e-2,1e-3 0,0.5 batch 10 epochs 50",
		"stl10-small-hyp-10-fix":      "cnn-small tanh,relu,sigmoid,gelu uniform,normal,kaiming-uniform,kaiming-normal adam,sgd 1e-3,1e-4 1e-2,1e-3 0,0.5 batch 10 epochs 50",
		"usps-hyp-10-fix":             "cnn-small tanh,relu,sigmoid,gelu uniform,normal,kaiming-uniform,kaiming-normal adam,sgd 1e-3,1e-4 1e-2,1e-3 0,0.5 batch 10 epochs 50",
	} {
		p, ok := preset.Get(name)
		if !ok {
			t.Errorf("there is no preset %s", name)
			continue
		}
		if got := p.Recipe(); got != want {
			t.Errorf("%s:\n %s, want\n %s", name, got, want)
		}
		random := strings.HasSuffix(string(name), "rand")
		if s := p.Population.Seeds; (s.Random.Count == 10) != random || random && *s.Random.RootSeed != 7 {
			t.Errorf("%s: seeds %+v", name, s)
		}
		if p.LengthMatters() != (p.Architecture.Preset == v1alpha1.ArchitectureResNet18) || p.Training.Momentum != "0.9" {
			t.Errorf("%s: schedule %+v, momentum %s", name, p.Training.Schedule, p.Training.Momentum)
		}
	}
	for name, want := range map[v1alpha1.ZooPreset]string{
		"vit-supervised":  "vit-s gelu kaiming-normal adamw 1e-3 1e-4 0 batch 256 epochs 90",
		"vit-contrastive": "vit-s gelu kaiming-normal adamw 1e-3 1e-4 0 batch 96 epochs 90",
		"vit-finetune":    "vit-s gelu kaiming-normal adamw,sgd 3e-3,1e-3,1e-4 0 0 batch 256 epochs 50",
	} {
		p, _ := preset.Get(name)
		if got := p.Recipe(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if p, _ := preset.Get("vit-finetune"); p.Models() != 12 { // 24 with both heads
		t.Errorf("vit-finetune makes %d models of each", p.Models())
	}
	if _, ok := preset.Get("mnist"); ok {
		t.Error("mnist is no preset")
	}
}
