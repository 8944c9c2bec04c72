package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/data/inspect"
)

// cifarFiles writes n images per training file and a test file of as many; image i is one colour and has label i mod 10.
func cifarFiles(t *testing.T, dir string, files, n int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	names := []string{"test_batch.bin"}
	for i := range files {
		names = append(names, "data_batch_"+string(rune('1'+i))+".bin")
	}
	for _, name := range names {
		var b []byte
		for i := range n {
			b = append(b, byte(i%10))
			for _, v := range []int{25 * (i % 10), 100, 200} {
				b = append(b, bytes.Repeat([]byte{byte(v)}, 1024)...)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func manifestOf(t *testing.T, text string) *v1alpha1.DatasetSpec {
	t.Helper()
	var d v1alpha1.Dataset
	if err := yaml.UnmarshalStrict([]byte(text), &d); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return &d.Spec
}

// TestImportPreset: a preset says everything but where the files are; flags change it; the result runs, and looking at the artifact
// tells what looking at the files told.
func TestImportPreset(t *testing.T) {
	dir := t.TempDir()
	cifarFiles(t, filepath.Join(dir, "cifar", "cifar-10-batches-bin"), 2, 40)
	flags := []string{"--preset", "cifar10-small", "--from-dir", "cifar", "--splits", "50/30/40", "--mean", "0.1,0.2,0.3", "--std", "1,1,1"}
	text := must(t, dir, append([]string{"dataset", "import", "--store", "out", "--name", "c"}, flags...)...)
	d := manifestOf(t, text)
	var roles, urls []string
	for _, f := range d.Files {
		roles, urls = append(roles, string(f.Role)), append(urls, f.URL)
	}
	if d.Format != "cifar10" || d.Transform.Resize != 28 || d.Splits.Train != 50 || len(d.Normalization.Mean) != 3 || !slices.Equal(roles, []string{"train", "train", "test"}) || urls[1] != "store:c/data_batch_2.bin" {
		t.Errorf("manifest:\n%s", text)
	}
	if err := os.WriteFile(filepath.Join(dir, "c.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, dir, "run", "-f", "c.yaml", "--store", "out")
	var fromFiles, fromArtifact inspect.Summary
	for to, args := range map[*inspect.Summary][]string{
		&fromFiles:    append([]string{"dataset", "inspect", "--json"}, flags...),
		&fromArtifact: {"dataset", "inspect", "--json", "out/default/dataset/c", "--sheet", "sheet.png", "--columns", "3"},
	} {
		if err := json.Unmarshal([]byte(must(t, dir, args...)), to); err != nil {
			t.Fatal(err)
		}
	}
	if fromFiles.ResultDigest != fromArtifact.ResultDigest || fromArtifact.Splits[0].Images != 50 || fromArtifact.Height != 28 || fromArtifact.Pixels[1].Mean != 100.0/255 {
		t.Errorf("from files %+v\nfrom the artifact %+v", fromFiles, fromArtifact)
	}
	b, err := os.ReadFile(filepath.Join(dir, "sheet.png"))
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if got := img.At(img.Bounds().Dx()/4, img.Bounds().Dy()-20); got != (color.RGBA{225, 100, 200, 255}) {
		t.Errorf("class 9 is drawn as %v", got)
	}
	for _, line := range strings.Split(must(t, dir, "dataset", "inspect", "out/default/dataset/c"), "\n") {
		if len(line) > 80 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}

// TestImportFolders: folders of pictures are packed, equal folders to equal bytes.
func TestImportFolders(t *testing.T) {
	dir := t.TempDir()
	for _, f := range []string{"train/cat/1.png", "train/cat/2.png", "train/dog/1.png", "train/dog/2.png", "test/cat/1.png", "test/dog/1.png"} {
		img := image.NewRGBA(image.Rect(0, 0, 8, 6))
		img.Set(1, 1, color.White)
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "pets", f)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"dataset", "import", "--store", "out", "--name", "pets", "--format", "imageFolder", "--from-dir", "pets", "--splits", "3/1/2", "--resize", "6", "--center-crop", "4"}
	text := must(t, dir, args...)
	if again := must(t, dir, args...); again != text {
		t.Errorf("another archive of the same folder:\n%s\n%s", text, again)
	}
	f, err := os.Open(filepath.Join(dir, "out/default/uploads/pets/images.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var names []string
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
	if len(names) != 6 || !slices.IsSorted(names) {
		t.Errorf("archive of %q", names)
	}
	if err := os.WriteFile(filepath.Join(dir, "pets.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := must(t, dir, "run", "-f", "pets.yaml", "--store", "out"); !strings.Contains(out, "3/1/2 images of 3x4x4, 2 classes") {
		t.Errorf("run:\n%s", out)
	}
}

// TestFindFiles: every format's files are found under their official names, and nothing is guessed.
func TestFindFiles(t *testing.T) {
	for _, tc := range []struct {
		format string
		files  string
		want   string // roles, or a part of the error
	}{
		{"idx", "train-images.idx3-ubyte train-labels-idx1-ubyte.gz t10k-images-idx3-ubyte t10k-labels-idx1-ubyte", "trainImages trainLabels testImages testLabels"},
		{"idx", "train-images-idx3-ubyte", "no train-labels-idx1-ubyte.gz"},
		{"cifar10", "cifar-10-binary.tar.gz", "archive"},
		{"cifar10", "data_batch_2.bin data_batch_1.bin test_batch.bin cifar-10-binary.tar.gz", "train train test"},
		{"cifar100", "cifar-100-binary/train.bin cifar-100-binary/test.bin", "train test"},
		{"svhn", "train_32x32.mat test_32x32.mat extra_32x32.mat", "train test"},
		{"usps", "usps.bz2 usps.t.bz2 usps", "train test"},
		{"stl10", "stl10_binary/train_X.bin stl10_binary/train_y.bin stl10_binary/test_X.bin stl10_binary/test_y.bin", "trainImages trainLabels testImages testLabels"},
		{"imageFolder", "tiny-imagenet-200.zip", "archive"},
		{"imageFolder", "train.tar val.tar.gz test.zip", "train test validation"},
		{"imageFolder", "a.zip b.zip", "several files may be the archive"},
		{"npz", "mnist.npz", "archive"},
		{"npz", "a.npz b.npz", "several files may be the archive"},
		{"parquet", "data/train-00001.parquet data/train-00000.parquet data/test-00000.parquet data/validation-00000.parquet", "train train test validation"},
		{"parquet", "train-00000.parquet", "no test*.parquet"},
	} {
		dir := filepath.Join(t.TempDir(), "we[i]rd *")
		for name := range strings.FieldsSeq(tc.files) {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		files, err := findFiles(tc.format, dir)
		var roles []string
		for i, f := range files {
			roles = append(roles, f.role)
			if i > 0 && files[i-1].role == f.role && files[i-1].path >= f.path {
				t.Errorf("%s: %s after %s", tc.format, f.path, files[i-1].path)
			}
		}
		if got := strings.Join(roles, " "); got != tc.want && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s with %s: %q, %v; want %s", tc.format, tc.files, got, err, tc.want)
		}
	}
}

// TestImportRefuses: what cannot be right is refused before anything is uploaded.
func TestImportRefuses(t *testing.T) {
	dir := t.TempDir()
	cifarFiles(t, dir, 1, 20)
	for _, tc := range []struct{ args, says string }{
		{"--preset nothing", "use one of mnist"},
		{"--format arff", "use one of idx"},
		{"--preset cifar10 --format idx", "preset cifar10 has format cifar10"},
		{"--format cifar10 --splits 1/2", "is not train/validation/test"},
		{"--format cifar10 --labels coarse", "spec.options.labels"},
		{"--format cifar10 --resize 9999", "spec.transform.resize"},
		{"--format parquet", "has no usual splits"},
		{"--format cifar10 --train nowhere.bin", "there is no such file"},
		{"--format cifar10 --archive data_batch_1.bin", "spec.files"},
		{"--preset stl10", "the files are at https://cs.stanford.edu"},
	} {
		args := append([]string{"dataset", "import", "--store", "out", "--name", "x", "--from-dir", "."}, strings.Fields(tc.args)...)
		if _, stderr, code := weightspace(t, dir, "", args...); code != 65 || !strings.Contains(stderr, tc.says) {
			t.Errorf("%s: exit code %d, want one that says %q:\n%s", tc.args, code, tc.says, stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "out")); err == nil {
		t.Error("something was uploaded")
	}
}

// TestDatasetPresets: the table fits a terminal, and every entry tells its files and source.
func TestDatasetPresets(t *testing.T) {
	table := must(t, t.TempDir(), "dataset", "presets")
	for _, text := range []string{
		table, must(t, t.TempDir(), "dataset", "presets", "--help"), must(t, t.TempDir(), "dataset", "import", "--help"), must(t, t.TempDir(), "dataset", "inspect", "--help"),
	} {
		for line := range strings.SplitSeq(text, "\n") {
			if len(line) > 80 {
				t.Errorf("%d columns: %s", len(line), line)
			}
		}
	}
	for _, name := range []string{"mnist", "tiny-imagenet", "cifar10-resnet"} {
		text := must(t, t.TempDir(), "dataset", "presets", name)
		if !strings.Contains(table, name) || !strings.Contains(text, "Source") || !strings.Contains(text, "http") {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}
