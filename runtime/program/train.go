package program

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/augment"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/train"
)

// trainShard trains what is missing of one planned shard. Members that the store holds to the
// last epoch are left alone; the others train in groups by where they stand.
func trainShard(ctx context.Context, s *spec.Snapshot, shard int, sh spec.Shard, env *Env) error {
	members := plan.Members(s.Zoo, sh.Cohort, sh.From, sh.To)
	rep := newReporter(env, s, spec.StageTrain, shard, len(members))
	rep.say("Looking for finished work")
	led, err := readLedger(ctx, s, env, members...)
	if err != nil {
		return stopped(ctx, err)
	}
	if err := rep.adopt(ctx, s, env, led, members); err != nil {
		return stopped(ctx, err)
	}
	groups := led.groups(members, s.Zoo.Epochs)
	if len(groups) == 0 {
		env.Log.Info("Shard is finished already", "shard", shard, "members", len(members))
		rep.say("Finished")
		return nil
	}
	rep.say("Loading the data set")
	set, err := loadDataset(ctx, s, env)
	if err != nil {
		return stopped(ctx, err)
	}
	for _, g := range groups {
		r, err := newShardRun(ctx, s, sh, g, set, rep, env)
		if err != nil {
			return stopped(ctx, err)
		}
		if err := r.run(ctx); err != nil {
			return err
		}
	}
	rep.say("Finished")
	return nil
}

// stopped turns the error of a phase without state into ErrCheckpointed when the reason is
// that ctx ended: everything there is is in the store.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && !isStoreError(err) {
		return ErrCheckpointed
	}
	return err
}

// loadDataset loads the pinned data set into memory.
func loadDataset(ctx context.Context, s *spec.Snapshot, env *Env) (*data.Set, error) {
	store, err := env.datasetStore(s.Zoo.Dataset.Store)
	if err != nil {
		return nil, err
	}
	set, err := data.Load(ctx, store, s.Zoo.Dataset)
	if err != nil {
		return nil, fmt.Errorf("load data set %s: %w", s.Zoo.Dataset.Name, err)
	}
	return set, nil
}

// shardRun trains one group of members to the last epoch and commits them as a shard.
type shardRun struct {
	env     *Env
	snap    *spec.Snapshot
	id      string
	group   *workGroup
	trainer train.Engine
	rec     record
	rep     *reporter
	best    bestWeights
	layout  string
	dataset string
	// measure, if set, gives what twins have beside the metrics of an epoch; see twins_run.go.
	measure func(ctx context.Context, epoch int, metrics []train.Metrics) ([]twinRow, error)
}

func newShardRun(ctx context.Context, s *spec.Snapshot, sh spec.Shard, g *workGroup, set *data.Set, rep *reporter, env *Env) (*shardRun, error) {
	models := modelIDs(g.members)
	r := &shardRun{env: env, snap: s, id: shardID(models, s.Zoo.Epochs), group: g, rep: rep, dataset: set.ResultDigest}
	initial, err := loadInitial(ctx, s.Zoo, g.members, env)
	if err != nil {
		return nil, err
	}
	build := func() (err error) {
		r.trainer, err = newEngine(s.Zoo, s.Zoo.Cohorts[sh.Cohort], g.members, initial, set, env)
		if err != nil {
			return fmt.Errorf("set up the training of shard %s: %w", r.id, err)
		}
		r.layout, err = layoutJSON(r.trainer.Layout())
		return err
	}
	if err := build(); err != nil {
		return nil, err
	}
	if n := r.trainer.Parameters(); n != s.Zoo.Parameters {
		return nil, fmt.Errorf("plan.json: %d parameters, but the network has %d; the plan was made by another release", s.Zoo.Parameters, n)
	}
	if err := r.resume(ctx, build); err != nil {
		return nil, err
	}
	r.rep.start(g, &r.rec, r.trainer.Epoch())
	return r, nil
}

// trainConfig translates the plan into the engine's words.
func trainConfig(z *spec.Zoo, c spec.Cohort, members []spec.Member, set *data.Set, env *Env) train.Config {
	// The plan's decimals were checked when it was read.
	momentum, _ := strconv.ParseFloat(z.Momentum, 64)
	conf := train.Config{
		Architecture: z.Architecture, Activation: c.Activation, Optimizer: c.Optimizer, Momentum: momentum,
		BatchSize: z.BatchSize, Data: set, Augmentation: augment.FromPlan(z.Augmentation), ISA: env.ISA, Workers: env.Workers,
	}
	for _, m := range members {
		conf.Members = append(conf.Members, train.Member{
			Seed: m.Seed, Initializer: lawName(m.Initializer),
			LearningRate: m.LearningRate, WeightDecay: m.WeightDecay, Dropout: m.Dropout,
		})
	}
	return conf
}

// lawName is the engine's name of an initializer.
func lawName(initializer string) string { return strings.ReplaceAll(initializer, "-", "_") }

// resume finds the best state to start from: the shard's own checkpoint, the last state of
// the finished shard the group continues, or the initialisation. What cannot be used is reported and
// passed over, never fatal: the work is made again, with the same bits.
func (r *shardRun) resume(ctx context.Context, rebuild func() error) error {
	models := modelIDs(r.group.members)
	fresh := func(first int) record {
		return record{Models: models, FirstEpoch: first, LastEpoch: r.snap.Zoo.Epochs}
	}
	for _, attempt := range []struct {
		what string
		load func() (*checkpoint, error)
	}{
		{"own checkpoint", func() (*checkpoint, error) { return r.ownCheckpoint(ctx, models) }},
		{"checkpoint of the finished shard " + r.group.source, func() (*checkpoint, error) { return r.sourceCheckpoint(ctx, fresh) }},
	} {
		c, err := attempt.load()
		if err == nil && c != nil {
			err = r.restore(c)
		}
		var bad *damagedError
		switch {
		case errors.As(err, &bad):
			r.env.Log.Warn("A checkpoint cannot be used; starting from an earlier state", "shard", r.id, "checkpoint", attempt.what, "err", err)
			if err := rebuild(); err != nil {
				return err
			}
		case err != nil:
			return fmt.Errorf("read the %s: %w", attempt.what, err)
		case c != nil:
			r.env.Log.Info("Resuming", "shard", r.id, "from", attempt.what, "epoch", c.State.Epoch, "step", c.State.Step)
			return nil
		}
	}
	r.rec = fresh(0)
	return nil
}

func (r *shardRun) restore(c *checkpoint) error {
	if err := r.trainer.Restore(c.State); err != nil {
		return &damagedError{file: checkpointName, err: err}
	}
	if r.snap.Zoo.Retention.Best() {
		best, err := resumeBest(c)
		if err != nil {
			return err
		}
		r.best = *best
	}
	r.rec = c.Record
	return nil
}

// ownCheckpoint loads the shard's resume point; nil when there is none.
func (r *shardRun) ownCheckpoint(ctx context.Context, models []string) (*checkpoint, error) {
	c, err := r.loadCheckpoint(ctx, r.id)
	if err != nil || c == nil {
		return nil, err
	}
	first := 0
	if c.Record.FirstEpoch == r.group.done+1 {
		first = r.group.done + 1
	}
	if err := c.Record.fits(models, first, r.snap.Zoo.Epochs); err != nil {
		return nil, &damagedError{file: checkpointName, err: err}
	}
	objects, err := r.env.Store.List(ctx, shardPath(r.snap, r.id, ""))
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{}
	for _, o := range objects {
		sizes[o.Path] = o.Size
	}
	for _, f := range c.Record.Files {
		if size, ok := sizes[shardPath(r.snap, r.id, f.Name)]; !ok || size != f.Size {
			return nil, &damagedError{file: f.Name, err: fmt.Errorf("the checkpoint counts on %d bytes, the store has %d", f.Size, size)}
		}
	}
	return c, nil
}

// sourceCheckpoint loads the rows of the group from the finished shard it continues; nil
// when the group starts from nothing.
func (r *shardRun) sourceCheckpoint(ctx context.Context, fresh func(first int) record) (*checkpoint, error) {
	if r.group.done < 0 {
		return nil, nil
	}
	c, err := r.loadCheckpoint(ctx, r.group.source)
	switch {
	case err != nil:
		return nil, err
	case c == nil:
		return nil, &damagedError{file: r.group.source + "/" + checkpointName, err: errors.New("it is not in the store")}
	case c.State.Epoch != r.group.done || c.State.Step != 0:
		return nil, &damagedError{file: r.group.source + "/" + checkpointName, err: fmt.Errorf("it is at epoch %d, step %d, not at the end of epoch %d", c.State.Epoch, c.State.Step, r.group.done)}
	}
	for i, row := range r.group.rows {
		if row >= len(c.Record.Models) || c.Record.Models[row] != r.group.members[i].ID {
			return nil, &damagedError{file: r.group.source + "/" + checkpointName, err: fmt.Errorf("row %d is not model %s", row, r.group.members[i].ID)}
		}
	}
	return &checkpoint{State: c.State.Select(r.group.rows), Record: fresh(r.group.done + 1)}, nil
}

// loadCheckpoint reads a shard's checkpoint; nil when there is none.
func (r *shardRun) loadCheckpoint(ctx context.Context, id string) (*checkpoint, error) {
	path := shardPath(r.snap, id, checkpointName)
	b, err := r.env.Store.Get(ctx, path)
	if errors.Is(err, artifact.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := decodeCheckpoint(b)
	if err != nil {
		return nil, &damagedError{file: path, err: err}
	}
	return c, nil
}

// run trains to the last epoch. Every epoch ends with its weights and a checkpoint in the store.
func (r *shardRun) run(ctx context.Context) error {
	for {
		if r.rec.next() <= r.rec.LastEpoch && r.trainer.Epoch() >= r.rec.next() {
			if err := r.finishEpoch(ctx); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return ErrCheckpointed
		}
		if r.trainer.Epoch() >= r.rec.LastEpoch {
			break
		}
		if err := r.trainEpoch(ctx); err != nil {
			return err
		}
	}
	return r.commit(ctx)
}

// trainEpoch finishes the current epoch, with a checkpoint now and then in long ones. When ctx
// ends it checkpoints at the next step boundary.
func (r *shardRun) trainEpoch(ctx context.Context) error {
	for {
		slice, cancel := context.WithTimeout(ctx, r.env.CheckpointEvery)
		watch := r.rep.watch(r.trainer, r.rec.Partial)
		start := time.Now()
		err := r.trainer.TrainEpoch(slice)
		r.rec.Partial += time.Since(start).Seconds()
		watch()
		cancel()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			r.rep.say("Stopping: writing a checkpoint")
			if err := r.checkpoint(ctx); err != nil {
				return err
			}
			return ErrCheckpointed
		case errors.Is(err, context.DeadlineExceeded):
			if err := r.checkpoint(ctx); err != nil {
				return err
			}
		default:
			return fmt.Errorf("train shard %s, epoch %d: %w", r.id, r.trainer.Epoch()+1, err)
		}
	}
}
