package export

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/train"
)

// logitsName is the file of a model's answers: tensor logits F32 [n, classes].
const logitsName = "logits.safetensors"

// answers computes what models answer to the first test images.
type answers struct {
	set      *data.Set
	n        int
	networks map[[2]string]*train.Forward
}

// openAnswers loads the zoo's data set; nil when no logits are asked for.
func (z *zoo) openAnswers(ctx context.Context, o Options) (*answers, error) {
	if o.Logits == 0 {
		return nil, nil
	}
	in := z.plan.Zoo.Dataset
	if o.Logits < 0 || o.Logits > in.Test {
		return nil, fmt.Errorf("logits of %d test images were asked for; data set %s has %d", o.Logits, in.Name, in.Test)
	}
	store := o.Datasets
	if store == nil {
		store = z.store
	}
	set, err := data.Load(ctx, store, in)
	if err != nil {
		return nil, fmt.Errorf("logits need data set %s: %w", in.Name, err)
	}
	return &answers{set: set, n: o.Logits, networks: map[[2]string]*train.Forward{}}, nil
}

// write computes the logits of a model, whose parameters are row (little-endian float32).
func (a *answers) write(path string, c Config, row []byte) error {
	kind := [2]string{c.Architecture, c.Activation}
	f, ok := a.networks[kind]
	if !ok {
		var err error
		if f, err = train.NewForward(train.Config{Architecture: c.Architecture, Activation: c.Activation, Data: a.set}); err != nil {
			return err
		}
		a.networks[kind] = f
	}
	weights := make([]float32, len(row)/4)
	for i := range weights {
		weights[i] = math.Float32frombits(binary.LittleEndian.Uint32(row[4*i:]))
	}
	logits, err := f.Logits(weights, &a.set.Test, a.n)
	if err != nil {
		return err
	}
	b := make([]byte, 0, 4*len(logits))
	for _, v := range logits {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	file, err := artifact.EncodeSafetensors([]artifact.Tensor{{Name: "logits", DType: artifact.F32, Shape: []int{a.n, f.Outputs()}, Data: b}},
		map[string]string{"modelID": c.ModelID, "epoch": strconv.Itoa(c.Epoch), "split": "test"})
	if err != nil {
		return err
	}
	return writeFile(path, file)
}
