package program

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Tables of a zoo.
const (
	modelsName       = "models.parquet"
	metricsTableName = "metrics.parquet"
	timingTableName  = "timing.parquet"
)

// writeCatalog writes the tables and then the manifest. What is in the store with the same
// content is left as it is, so that running again writes nothing.
func writeCatalog(ctx context.Context, s *spec.Snapshot, env *Env, c *catalog) (*spec.Result, error) {
	digest, err := c.resultDigest()
	if err != nil {
		return nil, err
	}
	m := &artifact.Manifest{
		Kind: s.Object.Kind, Namespace: s.Object.Namespace, Name: s.Object.Name, SpecDigest: s.SpecDigest, ResultDigest: digest,
		Spec: plan.Marshal(s), Versions: map[string]string{"numerics": s.Numerics, "plan": fmt.Sprint(s.PlanVersion)},
	}
	tables, zoo, err := c.writeTables(env)
	defer tables.close()
	if err != nil {
		return nil, err
	}
	result := &spec.Result{ResultDigest: m.ResultDigest, Zoo: zoo}
	facts, err := json.Marshal(result.Zoo)
	if err != nil {
		return nil, err
	}
	m.Facts, m.Files = facts, c.shardFiles()
	if err := addLineage(ctx, s, env, m); err != nil {
		return nil, err
	}
	for _, t := range []*tableFile{tables.models, tables.metrics} {
		if err := t.putIfDifferent(ctx, env, s.ArtifactPath); err != nil {
			return nil, err
		}
		m.Files = append(m.Files, t.entry())
	}
	if err := addTwins(ctx, s, env, m, result); err != nil {
		return nil, err
	}
	b, err := m.Encode()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.ArtifactPath, err)
	}
	result.ManifestDigest, result.SizeBytes = artifact.Digest(b), m.Size()
	path := s.ArtifactPath + "/" + artifact.ManifestName
	if same, err := sameContent(ctx, env, path, b); err != nil || same {
		return result, err
	}
	if err := c.putUndigested(ctx, s, env); err != nil {
		return nil, err
	}
	return result, putIfDifferent(ctx, env, path, b)
}

func tableBytes(name string, write func(io.Writer) error) ([]byte, error) {
	var buf bytes.Buffer
	if err := write(&buf); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return buf.Bytes(), nil
}

// putIfDifferent writes an object unless it is there with this content.
func putIfDifferent(ctx context.Context, env *Env, path string, b []byte) error {
	if same, err := sameContent(ctx, env, path, b); err != nil || same {
		return err
	}
	if err := env.Store.Put(ctx, path, b); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func sameContent(ctx context.Context, env *Env, path string, b []byte) (bool, error) {
	sum, size, err := env.Store.Digest(ctx, path)
	if errors.Is(err, artifact.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", path, err)
	}
	want := sha256.Sum256(b)
	return size == int64(len(b)) && sum == hex.EncodeToString(want[:]), nil
}

// shardFiles lists the immutable files of the shards in use, their manifests included.
func (c *catalog) shardFiles() []artifact.FileEntry {
	var out []artifact.FileEntry
	for _, l := range c.shards {
		out = append(out, l.entry)
		for _, f := range l.manifest.Files {
			out = append(out, artifact.FileEntry{Path: shardFilePath(l.manifest.Shard, f.Name), SHA256: f.SHA256, Size: f.Size})
		}
	}
	return out
}

func (c *catalog) timingRows() []artifact.TimingRow {
	var rows []artifact.TimingRow
	for _, l := range c.shards {
		id, t := l.manifest.Shard, l.timing
		for _, e := range t.Epochs {
			row := artifact.TimingRow{
				Shard: id, Epoch: int32(e.Epoch), Members: int32(t.Members), TrainSeconds: e.TrainSeconds, EvaluateSeconds: e.EvaluateSeconds,
				Host: t.Host, Version: t.Version, ISA: t.ISA, Workers: int32(t.Workers),
			}
			if e.Epoch > 0 {
				row.Samples = int64(t.Members) * int64(c.zoo.Dataset.Train)
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// runInfo is run.json: where and when an artifact was made, outside every digest.
type runInfo struct {
	Finished time.Time `json:"finished"`
	Host     string    `json:"host,omitempty"`
	Version  string    `json:"version,omitempty"`
	ISA      string    `json:"isa,omitempty"`
	Store    string    `json:"store,omitempty"`
	// ModelSeconds is the sum of the models' shares of their shards' training times.
	ModelSeconds float64 `json:"modelSeconds,omitempty"`
}

// putUndigested writes timing.parquet and run.json.
func (c *catalog) putUndigested(ctx context.Context, s *spec.Snapshot, env *Env) error {
	rows := c.timingRows()
	b, err := tableBytes(timingTableName, func(w io.Writer) error { return artifact.WriteTiming(w, rows) })
	if err != nil {
		return err
	}
	if err := putIfDifferent(ctx, env, s.ArtifactPath+"/"+timingTableName, b); err != nil {
		return err
	}
	seconds := 0.0
	for _, r := range rows {
		seconds += r.TrainSeconds + r.EvaluateSeconds
	}
	return putRunInfo(ctx, s, env, seconds)
}

func putRunInfo(ctx context.Context, s *spec.Snapshot, env *Env, seconds float64) error {
	b, err := encodeJSON(runInfo{Finished: env.Now().UTC().Truncate(time.Second), Host: env.Host, Version: env.Version, ISA: env.ISA.String(), Store: s.Store, ModelSeconds: seconds})
	if err != nil {
		return err
	}
	path := s.ArtifactPath + "/" + runName
	if err := env.Store.Put(ctx, path, b); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
