package program

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"sort"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Files of a zoo with twins.
const (
	twinsName        = "twins.parquet"
	twinMetricsName  = "twin-metrics.parquet"
	twinLayersName   = "twin-layers.parquet"
	twinsSummaryName = "twins.json"
)

// twinCatalog is all twins of a zoo, set by set, parents outermost.
type twinCatalog struct {
	zoo   *spec.Zoo
	twins []twinEntry
	// files are the immutable files of the shards in use.
	files []artifact.FileEntry
}

// twinEntry is a twin with its parent's row and its epochs.
type twinEntry struct {
	spec.Twin
	set *spec.TwinSet
	// parent is the parent's row at the epoch that the twin starts from; parentDiverged says that it diverged until then.
	parent         sixRow
	parentDiverged bool
	hasParent      bool
	// diverged is the epoch in which the twin did, or -1.
	diverged int
	tensors  []twinTensor
	epochs   []twinEpoch
}

// twinEpoch is a twin in an epoch: where its weights are, what they hash to, and its rows. shard is "" where it is missing.
type twinEpoch struct {
	shard   string
	row     int
	weights string
	metrics sixRow
	twinRow
}

func (t *twinEntry) last() *twinEpoch { return &t.epochs[len(t.epochs)-1] }

// good says that summaries count the twin.
func (t *twinEntry) good() bool { return t.diverged < 0 && !t.parentDiverged }

func (t *twinEntry) sparsity(e *twinEpoch) float64 {
	return float64(e.dropped()) / float64(total(t.tensors))
}

// addTwins writes the tables of twins and adds them, and the twins' shards, to the manifest, the result and its digest. It does nothing for
// a zoo without twins.
func addTwins(ctx context.Context, s *spec.Snapshot, env *Env, m *artifact.Manifest, result *spec.Result) error {
	if len(s.Zoo.Twins) == 0 {
		return nil
	}
	c, err := readTwins(ctx, s, env)
	if err != nil {
		return err
	}
	m.ResultDigest = c.resultDigest(m.ResultDigest)
	result.ResultDigest, result.Zoo.Twins = m.ResultDigest, c.results()
	if m.Facts, err = json.Marshal(result.Zoo); err != nil {
		return err
	}
	m.Files = append(m.Files, c.files...)
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{twinsName, func(w io.Writer) error { return artifact.WriteTwins(w, c.rows()) }},
		{twinMetricsName, func(w io.Writer) error { return artifact.WriteTwinMetrics(w, c.metricRows()) }},
		{twinLayersName, func(w io.Writer) error { return artifact.WriteTwinLayers(w, c.layerRows()) }},
		{twinsSummaryName, func(w io.Writer) error { return c.writeSummary(w) }},
	} {
		b, err := tableBytes(f.name, f.write)
		if err != nil {
			return err
		}
		if err := putIfDifferent(ctx, env, s.ArtifactPath+"/"+f.name, b); err != nil {
			return err
		}
		m.Files = append(m.Files, artifact.Entry(f.name, b))
	}
	return nil
}

// readTwins finds every epoch of every planned twin. What is damaged counts as missing, so that it is made again.
func readTwins(ctx context.Context, s *spec.Snapshot, env *Env) (*twinCatalog, error) {
	c := &twinCatalog{zoo: s.Zoo}
	byID, children := map[string]int{}, map[string][]int{}
	for set := range c.zoo.Twins {
		for co := range c.zoo.Cohorts {
			for _, tw := range plan.Twins(c.zoo, set, co, 0, plan.TwinCount(c.zoo, set, co)) {
				byID[tw.ID] = len(c.twins)
				children[tw.Parent.ID] = append(children[tw.Parent.ID], len(c.twins))
				t := &c.zoo.Twins[set]
				c.twins = append(c.twins, twinEntry{Twin: tw, set: t, diverged: -1, epochs: make([]twinEpoch, t.Epochs+1)})
			}
		}
	}
	err := scanShards(ctx, twinSite(s, 0), env, func(id string) bool { _, ok := byID[id]; return ok }, func(l *loadedShard) error {
		used := false
		for row, id := range l.manifest.Models {
			i, ok := byID[id]
			if !ok {
				continue
			}
			taken, err := c.twins[i].take(l, row)
			if err != nil {
				return err
			}
			used = used || taken
		}
		if used {
			c.addFiles(l)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = scanShards(ctx, s, env, func(id string) bool { return children[id] != nil }, func(l *loadedShard) error {
		for row, id := range l.manifest.Models {
			for _, i := range children[id] {
				c.twins[i].takeParent(l, row)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c, c.complete()
}

// take takes the epochs that a shard holds of a twin, and says whether there were new ones. What another shard held already must have
// the same weights.
func (t *twinEntry) take(l *loadedShard, row int) (taken bool, err error) {
	m := l.manifest
	if len(l.metrics.Twins) == 0 {
		return false, fmt.Errorf("shard %s of twins has no rows of twins; remove its folder and run again", m.Shard)
	}
	for e := m.FirstEpoch; e <= min(m.LastEpoch, t.set.Epochs); e++ {
		at, sum := &t.epochs[e], m.Weights[e-m.FirstEpoch][row]
		if at.shard != "" {
			if at.weights != sum {
				return taken, disagreement(t.ID, e, at.shard, m.Shard)
			}
			continue
		}
		*at = twinEpoch{m.Shard, row, sum, l.metrics.Rows[e-m.FirstEpoch][row], l.metrics.Twins[e-m.FirstEpoch][row]}
		taken, t.tensors = true, l.metrics.Tensors
	}
	if m.divergedBy(row, t.set.Epochs) {
		t.diverged = m.DivergedEpoch[row]
	}
	return taken, nil
}

// takeParent takes the parent's row if a shard holds it.
func (t *twinEntry) takeParent(l *loadedShard, row int) {
	m, e := l.manifest, t.set.FromEpoch
	if t.hasParent || e < m.FirstEpoch || e > m.LastEpoch {
		return
	}
	t.parent, t.parentDiverged, t.hasParent = l.metrics.Rows[e-m.FirstEpoch][row], m.divergedBy(row, e), true
}

// addFiles takes a shard's immutable files.
func (c *twinCatalog) addFiles(l *loadedShard) {
	entry := l.entry
	entry.Path = twinsFolder + "/" + entry.Path
	c.files = append(c.files, entry)
	for _, f := range l.manifest.Files {
		c.files = append(c.files, artifact.FileEntry{Path: twinsFolder + "/" + shardFilePath(l.manifest.Shard, f.Name), SHA256: f.SHA256, Size: f.Size})
	}
}

// complete says which twins lack epochs.
func (c *twinCatalog) complete() error {
	missing, orphans := &IncompleteError{What: "twins"}, &IncompleteError{What: "members"}
	for i := range c.twins {
		t := &c.twins[i]
		have := 0
		for have < len(t.epochs) && t.epochs[have].shard != "" {
			have++
		}
		missing.count(t.ID, have-1, t.set.Epochs)
		parent := -1
		if t.hasParent {
			parent = t.set.FromEpoch
		}
		orphans.count(t.Parent.ID, parent, t.set.FromEpoch)
	}
	switch {
	case orphans.Missing > 0:
		return orphans
	case missing.Missing > 0:
		return missing
	}
	return nil
}

// resultDigest is sha256 over the digest of the members and a sorted line for each (twin, epoch).
func (c *twinCatalog) resultDigest(members string) string {
	order := make([]int, len(c.twins))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return c.twins[order[a]].ID < c.twins[order[b]].ID })
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", members)
	for _, i := range order {
		for e, at := range c.twins[i].epochs {
			fmt.Fprintf(h, "%s %06d %s %s %s\n", c.twins[i].ID, e, at.weights, at.metrics.hex(), at.hex())
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// table puts the metrics of an epoch together.
func (e *twinEpoch) table() artifact.TwinMetrics {
	m, v := e.metrics, e.Values
	return artifact.TwinMetrics{
		TrainLoss: m[0], TrainAccuracy: m[1], EvaluatedTrainLoss: v[0], EvaluatedTrainAccuracy: v[1],
		ValidationLoss: m[2], ValidationAccuracy: m[3], TestLoss: m[4], TestAccuracy: m[5], Agreement: v[2],
	}
}

func (c *twinCatalog) rows() []artifact.TwinRow {
	rows := make([]artifact.TwinRow, len(c.twins))
	for i := range c.twins {
		t := &c.twins[i]
		last := t.last()
		r := artifact.TwinRow{
			TwinID: t.ID, ModelID: t.Parent.ID, FromEpoch: int32(t.set.FromEpoch), Name: t.set.Name, Method: t.set.Method, Schedule: t.set.Schedule,
			Epochs: int32(t.set.Epochs), Dropped: int64(last.dropped()), Prunable: int64(total(t.tensors)), Sparsity: t.sparsity(last),
			TwinMetrics: last.table(), ParentTestLoss: t.parent[4], ParentTestAccuracy: t.parent[5], Shard: last.shard, Row: int32(last.row),
		}
		switch {
		case t.set.Layer:
			r.Scope = spec.PruningLayer
		case t.set.Schedule != "":
			r.Scope = spec.PruningGlobal
		}
		if len(t.set.Sparsity) > 0 {
			target := number(t.set.Sparsity[t.State])
			r.TargetSparsity = &target
		}
		if t.Match != "" {
			r.MatchedTwinID = &t.Match
		}
		if t.diverged >= 0 {
			epoch := int32(t.diverged)
			r.DivergedEpoch = &epoch
		}
		rows[i] = r
	}
	return rows
}

func (c *twinCatalog) metricRows() []artifact.TwinMetricRow {
	var rows []artifact.TwinMetricRow
	for i := range c.twins {
		t := &c.twins[i]
		for e := range t.epochs {
			at := &t.epochs[e]
			rows = append(rows, artifact.TwinMetricRow{
				TwinID: t.ID, Epoch: int32(e), Dropped: int64(at.dropped()), Sparsity: t.sparsity(at), TwinMetrics: at.table(), WeightsSHA256: at.weights,
			})
		}
	}
	return rows
}

func (c *twinCatalog) layerRows() []artifact.TwinLayerRow {
	var rows []artifact.TwinLayerRow
	for i := range c.twins {
		t := &c.twins[i]
		for e := range t.epochs {
			for k, d := range t.epochs[e].Dropped {
				of := t.tensors[k]
				rows = append(rows, artifact.TwinLayerRow{
					TwinID: t.ID, Epoch: int32(e), Layer: of.Name, Dropped: int64(d), Prunable: int64(of.Total), Sparsity: float64(d) / float64(of.Total),
				})
			}
		}
	}
	return rows
}
