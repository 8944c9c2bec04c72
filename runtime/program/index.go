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

// catalog is a whole zoo, merged from its shards: what the tables and the digest are made of.
type catalog struct {
	zoo     *spec.Zoo
	members []spec.Member
	// entries are [member][epoch].
	entries [][]entry
	shards  map[string]*shardManifest
	timings map[string]*shardTiming
}

// entry is one (member, epoch): where its weights are, what they hash to, its metrics.
type entry struct {
	shard   string
	row     int
	weights string
	metrics sixRow
}

// index merges the shards of a zoo, checks that every planned member has every epoch, and
// writes the tables, then the manifest. It loads no weights: shard manifests hold their sha256.
func index(ctx context.Context, s *spec.Snapshot, env *Env) (*spec.Result, error) {
	env.Progress(Progress{Stage: spec.StageIndex, SecondsLeft: -1, Message: "Reading shard manifests"})
	led, err := readLedger(ctx, s, env)
	if err != nil {
		return nil, stopped(ctx, err)
	}
	c, err := merge(ctx, s, env, led)
	for bad := (*damagedError)(nil); errors.As(err, &bad); c, err = merge(ctx, s, env, led) {
		led.drop(env, bad)
	}
	if err != nil {
		return nil, stopped(ctx, err)
	}
	env.Progress(Progress{Stage: spec.StageIndex, SecondsLeft: -1, Message: "Writing tables"})
	result, err := writeCatalog(ctx, s, env, c)
	if err != nil {
		return nil, stopped(ctx, err)
	}
	env.Progress(Progress{Stage: spec.StageIndex, SecondsLeft: -1, Message: "Finished"})
	return result, nil
}

// merge finds every (member, epoch) of the plan in the ledger.
func merge(ctx context.Context, s *spec.Snapshot, env *Env, led *ledger) (*catalog, error) {
	c := &catalog{zoo: s.Zoo, shards: led.shards, timings: map[string]*shardTiming{}}
	for co := range s.Zoo.Cohorts {
		c.members = append(c.members, plan.Members(s.Zoo, co, 0, plan.CohortSize(s.Zoo, co))...)
	}
	missing := &IncompleteError{What: "members", Total: len(c.members)}
	c.entries = make([][]entry, len(c.members))
	for i, m := range c.members {
		row := make([]entry, s.Zoo.Epochs+1)
		complete := true
		for e := range row {
			at, ok, err := led.entry(m.ID, e)
			if err != nil {
				return nil, err
			}
			if !ok {
				complete = false
				break
			}
			row[e] = at
		}
		if !complete {
			if missing.Missing++; len(missing.Sample) < maxSample {
				done, _ := led.finished(m.ID)
				missing.Sample = append(missing.Sample, fmt.Sprintf("%s has %d of %d epochs", m.ID, done+1, s.Zoo.Epochs+1))
			}
			continue
		}
		c.entries[i] = row
	}
	if missing.Missing > 0 {
		return nil, missing
	}
	return c, c.readTables(ctx, s, env)
}

// entry finds one (member, epoch). In two shards it must have the same weights.
func (l *ledger) entry(model string, epoch int) (found entry, ok bool, err error) {
	for _, sp := range l.spans[model] {
		if epoch < sp.first || epoch > sp.last {
			continue
		}
		e := entry{shard: sp.shard, row: sp.row, weights: l.shards[sp.shard].Weights[epoch-sp.first][sp.row]}
		if ok && e.weights != found.weights {
			return entry{}, false, fmt.Errorf("model %s, epoch %d: shards %s and %s hold different weights; two runtimes disagree in bits, keep the store and report it", model, epoch, found.shard, sp.shard)
		}
		if !ok {
			found, ok = e, true
		}
	}
	return found, ok, nil
}

// readTables fills in the metrics from the metrics.json of the shards that are used.
func (c *catalog) readTables(ctx context.Context, s *spec.Snapshot, env *Env) error {
	tables := map[string]*shardMetrics{}
	for i := range c.entries {
		for e := range c.entries[i] {
			at := &c.entries[i][e]
			m := c.shards[at.shard]
			if tables[at.shard] == nil {
				t, err := readMetrics(ctx, s, env, m)
				if err != nil {
					return err
				}
				tables[at.shard] = t
				c.timings[at.shard] = readTiming(ctx, s, env, at.shard)
			}
			at.metrics = tables[at.shard].Rows[e-m.FirstEpoch][at.row]
		}
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

// divergedEpoch is the epoch in which a member diverged, or -1, up to the last planned epoch.
func (c *catalog) divergedEpoch(i int) int {
	last := c.entries[i][c.zoo.Epochs]
	if m := c.shards[last.shard]; m.divergedBy(last.row, c.zoo.Epochs) {
		return m.DivergedEpoch[last.row]
	}
	return -1
}

// resultDigest is sha256 over a sorted line for each (member, epoch): modelID, epoch, sha256
// of the weights, the bits of the metrics. Sharding, order and machine leave no trace.
func (c *catalog) resultDigest() string {
	order := make([]int, len(c.members))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return c.members[order[a]].ID < c.members[order[b]].ID })
	h := sha256.New()
	for _, i := range order {
		for e, at := range c.entries[i] {
			fmt.Fprintf(h, "%s %06d %s %s\n", c.members[i].ID, e, at.weights, at.metrics.hex())
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// summary is the population's outcome; accuracy is over the members that did not diverge.
func (c *catalog) summary() *spec.ZooResult {
	r := &spec.ZooResult{Members: len(c.members), Epochs: c.zoo.Epochs}
	var values []float64
	for i := range c.members {
		if c.divergedEpoch(i) >= 0 {
			r.Diverged++
			continue
		}
		if a := c.entries[i][c.zoo.Epochs].metrics.testAccuracy(); !math.IsNaN(a) {
			values = append(values, a)
		}
	}
	if len(values) == 0 {
		return r
	}
	sort.Float64s(values) // one order of summation, whatever the order of the grid
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	r.TestAccuracyMean = sum / float64(len(values))
	squares := 0.0
	for _, v := range values {
		squares += (v - r.TestAccuracyMean) * (v - r.TestAccuracyMean)
	}
	r.TestAccuracyStd = math.Sqrt(squares / float64(len(values)))
	return r
}

// usedShards are the shards the catalog refers to, sorted.
func (c *catalog) usedShards() []string {
	seen := map[string]bool{}
	for i := range c.entries {
		for e := range c.entries[i] {
			seen[c.entries[i][e].shard] = true
		}
	}
	ids := make([]string, 0, len(seen))
	for id := range seen {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	return ids
}

// shardFilePath is a shard's file below the artifact's folder.
func shardFilePath(id, name string) string {
	return strings.Join([]string{shardsFolder, id, name}, "/")
}
