package export

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

type key struct {
	model string
	epoch int
}

// zoo is a ModelZoo artifact, opened.
type zoo struct {
	store    *artifact.Store
	dir      string
	manifest *artifact.Manifest
	plan     *spec.Snapshot
	models   []artifact.ModelRow
	metrics  map[key]artifact.MetricRow
	// places says which row of which shards holds which epochs of a model.
	places map[string][]place
	// byModel are the epochs of each model in metrics.parquet, once somebody asks.
	byModel map[string][]int
	headers map[string]*weightsHeader
}

type place struct {
	shard       string
	row         int
	first, last int
}

// weightsHeader is the header of a weights file, decoded.
type weightsHeader struct {
	header *artifact.Header
	models []string
	layout []param
}

// param is an entry of the layout metadata: positions in elements.
type param struct {
	Name   string `json:"name"`
	Shape  []int  `json:"shape"`
	Offset int    `json:"offset"`
}

func openZoo(ctx context.Context, store *artifact.Store, dir string) (*zoo, error) {
	z := &zoo{store: store, dir: dir, metrics: map[key]artifact.MetricRow{}, places: map[string][]place{}, headers: map[string]*weightsHeader{}}
	var err error
	if z.manifest, _, err = store.ReadManifest(ctx, dir); err != nil {
		return nil, fmt.Errorf("export: open the zoo: %w", err)
	}
	if z.manifest.Kind != spec.KindModelZoo {
		return nil, fmt.Errorf("export: %s is a %s, not a %s", dir, z.manifest.Kind, spec.KindModelZoo)
	}
	// The manifest is indented; a plan's canonical form is not.
	if z.plan, err = plan.Unmarshal(z.manifest.Spec); err != nil {
		return nil, fmt.Errorf("export: %s/%s: %w", dir, artifact.ManifestName, err)
	}
	if z.plan.Zoo == nil {
		return nil, fmt.Errorf("export: %s/%s: its plan trains no zoo", dir, artifact.ManifestName)
	}
	if err := z.readTables(ctx); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return z, z.readShards(ctx)
}

func (z *zoo) readTables(ctx context.Context) error {
	b, err := z.verified(ctx, "models.parquet")
	if err != nil {
		return err
	}
	if z.models, err = artifact.ReadModels(b); err != nil {
		return fmt.Errorf("%s/models.parquet: %w", z.dir, err)
	}
	if b, err = z.verified(ctx, "metrics.parquet"); err != nil {
		return err
	}
	rows, err := artifact.ReadMetrics(b)
	if err != nil {
		return fmt.Errorf("%s/metrics.parquet: %w", z.dir, err)
	}
	for _, r := range rows {
		z.metrics[key{r.ModelID, int(r.Epoch)}] = r
	}
	return nil
}

func (z *zoo) verified(ctx context.Context, name string) ([]byte, error) {
	e, ok := z.manifest.File(name)
	if !ok {
		return nil, fmt.Errorf("%s: the manifest does not list %s", z.dir, name)
	}
	return z.store.GetVerified(ctx, z.dir, e)
}

// readShards finds, from the shard manifests that the zoo's manifest lists, where weights are.
func (z *zoo) readShards(ctx context.Context) error {
	for _, f := range z.manifest.Files {
		shard, ok := shardOf(f.Path)
		if !ok {
			continue
		}
		b, err := z.store.GetVerified(ctx, z.dir, f)
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		var m struct {
			Models     []string `json:"models"`
			FirstEpoch int      `json:"firstEpoch"`
			LastEpoch  int      `json:"lastEpoch"`
		}
		if err := json.Unmarshal(b, &m); err != nil {
			return fmt.Errorf("export: %s/%s: %w", z.dir, f.Path, err)
		}
		for row, id := range m.Models {
			z.places[id] = append(z.places[id], place{shard, row, m.FirstEpoch, m.LastEpoch})
		}
	}
	return nil
}

func shardOf(path string) (string, bool) {
	parts := strings.Split(path, "/")
	if len(parts) == 3 && parts[0] == "shards" && parts[2] == artifact.ManifestName {
		return parts[1], true
	}
	return "", false
}

// weights reads one model's row with one ranged read, two for the first model of a file.
func (z *zoo) weights(ctx context.Context, model string, epoch int) ([]byte, []param, error) {
	for _, p := range z.places[model] {
		if epoch < p.first || epoch > p.last {
			continue
		}
		path := fmt.Sprintf("%s/shards/%s/epoch-%04d.safetensors", z.dir, p.shard, epoch)
		h, err := z.weightsHeader(ctx, path)
		if err != nil {
			return nil, nil, err
		}
		if p.row >= len(h.models) || h.models[p.row] != model {
			return nil, nil, fmt.Errorf("%s: row %d is not model %s, as the shard's manifest says", path, p.row, model)
		}
		b, err := z.store.ReadRow(ctx, path, h.header, "weights", p.row)
		return b, h.layout, err
	}
	return nil, nil, fmt.Errorf("no shard in %s/%s holds it", z.dir, artifact.ManifestName)
}

func (z *zoo) weightsHeader(ctx context.Context, path string) (*weightsHeader, error) {
	if h, ok := z.headers[path]; ok {
		return h, nil
	}
	header, err := z.store.ReadHeader(ctx, path)
	if err != nil {
		return nil, err
	}
	if t, ok := header.Tensor("weights"); !ok || t.DType != artifact.F32 || len(t.Shape) != 2 {
		return nil, fmt.Errorf("%s: it has no tensor weights F32 [models, parameters]", path)
	}
	h := &weightsHeader{header: header}
	if err := json.Unmarshal([]byte(header.Metadata["models"]), &h.models); err != nil {
		return nil, fmt.Errorf("%s: metadata models: %w", path, err)
	}
	if err := json.Unmarshal([]byte(header.Metadata["layout"]), &h.layout); err != nil {
		return nil, fmt.Errorf("%s: metadata layout: %w", path, err)
	}
	z.headers[path] = h
	return h, nil
}

// normalization reads the texts from the header of the data set's training split.
func (z *zoo) normalization(ctx context.Context, datasets *artifact.Store) (*spec.Normalization, error) {
	if z.plan.Zoo.Dataset.Path == "" {
		return nil, errors.New("the zoo was imported without a data set")
	}
	if datasets == nil {
		datasets = z.store
	}
	h, err := datasets.ReadHeader(ctx, z.plan.Zoo.Dataset.Path+"/train.safetensors")
	if err != nil {
		return nil, err
	}
	n := &spec.Normalization{}
	if err := json.Unmarshal([]byte(h.Metadata["normalization"]), n); err != nil {
		return nil, fmt.Errorf("data set %s: metadata normalization: %w", z.plan.Zoo.Dataset.Name, err)
	}
	return n, nil
}

// dropoutIndex moves the indices of a preset's module list when dropout modules are in it: the
// published zoos leave the modules out at dropout 0.
var dropoutIndex = map[string]map[int]int{
	"cnn-small": {0: 0, 3: 4, 6: 8, 9: 11, 11: 14},
}

// split cuts a row into tensors with PyTorch names; batches is the number of batches trained on.
func split(row []byte, layout []param, architecture string, dropout bool, batches int) ([]artifact.Tensor, error) {
	out := make([]artifact.Tensor, 0, len(layout))
	at := 0
	for _, p := range layout {
		size := 1
		for _, d := range p.Shape {
			if d < 1 || size > len(row)/d {
				return nil, fmt.Errorf("layout: %s has the shape %v", p.Name, p.Shape)
			}
			size *= d
		}
		if p.Offset != at || 4*(at+size) > len(row) {
			return nil, fmt.Errorf("layout: %s lies at %d, %d was expected", p.Name, p.Offset, at)
		}
		name := p.Name
		if dropout {
			var err error
			if name, err = moved(name, architecture); err != nil {
				return nil, err
			}
		}
		out = append(out, artifact.Tensor{Name: name, DType: artifact.F32, Shape: slices.Clone(p.Shape), Data: row[4*at : 4*(at+size)]})
		if module, ok := strings.CutSuffix(name, ".running_var"); ok {
			// PyTorch's batch norm counts its batches and misses the count when it loads.
			count := binary.LittleEndian.AppendUint64(nil, uint64(batches))
			out = append(out, artifact.Tensor{Name: module + ".num_batches_tracked", DType: artifact.I64, Shape: []int{}, Data: count})
		}
		at += size
	}
	if 4*at != len(row) {
		return nil, fmt.Errorf("layout: it covers %d of %d parameters", at, len(row)/4)
	}
	return out, nil
}

// moved renames module_list.<i>.<kind> for a network with dropout modules.
func moved(name, architecture string) (string, error) {
	table, ok := dropoutIndex[architecture]
	if !ok {
		return name, nil
	}
	parts := strings.Split(name, ".")
	if len(parts) != 3 {
		return "", fmt.Errorf("layout: %s is no layer of %s", name, architecture)
	}
	i, err := strconv.Atoi(parts[1])
	to, known := table[i]
	if err != nil || !known {
		return "", fmt.Errorf("layout: %s is no layer of %s", name, architecture)
	}
	return parts[0] + "." + strconv.Itoa(to) + "." + parts[2], nil
}
