package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Names of the tables the report is drawn from, below the artifact's folder.
const (
	modelsName  = "models.parquet"
	metricsName = "metrics.parquet"
	timingName  = "timing.parquet"
)

// Sink takes the files of a report.
type Sink interface {
	// Put stores a file; name has no folder.
	Put(ctx context.Context, name string, content []byte) error
}

// Folder is a Sink that writes files into a folder, which it makes when needed.
type Folder string

// Put implements Sink. It replaces a file as a whole: a reader never sees half of one.
func (f Folder) Put(_ context.Context, name string, content []byte) error {
	if err := os.MkdirAll(string(f), 0o755); err != nil {
		return fmt.Errorf("report folder: %w", err)
	}
	tmp, err := os.CreateTemp(string(f), "."+name+".*")
	if err != nil {
		return fmt.Errorf("report file %s: %w", name, err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(content)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(string(f), name))
	}
	if err != nil {
		return fmt.Errorf("report file %s: %w", name, err)
	}
	return nil
}

// Write draws the report of the ModelZoo or ZooAnalysis in folder artifactPath of the store and puts
// its files into out: the figures first, report.html last. It checks the tables against the
// manifest. Errors are the store's, or wrap ErrInput where the artifact is no finished one.
func Write(ctx context.Context, store *artifact.Store, artifactPath string, out Sink) error {
	m, err := manifestOf(ctx, store, artifactPath)
	if err != nil {
		return err
	}
	var files Files
	if m.Kind == spec.KindZooAnalysis {
		var in *Study
		if in, err = ReadStudy(ctx, store, artifactPath); err == nil {
			files, err = BuildStudy(in)
		}
	} else {
		var in *Input
		if in, err = Read(ctx, store, artifactPath); err == nil {
			files, err = Build(*in)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", artifactPath, err)
	}
	return files.put(ctx, out, PageName)
}

// put hands the files over, the page last.
func (f Files) put(ctx context.Context, out Sink, page string) error {
	names := slices.DeleteFunc(f.Names(), func(n string) bool { return n == page })
	for _, name := range append(names, page) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := out.Put(ctx, name, f[name]); err != nil {
			return err
		}
	}
	return nil
}

// Read reads what Build draws from the artifact in folder artifactPath of the store.
func Read(ctx context.Context, store *artifact.Store, artifactPath string) (*Input, error) {
	m, err := manifestOf(ctx, store, artifactPath)
	if err != nil {
		return nil, err
	}
	if m.Kind != spec.KindModelZoo {
		return nil, fmt.Errorf("%w: %s is a %s; reports are drawn of a %s or a %s", ErrInput, artifactPath, m.Kind, spec.KindModelZoo, spec.KindZooAnalysis)
	}
	models, err := readTable(ctx, store, artifactPath, m, modelsName, artifact.ReadModels)
	if err != nil {
		return nil, err
	}
	metrics, err := readTable(ctx, store, artifactPath, m, metricsName, artifact.ReadMetrics)
	if err != nil {
		return nil, err
	}
	in := convert(m, models, metrics)
	in.Header.ArtifactPath = artifactPath
	if in.Twins, err = readTwins(ctx, store, artifactPath, m); err != nil {
		return nil, err
	}
	if err := addRun(ctx, store, in, artifactPath); err != nil {
		return nil, err
	}
	return in, nil
}

// readTable reads a table that the manifest lists.
func readTable[T any](ctx context.Context, store *artifact.Store, dir string, m *artifact.Manifest, name string, read func([]byte) ([]T, error)) ([]T, error) {
	f, ok := m.File(name)
	if !ok {
		return nil, fmt.Errorf("%w: the manifest of %s lists no %s; index the zoo again", ErrInput, dir, name)
	}
	b, err := store.GetVerified(ctx, dir, f)
	if err != nil {
		return nil, err
	}
	rows, err := read(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrInput, path.Join(dir, name), err)
	}
	return rows, nil
}

// addRun adds what lies outside the manifest: when it was written, and the wall times. A zoo
// without them, or with damaged ones, still has a report.
func addRun(ctx context.Context, store *artifact.Store, in *Input, dir string) error {
	var err error
	if in.Header.Finished, err = written(ctx, store, dir); err != nil {
		return err
	}
	b, err := store.Get(ctx, path.Join(dir, timingName))
	if errors.Is(err, artifact.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	in.Header.addTimes(artifact.ReadTiming(b))
	return nil
}

// written is when an artifact's manifest was.
func written(ctx context.Context, store *artifact.Store, dir string) (time.Time, error) {
	objects, err := store.List(ctx, path.Join(dir, artifact.ManifestName))
	for _, o := range objects {
		if o.Path == path.Join(dir, artifact.ManifestName) {
			return o.Modified, err
		}
	}
	return time.Time{}, err
}

// addTimes sums the wall times, or says that they cannot be read.
func (h *Header) addTimes(rows []artifact.TimingRow, err error) {
	if err != nil {
		h.Facts = append(h.Facts, Fact{"Wall times", "unknown: " + timingName + " cannot be read"})
	}
	for _, r := range rows {
		if s := r.TrainSeconds + r.EvaluateSeconds; finite(s) && s > 0 {
			h.ShardSeconds += s
		}
	}
}

// convert makes the report's input from the rows of the tables.
func convert(m *artifact.Manifest, models []artifact.ModelRow, metrics []artifact.MetricRow) *Input {
	in := &Input{
		Header: Header{Namespace: m.Namespace, Name: m.Name, ResultDigest: m.ResultDigest},
		Hyper:  []string{"activation", "initializer", "optimizer", "learningRate", "weightDecay", "dropout"},
		Models: make([]Model, 0, len(models)), Rows: make([]Row, 0, len(metrics)),
	}
	written := writtenBy(m, in)
	for _, r := range models {
		in.Header.Architecture, in.Header.Parameters = r.Architecture, int(r.Parameters)
		in.Header.Epochs, in.Header.BatchSize = int(r.Epochs), int(r.BatchSize)
		diverged := -1
		if r.DivergedEpoch != nil {
			diverged = max(0, int(*r.DivergedEpoch))
		}
		in.Models = append(in.Models, Model{
			ID: r.ModelID, Seed: uint64(r.Seed),
			Hyper: []string{
				r.Activation, r.Initializer, r.Optimizer,
				written.text(r.LearningRate), written.text(r.WeightDecay), written.text(r.Dropout),
			},
			Final: Metrics{
				r.TrainLoss, r.TrainAccuracy, r.ValidationLoss, r.ValidationAccuracy, r.TestLoss, r.TestAccuracy,
			},
			DivergedEpoch: diverged, Shard: r.Shard, Index: int(r.Row),
		})
	}
	for _, r := range metrics {
		in.Rows = append(in.Rows, Row{ModelID: r.ModelID, Epoch: int(r.Epoch), Metrics: Metrics{
			r.TrainLoss, r.TrainAccuracy, r.ValidationLoss, r.ValidationAccuracy, r.TestLoss, r.TestAccuracy,
		}})
	}
	in.Header.Facts = versionFacts(m)
	in.Header.Facts = append(in.Header.Facts, twinFacts(m)...)
	return in
}

// versionFacts are lines about what made the artifact.
func versionFacts(m *artifact.Manifest) []Fact {
	keys := make([]string, 0, len(m.Versions))
	for k := range m.Versions {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var out []Fact
	for _, k := range keys {
		out = append(out, Fact{title(words(k)) + " version", m.Versions[k]})
	}
	return out
}

// decimalTexts maps a number to the text the user wrote for it.
type decimalTexts map[float64]string

// text is the user's text of v, or its shortest form.
func (d decimalTexts) text(v float64) string {
	if t, ok := d[v]; ok {
		return t
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// writtenBy takes from the frozen plan what the tables do not say: the data set's name and
// how the user wrote the hyper-parameters. A manifest without a plan gives neither.
func writtenBy(m *artifact.Manifest, in *Input) decimalTexts {
	var s spec.Snapshot
	out := decimalTexts{}
	if len(m.Spec) == 0 || json.Unmarshal(m.Spec, &s) != nil || s.Zoo == nil {
		return out
	}
	in.Header.Dataset = s.Zoo.Dataset.Name
	for _, c := range s.Zoo.Cells {
		for _, t := range []string{c.LearningRate, c.WeightDecay, c.Dropout} {
			v, err := strconv.ParseFloat(t, 64)
			if err != nil || math.IsNaN(v) || len(t) > maxText {
				continue
			}
			// "1e-3" and "0.001" are one number: of two texts the shorter wins, then the smaller.
			if have, ok := out[v]; !ok || len(t) < len(have) || len(t) == len(have) && strings.Compare(t, have) < 0 {
				out[v] = t
			}
		}
	}
	return out
}
