package program

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/spec"
)

// scanBytes bounds the stored size of the shards that are read ahead.
const scanBytes = 16 << 20

// loadedShard is a finished shard with its metrics.
type loadedShard struct {
	manifest *shardManifest
	// entry is the manifest's own in the zoo's list of files.
	entry   artifact.FileEntry
	metrics *shardMetrics
	timing  *shardTiming
	places  *rowPlaces
}

// scanShards reads the finished shards that hold a wanted model, each once, several at a time, and gives them to f in the order of their
// names. Damaged ones are reported and left out, so that the index says what is missing and training makes it again.
func scanShards(ctx context.Context, s *spec.Snapshot, env *Env, wanted func(model string) bool, f func(*loadedShard) error) error {
	ids, sizes, err := listShards(ctx, s, env)
	if err != nil {
		return err
	}
	type future struct {
		result chan *loadedShard
		cost   int64
	}
	queue := make(chan future, readers)
	room := semaphore.NewWeighted(scanBytes)
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(queue)
		for _, id := range ids {
			next := future{make(chan *loadedShard, 1), min(scanBytes, sizes[id+"/"+manifestName]+sizes[id+"/"+metricsName])}
			if err := room.Acquire(gctx, next.cost); err != nil {
				return err
			}
			select {
			case queue <- next:
			case <-gctx.Done():
				return gctx.Err()
			}
			group.Go(func() error {
				l, err := loadShard(gctx, s, env, id, sizes, wanted)
				next.result <- l
				return err
			})
		}
		return nil
	})
	group.Go(func() error {
		for next := range queue {
			select {
			case l := <-next.result:
				if l != nil {
					if err := f(l); err != nil {
						return err
					}
				}
				room.Release(next.cost)
			case <-gctx.Done():
				return gctx.Err()
			}
		}
		return nil
	})
	return group.Wait()
}

// loadShard reads one shard; nil when it holds no wanted model or is damaged.
func loadShard(ctx context.Context, s *spec.Snapshot, env *Env, id string, sizes map[string]int64, wanted func(string) bool) (*loadedShard, error) {
	l := &loadedShard{}
	err := l.read(ctx, s, env, id, sizes, wanted)
	var bad *damagedError
	switch {
	case errors.As(err, &bad):
		env.Log.Warn("Shard is damaged and will be made again", "shard", id, "err", err)
		return nil, nil
	case err != nil:
		return nil, err
	case l.metrics == nil:
		return nil, nil
	}
	return l, nil
}

func (l *loadedShard) read(ctx context.Context, s *spec.Snapshot, env *Env, id string, sizes map[string]int64, wanted func(string) bool) error {
	m, b, err := readShardManifest(ctx, s, env, id)
	if err != nil {
		return err
	}
	if err := m.present(id, sizes); err != nil {
		return err
	}
	any := false
	for _, model := range m.Models {
		any = any || wanted(model)
	}
	if !any {
		return nil
	}
	l.manifest, l.entry = m, artifact.Entry(shardFilePath(id, manifestName), b)
	if l.metrics, err = readMetrics(ctx, s, env, m); err != nil {
		return err
	}
	l.timing = readTiming(ctx, s, env, id)
	return nil
}

// rowPlaces say where the rows of a shard's weights start in its files: a file is a header and then its rows, so its size tells.
type rowPlaces struct {
	shard string
	// epochs are the files of whole epochs, best that of the best ones, with the epoch of each row.
	epochs    map[int]filePlace
	best      filePlace
	bestEpoch []int
	rowBytes  int64
}

// filePlace is a file of rows and where its first row starts.
type filePlace struct {
	path  string
	start int64
}

func (m *shardManifest) places(rowBytes int64) *rowPlaces {
	p := &rowPlaces{shard: m.Shard, epochs: map[int]filePlace{}, bestEpoch: m.BestEpoch, rowBytes: rowBytes}
	names := map[string]filePlace{}
	for _, f := range m.Files {
		if start := f.Size - int64(len(m.Models))*rowBytes; start > 8 {
			names[f.Name] = filePlace{shardFilePath(m.Shard, f.Name), start}
		}
	}
	for e := m.FirstEpoch; e <= m.LastEpoch; e++ {
		if at, ok := names[epochName(e)]; ok {
			p.epochs[e] = at
		}
	}
	p.best = names[bestName]
	return p
}

// at says where a row at an epoch lies, in the epoch's file or in that of the best epochs; nowhere where it was not kept.
func (p *rowPlaces) at(row, epoch int) artifact.Location {
	f := p.epochs[epoch]
	if f.path == "" && row < len(p.bestEpoch) && p.bestEpoch[row] == epoch {
		f = p.best
	}
	if f.path == "" {
		return artifact.Location{}
	}
	return artifact.Location{File: f.path, Offset: f.start + int64(row)*p.rowBytes, Bytes: p.rowBytes}
}

// disagreement is about two shards that hold the same (member, epoch) with other weights.
func disagreement(model string, epoch int, a, b string) error {
	return fmt.Errorf("model %s, epoch %d: shards %s and %s hold different weights; two runtimes disagree in bits, keep the store and report it", model, epoch, a, b)
}
