package report

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/spec"
)

const studyPath = "research/zooanalysis/mnist-study"

// storeStudy writes a study as the collect stage does, beside the zoo that it is of.
func storeStudy(t *testing.T, s *Study, edit func(files map[string][]byte)) *artifact.Store {
	t.Helper()
	zoo := syntheticZoo(smallShape, 7)
	store := storeZoo(t, zoo, spec.KindModelZoo)
	_, digest, err := store.ReadManifest(t.Context(), zooPath)
	if err != nil {
		t.Fatal(err)
	}
	summaries := map[string]any{"zoo": s.Zoo, "analyses": map[string]any{
		"statistics": s.Statistics, "trajectories": s.Trajectories, "similarity": s.Similarity, "probes": s.Probes, "averaging": s.Averaging, "embedding": s.Embedding,
	}}
	points := &artifact.WideTable{Columns: []string{"testAccuracy", "pca1", "pca2", "tsne1", "tsne2"}}
	for _, p := range s.Points {
		points.Model, points.Epoch = append(points.Model, p.ModelID), append(points.Epoch, p.Epoch)
		points.Values = append(points.Values, p.TestAccuracy, *p.PCA1, *p.PCA2, *p.TSNE1, *p.TSNE2)
	}
	steps := &artifact.WideTable{Columns: []string{"step", "relative"}}
	for _, p := range s.Steps {
		steps.Model, steps.Epoch = append(steps.Model, p.ModelID), append(steps.Epoch, p.Epoch)
		steps.Values = append(steps.Values, p.Step, p.Relative)
	}
	var a, b bytes.Buffer
	if err := errors.Join(artifact.WriteWide(&a, points), artifact.WriteWide(&b, steps)); err != nil {
		t.Fatal(err)
	}
	var data []byte
	for _, v := range s.Agreement {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	ids := marshal(t, s.AgreementOf)
	n := len(s.AgreementOf)
	matrix, err := artifact.EncodeSafetensors([]artifact.Tensor{{Name: "agreement", DType: artifact.F32, Shape: []int{n, n}, Data: data}}, map[string]string{"models": string(ids)})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{analysisName: marshal(t, summaries), embeddingName: a.Bytes(), stepsName: b.Bytes(), agreementName: matrix}
	if edit != nil {
		edit(files)
	}
	m := &artifact.Manifest{
		Kind: spec.KindZooAnalysis, Namespace: "research", Name: "mnist-study", ResultDigest: s.Header.ResultDigest,
		Spec:  marshal(t, spec.Snapshot{Analysis: &spec.Analysis{Zoo: spec.ZooInput{Path: zooPath, ManifestDigest: digest}}}),
		Facts: marshal(t, spec.AnalysisResult{Models: s.Models, Checkpoints: s.Checkpoints}),
	}
	for name, content := range files {
		if err := store.Put(t.Context(), studyPath+"/"+name, content); err != nil {
			t.Fatal(err)
		}
		m.Files = append(m.Files, artifact.Entry(name, content))
	}
	if _, err := store.WriteManifest(t.Context(), studyPath, m); err != nil {
		t.Fatal(err)
	}
	return store
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestWriteStudy: the report of a stored study has the figures of the same numbers, and the zoo's hyper-parameters.
func TestWriteStudy(t *testing.T) {
	s := syntheticStudy(6, 4, 1)
	zoo := syntheticZoo(smallShape, 7)
	old := map[string]string{}
	for i, id := range s.AgreementOf {
		old[id] = zoo.Models[i].ID
		s.AgreementOf[i] = zoo.Models[i].ID
	}
	for i := range s.Points {
		s.Points[i].ModelID = old[s.Points[i].ModelID]
	}
	store := storeStudy(t, s, nil)
	folder := t.TempDir()
	if err := Write(t.Context(), store, studyPath, Folder(folder)); err != nil {
		t.Fatal(err)
	}
	html, err := os.ReadFile(filepath.Join(folder, PageName))
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, Files{PageName: html})
	for _, want := range []string{"<h1>mnist-study</h1>", "6 models of the zoo mnist-small", `value="learningRate"`, "embedding-learningRate.svg", "best first"} {
		if !strings.Contains(string(html), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	want := mustBuildStudy(t, s)
	for _, name := range []string{"steps.svg", "probes.svg", "embedding-epoch.png", "averages.svg"} {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || !bytes.Equal(got, want[name]) {
			t.Errorf("%s from the store differs from the one drawn from the same numbers (%v)", name, err)
		}
	}
}

func TestWriteStudyRefuses(t *testing.T) {
	s := syntheticStudy(4, 3, 1)
	for name, c := range map[string]struct {
		edit func(files map[string][]byte)
		want string
	}{
		"no summaries":            {func(f map[string][]byte) { delete(f, analysisName) }, "lists no analysis.json"},
		"summaries that are none": {func(f map[string][]byte) { f[analysisName] = []byte(`{"analyses": 7}`) }, analysisName},
		"a table that is none":    {func(f map[string][]byte) { f[embeddingName] = []byte("nonsense") }, embeddingName},
		"a matrix that is none":   {func(f map[string][]byte) { f[agreementName] = []byte("nonsense") }, agreementName},
		"a matrix of other models": {func(f map[string][]byte) {
			f[agreementName] = bytes.Replace(f[agreementName], []byte(`\",\"`), []byte(`     `), 1)
		}, "names 3 models for 4 rows"},
	} {
		store := storeStudy(t, s, c.edit)
		folder := filepath.Join(t.TempDir(), "report")
		err := Write(t.Context(), store, studyPath, Folder(folder))
		if !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want ErrInput with %q", name, err, c.want)
		}
		if _, err := os.Stat(folder); err == nil {
			t.Errorf("%s: files were written all the same", name)
		}
	}
	if _, err := ReadStudy(t.Context(), storeStudy(t, s, nil), zooPath); !errors.Is(err, ErrInput) {
		t.Errorf("a zoo read as a study: %v", err)
	}
}

// TestStudyOfAChangedZoo: hyper-parameters of a zoo that is not the one that was studied are not shown.
func TestStudyOfAChangedZoo(t *testing.T) {
	store := storeStudy(t, syntheticStudy(4, 3, 1), nil)
	m, _, err := store.ReadManifest(t.Context(), zooPath)
	if err != nil {
		t.Fatal(err)
	}
	m.ResultDigest = "sha256:" + strings.Repeat("9", 64)
	if _, err := store.WriteManifest(t.Context(), zooPath, m); err != nil {
		t.Fatal(err)
	}
	s, err := ReadStudy(t.Context(), store, studyPath)
	if err != nil || s.Members != nil {
		t.Errorf("members %v, %v", s.Members, err)
	}
}
