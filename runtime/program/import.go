package program

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/weightspace/weightspace/runtime/importer"
	"github.com/weightspace/weightspace/runtime/spec"
)

// importBudget bounds the weights of a block of models in memory; a model that does not fit is read twice instead. While one block is
// read, up to writeAhead others are being written: a store answers slowly.
const (
	importBudget = 96 << 20
	writeAhead   = 3
)

// importZoo reads a zoo from files: models in the order of their names, in blocks that become shards, and last import/models.json,
// which says what there is.
func importZoo(ctx context.Context, s *spec.Snapshot, env *Env) error {
	env.Progress(Progress{Stage: spec.StageImport, SecondsLeft: -1, Message: "Looking for finished work"})
	done, err := importFinished(ctx, s, env)
	if err == nil && !done {
		err = importFiles(ctx, s, env)
	}
	if err != nil {
		return stopped(ctx, err)
	}
	return nil
}

// importFinished says whether an import of this very source is in the store in full. A folder may have changed: it is read again.
func importFinished(ctx context.Context, s *spec.Snapshot, env *Env) (bool, error) {
	if s.Zoo.Import.SHA256 == "" {
		return false, nil
	}
	m, err := readImported(ctx, s, env)
	var bad *damagedError
	switch {
	case errors.As(err, &bad):
		return false, nil
	case err != nil:
		return false, err
	case m.SpecDigest != s.SpecDigest:
		return false, nil
	}
	_, err = readImportedShards(ctx, s, env, m)
	if errors.As(err, &bad) {
		return false, nil
	}
	return err == nil, err
}

func importFiles(ctx context.Context, s *spec.Snapshot, env *Env) error {
	source, closer, err := openImport(ctx, s, env)
	if err != nil {
		return err
	}
	defer closer()
	env.Progress(Progress{Stage: spec.StageImport, SecondsLeft: -1, Message: "Looking for models"})
	trials, err := importer.Scan(source, s.Zoo.Import.Layout)
	if err == nil && len(trials) == 0 {
		err = fmt.Errorf("no folder of a model among %d files", len(source.Files()))
	}
	if err != nil {
		return &InputError{Field: "spec.import.source", Problem: fmt.Sprintf("layout %s: %v", s.Zoo.Import.Layout, err), Remedy: "check the archive and spec.import.layout", Err: err}
	}
	r := &importRun{snap: s, env: env, trials: trials, seen: map[string]string{}, workers: env.Workers}
	if r.workers < 1 {
		r.workers = runtime.GOMAXPROCS(0)
	}
	r.options.AllowNaN = s.Zoo.Import.KeepNonFinite
	if w := s.Zoo.Import.MaxAbsWeight; w != "" {
		if r.options.MaxAbs, err = strconv.ParseFloat(w, 64); err != nil {
			return fmt.Errorf("plan.json: maxAbsWeight %q: %w", w, err)
		}
	}
	r.out.Found, r.out.Skipped = len(trials), map[string]int{}
	if err := r.all(ctx); err != nil {
		return err
	}
	return r.finish(ctx)
}

// importRun is an import in progress.
type importRun struct {
	snap    *spec.Snapshot
	env     *Env
	trials  []importer.Trial
	options importer.Options
	workers int
	network *importer.Network
	layout  string
	// seen are the models so far, by ID: their names.
	seen map[string]string
	// listed are the entries of each block, for out.Models.
	listed [][]importedEntry
	out    imported
}

// all imports every block.
func (r *importRun) all(ctx context.Context) error {
	writes, wctx := errgroup.WithContext(ctx)
	writes.SetLimit(writeAhead)
	err := r.blocks(wctx, writes)
	if werr := writes.Wait(); werr != nil && ctx.Err() == nil {
		return werr // what was being read was cancelled by it
	}
	return err
}

func (r *importRun) blocks(ctx context.Context, writes *errgroup.Group) error {
	size := 1
	for at := 0; at < len(r.trials); {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(size, len(r.trials)-at)
		block, err := r.load(ctx, r.trials[at:at+n])
		if err != nil {
			return err
		}
		at += n
		if r.network == nil && len(block) > 0 {
			if err := r.begin(block[0].model); err != nil {
				return err
			}
			size = r.blockSize(block[0].model)
			if !r.options.Keep {
				size = 1
			}
		}
		entries := r.entries(block)
		writes.Go(func() error { return r.write(ctx, block, entries) })
		r.env.Progress(Progress{Stage: spec.StageImport, SecondsLeft: -1, Message: "Importing", Members: len(r.trials), MembersDone: at})
	}
	return nil
}

// begin settles what every model of the zoo must share: the network of the first.
func (r *importRun) begin(m *importer.Model) error {
	r.network = m.Network
	var err error
	r.layout, err = layoutJSON(m.Network.Layout)
	return err
}

// blockSize is how many models are kept in memory, and decides whether they can be.
func (r *importRun) blockSize(m *importer.Model) int {
	each := 4 * m.Network.Length * len(m.Epochs)
	r.options.Keep = each <= importBudget
	return max(1, min(r.snap.Zoo.Import.MembersPerShard, importBudget/max(1, each)))
}

// importedModel is a model with where it came from.
type importedModel struct {
	model *importer.Model
	trial importer.Trial
}

// load reads models side by side and leaves out, in their order, those that cannot be used.
func (r *importRun) load(ctx context.Context, trials []importer.Trial) ([]importedModel, error) {
	models, reasons := make([]*importer.Model, len(trials)), make([]*importer.SkipError, len(trials))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(r.workers)
	for i, t := range trials {
		group.Go(func() error {
			if err := gctx.Err(); err != nil {
				return err
			}
			m, err := importer.Load(gctx, t, r.network, r.options)
			if err != nil && !errors.As(err, &reasons[i]) {
				return fmt.Errorf("import %s: %w", t.Name(), err)
			}
			models[i] = m
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var out []importedModel
	for i, m := range models {
		why := reasons[i]
		if m != nil {
			if first, twice := r.seen[m.ID]; twice {
				why = &importer.SkipError{Reason: importer.Duplicate, File: m.Name, Err: fmt.Errorf("it is equal to %s in config and weights", first)}
			} else {
				r.seen[m.ID] = m.Name
			}
		}
		if why != nil {
			r.out.leaveOut(trials[i].Name(), why)
			continue
		}
		out = append(out, importedModel{m, trials[i]})
	}
	return out, nil
}

// maxSkips is how many models that were left out are named for each reason.
const maxSkips = 20

func (m *imported) leaveOut(model string, why *importer.SkipError) {
	if m.Skipped[why.Reason]++; m.Skipped[why.Reason] <= maxSkips {
		m.Examples = append(m.Examples, skippedModel{Model: model, Reason: why.Reason, Problem: why.Error()})
	}
}
