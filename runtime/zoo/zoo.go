// Package zoo opens the artifact of a ModelZoo for those who read it: which models there are, how they did, and their weights at
// any epoch. It reads what is asked for and checks it against the manifests.
package zoo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Zoo is an opened artifact. Its methods are for one goroutine.
type Zoo struct {
	store *artifact.Store
	dir   string
	// Manifest lists the artifact's files; Digest is its own.
	Manifest *artifact.Manifest
	Digest   string
	// Plan is the frozen plan that the zoo was made from.
	Plan *spec.Snapshot
	// Models are the rows of models.parquet.
	Models []artifact.ModelRow

	shards map[string]*shard
	// places say which rows of which shards hold a model.
	places map[string][]place
}

// shard is what is needed of a shard's manifest.
type shard struct {
	id         string
	firstEpoch int
	lastEpoch  int
	models     []string
	weights    [][]string
	files      map[string]artifact.FileEntry
}

type place struct {
	shard *shard
	row   int
}

// Open reads the manifest, the table of models and the shards' manifests of the artifact in folder dir.
func Open(ctx context.Context, store *artifact.Store, dir string) (*Zoo, error) {
	z := &Zoo{store: store, dir: dir, shards: map[string]*shard{}, places: map[string][]place{}}
	var err error
	if z.Manifest, z.Digest, err = store.ReadManifest(ctx, dir); err != nil {
		return nil, fmt.Errorf("open the zoo %s: %w", dir, err)
	}
	if z.Manifest.Kind != spec.KindModelZoo {
		return nil, fmt.Errorf("open the zoo: %s is a %s, not a %s", dir, z.Manifest.Kind, spec.KindModelZoo)
	}
	if z.Plan, err = plan.Unmarshal(z.Manifest.Spec); err != nil {
		return nil, fmt.Errorf("%s/%s: %w", dir, artifact.ManifestName, err)
	}
	if z.Plan.Zoo == nil {
		return nil, fmt.Errorf("%s/%s: its plan holds no zoo", dir, artifact.ManifestName)
	}
	b, err := z.verified(ctx, "models.parquet")
	if err != nil {
		return nil, err
	}
	if z.Models, err = artifact.ReadModels(b); err != nil {
		return nil, fmt.Errorf("%s/models.parquet: %w", dir, err)
	}
	return z, z.readShards(ctx)
}

// Metrics reads metrics.parquet: a row for each model and epoch.
func (z *Zoo) Metrics(ctx context.Context) ([]artifact.MetricRow, error) {
	b, err := z.verified(ctx, "metrics.parquet")
	if err != nil {
		return nil, err
	}
	rows, err := artifact.ReadMetrics(b)
	if err != nil {
		return nil, fmt.Errorf("%s/metrics.parquet: %w", z.dir, err)
	}
	return rows, nil
}

// Input describes the zoo as a plan of another object needs it.
func (z *Zoo) Input(name, storeURL string) *spec.ZooInput {
	in := &spec.ZooInput{
		Name: name, Store: storeURL, Path: z.dir, ManifestDigest: z.Digest, ResultDigest: z.Manifest.ResultDigest,
		Members: len(z.Models), Epochs: z.Plan.Zoo.Epochs, Parameters: z.Plan.Zoo.Parameters,
	}
	if d := z.Plan.Zoo.Dataset; d.Path != "" {
		in.Dataset = &d
	}
	return in
}

func (z *Zoo) verified(ctx context.Context, name string) ([]byte, error) {
	e, ok := z.Manifest.File(name)
	if !ok {
		return nil, fmt.Errorf("%s/%s lists no %s; run the zoo's index stage again", z.dir, artifact.ManifestName, name)
	}
	return z.store.GetVerified(ctx, z.dir, e)
}

// readShards reads the shard manifests that the zoo's manifest lists.
func (z *Zoo) readShards(ctx context.Context) error {
	for _, f := range z.Manifest.Files {
		id, ok := shardOf(f.Path)
		if !ok {
			continue
		}
		b, err := z.store.GetVerified(ctx, z.dir, f)
		if err != nil {
			return err
		}
		s, err := decodeShard(id, b)
		if err != nil {
			return fmt.Errorf("%s/%s: %w", z.dir, f.Path, err)
		}
		z.shards[id] = s
		for row, model := range s.models {
			z.places[model] = append(z.places[model], place{s, row})
		}
	}
	for _, f := range z.Manifest.Files {
		parts := strings.Split(f.Path, "/")
		if len(parts) == 3 && parts[0] == shardsFolder && z.shards[parts[1]] != nil {
			z.shards[parts[1]].files[parts[2]] = f
		}
	}
	return nil
}

const shardsFolder = "shards"

func shardOf(path string) (string, bool) {
	parts := strings.Split(path, "/")
	if len(parts) == 3 && parts[0] == shardsFolder && parts[2] == artifact.ManifestName {
		return parts[1], true
	}
	return "", false
}

func decodeShard(id string, b []byte) (*shard, error) {
	var m struct {
		Models     []string   `json:"models"`
		FirstEpoch int        `json:"firstEpoch"`
		LastEpoch  int        `json:"lastEpoch"`
		Weights    [][]string `json:"weights"`
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, err
	}
	if m.LastEpoch < m.FirstEpoch || len(m.Weights) != m.LastEpoch-m.FirstEpoch+1 {
		return nil, fmt.Errorf("it lists weights of %d epochs for epochs %d to %d", len(m.Weights), m.FirstEpoch, m.LastEpoch)
	}
	for _, row := range m.Weights {
		if len(row) != len(m.Models) {
			return nil, fmt.Errorf("it lists %d weights for %d models", len(row), len(m.Models))
		}
	}
	return &shard{id: id, firstEpoch: m.FirstEpoch, lastEpoch: m.LastEpoch, models: m.Models, weights: m.Weights, files: map[string]artifact.FileEntry{}}, nil
}

// Epochs lists the epochs whose weights of a model are in the store, in order: all, unless the zoo keeps only some checkpoints.
func (z *Zoo) Epochs(model string) []int {
	var out []int
	for _, p := range z.places[model] {
		for e := p.shard.firstEpoch; e <= p.shard.lastEpoch; e++ {
			if _, ok := p.shard.files[epochName(e)]; ok {
				out = append(out, e)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func epochName(epoch int) string { return fmt.Sprintf("epoch-%04d.safetensors", epoch) }
