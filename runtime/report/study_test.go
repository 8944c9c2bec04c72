package report

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/study"
)

// syntheticStudy makes a plausible study of models with a grid of two activations.
func syntheticStudy(models, epochs int, seed uint64) *Study {
	r := rand.New(rand.NewPCG(seed, 2))
	spread := func(mid, width float64) study.Box {
		n := study.Number(mid)
		w := study.Number(width)
		return study.Box{Count: models, Mean: n, Std: w, Min: n - 2*w, Q1: n - w/2, Median: n, Q3: n + w/2, Max: n + 3*w, Low: n - 2*w, High: n + w, Outer: []study.Number{n + 3*w}}
	}
	s := &Study{
		Header: Header{Namespace: "research", Name: "mnist-study", ArtifactPath: "research/zooanalysis/mnist-study", ResultDigest: fmt.Sprintf("sha256:%064x", seed)},
		Zoo:    "mnist-small", Models: models, Checkpoints: models * (epochs + 1), Hyper: []string{"activation", "learningRate"}, Members: map[string]StudyMember{},
		Statistics: &study.StatisticsSummary{Features: []string{"a/mean"}, TestAccuracy: spread(0.9, 0.01), GeneralizationGap: spread(0.004, 0.002), Excluded: 2},
		Embedding:  &study.EmbeddingSummary{Models: models, Explained: []study.Number{0.06, 0.031}, Perplexity: 30, Divergence: 0.18},
		Probes: &study.ProbesSummary{
			TrainModels: 7, ValidationModels: 2, TestModels: 2,
			Regressions:     []study.RegressionProbe{{Target: "testAccuracy", Features: "statistics", Penalty: 1, TrainR2: 0.99, ValidationR2: 0.97, TestR2: 0.986, ShuffledR2: -0.02}, {Target: "epoch", Features: "weights", Penalty: 10, TestR2: study.Number(math.NaN()), ShuffledR2: -3}},
			Classifications: []study.ClassificationProbe{{Target: "activation", Features: "weights", Classes: []string{"relu", "tanh"}, TestAccuracy: 0.9, Majority: 0.5, ShuffledAccuracy: 0.48}},
		},
		Averaging: &study.AveragingSummary{
			Members: spread(0.9, 0.01), Last: spread(0.9, 0.01), AveragedEpochs: 5, Epochs: spread(0.91, 0.01), Models: 10,
			Soups:    []study.Soup{{Method: "uniform", TestAccuracy: spread(0.13, 0.02), Kept: 10}, {Method: "greedy", TestAccuracy: spread(0.92, 0.01), Kept: 1}, {Method: "greedy", Matched: true}},
			Barriers: []study.Barrier{{Height: spread(2.4, 0.2)}, {Matched: true, Height: spread(1.1, 0.2)}},
		},
	}
	t := &study.TrajectoriesSummary{
		Models: models, Length: spread(70, 2), Straightness: spread(0.4, 0.01), MeanCosine: spread(0.7, 0.02), Energy: spread(0.6, 0.03), Curvature: spread(0.8, 0.1), StepLoss: 0.98,
		Layers:          []study.LayerPath{{Layer: "module_list.0", Length: 21}, {Layer: "module_list.3", Length: 44}},
		ClusteredModels: models, Separation: 2.3, Between: 19, LongestStep: 8.3, Silhouette: 0.57,
		Clustering: []study.Clustering{{Linkage: "single", AdjustedRand: 1, Purity: 1}},
		Ordering:   []study.Ordering{{Method: "shrinkingChain", Kendall: 0.967, Exact: 0.8}, {Method: "random", Kendall: -0.084, Exact: 0}},
	}
	s.Trajectories = t
	for e := range epochs + 1 {
		t.Epochs = append(t.Epochs, e)
		if e > 0 {
			t.TrainLoss = append(t.TrainLoss, study.Number(2/float64(e)))
		}
	}
	for m := range models {
		id := fmt.Sprintf("%032x", m+1)
		angle := 2 * math.Pi * float64(m) / float64(models)
		s.AgreementOf = append(s.AgreementOf, id)
		for e := range epochs + 1 {
			way := math.Sqrt(float64(e)) * 3
			one, two := way*math.Cos(angle)+r.NormFloat64()*0.1, way*math.Sin(angle)
			s.Points = append(s.Points, artifact.EmbeddingRow{ModelID: id, Epoch: int32(e), TestAccuracy: 0.9 - 0.8*math.Exp(-float64(e)/2) + 0.01*r.Float64(), PCA1: &one, PCA2: &two, TSNE1: &two, TSNE2: &one})
			if e > 0 {
				s.Steps = append(s.Steps, artifact.StepRow{ModelID: id, Epoch: int32(e), Step: 7/float64(e) + r.Float64()*0.2, Relative: 0.2/float64(e) + 0.01*r.Float64()})
			}
		}
		s.Members[id] = StudyMember{[]string{[]string{"tanh", "relu"}[m%2], "1e-3"}, 0.9 + 0.001*float64(m)}
	}
	s.Agreement = make([]float32, models*models)
	for i := range models {
		for j := range i + 1 {
			v := float32(0.86 + 0.05*r.Float64())
			if i == j {
				v = 1
			}
			s.Agreement[i*models+j], s.Agreement[j*models+i] = v, v
		}
	}
	s.Similarity = &study.SimilaritySummary{
		Models: models, Epoch: epochs, Agreement: &study.AgreementSummary{Images: 100, Mean: 0.89, Pairs: spread(0.89, 0.01)},
		CKA:            &study.CKASummary{Images: 100, Pairs: 10, Stages: []study.CKAStage{{Layer: "module_list.0", Linear: 0.99, Unbiased: 0.99}, {Layer: "module_list.3", Linear: 0.8, Unbiased: 0.79}}},
		WeightDistance: &study.WeightDistanceSummary{Pairs: 66, L2: spread(38, 1), Cosine: spread(0.77, 0.03)},
	}
	return s
}

func mustBuildStudy(t *testing.T, s *Study) Files {
	t.Helper()
	files, err := BuildStudy(s)
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, files)
	return files
}

func write(t *testing.T, folder string, files Files) {
	t.Helper()
	if *outDir == "" {
		return
	}
	for _, name := range files.Names() {
		if err := Folder(filepath.Join(*outDir, folder)).Put(t.Context(), name, files[name]); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStudyGolden: the page and a map of a small study are the same bytes everywhere.
func TestStudyGolden(t *testing.T) {
	files := mustBuildStudy(t, syntheticStudy(6, 4, 1))
	again := mustBuildStudy(t, syntheticStudy(6, 4, 1))
	for _, name := range files.Names() {
		if !bytes.Equal(files[name], again[name]) {
			t.Errorf("%s differs between two builds of one study", name)
		}
	}
	write(t, "study", files)
	for name, golden := range map[string]string{PageName: "study.html", "embedding-activation.svg": "embedding-activation.svg"} {
		path := filepath.Join("testdata", golden)
		if *update {
			if err := os.WriteFile(path, files[name], 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(files[name], want) {
			t.Errorf("%s differs from %s at byte %d; look at it, then run the test with -update", name, path, firstDiff(files[name], want))
		}
	}
	for _, want := range []string{"Weight space", "Trajectories", "Similarity of the models", "Probes", "Averages of weights", "no result", "2 models that diverged"} {
		if !bytes.Contains(files[PageName], []byte(want)) {
			t.Errorf("the page does not say %q", want)
		}
	}
	// A dot for each checkpoint on each of two maps.
	if n := bytes.Count(files[PageName], []byte("<circle class=")); n != 2*6*5 {
		t.Errorf("%d dots, want %d", n, 2*6*5)
	}
}

// TestStudyOfParts: every analysis may be missing, and what is not finite is left out.
func TestStudyOfParts(t *testing.T) {
	whole := len(mustBuildStudy(t, syntheticStudy(5, 3, 1)))
	nan := study.Number(math.NaN())
	cases := map[string]struct {
		edit func(s *Study)
		less int
	}{
		"nothing":   {func(s *Study) { *s = Study{Header: s.Header} }, whole - 1},
		"no maps":   {func(s *Study) { s.Points, s.Embedding = nil, nil }, 8},
		"no zoo":    {func(s *Study) { s.Hyper, s.Members = nil, nil }, 2},
		"no matrix": {func(s *Study) { s.Agreement, s.AgreementOf = nil, nil }, 2},
		"one model": {func(s *Study) { *s = *syntheticStudy(1, 3, 1) }, 6},
		"no t-SNE": {func(s *Study) {
			for i := range s.Points {
				s.Points[i].TSNE1 = nil
			}
		}, 0},
		"nothing finite": {func(s *Study) {
			for i := range s.Points {
				s.Points[i].TestAccuracy = math.NaN()
			}
			for i := range s.Agreement {
				s.Agreement[i] = float32(math.NaN())
			}
			s.Trajectories.Separation, s.Trajectories.Length.Mean, s.Averaging.Last.Low = nan, nan, nan
		}, 2},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := syntheticStudy(5, 3, 1)
			c.edit(s)
			files := mustBuildStudy(t, s)
			if len(files) != whole-c.less {
				t.Errorf("%d files %v, want %d", len(files), files.Names(), whole-c.less)
			}
		})
	}
}

func TestStudyIsEscaped(t *testing.T) {
	const evil = `</script><script>alert("1")</script>`
	s := syntheticStudy(4, 3, 1)
	old := s.AgreementOf[0]
	s.AgreementOf[0], s.Zoo, s.Header.Name, s.Hyper[0] = evil, evil, evil, evil
	for i := range s.Points {
		if s.Points[i].ModelID == old {
			s.Points[i].ModelID = evil
		}
	}
	s.Members[evil] = StudyMember{[]string{evil, evil}, 1}
	s.Trajectories.Ordering[0].Method, s.Trajectories.Layers[0].Layer, s.Trajectories.Clustering[0].Linkage = evil, evil, evil
	s.Probes.Regressions[0].Target, s.Probes.Classifications[0].Features, s.Averaging.Matching, s.Averaging.Soups[0].Method = evil, evil, evil, evil
	files := mustBuildStudy(t, s)
	for name, b := range files {
		if bytes.Contains(b, []byte("<script>alert")) || strings.ContainsAny(name, `/\<>"`) {
			t.Errorf("%s holds text of the tables unescaped", name)
		}
	}
	if n := bytes.Count(files[PageName], []byte("<script")); n != 3 {
		t.Errorf("the page has %d script elements, want its own 3", n)
	}
}

func TestBadStudies(t *testing.T) {
	for name, edit := range map[string]func(s *Study){
		"a matrix of another size": func(s *Study) { s.Agreement = s.Agreement[1:] },
		"a point of no model":      func(s *Study) { s.Points[1].ModelID = "" },
		"an endless ID":            func(s *Study) { s.AgreementOf[1] = strings.Repeat("x", maxText+1) },
		"too few columns":          func(s *Study) { s.Members["x"] = StudyMember{} },
	} {
		s := syntheticStudy(4, 3, 1)
		edit(s)
		if _, err := BuildStudy(s); !errors.Is(err, ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLargeStudyStaysSmall: more checkpoints and models than are drawn are thinned, and the page says so.
func TestLargeStudyStaysSmall(t *testing.T) {
	s := syntheticStudy(220, 20, 3)
	html := mustBuildStudy(t, s)[PageName]
	if len(html) > 3_000_000 {
		t.Errorf("the page has %d bytes", len(html))
	}
	for _, want := range []string{"the best 200 of 220 models", "3\u202f990 of 4\u202f620 checkpoints are drawn"} {
		if !bytes.Contains(html, []byte(want)) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestColourings(t *testing.T) {
	c := byRank("k", "k", []float64{5, 1, 1, 1, math.NaN(), 9, 7, 3}, func(v float64) string { return number(v, 0) })
	if c.class[4] != -1 || c.class[1] != 0 || c.class[2] != 0 || c.class[5] != len(shades)-1 || c.class[7] >= c.class[0] || c.class[0] >= c.class[6] {
		t.Errorf("classes %v", c.class)
	}
	if c.code()[4] != '-' || c.legend[0] != "1" || c.legend[len(shades)-1] != "9" {
		t.Errorf("code %q, legend %q", c.code(), c.legend)
	}
	if one := byWidth("k", "k", []float64{2, 2}, func(v float64) string { return number(v, 0) }); !slices.Equal(one.class, []int{0, 0}) || one.legend[0] != "2" {
		t.Errorf("equal numbers: %+v", one)
	}
	var names []string
	for i := range 12 {
		names = append(names, fmt.Sprint("v", i), "v0")
	}
	if many := byCategory("k", "k", names); slices.Max(many.class) != len(hues)-1 || !strings.Contains(many.legend[len(hues)-1], "5 other values") {
		t.Errorf("many categories: %v %q", many.class, many.legend)
	}
}
