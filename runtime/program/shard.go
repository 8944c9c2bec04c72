package program

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/spec"
)

// graceContext lives on for some time after its parent ends, so that state reaches the
// store when a pod is told to stop.
func graceContext(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	detached, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return detached, func() { stop(); cancel() }
}

// finishEpoch evaluates the epoch just trained, writes its weights and then a checkpoint that
// counts on them. It goes on for the grace period when ctx ends.
func (r *shardRun) finishEpoch(ctx context.Context) error {
	epoch := r.rec.next()
	gctx, cancel := graceContext(ctx, r.env.Grace)
	defer cancel()
	r.rep.say(fmt.Sprintf("Evaluating epoch %d", epoch))
	start := time.Now()
	metrics, err := r.trainer.Evaluate(gctx)
	if err != nil {
		return stopped(ctx, fmt.Errorf("evaluate shard %s, epoch %d: %w", r.id, epoch, err))
	}
	twins := r.rec.Twins
	if r.measure != nil {
		row, err := r.measure(gctx, epoch, metrics)
		if err != nil {
			return stopped(ctx, err)
		}
		twins = append(twins, row)
	}
	times := epochTime{Epoch: epoch, TrainSeconds: r.rec.Partial, EvaluateSeconds: time.Since(start).Seconds()}
	rows := make([]sixRow, len(metrics))
	for i, m := range metrics {
		rows[i] = rowOf(m)
	}
	sums, err := r.keepWeights(gctx, epoch, rows)
	if err != nil {
		return err
	}
	r.rec.Rows, r.rec.Weights, r.rec.Twins = append(r.rec.Rows, rows), append(r.rec.Weights, sums), twins
	r.rec.Times, r.rec.Partial = append(r.rec.Times, times), 0
	if err := r.writeCheckpoint(gctx); err != nil {
		return err
	}
	if epoch > 0 {
		r.rep.timed(times.TrainSeconds + times.EvaluateSeconds)
	}
	r.rep.epoch(r.group, epoch, rows, r.trainer.DivergedEpoch())
	return nil
}

// keepWeights returns the sha256 of each row of one epoch's weights, and keeps the weights as the plan says: in a file of
// their own, among the best, or not at all.
func (r *shardRun) keepWeights(ctx context.Context, epoch int, rows []sixRow) ([]string, error) {
	weights := r.trainer.Weights()
	raw, n := float32Bytes(weights), len(weights)/len(r.rec.Models)
	sums := make([]string, len(r.rec.Models))
	for i := range sums {
		sum := sha256.Sum256(raw[4*n*i : 4*n*(i+1)])
		sums[i] = hex.EncodeToString(sum[:])
	}
	retention := r.snap.Zoo.Retention
	if retention.Best() {
		r.best.take(epoch, rows, weights)
		r.rec.BestEpoch = r.best.epochs
	}
	if !retention.Keeps(epoch, r.rec.LastEpoch) {
		return sums, nil
	}
	file, err := r.putWeights(ctx, epoch, raw)
	if err != nil {
		return nil, err
	}
	r.rec.Files = append(r.rec.Files, file)
	return sums, nil
}

// putWeights writes one epoch's weights, little-endian [members, row].
func (r *shardRun) putWeights(ctx context.Context, epoch int, raw []byte) (shardFile, error) {
	models, err := json.Marshal(r.rec.Models)
	if err != nil {
		return shardFile{}, err
	}
	n := len(r.rec.Models)
	b, err := artifact.EncodeSafetensors([]artifact.Tensor{{Name: "weights", DType: artifact.F32, Shape: []int{n, len(raw) / 4 / n}, Data: raw}},
		map[string]string{"layout": r.layout, "models": string(models), "epoch": strconv.Itoa(epoch)})
	if err != nil {
		return shardFile{}, fmt.Errorf("shard %s, epoch %d: %w", r.id, epoch, err)
	}
	return r.put(ctx, epochName(epoch), b)
}

// checkpoint replaces the shard's resume point, within the grace period when ctx has ended.
func (r *shardRun) checkpoint(ctx context.Context) error {
	gctx, cancel := graceContext(ctx, r.env.Grace)
	defer cancel()
	return r.writeCheckpoint(gctx)
}

func (r *shardRun) writeCheckpoint(ctx context.Context) error {
	b, err := encodeCheckpoint(&checkpoint{State: r.trainer.State(), Record: r.rec, Best: r.best.data})
	if err != nil {
		return fmt.Errorf("shard %s: encode the checkpoint: %w", r.id, err)
	}
	_, err = r.put(ctx, checkpointName, b)
	return err
}

func (r *shardRun) put(ctx context.Context, name string, b []byte) (shardFile, error) {
	path := shardPath(r.snap, r.id, name)
	if err := r.env.Store.Put(ctx, path, b); err != nil {
		return shardFile{}, fmt.Errorf("write %s: %w", path, err)
	}
	sum := sha256.Sum256(b)
	return shardFile{Name: name, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(b))}, nil
}

// commit writes metrics, timing and, last, the manifest.
func (r *shardRun) commit(ctx context.Context) error {
	r.rep.say("Writing the shard's manifest")
	gctx, cancel := graceContext(ctx, r.env.Grace)
	defer cancel()
	metrics, err := encodeJSON(shardMetrics{Columns: metricColumns, Models: r.rec.Models, FirstEpoch: r.rec.FirstEpoch, Rows: r.rec.Rows, Tensors: r.rec.Tensors, Twins: r.rec.Twins})
	if err != nil {
		return fmt.Errorf("shard %s: %s: %w", r.id, metricsName, err)
	}
	timing, err := encodeJSON(shardTiming{Host: r.env.Host, Version: r.env.Version, ISA: r.env.ISA.String(), Workers: r.env.Workers, Members: len(r.rec.Models), Epochs: r.rec.Times})
	if err != nil {
		return fmt.Errorf("shard %s: %s: %w", r.id, timingName, err)
	}
	files := slices.Clone(r.rec.Files)
	if r.snap.Zoo.Retention.Best() {
		file, err := r.putBest(gctx)
		if err != nil {
			return err
		}
		files = append(files, file)
	}
	file, err := r.put(gctx, metricsName, metrics)
	if err != nil {
		return err
	}
	if _, err := r.put(gctx, timingName, timing); err != nil {
		return err
	}
	m := shardManifest{
		Version: shardFormatVersion, Shard: r.id, Numerics: spec.NumericsVersion, Dataset: r.dataset, Architecture: r.snap.Zoo.Architecture,
		Parameters: r.snap.Zoo.Parameters, Models: r.rec.Models, FirstEpoch: r.rec.FirstEpoch, LastEpoch: r.rec.LastEpoch,
		DivergedEpoch: r.trainer.DivergedEpoch(), Weights: r.rec.Weights, BestEpoch: r.rec.BestEpoch, Files: append(files, file),
	}
	b, err := encodeJSON(m)
	if err != nil {
		return fmt.Errorf("shard %s: %s: %w", r.id, manifestName, err)
	}
	return r.putManifest(gctx, b)
}

// putManifest commits with IfNotExist. Another pod may have committed the same shard: equal
// content is success, a damaged manifest is replaced, and different content is an error nobody should see.
func (r *shardRun) putManifest(ctx context.Context, b []byte) error {
	path := shardPath(r.snap, r.id, manifestName)
	err := r.env.Store.PutIfNotExist(ctx, path, b)
	if err == nil {
		return nil
	}
	if !errors.Is(err, artifact.ErrExists) {
		return fmt.Errorf("write %s: %w", path, err)
	}
	have, err := r.env.Store.Get(ctx, path)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if bytes.Equal(have, b) {
		return nil
	}
	old, _, err := readShardManifest(ctx, r.snap, r.env, r.id)
	var bad *damagedError
	switch {
	case errors.As(err, &bad), err == nil && old.FirstEpoch != r.rec.FirstEpoch:
		r.env.Log.Warn("Replacing a shard manifest that cannot be used", "shard", r.id, "err", err)
		if err := r.env.Store.Put(ctx, path, b); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
		return nil
	case err != nil:
		return err
	}
	if sameResults(old, b) {
		return nil // it keeps other checkpoints of the same models
	}
	return fmt.Errorf("%s: another run committed this shard with different results; two runtimes disagree in bits, keep the store and report it", path)
}

// sameResults says that two manifests of a shard differ at most in what is kept.
func sameResults(old *shardManifest, b []byte) bool {
	mine := &shardManifest{}
	if decodeStrict(b, mine) != nil {
		return false
	}
	return slices.Equal(old.Models, mine.Models) && slices.Equal(old.DivergedEpoch, mine.DivergedEpoch) && slices.EqualFunc(old.Weights, mine.Weights, slices.Equal)
}
