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
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/importer"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Files of an import, below the artifact's folder.
const (
	importFolder     = "import"
	importModelsName = importFolder + "/models.json"
	// importReportName is for people: what was found and what was left out.
	importReportName = "import.json"
	importVersion    = 1
)

// imported is import/models.json without Models, and import.json.
type imported struct {
	Version    int    `json:"version"`
	SpecDigest string `json:"specDigest"`
	Layout     string `json:"layout"`
	Source     string `json:"source"`
	SHA256     string `json:"sha256,omitempty"`
	// Found are folders of models; Imported of them became models of the zoo.
	Found    int `json:"found"`
	Imported int `json:"imported"`
	// Skipped counts those that were left out, by reason; Examples name up to 20 of each.
	Skipped  map[string]int `json:"skipped,omitempty"`
	Examples []skippedModel `json:"examples,omitempty"`
	// Twins counts models of variational dropout, whose log-variances were not kept.
	Twins   int               `json:"twins,omitempty"`
	Network *importer.Network `json:"network"`
	// Parameters are trained ones, Length all elements of a row.
	Parameters int             `json:"parameters"`
	Length     int             `json:"length"`
	Models     []importedEntry `json:"models,omitempty"`
}

type skippedModel struct {
	Model   string `json:"model"`
	Reason  string `json:"reason"`
	Problem string `json:"problem"`
}

// importedEntry is a model of the zoo.
type importedEntry struct {
	ID     string          `json:"id"`
	Name   string          `json:"name"`
	Config importer.Config `json:"config"`
	// Diverged is the first epoch with a weight that is not finite, -1 for none.
	Diverged int `json:"diverged"`
	// Epochs are those with metrics or weights, rising.
	Epochs []importedEpoch `json:"epochs"`
}

// importedEpoch is a row of metrics, and where the weights are: Shard is "" where there are none.
type importedEpoch struct {
	Epoch   int    `json:"e"`
	Metrics sixRow `json:"m"`
	Weights string `json:"w,omitempty"`
	Shard   string `json:"s,omitempty"`
	Row     int    `json:"r,omitempty"`
	// Offset is where the row begins in the file of the epoch.
	Offset int64 `json:"o,omitempty"`
}

// file is the epoch's file below the artifact's folder, "" without weights.
func (e *importedEpoch) file() string {
	if e.Shard == "" {
		return ""
	}
	return shardFilePath(e.Shard, epochName(e.Epoch))
}

// run is a range of epochs without a gap.
type epochRun struct{ first, last int }

func runsOf(epochs []int) []epochRun {
	var out []epochRun
	for _, e := range epochs {
		if n := len(out); n > 0 && out[n-1].last == e-1 {
			out[n-1].last = e
			continue
		}
		out = append(out, epochRun{e, e})
	}
	return out
}

// entries lists the models of a block; where their weights are follows when they are written.
func (r *importRun) entries(block []importedModel) []importedEntry {
	entries := make([]importedEntry, len(block))
	for i, m := range block {
		entries[i] = entryOf(m.model)
		if m.model.Twin {
			r.out.Twins++
		}
	}
	r.listed = append(r.listed, entries)
	return entries
}

// write makes shards of a block: models with the same range of epochs share one.
func (r *importRun) write(ctx context.Context, block []importedModel, entries []importedEntry) error {
	groups := map[epochRun][]int{}
	var order []epochRun
	for i, m := range block {
		for _, run := range runsOf(m.model.Epochs) {
			if groups[run] == nil {
				order = append(order, run)
			}
			groups[run] = append(groups[run], i)
		}
	}
	for _, run := range order {
		members := make([]importedModel, len(groups[run]))
		for row, i := range groups[run] {
			members[row] = block[i]
		}
		id, starts, err := r.writeShard(ctx, run, members)
		if err != nil {
			return err
		}
		for row, i := range groups[run] {
			entries[i].place(run, id, row, starts, int64(4*r.network.Length))
		}
	}
	return nil
}

// entryOf lists a model's epochs, those with metrics only too.
func entryOf(m *importer.Model) importedEntry {
	e := importedEntry{ID: m.ID, Name: m.Name, Config: m.Config, Diverged: m.DivergedEpoch}
	sums := map[int]string{}
	for i, epoch := range m.Epochs {
		sums[epoch] = m.Sums[i]
	}
	var epochs []int
	epochs = append(epochs, m.Epochs...)
	for epoch := range m.Metrics {
		epochs = append(epochs, epoch)
	}
	slices.Sort(epochs)
	for _, epoch := range slices.Compact(epochs) {
		row, ok := m.Metrics[epoch]
		if !ok {
			for i := range row {
				row[i] = math.NaN()
			}
		}
		e.Epochs = append(e.Epochs, importedEpoch{Epoch: epoch, Metrics: sixRow(row), Weights: sums[epoch]})
	}
	return e
}

// place notes in which row of a shard a range of epochs lies; starts is where the rows of each epoch's file begin.
func (e *importedEntry) place(run epochRun, shard string, row int, starts []int64, size int64) {
	for i := range e.Epochs {
		if at := &e.Epochs[i]; at.Epoch >= run.first && at.Epoch <= run.last {
			at.Shard, at.Row, at.Offset = shard, row, starts[at.Epoch-run.first]+int64(row)*size
		}
	}
}

// writeShard writes the weights of a range of epochs, side by side, the metrics, and last the manifest. It returns the shard's name and
// where the rows begin in the file of each epoch.
func (r *importRun) writeShard(ctx context.Context, run epochRun, members []importedModel) (string, []int64, error) {
	m := &shardManifest{
		Version: shardFormatVersion, Numerics: spec.NumericsVersion, Dataset: r.snap.Zoo.Dataset.ResultDigest, Architecture: r.network.Architecture,
		Parameters: r.network.Parameters, FirstEpoch: run.first, LastEpoch: run.last,
	}
	for _, x := range members {
		m.Models = append(m.Models, x.model.ID)
		d := x.model.DivergedEpoch
		if d > run.last {
			d = -1
		}
		m.DivergedEpoch = append(m.DivergedEpoch, d)
	}
	m.Shard = shardID(m.Models, run.last)
	models, err := json.Marshal(m.Models)
	if err != nil {
		return "", nil, err
	}
	n := run.last - run.first + 1
	m.Files, m.Weights = make([]shardFile, n), make([][]string, n)
	starts := make([]int64, n)
	metrics := shardMetrics{Columns: metricColumns, Models: m.Models, FirstEpoch: run.first, Rows: make([][]sixRow, n)}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(r.workers)
	for e := range n {
		m.Weights[e], metrics.Rows[e] = make([]string, len(members)), make([]sixRow, len(members))
		group.Go(func() (err error) {
			m.Files[e], err = r.writeEpoch(gctx, m.Shard, run.first+e, string(models), members, m.Weights[e])
			starts[e] = m.Files[e].Size - int64(len(members))*int64(4*r.network.Length) // the rows end the file
			return err
		})
		for i, x := range members {
			metrics.Rows[e][i] = sixRow(metricsAt(x.model, run.first+e))
		}
	}
	if err := group.Wait(); err != nil {
		return "", nil, err
	}
	b, err := encodeJSON(metrics)
	if err != nil {
		return "", nil, err
	}
	file, err := r.put(ctx, m.Shard, metricsName, b)
	if err != nil {
		return "", nil, err
	}
	m.Files = append(m.Files, file)
	return m.Shard, starts, r.commit(ctx, m)
}

func metricsAt(m *importer.Model, epoch int) importer.Metrics {
	if row, ok := m.Metrics[epoch]; ok {
		return row
	}
	nan := math.NaN()
	return importer.Metrics{nan, nan, nan, nan, nan, nan}
}

// writeEpoch writes the weights [models, length] of an epoch.
func (r *importRun) writeEpoch(ctx context.Context, shard string, epoch int, models string, members []importedModel, sums []string) (shardFile, error) {
	size := 4 * r.network.Length
	raw := make([]byte, 0, size*len(members))
	for i, x := range members {
		row, err := x.model.Row(ctx, x.trial, epoch)
		if err != nil {
			return shardFile{}, fmt.Errorf("import %s: %w", x.model.Name, err)
		}
		raw = append(raw, row...)
		at, _ := slices.BinarySearch(x.model.Epochs, epoch)
		sums[i] = x.model.Sums[at]
	}
	var b bytes.Buffer
	b.Grow(len(raw) + len(models) + len(r.layout)*2 + 4096)
	sum, n, err := artifact.WriteSafetensors(&b, []artifact.Tensor{{Name: "weights", DType: artifact.F32, Shape: []int{len(members), r.network.Length}, Data: raw}},
		map[string]string{"layout": r.layout, "models": models, "epoch": strconv.Itoa(epoch)})
	if err != nil {
		return shardFile{}, err
	}
	path := shardPath(r.snap, shard, epochName(epoch))
	if err := r.env.Store.Put(ctx, path, b.Bytes()); err != nil {
		return shardFile{}, fmt.Errorf("write %s: %w", path, err)
	}
	return shardFile{Name: epochName(epoch), SHA256: sum, Size: n}, nil
}

func (r *importRun) put(ctx context.Context, shard, name string, b []byte) (shardFile, error) {
	path := shardPath(r.snap, shard, name)
	if err := r.env.Store.Put(ctx, path, b); err != nil {
		return shardFile{}, fmt.Errorf("write %s: %w", path, err)
	}
	sum := sha256.Sum256(b)
	return shardFile{Name: name, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(b))}, nil
}

// commit writes a shard's manifest. One that is there already holds the same models at the same epochs, for their IDs cover the
// weights; if it differs it is of another version or damaged.
func (r *importRun) commit(ctx context.Context, m *shardManifest) error {
	b, err := encodeJSON(m)
	if err != nil {
		return err
	}
	path := shardPath(r.snap, m.Shard, manifestName)
	err = r.env.Store.PutIfNotExist(ctx, path, b)
	if errors.Is(err, artifact.ErrExists) {
		have, gerr := r.env.Store.Get(ctx, path)
		if gerr == nil && bytes.Equal(have, b) {
			return nil
		}
		err = r.env.Store.Put(ctx, path, b)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// finish writes what was found.
func (r *importRun) finish(ctx context.Context) error {
	o, im := &r.out, r.snap.Zoo.Import
	o.Models = slices.Concat(r.listed...)
	o.Version, o.SpecDigest, o.Layout, o.Source, o.SHA256, o.Imported = importVersion, r.snap.SpecDigest, im.Layout, im.URL, im.SHA256, len(o.Models)
	if o.Imported == 0 {
		problem := fmt.Sprintf("none of %d models can be used", o.Found)
		if len(o.Examples) > 0 {
			problem += "; the first: " + o.Examples[0].Problem
		}
		return &InputError{Field: "spec.import.source", Problem: problem, Remedy: "check the files, spec.import.layout and spec.import.filter"}
	}
	if err := r.fitsDataset(); err != nil {
		return err
	}
	for _, reason := range sortedReasons(o.Skipped) {
		r.env.Log.Warn("Models were left out", "reason", reason, "models", o.Skipped[reason])
	}
	o.Network, o.Parameters, o.Length = r.network, r.network.Parameters, r.network.Length
	b, err := encodeJSON(o)
	if err != nil {
		return err
	}
	path := r.snap.ArtifactPath + "/" + importModelsName
	if err := r.env.Store.Put(ctx, path, b); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	r.env.Progress(Progress{Stage: spec.StageImport, SecondsLeft: 0, Message: fmt.Sprintf("Imported %d of %d models", o.Imported, o.Found), Members: o.Imported, MembersDone: o.Imported})
	return nil
}

func sortedReasons(m map[string]int) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// fitsDataset checks that the models can answer the data set's images.
func (r *importRun) fitsDataset() error {
	d, n := r.snap.Zoo.Dataset, r.network
	if d.Path == "" {
		return nil
	}
	if d.Channels != n.Channels || n.Side != 0 && (d.Height != n.Side || d.Width != n.Side) || d.Classes > n.Classes {
		return &InputError{
			Field: "spec.dataset", Problem: fmt.Sprintf("the models are %s; data set %q has %dx%dx%d images and %d classes", n, d.Name, d.Channels, d.Height, d.Width, d.Classes),
			Remedy: "name the data set that they were trained on, or none",
		}
	}
	return nil
}
