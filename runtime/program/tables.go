package program

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/spec"
)

// tableFile is a table on its way to the store: a temporary file that is digested while it is written.
type tableFile struct {
	name string
	file *os.File
	buf  *bufio.Writer
	sum  hash.Hash
	size int64
}

func newTableFile(dir, name string) (*tableFile, error) {
	f, err := os.CreateTemp(dir, "weightspace-table-*")
	if err != nil {
		return nil, fmt.Errorf("a temporary file for %s: %w", name, err)
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("a temporary file for %s: %w", name, err)
	}
	return &tableFile{name: name, file: f, buf: bufio.NewWriterSize(f, 1<<16), sum: sha256.New()}, nil
}

// Write implements io.Writer.
func (t *tableFile) Write(b []byte) (int, error) {
	t.sum.Write(b)
	t.size += int64(len(b))
	return t.buf.Write(b)
}

func (t *tableFile) entry() artifact.FileEntry {
	return artifact.FileEntry{Path: t.name, SHA256: hex.EncodeToString(t.sum.Sum(nil)), Size: t.size}
}

// putIfDifferent stores the table unless it is there with this content.
func (t *tableFile) putIfDifferent(ctx context.Context, env *Env, dir string) error {
	path, entry := dir+"/"+t.name, t.entry()
	sum, size, err := env.Store.Digest(ctx, path)
	switch {
	case err == nil && sum == entry.SHA256 && size == entry.Size:
		return nil
	case err != nil && !errors.Is(err, artifact.ErrNotFound):
		return fmt.Errorf("read %s: %w", path, err)
	}
	if err := t.buf.Flush(); err != nil {
		return fmt.Errorf("the temporary file of %s: %w", t.name, err)
	}
	if err := env.Store.PutReader(ctx, path, io.NewSectionReader(t.file, 0, t.size)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// zooTables are models.parquet and metrics.parquet.
type zooTables struct {
	models, metrics *tableFile
}

func (z *zooTables) close() {
	for _, t := range []*tableFile{z.models, z.metrics} {
		if t != nil {
			_ = t.file.Close() // it has no name; what counts was stored
		}
	}
}

// writeTables writes both tables member by member, and the population's outcome.
func (c *catalog) writeTables(env *Env) (*zooTables, *spec.ZooResult, error) {
	z := &zooTables{}
	var err error
	if z.models, err = newTableFile(env.TempDir, modelsName); err != nil {
		return z, nil, err
	}
	if z.metrics, err = newTableFile(env.TempDir, metricsTableName); err != nil {
		return z, nil, err
	}
	models, metrics := artifact.NewTable[artifact.ModelRow](z.models), artifact.NewTable[artifact.MetricRow](z.metrics)
	rows, out, o := make([]spillRow, c.rows.epochs), make([]artifact.MetricRow, c.rows.epochs), &outcome{}
	lost := 0
	for i := range c.members {
		if err := c.rows.read(i, rows); err != nil {
			return z, nil, err
		}
		last := &rows[c.zoo.Epochs]
		o.add(last, c.divergedEpoch(last))
		row := c.modelRow(i, rows)
		if row.File == "" {
			lost++
		}
		if err := models.Write([]artifact.ModelRow{row}); err != nil {
			return z, nil, fmt.Errorf("%s: %w", modelsName, err)
		}
		c.metricRows(i, rows, out)
		if err := metrics.Write(out); err != nil {
			return z, nil, fmt.Errorf("%s: %w", metricsTableName, err)
		}
	}
	if lost > 0 {
		env.Log.Warn("The store keeps no weights of the last planned epoch of some models: an earlier, longer recipe kept fewer checkpoints", "models", lost)
	}
	if err := errors.Join(models.Close(), metrics.Close()); err != nil {
		return z, nil, err
	}
	return z, o.summary(len(c.members), c.zoo.Epochs), nil
}

// modelRow is the row of models.parquet of a member with its epochs.
func (c *catalog) modelRow(i int, rows []spillRow) artifact.ModelRow {
	m, last := &c.members[i], &rows[len(rows)-1]
	shard := c.shards[last.shard].manifest
	r := artifact.ModelRow{
		ModelID: m.ID, Seed: int64(m.Seed), Activation: m.Activation, Initializer: m.Initializer, Optimizer: m.Optimizer,
		LearningRate: m.LearningRate, WeightDecay: m.WeightDecay, Dropout: m.Dropout, BatchSize: int32(c.zoo.BatchSize),
		Architecture: c.zoo.Architecture, Parameters: int32(c.zoo.Parameters), Epochs: int32(c.zoo.Epochs),
		TrainLoss: last.metrics[0], TrainAccuracy: last.metrics[1], ValidationLoss: last.metrics[2], ValidationAccuracy: last.metrics[3],
		TestLoss: last.metrics[4], TestAccuracy: last.metrics[5], Shard: shard.Shard, Row: last.row, WeightBytes: c.rowBytes,
	}
	if d := c.divergedEpoch(last); d >= 0 {
		epoch := int32(d)
		r.DivergedEpoch = &epoch
	}
	at := c.shards[last.shard].places.at(int(last.row), c.zoo.Epochs)
	r.File, r.Offset = at.File, at.Offset
	if e := bestEpoch(rows); e >= 0 {
		epoch := int32(e)
		at := c.shards[rows[e].shard].places.at(int(rows[e].row), e)
		r.BestEpoch, r.BestFile, r.BestOffset = &epoch, at.File, at.Offset
	}
	return r
}

// bestEpoch is the first epoch of the highest score, -1 when none has one.
func bestEpoch(rows []spillRow) int {
	best, score := -1, math.Inf(-1)
	for e := range rows {
		if s := rows[e].metrics.score(); s > score {
			best, score = e, s
		}
	}
	return best
}

// metricRows fills in the rows of metrics.parquet of a member.
func (c *catalog) metricRows(i int, rows []spillRow, out []artifact.MetricRow) {
	for e := range rows {
		r := &rows[e]
		at := c.shards[r.shard].places.at(int(r.row), e)
		out[e] = artifact.MetricRow{
			ModelID: c.members[i].ID, Epoch: int32(e), TrainLoss: r.metrics[0], TrainAccuracy: r.metrics[1], ValidationLoss: r.metrics[2],
			ValidationAccuracy: r.metrics[3], TestLoss: r.metrics[4], TestAccuracy: r.metrics[5], WeightsSHA256: r.sum(), File: at.File, Offset: at.Offset,
		}
	}
}
