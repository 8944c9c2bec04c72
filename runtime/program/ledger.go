package program

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/spec"
)

// readers is how many shard manifests are read at once.
const readers = 8

// ledger is the finished work of a zoo, found in the store by member: which shard holds
// which epochs of which model. How earlier runs cut the zoo into shards does not matter.
type ledger struct {
	shards map[string]*shardManifest
	spans  map[string][]span
}

// span says that row Row of a shard holds epochs First..Last of a model.
type span struct {
	shard       string
	row         int
	first, last int
}

// readLedger reads the shard manifests below the artifact: with members given those that may hold one of them, else all. A shard whose
// manifest is damaged, or whose files are not there in full, is no finished work: it is reported and left out, so
// that it is made again.
func readLedger(ctx context.Context, s *spec.Snapshot, env *Env, members ...spec.Member) (*ledger, error) {
	ids, sizes, err := listShards(ctx, s, env)
	if err != nil {
		return nil, err
	}
	filter := newShardFilter(s, members, len(ids))
	found := make([]*shardManifest, len(ids))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i, id := range ids {
		if filter.foreign(id) {
			continue
		}
		group.Go(func() error {
			matters, err := filter.matters(gctx, s, env, id, sizes[id+"/"+manifestName])
			if err != nil || !matters {
				return err
			}
			m, _, err := readShardManifest(gctx, s, env, id)
			if err == nil {
				err = m.present(id, sizes)
			}
			var bad *damagedError
			if errors.As(err, &bad) {
				env.Log.Warn("Shard is damaged and will be made again", "shard", id, "err", err)
				return nil
			}
			found[i] = m
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	l := &ledger{shards: map[string]*shardManifest{}, spans: map[string][]span{}}
	for _, m := range found {
		if m != nil {
			l.add(m)
		}
	}
	return l, nil
}

// listShards names the shards that have a manifest, sorted, and gives the sizes of all their files by path below the shards' folder.
func listShards(ctx context.Context, s *spec.Snapshot, env *Env) (ids []string, sizes map[string]int64, err error) {
	root := s.ArtifactPath + "/" + shardsFolder + "/"
	objects, err := env.Store.List(ctx, root)
	if err != nil {
		return nil, nil, fmt.Errorf("list finished shards: %w", err)
	}
	sizes = make(map[string]int64, len(objects))
	for _, o := range objects {
		name := strings.TrimPrefix(o.Path, root)
		sizes[name] = o.Size
		if id, ok := strings.CutSuffix(name, "/"+manifestName); ok && isHex(id, 16) {
			ids = append(ids, id)
		}
	}
	sort.Strings(ids)
	return ids, sizes, nil
}

// damagedError is about a file of ours that cannot be used; what it holds is made again.
type damagedError struct {
	file string
	// shard is the finished shard the file belongs to, "" where the caller knows.
	shard string
	err   error
}

func (e *damagedError) Error() string { return fmt.Sprintf("%s: %v", e.file, e.err) }
func (e *damagedError) Unwrap() error { return e.err }

func shardPath(s *spec.Snapshot, id, name string) string {
	return s.ArtifactPath + "/" + shardsFolder + "/" + id + "/" + name
}

// readShardManifest reads and checks one manifest, and returns its bytes too; a *damagedError when it cannot be used.
func readShardManifest(ctx context.Context, s *spec.Snapshot, env *Env, id string) (*shardManifest, []byte, error) {
	path := shardPath(s, id, manifestName)
	b, err := env.Store.Get(ctx, path)
	if errors.Is(err, artifact.ErrNotFound) {
		return nil, nil, &damagedError{file: path, err: err}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", path, err)
	}
	m := &shardManifest{}
	if err := decodeStrict(b, m); err != nil {
		return nil, nil, &damagedError{file: path, err: err}
	}
	if err := m.check(id); err != nil {
		return nil, nil, &damagedError{file: path, err: err}
	}
	if m.Numerics != spec.NumericsVersion || m.Parameters != s.Zoo.Parameters {
		return nil, nil, &damagedError{file: path, err: fmt.Errorf("numerics %q and %d parameters, the plan has %q and %d", m.Numerics, m.Parameters, spec.NumericsVersion, s.Zoo.Parameters)}
	}
	return m, b, nil
}

// present checks that the files a manifest lists are in the store with their sizes.
func (m *shardManifest) present(id string, sizes map[string]int64) error {
	for _, f := range m.Files {
		if size, ok := sizes[id+"/"+f.Name]; !ok || size != f.Size {
			return &damagedError{file: id + "/" + f.Name, err: fmt.Errorf("the manifest lists %d bytes, the store has %d", f.Size, size)}
		}
	}
	return nil
}

// drop forgets a shard that turned out to be damaged, so that its work is made again.
func (l *ledger) drop(env *Env, bad *damagedError) {
	env.Log.Warn("Shard is damaged and will be made again", "shard", bad.shard, "err", bad)
	delete(l.shards, bad.shard)
	for id, spans := range l.spans {
		l.spans[id] = slices.DeleteFunc(spans, func(sp span) bool { return sp.shard == bad.shard })
	}
}

func (l *ledger) add(m *shardManifest) {
	l.shards[m.Shard] = m
	for row, id := range m.Models {
		l.spans[id] = append(l.spans[id], span{m.Shard, row, m.FirstEpoch, m.LastEpoch})
	}
}

// finished returns the last epoch E such that epochs 0..E of a model are in the store, and
// the span that ends there; -1 when epoch 0 is not.
func (l *ledger) finished(model string) (int, span) {
	last, at := -1, span{}
	for {
		grown := false
		for _, sp := range l.spans[model] {
			if sp.first <= last+1 && sp.last > last {
				last, at, grown = sp.last, sp, true
			}
		}
		if !grown {
			return last, at
		}
	}
}

// at returns the first span (by shard name) that holds an epoch of a model.
func (l *ledger) at(model string, epoch int) (span, bool) {
	for _, sp := range l.spans[model] {
		if sp.first <= epoch && epoch <= sp.last {
			return sp, true
		}
	}
	return span{}, false
}

// workGroup is members that train together: they have the same last finished epoch, and
// their state lies in the same finished shard.
type workGroup struct {
	members []spec.Member
	// slots are the members' positions in the planned shard.
	slots []int
	// done is the last finished epoch, -1 for none; source is the shard that ends there, rows
	// the members' rows in it.
	done   int
	source string
	rows   []int
}

// groups cuts the unfinished members into groups, in the order of their first member.
func (l *ledger) groups(members []spec.Member, epochs int) []*workGroup {
	type key struct {
		done   int
		source string
	}
	byKey := map[key]*workGroup{}
	var out []*workGroup
	for slot, m := range members {
		done, sp := l.finished(m.ID)
		if done >= epochs {
			continue
		}
		k := key{done, sp.shard}
		g := byKey[k]
		if g == nil {
			g = &workGroup{done: done, source: sp.shard}
			byKey[k] = g
			out = append(out, g)
		}
		g.members, g.slots, g.rows = append(g.members, m), append(g.slots, slot), append(g.rows, sp.row)
	}
	return out
}
