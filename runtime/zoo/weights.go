package zoo

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"

	"golang.org/x/sync/errgroup"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/tensor"
)

const (
	weightsTensor = "weights"
	// readers is how many files are read at once.
	readers = 4
	// sparseReads is the share of a file's rows below which rows are read one by one.
	sparseReads = 8
)

// Layout names the parts of a row of weights, in PyTorch's order: the trained parameters, then running statistics if there are any.
func (z *Zoo) Layout(ctx context.Context) ([]tensor.Param, error) {
	for _, m := range z.Models {
		for _, p := range z.places[m.ModelID] {
			for e := p.shard.lastEpoch; e >= p.shard.firstEpoch; e-- {
				if _, ok := p.shard.files[epochName(e)]; !ok {
					continue
				}
				path := z.path(p.shard, e)
				h, err := z.store.ReadHeader(ctx, path)
				if err != nil {
					return nil, err
				}
				return decodeLayout(path, h)
			}
		}
	}
	return nil, fmt.Errorf("zoo %s holds no weights", z.dir)
}

func decodeLayout(path string, h *artifact.Header) ([]tensor.Param, error) {
	var entries []struct {
		Name   string `json:"name"`
		Shape  []int  `json:"shape"`
		Offset int    `json:"offset"`
	}
	if err := json.Unmarshal([]byte(h.Metadata["layout"]), &entries); err != nil {
		return nil, fmt.Errorf("%s: metadata layout: %w", path, err)
	}
	out := make([]tensor.Param, len(entries))
	for i, e := range entries {
		out[i] = tensor.Param{Name: e.Name, Shape: e.Shape, Offset: e.Offset}
	}
	return out, nil
}

func (z *Zoo) path(s *shard, epoch int) string {
	return z.dir + "/" + shardsFolder + "/" + s.id + "/" + epochName(epoch)
}

// pick is a row wanted from a file, and where it goes.
type pick struct {
	row, to int
}

// Weights reads the first width elements of the rows of models at an epoch into dst [len(models), width], every row checked against
// the sha256 in its shard's manifest. width 0 is the trained parameters, Plan.Zoo.Parameters.
func (z *Zoo) Weights(ctx context.Context, epoch int, models []string, width int, dst []float32) error {
	if width == 0 {
		width = z.Plan.Zoo.Parameters
	}
	if len(dst) != len(models)*width {
		return fmt.Errorf("zoo %s: room for %d numbers, %d models of %d are asked for", z.dir, len(dst), len(models), width)
	}
	wanted := map[*shard][]pick{}
	for to, model := range models {
		p, err := z.find(model, epoch)
		if err != nil {
			return err
		}
		wanted[p.shard] = append(wanted[p.shard], pick{p.row, to})
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for s, picks := range wanted {
		group.Go(func() error { return z.readFile(gctx, s, epoch, picks, width, dst) })
	}
	return group.Wait()
}

// find says where the weights of a model at an epoch are.
func (z *Zoo) find(model string, epoch int) (place, error) {
	for _, p := range z.places[model] {
		if epoch < p.shard.firstEpoch || epoch > p.shard.lastEpoch {
			continue
		}
		if _, ok := p.shard.files[epochName(epoch)]; ok {
			return p, nil
		}
	}
	if len(z.places[model]) == 0 {
		return place{}, fmt.Errorf("zoo %s has no model %s", z.dir, model)
	}
	return place{}, fmt.Errorf("zoo %s holds no weights of model %s at epoch %d: the zoo keeps only some checkpoints (spec.retention), or they were removed", z.dir, model, epoch)
}

func (z *Zoo) readFile(ctx context.Context, s *shard, epoch int, picks []pick, width int, dst []float32) error {
	path := z.path(s, epoch)
	rows, err := z.rows(ctx, s, path, epoch, picks)
	if err != nil {
		return err
	}
	for i, p := range picks {
		sum := sha256.Sum256(rows[i])
		if hex.EncodeToString(sum[:]) != s.weights[epoch-s.firstEpoch][p.row] {
			return fmt.Errorf("%s: the weights of model %s are not those of the shard's manifest: %w", path, s.models[p.row], artifact.ErrCorrupt)
		}
		if len(rows[i]) < 4*width {
			return fmt.Errorf("%s: a row has %d numbers, %d are asked for", path, len(rows[i])/4, width)
		}
		out := dst[p.to*width : (p.to+1)*width]
		for j := range out {
			out[j] = math.Float32frombits(binary.LittleEndian.Uint32(rows[i][4*j:]))
		}
	}
	return nil
}

// rows reads the bytes of some rows of a file: one by one when they are few, otherwise all at once.
func (z *Zoo) rows(ctx context.Context, s *shard, path string, epoch int, picks []pick) ([][]byte, error) {
	out := make([][]byte, len(picks))
	if len(picks)*sparseReads <= len(s.models) {
		h, err := z.store.ReadHeader(ctx, path)
		if err != nil {
			return nil, err
		}
		for i, p := range picks {
			if out[i], err = z.store.ReadRow(ctx, path, h, weightsTensor, p.row); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	b, err := z.store.GetVerified(ctx, z.dir, s.files[epochName(epoch)])
	if err != nil {
		return nil, err
	}
	f, err := artifact.ReadSafetensors(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i := range f.Tensors {
		t := &f.Tensors[i]
		if t.Name != weightsTensor {
			continue
		}
		if t.DType != artifact.F32 || len(t.Shape) != 2 || t.Shape[0] != len(s.models) {
			return nil, fmt.Errorf("%s: tensor %s is %s %v, not F32 [%d, parameters]", path, weightsTensor, t.DType, t.Shape, len(s.models))
		}
		size := 4 * t.Shape[1]
		for i, p := range picks {
			out[i] = t.Data[p.row*size : (p.row+1)*size]
		}
		return out, nil
	}
	return nil, fmt.Errorf("%s: it has no tensor %s", path, weightsTensor)
}

// Trajectories reads models at several epochs: [len(models), len(epochs), Plan.Zoo.Parameters]. done is told after each epoch; nil is fine.
func (z *Zoo) Trajectories(ctx context.Context, models []string, epochs []int, done func(int)) ([]float32, error) {
	width := z.Plan.Zoo.Parameters
	out := make([]float32, len(models)*len(epochs)*width)
	buffer := make([]float32, len(models)*width)
	for e, epoch := range epochs {

		if err := z.Weights(ctx, epoch, models, width, buffer); err != nil {
			return nil, err
		}
		for m := range models {
			copy(out[(m*len(epochs)+e)*width:], buffer[m*width:(m+1)*width])
		}
		if done != nil {
			done(e + 1)
		}
	}
	return out, nil
}
