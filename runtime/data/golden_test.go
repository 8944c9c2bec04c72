package data_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/spec"
)

// golden is a case of testdata/expected.json, which hack/bench/peers/golden_datasets.py wrote.
type golden struct {
	Format string `json:"format"`
	Files  []struct {
		Role string `json:"role"`
		File string `json:"file"`
	} `json:"files"`
	Classes   int                 `json:"classes"`
	Transform *spec.Transform     `json:"transform"`
	Options   *spec.FormatOptions `json:"options"`
	Splits    map[string]struct {
		Shape  [4]int   `json:"shape"`
		Labels []uint16 `json:"labels"`
		SHA256 string   `json:"sha256"`
		// Pixels is a file, where they are compared within a tolerance.
		Pixels string `json:"pixels"`
	} `json:"splits"`
}

func goldens(t testing.TB) map[string]*golden {
	t.Helper()
	b, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]*golden{}
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

// dataset is the case's spec, with all images in train and test.
func (g *golden) dataset() *spec.Dataset {
	d := &spec.Dataset{
		Format: g.Format, Transform: g.Transform, Options: g.Options,
		Normalization: spec.Normalization{Mean: []string{"0.5"}, Std: []string{"0.5"}},
		Splits: spec.Splits{
			Train: len(g.Splits[spec.RoleTrain].Labels), Validation: len(g.Splits[spec.RoleValidation].Labels), Test: len(g.Splits[spec.RoleTest].Labels), Seed: 42,
		},
	}
	for _, f := range g.Files {
		d.Files = append(d.Files, spec.File{Role: f.Role, URL: "store:testdata/" + f.File})
	}
	return d
}

// open reads the case's files.
func (g *golden) open(i int) (data.File, error) {
	return os.Open(filepath.Join("testdata", g.Files[i].File))
}

// jpegTolerance is the most a pixel may differ from libjpeg's: where the two inverse transforms differ by one
// in Y, Cb and Cr, blue differs by 1 + 1.772, rounded.
const jpegTolerance = 3

func TestGoldens(t *testing.T) {
	for name, g := range goldens(t) {
		t.Run(name, func(t *testing.T) {
			splits, classes, err := data.ReadAll(g.dataset(), g.open, data.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if classes != g.Classes || len(splits) != len(g.Splits) {
				t.Errorf("%d classes, %d splits; want %d, %d", classes, len(splits), g.Classes, len(g.Splits))
			}
			for role, want := range g.Splits {
				got := splits[role]
				if shape := [4]int{got.N, got.C, got.H, got.W}; shape != want.Shape || !slices.Equal(got.Labels, want.Labels) {
					t.Errorf("%s: shape %v, labels %v; want %v, %v", role, shape, got.Labels, want.Shape, want.Labels)
				}
				sum := sha256.Sum256(got.Images)
				if want.Pixels != "" {
					comparePixels(t, got.Images, want.Pixels)
				} else if hex.EncodeToString(sum[:]) != want.SHA256 {
					t.Errorf("%s: other pixels", role)
				}
			}
		})
	}
}

func comparePixels(t *testing.T, got []uint8, file string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil || len(want) != len(got) {
		t.Fatalf("%s: %d bytes, want %d; %v", file, len(got), len(want), err)
	}
	counts := map[int]int{}
	for i := range got {
		counts[max(int(got[i]), int(want[i]))-min(int(got[i]), int(want[i]))]++
	}
	for d, n := range counts {
		if d > jpegTolerance {
			t.Errorf("%s: %d pixels differ by %d", file, n, d)
		}
	}
	if counts[0] < len(got)*9/10 {
		t.Errorf("%s: differences %v of %d", file, counts, len(got))
	}
}

// Only the images that are wanted are decoded, and they are those that a reader of all would cut.
func TestBuildReadsWhatItNeeds(t *testing.T) {
	for name, g := range goldens(t) {
		d := g.dataset()
		all, _, err := data.ReadAll(d, g.open, data.Limits{})
		if err != nil {
			t.Fatal(name, err)
		}
		set, err := data.Build(d, g.open)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if set.Train.N != d.Splits.Train || set.Classes != g.Classes || !slices.Equal(set.Test.Images, all[spec.RoleTest].Images) || !slices.Equal(set.Validation.Labels, all[spec.RoleValidation].Labels) {
			t.Errorf("%s: %+v", name, set.Facts())
		}
		d.Limit = spec.Limit{Train: 1, Test: 1}
		few, err := data.Build(d, g.open)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		size := len(set.Train.Images) / set.Train.N
		if few.Train.N != 1 || !slices.Equal(few.Train.Images, set.Train.Images[:size]) || few.Train.Labels[0] != set.Train.Labels[0] || few.Classes != set.Classes || few.Test.N != 1 {
			t.Errorf("%s with a limit: %+v", name, few.Facts())
		}
	}
}
