package program

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// A pod that trains a shard of a large zoo must not read the manifests of all others, which hold a sha256 for each of their models and
// epochs. Two things tell that a shard holds none of its members. The name of a shard is made of its members and its last epoch, so the
// plan's other shards are known by name at every length. Of the rest, left by other ways to cut the zoo, the beginning of the manifest is
// read, where the members stand.
const (
	// fewShards is up to how many shards no names are worked out.
	fewShards = 8
	// headBytes is what is read of the beginning of a manifest: the members of a shard of default size.
	headBytes = 4 << 10
	// maxForeign bounds the names that are worked out.
	maxForeign = 2_000_000
)

// shardFilter says which shards may hold some members. The zero value says that all may.
type shardFilter struct {
	wanted map[string]bool
	// known says of the plan's shards, by name, whether they hold a wanted member.
	known map[string]bool
}

func newShardFilter(s *spec.Snapshot, members []spec.Member, shards int) *shardFilter {
	f := &shardFilter{}
	if len(members) == 0 {
		return f
	}
	f.wanted = make(map[string]bool, len(members))
	for _, m := range members {
		f.wanted[m.ID] = true
	}
	if shards > fewShards {
		f.known = f.plannedShards(s)
	}
	return f
}

// plannedShards names the plan's shards, at every length up to the planned one.
func (f *shardFilter) plannedShards(s *spec.Snapshot) map[string]bool {
	out := map[string]bool{}
	for _, st := range s.Stages {
		if st.Name != spec.StageTrain || len(st.Shards)*(s.Zoo.Epochs+1) > maxForeign {
			continue
		}
		for _, sh := range st.Shards {
			models := modelIDs(plan.Members(s.Zoo, sh.Cohort, sh.From, sh.To))
			wanted := f.wantsAny(models)
			for _, id := range shardIDs(models, s.Zoo.Epochs) {
				out[id] = wanted
			}
		}
	}
	return out
}

func (f *shardFilter) wantsAny(models []string) bool {
	for _, m := range models {
		if f.wanted[m] {
			return true
		}
	}
	return false
}

// foreign says that a shard's name alone tells that it holds none of the members.
func (f *shardFilter) foreign(id string) bool {
	wanted, known := f.known[id]
	return known && !wanted
}

// matters reads the beginning of a manifest and says whether one of the members stands there. Of a manifest that does not look like one of
// ours it says yes: who reads it whole says what is wrong.
func (f *shardFilter) matters(ctx context.Context, s *spec.Snapshot, env *Env, id string, size int64) (bool, error) {
	if f.wanted == nil || f.known[id] || size <= headBytes {
		return true, nil
	}
	for n := int64(headBytes); n < size; n *= 4 {
		path := shardPath(s, id, manifestName)
		b, err := env.Store.GetRange(ctx, path, 0, n)
		if errors.Is(err, artifact.ErrNotFound) || errors.Is(err, artifact.ErrRange) {
			return true, nil // it has changed since it was listed
		}
		if err != nil {
			return false, fmt.Errorf("read %s: %w", path, err)
		}
		if models, ok := headModels(b); ok {
			return f.wantsAny(models), nil
		}
	}
	return true, nil
}

// headModels reads the members from the beginning of a manifest; ok is false when it ends before they do.
func headModels(b []byte) (models []string, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	for {
		key, err := dec.Token()
		if err != nil {
			return nil, false
		}
		if key == "models" {
			return models, dec.Decode(&models) == nil
		}
		var skip json.RawMessage
		if dec.Decode(&skip) != nil {
			return nil, false
		}
	}
}

// shardIDs are the names of a shard with each last epoch from 0 to a last one: shardID, with what the names share hashed once.
func shardIDs(models []string, lastEpoch int) []string {
	sorted := append([]string(nil), models...)
	sort.Strings(sorted)
	h := sha256.New()
	h.Write([]byte(strings.Join(sorted, "\n") + "\n"))
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		panic("program: sha256 can be saved: " + err.Error())
	}
	out := make([]string, lastEpoch+1)
	for e := range out {
		if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
			panic("program: sha256 can be restored: " + err.Error())
		}
		h.Write([]byte(strconv.Itoa(e) + "\n"))
		out[e] = hex.EncodeToString(h.Sum(nil)[:8])
	}
	return out
}
