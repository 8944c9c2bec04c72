package program

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/train"
	"github.com/weightspace/weightspace/runtime/variational"
)

// twinsFolder holds the twins of a zoo in the format of its shards.
const twinsFolder = "twins"

// twinSite is the plan as the code for shards sees it when it makes the twins of a set: they lie below twinsFolder and train for epochs of
// their own.
func twinSite(s *spec.Snapshot, epochs int) *spec.Snapshot {
	site, zoo := *s, *s.Zoo
	zoo.Epochs = epochs
	site.Zoo, site.ArtifactPath = &zoo, s.ArtifactPath+"/"+twinsFolder
	return &site
}

// twinShard makes what is missing of one planned shard of twins, as trainShard does of members.
func twinShard(ctx context.Context, s *spec.Snapshot, stage string, shard int, sh spec.Shard, env *Env) error {
	t := &twinWork{env: env, snap: s, set: &s.Zoo.Twins[sh.Twins], cohort: sh.Cohort, from: sh.From, twins: plan.Twins(s.Zoo, sh.Twins, sh.Cohort, sh.From, sh.To)}
	t.site = twinSite(s, t.set.Epochs)
	rep := newReporter(env, t.site, stage, shard, len(t.twins))
	rep.say("Looking for finished work")
	if err := t.look(ctx); err != nil {
		return stopped(ctx, err)
	}
	members := t.members()
	if err := rep.adopt(ctx, t.site, env, t.done, members); err != nil {
		return stopped(ctx, err)
	}
	groups := t.done.groups(members, t.set.Epochs)
	if len(groups) == 0 {
		env.Log.Info("Shard is finished already", "stage", stage, "shard", shard, "twins", len(members))
		rep.say("Finished")
		return nil
	}
	rep.say("Loading the data set")
	set, err := loadDataset(ctx, s, env)
	if err != nil {
		return stopped(ctx, err)
	}
	for _, g := range groups {
		r, err := t.newRun(ctx, g, set, rep)
		if bad := (*damagedError)(nil); errors.As(err, &bad) {
			// The stage before finds the damage too, and makes it again.
			return &IncompleteError{What: "shards", Missing: 1, Total: len(groups), Sample: []string{bad.file}}
		}
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

// twinWork is a planned shard of twins.
type twinWork struct {
	env  *Env
	snap *spec.Snapshot
	// site is where twins lie; see twinSite.
	site   *spec.Snapshot
	set    *spec.TwinSet
	cohort int
	// twins are those of the shard, from is the position of the first in its set and cohort.
	twins []spec.Twin
	from  int
	// parents and done are the ledgers of the parents, and of the twins of this set and those that it matches.
	parents, done *ledger
}

// look reads the ledgers and finds out whether the stages before have made what this shard, and the stages after it, need.
func (t *twinWork) look(ctx context.Context) (err error) {
	z := t.snap.Zoo
	states := t.set.States()
	var parents, all []spec.Member
	for i, tw := range t.twins {
		if i == 0 || tw.Parent.ID != t.twins[i-1].Parent.ID {
			parents = append(parents, tw.Parent)
		}
	}
	if t.parents, err = readLedger(ctx, t.snap, t.env, parents...); err != nil {
		return err
	}
	missing := &IncompleteError{What: "members"}
	for _, m := range parents {
		epoch, _ := t.parents.finished(m.ID)
		missing.count(m.ID, epoch, z.Epochs)
	}
	if missing.Missing > 0 {
		return missing
	}
	all = t.members()
	first := t.from / states
	missing = &IncompleteError{What: "twins"}
	var before []spec.Twin
	if t.set.Match > 0 {
		for i := range z.Twins {
			if n := z.Twins[i].States(); z.Twins[i].Match == 0 {
				before = append(before, plan.Twins(z, i, t.cohort, first*n, (first+len(parents))*n)...)
			}
		}
	}
	for _, tw := range before {
		all = append(all, spec.Member{ID: tw.ID})
	}
	if t.done, err = readLedger(ctx, t.site, t.env, all...); err != nil {
		return err
	}
	for _, tw := range before {
		epoch, _ := t.done.finished(tw.ID)
		missing.count(tw.ID, epoch, z.Twins[tw.Set].Epochs)
	}
	if missing.Missing > 0 {
		return missing
	}
	return nil
}

// count notes a model that has been finished to an epoch, -1 for not at all.
func (e *IncompleteError) count(id string, epoch, epochs int) {
	e.Total++
	if epoch >= epochs {
		return
	}
	if e.Missing++; len(e.Sample) < maxSample {
		e.Sample = append(e.Sample, fmt.Sprintf("%s has %d of %d epochs", id, epoch+1, epochs+1))
	}
}

// members are the twins as the code for shards sees them: their own identity, their parent's hyper-parameters, and a seed that gives
// them draws that the parent did not have. It is the same for all twins of a parent, so that they see the same batches.
func (t *twinWork) members() []spec.Member {
	out := make([]spec.Member, len(t.twins))
	for i, tw := range t.twins {
		out[i] = tw.Parent
		out[i].ID, out[i].Seed = tw.ID, twinSeed(tw.Parent.Seed)
	}
	return out
}

// twinSeed is the seed of the twins of a member.
func twinSeed(parent uint64) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "twins/seed %d", parent))
	return binary.LittleEndian.Uint64(sum[:8])
}

// newRun sets the training of a group of twins up.
func (t *twinWork) newRun(ctx context.Context, g *workGroup, set *data.Set, rep *reporter) (*shardRun, error) {
	rep.say("Reading the parents")
	parents, err := t.readParents(ctx, g.slots)
	if err != nil {
		return nil, err
	}
	targets, err := t.targets(ctx, g.slots)
	if err != nil {
		return nil, err
	}
	r := &shardRun{env: t.env, snap: t.site, id: shardID(modelIDs(g.members), t.set.Epochs), group: g, rep: rep, dataset: set.ResultDigest}
	z := t.snap.Zoo
	conf := trainConfig(z, z.Cohorts[t.cohort], g.members, set, t.env)
	var recipe *train.Recipe
	if !plan.OnTiles(z, z.Cohorts[t.cohort]) {
		own, err := recipeOf(z, set)
		if err != nil {
			return nil, err
		}
		recipe = &own
	}
	var engine train.TwinEngine
	build := func() (err error) {
		if engine, err = t.engine(conf, recipe, parents.weights, targets); err != nil {
			return fmt.Errorf("set up the training of shard %s: %w", r.id, err)
		}
		r.trainer = engine
		r.layout, err = layoutJSON(engine.Layout())
		return err
	}
	if err := build(); err != nil {
		return nil, err
	}
	if err := r.resume(ctx, build); err != nil {
		return nil, err
	}
	r.rec.Tensors = tensorsOf(engine.Sparsity())
	judge, err := train.NewJudge(conf, recipe)
	if err != nil {
		return nil, fmt.Errorf("set up the evaluation of shard %s: %w", r.id, err)
	}
	m := &twinMeter{judge: judge, data: set, parents: parents, set: t.set, log: t.env.Log, engine: func() train.TwinEngine { return engine }}
	rep.say("Evaluating the parents")
	if err := m.checkParents(ctx); err != nil {
		return nil, err
	}
	r.measure = m.measure
	r.rep.start(g, &r.rec, r.trainer.Epoch())
	return r, nil
}

// engine makes the twins' engine at epoch 0.
func (t *twinWork) engine(c train.Config, r *train.Recipe, parents []float32, targets []train.PruneTarget) (train.TwinEngine, error) {
	if v := t.set.Variational; v != nil {
		settings := train.DefaultVariational()
		settings.Epochs = t.set.Epochs
		settings.KLWeight = variational.KLWeight{Kind: variational.WeightKind(v.KL), Max: number(v.Max)}
		settings.LogAlphaThreshold, settings.InitLogSigma2 = number(v.Threshold), number(v.Init)
		settings.ClampLinear, settings.ClampConv = number(v.ClampLinear), number(v.ClampConv)
		settings.VariationalConvBias, settings.LogSigma2LearningRate = !v.PlainBias, number(v.Rate)
		return train.NewVariational(c, r, parents, settings)
	}
	return train.NewPruned(c, r, parents, train.Pruning{
		Targets: targets, Layer: t.set.Layer, Bias: t.set.Bias, Random: t.set.Method == spec.TwinRandom,
		Schedule: train.PruneSchedule(t.set.Schedule), Start: t.set.Start, Rounds: t.set.Rounds, Every: t.set.Every, Initial: number(t.set.Initial),
	})
}

// targets are what the twins in slots of the shard drop; nil for variational dropout.
func (t *twinWork) targets(ctx context.Context, slots []int) ([]train.PruneTarget, error) {
	if t.set.Variational != nil {
		return nil, nil
	}
	out := make([]train.PruneTarget, len(slots))
	tables := map[string]*shardMetrics{}
	for i, slot := range slots {
		tw := &t.twins[slot]
		if tw.Match == "" {
			out[i].Sparsity = number(t.set.Sparsity[tw.State])
			continue
		}
		epoch := t.snap.Zoo.Twins[t.set.Match-1].Epochs
		sp, ok := t.done.at(tw.Match, epoch)
		if !ok {
			return nil, &IncompleteError{What: "twins", Missing: 1, Total: len(slots), Sample: []string{tw.Match}}
		}
		if tables[sp.shard] == nil {
			m, err := readMetrics(ctx, t.site, t.env, t.done.shards[sp.shard])
			if err != nil {
				return nil, err
			}
			tables[sp.shard] = m
		}
		out[i].Dropped = slices.Clone(tables[sp.shard].Twins[epoch-sp.first][sp.row].Dropped)
	}
	return out, nil
}

// tensorsOf are the prunable tensors, which all members share.
func tensorsOf(s []train.Sparsity) []twinTensor {
	var out []twinTensor
	for _, t := range s[0].Tensors {
		out = append(out, twinTensor{Name: t.Name, Total: t.Total})
	}
	return out
}

// same reports values within a relative tolerance; two NaN are the same.
func same(a, b, tolerance float64) bool {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.IsNaN(a) && math.IsNaN(b)
	}
	return a == b || math.Abs(a-b) <= tolerance*math.Abs(b)
}
