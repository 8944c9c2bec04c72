package program

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/importer"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// readImported reads import/models.json; a *damagedError when the import has to run again.
func readImported(ctx context.Context, s *spec.Snapshot, env *Env) (*imported, error) {
	path := s.ArtifactPath + "/" + importModelsName
	b, err := env.Store.Get(ctx, path)
	if errors.Is(err, artifact.ErrNotFound) {
		return nil, &damagedError{file: path, err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	m := &imported{}
	if err := decodeStrict(b, m); err != nil {
		return nil, &damagedError{file: path, err: err}
	}
	if m.Version != importVersion || m.Network == nil || len(m.Models) == 0 || len(m.Models) != m.Imported || m.Parameters < 1 || m.Length < m.Parameters {
		return nil, &damagedError{file: path, err: fmt.Errorf("version %d, %d models, %d parameters", m.Version, len(m.Models), m.Parameters)}
	}
	return m, nil
}

// importedShard is a shard's manifest as it lies in the store.
type importedShard struct {
	manifest *shardManifest
	entry    artifact.FileEntry
}

// readImportedShards reads the manifests of the shards that hold the models, and checks that they hold them.
func readImportedShards(ctx context.Context, s *spec.Snapshot, env *Env, m *imported) (map[string]*importedShard, error) {
	out := map[string]*importedShard{}
	for i := range m.Models {
		for _, e := range m.Models[i].Epochs {
			if e.Shard == "" {
				continue
			}
			sh := out[e.Shard]
			if sh == nil {
				var err error
				if sh, err = readImportedShard(ctx, s, env, m, e.Shard); err != nil {
					return nil, err
				}
				out[e.Shard] = sh
			}
			f := sh.manifest
			if e.Epoch < f.FirstEpoch || e.Epoch > f.LastEpoch || e.Row < 0 || e.Row >= len(f.Models) || f.Models[e.Row] != m.Models[i].ID || f.Weights[e.Epoch-f.FirstEpoch][e.Row] != e.Weights {
				return nil, &damagedError{file: importModelsName, shard: e.Shard, err: fmt.Errorf("shard %s does not hold model %s at epoch %d", e.Shard, m.Models[i].ID, e.Epoch)}
			}
		}
	}
	return out, nil
}

func readImportedShard(ctx context.Context, s *spec.Snapshot, env *Env, m *imported, id string) (*importedShard, error) {
	if !isHex(id, 16) {
		return nil, &damagedError{file: importModelsName, err: fmt.Errorf("%q is no shard", id)}
	}
	path := shardPath(s, id, manifestName)
	b, err := env.Store.Get(ctx, path)
	if errors.Is(err, artifact.ErrNotFound) {
		return nil, &damagedError{file: path, shard: id, err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	f := &shardManifest{}
	if err := decodeStrict(b, f); err != nil {
		return nil, &damagedError{file: path, shard: id, err: err}
	}
	if err := f.check(id); err != nil {
		return nil, &damagedError{file: path, shard: id, err: err}
	}
	if f.Parameters != m.Parameters {
		return nil, &damagedError{file: path, shard: id, err: fmt.Errorf("%d parameters, not %d", f.Parameters, m.Parameters)}
	}
	return &importedShard{f, artifact.Entry(shardFilePath(id, manifestName), b)}, nil
}

// indexImported writes the tables and the manifest of an imported zoo.
func indexImported(ctx context.Context, s *spec.Snapshot, env *Env) (*spec.Result, error) {
	env.Progress(Progress{Stage: spec.StageIndex, SecondsLeft: -1, Message: "Reading shard manifests"})
	m, err := readImported(ctx, s, env)
	var shards map[string]*importedShard
	if err == nil {
		shards, err = readImportedShards(ctx, s, env, m)
	}
	var bad *damagedError
	if errors.As(err, &bad) || err == nil && m.SpecDigest != s.SpecDigest {
		return nil, &IncompleteError{What: "imports", Missing: 1, Total: 1, Sample: []string{importModelsName}}
	}
	if err != nil {
		return nil, stopped(ctx, err)
	}
	result, err := m.writeTables(ctx, resolved(s, m), env, shards)
	if err != nil {
		return nil, stopped(ctx, err)
	}
	env.Progress(Progress{Stage: spec.StageIndex, SecondsLeft: -1, Message: "Finished"})
	return result, nil
}

// resolved is the plan with what the files said, as the manifest keeps it for those who read the zoo.
func resolved(s *spec.Snapshot, m *imported) *spec.Snapshot {
	out, zoo := *s, *s.Zoo
	n := m.Network
	zoo.Architecture, zoo.Width, zoo.Parameters = n.Architecture, n.Width, m.Parameters
	if zoo.Dataset.Path == "" {
		side := 32 // cnn-medium's; a resnet18 takes any
		if n.Architecture == importer.CNNSmall {
			side = 28
		}
		zoo.Dataset = spec.DatasetInput{Channels: n.Channels, Height: side, Width: side, Classes: n.Classes}
	}
	cohorts := map[spec.Cohort]bool{}
	zoo.BatchSize = m.Models[0].Config.BatchSize
	zoo.Momentum = strconv.FormatFloat(m.Models[0].Config.Momentum, 'g', -1, 64)
	for i := range m.Models {
		e := &m.Models[i]
		zoo.Epochs = max(zoo.Epochs, e.last().Epoch)
		cohorts[spec.Cohort{Activation: e.Config.Activation, Optimizer: e.Config.Optimizer}] = true
	}
	for c := range cohorts {
		zoo.Cohorts = append(zoo.Cohorts, c)
	}
	sort.Slice(zoo.Cohorts, func(i, j int) bool {
		a, b := zoo.Cohorts[i], zoo.Cohorts[j]
		return a.Activation < b.Activation || a.Activation == b.Activation && a.Optimizer < b.Optimizer
	})
	out.Zoo = &zoo
	return &out
}

// last is the last epoch with weights.
func (e *importedEntry) last() *importedEpoch {
	for i := len(e.Epochs) - 1; i >= 0; i-- {
		if e.Epochs[i].Shard != "" {
			return &e.Epochs[i]
		}
	}
	return &importedEpoch{}
}

// best is the first epoch of the highest validation accuracy, or test accuracy where there is none; nil without any.
func (e *importedEntry) best() *importedEpoch {
	var best *importedEpoch
	score := math.Inf(-1)
	for i := range e.Epochs {
		if s := e.Epochs[i].Metrics.score(); s > score {
			best, score = &e.Epochs[i], s
		}
	}
	return best
}

func (m *imported) writeTables(ctx context.Context, s *spec.Snapshot, env *Env, shards map[string]*importedShard) (*spec.Result, error) {
	env.Progress(Progress{Stage: spec.StageIndex, SecondsLeft: -1, Message: "Writing tables"})
	out := &artifact.Manifest{
		Kind: s.Object.Kind, Namespace: s.Object.Namespace, Name: s.Object.Name, SpecDigest: s.SpecDigest, ResultDigest: m.resultDigest(),
		Spec: plan.Marshal(s), Versions: map[string]string{"numerics": s.Numerics, "plan": fmt.Sprint(s.PlanVersion)},
	}
	result := &spec.Result{ResultDigest: out.ResultDigest, Zoo: m.summary(s)}
	var err error
	if out.Facts, err = json.Marshal(result.Zoo); err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(shards))
	for id := range shards {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		out.Files = append(out.Files, shards[id].entry)
		for _, f := range shards[id].manifest.Files {
			out.Files = append(out.Files, artifact.FileEntry{Path: shardFilePath(id, f.Name), SHA256: f.SHA256, Size: f.Size})
		}
	}
	files, err := m.tables()
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if err := putIfDifferent(ctx, env, s.ArtifactPath+"/"+f.name, f.b); err != nil {
			return nil, err
		}
		out.Files = append(out.Files, artifact.Entry(f.name, f.b))
	}
	if err := putRunInfo(ctx, s, env, 0); err != nil {
		return nil, err
	}
	b, err := out.Encode()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.ArtifactPath, err)
	}
	result.ManifestDigest, result.SizeBytes = artifact.Digest(b), out.Size()
	return result, putIfDifferent(ctx, env, s.ArtifactPath+"/"+artifact.ManifestName, b)
}

type namedBytes struct {
	name string
	b    []byte
}

// tables are the files beside the shards: models, metrics, and the report of the import.
func (m *imported) tables() ([]namedBytes, error) {
	var models, metrics bytes.Buffer
	if err := artifact.WriteModels(&models, m.modelRows()); err != nil {
		return nil, fmt.Errorf("%s: %w", modelsName, err)
	}
	if err := artifact.WriteMetrics(&metrics, m.metricRows()); err != nil {
		return nil, fmt.Errorf("%s: %w", metricsTableName, err)
	}
	report := *m
	report.Models = nil
	b, err := json.MarshalIndent(report, "", "  ")
	return []namedBytes{{modelsName, models.Bytes()}, {metricsTableName, metrics.Bytes()}, {importReportName, append(b, '\n')}}, err
}

func (m *imported) modelRows() []artifact.ModelRow {
	rows := make([]artifact.ModelRow, len(m.Models))
	for i := range m.Models {
		e := &m.Models[i]
		c, last := &e.Config, e.last()
		rows[i] = artifact.ModelRow{
			ModelID: e.ID, Seed: c.Seed, Activation: c.Activation, Initializer: c.Initializer, Optimizer: c.Optimizer,
			LearningRate: c.LearningRate, WeightDecay: c.WeightDecay, Dropout: c.Dropout, BatchSize: int32(c.BatchSize),
			Architecture: m.Network.Architecture, Parameters: int32(m.Parameters), Epochs: int32(last.Epoch),
			TrainLoss: last.Metrics[0], TrainAccuracy: last.Metrics[1], ValidationLoss: last.Metrics[2], ValidationAccuracy: last.Metrics[3],
			TestLoss: last.Metrics[4], TestAccuracy: last.Metrics[5], Shard: last.Shard, Row: int32(last.Row),
			File: last.file(), Offset: last.Offset, WeightBytes: int64(4 * m.Length),
		}
		if best := e.best(); best != nil {
			epoch := int32(best.Epoch)
			rows[i].BestEpoch, rows[i].BestFile, rows[i].BestOffset = &epoch, best.file(), best.Offset
		}
		if e.Diverged >= 0 {
			epoch := int32(e.Diverged)
			rows[i].DivergedEpoch = &epoch
		}
	}
	return rows
}

func (m *imported) metricRows() []artifact.MetricRow {
	var rows []artifact.MetricRow
	for i := range m.Models {
		for _, e := range m.Models[i].Epochs {
			rows = append(rows, artifact.MetricRow{
				ModelID: m.Models[i].ID, Epoch: int32(e.Epoch), TrainLoss: e.Metrics[0], TrainAccuracy: e.Metrics[1], ValidationLoss: e.Metrics[2],
				ValidationAccuracy: e.Metrics[3], TestLoss: e.Metrics[4], TestAccuracy: e.Metrics[5], WeightsSHA256: e.Weights,
				File: e.file(), Offset: e.Offset,
			})
		}
	}
	return rows
}

// resultDigest has the form of a trained zoo's; an epoch without weights has "-" in their place.
func (m *imported) resultDigest() string {
	order := make([]int, len(m.Models))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return m.Models[order[a]].ID < m.Models[order[b]].ID })
	h := sha256.New()
	for _, i := range order {
		for _, e := range m.Models[i].Epochs {
			weights := e.Weights
			if weights == "" {
				weights = "-"
			}
			fmt.Fprintf(h, "%s %06d %s %s\n", m.Models[i].ID, e.Epoch, weights, e.Metrics.hex())
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// summary is the outcome for the status: accuracy at each model's last epoch, over those that did not diverge.
func (m *imported) summary(s *spec.Snapshot) *spec.ZooResult {
	r := &spec.ZooResult{Members: len(m.Models), Epochs: s.Zoo.Epochs, Parameters: m.Parameters, Architecture: m.Network.Architecture}
	var values []float64
	for i := range m.Models {
		if m.Models[i].Diverged >= 0 {
			r.Diverged++
			continue
		}
		if a := m.Models[i].last().Metrics.testAccuracy(); !math.IsNaN(a) {
			values = append(values, a)
		}
	}
	if len(values) == 0 {
		return r
	}
	sort.Float64s(values)
	for _, v := range values {
		r.TestAccuracyMean += v / float64(len(values))
	}
	for _, v := range values {
		r.TestAccuracyStd += (v - r.TestAccuracyMean) * (v - r.TestAccuracyMean) / float64(len(values))
	}
	r.TestAccuracyStd = math.Sqrt(r.TestAccuracyStd)
	return r
}
