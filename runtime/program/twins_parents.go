package program

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/weightspace/weightspace/runtime/artifact"
)

// parentRows are the weights that twins start from.
type parentRows struct {
	ids   []string
	epoch int
	// weights are rows in the order of the twins, metrics what was recorded of them.
	weights []float32
	metrics []sixRow
}

// parentFile is one epoch of a shard of members.
type parentFile struct {
	header  *artifact.Header
	metrics *shardMetrics
}

// readParents reads the rows of the parents of the twins in slots, each with one ranged read, and checks their sha256.
func (t *twinWork) readParents(ctx context.Context, slots []int) (*parentRows, error) {
	out := &parentRows{epoch: t.set.FromEpoch}
	files := map[string]*parentFile{}
	for _, slot := range slots {
		id := t.twins[slot].Parent.ID
		sp, ok := t.parents.at(id, out.epoch)
		if !ok {
			return nil, &IncompleteError{What: "members", Missing: 1, Total: len(slots), Sample: []string{id}}
		}
		m := t.parents.shards[sp.shard]
		path := shardPath(t.snap, sp.shard, epochName(out.epoch))
		f := files[sp.shard]
		if f == nil {
			f = &parentFile{}
			var err error
			if f.header, err = t.env.Store.ReadHeader(ctx, path); err != nil {
				return nil, fmt.Errorf("read %s: %w", path, err)
			}
			if f.metrics, err = readMetrics(ctx, t.snap, t.env, m); err != nil {
				return nil, err
			}
			files[sp.shard] = f
		}
		b, err := t.env.Store.ReadRow(ctx, path, f.header, "weights", sp.row)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != m.Weights[out.epoch-sp.first][sp.row] {
			return nil, fmt.Errorf("%s: row %d (model %s) is not what its manifest says; delete the folder of the shard and run again", path, sp.row, id)
		}
		out.ids = append(out.ids, id)
		out.weights = append(out.weights, float32sOf(b)...)
		out.metrics = append(out.metrics, f.metrics.Rows[out.epoch-sp.first][sp.row])
	}
	return out, nil
}
