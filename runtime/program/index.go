package program

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"sort"
	"strings"

	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// maxSample is how many missing members an error names.
const maxSample = 3

// catalog is a whole zoo, merged from its shards: what the tables and the digest are made of. What there is of members and shards
// is in memory; the rows of (member, epoch) lie in a file.
type catalog struct {
	zoo      *spec.Zoo
	members  []spec.Member
	position map[string]int
	rows     *spill
	// rowBytes is the size of a model's weights at one epoch.
	rowBytes int64
	// shards are those in use, in the order of their names. Weights of their manifests and their metrics are gone.
	shards []*loadedShard
}

// index merges the shards of a zoo, checks that every planned member has every epoch, and
// writes the tables, then the manifest. It loads no weights: shard manifests hold their sha256.
func index(ctx context.Context, s *spec.Snapshot, env *Env) (*spec.Result, error) {
	env.Progress(Progress{Stage: spec.StageIndex, SecondsLeft: -1, Message: "Reading shard manifests"})
	c, err := newCatalog(s, env)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.rows.close() }() // it goes away with the process anyway
	if err := scanShards(ctx, s, env, c.planned, c.add); err != nil {
		return nil, stopped(ctx, err)
	}
	if err := c.complete(); err != nil {
		return nil, err
	}
	env.Progress(Progress{Stage: spec.StageIndex, SecondsLeft: -1, Message: "Writing tables"})
	result, err := writeCatalog(ctx, s, env, c)
	if err != nil {
		return nil, stopped(ctx, err)
	}
	env.Progress(Progress{Stage: spec.StageIndex, SecondsLeft: -1, Message: "Finished"})
	return result, nil
}

// newCatalog lists the planned members.
func newCatalog(s *spec.Snapshot, env *Env) (*catalog, error) {
	c := &catalog{zoo: s.Zoo, position: map[string]int{}}
	for co := range s.Zoo.Cohorts {
		c.members = append(c.members, plan.Members(s.Zoo, co, 0, plan.CohortSize(s.Zoo, co))...)
	}
	for i, m := range c.members {
		c.position[m.ID] = i
	}
	var err error
	if c.rowBytes, err = plan.RowBytes(s.Zoo); err != nil {
		return nil, fmt.Errorf("plan.json: %w", err)
	}
	c.rows, err = newSpill(env.TempDir, len(c.members), s.Zoo.Epochs+1)
	return c, err
}

func (c *catalog) planned(model string) bool {
	_, ok := c.position[model]
	return ok
}

// add takes what a shard holds of planned members.
func (c *catalog) add(l *loadedShard) error {
	c.shards = append(c.shards, l)
	used := false
	for row, model := range l.manifest.Models {
		i, ok := c.position[model]
		if !ok {
			continue
		}
		taken, err := c.addModel(l, row, i)
		if err != nil {
			return err
		}
		used = used || taken
	}
	if !used {
		c.shards = c.shards[:len(c.shards)-1]
	}
	l.places = l.manifest.places(c.rowBytes)
	l.manifest.Weights, l.metrics = nil, nil
	return nil
}

// addModel takes the epochs of one row of the shard added last, and says whether there were new ones. What another shard held already
// must have the same weights.
func (c *catalog) addModel(l *loadedShard, row, member int) (taken bool, err error) {
	m := l.manifest
	var fresh []spillRow // those before e that are not written yet
	flush := func(e int) error {
		if len(fresh) == 0 {
			return nil
		}
		err := c.rows.write(member, e-len(fresh), fresh)
		taken, fresh = true, fresh[:0]
		return err
	}
	last := min(m.LastEpoch, c.zoo.Epochs)
	for e := m.FirstEpoch; e <= last; e++ {
		r := spillRow{metrics: l.metrics.Rows[e-m.FirstEpoch][row], shard: int32(len(c.shards) - 1), row: int32(row)}
		if _, err := hex.Decode(r.weights[:], []byte(m.Weights[e-m.FirstEpoch][row])); err != nil {
			return taken, fmt.Errorf("shard %s: %w", m.Shard, err)
		}
		if !c.rows.has(member, e) {
			fresh = append(fresh, r)
			continue
		}
		if err := flush(e); err != nil {
			return taken, err
		}
		old, err := c.rows.at(member, e)
		if err != nil {
			return taken, err
		}
		if old.weights != r.weights {
			return taken, disagreement(m.Models[row], e, c.shards[old.shard].manifest.Shard, m.Shard)
		}
	}
	err = flush(last + 1)
	return taken, err
}

// complete says which members lack epochs.
func (c *catalog) complete() error {
	missing := &IncompleteError{What: "members", Total: len(c.members)}
	for i, m := range c.members {
		have := c.rows.first(i)
		if have == c.rows.epochs {
			continue
		}
		if missing.Missing++; len(missing.Sample) < maxSample {
			missing.Sample = append(missing.Sample, fmt.Sprintf("%s has %d of %d epochs", m.ID, have, c.rows.epochs))
		}
	}
	if missing.Missing > 0 {
		return missing
	}
	return nil
}

// readMetrics reads a shard's metrics.json and checks it against the manifest. A damaged file
// means that the shard has to be made again.
func readMetrics(ctx context.Context, s *spec.Snapshot, env *Env, m *shardManifest) (*shardMetrics, error) {
	path := shardPath(s, m.Shard, metricsName)
	b, err := env.Store.Get(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	sum := sha256.Sum256(b)
	for _, f := range m.Files {
		if f.Name == metricsName && f.SHA256 != hex.EncodeToString(sum[:]) {
			return nil, &damagedError{file: path, shard: m.Shard, err: errors.New("its sha256 is not the manifest's")}
		}
	}
	t := &shardMetrics{}
	if err := decodeStrict(b, t); err != nil {
		return nil, &damagedError{file: path, shard: m.Shard, err: err}
	}
	ok := t.FirstEpoch == m.FirstEpoch && len(t.Rows) == m.LastEpoch-m.FirstEpoch+1
	for _, rows := range t.Rows {
		ok = ok && len(rows) == len(m.Models)
	}
	ok = ok && checkTwinRows(t.Tensors, t.Twins, len(t.Rows), len(m.Models)) == nil
	if !ok {
		return nil, &damagedError{file: path, shard: m.Shard, err: errors.New("its rows are not those of the manifest")}
	}
	return t, nil
}

// readTiming reads a shard's wall times. They are outside every digest: lost ones stay lost.
func readTiming(ctx context.Context, s *spec.Snapshot, env *Env, id string) *shardTiming {
	t := &shardTiming{}
	b, err := env.Store.Get(ctx, shardPath(s, id, timingName))
	if err == nil {
		err = decodeStrict(b, t)
	}
	if err != nil {
		env.Log.Warn("The wall times of a shard are lost", "shard", id, "err", err)
		return &shardTiming{}
	}
	return t
}

// divergedBy says whether a row had diverged at an epoch.
func (m *shardManifest) divergedBy(row, epoch int) bool {
	return m.DivergedEpoch[row] >= 0 && m.DivergedEpoch[row] <= epoch
}

// divergedEpoch is the epoch in which a member diverged, or -1, up to the last planned epoch, whose row last is.
func (c *catalog) divergedEpoch(last *spillRow) int {
	if m := c.shards[last.shard].manifest; m.divergedBy(int(last.row), c.zoo.Epochs) {
		return m.DivergedEpoch[last.row]
	}
	return -1
}

// resultDigest is sha256 over a sorted line for each (member, epoch): modelID, epoch, sha256
// of the weights, the bits of the metrics. Sharding, order and machine leave no trace.
func (c *catalog) resultDigest() (string, error) {
	order := make([]int, len(c.members))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return c.members[order[a]].ID < c.members[order[b]].ID })
	h := sha256.New()
	rows := make([]spillRow, c.rows.epochs)
	var line []byte
	for _, i := range order {
		if err := c.rows.read(i, rows); err != nil {
			return "", err
		}
		for e := range rows {
			line = fmt.Appendf(line[:0], "%s %06d %s %s\n", c.members[i].ID, e, rows[e].sum(), rows[e].metrics.hex())
			h.Write(line)
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// outcome gathers the population's outcome member by member.
type outcome struct {
	diverged int
	accuracy []float64
}

func (o *outcome) add(last *spillRow, divergedEpoch int) {
	if divergedEpoch >= 0 {
		o.diverged++
		return
	}
	if a := last.metrics.testAccuracy(); !math.IsNaN(a) {
		o.accuracy = append(o.accuracy, a)
	}
}

// summary is the population's outcome; accuracy is over the members that did not diverge.
func (o *outcome) summary(members, epochs int) *spec.ZooResult {
	r := &spec.ZooResult{Members: members, Epochs: epochs, Diverged: o.diverged}
	if len(o.accuracy) == 0 {
		return r
	}
	sort.Float64s(o.accuracy) // one order of summation, whatever the order of the grid
	sum := 0.0
	for _, v := range o.accuracy {
		sum += v
	}
	r.TestAccuracyMean = sum / float64(len(o.accuracy))
	squares := 0.0
	for _, v := range o.accuracy {
		squares += (v - r.TestAccuracyMean) * (v - r.TestAccuracyMean)
	}
	r.TestAccuracyStd = math.Sqrt(squares / float64(len(o.accuracy)))
	return r
}

// shardFilePath is a shard's file below the artifact's folder.
func shardFilePath(id, name string) string {
	return strings.Join([]string{shardsFolder, id, name}, "/")
}
