package importer_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/importer"
	"github.com/weightspace/weightspace/runtime/torchzip"
)

// The files in testdata are written by hack/bench/peers/golden_published.py with PyTorch.

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, name string) importer.Source {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	must(t, err)
	s, err := importer.OpenArchive(bytes.NewReader(b), int64(len(b)), t.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func scan(t testing.TB, s importer.Source, layout string) []importer.Trial {
	t.Helper()
	trials, err := importer.Scan(s, layout)
	must(t, err)
	return trials
}

func expected(t testing.TB) map[string]string {
	t.Helper()
	b, err := os.ReadFile("testdata/expected.json")
	must(t, err)
	out := map[string]string{}
	must(t, json.Unmarshal(b, &out))
	return out
}

// TestPublished: zoos that PyTorch wrote have the weights, metrics and hyper-parameters that it put into them, with both spellings of
// checkpoint folders, with and without dropout, in all kinds of archives.
func TestPublished(t *testing.T) {
	want := expected(t)
	for _, c := range []struct {
		archive, network string
		models           int
		dropout          float64
		twin             bool
		checkpoint       string
	}{
		{"small.zip", "cnn-small", 2, 0, false, "checkpoint_%06d"},
		{"dropout.tar", "cnn-small", 1, 0.5, false, "checkpoint_%d"},
		{"medium.tar.gz", "cnn-medium", 1, 0.3, false, "checkpoint_%06d"},
		{"twins.zip", "cnn-small", 1, 0, true, "checkpoint_%06d"},
	} {
		trials := scan(t, open(t, c.archive), importer.RayTune)
		if len(trials) != c.models {
			t.Errorf("%s: %d models, want %d", c.archive, len(trials), c.models)
		}
		for i, trial := range trials {
			m, err := importer.Load(t.Context(), trial, nil, importer.Options{Keep: i == 0})
			if err != nil {
				t.Errorf("%s: %v", c.archive, err)
				continue
			}
			if m.Network.Architecture != c.network || m.Config.Dropout != c.dropout || m.Twin != c.twin || m.Config.LearningRate != 3e-4 ||
				m.Config.WeightDecay != 1e-3 || m.Config.BatchSize != 10 || m.Config.Initializer != "kaiming-uniform" || m.Config.Optimizer != "adam" {
				t.Errorf("%s: %s, twin %v, %+v", c.archive, m.Network, m.Twin, m.Config)
			}
			for j, epoch := range m.Epochs {
				file := path.Join(m.Name, fmt.Sprintf(c.checkpoint, epoch), "checkpoints")
				if m.Sums[j] != want[file] {
					t.Errorf("%s: sha256 %s, want %s", file, m.Sums[j], want[file])
				}
				row, err := m.Row(t.Context(), trial, epoch)
				if err != nil || len(row) != 4*m.Network.Length {
					t.Errorf("%s: row of %d bytes, %v", file, len(row), err)
				}
				if v := m.Metrics[epoch][5]; !(v >= 0 && v <= 1) {
					t.Errorf("%s: test accuracy %v", file, v)
				}
			}
			// published.py writes one NaN: the test loss of model 1 at epoch 0.
			if nan := math.IsNaN(m.Metrics[0][4]); nan != (i == 1) {
				t.Errorf("%s: test loss %v", m.Name, m.Metrics[0][4])
			}
		}
	}
}

// TestPickled: a pre-processed data set has the models of the raw zoo.
func TestPickled(t *testing.T) {
	b, err := os.ReadFile("testdata/dataset_preprocessed.pt")
	must(t, err)
	trials := scan(t, importer.OpenFile("d.pt", bytes.NewReader(b), int64(len(b))), importer.Pickled)
	raw := scan(t, open(t, "small.zip"), importer.RayTune)
	if len(trials) != 2 {
		t.Fatalf("%d models", len(trials))
	}
	for i, trial := range trials {
		m, err := importer.Load(t.Context(), trial, nil, importer.Options{})
		must(t, err)
		r, err := importer.Load(t.Context(), raw[i], nil, importer.Options{})
		must(t, err)
		if !slices.Equal(m.Sums, r.Sums) || m.Config.Activation != r.Config.Activation || m.Config.Seed != r.Config.Seed || m.Metrics[1][5] != r.Metrics[1][5] {
			t.Errorf("%s: %+v, raw %+v", m.Name, m, r)
		}
	}
}

// files is a source in memory.
type files map[string][]byte

func (f files) Files() []string {
	var out []string
	for name := range f {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
func (f files) Close() error { return nil }
func (f files) Read(_ context.Context, name string) ([]byte, error) {
	if b, ok := f[name]; ok {
		return b, nil
	}
	return nil, fs.ErrNotExist
}

// shapes are those of cnn-small for one channel.
var shapes = [][]int{{8, 1, 5, 5}, {8}, {6, 8, 5, 5}, {6}, {4, 6, 2, 2}, {4}, {20, 36}, {20}, {10, 20}, {10}}

// state makes a state dict of cnn-small whose weights are v.
func state(t testing.TB, v float32, change func([]artifact.Tensor) []artifact.Tensor) []byte {
	t.Helper()
	var tensors []artifact.Tensor
	for i, s := range shapes {
		n := 1
		for _, d := range s {
			n *= d
		}
		name := fmt.Sprintf("module_list.%d.%s", []int{0, 3, 6, 9, 11}[i/2], []string{"weight", "bias"}[i%2])
		data := bytes.Repeat(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)), n)
		tensors = append(tensors, artifact.Tensor{Name: name, DType: artifact.F32, Shape: s, Data: data})
	}
	if change != nil {
		tensors = change(tensors)
	}
	b, err := torchzip.EncodeStateDict(tensors)
	must(t, err)
	return b
}

func trial(checkpoint []byte) files {
	return files{
		"z/t/params.json": []byte(`{"model::nlin": "tanh", "optim::optimizer": "adam", "model::init_type": "uniform", "optim::lr": "0.0003", "seed": 7, "training::batchsize": 10}`),
		"z/t/result.json": []byte(`{"training_iteration": 1, "test_acc": 0.5}` + "\n"), "z/t/checkpoint_1/checkpoints": checkpoint,
	}
}

// TestLeftOut: what is wrong with a model is a reason of its own.
func TestLeftOut(t *testing.T) {
	good := state(t, 0.5, nil)
	rename := func(from, to string) func([]artifact.Tensor) []artifact.Tensor {
		return func(ts []artifact.Tensor) []artifact.Tensor {
			for i := range ts {
				ts[i].Name = strings.Replace(ts[i].Name, from, to, 1)
			}
			return ts
		}
	}
	set := func(name, content string) func(files) {
		return func(f files) { f["z/t/"+name] = []byte(content) }
	}
	for name, c := range map[string]struct {
		change func(files)
		reason string
		text   string
	}{
		"no params":       {func(f files) { delete(f, "z/t/params.json") }, importer.Missing, "params.json"},
		"no results":      {func(f files) { delete(f, "z/t/result.json") }, importer.Missing, "result.json"},
		"no checkpoint":   {func(f files) { delete(f, "z/t/checkpoint_1/checkpoints") }, importer.Missing, "no weights"},
		"empty folder":    {set("checkpoint_2/optimizer", ""), importer.Missing, "checkpoint_2"},
		"not JSON":        {set("params.json", "{"), importer.BadConfig, "params.json"},
		"activation":      {set("params.json", `{"model::nlin": "swish"}`), importer.BadConfig, "swish"},
		"learning rate":   {set("params.json", `{"optim::lr": -1}`), importer.BadConfig, "-1"},
		"dropout":         {set("params.json", `{"model::dropout": 1}`), importer.BadConfig, "dropout"},
		"seed":            {set("params.json", `{"seed": 0.5}`), importer.BadConfig, "seed"},
		"other dropout":   {set("params.json", `{"model::dropout": 0.5}`), importer.BadConfig, "without"},
		"results":         {set("result.json", "x\n{}\n"), importer.Damaged, "line 1"},
		"iteration":       {set("result.json", `{"training_iteration": -1}`), importer.Damaged, "-1"},
		"foreign global":  {set("checkpoint_1/checkpoints", "cos\nsystem\n(S'true'\ntR."), importer.Damaged, "os.system"},
		"truncated":       {func(f files) { f["z/t/checkpoint_1/checkpoints"] = good[:len(good)/2] }, importer.Damaged, "zip"},
		"NaN":             {func(f files) { f["z/t/checkpoint_1/checkpoints"] = state(t, float32(math.NaN()), nil) }, importer.NotFinite, "NaN"},
		"infinite":        {func(f files) { f["z/t/checkpoint_1/checkpoints"] = state(t, float32(math.Inf(-1)), nil) }, importer.NotFinite, "infinite"},
		"threshold":       {func(f files) { f["z/t/checkpoint_1/checkpoints"] = state(t, -200, nil) }, importer.TooLarge, "200"},
		"unknown indices": {func(f files) { f["z/t/checkpoint_1/checkpoints"] = state(t, 1, rename(".3.", ".2.")) }, importer.UnknownNetwork, "[0 2 6 9 11]"},
		"other names":     {func(f files) { f["z/t/checkpoint_1/checkpoints"] = state(t, 1, rename("module_list", "layers")) }, importer.UnknownNetwork, "layers.0.weight"},
		"missing tensor": {func(f files) {
			f["z/t/checkpoint_1/checkpoints"] = state(t, 1, func(ts []artifact.Tensor) []artifact.Tensor { return ts[:9] })
		}, importer.WrongShape, "module_list.11.bias"},
		"one too many": {func(f files) {
			f["z/t/checkpoint_1/checkpoints"] = state(t, 1, func(ts []artifact.Tensor) []artifact.Tensor {
				extra := ts[9]
				extra.Name = "module_list.11.gain"
				return append(ts, extra)
			})
		}, importer.WrongShape, "gain"},
		"shape": {func(f files) {
			f["z/t/checkpoint_1/checkpoints"] = state(t, 1, func(ts []artifact.Tensor) []artifact.Tensor {
				ts[6].Shape = []int{36, 20}
				return ts
			})
		}, importer.WrongShape, "[36 20]"},
	} {
		f := trial(good)
		c.change(f)
		trials := scan(t, f, importer.RayTune)
		if len(trials) != 1 {
			t.Errorf("%s: %d trials", name, len(trials))
			continue
		}
		_, err := importer.Load(t.Context(), trials[0], nil, importer.Options{MaxAbs: 100})
		var s *importer.SkipError
		if !errors.As(err, &s) || s.Reason != c.reason || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want reason %s with %q", name, err, c.reason, c.text)
		}
	}
	other, err := importer.NewNetwork(importer.CNNSmall, 0, 3, 10)
	must(t, err)
	_, err = importer.Load(t.Context(), scan(t, trial(good), importer.RayTune)[0], other, importer.Options{})
	var s *importer.SkipError
	if !errors.As(err, &s) || s.Reason != importer.OtherNetwork {
		t.Errorf("another network: %v", err)
	}
}

// TestTolerated: what the published files differ in is the same model.
func TestTolerated(t *testing.T) {
	load := func(f files) *importer.Model {
		t.Helper()
		m, err := importer.Load(t.Context(), scan(t, f, importer.RayTune)[0], nil, importer.Options{AllowNaN: true})
		must(t, err)
		return m
	}
	good := state(t, 0.5, nil)
	want := load(trial(good))
	prefixed := trial(state(t, 0.5, func(ts []artifact.Tensor) []artifact.Tensor {
		for i := range ts {
			ts[i].Name = "module." + ts[i].Name
		}
		slices.Reverse(ts)
		return ts
	}))
	double := trial(state(t, 0.5, func(ts []artifact.Tensor) []artifact.Tensor {
		for i := range ts {
			b := bytes.Repeat(binary.LittleEndian.AppendUint64(nil, math.Float64bits(0.5)), len(ts[i].Data)/4)
			ts[i].DType, ts[i].Data = artifact.F64, b
		}
		return ts
	}))
	both := trial(good)
	both["z/t/checkpoint_000001/checkpoints"] = state(t, 9, nil) // the spelling without zeros counts
	killed := trial(good)
	killed["z/t/result.json"] = append(killed["z/t/result.json"], `{"training_iter`...)
	for name, f := range map[string]files{"prefix and order": prefixed, "float64": double, "both spellings": both, "killed": killed} {
		if m := load(f); m.ID != want.ID {
			t.Errorf("%s: model %s, want %s", name, m.ID, want.ID)
		}
	}
	if want.Config.Seed != 7 || want.Config.LearningRate != 3e-4 || want.Metrics[1][5] != 0.5 || !math.IsNaN(want.Metrics[1][0]) {
		t.Errorf("%+v", want)
	}
	// Without training_iteration the lines are the epochs from 0; a repeated epoch is the later line's.
	lines := trial(good)
	lines["z/t/result.json"] = []byte("{\"test_acc\": 0.1}\n\n{\"test_acc\": Infinity, \"note\": \"NaN \\\" NaN\"}\n")
	if m := load(lines); m.Metrics[0][5] != 0.1 || !math.IsInf(m.Metrics[1][5], 1) {
		t.Errorf("%+v", m.Metrics)
	}
	if m := load(trial(state(t, float32(math.NaN()), nil))); m.DivergedEpoch != 1 || m.ID == want.ID {
		t.Errorf("a model with NaN diverged at %d", m.DivergedEpoch)
	}
}

// TestHuggingFace: a folder with config.json and model.safetensors is one epoch of a model.
func TestHuggingFace(t *testing.T) {
	tensors, err := torchzip.ReadStateDict(state(t, 0.25, nil), torchzip.Options{})
	must(t, err)
	weights, err := artifact.EncodeSafetensors(tensors, nil)
	must(t, err)
	f := files{
		"m/config.json":       []byte(`{"activation": "gelu", "optimizer": "sgd", "learningRate": 0.1, "seed": 9223372036854775, "epoch": 3, "metrics": {"testAccuracy": 0.75, "trainLoss": null}}`),
		"m/model.safetensors": weights, "README.md": nil,
	}
	m, err := importer.Load(t.Context(), scan(t, f, importer.HuggingFace)[0], nil, importer.Options{})
	must(t, err)
	if m.Config.Activation != "gelu" || !slices.Equal(m.Epochs, []int{3}) || m.Metrics[3][5] != 0.75 || !math.IsNaN(m.Metrics[3][0]) {
		t.Errorf("%+v", m)
	}
	for name, c := range map[string]struct{ file, content, reason string }{
		"weights": {"m/model.safetensors", "\x10\x00\x00\x00\x00\x00\x00\x00{}", importer.Damaged},
		"words":   {"m/config.json", `{"activation": "step"}`, importer.BadConfig},
		"epoch":   {"m/config.json", `{"epoch": 1.5}`, importer.BadConfig},
	} {
		bad := files{"m/config.json": f["m/config.json"], "m/model.safetensors": weights}
		bad[c.file] = []byte(c.content)
		_, err := importer.Load(t.Context(), scan(t, bad, importer.HuggingFace)[0], nil, importer.Options{})
		var s *importer.SkipError
		if !errors.As(err, &s) || s.Reason != c.reason {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func zipped(t testing.TB, headers ...*zip.FileHeader) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, h := range headers {
		f, err := w.CreateRaw(h)
		must(t, err)
		_, err = f.Write([]byte("data"))
		must(t, err)
	}
	must(t, w.Close())
	return b.Bytes()
}

func tarred(t testing.TB, headers ...*tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		must(t, w.WriteHeader(h))
		_, err := w.Write(make([]byte, h.Size))
		must(t, err)
	}
	must(t, w.Close())
	return b.Bytes()
}

// TestArchives: archives that lead outside, lie about sizes or are damaged are refused as a whole.
func TestArchives(t *testing.T) {
	plain := func(name string) *zip.FileHeader {
		return &zip.FileHeader{Name: name, CompressedSize64: 4, UncompressedSize64: 4}
	}
	bomb := &zip.FileHeader{Name: "a", Method: zip.Deflate, CompressedSize64: 4, UncompressedSize64: 1 << 30}
	good := zipped(t, plain("a"), plain("b"))
	overlapping := slices.Clone(good)
	copy(overlapping[bytes.LastIndex(good, []byte("PK\x01\x02"))+42:], make([]byte, 4))
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	_, err := w.Write(tarred(t, &tar.Header{Name: "../x", Typeflag: tar.TypeReg}))
	must(t, errors.Join(err, w.Close()))
	for name, c := range map[string]struct {
		b    []byte
		kind error
	}{
		"zip slip":      {zipped(t, plain("../../etc/passwd")), importer.ErrPath},
		"zip absolute":  {zipped(t, plain("/etc/passwd")), importer.ErrPath},
		"zip backslash": {zipped(t, plain(`..\x`)), importer.ErrPath},
		"zip twice":     {zipped(t, plain("a"), plain("./a")), importer.ErrArchive},
		"zip bomb":      {zipped(t, bomb), importer.ErrSize},
		"zip two sizes": {zipped(t, &zip.FileHeader{Name: "a", CompressedSize64: 4, UncompressedSize64: 5}), importer.ErrArchive},
		"zip overlap":   {overlapping, importer.ErrArchive},
		"zip truncated": {good[:len(good)-30], importer.ErrArchive},
		"tar slip":      {tarred(t, &tar.Header{Name: "a/../../x", Typeflag: tar.TypeReg}), importer.ErrPath},
		"tar link":      {tarred(t, &tar.Header{Name: "a", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink}), importer.ErrPath},
		"tar truncated": {tarred(t, &tar.Header{Name: "a", Typeflag: tar.TypeReg, Size: 4096})[:1500], importer.ErrArchive},
		"tar.gz slip":   {gz.Bytes(), importer.ErrPath},
		"tar.gz cut":    {gz.Bytes()[:20], importer.ErrArchive},
		"text":          {[]byte("hello"), importer.ErrArchive},
		"empty":         {nil, importer.ErrArchive},
	} {
		dir := t.TempDir()
		if _, err := importer.OpenArchive(bytes.NewReader(c.b), int64(len(c.b)), dir); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v, want %v", name, err, c.kind)
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("%s: %d files are left", name, len(left))
		}
	}
	s, err := importer.OpenArchive(bytes.NewReader(good), int64(len(good)), "")
	must(t, err)
	if b, err := s.Read(t.Context(), "b"); err != nil || string(b) != "data" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := s.Read(t.Context(), "c"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// TestFolder: a folder is listed and read; a symbolic link that leads outside is not followed.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "z/t/checkpoint_1"), 0o777))
	for name, b := range trial(state(t, 1, nil)) {
		must(t, os.WriteFile(filepath.Join(dir, name), b, 0o666))
	}
	must(t, os.Symlink("/etc/hostname", filepath.Join(dir, "z/link")))
	s, err := importer.OpenFolder(dir)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	if len(s.Files()) != 3 {
		t.Errorf("%v", s.Files())
	}
	if _, err := s.Read(t.Context(), "z/link"); err == nil {
		t.Error("the link was followed")
	}
	if _, err := importer.Load(t.Context(), scan(t, s, importer.RayTune)[0], nil, importer.Options{}); err != nil {
		t.Error(err)
	}
	if _, err := importer.OpenFolder(filepath.Join(dir, "absent")); err == nil {
		t.Error("an absent folder was opened")
	}
	if _, err := importer.Scan(s, "other"); err == nil {
		t.Error("an unknown layout was scanned")
	}
}

// FuzzArchive: whatever the bytes, opening, scanning and loading end without a panic.
func FuzzArchive(f *testing.F) {
	for _, name := range []string{"small.zip", "dropout.tar", "medium.tar.gz"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		must(f, err)
		f.Add(b)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := importer.OpenArchive(bytes.NewReader(b), int64(len(b)), dir)
		if err != nil {
			return
		}
		defer func() { must(t, s.Close()) }()
		for _, layout := range []string{importer.RayTune, importer.HuggingFace} {
			trials, err := importer.Scan(s, layout)
			must(t, err)
			for _, trial := range trials {
				_, _ = importer.Load(t.Context(), trial, nil, importer.Options{})
			}
		}
	})
}

// FuzzTrial: whatever params.json, result.json and the checkpoint hold, a model is read or left out with a reason.
func FuzzTrial(f *testing.F) {
	t0 := trial(state(f, 1, nil))
	f.Add(t0["z/t/params.json"], t0["z/t/result.json"], t0["z/t/checkpoint_1/checkpoints"])
	f.Add([]byte(`{"model::dropout": NaN}`), []byte("{\"test_acc\": -Infinity}\n"), []byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, params, results, checkpoint []byte) {
		trials := scan(t, files{"t/params.json": params, "t/result.json": results, "t/checkpoint_0/checkpoints": checkpoint}, importer.RayTune)
		m, err := importer.Load(t.Context(), trials[0], nil, importer.Options{AllowNaN: true})
		var s *importer.SkipError
		if err != nil && !errors.As(err, &s) {
			t.Fatal(err)
		}
		if err == nil && len(m.ID) != 32 {
			t.Fatal(m.ID)
		}
	})
}

// FuzzPickled: whatever a data set holds, it is read or refused.
func FuzzPickled(f *testing.F) {
	b, err := os.ReadFile("testdata/dataset_preprocessed.pt")
	must(f, err)
	f.Add(b)
	f.Add([]byte("}X\x08\x00\x00\x00trainset}X\x07\x00\x00\x00data_in]}assss."))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, name := range []string{"d.pt", "d.pkl"} {
			trials, err := importer.Scan(importer.OpenFile(name, bytes.NewReader(b), int64(len(b))), importer.Pickled)
			if err != nil {
				continue
			}
			for _, trial := range trials {
				_, _ = importer.Load(t.Context(), trial, nil, importer.Options{})
			}
		}
	})
}
