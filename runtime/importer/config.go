package importer

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// rayConfig are the keys of params.json that are used, in the published spelling.
type rayConfig struct {
	Type       text   `json:"model::type"`
	Nlin       text   `json:"model::nlin"`
	Dropout    number `json:"model::dropout"`
	Init       text   `json:"model::init_type"`
	Optimizer  text   `json:"optim::optimizer"`
	LR         number `json:"optim::lr"`
	WD         number `json:"optim::wd"`
	Momentum   number `json:"optim::momentum"`
	Scheduler  text   `json:"optim::scheduler"`
	BatchSize  number `json:"training::batchsize"`
	Seed       number `json:"seed"`
	SeedInside number `json:"training::seed"`
}

// Words of the published files and ours.
var (
	activations  = map[string]string{"tanh": "tanh", "relu": "relu", "sigmoid": "sigmoid", "gelu": "gelu", "silu": "silu", "leakyrelu": "leakyrelu"}
	optimizers   = map[string]string{"adam": "adam", "sgd": "sgd", "adamw": "adamw"}
	initializers = map[string]string{
		"uniform": "uniform", "normal": "normal", "kaiming_uniform": "kaiming-uniform", "kaiming_normal": "kaiming-normal",
		"xavier_uniform": "xavier-uniform", "xavier_normal": "xavier-normal", "truncated_normal": "truncated-normal", "orthogonal": "orthogonal",
	}
)

// maxSeed is the largest integer that JSON numbers of all writers keep.
const maxSeed = 1 << 53

// parseRayConfig reads params.json.
func parseRayConfig(file string, b []byte) (Config, error) {
	var r rayConfig
	if err := json.Unmarshal(python(b), &r); err != nil {
		return Config{}, &SkipError{BadConfig, file, err}
	}
	c := Config{
		LearningRate: r.LR.or(0), WeightDecay: r.WD.or(0), Dropout: r.Dropout.or(0), Momentum: r.Momentum.or(0), Scheduler: string(r.Scheduler),
	}
	if c.Scheduler == "None" || c.Scheduler == "null" || c.Scheduler == "none" {
		c.Scheduler = ""
	}
	for _, w := range []struct {
		key, value string
		words      map[string]string
		to         *string
	}{
		{"model::nlin", string(r.Nlin), activations, &c.Activation},
		{"model::init_type", string(r.Init), initializers, &c.Initializer},
		{"optim::optimizer", string(r.Optimizer), optimizers, &c.Optimizer},
	} {
		if w.value == "" || w.value == "null" {
			continue
		}
		ours, ok := w.words[strings.ToLower(strings.ReplaceAll(w.value, "-", "_"))]
		if !ok {
			return Config{}, skip(BadConfig, file, "%q: unknown value %.40q", w.key, w.value)
		}
		*w.to = ours
	}
	seed := r.Seed
	if !seed.set {
		seed = r.SeedInside
	}
	var ok bool
	if c.Seed, ok = whole(seed.or(0), -maxSeed, maxSeed); !ok {
		return Config{}, skip(BadConfig, file, "seed %g is no whole number", seed.v)
	}
	size, ok := whole(r.BatchSize.or(0), 0, math.MaxInt32)
	if !ok {
		return Config{}, skip(BadConfig, file, "training::batchsize %g is no number of images", r.BatchSize.v)
	}
	c.BatchSize = int(size)
	return c, c.check(file)
}

// check refuses numbers that no training has.
func (c *Config) check(file string) error {
	for _, n := range []struct {
		name     string
		v        float64
		from, to float64
	}{
		{"the learning rate", c.LearningRate, 0, math.MaxFloat64},
		{"the weight decay", c.WeightDecay, 0, math.MaxFloat64},
		{"dropout", c.Dropout, 0, 1},
		{"the momentum", c.Momentum, 0, 1},
	} {
		if !(n.v >= n.from && n.v <= n.to) {
			return skip(BadConfig, file, "%s is %g", n.name, n.v)
		}
	}
	if c.Dropout == 1 {
		return skip(BadConfig, file, "dropout is 1")
	}
	return nil
}

// resultLine are the keys of a line of result.json that are used.
type resultLine struct {
	Iteration number `json:"training_iteration"`
	TrainLoss number `json:"train_loss"`
	TrainAcc  number `json:"train_acc"`
	ValLoss   number `json:"val_loss"`
	ValAcc    number `json:"val_acc"`
	// The longer spelling stands in some zoos.
	ValidationLoss number `json:"validation_loss"`
	ValidationAcc  number `json:"validation_acc"`
	TestLoss       number `json:"test_loss"`
	TestAcc        number `json:"test_acc"`
}

func (r *resultLine) metrics() Metrics {
	nan := math.NaN()
	return Metrics{
		r.TrainLoss.or(nan), r.TrainAcc.or(nan), r.ValLoss.or(r.ValidationLoss.or(nan)), r.ValAcc.or(r.ValidationAcc.or(nan)), r.TestLoss.or(nan), r.TestAcc.or(nan),
	}
}

// maxEpoch bounds epochs, as in the plan.
const maxEpoch = 1_000_000

// parseResults reads result.json: an object a line. A line belongs to the epoch of its training_iteration; a file without that
// key belongs to the epochs from 0 on. Of two lines of an epoch, which a restart leaves, the later counts.
func parseResults(file string, b []byte) (map[int]Metrics, error) {
	out := map[int]Metrics{}
	line := 0
	for len(b) > 0 {
		end := indexByte(b, '\n')
		text := b[:end]
		b = b[min(end+1, len(b)):]
		if blank(text) {
			continue
		}
		var r resultLine
		if err := json.Unmarshal(python(text), &r); err != nil {
			if len(b) == 0 && line > 0 {
				break // the run was killed in the middle of its last line
			}
			return nil, &SkipError{Damaged, fmt.Sprintf("%s, line %d", file, line+1), err}
		}
		epoch, ok := whole(r.Iteration.or(float64(line)), 0, maxEpoch)
		if !ok {
			return nil, skip(Damaged, fmt.Sprintf("%s, line %d", file, line+1), "training_iteration is %g", r.Iteration.v)
		}
		out[int(epoch)] = r.metrics()
		line++
	}
	return out, nil
}

func indexByte(b []byte, c byte) int {
	for i := range b {
		if b[i] == c {
			return i
		}
	}
	return len(b)
}

func blank(b []byte) bool { return len(strings.TrimSpace(string(b))) == 0 }
