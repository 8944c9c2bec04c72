package export

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/augment"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
	"github.com/weightspace/weightspace/runtime/train"
)

// logitsName is the file of a model's answers: tensor logits F32 [n, classes].
const logitsName = "logits.safetensors"

// answers computes what models answer to the first test images.
type answers struct {
	set      *data.Set
	n        int
	plan     *spec.Zoo
	networks map[spec.Cohort]train.Answerer
}

// openAnswers loads the zoo's data set; nil when no logits are asked for.
func (z *zoo) openAnswers(ctx context.Context, o Options) (*answers, error) {
	if o.Logits == 0 {
		return nil, nil
	}
	in := z.plan.Zoo.Dataset
	if in.Path == "" {
		return nil, errors.New("logits need images, but the zoo was imported without a data set; import it with one")
	}
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
	return &answers{set: set, n: o.Logits, plan: z.plan.Zoo, networks: map[spec.Cohort]train.Answerer{}}, nil
}

// network prepares the network of a cohort once, on the engine that trained it: its answers have the arithmetic of the metrics.
func (a *answers) network(c spec.Cohort) (train.Answerer, error) {
	if f, ok := a.networks[c]; ok {
		return f, nil
	}
	conf := train.Config{Architecture: a.plan.Architecture, Activation: c.Activation, Data: a.set, Augmentation: augment.FromPlan(a.plan.Augmentation)}
	f, err := a.prepare(c, conf)
	if err != nil {
		return nil, err
	}
	a.networks[c] = f
	return f, nil
}

func (a *answers) prepare(c spec.Cohort, conf train.Config) (train.Answerer, error) {
	if plan.OnTiles(a.plan, c) {
		return train.NewForward(conf)
	}
	layers, err := nn.FromPlan(a.plan)
	if err != nil {
		return nil, err
	}
	return train.NewRecordedForward(conf, layers)
}

// write computes the logits of a model, whose parameters are row (little-endian float32).
func (a *answers) write(path string, c Config, row []byte) error {
	f, err := a.network(spec.Cohort{Activation: c.Activation, Optimizer: c.Optimizer})
	if err != nil {
		return err
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
