package program

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/export"
	"github.com/weightspace/weightspace/runtime/importer"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/zoo"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// importFixture is an empty store and a zoo of PyTorch's (runtime/importer/testdata).
func importStore(t *testing.T) *artifact.Store {
	t.Helper()
	store, err := artifact.Open(t.Context(), "mem://", "")
	check(t, err)
	return store
}

func importPlan(t *testing.T, store *artifact.Store, name, archive string, change func(*v1alpha1.ZooImport)) *spec.Snapshot {
	t.Helper()
	b, err := os.ReadFile(archive)
	check(t, err)
	check(t, store.Put(t.Context(), "ns/uploads/z/"+filepath.Base(archive), b))
	im := &v1alpha1.ZooImport{Layout: "rayTune", Source: v1alpha1.ImportSource{URL: "store:z/" + filepath.Base(archive), SHA256: strings.TrimPrefix(artifact.Digest(b), "sha256:")}}
	if change != nil {
		change(im)
	}
	s, err := plan.ModelZoo(&v1alpha1.ModelZooSpec{Import: *im}, plan.Inputs{Namespace: "ns", Name: name, StoreURL: "mem://"})
	check(t, err)
	return s
}

func runImport(ctx context.Context, s *spec.Snapshot, store *artifact.Store, env Env) (*spec.Result, error) {
	env.Store = store
	if _, err := Run(ctx, s, spec.StageImport, 0, env); err != nil {
		return nil, err
	}
	return Run(ctx, s, spec.StageIndex, 0, env)
}

const (
	smallZoo   = "../importer/testdata/small.zip"
	dropoutZoo = "../importer/testdata/dropout.tar"
)

// TestImportZoo: an imported zoo opens like any other, and importing again, after a crash too, writes nothing else.
func TestImportZoo(t *testing.T) {
	store := importStore(t)
	s := importPlan(t, store, "zoo", smallZoo, nil)
	result, err := runImport(t.Context(), s, store, Env{TempDir: t.TempDir()})
	check(t, err)
	if r := result.Zoo; r.Members != 2 || r.Epochs != 1 || r.Architecture != "cnn-small" || r.Parameters != 2464 || !(r.TestAccuracyMean > 0) {
		t.Errorf("%+v", r)
	}
	z, err := zoo.Open(t.Context(), store, "ns/modelzoo/zoo")
	check(t, err)
	if z.Plan.Zoo.Architecture != "cnn-small" || z.Plan.Zoo.Epochs != 1 || z.Plan.Zoo.Dataset.Height != 28 || len(z.Models) != 2 {
		t.Errorf("%+v, %d models", z.Plan.Zoo, len(z.Models))
	}
	row := make([]float32, 2464)
	check(t, z.Weights(t.Context(), 1, []string{z.Models[0].ModelID}, 0, row))
	// The tables say where the bytes of a row are.
	at := z.Models[1]
	b, err := store.GetRange(t.Context(), "ns/modelzoo/zoo/"+at.File, at.Offset, at.WeightBytes)
	check(t, err)
	rows, err := z.Metrics(t.Context())
	check(t, err)
	for _, r := range rows {
		if r.ModelID == at.ModelID && r.Epoch == at.Epochs && "sha256:"+r.WeightsSHA256 != artifact.Digest(b) {
			t.Errorf("%s, byte %d, does not hold the weights", at.File, at.Offset)
		}
	}
	check(t, store.Verify(t.Context(), "ns/modelzoo/zoo", z.Manifest))
	before, err := store.List(t.Context(), "ns/modelzoo/zoo/")
	check(t, err)
	// A manifest that is gone is made again by the same import.
	for _, o := range before {
		if strings.HasSuffix(o.Path, "/manifest.json") && strings.Contains(o.Path, "shards") {
			check(t, store.Delete(t.Context(), o.Path))
		}
	}
	var incomplete *IncompleteError
	if _, err := Run(t.Context(), s, spec.StageIndex, 0, Env{Store: store}); !errors.As(err, &incomplete) {
		t.Errorf("index without shards: %v", err)
	}
	again, err := runImport(t.Context(), s, store, Env{TempDir: t.TempDir(), Workers: 1})
	check(t, err)
	if again.ManifestDigest != result.ManifestDigest {
		t.Error("the second import has another manifest")
	}
	// Blocks of one model change shards, not results.
	one := importPlan(t, store, "one", smallZoo, nil)
	one.Zoo.Import.MembersPerShard = 1
	other, err := runImport(t.Context(), one, store, Env{TempDir: t.TempDir()})
	check(t, err)
	if other.ResultDigest != result.ResultDigest {
		t.Error("the result depends on the shards")
	}
}

// TestImportRoundTrip: what is exported in any layout that is read back has the same weights and metrics.
func TestImportRoundTrip(t *testing.T) {
	for _, archive := range []string{smallZoo, dropoutZoo, "../importer/testdata/medium.tar.gz"} {
		store := importStore(t)
		_, err := runImport(t.Context(), importPlan(t, store, "a", archive, nil), store, Env{TempDir: t.TempDir()})
		check(t, err)
		want := metricLines(t, store, "a", false)
		for _, format := range []string{export.RayTune, export.HuggingFace, export.Safetensors} {
			dir := t.TempDir()
			_, err = export.Write(t.Context(), store, "ns/modelzoo/a", dir, export.Options{Format: format})
			check(t, err)
			source, err := importer.OpenFolder(dir)
			check(t, err)
			layout := format
			if format == export.Safetensors {
				layout = importer.HuggingFace
			}
			im := &v1alpha1.ZooImport{Layout: v1alpha1.ZooLayout(layout), Source: v1alpha1.ImportSource{URL: plan.FolderScheme + "a"}}
			s, err := plan.LocalImport(&v1alpha1.ModelZooSpec{Import: *im}, plan.Inputs{Namespace: "ns", Name: "b", StoreURL: "mem://"}, 64)
			check(t, err)
			_, err = runImport(t.Context(), s, store, Env{ImportFrom: source})
			check(t, errors.Join(err, source.Close()))
			expect := want
			if format != export.RayTune {
				expect = metricLines(t, store, "a", true)
			}
			if got := metricLines(t, store, "b", false); !slices.Equal(got, expect) {
				t.Errorf("%s, %s:\n%s\nwant\n%s", archive, format, strings.Join(got, "\n"), strings.Join(expect, "\n"))
			}
		}
	}
}

// metricLines are the epochs' weights, metrics and hyper-parameters of a zoo; last leaves only the last epoch of each model.
func metricLines(t *testing.T, store *artifact.Store, name string, last bool) []string {
	t.Helper()
	z, err := zoo.Open(t.Context(), store, "ns/modelzoo/"+name)
	check(t, err)
	rows, err := z.Metrics(t.Context())
	check(t, err)
	models := map[string]artifact.ModelRow{}
	for _, m := range z.Models {
		models[m.ModelID] = m
	}
	var out []string
	for _, r := range rows {
		m := models[r.ModelID]
		if last && r.Epoch != m.Epochs {
			continue
		}
		bits := []uint64{}
		for _, v := range []float64{r.TrainLoss, r.TrainAccuracy, r.ValidationLoss, r.ValidationAccuracy, r.TestLoss, r.TestAccuracy} {
			bits = append(bits, math.Float64bits(v))
		}
		out = append(out, fmt.Sprintf("%s %d %x %s %s %s %v %v %v %d %d", r.WeightsSHA256, r.Epoch, bits, m.Activation, m.Initializer, m.Optimizer, m.LearningRate, m.WeightDecay, m.Dropout, m.BatchSize, m.Seed))
	}
	slices.Sort(out)
	return out
}

// TestImportLeavesOut: models that cannot be used are counted and named, equal ones are one, and gaps of epochs stay gaps.
func TestImportLeavesOut(t *testing.T) {
	dir := t.TempDir()
	b, err := os.ReadFile(smallZoo)
	check(t, err)
	source, err := importer.OpenArchive(bytes.NewReader(b), int64(len(b)), "")
	check(t, err)
	write := func(name string, b []byte) {
		t.Helper()
		check(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777))
		check(t, os.WriteFile(filepath.Join(dir, name), b, 0o666))
	}
	for _, name := range source.Files() {
		b, err := source.Read(t.Context(), name)
		check(t, err)
		if i := strings.Index(name, "/checkpoint_000001/"); i >= 0 && strings.Contains(name, "nlin=relu") {
			name = name[:i] + "/checkpoint_000010/checkpoints" // its metrics of epoch 1 are without weights, epoch 10 without metrics
		}
		write(strings.ReplaceAll(name, ":", "_"), b)
		if strings.Contains(name, "nlin=tanh") {
			write("copy/"+strings.ReplaceAll(name, ":", "_"), b)
		}
	}
	write("broken/params.json", []byte("{}"))
	folder, err := importer.OpenFolder(dir)
	check(t, err)
	store := importStore(t)
	im := &v1alpha1.ZooImport{Layout: "rayTune", Source: v1alpha1.ImportSource{URL: "folder:a"}}
	s, err := plan.LocalImport(&v1alpha1.ModelZooSpec{Import: *im}, plan.Inputs{Namespace: "ns", Name: "a", StoreURL: "mem://"}, 64)
	check(t, err)
	_, err = runImport(t.Context(), s, store, Env{ImportFrom: folder})
	check(t, errors.Join(err, folder.Close()))
	b, err = store.Get(t.Context(), "ns/modelzoo/a/import.json")
	check(t, err)
	var report imported
	check(t, json.Unmarshal(b, &report))
	if report.Found != 4 || report.Imported != 2 || report.Skipped[importer.Duplicate] != 1 || report.Skipped[importer.Missing] != 1 || len(report.Examples) != 2 {
		t.Errorf("%+v", report)
	}
	z, err := zoo.Open(t.Context(), store, "ns/modelzoo/a")
	check(t, err)
	for _, m := range z.Models {
		want := []int{0, 1}
		if m.Activation == "relu" {
			want = []int{0, 10}
		}
		if got := z.Epochs(m.ModelID); !slices.Equal(got, want) {
			t.Errorf("%s has weights of epochs %v, want %v", m.Activation, got, want)
		}
	}
	rows, err := z.Metrics(t.Context())
	check(t, err)
	if len(rows) != 5 {
		t.Errorf("%d rows of metrics", len(rows))
	}
}

// TestImportMistakes: a source that cannot be used names the field.
func TestImportMistakes(t *testing.T) {
	store := importStore(t)
	for name, c := range map[string]struct {
		change func(*v1alpha1.ZooImport)
		field  string
	}{
		"absent":    {func(i *v1alpha1.ZooImport) { i.Source.URL = "store:z/absent.zip" }, "spec.import.source.url"},
		"sha256":    {func(i *v1alpha1.ZooImport) { i.Source.SHA256 = strings.Repeat("0", 64) }, "spec.import.source.sha256"},
		"layout":    {func(i *v1alpha1.ZooImport) { i.Layout = "huggingFace" }, "spec.import.source"},
		"threshold": {func(i *v1alpha1.ZooImport) { i.Filter.MaxAbsWeight = "1e-6" }, "spec.import.source"},
	} {
		_, err := runImport(t.Context(), importPlan(t, store, "zoo", smallZoo, c.change), store, Env{TempDir: t.TempDir(), tune: func(d *downloads) { d.backoff = 1 }})
		var input *InputError
		if !errors.As(err, &input) || input.Field != c.field {
			t.Errorf("%s: %v, want field %s", name, err, c.field)
		}
	}
	s := importPlan(t, store, "zoo", smallZoo, nil)
	s.Zoo.Import.URL = "folder:elsewhere"
	var input *InputError
	if _, err := runImport(t.Context(), s, store, Env{}); !errors.As(err, &input) || input.Field != "spec.import.source.url" {
		t.Errorf("a folder of another machine: %v", err)
	}
}
